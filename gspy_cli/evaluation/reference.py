"""Agreement with Gravity Spy's own labels (Zenodo 5649212 and tables like it)."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.labels import class_of
from gspy_cli.metrics import wilson_interval
from gspy_cli.samples import describe
from gspy_cli.training.answers import Answers
from gspy_cli.wording import counted

NEEDED = {"gravityspy_id", "ml_label"}


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """Of the glitches that Gravity Spy gives one label, how many get ours too."""

    label: str
    glitches: int
    agree: int
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement with a reference over the glitches that are in it.

    `ours_right` and `theirs_right` count the answers that are the data's own label.
    """

    source: str
    glitches: int
    agree: int
    interval: tuple[float, float]
    not_in_reference: int
    ours_right: int
    theirs_right: int
    classes: tuple[ClassAgreement, ...]


def compare_with_reference(glitches: Answers, table: Path) -> Agreement:
    """Compare the fused answers (one a glitch) with a table of Gravity Spy's.

    Raises
    ------
    GspyError
        The table lacks a column, or holds none of the glitches.
    """
    names = [describe(str(e.path)).gravityspy_id or e.glitch for e in glitches.examples]
    theirs = read_reference(table, set(names), glitches.classes)
    rows = [
        (example.label, glitches.classes[named], theirs[name])
        for example, named, name in zip(
            glitches.examples, glitches.named, names, strict=True
        )
        if name in theirs
    ]
    if not rows:
        raise GspyError(
            f"{table} holds none of {counted(len(names), 'glitch')} (the first is "
            f"{names[0]}): its gravityspy_id must be that of the pictures' names"
        )
    agree = sum(ours == other for _, ours, other in rows)
    return Agreement(
        source=str(table),
        glitches=len(rows),
        agree=agree,
        interval=wilson_interval(agree, len(rows)),
        not_in_reference=len(names) - len(rows),
        ours_right=sum(truth == ours for truth, ours, _ in rows),
        theirs_right=sum(truth == other for truth, _, other in rows),
        classes=tuple(by_class([(ours, other) for _, ours, other in rows])),
    )


def read_reference(
    table: Path, wanted: set[str], classes: Sequence[str]
) -> dict[str, str]:
    """Read the labels of some glitches from a table of any length, as the classes.

    A row without a label tells nothing of its glitch.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if missing := NEEDED - set(rows.fieldnames or ()):
                raise GspyError(
                    f"{table} has no column {', '.join(sorted(missing))}: give a "
                    "Gravity Spy table with gravityspy_id and ml_label"
                )
            labels: dict[str, str] = {}
            for row in rows:
                name, label = row["gravityspy_id"], row["ml_label"]
                if name not in wanted or not label:
                    continue
                label = class_of(label, classes)
                if labels.setdefault(name, label) != label:
                    raise GspyError(
                        f"{table} names {name} twice, {labels[name]} and {label}; "
                        "give one row a glitch"
                    )
            return labels
    except OSError as error:
        raise GspyError(
            f"cannot read the reference {table}: {error.strerror}"
        ) from None
    except UnicodeDecodeError as error:
        raise GspyError(f"the reference {table} is not a CSV table ({error})") from None


def by_class(pairs: list[tuple[str, str]]) -> Iterator[ClassAgreement]:
    """Count agreement for each of the reference's labels; pairs are ours, theirs."""
    for label in sorted({theirs for _, theirs in pairs}):
        own = [ours for ours, theirs in pairs if theirs == label]
        agree = own.count(label)
        interval = wilson_interval(agree, len(own))
        yield ClassAgreement(label, len(own), agree, interval)
