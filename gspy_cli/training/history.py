"""How a run went, epoch by epoch: the rows of its `results.csv`. Needs no torch."""

import csv
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path

from gspy_cli.errors import DivergedError, GspyError
from gspy_cli.training.config import read_config
from gspy_cli.wording import command

DIVERGED = "diverged"
"""A file in a run's folder that says: the loss was no longer a number."""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch in `results.csv`; NaN where the phase or the data give no score.

    `temperature` is the one that suits the validation pictures best.
    """

    epoch: int
    phase: str
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    temperature: float
    pictures_per_second: float
    seconds: float

    def score(self) -> tuple[float, float]:
        """Rank epochs: by validation accuracy, then by low loss."""
        if math.isnan(self.validation_accuracy):
            return (-math.inf, -math.inf)
        return (self.validation_accuracy, -self.validation_loss)


def best_of(history: Sequence[EpochRow]) -> EpochRow:
    """Give the first epoch of the best validation score; the last if none has one."""
    best = max(history, key=EpochRow.score)
    return history[-1] if math.isnan(best.validation_accuracy) else best


def is_stale(history: Sequence[EpochRow], patience: int) -> bool:
    """Say whether a recipe's patience is at its end."""
    if not (patience and history):
        return False
    return history[-1].epoch - best_of(history).epoch >= patience


@contextmanager
def noting_divergence(path: Path) -> Iterator[None]:
    """Keep in a run's folder whether its loss is no longer a number."""
    (path / DIVERGED).unlink(missing_ok=True)
    try:
        yield
    except DivergedError:
        with suppress(OSError):
            (path / DIVERGED).touch()
        raise


def has_diverged(path: Path) -> bool:
    """Tell whether a run ended as its loss was no longer a number."""
    return (path / DIVERGED).exists()


def note_of_stop(path: Path) -> str:
    """Say that a run's folder is of one that was stopped; nothing of any other."""
    with suppress(GspyError, OSError):
        recipe = read_config(path / "config.json")[0].recipe
        history = read_history(path / "results.csv")
        planned = recipe.reconstruct_epochs + recipe.epochs
        if len(history) < planned and not is_stale(history, recipe.patience):
            stopped = f"{path} stopped after epoch {len(history)} of {planned}"
            if has_diverged(path):
                return f"{stopped}: the loss was no longer a number"
            return f"{stopped}; {command('gspy', 'train', '--resume', path)} goes on"
    return ""


def read_history(path: Path) -> tuple[EpochRow, ...]:
    """Read a `results.csv`; an empty or missing cell is NaN.

    Raises
    ------
    GspyError
        It cannot be read, or is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(row_of(cells) for cells in csv.DictReader(file))
    except (OSError, ValueError, KeyError) as error:
        raise GspyError(f"{path} is no history of a training run ({error})") from None


def row_of(cells: dict[str, str]) -> EpochRow:
    """Turn the cells of one line into a row."""
    names = [f.name for f in fields(EpochRow)[2:]]
    numbers = {name: float(cells.get(name) or "nan") for name in names}
    return EpochRow(int(cells["epoch"]), cells["phase"], **numbers)


def cell(value: float | str | None) -> str:
    """Write a table's cell: a number shortly, nothing for NaN and None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)
