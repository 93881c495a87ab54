"""Train with several batch sizes or learning rates and compare (the paper's Fig. 2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from gspy_cli.errors import DivergedError
from gspy_cli.training.checkpoint import write_bytes
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.curves import draw_comparison
from gspy_cli.training.distributed import ALONE
from gspy_cli.training.hardware import find_machine
from gspy_cli.training.history import cell
from gspy_cli.training.reports import SILENT, Reports
from gspy_cli.training.run import Run, new_directory, write_table
from gspy_cli.training.train import (
    check_split,
    check_start,
    completed,
    dataset_of,
    split_of,
    train_on,
)


@dataclass(frozen=True, slots=True)
class Search:
    """A finished search: its directory, with the runs in it, best run first.

    `diverged` names the runs whose loss was no longer a number.
    """

    path: Path
    runs: tuple[Run, ...]
    diverged: tuple[str, ...] = ()


def search(
    config: TrainConfig,
    *,
    batch_sizes: Sequence[int] = (),
    rates: Sequence[float] = (),
    reports: Reports = SILENT,
) -> Search:
    """Train once for each batch size and rate; write `comparison.csv` and `.png`.

    The tables are written anew after each run, so a search that breaks off leaves
    those of the runs that it finished. A run whose loss is no longer a number is left
    out of them.

    Raises
    ------
    GspyError
        As `train` does, or no run was finished.
    """
    config, recipe = completed(config), config.recipe
    find_machine(config.device, config.amp, ALONE)
    found = dataset_of(config, reports.on_note)
    dataset = split_of(found, config)
    check_split(dataset, config, ALONE)
    check_start(config, dataset, reports.on_note)
    recipes = [
        replace(recipe, batch_size=size, lr=rate)
        for size, rate in product(
            batch_sizes or (recipe.batch_size,), rates or (recipe.lr,)
        )
    ]
    path = new_directory(config.output, f"{config.name or config.architecture}-search")
    runs: list[Run] = []
    diverged: list[str] = []
    for recipe in recipes:
        name = f"batch-{recipe.batch_size}-lr-{recipe.lr:g}"
        one = replace(config, recipe=recipe, name=name, output=path)
        try:
            runs.append(train_on(found, one, ALONE, reports))
        except DivergedError:
            diverged.append(name)
            continue
        write_comparison(path, runs)
    if not runs:
        raise DivergedError("no loss stayed a number: try smaller rates, --lr")
    best_first = sorted(runs, key=lambda run: run.best.score(), reverse=True)
    return Search(path, tuple(best_first), tuple(diverged))


def write_comparison(path: Path, runs: Sequence[Run]) -> None:
    """Write one row for each run, and their curves in one figure."""
    names = ["run", "batch_size", "lr", "best_epoch"]
    scores = ["train_loss", "validation_loss", "validation_accuracy"]
    rows = [
        [
            run.path.name,
            str(run.config.recipe.batch_size),
            cell(run.config.recipe.lr),
            str(run.best.epoch),
            *(cell(getattr(run.best, score)) for score in scores),
            cell(sum(row.seconds for row in run.history)),
        ]
        for run in runs
    ]
    write_table(path / "comparison.csv", [*names, *scores, "seconds"], rows)
    curves = {run.path.name.rpartition("-")[0]: run.history for run in runs}
    write_bytes(path / "comparison.png", draw_comparison(curves))
