"""Split data by glitch, never by picture, each class in proportion."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gspy_cli.card import names_a_folder
from gspy_cli.errors import GspyError
from gspy_cli.results import COLUMN
from gspy_cli.training.examples import Dataset, Example


def split_dataset(
    dataset: Dataset, *, validation: float, test: float, seed: int
) -> Dataset:
    """Keep the splits that the data bring along, else draw them by glitch.

    `validation` and `test` are fractions of each class's glitches. A class's first
    glitch goes to train, a second to validation and a third to test, where wanted.

    Raises
    ------
    GspyError
        A glitch has two classes or splits, or a split or class lacks pictures.
    """
    check_classes(dataset)
    glitches = glitch_labels(dataset.examples)
    if any(e.split for e in dataset.examples):
        check_given_splits(dataset)
        return dataset
    parts: dict[str, str] = {}
    for members in shuffled_classes(glitches, seed):
        parts |= deal(members, {"validation": validation, "test": test})
    examples = tuple(replace(e, split=parts[e.glitch]) for e in dataset.examples)
    return Dataset(examples, dataset.classes)


def deal(glitches: Sequence[str], fractions: Mapping[str, float]) -> dict[str, str]:
    """Give each split its share of one class's glitches, train the rest."""
    parts = dict.fromkeys(glitches, "train")
    left = list(glitches[1:])
    for split, fraction in fractions.items():
        share = max(1, round(fraction * len(glitches))) if fraction else 0
        for glitch in left[:share]:
            parts[glitch] = split
        left = left[share:]
    return parts


def folds(examples: Sequence[Example], k: int, seed: int) -> NDArray[np.intp]:
    """Give each example its fold, 0 to k - 1: stratified k-fold over glitches.

    All views of a glitch share a fold, and the m glitches of a class lie in min(m, k)
    different folds. Shape (N,).
    """
    fold: dict[str, int] = {}
    for members in shuffled_classes(glitch_labels(examples), seed):
        for glitch in members:
            fold[glitch] = len(fold) % k
    return np.array([fold[e.glitch] for e in examples], dtype=np.intp)


def shuffled_classes(glitches: Mapping[str, str], seed: int) -> list[list[str]]:
    """List each class's glitches in an order that depends on nothing but the seed."""
    classes: dict[str, list[str]] = defaultdict(list)
    for glitch, label in sorted(glitches.items()):
        classes[label].append(glitch)
    rng = np.random.default_rng(seed)
    return [
        [members[i] for i in rng.permutation(len(members))]
        for _, members in sorted(classes.items())
    ]


def glitch_labels(examples: Sequence[Example]) -> dict[str, str]:
    """Map each glitch to its class, and refuse one that has two."""
    labels: dict[str, str] = {}
    for e in examples:
        if labels.setdefault(e.glitch, e.label) != e.label:
            raise GspyError(
                f"glitch {e.glitch} is in two classes, {labels[e.glitch]} and "
                f"{e.label}: keep one ({e.path})"
            )
    return labels


def check_classes(dataset: Dataset) -> None:
    """Refuse one class alone, an empty one, or a name no table or folder can have."""
    if columns := [name for name in dataset.classes if COLUMN.fullmatch(name)]:
        raise GspyError(
            f"tables of answers have columns of their own named {', '.join(columns)}: "
            "give such classes other names"
        )
    if odd := [name for name in dataset.classes if not names_a_folder(name)]:
        raise GspyError(
            f"no folder can be named {', '.join(map(repr, odd))}, as pictures of a "
            "class are sorted: give such classes other names"
        )
    if len(dataset.classes) < 2:
        raise GspyError(
            f"only one class, {dataset.classes[0]}: a classifier needs two or more"
        )
    counts = Counter(e.label for e in dataset.examples)
    for label in dataset.classes:
        if not counts[label]:
            raise GspyError(f"class {label} is empty: add pictures or leave it out")


def check_given_splits(dataset: Dataset) -> None:
    """Refuse given splits that are not complete, and a glitch that lies in two."""
    parts: dict[str, str] = {}
    for e in dataset.examples:
        if not e.split:
            raise GspyError(f"{e.path} has no split, but others do: give it one")
        if parts.setdefault(e.glitch, e.split) != e.split:
            raise GspyError(
                f"glitch {e.glitch} is in two splits, {parts[e.glitch]} and {e.split}: "
                "put all its pictures into one"
            )
    if not dataset.part("validation"):
        raise GspyError("no validation pictures: add a split of that name")
    trained = {e.label for e in dataset.part("train")}
    for label in dataset.classes:
        if label not in trained:
            raise GspyError(f"class {label} has no training picture: add one to train")
