"""Data sets of simulated glitches: network inputs with a manifest of the truth.

A glitch depends on the seed and its index alone, so any number of processes, in any
order, stopped and resumed, write the same bytes.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gspy_cli.callbacks import Progress, ignore
from gspy_cli.image import resize
from gspy_cli.labels import CLASSES
from gspy_cli.results import WINDOWS
from gspy_cli.simulate.arrays import save
from gspy_cli.simulate.claim import claim, is_claimed
from gspy_cli.simulate.manifest import (
    gravityspy_id,
    manifest_row,
    read_manifest,
    write_manifest,
)
from gspy_cli.simulate.quiet import load_quiet, save_quiet
from gspy_cli.simulate.scene import Scene, draw_scene
from gspy_cli.simulate.side_by_side import side_by_side
from gspy_cli.simulate.style import draw_early, plot
from gspy_cli.whole import alone_in, whole_file

CHUNK = 8  # glitches that one process makes at a time


@dataclass(frozen=True, slots=True)
class Plan:
    """What a data set holds; it is stored beside it, so that a run can resume."""

    count: int
    seed: int
    height: int
    width: int
    classes: tuple[str, ...] = CLASSES
    noise: str = ""  # a file or folder of real strain to cut backgrounds from

    def label(self, index: int) -> str:
        """Give the class of a glitch: all classes in turn."""
        return self.classes[index % len(self.classes)]


def scene_views(
    scene: Scene, *, height: int, width: int, early: bool
) -> NDArray[np.uint8]:
    """Draw the plots of a scene's four windows, without frames, (4, H, W, 3)."""
    scan = scene.scan
    plots = (
        plot(scan.energies[window], scan.frequencies, q=scan.q, early=early)
        for window in WINDOWS
    )
    return np.array([resize(pixels, height=height, width=width) for pixels in plots])


def write_inputs(
    directory: Path,
    plan: Plan,
    *,
    workers: int = 1,
    progress: Progress = ignore,
    on_left_out: Callable[[str], None] = ignore,
) -> None:
    """Write `inputs.npy`, `labels.npy` and `manifest.csv`; resume where one stopped.

    `inputs.npy` is uint8 of shape (count, 4, height, width, 3): the plots of the 0.5,
    1, 2 and 4 s windows. `labels.npy` holds indices into `labels.CLASSES`.
    `progress` is told how many glitches are done, and of how many; `on_left_out`,
    why a file of the plan's noise gives nothing. With several workers the calling
    script needs `if __name__ == "__main__":`.

    Raises
    ------
    GspyError
        If the directory holds a data set of another plan, or another process is
        writing into it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with alone_in(directory):
        _prepare(directory, plan, on_left_out)
        firsts = range(0, plan.count, CHUNK)
        todo = [first for first in firsts if not _part(directory, first).exists()]
        done = plan.count - sum(_size(plan, first) for first in todo)
        if todo:  # else what was joined is of these parts
            (directory / "manifest.csv").unlink(missing_ok=True)
        work = partial(_write_chunk, directory, plan)
        for first in side_by_side(work, todo, workers=workers):
            done += _size(plan, first)
            progress(done, plan.count)
        _join(directory, plan)


def _prepare(directory: Path, plan: Plan, on_left_out: Callable[[str], None]) -> None:
    """Make the array, with all its room, and note the plan, unless that is done."""
    made = directory / "inputs.npy"
    if is_claimed(directory, asdict(plan)) and made.exists():
        return
    shutil.rmtree(directory / "parts", ignore_errors=True)
    (directory / "parts").mkdir()
    if plan.noise:
        save_quiet(directory, Path(plan.noise), on_left_out=on_left_out)
    shape = (plan.count, len(WINDOWS), plan.height, plan.width, 3)
    try:
        _inputs(directory, "w+", shape)
        _take_room(made)
    except OSError:
        made.unlink(missing_ok=True)
        raise
    claim(directory, asdict(plan))


def _take_room(path: Path) -> None:
    """Fail on a full disk now; later, a write to the mapped array would be a crash."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)


def _inputs(
    directory: Path, mode: str, shape: tuple[int, ...] | None = None
) -> NDArray[np.uint8]:
    path = directory / "inputs.npy"
    array: NDArray[np.uint8] = np.lib.format.open_memmap(
        path, mode=mode, dtype=np.uint8, shape=shape
    )
    return array


def _write_chunk(directory: Path, plan: Plan, first: int) -> int:
    """Make some glitches; the manifest's part, written last, says they are done."""
    inputs = _inputs(directory, "r+")
    quiet = load_quiet(directory) if plan.noise else None
    rows = []
    for index in range(first, first + _size(plan, first)):
        scene = draw_scene(plan.label(index), seed=plan.seed, index=index, quiet=quiet)
        early = draw_early(scene, seed=plan.seed, index=index)
        inputs[index] = scene_views(
            scene, height=plan.height, width=plan.width, early=early
        )
        name = gravityspy_id(seed=plan.seed, index=index)
        rows.append(manifest_row(scene, name=name, index=index, early=early))
    with whole_file(_part(directory, first), alone=True) as part:
        write_manifest(part, rows)
    return first


def _join(directory: Path, plan: Plan) -> None:
    """Join the parts of the manifest and write the labels, where that is not done."""
    manifest, labels = directory / "manifest.csv", directory / "labels.npy"
    if not manifest.exists():
        parts = (_part(directory, first) for first in range(0, plan.count, CHUNK))
        rows = [row for part in parts for row in read_manifest(part)]
        with whole_file(manifest, alone=True) as part:
            write_manifest(part, rows)
    if not labels.exists():
        numbers = [CLASSES.index(plan.label(index)) for index in range(plan.count)]
        save(labels, np.array(numbers, dtype=np.int64))


def _part(directory: Path, first: int) -> Path:
    return directory / "parts" / f"{first:07d}.csv"


def _size(plan: Plan, first: int) -> int:
    return min(CHUNK, plan.count - first)
