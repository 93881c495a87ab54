"""Draw the map of gspy's modules from the import table in tests/test_imports.py.

A module stands above all that it may import. A line that follows from others is left
out, and so are those from `cli`, which may import all, and to the leaves at the bottom,
which all may import.

Run: python docs/make/modules.py
"""

import sys
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "pictures" / "modules.svg"
WIDTH, HEIGHT = 122, 32  # of a box, pixels
STEP_X, STEP_Y, MARGIN = 129, 78, 8

Table = Mapping[str, set[str]]


def imports() -> tuple[dict[str, set[str]], set[str]]:
    """Read the table, without its leaves, and the leaves."""
    sys.path.insert(0, str(ROOT / "tests"))
    from test_imports import LEAVES, MAY_IMPORT

    inner = MAY_IMPORT.keys() - LEAVES
    return {name: MAY_IMPORT[name] - LEAVES for name in sorted(inner)}, LEAVES


def layers(table: Table) -> list[list[str]]:
    """Give the modules from the lowest layer up; one imports only from lower layers."""

    @cache
    def height(name: str) -> int:
        return 1 + max(map(height, table[name]), default=-1)

    rows: list[list[str]] = [[] for _ in range(max(map(height, table)) + 1)]
    for name in sorted(table):
        rows[height(name)].append(name)
    return rows


def direct(table: Table) -> set[tuple[str, str]]:
    """Give the pairs (module, one it imports) that follow from no others."""

    @cache
    def reach(name: str) -> frozenset[str]:
        return frozenset(table[name]).union(*map(reach, table[name]))

    return {
        (name, below)
        for name, allowed in table.items()
        for below in allowed
        if not any(below in reach(other) for other in allowed - {below})
    }


def places(rows: list[list[str]], lines: set[tuple[str, str]]) -> dict[str, float]:
    """Give each module a column near those that it is joined to."""
    widest = max(map(len, rows))
    column = {
        name: (widest - len(row)) / 2 + place
        for row in rows
        for place, name in enumerate(row)
    }
    for _ in range(4):
        for row in [*rows, *reversed(rows)]:
            wish = {name: _mean(name, lines, column) for name in row}
            row.sort(key=lambda name: (wish[name], name))
            for name, at in zip(row, _apart(row, wish, widest), strict=True):
                column[name] = at
    return column


def _mean(name: str, lines: set[tuple[str, str]], column: Mapping[str, float]) -> float:
    joined = [column[b if a == name else a] for a, b in sorted(lines) if name in (a, b)]
    return sum(joined) / len(joined) if joined else column[name]


def _apart(row: list[str], wish: Mapping[str, float], widest: int) -> list[float]:
    """Keep a row's boxes at their wishes where they fit, at least a step apart."""
    at: list[float] = []
    for place, name in enumerate(row):
        least = at[-1] + 1 if at else 0.0
        most = widest - len(row) + place
        at.append(min(max(wish[name], least), most))
    return at


def draw() -> str:
    """Give the picture as SVG."""
    table, leaves = imports()
    rows, lines = layers(table), direct(table)
    column = places(rows, lines)
    x = {name: MARGIN + STEP_X * column[name] for name in table}
    y = {
        name: MARGIN + STEP_Y * (len(rows) - place)
        for place, row in enumerate(rows)
        for name in row
    }
    inside = STEP_X * (max(map(len, rows)) - 1) + WIDTH
    foot = MARGIN + STEP_Y * (len(rows) + 1)
    size = f"{inside + 2 * MARGIN} {foot + HEIGHT + MARGIN}"
    boxes = [
        ("cli: may import all below", MARGIN, MARGIN, inside),
        *((name, x[name], y[name], WIDTH) for name in table),
        (" · ".join(sorted(leaves)), MARGIN, foot, inside),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
            'font-family="sans-serif" font-size="15">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            '<g fill="none" stroke="#777" stroke-width="1.2">',
            *(_line(x[a], y[a], x[b], y[b]) for a, b in sorted(lines)),
            '</g><g fill="#e8eaf6" stroke="#9fa8da">',
            *(_box(left, top, width) for _, left, top, width in boxes),
            '</g><g text-anchor="middle">',
            *(_name(text, left + width / 2, top) for text, left, top, width in boxes),
            "</g>",
            "</svg>\n",
        ]
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    """Join the foot of one box with the head of a lower one."""
    x1, x2, y1 = x1 + WIDTH / 2, x2 + WIDTH / 2, y1 + HEIGHT
    bend = min((y2 - y1) / 2, STEP_Y)
    return (
        f'<path d="M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} '
        f'{x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"/>'
    )


def _box(x: float, y: float, width: float) -> str:
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="5"/>'
    )


def _name(text: str, x: float, y: float) -> str:
    return f'<text x="{x:.0f}" y="{y + 21:.0f}">{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
