"""`gspy simulate`: figures of glitches that never happened, and their truth."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gspy_cli.cli.hints import hint
from gspy_cli.cli.interruption import KEPT, leaving
from gspy_cli.cli.options import QuietOption, need_strain, refuse_file
from gspy_cli.errors import GspyError
from gspy_cli.labels import CLASSES
from gspy_cli.whole import writing
from gspy_cli.wording import command, counted, did_you_mean
from gspy_cli.workers import available_cores

WORTH_STARTING = 8  # glitches: a process takes as long to start as to draw some


def simulate(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where figures go.")
    ],
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, metavar="N", help="Glitches to draw.")
    ] = 24,
    classes: Annotated[
        str, typer.Option(metavar="A,B,...", help="Only these classes.")
    ] = "",
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="The same seed, the same bytes, with the same versions of numpy, "
            "scipy, Pillow and matplotlib, on one kind of processor.",
        ),
    ] = 0,
    jpeg: Annotated[bool, typer.Option("--jpeg", help="Write JPEG, not PNG.")] = False,
    inputs: Annotated[
        int | None,
        typer.Option(
            min=32, metavar="SIZE", help="Write network inputs to train on instead."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-j",
            min=1,
            metavar="N",
            help="Cores to use.",
            show_default="all",
        ),
    ] = None,
    strain: Annotated[
        bool, typer.Option("--strain", help="Write the strain too, as HDF5.")
    ] = False,
    noise: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            exists=True,
            help="Real strain, a file or folder: put half of the glitches into its "
            "quiet seconds.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Simulate glitches and draw them as Gravity Spy does.

    Four windows a glitch, in a folder for each class.
    manifest.csv holds the true parameters.

    Example: gspy simulate -n 24 -o simulated/
    """
    need_strain("simulating")
    from gspy_cli.cli.progress import bar
    from gspy_cli.simulate.dataset import Plan, write_inputs
    from gspy_cli.simulate.figures import write_figures

    refuse_file(output)
    names = [name.strip() for name in classes.split(",")] if classes else CLASSES
    chosen = [_class(name) for name in names]
    if inputs and (jpeg or strain):
        of_figures = "--jpeg" if jpeg else "--strain"
        raise GspyError(f"{of_figures} goes with figures, not with --inputs")
    how_many = workers or min(available_cores(), max(count // WORTH_STARTING, 1))
    with writing(output), leaving(KEPT), bar("simulating", quiet=quiet) as progress:
        if inputs:
            source = str(noise.resolve()) if noise else ""
            plan = Plan(
                count,
                seed,
                height=inputs,
                width=inputs,
                classes=tuple(chosen),
                noise=source,
            )
            write_inputs(
                output, plan, workers=how_many, progress=progress, on_left_out=_left_out
            )
        else:
            write_figures(
                output,
                count=count,
                seed=seed,
                classes=chosen,
                picture_format="jpeg" if jpeg else "png",
                strain=strain,
                noise=noise,
                workers=how_many,
                progress=progress,
                on_left_out=_left_out,
            )
    if quiet:
        return
    figures = counted(4 * count, "input" if inputs else "figure")
    typer.echo(f"{counted(count, 'glitch')}, {figures}, in {output}", err=True)
    follow = (
        command("gspy", "train", "--simulated", output, "--data", "FOLDER")
        if inputs
        else command("gspy", "classify", output, "--recursive")
    )
    hint(follow, quiet=quiet)


def _left_out(reason: str) -> None:
    sys.stderr.write(f"gspy: left out: {reason}\n")  # typer.echo would break a bar


def _class(name: str) -> str:
    if name in CLASSES:
        return name
    known = did_you_mean(name, CLASSES) or f"; there are {', '.join(CLASSES)}"
    raise GspyError(f"no class '{name}'{known}")
