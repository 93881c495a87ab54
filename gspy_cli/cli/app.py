"""The app: its commands, its version, and what an error or Ctrl-C does."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gspy_cli import __version__
from gspy_cli.cli.classify import classify
from gspy_cli.cli.data import data
from gspy_cli.cli.devices import devices
from gspy_cli.cli.evaluate import evaluate
from gspy_cli.cli.export import export
from gspy_cli.cli.models import models
from gspy_cli.cli.qscan import qscan
from gspy_cli.cli.simulate import simulate
from gspy_cli.cli.train import train
from gspy_cli.errors import CheckError, GspyError


class GspyGroup(TyperGroup):
    """The group of commands; it turns a user's error into one line."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command; the exit code says how it ended."""
        try:
            return super().invoke(ctx)
        except GspyError as error:
            typer.echo(f"gspy: {error}", err=True)
            raise typer.Exit(1 if isinstance(error, CheckError) else 2) from None
        except KeyboardInterrupt:
            typer.echo("gspy: interrupted; what was finished is kept", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            _forget_stdout()
            raise typer.Exit(0) from None


def _forget_stdout() -> None:
    """Let nothing more be written to a pipe that its reader has closed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    name="gspy",
    cls=GspyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        from gspy_cli.registry import default_name

        typer.echo(f"gspy {__version__} (default model: {default_name()})")
        raise typer.Exit


@app.callback()
def gspy(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_show_version,
            is_eager=True,
            help="Show the version and the default model, and exit.",
        ),
    ] = False,
) -> None:
    """Classify LIGO glitches by the shape they draw in a spectrogram."""


app.command()(classify)
app.command()(qscan)
app.command()(simulate)
app.command()(train)
app.command()(evaluate)
app.command()(export)
app.add_typer(data, name="data")
app.add_typer(models, name="models")
app.command()(devices)


def main() -> None:
    """Run the command line and end the process."""
    try:
        app()
    except SystemExit as end:
        if "torch" in sys.modules or not isinstance(end.code, int | None):
            raise
        _leave(end.code or 0)


def _leave(code: int) -> None:
    """End at once: to take the interpreter apart takes a sixth of a short run."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
    sys.stderr.flush()
    os._exit(code)
