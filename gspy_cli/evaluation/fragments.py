"""Pieces of a page: every text is escaped here, and nowhere else."""

import base64
import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

Cell = str | int | float | None
Rows = Iterable[Sequence[Cell]]

REPORT = re.compile(r'<a href="(\d+-[\w.-]+)/index\.html">', re.ASCII)
"""A link to the report of one of several models, in a folder of its own."""


def page(title: str, body: Iterable[str]) -> str:
    """Join sections to a page that needs no other file."""
    parts = files("gspy_cli.evaluation")
    names = {"style": "page.css", "script": "page.js"}
    texts = {k: parts.joinpath(n).read_text("utf-8") for k, n in names.items()}
    whole = Template(parts.joinpath("page.html").read_text("utf-8"))
    return whole.substitute(texts, title=escape(title), body="\n".join(body))


def is_ours(path: Path) -> bool:
    """Tell a page of `gspy evaluate` from others."""
    mark = b'<meta name="generator" content="gspy evaluate">'
    return path.is_file() and mark in path.read_bytes()


def reports_below(page: Path) -> list[str]:
    """Name the folders of the reports that a page of ours leads to."""
    return REPORT.findall(page.read_text("utf-8", "replace")) if is_ours(page) else []


def heading(text: str) -> str:
    """Begin a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """Write a paragraph; `kind` may be faint."""
    return f'<p class="{kind}">{escape(text)}</p>'


def notes(lines: Sequence[str]) -> str:
    """List what a reader must know first; nothing if there is nothing."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="notes">{items}</ul>' if lines else ""


def table(names: Sequence[str], rows: Rows, *, sortable: bool = False) -> str:
    """Lay out a table that scrolls sideways within a narrow page."""
    if sortable:
        inner = (f'<button type="button">{escape(n)}</button>' for n in names)
    else:
        inner = (escape(n) for n in names)
    heads = "".join(f'<th scope="col">{text}</th>' for text in inner)
    body = "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="wide"><table{kind}><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def cell(value: Cell) -> str:
    """Write one cell; a dash where a value is undefined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return '<td data-value="">&ndash;</td>'
    if isinstance(value, float):
        return f'<td data-value="{value:.6g}">{number(value)}</td>'
    if isinstance(value, int):
        return f'<td data-value="{value}">{value:,}</td>'
    return f'<td class="text">{escape(value)}</td>'


def number(value: float) -> str:
    """Write a number with as many digits as a reader wants."""
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.0e}" if 0 < value < 0.0005 else f"{value:.3f}"


def figure(content: bytes, caption: str, *, width: int) -> str:
    """Embed a PNG picture, `width` CSS pixels wide where there is room."""
    url = "data:image/png;base64," + base64.b64encode(content).decode()
    text = escape(caption)
    return (
        f'<figure><img src="{url}" alt="{text}" width="{width}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def link(target: str, text: str) -> str:
    """Lead to another page of the report."""
    return f'<p><a href="{escape(target)}">{escape(text)}</a></p>'
