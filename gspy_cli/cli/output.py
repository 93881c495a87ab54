"""Where results go: files that survive any stop, standard output, or a table."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from gspy_cli.cli.strain import Events
from gspy_cli.cli.wanted import Format, Wanted, format_of, is_gzip

if TYPE_CHECKING:
    from gspy_cli.card import ModelCard
    from gspy_cli.glitches import Group
    from gspy_cli.journal import Held, Output
    from gspy_cli.results import Key, Row
    from gspy_cli.writers import Columns
    from gspy_cli.writers.file_formats import FileFormat

RowState = Enum("RowState", ["DONE", "FAILED", "LACKING", "FULL"])
FLUSH_ROWS = 16  # rows written at once; fewer before a wait for the next input


class OutputFile:
    """A file that rows go into; it knows which an earlier run has written."""

    def __init__(self, file_format: "FileFormat", saved: "Output") -> None:
        self._format, self._saved = file_format, saved
        begun = saved.file.tell() > 0
        self._lines = [] if begun else [file_format.header]
        self._room = file_format.limit and file_format.limit - len(saved.done) + begun

    def take(self, key: "Key") -> RowState:
        """Tell whether a row is written, written as failed, lacking, or without room.

        Each call uses up a written row of this key, or the room for a lacking one.
        """
        failed = self._saved.done.take(key)
        if failed is not None:
            return RowState.FAILED if failed else RowState.DONE
        if self._room == 0:
            return RowState.FULL
        if self._room:
            self._room -= 1
        return RowState.LACKING

    def add(self, row: "Row", group: "Group", state: RowState) -> "Row":
        """Take a row, written with the next few if lacking; give what became of it.

        What an earlier run wrote as failed is tried again, for the other outputs.
        """
        if state in (RowState.LACKING, RowState.FAILED):
            row = self._format.act(row)
        if state is RowState.LACKING:
            self._lines.append(self._format.line(row, group))
        if len(self._lines) >= FLUSH_ROWS:
            self.flush()
        return row

    def settle(self) -> None:
        """Write the rows taken before a wait or a stop.

        But not to a compressed file, whose members are the same in each run.
        """
        if not self._format.pack and self._lines != [self._format.header]:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        content = "".join(self._lines).encode("utf-8", "backslashreplace")
        self._lines = []  # what was written in part is not written again
        if content:
            self._saved.write(
                self._format.pack(content) if self._format.pack else content
            )


class Outputs:
    """All places that results go to."""

    def __init__(
        self, files: list[OutputFile], columns: "Columns", printed: Format | None
    ) -> None:
        self._files, self._printed, self.columns = files, printed, columns
        self._begun = False
        self._states: deque[list[RowState]] = deque()  # of what was passed on
        self.already = self.already_failed = self.left_out = 0

    def needless(self) -> int:
        """Count what needs no work: done before, or without room."""
        return self.already + self.left_out

    def left(self, groups: "Iterable[Group]") -> "Iterator[Group]":
        """Pass on what some output lacks."""
        for group in groups:
            key = self.columns.key([sample.origin for sample in group])
            states = [file.take(key) for file in self._files]
            self.already_failed += RowState.FAILED in states
            if RowState.LACKING in states or self._printed:
                self._states.append(states)
                yield group
                for file in self._files:
                    file.settle()  # the next input may be long in coming
            elif set(states) == {RowState.FULL}:
                self.left_out += 1
            else:
                self.already += 1

    def write(
        self,
        rows: "Iterable[tuple[Group, Row]]",
        *,
        counted: "Callable[[Iterable[Row]], Iterator[Row]]",
        watched: "Callable[[Iterable[Row]], Iterator[Row]]",
        live: bool,
    ) -> None:
        """Write the rows of what was left, as they come; `live`, a few at a time.

        They pass through `counted`, and through `watched`, which shows a bar, unless
        the terminal shows the rows themselves as they come.
        """
        saved = counted(self._save(rows))
        if self._printed is None:
            deque(watched(saved), maxlen=0)
        elif self._printed is Format.TABLE:
            from gspy_cli.cli import results_screen

            if live:
                results_screen.show_arrivals(saved, self.columns)
            else:
                results_screen.show_results(saved, self.columns, watched)
        else:
            self._print(saved if live or sys.stdout.isatty() else watched(saved))
        for file in self._files:
            file.flush()

    def _save(self, rows: "Iterable[tuple[Group, Row]]") -> "Iterator[Row]":
        for group, row in rows:
            for file, state in zip(self._files, self._states.popleft(), strict=True):
                row = file.add(row, group, state)
            yield row

    def _print(self, rows: "Iterable[Row]") -> None:
        from gspy_cli import writers

        is_json = self._printed is Format.JSONL
        sys.stdout.reconfigure(  # type: ignore[union-attr]
            encoding="utf-8" if is_json else None, errors="backslashreplace"
        )
        line = writers.json_line if is_json else writers.csv_line
        if not (is_json or self._begun):
            sys.stdout.write(writers.csv_header(self.columns))
        for row in rows:
            sys.stdout.write(line(row, self.columns))
        self._begun = True
        sys.stdout.flush()


@contextmanager
def outputs_of(
    wanted: Wanted, columns: "Columns", card: "ModelCard", events: Events
) -> Iterator[Outputs]:
    """Open the places that results go to.

    A file is gone on with where it was made by the same model and options.
    """
    run: dict[str, object] = {
        "model": card.name,
        "checksum": card.sha256,
        "per_glitch": columns.per_glitch,
        "columns": columns.names(),
        "min_confidence": columns.min_confidence,
        "unfamiliar_below": card.unfamiliar_below,
        "channel": events.channel,
        "ifo": events.ifo,
        "open_data": events.open_data,
    }
    with ExitStack() as stack:
        held = [stack.enter_context(_hold(path, wanted)) for path in wanted.paths()]
        files = [
            stack.enter_context(_open(path, one, wanted, columns, run))
            for path, one in zip(wanted.paths(), held, strict=True)
        ]
        yield Outputs(files, columns, wanted.printed())


def _hold(path: Path, wanted: Wanted) -> "AbstractContextManager[Held]":
    """Hold the file that grows: none is emptied before all are held."""
    from gspy_cli import journal

    file = journal.real(path)
    if path in wanted.files and format_of(path, wanted.form) is Format.PARQUET:
        file = journal.part_of(file)
    return journal.hold(file, overwrite=wanted.overwrite)


@contextmanager
def _open(
    path: Path,
    held: "Held",
    wanted: Wanted,
    columns: "Columns",
    run: Mapping[str, object],
) -> Iterator[OutputFile]:
    from gspy_cli import journal

    name, file_format = _file_format(path, wanted, columns)
    run, overwrite = {**run, "format": name}, wanted.overwrite
    opening: AbstractContextManager[Output]
    if name == Format.PARQUET:
        from gspy_cli.writers.parquet import open_parquet

        opening = open_parquet(
            journal.real(path), held, columns, run=run, overwrite=overwrite
        )
    else:
        opening = nullcontext(
            journal.take_up(
                held, run=run, records=file_format.records, overwrite=overwrite
            )
        )
    with opening as saved:
        file = OutputFile(file_format, saved)
        try:
            yield file
        except BaseException:
            file.settle()
            raise
        file.flush()


def _file_format(
    path: Path, wanted: Wanted, columns: "Columns"
) -> "tuple[str, FileFormat]":
    """Choose how rows lie in a file; the name goes into its journal."""
    from gspy_cli.writers import file_formats

    if path == wanted.gallery:
        from gspy_cli.writers.gallery import gallery_format

        return "gallery", gallery_format(columns, path)
    if path == wanted.table:
        from gspy_cli.writers.sorting import sorted_format

        file_format = sorted_format(columns, path.parent, wanted.link.value)
        return f"sorted {wanted.link}", file_format
    chosen = format_of(path, wanted.form)
    make = file_formats.csv_format if chosen is Format.CSV else file_formats.json_format
    if is_gzip(path):
        return f"{chosen}.gz", file_formats.gzipped(make(columns))
    return chosen.value, make(columns)
