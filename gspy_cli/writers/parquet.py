"""A Parquet file that a run can go on with.

Parquet has its index at the end, so that a file cannot grow. Rows are kept beside it
as JSON lines, in `out.parquet.part`; when the run is done, the old file's row groups
and the new rows go into a new file, which takes the old one's place at once. A part's
first line says how many rows the old file had, or that they are to be replaced.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from gspy_cli import journal, run_note
from gspy_cli.errors import GspyError
from gspy_cli.results import FILENAMES, Key, Record
from gspy_cli.whole import whole_file, writing
from gspy_cli.writers.columns import Columns, read_key
from gspy_cli.writers.lines import BAD, json_records

GROUP = 10_000  # rows in a row group
RUN = b"gspy_run"  # the file's metadata: what the run was asked for
KEYS = ["path", "gravityspy_id", "window", "event_time", "status", *FILENAMES]


@contextmanager
def open_parquet(
    path: Path,
    held: journal.Held,
    columns: Columns,
    *,
    run: Mapping[str, object],
    overwrite: bool,
) -> Iterator[journal.Output]:
    """Go on with the part beside a Parquet file; join the two when all is written.

    Raises
    ------
    GspyError
        As `journal.take_up`; or the file that is there is another run's.
    """
    records = partial(_records, columns=columns)
    saved = journal.take_up(held, run=run, records=records, overwrite=overwrite)
    schema = _schema(columns).with_metadata({RUN: json.dumps(run)})
    with writing(path):
        replaced = overwrite or _first_line(saved) == _head(None)
        old = path if path.exists() and not replaced else None
        try:
            head = _head(None if replaced else _count(old, run, schema))
        except GspyError:
            if not saved.file.tell():
                journal.forget(held.path)
            raise
        _begin(saved, head)
        for key, failed in _rows(old):
            saved.done.add(key, failed=failed)
    yield saved
    with writing(path):
        if old is None or saved.file.tell() > len(head):
            _join(old, held.path, path, schema)
        journal.forget(held.path)


def _records(file: Iterable[bytes], *, columns: Columns) -> Iterator[Record]:
    """Read a part: how many rows the file had when it was begun, and its rows."""
    remaining = iter(file)
    first = next(remaining, b"")
    yield Record(len(first), ("",))
    for record in json_records(remaining, columns=columns):
        yield Record(len(first) + record.end, record.key, failed=record.failed)


def _head(after: int | None) -> bytes:
    """Write a part's first line; None where the old file's rows are to go."""
    return json.dumps({"after": after}).encode() + b"\n"


def _first_line(saved: journal.Output) -> bytes:
    saved.file.seek(0)
    line = saved.file.readline()
    saved.file.seek(0, os.SEEK_END)
    return line


def _begin(saved: journal.Output, head: bytes) -> None:
    """Head the part, or empty one whose rows the file holds already."""
    if _first_line(saved) != head:
        saved.file.truncate(0)
        saved.file.seek(0)
        saved.done.clear()
        saved.write(head)


def _count(old: Path | None, run: Mapping[str, object], schema: Any) -> int:  # noqa: ANN401
    """Count a file's rows; refuse one of another run, or with other columns."""
    from pyarrow import parquet

    if old is None:
        return 0
    run_note.check(_noted(old), run, old)
    if not parquet.read_schema(old).equals(schema):
        raise journal.changed(old, "its columns are others")
    rows: int = parquet.read_metadata(old).num_rows
    return rows


def _rows(old: Path | None) -> Iterator[tuple[Key, bool]]:
    """Give the keys of a file's rows, and whether each failed."""
    from pyarrow import parquet

    if old is None:
        return
    with parquet.ParquetFile(old) as file:
        columns = [name for name in KEYS if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=columns):
            for row in batch.to_pylist():
                yield read_key(row), row["status"] in BAD


def _noted(path: Path) -> bytes:
    import pyarrow
    from pyarrow import parquet

    try:
        metadata = parquet.read_schema(path).metadata or {}
    except pyarrow.ArrowInvalid:
        return b""
    noted: bytes = metadata.get(RUN, b"")
    return noted


def _join(old: Path | None, part: Path, path: Path, schema: Any) -> None:  # noqa: ANN401
    """Write the file anew: the old one's row groups, then the part's rows."""
    import pyarrow
    from pyarrow import parquet

    with (
        whole_file(path, alone=True) as whole,
        part.open(encoding="utf-8") as lines,
        parquet.ParquetWriter(whole, schema, compression="zstd") as writer,
    ):
        if old is not None:
            with parquet.ParquetFile(old) as file:
                for number in range(file.num_row_groups):
                    writer.write_table(file.read_row_group(number))
        next(lines)
        while rows := [json.loads(line) for line in islice(lines, GROUP)]:
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


def _schema(columns: Columns) -> Any:  # noqa: ANN401
    import pyarrow

    kinds = {"count": pyarrow.int64(), "number": pyarrow.float64()}
    kinds |= {"text": pyarrow.string(), "truth": pyarrow.bool_()}
    return pyarrow.schema([(n, kinds[columns.kind(n)]) for n in columns.names()])
