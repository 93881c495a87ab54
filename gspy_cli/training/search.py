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
from gspy_cli.training.fit import epochs_left
from gspy_cli.training.hardware import find_machine
from gspy_cli.training.history import cell, has_diverged
from gspy_cli.training.reports import SILENT, Reports
from gspy_cli.training.run import (
    Run,
    new_directory,
    read_run,
    remove_unfinished,
    write_plan,
    write_table,
)
from gspy_cli.training.train import (
    check_split,
    check_start,
    completed,
    dataset_of,
    resume,
    split_of,
)

TABLE = "comparison.csv"


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
    """Plan a run for each batch size and rate, and train them.

    Raises
    ------
    GspyError
        As `train` does, or no run was finished.
    """
    config, recipe = completed(config), config.recipe
    sizes, rates = batch_sizes or (recipe.batch_size,), rates or (recipe.lr,)
    varied = [replace(recipe, batch_size=b, lr=x) for b, x in product(sizes, rates)]
    find_machine(config.device, config.amp, ALONE)
    dataset = split_of(dataset_of(config, reports.on_note), config)
    check_split(dataset, config, ALONE)
    check_start(config, dataset, reports.on_note)
    folder = new_directory(
        config.output, f"{config.name or config.architecture}-search"
    )
    for each in varied:
        name = f"batch-{each.batch_size}-lr-{each.lr:g}"
        one = replace(config, recipe=each, name=name, output=folder)
        write_plan(Run(new_directory(folder, name), one, dataset))
    write_comparison(folder, ())
    return resume_search(folder, reports=reports)


def is_search(folder: Path) -> bool:
    """Tell the folder of a search, whose runs are all planned, from a run's."""
    return (folder / TABLE).exists() and bool(_plans(folder))


def resume_search(
    folder: Path, *, data: Path | None = None, reports: Reports = SILENT
) -> Search:
    """Train what is left of each run; write `comparison.csv` and `.png`.

    Both are written anew after each run. A run whose loss is no longer a number is
    finished, and left out of them. `data` only checks that another source has the
    same classes.

    Raises
    ------
    GspyError
        As `resume` does, or no run was finished.
    """
    planned = [read_run(path.parent) for path in _plans(folder)]
    runs: list[Run] = []
    diverged: list[str] = []
    for run in sorted(planned, key=size_and_rate):
        try:
            runs.append(finished(run, data, reports))
        except DivergedError:
            diverged.append(run.config.name)
            continue
        write_comparison(folder, runs)
    remove_unfinished(folder)
    if not runs:
        raise DivergedError("no loss stayed a number: try smaller rates, --lr")
    best_first = sorted(runs, key=lambda run: run.best.score(), reverse=True)
    return Search(folder, tuple(best_first), tuple(diverged))


def _plans(folder: Path) -> list[Path]:
    return list(folder.glob("batch-*-lr-*/config.json"))


def size_and_rate(run: Run) -> tuple[int, float]:
    """Give what a search varies."""
    return run.config.recipe.batch_size, run.config.recipe.lr


def finished(run: Run, data: Path | None, reports: Reports) -> Run:
    """Train what is left of one run of a search."""
    if has_diverged(run.path):
        raise DivergedError(f"{run.path} diverged")
    if not epochs_left(run):
        return run
    return resume(run.path, data=data, reports=reports)


def write_comparison(path: Path, runs: Sequence[Run]) -> None:
    """Write one row for each finished run, and their curves in one figure."""
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
    write_table(path / TABLE, [*names, *scores, "seconds"], rows)
    curves = {run.config.name: run.history for run in runs}
    if runs:
        write_bytes(path / "comparison.png", draw_comparison(curves))
