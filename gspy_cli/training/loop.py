"""One epoch of training, one pass of evaluation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from gspy_cli.callbacks import Progress
from gspy_cli.errors import DivergedError
from gspy_cli.metrics import class_scores
from gspy_cli.training.batches import Batch, Step
from gspy_cli.training.distributed import World, sum_over_ranks
from gspy_cli.training.hardware import Machine
from gspy_cli.training.objective import Epoch, Objective, PassScores
from gspy_cli.training.recipes import Recipe, learning_rate
from gspy_cli.training.temperature import Thermometer


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
    steps: Sequence[Step],
    batches: Iterator[Batch],
    on_batch: Progress,
) -> PassScores:
    """Take one step for each batch; give the scores on the way.

    `objective` is an `Objective`, perhaps wrapped for several processes.
    """
    objective.train()
    tally = ScoreTally()
    for i, (step, batch) in enumerate(zip(steps, batches, strict=True)):
        rate = learning_rate(recipe, epoch.number + i / len(steps), epoch.length)
        for group in trainee.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(step.torch_seed())  # for dropout
        tally.add(*take_step(trainee, objective, machine, batch))
        update_average(trainee, recipe, epoch.number * len(steps) + i)
        on_batch(i + 1, len(steps))
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
    trainee.optimizer.zero_grad(set_to_none=True)
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
    objective: Objective, machine: Machine, phase: str, batches: Iterator[Batch]
) -> PassScores:
    """Score a network on pictures, without changing it."""
    objective.eval()
    tally, thermometer = ScoreTally(), Thermometer()
    for batch in batches:
        pixels, labels = (
            batch.pixels.to(machine.device),
            batch.labels.to(machine.device),
        )
        with machine.mixed():
            loss, logits = objective(pixels, labels)
        tally.add(loss, logits, labels)
        if phase == "classify":
            thermometer.add(logits, labels)
    scores = tally.scores(phase, machine.world)
    if phase == "reconstruct":
        return scores
    return replace(scores, temperature=thermometer.read(machine.world))


class ScoreTally:
    """Add up losses and a confusion matrix (K, K), true class first."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.confusion: Tensor | None = None

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: its mean loss, logits (B, K) and labels (B,).

        All stays on their device, which need not know 64-bit floats.
        """
        classes = logits.shape[1]
        pairs = labels * classes + logits.argmax(dim=1)
        counts = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        self.losses.append(loss * len(labels))
        self.confusion = counts + (0 if self.confusion is None else self.confusion)

    def scores(self, phase: str, world: World) -> PassScores:
        """Give the scores over all processes.

        Raises
        ------
        DivergedError
            The loss is no longer a number.
        """
        assert self.confusion is not None  # no process is without pictures
        confusion = sum_over_ranks(self.confusion, world).cpu().numpy()
        total = sum_over_ranks(torch.stack(self.losses).sum(), world)
        loss = float(total) / confusion.sum()
        if not math.isfinite(loss):
            raise DivergedError("the loss is no longer a number: try a smaller --lr")
        if phase == "reconstruct":
            return PassScores(loss)
        accuracy = float(confusion.trace() / confusion.sum())
        return PassScores(loss, accuracy, class_scores(confusion).macro_f1)
