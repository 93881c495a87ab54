"""`gspy train`: fine-tune a network on labelled pictures.

The command is long because each field of a recipe is an option of its own; options
have their fields' names.
"""

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gspy_cli.cli.options import DeviceOption, QuietOption, need_torch
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.training.config import TrainConfig
    from gspy_cli.training.run import Run


def train(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|CSV",
            help="<Class>/*.png, train/validation/test folders, or a table.",
        ),
    ] = None,
    *,
    architecture: Annotated[
        str,
        typer.Option(
            "--arch", metavar="NAME", help="See 'gspy models --architectures'."
        ),
    ] = "mobilenet_v2",
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="paper or modern.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where runs go.")
    ] = Path("runs/train"),
    name: Annotated[
        str, typer.Option(metavar="NAME", help="The run's name; default: --arch.")
    ] = "",
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a stopped run.")
    ] = None,
    folds: Annotated[
        int,
        typer.Option(min=0, metavar="K", help="Score by K-fold over glitches instead."),
    ] = 0,
    window: Annotated[
        str, typer.Option(metavar="S", help="0.5, 1.0, 2.0, 4.0 or all.")
    ] = "all",
    own_classes: Annotated[
        bool, typer.Option("--own-classes", help="Classes are the labels as they are.")
    ] = False,
    validation: Annotated[
        float, typer.Option(metavar="PART", help="Glitches to validate on.")
    ] = 0.15,
    test: Annotated[
        float, typer.Option(metavar="PART", help="Glitches to keep for a test.")
    ] = 0.15,
    simulated: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Train on simulated inputs too."),
    ] = None,
    real_share: Annotated[
        float, typer.Option(metavar="PART", help="Real pictures among those drawn.")
    ] = 0.25,
    epochs: Annotated[int | None, typer.Option(metavar="N")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", "-b", metavar="N")
    ] = None,
    lr: Annotated[float | None, typer.Option(metavar="X")] = None,
    weight_decay: Annotated[float | None, typer.Option(metavar="X")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="NAME", help="step, cosine or constant.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="adam, adamw or sgd.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(metavar="N", help="Stop after N epochs no better.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N")] = 0,
    image_size: Annotated[
        int | None, typer.Option(min=32, metavar="N", help="Side of the input, pixels.")
    ] = None,
    pretrained: Annotated[
        bool, typer.Option(help="Start from ImageNet weights.")
    ] = True,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Start from these weights.")
    ] = None,
    device: DeviceOption = "auto",
    amp: Annotated[
        str, typer.Option(metavar="TYPE", help="auto, bf16, fp16 or off.")
    ] = "auto",
    workers: Annotated[
        int, typer.Option("--workers", "-j", min=0, help="Loading processes.")
    ] = 0,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Decoded pictures go here.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Fine-tune a network, or train one from nothing.

    Writes a run folder with the best and last weights, curves and scores, and
    prints the command that comes next.

    Example: gspy train --arch mobilenet_v2 --data figures/
    """
    options = dict(locals())
    need_torch("training")
    from gspy_cli.cli import training_screen
    from gspy_cli.training import crossvalidation
    from gspy_cli.training import train as training

    with training_screen.reports(quiet=quiet) as reports:
        if resume is not None:
            run = training.resume(resume, data=data, reports=reports)
        elif folds:
            folder = crossvalidation.cross_validate(
                _config(options), folds, reports=reports
            )
        else:
            run = training.train(_config(options), reports=reports)
    if folds:
        typer.echo((folder / "scores.json").read_text(encoding="utf-8"))
        typer.echo(f"predictions: {folder / 'predictions.csv'}", err=True)
    else:
        _show_end(run)


def _config(options: dict[str, Any]) -> "TrainConfig":
    from gspy_cli.training.config import TrainConfig
    from gspy_cli.training.recipes import Recipe, recipe_for

    if options["data"] is None:
        raise GspyError(
            "no data; give --data DIR with one folder a class, or a CSV table"
        )
    given = {key: value for key, value in options.items() if value is not None}
    base = recipe_for(options["architecture"], options["recipe"])
    changes = {f.name for f in fields(Recipe)} & given.keys() - {"name"}
    recipe = replace(base, **{key: given[key] for key in changes})
    same = {f.name for f in fields(TrainConfig)} & given.keys() - {"recipe", "window"}
    settings = {key: given[key] for key in same}
    return TrainConfig(recipe=recipe, window=_window(options["window"]), **settings)


def _window(text: str) -> float | None:
    if text == "all":
        return None
    try:
        return float(text)
    except ValueError:
        raise GspyError(f"--window {text}: use 0.5, 1.0, 2.0, 4.0 or all") from None


def _show_end(run: "Run") -> None:
    best = run.best
    if best.validation_accuracy == best.validation_accuracy:
        typer.echo(
            f"best epoch {best.epoch}: validation accuracy "
            f"{best.validation_accuracy:.3f}, macro-F1 {best.validation_macro_f1:.3f}"
        )
    typer.echo(f"next: gspy export {run.path} -o model.onnx")
