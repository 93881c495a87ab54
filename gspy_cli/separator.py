"""Which mark parts the cells of a table that another program wrote."""

from collections.abc import Collection


def separator(header: str, names: Collection[str], marks: str = ",;\t") -> str:
    """Give the first mark by which a cell of the header is one of lower-case names."""
    for mark in marks:
        cells = (cell.strip().strip('"').lower() for cell in header.split(mark))
        if any(cell in names for cell in cells):
            return mark
    return ","
