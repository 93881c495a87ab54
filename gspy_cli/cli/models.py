"""`gspy models`: which models there are, and what each is."""

from typing import Annotated

import typer


def models(
    name: Annotated[
        str | None, typer.Argument(help="Show this model's card instead.")
    ] = None,
) -> None:
    """List the installed models, or show one model's card.

    Example: gspy models
    """
    from gspy_cli import model
    from gspy_cli.cli import terminal

    if name is None:
        terminal.show_models(list(model.installed()), model.default_name())
    else:
        terminal.show_card(model.find_card(name))
