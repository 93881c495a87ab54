"""Write the reference of the commands, from the commands themselves.

Run: python docs/make/cli.py
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import typer

from gspy_cli.cli import app, layout

PAGE = Path(__file__).parents[1] / "cli.md"
OPENING = """\
# All commands

Made from the commands themselves by `python docs/make/cli.py`; a test keeps it fresh.
`gspy COMMAND --help` says the same. Exit codes: 0, all went well; 1, some inputs failed
or a check did; 2, wrong usage; 130, interrupted.
"""
COMPLETION = {"install_completion", "show_completion"}  # named once, at the top


def reference() -> str:
    """Give the page."""
    group = typer.main.get_command(app)
    return "\n".join([OPENING, *sections(group, "gspy", None)])


def sections(command: Any, name: str, parent: Any) -> Iterator[str]:  # noqa: ANN401
    """Describe a command, then those below it."""
    context = command.context_class(command, info_name=name, parent=parent)
    path = context.command_path
    depth = 2 if path.count(" ") < 2 else 3
    yield f"{'#' * depth} {path}\n"
    yield described(command.help or "")
    for heading, parameters in grouped(command, parent).items():
        if name in layout.OPTIONS:
            yield f"{'#' * (depth + 1)} {heading}\n"
        yield table([row(parameter, context) for parameter in parameters])
    if hasattr(command, "list_commands"):
        for below in command.list_commands(context):
            yield from sections(command.get_command(context, below), below, context)


def grouped(command: Any, parent: Any) -> dict[str, list[Any]]:  # noqa: ANN401
    """Put a command's parameters under the headings that its help has."""
    groups = layout.OPTIONS.get(command.name, {})
    found: dict[str, list[Any]] = {h: [] for h in ("Arguments", *groups, "Options")}
    for parameter in command.params:
        if not (parent and parameter.name in COMPLETION):
            heading = layout.heading(parameter, groups) if groups else "Options"
            found[heading].append(parameter)
    return {heading: inside for heading, inside in found.items() if inside}


def described(text: str) -> str:
    """Set a docstring as Markdown: its example apart."""
    paragraphs, _, example = text.partition("Example: ")
    code = f"\n```\n{example.partition(';')[0].strip()}\n```\n" if example else ""
    return paragraphs.strip().replace("\f", "") + "\n" + code


def row(parameter: Any, context: Any) -> tuple[str, str]:  # noqa: ANN401
    """Give how a parameter is written and what it does."""
    name, does = parameter.get_help_record(context) or (
        parameter.make_metavar(context),
        getattr(parameter, "help", None) or "",
    )
    return f"<code>{cell(name)}</code>", cell(does)


def cell(text: str) -> str:
    """Keep a text in its column, on GitHub and in mkdocs alike."""
    return escape(" ".join(text.split()), quote=False).replace("|", "&#124;")


def table(rows: list[tuple[str, str]]) -> str:
    """Lay out rows as a Markdown table."""
    lines = [
        "| option | what it does |",
        "|---|---|",
        *(f"| {name} | {does} |" for name, does in rows),
    ]
    return "\n".join(lines) + "\n" if rows else ""


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
