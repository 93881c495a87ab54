"""A run's directory: its configuration, its history and its checkpoints."""

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from io import StringIO
from pathlib import Path

from torch import Tensor

from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.model_folder import WEIGHTS
from gspy_cli.training.architectures import architecture, parameter_count
from gspy_cli.training.checkpoint import (
    load_optimizer,
    load_tensors,
    optimizer_tensors,
    save_tensors,
    write_bytes,
)
from gspy_cli.training.config import TrainConfig, config_json, read_config
from gspy_cli.training.curves import draw_curves
from gspy_cli.training.data import read_examples
from gspy_cli.training.examples import Dataset, Example, fingerprints
from gspy_cli.training.history import EpochRow, best_of, cell
from gspy_cli.training.loop import Trainee
from gspy_cli.wording import counted

STATE = "training_state.safetensors"
"""Everything to go on from: the last file that an epoch writes."""

UNFINISHED = (".tmp??????", ".*.part")
"""The names of files while they are written: those of safetensors, and ours."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's directory and what happened in it so far.

    `seen_before` are fingerprints of what its weights had seen at the start, as in a
    card's `trained_on`.
    """

    path: Path
    config: TrainConfig
    dataset: Dataset
    history: tuple[EpochRow, ...] = ()
    seen_before: str = "-"

    @property
    def best(self) -> EpochRow:
        """The first epoch of the best validation score; the last where none has one."""
        return best_of(self.history)


def new_directory(output: Path, name: str) -> Path:
    """Make `output/<name>-NNN` with the next free number."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        numbered = re.compile(rf"{re.escape(name)}-(\d+)").fullmatch
        taken = [int(m[1]) for p in output.iterdir() if (m := numbered(p.name))]
        number = max(taken, default=0)
        while True:
            number += 1
            path = output / f"{name}-{number:03d}"
            with suppress(FileExistsError):  # another run was faster
                path.mkdir()
                return path
    except OSError as error:
        raise GspyError(
            f"cannot make a run in {output} ({error.strerror}): "
            "give a folder that you may write to with -o"
        ) from None


def write_plan(run: Run) -> None:
    """Write what is known before the first epoch: `split.csv`, then `config.json`."""
    rows = [
        (e.path.absolute(), e.label, e.glitch, e.window, e.split)
        for e in run.dataset.examples
    ]
    names = ["file", *(f.name for f in fields(Example)[1:])]
    write_table(run.path / "split.csv", names, rows)
    text = config_json(run.config, run.dataset.classes)
    write_bytes(run.path / "config.json", text.encode())


def save_epoch(run: Run, trainee: Trainee) -> None:
    """Write an epoch's files; the state comes last and makes them count.

    Killed before that, a resumed run repeats the epoch and writes the same files.
    """
    weights = trainee.result.state_dict()
    card = make_card(run, trainee)
    best, last = (of_epoch(card, row).to_json() for row in (run.best, run.history[-1]))
    if run.best == run.history[-1]:
        save_tensors(run.path / WEIGHTS, weights, {"card": best})
    save_tensors(run.path / "last.safetensors", weights, {"card": last})
    write_bytes(run.path / "card.json", best.encode())
    write_results(run)
    metadata = {
        "history": json.dumps([asdict(row) for row in run.history]),
        "scaler": json.dumps(trainee.scaler.state_dict()),
        "trained_on": card.trained_on,
    }
    save_tensors(run.path / STATE, state_tensors(trainee), metadata)


def state_tensors(trainee: Trainee) -> dict[str, Tensor]:
    """Lay out all that training changes."""
    average = trainee.average
    sections = {
        "model": trainee.model.state_dict(),
        "average": {} if average is None else average.state_dict(),
        "optimizer": optimizer_tensors(trainee.optimizer),
    }
    return {f"{s}.{k}": v for s, part in sections.items() for k, v in part.items()}


def read_run(path: Path) -> Run:
    """Read a run's configuration, its examples and, where it has begun, its history.

    Raises
    ------
    GspyError
        It is no run, or its files are damaged.
    """
    config, classes = read_config(path / "config.json")
    dataset = Dataset(read_split(path / "split.csv", classes), classes)
    if not (path / STATE).exists():
        return Run(path, config, dataset)
    state = load_tensors(path / STATE)[1]
    rows = tuple(EpochRow(**row) for row in json.loads(state["history"]))
    return Run(path, config, dataset, rows, state["trained_on"])


def read_split(table: Path, classes: tuple[str, ...]) -> tuple[Example, ...]:
    """Read a run's pictures, each in its split, of all of its classes."""
    examples = read_examples(table) if table.exists() else ()
    if {e.label for e in examples} != {*classes} or not all(e.split for e in examples):
        raise GspyError(
            f"{table} is missing or damaged: put it back as it was, or start a new run"
        )
    return examples


