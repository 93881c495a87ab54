"""Tables of scores on a terminal of any width: names fold, numbers stay whole."""

from rich.console import RenderableType
from rich.table import Table

from gspy_cli.cli.console import Console

FOLDED = 12  # characters that a first column keeps, however narrow the terminal is
ENDLESS = 10_000  # characters; a pipe or a file has no width


def fits(table: Table) -> bool:
    """Tell whether a table is shown with no name folded."""
    return _width(table) <= _room()


def show(table: Table) -> None:
    """Print a table whose first column alone folds.

    A terminal that is too narrow for the others breaks the lines itself.
    """
    names = [_width(cell) for cell in table.columns[0].cells]
    least = _width(table) - max(max(names) - FOLDED, 0)
    Console(width=max(_room(), least)).print(table)


def _room() -> int:
    console = Console()
    return console.width if console.is_terminal else ENDLESS


def _width(shown: RenderableType) -> int:
    return Console(width=ENDLESS).measure(shown).maximum
