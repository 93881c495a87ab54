"""`gspy models`: which models there are, what each is, and one's own among them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gspy_cli.cli.hints import warn_of_stop
from gspy_cli.cli.options import need_torch
from gspy_cli.errors import GspyError
from gspy_cli.wording import command


class ModelsGroup(TyperGroup):
    """`gspy models NAME` is short for `gspy models show NAME`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Take a word that is no command for a model's name."""
        if args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


models = typer.Typer(
    cls=ModelsGroup,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@models.callback()
def list_models(
    context: typer.Context,
    *,
    architectures: Annotated[
        bool,
        typer.Option("--architectures", help="List the networks to train instead."),
    ] = False,
) -> None:
    """List the models; 'gspy models NAME' shows one's card.

    Example: gspy models
    """
    if context.invoked_subcommand is None:
        _list(architectures=architectures)


@models.command("list")
def list_() -> None:
    """List the installed models.

    Example: gspy models list
    """
    _list(architectures=False)


def _list(*, architectures: bool) -> None:
    from gspy_cli import registry
    from gspy_cli.cli import models_screen

    if architectures:
        need_torch("listing the architectures")
        from gspy_cli.cli.progress import bar

        with bar("starting", quiet=False):
            from gspy_cli.training.architectures import ARCHITECTURES

        models_screen.show_architectures(ARCHITECTURES)
    else:
        models_screen.show_models(list(registry.installed()), registry.default_name())


@models.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A name or an .onnx file.")
    ],
) -> None:
    """Show a model's card.

    Example: gspy models show efficientnet_lite0
    """
    from gspy_cli import model
    from gspy_cli.cli import models_screen

    models_screen.show_card(model.find_card(name))


@models.command()
def add(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|RUN", help="An .onnx file, or a run.")
    ],
    *,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: the card's name.")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Use it where no model is named.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace or hide a model of this name.")
    ] = False,
) -> None:
    """Keep a model of your own; a run is exported first.

    Example: gspy models add model.onnx --name mine --default
    """
    from gspy_cli import model

    warn_of_stop(source)
    with _graph_of(source) as graph:
        kept = model.add_to_registry(graph, name=name, default=default, force=force)
    mark = ", the default now" if default else ""
    follow = command("gspy", "classify", "figures/", "--model", kept.path.name)
    typer.echo(f"added '{kept.path.name}'{mark}; next: {follow}")


@contextmanager
def _graph_of(source: Path) -> Iterator[Path]:
    """Give the ONNX file; that of a run is made for this while, if it has none."""
    from gspy_cli.model_folder import ModelFolder, weights_path

    if not source.is_dir() or ModelFolder(source).is_exported():
        yield source / "model.onnx" if source.is_dir() else source
        return
    if not weights_path(source).is_file():
        raise GspyError(
            f"{source} is no run of gspy train with weights: give such a run or an "
            ".onnx file"
        )
    need_torch("exporting a run")
    from tempfile import TemporaryDirectory

    from gspy_cli.cli.progress import bar

    with TemporaryDirectory() as folder:
        exported = Path(folder) / "model.onnx"
        with bar("exporting", quiet=False):
            from gspy_cli.training.export import export_run

            export_run(source, exported)
        yield exported


@models.command()
def remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="One of your own models.")
    ],
) -> None:
    """Remove a model of your own.

    Example: gspy models remove mine
    """
    from gspy_cli import registry

    registry.remove(name)
    typer.echo(f"removed '{name}'")
