"""What people read: tables, bars and progress, drawn with rich.

User text goes in as `Text`, never as markup: brackets in file names are no styles.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from gspy_cli.card import ModelCard
from gspy_cli.labels import DESCRIPTIONS
from gspy_cli.registry import ModelFolder
from gspy_cli.results import Failure, Glitch, Prediction, Row, answer_of
from gspy_cli.writers import Columns, ranked

if TYPE_CHECKING:
    from gspy_cli.training.architectures import Architecture

T = TypeVar("T")
PAGE = 200  # rows in one table; a longer run prints several, as they are done
BAR = 30
UNFAMILIAR = "like no glitch this model knows; do not trust the name"


def show_results(results: Iterable[Row], columns: Columns) -> None:
    """Print results as tables; a single one gets a bar for each likely class."""
    console = Console()
    remaining = iter(results)
    page = list(islice(remaining, PAGE))
    if len(page) == 1:
        console.print(_single(page[0], columns))
        return
    while page:
        console.print(_table(page, columns))
        page = list(islice(remaining, PAGE))


def show_arrivals(results: Iterable[Row], columns: Columns) -> None:
    """Print a line for each result, as it comes."""
    console = Console()
    for row in results:
        name, *others = _cells(row, columns, "")
        views = others.pop(0).append(" views  ") if columns.per_glitch else ""
        label, *confidence = others
        label.pad_right(22 - len(label))
        console.print(Text.assemble(label, *confidence, "  ", views, name))


def _single(row: Row, columns: Columns) -> Text:
    result = answer_of(row)
    if isinstance(result, Failure):
        return Text.assemble(
            (result.origin.path, "bold"), "\n", ("failed: ", "red"), result.reason
        )
    paths = [view.origin.path for view in row.views] if isinstance(row, Glitch) else []
    named = "\n".join(dict.fromkeys(paths or [result.origin.path]))
    text = Text.assemble((named, "dim"), "\n")
    text.append(result.label, "bold green")
    text.append(f"  {result.confidence:.1%}", "bold")
    if not result.familiar:
        text.append(f"\nunfamiliar: {UNFAMILIAR}", "yellow")
    if result.label in DESCRIPTIONS:
        text.append(f"\n{DESCRIPTIONS[result.label]}")
    if result.shifted:
        text.append(f"\nBeside the event: {_beside(result)}")
    text.append("\n")
    for label, score in ranked(result, max(columns.top_k, 3)):
        text.append(f"\n{label:20} ")
        text.append(_bar(score), "green" if label == result.label else "cyan")
        text.append(f" {score:6.1%}")
    return text


def _bar(fraction: float) -> str:
    return "━" * round(fraction * BAR) + " " * (BAR - round(fraction * BAR))


def _table(results: list[Row], columns: Columns) -> Table:
    folder = _common_folder([answer_of(row).origin.path for row in results])
    table = Table(header_style="bold", box=None)
    table.add_column(
        Text("event" if columns.triggers else f"in {folder}" if folder else "picture"),
        overflow="fold",
    )
    if columns.per_glitch:
        table.add_column("views", justify="right")
    table.add_column("label")
    table.add_column("confidence", justify="right")
    if columns.top_k > 1:
        table.add_column("next likeliest")
    if columns.time_shifts:
        table.add_column("beside it")
    for result in results:
        table.add_row(*_cells(result, columns, folder))
    return table


def _common_folder(paths: list[str]) -> str:
    """Give the folder that all paths begin with; nothing where there is none."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # some are absolute, some are not
        return ""


def _cells(row: Row, columns: Columns, folder: str) -> Iterator[Text]:
    result = answer_of(row)
    yield Text(_name(row, folder))
    if isinstance(row, Glitch):
        yield Text(f"{len(row.views) - len(row.failures())} of {len(row.views)}")
    if isinstance(result, Failure):
        yield Text(f"failed: {result.reason}", "red")
        return
    sure = columns.row(row)["status"] == "ok"
    shown = result.label if sure else f"{result.label}?"
    shown += "" if result.familiar else " (unfamiliar)"
    yield Text(shown, "" if sure else "yellow")
    yield Text(f"{result.confidence:.1%}")
    if columns.top_k > 1:
        yield Text(_others(result, columns.top_k))
    if columns.time_shifts and result.shifted:
        yield Text(_beside(result))