def remove_unfinished(path: Path) -> None:
    """Remove what a kill has left in a run's folder of files half written."""
    for pattern in UNFINISHED:
        for file in filter(Path.is_file, path.glob(pattern)):
            with suppress(OSError):
                file.unlink()


def load_state(path: Path, trainee: Trainee) -> None:
    """Put a run's state back into a network."""
    tensors, metadata = load_tensors(path / STATE)
    trainee.model.load_state_dict(section(tensors, "model."))
    if trainee.average is not None:
        trainee.average.load_state_dict(section(tensors, "average."))
    load_optimizer(trainee.optimizer, section(tensors, "optimizer."))
    if scale := json.loads(metadata["scaler"]):  # none where it began without
        trainee.scaler.load_state_dict(scale)


def section(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the tensors whose names begin with `prefix`, without it."""
    size = len(prefix)
    return {k[size:]: v for k, v in tensors.items() if k.startswith(prefix)}


def write_results(run: Run) -> None:
    """Write `results.csv` and `curves.png`."""
    names = [f.name for f in fields(EpochRow)]
    rows = [[cell(getattr(row, name)) for name in names] for row in run.history]
    write_table(run.path / "results.csv", names, rows)
    write_bytes(run.path / "curves.png", draw_curves(run.history))


def make_card(run: Run, trainee: Trainee) -> ModelCard:
    """Say what the trained network is, and what it was trained on."""
    name = run.config.architecture
    found = architecture(name)
    size = image_size(run.config)
    return ModelCard(
        name=run.path.name,
        architecture=name,
        classes=run.dataset.classes,
        input_size=(size, size),
        mean=found.mean,
        std=found.std,
        parameters=parameter_count(trainee.model),
        data=describe_data(run.dataset, run.config),
        trained_on=trained_on(run),
    )


def of_epoch(card: ModelCard, row: EpochRow) -> ModelCard:
    """Say how the network scored in an epoch, and its temperature then."""
    temperature = 1.0 if math.isnan(row.temperature) else row.temperature
    scores = {
        name: value
        for name, value in asdict(row).items()
        if not (isinstance(value, float) and math.isnan(value))
    }
    return replace(card, temperature=temperature, scores=scores)


def trained_on(run: Run) -> str:
    """Give the fingerprints of the real glitches that a network has seen; - for none.

    They are those that its run trains on, and what its weights had seen before.
    """
    own = fingerprints(run.dataset.part("train")) if run.config.sees_real else ""
    seen = {*own.split(), *run.seen_before.split()} - {"-"}
    return " ".join(sorted(seen)) or "-"


def image_size(config: TrainConfig) -> int:
    """Give the side, in pixels, of the pictures that a run's network takes."""
    return config.image_size or architecture(config.architecture).input_size


def describe_data(dataset: Dataset, config: TrainConfig) -> str:
    """Count pictures and glitches of each split; say whether there were simulated."""
    counts = []
    for split in ("train", "validation", "test"):
        part = dataset.part(split)
        glitches = len({e.glitch for e in part})
        pictures = counted(len(part), "picture")
        counts.append(f"{split} {pictures} of {counted(glitches, 'glitch')}")
    if config.simulated is not None:
        counts.append(
            f"and simulated inputs, {1 - config.real_share:.0%} of those drawn"
        )
    return ", ".join(counts)


def write_table(
    path: Path, names: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Write a CSV file, atomically; names of files as the bytes that they are."""
    text = StringIO()
    csv.writer(text).writerows([names, *rows])
    write_bytes(path, text.getvalue().encode("utf-8", errors="surrogateescape"))
