"""Labelled pictures: read from class folders or from a table."""

import csv
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path

from gspy_cli.callbacks import ignore
from gspy_cli.errors import GspyError
from gspy_cli.figure import SUFFIXES
from gspy_cli.labels import ALIASES, CLASSES, class_of
from gspy_cli.results import VIEW
from gspy_cli.wording import counted, did_you_mean

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""Names that data sets give their splits, and ours."""

UNDECODED = re.compile("[\ud800-\udfff]")
"""What stands for a byte that is no UTF-8."""

ESCAPED = re.compile(r"\\u(d[89a-f][0-9a-f]{2})")
"""The same in a table that gspy wrote."""


OnNote = Callable[[str], None]
"""Takes a warning of one line."""


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


def read_dataset(
    source: Path,
    *,
    window: float | None = None,
    own_classes: bool = False,
    every_class: bool = False,
    on_note: OnNote = ignore,
) -> Dataset:
    """Read a folder of class folders, or a CSV table.

    `window` in seconds keeps only the pictures of that length. With `own_classes`,
    or where Gravity Spy knows none of the labels, the classes are the labels as they
    are; otherwise they are Gravity Spy's. Only those that occur count, sorted.
    `on_note` hears of folders that are set aside, and of glitches of Gravity Spy's
    metadata that have no picture; with `every_class`, a class of such alone is refused.

    Raises
    ------
    GspyError
        There is no such source, it holds no pictures, a label is unknown, or a class
        is refused.
    """
    if not os.path.exists(source):  # noqa: PTH110, it takes every name
        raise GspyError(f"{source} does not exist: give a folder or a CSV to --data")
    found = read_examples(source, on_note, every_class=every_class)
    if not found:
        wanted = f"{source}/<Class>/*.png" if source.is_dir() else "a row for each"
        raise GspyError(f"no pictures in {source}: expected {wanted}")
    names = class_names({e.label for e in found}, own_classes=own_classes)
    examples = tuple(
        replace(e, label=names[e.label])
        for e in found
        if window is None or e.window == window
    )
    if not examples:
        raise GspyError(f"no {window} s pictures in {source}: leave --window out")
    return Dataset(examples, tuple(sorted({e.label for e in examples})))


def read_examples(
    source: Path, on_note: OnNote = ignore, *, every_class: bool = False
) -> tuple[Example, ...]:
    """Read all that a folder or a table has, with the labels as they are.

    `every_class` as in `read_dataset`.

    Raises
    ------
    GspyError
        Something cannot be read, or is no such folder or table.
    """
    try:
        if source.is_dir():
            return tuple(read_folder(source, on_note))
        return tuple(read_labels(source, on_note, every_class=every_class))
    except OSError as error:
        raise GspyError(
            f"cannot read {error.filename} ({error.strerror}): "
            "give data that you may read"
        ) from None


def read_folder(root: Path, on_note: OnNote = ignore) -> Iterator[Example]:
    """Read `root/<Class>/*.png` or `root/{train,validation,test}/<Class>/*.png`.

    Raises
    ------
    GspyError
        There are no class folders, or a class is empty.
    """
    folders = subfolders(root, on_note)
    if not folders:
        raise GspyError(f"no class folders in {root}: expected {root}/<Class>/*.png")
    if all(folder.name.lower() in SPLITS for folder in folders):
        for folder in folders:
            for class_folder in subfolders(folder, on_note):
                yield from read_class(class_folder, SPLITS[folder.name.lower()])
    else:
        for class_folder in folders:
            yield from read_class(class_folder)


def subfolders(root: Path, on_note: OnNote = ignore) -> list[Path]:
    """List the folders in a folder, sorted, without those hidden or set aside."""
    found = sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
    if aside := [p.name for p in found if p.name[0] == "_"]:
        on_note(f"left out of {root}, as names begin with '_': {', '.join(aside)}")
    return [p for p in found if p.name[0] != "_"]


def read_class(folder: Path, split: str = "") -> Iterator[Example]:
    """Read the pictures of one class.

    Raises
    ------
    GspyError
        There is no picture in it.
    """
    pictures = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not pictures and subfolders(folder):
        raise GspyError(
            f"{folder} holds folders and no picture: if they are the classes, put them "
            f"into {folder.parent} instead"
        )
    if not pictures:
        raise GspyError(
            f"class {folder.name} is empty: add pictures or remove {folder}"
        )
    for path in pictures:
        yield example(path, folder.name, split=split)


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


def read_labels(
    table: Path, on_note: OnNote = ignore, *, every_class: bool = False
) -> Iterator[Example]:
    """Read a CSV: `file,label[,split][,glitch][,window]`, or Gravity Spy's metadata.

    Raises
    ------
    GspyError
        It is no such table, or a row cannot be used.
    OSError
        It cannot be read.
    """
    try:
        yield from _read_rows(table, on_note, every_class=every_class)
    except csv.Error as error:
        raise GspyError(f"{table} is not a CSV table ({error})") from None


def _read_rows(table: Path, on_note: OnNote, *, every_class: bool) -> Iterator[Example]:
    with table.open("rb") as file:  # once: it may be a pipe
        if b"\0" in file.peek(1024)[:1024]:
            raise GspyError(
                f"{table} is no text: give a CSV with file and label, or a folder of "
                "pictures, <Class>/*.png (HDF5 and archives are not read)"
            )
        lines = TextIOWrapper(  # a file's name may be any bytes
            file, newline="", encoding="utf-8-sig", errors="surrogateescape"
        )
        rows = csv.DictReader(lines)
        columns = set(rows.fieldnames or ())
        if {"file", "label"} <= columns:
            yield from (row_example(row, table) for row in rows)
        elif {"gravityspy_id", "label", "sample_type"} <= columns:
            yield from read_metadata(rows, table, on_note, every_class=every_class)
        else:
            raise GspyError(
                f"{table} has no columns file and label, "
                "nor gravityspy_id, label and sample_type: name them in its first line"
            )


def row_example(row: dict[str, str], table: Path) -> Example:
    """Turn a row into an example; files are relative to the table's folder.

    Raises
    ------
    GspyError
        The row lacks a file or a label, or the file is not there.
    """
    if not row["file"] or not (row["label"] or "").strip():
        raise GspyError(f"{table} has a row without a file or a label: {row}")
    path = table.parent / row["file"]
    if not os.path.exists(path):  # noqa: PTH110, it takes every name
        path = table.parent / unescaped(row["file"])
    if not os.path.exists(path):  # noqa: PTH110
        raise GspyError(f"{path} does not exist: mend its row in {table}")
    named = example(path, row["label"], split=split_name(row.get("split"), table))
    return replace(
        named,
        glitch=row.get("glitch") or named.glitch,
        window=read_window(row.get("window"), table) or named.window,
    )


def unescaped(name: str) -> str:
    """Give back the bytes that are no UTF-8, as `results.written` escaped them."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)


