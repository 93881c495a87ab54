"""What `gspy models` shows on a terminal: the models, the networks, a card."""

from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import TYPE_CHECKING

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from gspy_cli.card import ModelCard
from gspy_cli.cli import tables
from gspy_cli.cli.console import Console
from gspy_cli.errors import GspyError
from gspy_cli.model_folder import ModelFolder
from gspy_cli.wording import printable

if TYPE_CHECKING:
    from gspy_cli.training.architectures import Architecture

SMALL = 0.01  # three decimals tell too little of less
HEADINGS = ("name", "architecture", "classes", "parameters", "size", "accuracy")
NAMES = 20  # characters; longer names of scores take two lines
SHOWN = {
    "temperature": "temperature fitted to held-out answers",
    "calibration_error": "calibration error at temperature 1",
    "calibration_error_tempered": "calibration error at the fitted one",
}
"""Scores whose names in a card would be taken for something else."""


def show_models(folders: list[ModelFolder], default: str) -> None:
    """Print the registry as a table."""
    rows: list[list[str]] = []
    broken: list[str] = []
    for folder in folders:
        mark = "*" if folder.path.name == default else ""
        try:
            cells = _cells(folder)
        except GspyError as error:
            broken.append(f"broken: {error}")
            cells = ["broken"]
        rows.append([f"{folder.path.name}{mark}", *cells])
    table = _models(rows)
    if not tables.fits(table):
        table = _models(rows, shown=(HEADINGS[0], *HEADINGS[2:]))
    tables.show(table)
    console = Console()
    for reason in broken:
        console.print(reason, style="red", markup=False, soft_wrap=True)
    console.print(
        "* default; accuracy per glitch in folds, "
        "on data that 'gspy models NAME' names",
        style="dim",
        highlight=False,
    )


def _models(rows: list[list[str]], *, shown: tuple[str, ...] = HEADINGS) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in shown:
        left, fold = heading in ("name", "architecture"), heading == "name"
        justify: JustifyMethod = "left" if left else "right"
        table.add_column(heading, justify=justify, no_wrap=not fold, overflow="fold")
    for row in rows:
        cells = dict(zip(HEADINGS, row, strict=False))
        table.add_row(*(Text(printable(cells.get(h, ""))) for h in shown))
    return table


def _cells(folder: ModelFolder) -> list[str]:
    card = _card(folder)
    if not folder.graph.is_file():
        raise folder.no_graph()
    return [
        card.architecture,
        str(len(card.classes)),
        f"{card.parameters / 1e6:.1f} M",
        f"{folder.graph.stat().st_size / 1e6:.1f} MB",
        _accuracy(card),
    ]


def _card(folder: ModelFolder) -> ModelCard:
    """Read a folder's card; one that a kill has left without has its graph's."""
    if folder.card_file.exists():
        return folder.card()
    from gspy_cli.model import find_card

    return find_card(str(folder.graph))


def show_architectures(architectures: "Mapping[str, Architecture]") -> None:
    """Print the networks that can be trained."""
    table = Table(header_style="bold", box=None)
    table.add_column("name", overflow="fold")
    for heading in ("parameters", "input", "ImageNet weights"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, found in architectures.items():
        table.add_row(
            name,
            f"{found.parameters:g} M",
            f"{found.input_size} x {found.input_size}",
            "yes" if found.imagenet else "-",
        )
    tables.show(table)
    Console().print("parameters with 22 classes", style="dim", highlight=False)


def _accuracy(card: ModelCard) -> str:
    accuracy = card.scores.get("fold_accuracy_per_glitch")
    return f"{accuracy:.3f}" if isinstance(accuracy, float) else "-"


def show_card(card: ModelCard) -> None:
    """Print one model's card."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", max_width=NAMES, overflow="fold")
    table.add_column(overflow="fold")
    for name, value in _facts(card):
        if value:
            lines = map(printable, value.split("\n"))
            table.add_row(printable(name), Text("\n".join(lines)))
    Console().print(table)


def _facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    height, width = card.input_size
    yield "name", card.name
    yield "architecture", f"{card.architecture}, {card.parameters:,} parameters"
    yield "input", f"{height} x {width} RGB, cut to the {card.crop}, {card.filter}"
    yield "classes", ", ".join(card.classes)
    yield "temperature", f"{card.temperature:.3g}"
    if card.unfamiliar_below:
        yield "unfamiliar below", f"{card.unfamiliar_below:.3g}"
    yield "data", card.data
    for name, value in card.scores.items():
        yield SHOWN.get(name, name.replace("_", " ")), _score(name, value)
    yield "licence", card.licence
    yield "date", card.date
    yield "sha256", card.sha256


def _score(name: str, value: object) -> str:
    if isinstance(value, dict):
        of_class = name.endswith("per_class")
        return "\n".join(
            _entry(inner, score, of_class=of_class) for inner, score in value.items()
        )
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if 0 < abs(value) < SMALL else f"{value:.3f}"


def _entry(name: str, value: object, *, of_class: bool) -> str:
    """Write a score of several; what lies in it begins a line of its own, set in."""
    shown = name if of_class else name.replace("_", " ")
    if isinstance(value, dict):
        return f"{shown}:\n" + indent(_score(name, value), "  ")
    return f"{shown}: {_score(name, value)}"
