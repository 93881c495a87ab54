"""`gspy data`: get the data that others train on."""

from pathlib import Path
from typing import Annotated

import typer

from gspy_cli.cli.interruption import KEPT, leaving
from gspy_cli.cli.options import QuietOption, need_torch
from gspy_cli.errors import GspyError
from gspy_cli.wording import command

MB = 10**6

data = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@data.callback()
def about() -> None:
    """Get data to train on.

    Example: gspy data get gravity-spy
    """


@data.command()
def get(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="gravity-spy: its training set v1.1.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Default: your data folder."
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Download a data set, or the rest of one.

    A download that broke off goes on where it stopped.

    Example: gspy data get gravity-spy
    """
    need_torch("preparing training data")
    from gspy_cli.cli.progress import bar
    from gspy_cli.training.download import data_folder, get_gravity_spy

    if name != "gravity-spy":
        raise GspyError(f"no data set '{name}'; there is: gravity-spy")
    folder = output or data_folder() / "gravity-spy"
    with leaving(KEPT), bar("downloading, MB", quiet=quiet) as progress:
        table = get_gravity_spy(
            folder, on_progress=lambda _, done, size: progress(done // MB, size // MB)
        )
    if not quiet:
        typer.echo(f"next: {command('gspy', 'train', '--data', table)}")
