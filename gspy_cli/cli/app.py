"""The app: its commands, its version, and what an error or Ctrl-C does."""

import csv
import errno
import io
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gspy_cli import __version__
from gspy_cli.cli import layout
from gspy_cli.cli.interruption import INTERRUPTED, Interruption
from gspy_cli.errors import CheckError, GspyError
from gspy_cli.wording import printable

UNUSABLE = (  # errors of a path that checks like `Path.exists` do not foresee
    errno.EACCES, errno.EPERM, errno.EIO, errno.ENAMETOOLONG, errno.EROFS, errno.ESTALE,
    errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN,
)  # fmt: skip
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

csv.field_size_limit(2**31 - 1)  # a path may be a line of a list, of any length

COMMANDS = tuple(name for names in layout.COMMANDS.values() for name in names)
"""Each is a function, or an app of its own, in the module of its name."""


class GspyGroup(TyperGroup):
    """The commands, each imported when it is used; errors become one line."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(**attributes)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """Import a command."""
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = _command(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """List the commands by what a user is doing."""
        for heading, names in layout.COMMANDS.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{name:10}", command.get_short_help_str(80))
                     for name, command in found]
                )  # fmt: skip

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Read the options before a command; one of them writes files."""
        try:
            return super().parse_args(ctx, args)
        except OSError as error:
            if not error.filename:
                raise
            why = f"cannot write {printable(str(error.filename))}: {error.strerror}"
        except RuntimeError as error:
            if type(error) is not RuntimeError:  # typer.Exit is one
                raise
            why = "no home folder"
        remedy = "gspy --show-completion shows what your shell must read"
        typer.echo(f"gspy: {why}; {remedy}", err=True)
        raise typer.Exit(2)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command; the exit code says how it ended."""
        try:
            return super().invoke(ctx)
        except GspyError as error:
            typer.echo(f"gspy: {printable(str(error))}", err=True)
            raise typer.Exit(1 if isinstance(error, CheckError) else 2) from None
        except KeyboardInterrupt as stop:
            typer.echo("; ".join(["gspy: interrupted", *stop.args]), err=True)
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            if _is_broken_pipe(error):
                _forget_stdout()
                raise typer.Exit(0) from None
            if not error.filename or error.errno not in UNUSABLE:
                raise
            name = printable(str(error.filename))
            typer.echo(f"gspy: {name}: {error.strerror}", err=True)
            raise typer.Exit(2) from None


def _command(name: str) -> Any:  # noqa: ANN401
    found = getattr(import_module(f"gspy_cli.cli.{name}"), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=layout.GroupedCommand)(found)
    return typer.main.get_command(alone)


def _is_broken_pipe(error: OSError) -> bool:
    """Tell whether a pipe's reader has closed it; Windows has no number for that."""
    if sys.platform == "win32" and error.errno == errno.EINVAL:
        return error.filename is None
    return isinstance(error, BrokenPipeError)


def _forget_stdout() -> None:
    """Let nothing more be written to a pipe that its reader has closed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    name="gspy",
    cls=GspyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(asked: bool) -> None:
    if asked:
        from gspy_cli.registry import default_name

        try:
            default = f"default model: {default_name()}"
        except GspyError as error:
            default = printable(str(error))
        typer.echo(f"gspy {__version__} ({default})")
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
    """Classify LIGO glitches by the shape they draw in a spectrogram.

    Example: gspy classify figures/ -o labels.csv; 'gspy COMMAND --help' says more.
    """


def main() -> None:
    """Run the command line and end the process."""
    _open_streams()
    interruption = Interruption()
    interruption.listen()
    try:
        app(prog_name="gspy")
    except SystemExit as end:
        if interruption.asked:
            _leave(INTERRUPTED)
        if "torch" in sys.modules or not isinstance(end.code, int | None):
            raise
        _leave(end.code or 0)
    except OSError as error:
        if error.filename or error.errno not in UNWRITABLE:
            raise
        _complain(error)
        _leave(2)


class Messages(io.FileIO):
    """Standard error; what cannot be written there goes nowhere."""

    def write(self, content: Any) -> int:  # noqa: ANN401
        """Write as much as the system takes."""
        try:
            return super().write(content)
        except OSError:  # nobody reads it any more, or the disk is full
            return len(content)


def _open_streams() -> None:
    """Make the standard streams fit for use.

    A closed one is stood in for, lest a file get its number: what is written to such
    a standard output fails; messages go nowhere.
    """
    for name, flags, mode in (
        ("stdin", os.O_RDONLY, "r"),
        ("stdout", os.O_RDONLY, "w"),
        ("stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, flags)  # the lowest that is free: the stream's
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    # Windows turns text for a console into what that shows; bytes it would garble
    if sys.platform != "win32" or not sys.stderr.isatty():
        messages = io.BufferedWriter(Messages(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(
            messages, sys.stderr.encoding, "backslashreplace", line_buffering=True
        )
    # lists of names keep the bytes that are not UTF-8; tables have bars
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def _complain(error: OSError) -> None:
    """Say that standard output cannot be written, and write there no more."""
    _forget_stdout()
    typer.echo(f"gspy: cannot write the output: {error.strerror}", err=True)


def _leave(code: int) -> None:
    """End at once: to take the interpreter apart takes a sixth of a short run."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if _is_broken_pipe(error):
            _forget_stdout()
        else:
            _complain(error)
            code = 2
    sys.stderr.flush()
    os._exit(code)
