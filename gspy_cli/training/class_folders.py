"""Pictures in a folder for each class, with a folder for each split or without."""

from collections.abc import Iterator
from pathlib import Path

from gspy_cli.callbacks import OnNote, ignore
from gspy_cli.errors import GspyError
from gspy_cli.figure import SUFFIXES
from gspy_cli.training.examples import SPLITS, Example, example


def read_folder(root: Path, on_note: OnNote) -> Iterator[Example]:
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
    """Read the pictures of one class."""
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
