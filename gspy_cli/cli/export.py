"""`gspy export`: a trained run as one ONNX file."""

import json
import math
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from gspy_cli.cli.hints import note, warn_of_stop
from gspy_cli.cli.options import CacheOption, given_besides, need_torch
from gspy_cli.errors import GspyError
from gspy_cli.whole import whole_file, writing
from gspy_cli.wording import command, counted

CHECKING = {"check", "run"}
"""What means something to a check."""


class Precision(StrEnum):
    """The arithmetic of the exported graph; fp16 is for the weights alone."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


def export(
    context: typer.Context,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN|CHECKPOINT", help="A run, or its weights."),
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The ONNX file.")
    ] = Path("model.onnx"),
    precision: Annotated[
        Precision, typer.Option(help="Smaller and faster, checked on labelled data.")
    ] = Precision.FP32,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|CSV", help="For fp16 and int8; default: the run's own data."
        ),
    ] = None,
    cache: CacheOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write even if accuracy falls.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's name in its card.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            metavar="T",
            help="Divide the logits by this; default: the run's own.",
        ),
    ] = None,
    simulated: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Learn from gspy simulate --inputs what is unfamiliar."
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="Scores for the card, as --folds writes."),
    ] = None,
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="The licence for the card.")
    ] = "",
    opset: Annotated[
        int, typer.Option(min=13, max=20, metavar="N", help="ONNX operators' version.")
    ] = 17,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Check this exported file; with RUN, compare them."
        ),
    ] = None,
) -> None:
    """Write a network as an ONNX file that takes raw pictures.

    The answers of ONNX Runtime are compared with torch's first; if they differ,
    nothing is written and the exit code is 1.

    Example: gspy export runs/train/mobilenet_v2-001 -o model.onnx
    """
    need_torch("exporting")
    if check is not None:
        _check(context, check, run)
        return
    run = _exportable(run, output)
    warn_of_stop(run)
    exporting = _loaded()
    from gspy_cli.cli import progress

    changes = _changes(name, temperature, scores, licence)
    with progress.stages("exporting", quiet=False) as stages, ExitStack() as end:
        with writing(output):  # tells at once if nothing can be
            made = end.enter_context(whole_file(output))
            made.touch()
        if precision is Precision.FP32:
            card = exporting.export_run(run, made, changes=changes, opset=opset)
        else:
            from gspy_cli.training.variants import export_variant

            card = export_variant(
                run,
                made,
                precision.value,
                data=data or run,
                cache=cache,
                force=force,
                changes=changes,
                opset=opset,
                stages=stages,
                on_note=note,
            )
        if simulated is not None:
            from gspy_cli.training.familiarity import add_familiarity

            card = add_familiarity(
                made, card, simulated, run=run, cache=cache, stages=stages, on_note=note
            )
        with writing(output):
            end.close()
    if precision is not Precision.FP32:
        for kind, accuracy in card.scores["accuracy_by_precision"].items():
            typer.echo(f"{kind}: {accuracy:.4f} of the pictures named right")
    if simulated is not None:
        typer.echo(f"unfamiliar below {card.unfamiliar_below:.3f}")
    classes, size = counted(len(card.classes), "class"), output.stat().st_size / 1e6
    typer.echo(f"{output}: {card.architecture}, {classes}, {size:.1f} MB")
    follow = command("gspy", "classify", "figures/", "--model", output)
    typer.echo(f"next: {follow}")


def _check(context: typer.Context, file: Path, run: Path | None) -> None:
    """Say what an exported file is; the options of an export mean nothing to it."""
    if other := given_besides(context, CHECKING):
        raise GspyError(f"--check FILE writes nothing: leave {other} out")
    _loaded()
    from gspy_cli.training.check import check_file

    typer.echo(check_file(file, run))


def _loaded() -> ModuleType:
    """Import what exports; torch takes its time to load."""
    from gspy_cli.cli.progress import bar

    with bar("starting", quiet=False):
        from gspy_cli.training import export as exporting
    return exporting


def _exportable(run: Path | None, output: Path) -> Path:
    """Give the run; refuse what cannot be exported, before torch is loaded."""
    if run is None:
        raise GspyError("give the run to export: gspy export runs/train/NAME")
    if not run.exists():
        raise GspyError(f"{run} does not exist")
    if output.is_dir() or not output.parent.is_dir():
        raise GspyError(f"-o {output}: name a file in a folder that is there")
    if output.suffix.lower() != ".onnx":
        raise GspyError(f"-o {output}: end it in .onnx")
    return run


def _changes(
    name: str | None, temperature: float | None, scores: Path | None, licence: str
) -> dict[str, Any]:
    """Give the fields of the card that the options set."""
    if temperature and not math.isfinite(temperature):
        raise GspyError(f"--temperature {temperature}: give a number")
    given = {"temperature": temperature, "name": name, "licence": licence}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value}
    return changes | ({"scores": _read_scores(scores)} if scores else {})


def _read_scores(file: Path) -> dict[str, Any]:
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GspyError(f"cannot read scores from {file} ({error})") from None
    if not isinstance(scores, dict):
        raise GspyError(f"{file} is no JSON object: give names with their scores")
    return scores