def read_window(text: str | None, table: Path) -> float | None:
    """Read a table's window, in seconds; None for an empty cell.

    Raises
    ------
    GspyError
        The cell is no number.
    """
    try:
        return float(text) if text else None
    except ValueError:
        raise GspyError(
            f"{table}: window {text!r} is not a number of seconds"
        ) from None


def split_name(name: str | None, table: Path) -> str:
    """Translate a table's name of a split to ours.

    Raises
    ------
    GspyError
        It is no name of a split.
    """
    if not name:
        return ""
    if name.lower() not in SPLITS:
        raise GspyError(f"{table}: split {name!r} is not train, validation or test")
    return SPLITS[name.lower()]


def read_metadata(
    rows: Iterable[dict[str, str]],
    table: Path,
    on_note: OnNote,
    *,
    every_class: bool,
) -> Iterator[Example]:
    """Read Gravity Spy's `trainingset_v1d1_metadata.csv`, pictures below its folder.

    Raises
    ------
    GspyError
        A row lacks a name or a label, or names no split that we know, or too few
        glitches have a picture.
    """
    pictures: dict[str, list[Path]] = {}
    for path in sorted(table.parent.rglob("*_spectrogram_*.png")):
        pictures.setdefault(path.stem.split("_spectrogram_")[0], []).append(path)
    labels: dict[str, str] = {}
    for row in rows:
        if not row["gravityspy_id"] or not (row["label"] or "").strip():
            raise GspyError(f"{table} has a row without a name or a label: {row}")
        glitch = f"{row.get('ifo', '')}_{row['gravityspy_id']}"
        labels[glitch] = row["label"]
        for path in pictures.get(glitch, ()):
            split = split_name(row["sample_type"], table)
            yield example(path, row["label"], split=split)
    if note := note_of_missing(labels, pictures.keys(), table, every_class=every_class):
        on_note(note)


def note_of_missing(
    labels: Mapping[str, str], pictured: Set[str], table: Path, *, every_class: bool
) -> str:
    """Tell of glitches without a picture; `labels` are those of all of a table's.

    Raises
    ------
    GspyError
        None has a picture; with `every_class`, none of a class.
    """
    missing = labels.keys() - pictured
    if not missing:
        return ""
    kept = {label for glitch, label in labels.items() if glitch in pictured}
    lost = ", ".join(sorted(set(labels.values()) - kept))
    if not kept or (lost and every_class):
        raise GspyError(
            f"no picture of {lost} under {table.parent}: put them there, or take their "
            f"rows out of {table.name}"
        )
    among = f", all of {lost} among them" if lost else ""
    glitches = counted(len(labels), "glitch")
    return f"{len(missing)} of {glitches} have no picture under {table.parent}{among}"


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


def in_words_of(examples: Iterable[Example], classes: Collection[str]) -> list[Example]:
    """Give examples with each alias that is none of the classes as its class."""
    return [replace(e, label=class_of(e.label, classes)) for e in examples]


def class_names(labels: set[str], *, own_classes: bool) -> dict[str, str]:
    """Map each label to its class.

    Raises
    ------
    GspyError
        A label is unknown, or not UTF-8.
    """
    if odd := sorted(label for label in labels if UNDECODED.search(label)):
        raise GspyError(f"class {odd[0]!r} is not named in UTF-8: rename it")
    known = labels & (set(CLASSES) | set(ALIASES))
    if own_classes or not known:
        return {label: label for label in labels}
    for label in sorted(labels - known):
        hint = did_you_mean(label, (*ALIASES, *CLASSES)) or ";"
        raise GspyError(
            f"unknown class {label!r}{hint} mend it, or keep every label as a class of "
            "its own with --own-classes"
        )
    return {label: ALIASES.get(label, label) for label in labels}
