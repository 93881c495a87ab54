"""The `gspy` commands that README and the pages of the documentation show."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_RUN = ROOT / "docs" / "not-run.md"
MADE = ROOT / "docs" / "model-made.md"  # its commands take hours
TUTORIAL = ROOT / "docs" / "tutorial.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: Path) -> list[str]:
    """Give a page's fenced blocks, lines that go on joined."""
    found = re.findall(r"```\w*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [re.sub(r"\s*\\\n\s*", " ", block) for block in found]


def commands(page: Path) -> list[str]:
    """Give the commands of a page in order, without prompts and comments."""
    lines = [line for block in blocks(page) for line in block.splitlines()]
    shown = [re.sub(r"^\$ ", "", line) for line in lines]
    split = [shlex.split(line, comments=True) for line in shown if is_command(line)]
    return [shlex.join(words) for words in split]


def is_command(line: str) -> bool:
    """Say whether a line of a block is a command of ours, whole."""
    return line.startswith("gspy ") and not line.endswith("...")


def all_commands() -> list[str]:
    """Give every command that is shown, once, but for the tutorial's."""
    pages = [page for page in PAGES if page not in (TUTORIAL, NOT_RUN)]
    return sorted({command for page in pages for command in commands(page)})


def not_run() -> dict[str, str]:
    """Give the commands that no test runs, and why."""
    rows = re.findall(
        r"^\| `(gspy .*?)` \| (.+) \|$", NOT_RUN.read_text(), re.MULTILINE
    )
    return {shlex.join(shlex.split(command)): why for command, why in rows}
