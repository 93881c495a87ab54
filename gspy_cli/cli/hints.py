"""The command that comes next: said on a terminal, to who has not asked for quiet."""

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from shlex import join

import typer

from gspy_cli.cli.inputs import Given
from gspy_cli.cli.running import Tally
from gspy_cli.cli.wanted import Format, Wanted


def hint(what: str | None, *, quiet: bool) -> None:
    """Say what comes next, on stderr, if anybody looks."""
    if what and not quiet and sys.stderr.isatty():
        typer.echo(f"next: {what}", err=True)


def after_classify(
    given: Given, wanted: Wanted, tally: Tally, model: str | None = None
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
        command = join(["gspy", "evaluate", _path(tables[0]), "--data"])
        return f"{command} DIR, if you know what the pictures are"
    if wanted.printed() is not Format.TABLE:
        return None
    if given.events.times and given.paths:
        return _qscan(given)
    if tally.total == 1 and [Path(path).is_file() for path in given.paths] == [True]:
        asked = ["-m", model] if model else []
        picture = _path(given.paths[0])
        return join(["gspy", "classify", picture, *asked, "--explain", "why.png"])
    return "add -o labels.csv to keep the labels, --gallery page.html to look through"


def _qscan(given: Given) -> str:
    """Write the command that draws the events that were classified."""
    events = given.events
    options = [("--gps", time) for time in events.times]
    options += [("--ifo", events.ifo)] if events.ifo else []
    options += [("--channel", events.channel)] if events.channel else []
    words = chain.from_iterable(options)
    return join(["gspy", "qscan", *map(_path, given.paths), *words, "-o", "scans/"])


def _path(path: str | Path) -> str:
    """Write a path so that no command takes it for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def after_evaluate(models: Sequence[str], page: Path | None) -> str:
    """Choose what to do with scores: see them, or use the run that was judged."""
    if page is None:
        return "add -o report/ for figures, errors and tables"
    if len(models) == 1 and (Path(models[0]) / "best.safetensors").is_file():
        return join(["gspy", "export", models[0], "-o", "model.onnx"])
    return f"open {page} in a browser"
