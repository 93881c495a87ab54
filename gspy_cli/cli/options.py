"""Options that several commands share, so that they read alike everywhere."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from gspy_cli.errors import GspyError

WINDOW_CHOICES = "0.5, 1.0, 2.0, 4.0 or all"  # what `window_s` reads

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        envvar="GSPY_MODEL",
        metavar="NAME|FILE|RUN",
        help="A name from 'gspy models', an .onnx file, or a training run.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps."),
]
BatchOption = Annotated[
    int,
    typer.Option("--batch-size", "-b", min=1, metavar="N", help="Pictures a batch."),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where decoded pictures are kept; default: your cache folder.",
    ),
]
ExplainOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Draw what one picture's label rests on: .png or .jpg."
    ),
]
WindowOption = Annotated[
    str, typer.Option("--window", metavar="S", help=f"{WINDOW_CHOICES}.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no closing line.")
]
ChannelOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The channel, where a strain file has several."),
]
IfoOption = Annotated[
    str | None,
    typer.Option(
        "--ifo",
        "-i",
        metavar="H1|L1|V1|K1|G1",
        parser=str.upper,
        help="The detector; default: as the file says.",
    ),
]


def window_s(text: str) -> float | None:
    """Read the length of a window in seconds; 'all' is None."""
    if text == "all":
        return None
    try:
        return float(text)
    except ValueError:
        raise GspyError(f"--window {text}: use {WINDOW_CHOICES}") from None


def given_besides(context: typer.Context, meant: set[str]) -> str:
    """Name an option on the command line that is none of `meant`; empty without one."""
    for option in context.command.params:
        name = option.name or ""
        source = context.get_parameter_source(name)
        if name not in meant and source and source.name == "COMMANDLINE":
            return option.opts[0]
    return ""


def refuse_file(output: Path) -> None:
    """Refuse a file where pictures are to go."""
    if output.is_file():
        raise GspyError(f"-o {output} is a file; give a folder")


def need(package: str, *, extra: str, what: str) -> None:
    """Refuse `what` in one line where a package of an extra is not installed."""
    if importlib.util.find_spec(package) is None:
        raise GspyError(f"{what} needs {package}; pip install 'gspy-cli[{extra}]'")


def need_torch(what: str) -> None:
    """Refuse `what` in one line where torch is not installed."""
    need("torch", extra="train", what=what)


def need_strain(what: str, *more: str) -> None:
    """Refuse `what` in one line where the `strain` extra is not installed."""
    for package in ("scipy", "h5py", "matplotlib", *more):
        need(package, extra="strain", what=what)
