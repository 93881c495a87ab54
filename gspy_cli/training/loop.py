"""One epoch of training, one pass of evaluation."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.utils.data import DataLoader

from gspy_cli.callbacks import Progress
from gspy_cli.training.batches import Batch
from gspy_cli.training.hardware import Machine
from gspy_cli.training.objective import Epoch, Objective
from gspy_cli.training.recipes import Recipe, learning_rate
from gspy_cli.training.tally import PassScores, ScoreTally, Thermometer


@dataclass(frozen=True, slots=True)
class Trainee:
    """A network in training: all that changes from step to step.

    `average` is the running mean of the weights, where the recipe keeps one; then it
    is the network to evaluate and to keep.
    """

    model: nn.Module
    average: nn.Module | None
    optimizer: Optimizer
    scaler: torch.amp.GradScaler

    @property
    def result(self) -> nn.Module:
        """The network to evaluate and to keep."""
        return self.model if self.average is None else self.average


def make_optimizer(model: nn.Module, recipe: Recipe) -> Optimizer:
    """Build the recipe's optimiser over all weights."""
    weights, lr, decay = model.parameters(), recipe.lr, recipe.weight_decay
    if recipe.optimizer == "adam":
        return Adam(weights, lr=lr, weight_decay=decay)
    if recipe.optimizer == "adamw":
        return AdamW(weights, lr=lr, weight_decay=decay)
    return SGD(weights, lr=lr, weight_decay=decay, momentum=0.9, nesterov=True)


def train_epoch(
    trainee: Trainee,
    objective: nn.Module,
    machine: Machine,
    *,
    recipe: Recipe,
    epoch: Epoch,
    batches: DataLoader[Batch],
    on_batch: Progress,
) -> PassScores:
    """Take one step for each batch; give the scores on the way.

    `objective` is an `Objective`, perhaps wrapped for several processes.
    """
    objective.train()
    tally, steps = ScoreTally(), len(batches)
    for i, batch in enumerate(batches):
        rate = learning_rate(recipe, epoch.number + i / steps, epoch.length)
        for group in trainee.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(batch.seed)  # for dropout
        tally.add(*take_step(trainee, objective, machine, batch))
        update_average(trainee, recipe, epoch.number * steps + i)
        on_batch(i + 1, steps)
    return tally.scores(epoch.phase, machine.world)


def take_step(
    trainee: Trainee, objective: nn.Module, machine: Machine, batch: Batch
) -> tuple[Tensor, Tensor, Tensor]:
    """Change the weights by one batch; give its loss, logits and labels."""
    pinned = machine.device.type == "cuda"
    pixels = batch.pixels.to(machine.device, non_blocking=pinned)
    labels = batch.labels.to(machine.device, non_blocking=pinned)
    with machine.mixed():
        loss, logits = objective(pixels, labels)
    trainee.optimizer.zero_grad()
    trainee.scaler.scale(loss * batch.share).backward()
    trainee.scaler.step(trainee.optimizer)
    trainee.scaler.update()
    return loss.detach(), logits.detach(), labels


@torch.no_grad()
def update_average(trainee: Trainee, recipe: Recipe, step: int) -> None:
    """Move the running mean towards the weights: faster at first, when it is new."""
    if trainee.average is None:
        return
    decay = min(recipe.ema_decay, (1 + step) / (10 + step))
    state = trainee.model.state_dict()
    for name, mean in trainee.average.state_dict().items():
        if mean.is_floating_point():
            mean.lerp_(state[name], 1 - decay)
        else:
            mean.copy_(state[name])


@torch.no_grad()
def evaluate(
    objective: Objective, machine: Machine, batches: Iterable[Batch]
) -> PassScores:
    """Score a network on pictures, without changing it."""
    objective.eval()
    tally, thermometer = ScoreTally(), Thermometer()
    for batch in batches:
        pixels = batch.pixels.to(machine.device)
        labels = batch.labels.to(machine.device)
        with machine.mixed():
            loss, logits = objective(pixels, labels)
        tally.add(loss, logits, labels)
        thermometer.add(logits, labels)
    scores = tally.scores(objective.phase, machine.world)
    if objective.phase == "reconstruct":
        return scores
    return replace(scores, temperature=thermometer.read(machine.world))
