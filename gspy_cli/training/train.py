"""`gspy train`: from a configuration to a trained network in a run's directory."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from gspy_cli.callbacks import OnNote, ignore
from gspy_cli.errors import GspyError
from gspy_cli.training.architectures import build_network, check_size
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.data import of_one_class, read_dataset
from gspy_cli.training.distributed import (
    World,
    process_group,
    share,
    watching_ranks,
    world_of_torchrun,
)
from gspy_cli.training.examples import Dataset
from gspy_cli.training.fit import fit, new_trainee
from gspy_cli.training.hardware import find_machine
from gspy_cli.training.history import noting_divergence
from gspy_cli.training.pictures import open_dataset
from gspy_cli.training.reports import SILENT, Reports
from gspy_cli.training.run import (
    Run,
    image_size,
    load_state,
    new_directory,
    read_run,
    remove_unfinished,
    write_plan,
)
from gspy_cli.training.simulated import read_simulated_of
from gspy_cli.training.splits import split_dataset
from gspy_cli.training.start import (
    card_of,
    resolved_weights,
    seen_by,
    settled,
    starting_weights,
)
from gspy_cli.whole import alone_in
from gspy_cli.wording import counted


def train(config: TrainConfig, *, reports: Reports = SILENT) -> Run:
    """Train a network as configured, in a new run directory.

    Without validation examples, the last epoch counts as the best.

    Raises
    ------
    GspyError
        Something about the data, the weights or the machine that the user can mend.
    """
    config = completed(config)
    world = world_of_torchrun()
    reports = reports if world.is_writer else SILENT
    found = dataset_of(config, reports.on_note)
    # tells what is wrong before pictures are decoded
    check_simulated(config, found)
    check_split(split_of(found, config), config, world)
    machine = find_machine(config.device, config.amp, world)
    with process_group(world, machine.device):
        start = starting_weights(config, reports.on_note)
        found, pixels = open_dataset(config, found, world, reports)
        split = split_of(found, config)
        check_split(split, config, world)
        run = Run(Path(), config, split, seen_before=seen_by(config.weights))
        trainee = new_trainee(run, machine, settled(run, pixels, start))
        run = replace(run, path=shared_directory(config, world))
        if world.is_writer:
            write_plan(run)
        with (
            held(run.path, world),
            watching_ranks(world, run.path),
            noting_divergence(run.path),
        ):
            return fit(run, trainee, pixels, machine, reports)


def resume(path: Path, *, data: Path | None = None, reports: Reports = SILENT) -> Run:
    """Go on with a run after its last whole epoch, as if it had never stopped.

    The pictures are those of its `split.csv`; `data` only checks that another source
    has the same classes.

    Raises
    ------
    GspyError
        The run is finished, its files are damaged, the classes differ, or another
        process trains it.
    """
    world = world_of_torchrun()
    with held(path, world):
        return go_on(read_run(path), data, world, reports)


def go_on(run: Run, data: Path | None, world: World, reports: Reports) -> Run:
    """Train what is left of a run that is held."""
    config, classes = run.config, run.dataset.classes
    if data is not None:
        check_same_classes(dataset_of(replace(config, data=data)), classes)
    reports = reports if world.is_writer else SILENT
    machine = find_machine(config.device, config.amp, world)
    with process_group(world, machine.device):
        dataset, pixels = open_dataset(config, run.dataset, world, reports)
        check_enough(dataset, config, world)
        run = replace(run, dataset=dataset)
        start = None
        if not run.history:
            start = starting_weights(config, reports.on_note)
            run = replace(run, seen_before=seen_by(config.weights))
        trainee = new_trainee(run, machine, settled(run, pixels, start))
        if run.history:
            load_state(run.path, trainee)
        if world.is_writer:
            remove_unfinished(run.path)
        with watching_ranks(world, run.path), noting_divergence(run.path):
            return fit(run, trainee, pixels, machine, reports)


def held(path: Path, world: World) -> AbstractContextManager[None]:
    """Keep other trainings out of a run's directory, in the process that writes it."""
    return alone_in(path) if world.is_writer else nullcontext()


def completed(config: TrainConfig) -> TrainConfig:
    """Add what the weights to start from settle: their file and the pictures' size."""
    if config.weights is not None:
        weights = resolved_weights(config.weights)
        config = replace(config, weights=weights)
        if config.image_size is None and (card := card_of(weights)):
            config = replace(config, image_size=card.input_size[0])
    check_size(config.architecture, image_size(config))
    return config


def dataset_of(config: TrainConfig, on_note: OnNote = ignore) -> Dataset:
    """Read the data that a configuration names, without what is in two classes."""
    found = read_dataset(
        config.data,
        window=config.window,
        own_classes=config.own_classes,
        every_class=True,
        on_note=on_note,
    )
    return of_one_class(found, on_note)


def split_of(found: Dataset, config: TrainConfig) -> Dataset:
    """Split data as a configuration asks for."""
    return split_dataset(
        found, validation=config.validation, test=config.test, seed=config.seed
    )


def check_enough(dataset: Dataset, config: TrainConfig, world: World) -> None:
    """Refuse too few pictures to step with or to share out."""
    training, held_out = (len(dataset.part(s)) for s in ("train", "validation"))
    if config.simulated is None and training < 2 * world.size:
        raise GspyError(
            f"{counted(training, 'picture')} to train on: "
            f"{2 * world.size} or more are needed, two for each process"
        )
    if 0 < held_out < world.size:
        raise GspyError(
            f"{counted(held_out, 'picture')} to validate on, and {world.size} "
            "processes: start fewer"
        )


def check_split(dataset: Dataset, config: TrainConfig, world: World) -> None:
    """Refuse a new run on too few pictures, also to be patient by."""
    check_enough(dataset, config, world)
    if config.recipe.patience and not dataset.part("validation"):
        raise GspyError(
            "--patience goes by validation scores, and there is no picture to validate "
            "on: leave it out, or give more glitches or a larger --validation"
        )


def check_same_classes(dataset: Dataset, classes: tuple[str, ...]) -> None:
    """Refuse data whose classes are not those of the run to resume."""
    differing = sorted(set(dataset.classes) ^ set(classes))
    if differing:
        raise GspyError(
            f"the data's classes are not the run's ({', '.join(differing)}): "
            "start a new run, with --weights BEST.safetensors to begin where it stands"
        )


def check_simulated(config: TrainConfig, dataset: Dataset) -> None:
    """Refuse simulated inputs of another size or of classes that the data lack."""
    if config.simulated is not None:
        read_simulated_of(dataset.classes, config.simulated, image_size(config))


def check_start(config: TrainConfig, dataset: Dataset, on_note: OnNote) -> None:
    """Refuse what a network of these classes cannot begin with."""
    check_simulated(config, dataset)
    start = starting_weights(config, on_note)
    build_network(config.architecture, len(dataset.classes), state=start)


def shared_directory(config: TrainConfig, world: World) -> Path:
    """Make a new run directory and tell all processes."""
    name = config.name or config.architecture
    made = str(new_directory(config.output, name)) if world.is_writer else ""
    return Path(share(made, world))
