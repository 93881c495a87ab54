"""How numbers, names and commands are said."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

NAMED = 5  # names in a note, of however many


def counted(number: int, noun: str) -> str:
    """Say how many there are: 1 glitch, 2 glitches, 0 pictures, 3 epochs."""
    ending = "es" if noun.endswith(("tch", "s")) else "s"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{ending}"


def first_few(names: Sequence[str], between: str = ", ") -> str:
    """Name the first few."""
    more = len(names) - NAMED
    return between.join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def reason(error: BaseException) -> str:
    """Give the first line of an error, or its name where it says nothing."""
    return str(error).partition("\n")[0] or type(error).__name__


def printable(text: str) -> str:
    """Escape what is not printable: a terminal would obey control sequences."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask for the known name that is spelled most like one; empty if none is near."""
    import difflib

    names = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return f"; did you mean '{names[near[0]]}'?" if near else ""


def command(*words: str | Path) -> str:
    """Write a command for a shell; no path in it is taken for an option."""
    return shlex.join(_path(word) if isinstance(word, Path) else word for word in words)


def _path(path: Path) -> str:
    return f"./{path}" if str(path).startswith("-") else str(path)
