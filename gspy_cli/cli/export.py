"""`gspy export`: a trained run as one ONNX file."""

from pathlib import Path
from typing import Annotated

import typer

from gspy_cli.cli.options import need_torch


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN|CHECKPOINT", help="A run, or its weights.")
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The ONNX file.")
    ] = Path("model.onnx"),
    opset: Annotated[int, typer.Option(min=13, max=20, metavar="N")] = 17,
) -> None:
    """Write a network as an ONNX file that takes raw pictures.

    The answers of ONNX Runtime are compared with torch's first; if they differ,
    nothing is written and the exit code is 1.

    Example: gspy export runs/train/mobilenet_v2-001 -o model.onnx
    """
    need_torch("exporting")
    from gspy_cli.training.export import export_run

    card = export_run(run, output, opset=opset)
    size = output.stat().st_size / 1e6
    typer.echo(
        f"{output}: {card.architecture}, {len(card.classes)} classes, {size:.1f} MB"
    )
    typer.echo(f"next: gspy classify figures/ --model {output}")
