"""The command that comes next: said on a terminal, to who has not asked for quiet."""

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import typer

from gspy_cli.cli.inputs import Given
from gspy_cli.cli.running import RowTally
from gspy_cli.cli.strain import Events
from gspy_cli.cli.wanted import Format, Wanted
from gspy_cli.model_folder import WEIGHTS
from gspy_cli.wording import command, printable


def hint(what: str | None, *, quiet: bool) -> None:
    """Say what comes next, on stderr, if anybody looks."""
    if what and not quiet and sys.stderr.isatty():
        typer.echo(f"next: {what}", err=True)


def note(what: str) -> None:
    """Say on stderr what a reader must know."""
    typer.echo(printable(f"note: {what}"), err=True)


def warn_of_stop(run: Path) -> None:
    """Say, on stderr, where a run that is used was stopped before its end."""
    if not (run / "config.json").is_file():
        return
    from gspy_cli.training.history import note_of_stop

    if stop := note_of_stop(run):
        note(stop)


def after_classify(
    given: Given, wanted: Wanted, tally: RowTally, model: str | None = None
) -> str | None:
    """Choose what to do with labels: look through them, score them or keep them.

    `model` is the one that was asked for.
    """
    tables = [path for path in (*wanted.files, wanted.table) if path]
    if tally.failed and tables:
        return f"the reasons are in {tables[0]}, in the column 'error'"
    if not tally.classified:
        return None
    if wanted.gallery:
        return f"open {wanted.gallery} in a browser"
    if wanted.table:
        return f"look into {wanted.sort_into}; the labels are in {wanted.table}"
    if tables and given.events:
        return None
    if tables and tables[0].suffix == ".csv" and wanted.form in (None, Format.CSV):
        scored = command("gspy", "evaluate", tables[0], "--data")
        return f"{scored} DIR, if you know what the pictures are"
    if wanted.printed() is not Format.TABLE:
        return None
    paths = [Path(path) for path in given.paths]
    listed = given.files_from or "-" in given.paths
    if given.events.times and paths and not listed:
        return _qscan(paths, given.events)
    alone = tally.total == 1 and not given.events and not listed
    if alone and [path.is_file() for path in paths] == [True]:
        asked = ["-m", model] if model else []
        return command("gspy", "classify", paths[0], *asked, "--explain", "why.png")
    return "add -o labels.csv to keep the labels, --gallery page.html to look through"


def _qscan(paths: Sequence[Path], events: Events) -> str:
    """Write the command that draws the events that were classified."""
    options = [("--gps", time) for time in events.times]
    options += [("--ifo", events.ifo)] if events.ifo else []
    options += [("--channel", events.channel)] if events.channel else []
    words = chain.from_iterable(options)
    return command("gspy", "qscan", *paths, *words, "-o", "scans/")


def after_evaluate(models: Sequence[str], page: Path | None) -> str:
    """Choose what to do with scores: see them, or use the run that was judged."""
    if page is None:
        return "add -o report/ for figures, errors and tables"
    if len(models) == 1 and (Path(models[0]) / WEIGHTS).is_file():
        return command("gspy", "export", Path(models[0]), "-o", "model.onnx")
    return f"open {page} in a browser"
