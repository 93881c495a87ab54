"""The note that says what a folder holds, so that no two data sets mix."""

import json
from collections.abc import Mapping
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.whole import whole_file


def is_claimed(directory: Path, plan: Mapping[str, object]) -> bool:
    """Tell whether a directory holds this data set, or none yet; refuse another."""
    note = directory / "plan.json"
    if note.exists() and note.read_bytes() == json.dumps(plan).encode():
        return True
    if note.exists() or (directory / "manifest.csv").exists():
        raise GspyError(
            f"{directory} holds another data set; choose an empty directory"
        )
    return False


def claim(directory: Path, plan: Mapping[str, object]) -> None:
    """Note what a directory holds from now on."""
    with whole_file(directory / "plan.json", alone=True) as part:
        part.write_text(json.dumps(plan), encoding="utf-8")
