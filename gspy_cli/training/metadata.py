"""The metadata that Gravity Spy gives with its training set."""

from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

from gspy_cli.callbacks import OnNote
from gspy_cli.errors import GspyError
from gspy_cli.training.examples import Example, example, split_name
from gspy_cli.wording import counted


def read_metadata(
    rows: Iterable[dict[str, str]], table: Path, on_note: OnNote, *, every_class: bool
) -> Iterator[Example]:
    """Read Gravity Spy's `trainingset_v1d1_metadata.csv`, pictures below its folder."""
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

    Refuse if none has one or, with `every_class`, none of a class.
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
