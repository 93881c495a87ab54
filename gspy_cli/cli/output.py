"""Where results go: a file that survives any stop, standard output, or a table."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.card import ModelCard
    from gspy_cli.journal import Output
    from gspy_cli.results import Origin, Result
    from gspy_cli.writers import Columns

FLUSH = 16  # lines between two writes


class Format(StrEnum):
    """How results are written."""

    CSV = "csv"
    JSONL = "jsonl"
    TABLE = "table"


def format_of(form: Format | None, output: Path | None) -> Format:
    """Choose the format: as asked, by the output's suffix, or by the terminal."""
    if form:
        return form
    if output is None:
        return Format.TABLE if sys.stdout.isatty() else Format.CSV
    try:
        return {".csv": Format.CSV, ".jsonl": Format.JSONL}[output.suffix.lower()]
    except KeyError:
        raise GspyError(
            f"cannot tell the format of {output} from its name; end it in .csv or "
            ".jsonl, or give --format"
        ) from None


class Target:
    """Takes results; knows which inputs an earlier run has finished."""

    def __init__(
        self, form: Format, columns: "Columns", saved: "Output | None"
    ) -> None:
        self._form, self._columns, self._saved = form, columns, saved
        header = form is Format.CSV
        self.already = max(saved.done.total() - header, 0) if saved else 0
        self.already_failed = saved.failed if saved else 0

    def has(self, origin: "Origin") -> bool:
        """Tell whether the output holds this input's row already."""
        return self._saved is not None and self._saved.take(origin)

    def write(self, results: "Iterable[Result]", *, quiet: bool) -> None:
        """Write results as they come."""
        if self._form is Format.TABLE:
            from gspy_cli.cli import terminal

            terminal.show_results(results, self._columns)
        elif self._saved is None:
            self._print(results)
        else:
            self._save(results, self._saved, quiet=quiet)

    def _print(self, results: "Iterable[Result]") -> None:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        for line in self._lines(results, with_header=True):
            sys.stdout.write(line)
        sys.stdout.flush()

    def _save(
        self, results: "Iterable[Result]", saved: "Output", *, quiet: bool
    ) -> None:
        if not quiet and sys.stderr.isatty():
            from gspy_cli.cli import terminal

            results = terminal.with_progress(results)
        lines = self._lines(results, with_header=not saved.done.total())
        while chunk := list(islice(lines, FLUSH)):
            saved.write(chunk)

    def _lines(
        self, results: "Iterable[Result]", *, with_header: bool
    ) -> Iterator[str]:
        from gspy_cli import writers

        if self._form is Format.JSONL:
            yield from writers.json_lines(results, self._columns)
            return
        if with_header:
            yield writers.csv_header(self._columns)
        yield from writers.csv_lines(results, self._columns)


@contextmanager
def output_of(
    path: Path | None,
    form: Format,
    columns: "Columns",
    card: "ModelCard",
    *,
    overwrite: bool,
) -> Iterator[Target]:
    """Open the place that results go to.

    A file is gone on with where it was made by the same model and options.
    """
    if path is None:
        yield Target(form, columns, None)
        return
    if form is Format.TABLE:
        raise GspyError("a table is for the terminal; give -o a .csv or .jsonl")
    from gspy_cli import journal, writers

    records = {Format.CSV: writers.csv_records, Format.JSONL: writers.json_records}
    run = {
        "model": card.name,
        "checksum": card.sha256,
        "format": form.value,
        "columns": columns.names(),
        "min_confidence": columns.min_confidence,
    }
    with journal.open_output(
        path, run=run, records=records[form], overwrite=overwrite
    ) as saved:
        yield Target(form, columns, saved)
