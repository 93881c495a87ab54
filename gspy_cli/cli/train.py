"""`gspy train`: fine-tune a network on labelled pictures.

The command is long because each field of a recipe is an option of its own; options
have their fields' names.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gspy_cli.cli.options import (
    CacheOption,
    DeviceOption,
    QuietOption,
    WindowOption,
    given_besides,
    need_torch,
    window_s,
)
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.training.config import TrainConfig
    from gspy_cli.training.run import Run
    from gspy_cli.training.search import Search


RESUMING = {"resume", "data", "quiet"}
"""The options that mean something to a run that goes on."""


def train(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|CSV",
            help="<Class>/*.png, train/validation/test folders, or a table; default: "
            "what 'gspy data get' brought.",
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
        str | None,
        typer.Option(
            metavar="NAME", help="paper or modern; default: paper, and modern for cae."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where runs go.")
    ] = Path("runs/train"),
    name: Annotated[
        str, typer.Option(metavar="NAME", help="The run's name; default: --arch.")
    ] = "",
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Go on with a stopped run, folds or comparison."
        ),
    ] = None,
    folds: Annotated[
        int,
        typer.Option(min=0, metavar="K", help="Score by K-fold over glitches instead."),
    ] = 0,
    window: WindowOption = "all",
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
        Path | None, typer.Option(metavar="DIR", help="Train on simulated inputs too.")
    ] = None,
    real_share: Annotated[
        float, typer.Option(metavar="PART", help="Real pictures among those drawn.")
    ] = 0.25,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Passes over the pictures.")
    ] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(
            "--batch-size",
            "-b",
            metavar="N,...",
            help="Pictures a step; several: compare them.",
        ),
    ] = None,
    lr: Annotated[
        str | None,
        typer.Option(metavar="X,...", help="Learning rate; several: compare them."),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(metavar="X", help="Shrinks weights; 0: does not.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="NAME", help="step, cosine or constant.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="adam, adamw or sgd.")
    ] = None,
    warmup_epochs: Annotated[
        float | None, typer.Option(metavar="X", help="Epochs of rising rate first.")
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(metavar="X", help="Doubt in each label, 0 to 1.")
    ] = None,
    balance: Annotated[
        float | None,
        typer.Option(metavar="X", help="0: classes as they are; 1: equally often."),
    ] = None,
    ema_decay: Annotated[
        float | None, typer.Option(metavar="X", help="Of averaged weights; 0: none.")
    ] = None,
    augment: Annotated[
        bool | None, typer.Option(help="Vary pictures as renderers do.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(metavar="N", help="Stop after N epochs no better.")
    ] = None,
    reconstruct_epochs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Epochs of rebuilding pictures first."),
    ] = None,
    reconstruction_weight: Annotated[
        float | None,
        typer.Option(metavar="X", help="Weight of rebuilding in the later loss."),
    ] = None,
    freeze_encoder: Annotated[
        bool | None, typer.Option(help="Classify from the latent as it is.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="The same seed, the same split and order.")
    ] = 0,
    image_size: Annotated[
        int | None, typer.Option(min=32, metavar="N", help="Side of the input, pixels.")
    ] = None,
    pretrained: Annotated[
        bool, typer.Option(help="Start from ImageNet weights.")
    ] = True,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE|RUN|MODEL", help="Start from these weights."),
    ] = None,
    device: DeviceOption = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network first.")
    ] = False,
    amp: Annotated[
        str,
        typer.Option(metavar="TYPE", help="Mixed precision: auto, bf16, fp16 or off."),
    ] = "auto",
    workers: Annotated[
        int,
        typer.Option("--workers", "-j", min=0, metavar="N", help="Loading processes."),
    ] = 0,
    cache: CacheOption = None,
    quiet: QuietOption = False,
) -> None:
    """Fine-tune a network, or train one from nothing.

    Writes a run folder with the best and last weights, curves and scores, and
    prints the command that comes next.

    Example: gspy train --arch mobilenet_v2 --data figures/
    """
    options = dict(locals())
    need_torch("training")
    if resume:
        _check_resumed(context, resume)
    sizes, rates = _numbers(batch_size, int, "-b"), _numbers(lr, float, "--lr")
    several = len(sizes) > 1 or len(rates) > 1
    if several and folds:
        raise GspyError("--folds scores one recipe: give one --batch-size and one --lr")
    config = None if resume else _checked(_config(options, sizes, rates))
    from gspy_cli.cli.progress import bar

    with bar("starting", quiet=quiet):
        from gspy_cli.cli import training_screen
        from gspy_cli.training import crossvalidation, search
        from gspy_cli.training import train as training
        from gspy_cli.training.distributed import world_of_torchrun

    compares = search.is_search(resume) if resume else several
    in_folds = crossvalidation.is_cross_validation(resume) if resume else folds > 0
    if (compares or in_folds) and world_of_torchrun().size > 1:
        raise GspyError("torchrun trains one run: no folds, one batch size, one rate")
    begin: Callable[..., Search | Path | Run]
    go_on: Callable[..., Search | Path | Run]
    if compares:
        begin = partial(search.search, batch_sizes=sizes, rates=rates)
        go_on = search.resume_search
    elif in_folds:
        begin = partial(crossvalidation.cross_validate, k=folds)
        go_on = crossvalidation.resume_folds
    else:
        begin, go_on = training.train, training.resume
    one = not (compares or in_folds)
    with training_screen.reports(quiet=quiet, one=one) as reports:
        if config is None:
            assert resume is not None
            done = go_on(resume, data=data, reports=reports)
        else:
            done = begin(config, reports=reports)
    if isinstance(done, search.Search):
        training_screen.show_comparison(done, quiet=quiet)
    elif isinstance(done, Path):
        training_screen.show_scores(done, quiet=quiet)
    else:
        training_screen.show_end(done, quiet=quiet)


def _check_resumed(context: typer.Context, run: Path) -> None:
    """Refuse what is no folder, and options: a run goes on as it began."""
    if not run.is_dir():
        raise GspyError(f"{run} is no training run: there is no such folder")
    if other := given_besides(context, RESUMING):
        raise GspyError(f"a resumed run goes on as it began: leave {other} out")


def _numbers(text: str | None, kind: Callable[[str], float], option: str) -> list[Any]:
    try:
        return list(dict.fromkeys(map(kind, text.split(",")))) if text else []
    except ValueError:
        raise GspyError(f"{option} {text}: give numbers with commas between") from None


def _config(
    options: dict[str, Any], sizes: list[int], rates: list[float]
) -> "TrainConfig":
    from gspy_cli.training.config import NETWORKS, TrainConfig, unknown_architecture
    from gspy_cli.training.download import default_data
    from gspy_cli.training.recipes import Recipe, recipe_for

    if options["folds"] == 1:
        raise GspyError("--folds 1: give 2 or more")
    if options["architecture"] not in NETWORKS:
        raise unknown_architecture(options["architecture"], NETWORKS)
    if options["data"] is None:
        options["data"], note = default_data()
        typer.echo(note, err=True)
    options["compile"] = options.pop("compiled")
    options["batch_size"] = sizes[0] if sizes else None
    options["lr"] = rates[0] if rates else None
    given = {key: value for key, value in options.items() if value is not None}
    base = recipe_for(options["architecture"], options["recipe"])
    changes = {f.name for f in fields(Recipe)} & given.keys() - {"name"}
    recipe = replace(base, **{key: given[key] for key in changes})
    same = {f.name for f in fields(TrainConfig)} & given.keys() - {"recipe", "window"}
    settings = {key: given[key] for key in same}
    return TrainConfig(recipe=recipe, window=window_s(options["window"]), **settings)


def _checked(config: "TrainConfig") -> "TrainConfig":
    """Find what is wrong with the files now: torch takes its time to load."""
    from gspy_cli import registry
    from gspy_cli.training.data import read_dataset

    if config.weights and not config.weights.exists():
        registry.find(str(config.weights))
    read_dataset(
        config.data,
        window=config.window,
        own_classes=config.own_classes,
        every_class=True,
    )
    return config
