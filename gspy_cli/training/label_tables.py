"""Tables that label pictures: a CSV of one's own, or Gravity Spy's metadata."""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from io import TextIOWrapper
from itertools import chain
from pathlib import Path

from gspy_cli.callbacks import OnNote
from gspy_cli.errors import GspyError
from gspy_cli.separator import separator
from gspy_cli.training.examples import Example, example, split_name
from gspy_cli.training.metadata import read_metadata

ESCAPED = re.compile(r"\\u(d[89a-f][0-9a-f]{2})")
"""What stands for a byte that is no UTF-8 in a table that gspy wrote."""


def read_labels(
    table: Path, on_note: OnNote, *, every_class: bool
) -> Iterator[Example]:
    """Read a CSV: `file,label[,split][,glitch][,window]`, or Gravity Spy's metadata.

    Semicolons or tabs may stand for commas.

    Raises
    ------
    GspyError
        It is no such table, or a row cannot be used.
    OSError
        It cannot be read.
    """
    try:
        yield from _read_rows(table, on_note, every_class=every_class)
    except csv.Error as error:
        raise GspyError(f"{table} is not a CSV table ({error})") from None


def _read_rows(table: Path, on_note: OnNote, *, every_class: bool) -> Iterator[Example]:
    with table.open("rb") as file:  # once: it may be a pipe
        if b"\0" in file.peek(1024)[:1024]:
            raise GspyError(
                f"{table} is no text: give a CSV with file and label, or a folder of "
                "pictures, <Class>/*.png (HDF5 and archives are not read)"
            )
        lines = TextIOWrapper(  # a file's name may be any bytes
            file, newline="", encoding="utf-8-sig", errors="surrogateescape"
        )
        header = lines.readline()
        mark = separator(header, {"label"})
        rows = csv.DictReader(chain([header], lines), delimiter=mark, strict=True)
        columns = set(rows.fieldnames or ())
        if {"file", "label"} <= columns:
            yield from (row_example(row, table) for row in rows)
        elif {"gravityspy_id", "label", "sample_type"} <= columns:
            yield from read_metadata(rows, table, on_note, every_class=every_class)
        else:
            raise GspyError(
                f"{table} has no columns file and label, "
                "nor gravityspy_id, label and sample_type: name them in its first line"
            )


def row_example(row: dict[str, str], table: Path) -> Example:
    """Turn a row into an example; files are relative to the table's folder."""
    if not row["file"] or not (row["label"] or "").strip():
        raise GspyError(f"{table} has a row without a file or a label: {row}")
    path = table.parent / unescaped(row["file"])
    if not os.path.exists(path):  # noqa: PTH110, it takes every name
        raise GspyError(f"{path} does not exist: mend its row in {table}")
    named = example(path, row["label"], split=split_name(row.get("split"), table))
    return replace(
        named,
        glitch=row.get("glitch") or named.glitch,
        window=read_window(row.get("window"), table) or named.window,
    )


def unescaped(name: str) -> str:
    """Give back the bytes that are no UTF-8, as `results.written` escaped them."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)


def read_window(text: str | None, table: Path) -> float | None:
    """Read a table's window, in seconds; None for an empty cell."""
    try:
        return float(text) if text else None
    except ValueError:
        raise GspyError(
            f"{table}: window {text!r} is not a number of seconds"
        ) from None
