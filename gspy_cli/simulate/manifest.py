"""The manifest of a data set: each glitch's true class and parameters, as CSV."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gspy_cli.simulate.scene import Scene

ManifestRow = Mapping[str, object]


def gravityspy_id(*, seed: int, index: int) -> str:
    """Name a simulated glitch; no real glitch has such a name."""
    return f"S{seed}N{index:06d}"


def manifest_row(scene: Scene, *, name: str, index: int, early: bool) -> ManifestRow:
    """Give a scene's truth; `facts` holds the waveform's parameters as JSON."""
    return {
        "index": index,
        "gravityspy_id": name,
        "ifo": scene.origin.ifo,
        "label": scene.label,
        "run": scene.origin.run,
        "era": str(scene.origin.era),
        "early": int(early),
        "q": round(scene.scan.q, 2),
        "peak_frequency": round(scene.scan.peak_frequency, 2),
        "snr": round(scene.scan.snr, 2),
        "optimal_snr": round(scene.snr, 2),
        "facts": json.dumps(dict(scene.facts)),
    }


def write_manifest(path: Path, rows: Sequence[ManifestRow]) -> None:
    """Write rows, one at least, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def append_row(path: Path, row: ManifestRow) -> None:
    """Add a row, after the header if it is the first."""
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if not file.tell():
            writer.writeheader()
        writer.writerow(row)


def count_whole_rows(path: Path) -> int:
    """Count the rows of a manifest that a run left off, and drop what is torn."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    os.truncate(path, whole)
    return max(content.count(b"\n") - 1, 0)


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read the rows back, every value as text."""
    with path.open(newline="", encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]
