"""Labelled pictures, and the names by which their glitches are known."""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.results import VIEW

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""Names that data sets give their splits, and ours."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled picture.

    All pictures of one `glitch` stay together when the data are split. `window` is
    the picture's length in seconds, where known; `split` is train, validation, test
    or, before splitting, empty.
    """

    path: Path
    label: str
    glitch: str
    window: float | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples, and their classes in index order."""

    examples: tuple[Example, ...]
    classes: tuple[str, ...]

    def part(self, split: str) -> tuple[Example, ...]:
        """Give the examples of one split, in order."""
        return tuple(e for e in self.examples if e.split == split)


def example(path: Path, label: str, *, split: str = "") -> Example:
    """Read a glitch's name and window off a picture's file name.

    Labels that look alike are one, whatever a file system makes of their letters.
    """
    label = unicodedata.normalize("NFC", label).strip()
    view = VIEW.fullmatch(path.stem)
    if view is None:  # no other picture can be told to show the same glitch
        return Example(path, label, str(path.with_suffix("")), None, split)
    window = float(view["window"]) if view["window"] else None
    return Example(path, label, view["glitch"], window, split)


def identical(examples: Sequence[Example]) -> list[list[Example]]:
    """Group the files with the same bytes; only those of equal sizes are read."""
    sizes: defaultdict[int, list[Example]] = defaultdict(list)
    for example in examples:
        with suppress(OSError):
            sizes[example.path.stat().st_size].append(example)
    groups: defaultdict[bytes, list[Example]] = defaultdict(list)
    for alike in sizes.values():
        for example in alike if len(alike) > 1 else ():
            with suppress(OSError):
                content = example.path.read_bytes()
                groups[hashlib.sha256(content).digest()].append(example)
    return [group for group in groups.values() if len(group) > 1]


def split_name(name: str | None, table: Path) -> str:
    """Translate a table's name of a split to ours."""
    if not name:
        return ""
    if name.lower() not in SPLITS:
        raise GspyError(f"{table}: split {name!r} is not train, validation or test")
    return SPLITS[name.lower()]


def names_of(example: Example) -> set[str]:
    """List the names by which a picture's glitch may be known in another table.

    They are the glitch's own and that in the file's name. A picture whose file name
    tells no glitch is known by its name and size.
    """
    path = example.path
    names = set() if is_nameless(example) else {example.glitch}
    if view := VIEW.fullmatch(path.stem):
        return {*names, view["glitch"]}
    size = path.stat().st_size if path.exists() else 0
    return {*names, f"{path.stem}/{size}"}


def is_nameless(example: Example) -> bool:
    """Tell whether a picture's glitch has no name but the picture's own path."""
    return example.glitch == str(example.path.with_suffix(""))


def fingerprint(name: str) -> str:
    """Shorten a name to 8 hexadecimal digits."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def fingerprints(examples: Iterable[Example]) -> str:
    """Give the fingerprints of glitches, sorted, with spaces between."""
    names = {name for example in examples for name in names_of(example)}
    return " ".join(sorted(fingerprint(name) for name in names))