def _beside(result: Prediction) -> str:
    """Say whether the label holds where the time is moved a little."""
    labels = result.shifted or {}
    flips = [
        f"{label or 'no picture'} at {shift_s * 1000:+.0f} ms"
        for shift_s, label in labels.items()
        if label != result.label
    ]
    return ", ".join(flips) or f"holds to ±{max(labels) * 1000:.0f} ms"


def _name(row: Row, folder: str) -> str:
    origin = answer_of(row).origin
    shown = os.path.relpath(origin.path, folder) if folder else origin.path
    if origin.trigger:
        window = f", {origin.window} s" if origin.window else ""
        return f"{origin.ifo or shown} at {origin.trigger.event_time:.3f}{window}"
    if isinstance(row, Glitch) and origin.gravityspy_id:
        return f"{origin.ifo or ''} {origin.gravityspy_id}".strip()
    return shown


def _others(result: Prediction, top_k: int) -> str:
    rest = ranked(result, top_k)[1:]
    return ", ".join(f"{label} {score:.1%}" for label, score in rest)


def with_progress(results: Iterable[T]) -> Iterator[T]:
    """Pass results on and show on stderr how many have gone by."""
    with Progress(
        SpinnerColumn(),
        TextColumn("classifying"),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("classifying", total=None)
        for result in results:
            yield result
            progress.advance(task)


def _rate(task: Task) -> str:
    """Say how many are done a second since the first; rich's own speed jumps."""
    if not task.elapsed or task.elapsed < 1 or not task.completed:
        return ""
    rate = task.completed / task.elapsed
    return f"{rate:.{0 if rate >= 10 else 1}f}/s"


class Rate(ProgressColumn):
    """Shows how many are done a second."""

    def render(self, task: Task) -> Text:
        """Write the rate."""
        return Text(_rate(task), "cyan")


@contextmanager
def bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr; give the function to call with how many are done."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield show


def show_models(folders: list[ModelFolder], default: str) -> None:
    """Print the registry as a table."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in ("name", "architecture"):
        table.add_column(heading, no_wrap=True)
    for heading in ("classes", "parameters", "size", "accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    for folder in folders:
        card = folder.card()
        mark = "*" if folder.path.name == default else ""
        size = f"{folder.graph.stat().st_size / 1e6:.1f} MB"
        table.add_row(
            Text(f"{folder.path.name}{mark}"),
            Text(card.architecture),
            str(len(card.classes)),
            f"{card.parameters / 1e6:.1f} M",
            size,
            _accuracy(card),
        )
    console = Console()
    console.print(table)
    console.print(
        "* default; accuracy per glitch on real figures; 'gspy models NAME' shows more",
        style="dim",
    )


def show_architectures(architectures: "Mapping[str, Architecture]") -> None:
    """Print the networks that can be trained."""
    table = Table("name", header_style="bold", box=None)
    for heading in ("parameters", "input", "paper's test accuracy"):
        table.add_column(heading, justify="right")
    for name, found in architectures.items():
        paper = found.paper_accuracy
        table.add_row(
            name,
            f"{found.parameters:g} M",
            f"{found.input_size} x {found.input_size}",
            "-" if paper is None else f"{paper:.3f}",
        )
    Console().print(table)


def _accuracy(card: ModelCard) -> str:
    accuracy = card.scores.get("real_accuracy_per_glitch")
    return f"{accuracy:.3f}" if isinstance(accuracy, float) else "-"


def show_card(card: ModelCard) -> None:
    """Print one model's card."""
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in _facts(card):
        table.add_row(name, Text(value))
    Console().print(table)


def _facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    height, width = card.input_size
    yield "name", card.name
    yield "architecture", f"{card.architecture}, {card.parameters:,} parameters"
    yield "input", f"{height} x {width} RGB, cut to the {card.crop}, {card.filter}"
    yield "classes", ", ".join(card.classes)
    yield "data", card.data
    for name, value in card.scores.items():
        yield name.replace("_", " "), _score(value)
    yield "licence", card.licence
    yield "date", card.date
    yield "sha256", card.sha256


def _score(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_score(inner)}" for name, inner in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)
