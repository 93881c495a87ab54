"""`gspy classify`: pictures in, labels out."""

import math
from pathlib import Path
from typing import Annotated

import typer

from gspy_cli.cli import explaining
from gspy_cli.cli.engine import Engine, begin_engine
from gspy_cli.cli.hints import after_classify, hint, warn_of_stop
from gspy_cli.cli.inputs import Given
from gspy_cli.cli.interruption import INTERRUPTED
from gspy_cli.cli.options import (
    BatchOption,
    ChannelOption,
    DeviceOption,
    ExplainOption,
    IfoOption,
    ModelOption,
    QuietOption,
)
from gspy_cli.cli.output import Outputs, outputs_of
from gspy_cli.cli.running import RowTally, run
from gspy_cli.cli.strain import Events, OpenDataOption, TriggersOption
from gspy_cli.cli.wanted import Format, Link, Wanted
from gspy_cli.errors import GspyError
from gspy_cli.home import user_path


def _no_nan(probability: float | None) -> float | None:
    if probability is not None and math.isnan(probability):
        raise GspyError("--min-confidence is a probability from 0 to 1")
    return probability


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
        bool,
        typer.Option(
            "--recursive", "-r", help="Look in folders' folders too; follow links."
        ),
    ] = False,
    files_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Take paths from a list, one a line; or '-'."
        ),
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
    per_glitch: Annotated[
        bool,
        typer.Option("--per-glitch", help="One row a glitch: its windows together."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on with what arrives, until Ctrl-C.")
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Run on Dask: tcp://HOST:8786, or slurm:20."),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write .csv, .jsonl, either with .gz, or .parquet; may repeat.",
        ),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page of the pictures: .html."),
    ] = None,
    sort_into: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Put pictures into a folder a class."),
    ] = None,
    link: Annotated[
        Link, typer.Option(help="How --sort-into puts them there.")
    ] = Link.COPY,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin an existing output anew.")
    ] = False,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            metavar="csv|jsonl|table",
            help="Default: by the output's name; table on a terminal, else csv.",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option(min=1, metavar="K", help="Give the K likeliest classes.")
    ] = 1,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            callback=_no_nan,
            help="Flag labels below this; drop no row.",
        ),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchOption = 8,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Cores to use, for pictures.", show_default="all"
        ),
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
    events = Events(
        times=tuple(gps or ()),
        table=triggers,
        channel=channel,
        ifo=ifo,
        open_data=open_data,
        shifts=time_shift_check,
        quiet=quiet,
    )
    given = Given(
        tuple(paths or ()),
        files_from=files_from,
        recursive=recursive,
        events=events,
        sort_into=sort_into,
    )
    wanted = Wanted(
        tuple(output or ()),
        form=form,
        sort_into=sort_into,
        link=link,
        gallery=gallery,
        overwrite=overwrite,
    )
    if per_glitch and time_shift_check:
        raise GspyError("--time-shift-check is for single windows, not --per-glitch")
    _check(given, wanted, cluster, workers, explain)
    if model and not quiet:
        warn_of_stop(user_path(model))
    stopped = False
    with begin_engine(
        given,
        model=model,
        device=device,
        batch_size=batch_size,
        workers=workers,
        cluster=cluster,
        least=int(wanted.begun()),  # a picture may have crashed the run that began it
    ) as begun:
        ahead = begun.reads_here and not wanted.paths()
        rounds = given.rounds(watch=watch, per_glitch=per_glitch, ahead=ahead)

        from gspy_cli.writers import Columns

        tally = RowTally()
        engine = begun.ready()
        classes = engine.card.classes
        columns = Columns(
            classes,
            engine.card.name,
            min(top_k, len(classes)),
            min_confidence,
            triggers=bool(events),
            time_shifts=time_shift_check,
            per_glitch=per_glitch,
        )
        with outputs_of(wanted, columns, engine.card, events) as outputs:
            if watch and not quiet:
                typer.echo("gspy: watching; Ctrl-C ends it", err=True)
            try:
                run(
                    rounds,
                    engine,
                    outputs,
                    tally,
                    again=lambda: None if watch else given.again(per_glitch=per_glitch),
                    quiet=quiet,
                    live=watch,
                )
            except KeyboardInterrupt:
                if not watch:
                    raise KeyboardInterrupt(wanted.after_stop()) from None
                stopped = True  # the way to end it
    failed = _close(
        given,
        wanted,
        engine,
        outputs,
        tally,
        model=model,
        explain=explain,
        quiet=quiet,
        watch=watch,
    )
    if stopped:
        raise typer.Exit(INTERRUPTED)
    if failed:
        raise typer.Exit(1)


def _check(
    given: Given,
    wanted: Wanted,
    cluster: str | None,
    workers: int | None,
    explain: Path | None,
) -> None:
    """Refuse what does not go together, before anything is read."""
    given.events.check()
    if explain is not None:
        explaining.check(given, explain)
        if cluster:
            raise GspyError("--explain works here, without --cluster")
    if wanted.sort_into:
        if given.events:
            raise GspyError("--sort-into takes pictures; strain has none to sort")
        given.check_outside(wanted.sort_into)
    if cluster and given.events:
        raise GspyError("--cluster takes pictures; strain is scanned here")
    if given.events and workers:
        raise GspyError("--workers is for pictures; two threads scan strain")
    if cluster and workers:
        raise GspyError("--workers counts cores here; a cluster has its own")
    given.refuse_among(filter(None, [*wanted.paths(), explain]))
    wanted.check()


def _close(
    given: Given,
    wanted: Wanted,
    engine: Engine,
    outputs: Outputs,
    tally: RowTally,
    *,
    model: str | None,
    explain: Path | None,
    quiet: bool,
    watch: bool,
) -> bool:
    """Say what the run did and what may come next; tell whether anything failed."""
    if not quiet and (wanted.paths() or watch or tally.total != 1):
        where = f"({engine.card.name}, {engine.where})"
        typer.echo(f"{tally.summary(outputs)} {where}", err=True)
    failed = bool(tally.failed or tally.partial or outputs.already_failed)
    if explain is None:
        hint(after_classify(given, wanted, tally, model), quiet=quiet or watch)
    elif failed or engine.model is None:
        typer.echo(f"{explain}: nothing drawn", err=True)
    else:
        explaining.write(given.paths[0], engine.model, model, explain)
    return failed
