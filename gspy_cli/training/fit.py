"""Train a network epoch by epoch, keeping what a later process needs to go on."""

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gspy_cli.errors import GspyError
from gspy_cli.model_folder import weights_path
from gspy_cli.training.architectures import Normalise, build_network
from gspy_cli.training.autoencoder import Autoencoder
from gspy_cli.training.batches import Pictures, evaluation_steps, load, training_steps
from gspy_cli.training.batchnorm import share_statistics
from gspy_cli.training.depthwise import quicken
from gspy_cli.training.distributed import wait_for_all
from gspy_cli.training.hardware import (
    Machine,
    check_compiled,
    is_out_of_memory,
    out_of_memory,
    told_of_memory,
)
from gspy_cli.training.history import EpochRow, is_stale
from gspy_cli.training.latent import EVERY, look_inside
from gspy_cli.training.loop import Trainee, evaluate, make_optimizer, train_epoch
from gspy_cli.training.objective import Epoch, Objective, plan
from gspy_cli.training.pictures import note_of_colours, pictures_of, training_pictures
from gspy_cli.training.recipes import learning_rate
from gspy_cli.training.reports import Reports
from gspy_cli.training.run import Run, image_size, save_epoch
from gspy_cli.training.shards import MappedPixels
from gspy_cli.training.tally import PassScores
from gspy_cli.wording import counted


def new_trainee(
    run: Run, machine: Machine, start: Mapping[str, Tensor] | None
) -> Trainee:
    """Build a network, from weights to start with or from the seed, on its device."""
    config = run.config
    torch.manual_seed(config.seed)
    classes = len(run.dataset.classes)
    model = build_network(config.architecture, classes, state=start)
    model = quicken(share_statistics(model, machine))
    with told_of_memory(machine.device):
        model.to(machine.device)
    if machine.device.type != "mps":  # see Normalise
        model.to(memory_format=torch.channels_last)
    average = copy.deepcopy(model) if config.recipe.ema_decay else None
    scaler = torch.amp.GradScaler(
        machine.device.type, enabled=machine.autocast is torch.float16
    )
    return Trainee(model, average, make_optimizer(model, config.recipe), scaler)


def fit(
    run: Run, trainee: Trainee, pixels: MappedPixels, machine: Machine, reports: Reports
) -> Run:
    """Train through the epochs that are left, saving after each.

    Raises
    ------
    GspyError
        The run is finished, memory is too small, or the loss is no number any more.
    """
    if not epochs_left(run):
        raise GspyError(
            f"{run.path} is finished after {counted(len(run.history), 'epoch')}: "
            "start a new run, "
            f"with --weights {weights_path(run.path)} to begin where it stands"
        )
    reports.on_start(run, trainee.model, machine)
    painted = run.config.recipe.augment and run.config.sees_real
    if painted and (note := note_of_colours(run, pixels)):
        reports.on_note(note)
    pictures = training_pictures(run, pixels)
    held_out = pictures_of(run.dataset, pixels, "validation")
    while left := epochs_left(run):
        epoch = left[0]
        began = time.perf_counter()
        trained = one_epoch(
            run, trainee, pictures, epoch=epoch, machine=machine, reports=reports
        )
        seconds = time.perf_counter() - began
        with told_of_memory(machine.device):
            judged = validate(run, trainee, held_out, epoch, machine)
        row = make_row(
            run,
            epoch,
            trained=trained,
            judged=judged,
            pictures=len(pictures),
            seconds=seconds,
        )
        run = replace(run, history=(*run.history, row))
        if machine.world.is_writer:
            look(run, trainee, held_out if len(held_out) else pictures, machine)
            save_epoch(run, trainee)
        wait_for_all(machine.world)
        reports.on_epoch(run)
    return run


def look(run: Run, trainee: Trainee, pictures: Pictures, machine: Machine) -> None:
    """Draw what the autoencoder makes of pictures, every few epochs and at the end."""
    due = len(run.history) % EVERY == 0 or not epochs_left(run)
    if isinstance(trainee.result, Autoencoder) and due:
        look_inside(run, trainee.result, pictures, machine)


def epochs_left(run: Run) -> list[Epoch]:
    """List the epochs still to train: none when the recipe's patience is at its end."""
    recipe, history = run.config.recipe, run.history
    return [] if is_stale(history, recipe.patience) else plan(recipe)[len(history) :]


def one_epoch(
    run: Run,
    trainee: Trainee,
    pictures: Pictures,
    *,
    epoch: Epoch,
    machine: Machine,
    reports: Reports,
) -> PassScores:
    """Show the network an epoch's pictures."""
    config, recipe = run.config, run.config.recipe
    steps = training_steps(
        pictures.labels,
        batch_size=recipe.batch_size,
        balance=recipe.balance,
        seed=config.seed,
        epoch=len(run.history),
        world=machine.world,
        weights=pictures.weights,
    )
    batches = load(
        pictures,
        steps,
        augmented=recipe.augment,
        workers=config.workers,
        pinned=machine.device.type == "cuda",
    )
    reports.on_batch(0, len(batches))
    objective = prepared(run, trainee, epoch, machine)
    try:
        return train_epoch(
            trainee,
            objective,
            machine,
            recipe=recipe,
            epoch=epoch,
            batches=batches,
            on_batch=reports.on_batch,
        )
    except RuntimeError as error:
        if config.compile:
            check_compiled(error)
        if not is_out_of_memory(error):
            raise
    # not before the error is gone: it would keep the step's tensors
    raise GspyError(
        out_of_memory(objective, recipe.batch_size, image_size(config), machine)
    )


def prepared(run: Run, trainee: Trainee, epoch: Epoch, machine: Machine) -> nn.Module:
    """Give the objective to train, compiled or spread over processes where asked."""
    objective = make_objective(run, trainee.model, epoch, machine)
    objective.choose_weights()
    wrapped: nn.Module = objective
    if run.config.compile:
        wrapped = torch.compile(objective)  # type: ignore[assignment]
    if machine.world.size > 1:
        wrapped = DistributedDataParallel(wrapped)
    return wrapped


def make_objective(
    run: Run, model: nn.Module, epoch: Epoch, machine: Machine
) -> Objective:
    """Join a network and the loss of an epoch's phase."""
    normalise = Normalise(run.config.architecture)
    objective = Objective(model, normalise, run.config.recipe, epoch.phase)
    return objective.to(machine.device)


def validate(
    run: Run, trainee: Trainee, held_out: Pictures, epoch: Epoch, machine: Machine
) -> PassScores:
    """Score the network on the validation pictures, where there are any."""
    if not len(held_out):
        return PassScores(math.nan)
    size = 2 * run.config.recipe.batch_size
    steps = evaluation_steps(len(held_out), batch_size=size, world=machine.world)
    batches = load(held_out, steps, workers=run.config.workers)
    objective = make_objective(run, trainee.result, epoch, machine)
    return evaluate(objective, machine, batches)


def make_row(
    run: Run,
    epoch: Epoch,
    *,
    trained: PassScores,
    judged: PassScores,
    pictures: int,
    seconds: float,
) -> EpochRow:
    """Sum an epoch up."""
    return EpochRow(
        epoch=len(run.history) + 1,
        phase=epoch.phase,
        lr=learning_rate(run.config.recipe, float(epoch.number), epoch.length),
        train_loss=trained.loss,
        train_accuracy=trained.accuracy,
        validation_loss=judged.loss,
        validation_accuracy=judged.accuracy,
        validation_macro_f1=judged.macro_f1,
        temperature=judged.temperature,
        pictures_per_second=pictures / seconds,
        seconds=seconds,
    )
