"""Data to learn or to judge by: a folder or a table read, its labels as classes."""

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from gspy_cli.callbacks import OnNote, ignore
from gspy_cli.errors import GspyError
from gspy_cli.labels import ALIASES, CLASSES, class_of
from gspy_cli.model_folder import weights_path
from gspy_cli.training.class_folders import read_folder
from gspy_cli.training.examples import Dataset, Example, identical
from gspy_cli.training.label_tables import read_labels
from gspy_cli.wording import counted, did_you_mean, first_few

UNDECODED = re.compile("[\ud800-\udfff]")
"""What stands for a byte that is no UTF-8."""


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


def of_one_class(found: Dataset, on_note: OnNote) -> Dataset:
    """Leave out pictures that are in two classes, which `on_note` hears of."""
    doubtful = [g for g in identical(found.examples) if len({e.label for e in g}) > 1]
    if not doubtful:
        return found
    pairs = [
        first_few([f"{e.path} ({e.label})" for e in group], " = ") for group in doubtful
    ]
    number = counted(len(pairs), "picture")
    on_note(f"{number} left out, in two classes at once: {first_few(pairs)}")
    left_out = {e for group in doubtful for e in group}
    kept = tuple(e for e in found.examples if e not in left_out)
    return replace(found, examples=kept)


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


def examples_of(source: Path, on_note: OnNote) -> tuple[Example, ...]:
    """List the pictures of a run, of a checkpoint's run, or of a data set.

    `on_note` as in `read_dataset`.

    Raises
    ------
    GspyError
        The list of a run's pictures is gone, or `source` holds no labelled pictures.
    """
    weights = weights_path(source)
    split = weights.with_name("split.csv")
    if weights.suffix == ".safetensors":
        if split.is_file():
            return read_examples(split)
        if weights.is_file():
            raise GspyError(f"{split} is missing: put it back, or give --data")
    return read_dataset(source, own_classes=True, on_note=on_note).examples


def class_names(labels: set[str], *, own_classes: bool) -> dict[str, str]:
    """Map each label to its class."""
    if odd := sorted(label for label in labels if UNDECODED.search(label)):
        raise GspyError(f"class {odd[0]!r} is not named in UTF-8: rename it")
    named = {label: class_of(label, CLASSES) for label in labels}
    unknown = sorted(label for label in labels if named[label] not in CLASSES)
    if own_classes or len(unknown) == len(labels):
        return {label: label for label in labels}
    if unknown:
        hint = did_you_mean(unknown[0], (*ALIASES, *CLASSES)) or ";"
        raise GspyError(
            f"unknown class {unknown[0]!r}{hint} mend it, or keep every label as a "
            "class of its own with --own-classes"
        )
    return named


def in_words_of(examples: Iterable[Example], classes: Collection[str]) -> list[Example]:
    """Give examples with each alias that is none of the classes as its class."""
    return [replace(e, label=class_of(e.label, classes)) for e in examples]
