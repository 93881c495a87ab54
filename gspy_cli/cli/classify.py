"""`gspy classify`: pictures in, labels out."""

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gspy_cli.cli import explaining, strain
from gspy_cli.cli.loading import begin_loading
from gspy_cli.cli.options import (
    ChannelOption,
    DeviceOption,
    ExplainOption,
    IfoOption,
    ModelOption,
    QuietOption,
)
from gspy_cli.cli.output import Format, format_of, output_of
from gspy_cli.cli.strain import OpenDataOption, TriggersOption
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.results import Result
    from gspy_cli.sources import Sample


class Tally:
    """Counts results as they pass."""

    def __init__(self) -> None:
        self.classified = self.failed = 0
        self._started = time.monotonic()

    def count(self, results: "Iterable[Result]") -> "Iterator[Result]":
        """Pass results on, counted."""
        from gspy_cli.results import Failure

        for result in results:
            failed = isinstance(result, Failure)
            self.failed += failed
            self.classified += not failed
            yield result

    def summary(self, *, already: int, already_failed: int) -> str:
        """Say in one line what a run did; `already` were done by an earlier one."""
        total = self.classified + self.failed
        rate = total / max(time.monotonic() - self._started, 1e-9)
        counts = f"{self.classified} classified, {self.failed} failed, {rate:.0f}/s"
        before = f"; {already} were done before" if already else ""
        which = f", {already_failed} of them failed" if already_failed else ""
        return f"{counts}{before}{which}"


def classify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATHS...",
            help="Pictures, strain, folders; '-' reads a list from stdin.",
        ),
    ] = None,
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look in folders' folders too.")
    ] = False,
    files_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take paths from a list, one a line."),
    ] = None,
    gps: Annotated[
        list[str] | None,
        typer.Option(
            "--gps",
            "-t",
            metavar="TIME",
            help="Take strain and classify this time: GPS s or UTC; may repeat.",
        ),
    ] = None,
    triggers: TriggersOption = None,
    open_data: OpenDataOption = False,
    channel: ChannelOption = None,
    ifo: IfoOption = None,
    time_shift_check: Annotated[
        bool,
        typer.Option(
            "--time-shift-check",
            help="See whether the label holds at ±1, ±5 and ±20 ms.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here: .csv or .jsonl."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin an existing output anew.")
    ] = False,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            metavar="csv|jsonl|table",
            help="Default: table on a terminal, else csv.",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option(min=1, metavar="K", help="Give the K likeliest classes.")
    ] = 1,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="P", help="Flag labels below this; drop no row."
        ),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", "-b", min=1, metavar="N", help="Pictures a batch."
        ),
    ] = 8,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Cores to use.", show_default="all"),
    ] = None,
    explain: ExplainOption = None,
    quiet: QuietOption = False,
) -> None:
    """Name the glitch in each picture.

    Every input gets one row, in input order; a picture that cannot be classified
    gets its reason. A run with -o that was stopped goes on where it was when the same
    command is given again. Exit code 0: all classified; 1: some inputs failed,
    in this run or in the part that was done before.

    Example: gspy classify figures/ -o labels.csv
    """
    chosen = format_of(form, output)
    if explain is not None:
        explaining.check(paths or [], explain)
    is_strain = bool(gps or triggers)
    loading = begin_loading(model, device=device)
    samples = (
        strain.samples(
            paths or [], files_from, gps or [], triggers, channel, ifo, open_data, quiet
        )
        if is_strain
        else _samples(paths or [], files_from, recursive=recursive)
    )
    if not is_strain and (open_data or time_shift_check):
        raise GspyError("--open-data and --time-shift-check need --gps or --triggers")

    from gspy_cli import predict, sources
    from gspy_cli.writers import Columns

    samples = sources.read_first(samples)
    loaded = loading()
    columns = Columns(
        loaded.card.classes,
        loaded.card.name,
        min(top_k, len(loaded.card.classes)),
        min_confidence,
        triggers=is_strain,
        time_shifts=time_shift_check,
    )
    tally = Tally()
    with output_of(output, chosen, columns, loaded.card, overwrite=overwrite) as target:
        left = (sample for sample in samples if not target.has(sample.origin))
        results = (
            strain.classify(left, loaded, batch_size, shifts=time_shift_check)
            if is_strain
            else predict.classify(left, loaded, batch_size=batch_size, workers=workers)
        )
        target.write(tally.count(results), quiet=quiet)
    if not quiet and (output or tally.classified + tally.failed > 1):
        summary = tally.summary(
            already=target.already, already_failed=target.already_failed
        )
        typer.echo(f"{summary} ({loaded.card.name}, {loaded.device})", err=True)
    if explain is not None and paths:
        explaining.write(paths[0], loaded, model, explain)
    if tally.failed or target.already_failed:
        raise typer.Exit(1)


def _samples(
    paths: list[str], files_from: Path | None, *, recursive: bool
) -> "Iterator[Sample]":
    from gspy_cli import sources

    if not paths and files_from is None:
        raise GspyError("nothing to classify; give pictures, folders or --files-from")
    strain.refuse_without_times(paths)
    parts = []
    for path in paths:
        named = sys.stdin if path == "-" else None
        parts.append(
            sources.from_list(named, recursive=recursive)
            if named
            else sources.from_paths([path], recursive=recursive)
        )
    if files_from is not None:
        lines = sources.read_list(files_from)
        parts.append(sources.from_list(lines, recursive=recursive))
    return chain.from_iterable(parts)
