"""What `gspy classify` shows on a terminal: tables, and bars for one picture.

User text goes in as `Text`, never as markup: brackets in file names are no styles.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from rich.table import Table
from rich.text import Text

from gspy_cli.cli.console import Console
from gspy_cli.labels import DESCRIPTIONS
from gspy_cli.results import Failure, Glitch, Prediction, Row, answer_of, event_name
from gspy_cli.wording import printable
from gspy_cli.writers import Columns, ranked

PAGE = 200  # rows in one table; a longer run prints several, as they are done
NAME, BAR, LEAST = 20, 30, 5  # columns: a class's name, its bar, the shortest bar
UNFAMILIAR = "like no glitch this model knows, or not in viridis; do not trust the name"


def show_results(
    results: Iterable[Row],
    columns: Columns,
    watched: Callable[[Iterable[Row]], Iterable[Row]],
) -> None:
    """Print results as tables; a single one gets a bar for each likely class.

    A page comes through `watched` while it is made, and is printed after that.
    """
    console = Console()
    remaining = iter(results)
    page = list(watched(islice(remaining, PAGE)))
    if len(page) == 1:
        console.print(_single(page[0], columns, console.width))
        return
    while page:
        console.print(_table(page, columns))
        page = list(watched(islice(remaining, PAGE)))


def show_arrivals(results: Iterable[Row], columns: Columns) -> None:
    """Print a line for each result, as it comes."""
    console = Console()
    for row in results:
        name, *cells = _cells(row, columns, "")
        views = [cells.pop(0).append(" views")] if columns.per_glitch else []
        cells[0].pad_right(NAME - len(cells[0]))
        console.print(Text("  ").join([*cells, *views, name]))


def _single(row: Row, columns: Columns, width: int) -> Text:
    result = answer_of(row)
    if isinstance(result, Failure):
        return Text.assemble(
            (printable(result.origin.path), "bold"),
            "\n",
            ("failed: ", "red"),
            printable(result.reason),
        )
    paths = [view.origin.path for view in row.views] if isinstance(row, Glitch) else []
    named = "\n".join(map(printable, dict.fromkeys(paths or [result.origin.path])))
    text = Text.assemble((named, "dim"), "\n")
    cells = columns.row(row)
    sure = cells["status"] == "ok"
    colour = "green" if sure else "yellow"
    text.append(result.label if sure else f"{result.label}?", f"bold {colour}")
    text.append(f"  {result.confidence:.1%}", "bold")
    if cells["error"]:
        text.append(f"\nfailed: {printable(str(cells['error']))}", "red")
    if not result.familiar:
        text.append(f"\nunfamiliar: {UNFAMILIAR}", "yellow")
    if result.label in DESCRIPTIONS:
        text.append(f"\n{DESCRIPTIONS[result.label]}")
    if result.shifted:
        text.append(f"\nBeside the event: {_beside(result)}")
    text.append("\n")
    likeliest = ranked(result, max(columns.top_k, 3))
    longest = max(NAME, *(len(label) for label, _ in likeliest))
    room = min(BAR, width - longest - len("  100.0% "))
    for label, score in likeliest:
        text.append(f"\n{label:{longest}} ")
        if room >= LEAST:
            text.append(_bar(score, room), colour if label == result.label else "cyan")
        text.append(f" {score:6.1%}")
    return text


def _bar(fraction: float, length: int) -> str:
    return f"{'━' * round(fraction * length):{length}}"


def _table(results: list[Row], columns: Columns) -> Table:
    folder = _common_folder([answer_of(row).origin.path for row in results])
    table = Table(header_style="bold", box=None)
    table.add_column(
        Text("event" if columns.triggers else _heading(folder)), overflow="fold"
    )
    if columns.per_glitch:
        table.add_column("views", justify="right")
    table.add_column("label", overflow="fold")
    table.add_column("confidence", justify="right")
    if columns.top_k > 1:
        table.add_column("next likeliest", overflow="fold")
    if columns.time_shifts:
        table.add_column("beside it", overflow="fold")
    for result in results:
        table.add_row(*_cells(result, columns, folder))
    return table


def _heading(folder: str) -> str:
    return f"in {printable(folder)}" if folder else "picture"


def _common_folder(paths: list[str]) -> str:
    """Give the folder that all paths begin with; nothing where there is none."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # some are absolute, some are not
        return ""


def _cells(row: Row, columns: Columns, folder: str) -> Iterator[Text]:
    result = answer_of(row)
    yield Text(printable(_name(row, folder)))
    if isinstance(row, Glitch):
        yield Text(f"{len(row.views) - len(row.failures())} of {len(row.views)}")
    if isinstance(result, Failure):
        yield Text(f"failed: {printable(result.reason)}", "red")
        return
    sure = columns.row(row)["status"] == "ok"
    shown = result.label if sure else f"{result.label}?"
    shown += "" if result.familiar else " (unfamiliar)"
    yield Text(shown, "" if sure else "yellow")
    yield Text(f"{result.confidence:.1%}")
    if columns.top_k > 1:
        yield Text(_others(result, columns.top_k))
    if result.shifted:
        yield Text(_beside(result))


def _beside(result: Prediction) -> str:
    """Say whether the label holds where the time is moved a little."""
    flips = [
        f"{label or 'no picture'} at {shift_s * 1000:+.0f} ms"
        for shift_s, label in result.shifted.items()
        if label != result.label
    ]
    return ", ".join(flips) or f"holds to ±{max(result.shifted) * 1000:.0f} ms"


def _name(row: Row, folder: str) -> str:
    origin = answer_of(row).origin
    shown = os.path.relpath(origin.path, folder) if folder else origin.path
    if isinstance(row, Glitch) and origin.gravityspy_id and not origin.trigger:
        return f"{origin.ifo or ''} {origin.gravityspy_id}".strip()
    return event_name(origin, shown)


def _others(result: Prediction, top_k: int) -> str:
    rest = ranked(result, top_k)[1:]
    return ", ".join(f"{label} {score:.1%}" for label, score in rest)
