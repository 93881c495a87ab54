"""Options that several commands share, so that they read alike everywhere."""

from typing import Annotated

import typer

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        envvar="GSPY_MODEL",
        metavar="NAME|PATH",
        help="The model: a name from 'gspy models', or an .onnx file.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps."),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no closing line.")
]
