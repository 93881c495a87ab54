"""The formats of output files: how rows become bytes, and bytes keys again."""

import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from gspy_cli.errors import ChangedError
from gspy_cli.glitches import Group
from gspy_cli.journal import Records
from gspy_cli.results import Record, Row
from gspy_cli.writers import lines
from gspy_cli.writers.columns import Columns

BLOCK = 1 << 16  # bytes read at once
MEMBER = gzip.compress(b"", mtime=0)[:10]  # how a gzip member begins


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How rows lie in a file that grows at its end.

    `act` does what a row asks for, and gives what became of the row; `line` gives its
    line, and `pack` turns some lines into bytes. With a `limit`, the file takes so many
    rows and no more.
    """

    header: str
    line: Callable[[Row, Group], str]
    records: Records
    pack: Callable[[bytes], bytes] | None = None
    limit: int | None = None
    act: Callable[[Row], Row] = lambda row: row


def csv_format(columns: Columns) -> FileFormat:
    """Give the format of a CSV table."""
    header = lines.csv_header(columns)
    records = partial(lines.csv_records, columns=columns)
    return FileFormat(header, lambda row, _: lines.csv_line(row, columns), records)


def json_format(columns: Columns) -> FileFormat:
    """Give the format of JSON lines."""
    records = partial(lines.json_records, columns=columns)
    return FileFormat("", lambda row, _: lines.json_line(row, columns), records)


def gzipped(file_format: FileFormat) -> FileFormat:
    """Compress a format: each write adds a gzip member, which is whole or cut off."""
    records = partial(_gzip_records, inner=file_format.records)
    return replace(file_format, records=records, pack=partial(gzip.compress, mtime=0))


def _gzip_records(file: BinaryIO, *, inner: Records) -> Iterator[Record]:
    """Read the rows of whole gzip members; each ends where its member ends."""
    ends: deque[tuple[int, int]] = deque()  # of a member: in the text, in the file
    total = read = 0

    def text() -> Iterator[bytes]:
        nonlocal total
        for end, content in _members(file):
            total += len(content)
            ends.append((total, end))
            yield from io.BytesIO(content)

    for record in inner(text()):  # type: ignore[arg-type]
        read = record.end
        while ends[0][0] < read:
            ends.popleft()
        yield replace(record, end=ends[0][1])
    if read < total:
        raise ChangedError("a row in it has no end")


def _members(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Read whole gzip members: the byte after each, and its content."""
    start = end = 0
    member = zlib.decompressobj(wbits=31)
    content: list[bytes] = []
    block = file.read(BLOCK)
    while block:
        try:
            content.append(member.decompress(block))
        except zlib.error:
            break
        end += len(block) - len(member.unused_data)
        block = member.unused_data
        if member.eof:
            yield end, b"".join(content)
            start = end
            content, member = [], zlib.decompressobj(wbits=31)
        block = block or file.read(BLOCK)
    file.seek(start + 1)
    if MEMBER in file.read():
        raise ChangedError("it is damaged before its end")
