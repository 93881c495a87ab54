"""Whole figures of simulated glitches, named and drawn as Gravity Spy's are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from gspy_cli.callbacks import Progress, ignore
from gspy_cli.labels import CLASSES
from gspy_cli.results import WINDOWS
from gspy_cli.simulate.claim import claim, is_claimed
from gspy_cli.simulate.manifest import (
    ManifestRow,
    append_row,
    count_whole_rows,
    gravityspy_id,
    manifest_row,
)
from gspy_cli.simulate.quiet import load_quiet, save_quiet
from gspy_cli.simulate.scene import Scene, draw_scene
from gspy_cli.simulate.side_by_side import side_by_side
from gspy_cli.strain.eras import Era
from gspy_cli.strain.runs import RUNS
from gspy_cli.whole import alone_in

Format = Literal["png", "jpeg"]
ENDINGS = {"png": "png", "jpeg": "jpg"}
SPACING_S = 128  # from the start of one glitch's strain to the next one's
TITLE_STREAM = 1_000_033  # keeps the figure's numbers apart from the scene's


def write_figures(
    directory: Path,
    *,
    count: int,
    seed: int,
    classes: Sequence[str] = CLASSES,
    picture_format: Format = "png",
    strain: bool = False,
    noise: Path | None = None,
    workers: int = 1,
    progress: Progress = ignore,
    on_left_out: Callable[[str], None] = ignore,
) -> None:
    """Write `<Class>/` with four figures a glitch, `manifest.csv`, perhaps the strain.

    A run that was stopped goes on after the last glitch in the manifest. With several
    workers the calling script needs `if __name__ == "__main__":`.

    The strain goes to `<ifo>_<id>.hdf5` beside the figures. It starts at GPS 128 s
    times the glitch's index, so that no two of a data set are one stretch; the event's
    GPS time is the file's attribute `event_time`. `noise` is
    real strain, a file or a folder, to put half of the glitches into; `on_left_out`
    is told why a file of it gives nothing. What is used of it is kept in `quiet.npy`.

    Raises
    ------
    GspyError
        The directory holds another data set, or another process is writing into it.
    """
    plan = {
        "count": count,
        "seed": seed,
        "classes": list(classes),
        "figures": picture_format,
        "strain": strain,
        "noise": str(noise.resolve()) if noise else "",
    }
    manifest = directory / "manifest.csv"
    directory.mkdir(parents=True, exist_ok=True)
    with alone_in(directory):
        if not is_claimed(directory, plan):
            if noise:
                save_quiet(directory, noise, on_left_out=on_left_out)
            claim(directory, plan)
        work = partial(
            _write_glitch,
            directory,
            seed=seed,
            classes=classes,
            picture_format=picture_format,
            strain=strain,
            noise=noise is not None,
        )
        todo = range(count_whole_rows(manifest), count)
        rows = side_by_side(work, todo, workers=workers)
        for done, row in enumerate(rows, todo.start + 1):
            append_row(manifest, row)
            progress(done, count)


def _write_glitch(
    directory: Path,
    index: int,
    *,
    seed: int,
    classes: Sequence[str],
    picture_format: Format,
    strain: bool,
    noise: bool,
) -> ManifestRow:
    """Write one glitch's files; its row says what they show."""
    quiet = load_quiet(directory) if noise else None
    label = classes[index % len(classes)]
    scene = draw_scene(label, seed=seed, index=index, quiet=quiet)
    name = gravityspy_id(seed=seed, index=index)
    stem = directory / label / f"{scene.origin.ifo}_{name}"
    rng = np.random.default_rng((seed, index, TITLE_STREAM))
    _write_views(stem, _views(rng, scene, picture_format))
    if strain:
        path = stem.with_name(f"{stem.name}.hdf5")
        _write_strain(path, scene, gps=float(SPACING_S * index))
    return manifest_row(scene, name=name, index=index, early=False)


def _write_views(stem: Path, views: Iterable[tuple[str, bytes]]) -> None:
    """Write the views, each to the stem and its own ending."""
    stem.parent.mkdir(exist_ok=True)
    for ending, figure in views:
        stem.with_name(f"{stem.name}_{ending}").write_bytes(figure)


def _views(
    rng: np.random.Generator, scene: Scene, picture_format: Format
) -> Iterator[tuple[str, bytes]]:
    """Draw a figure for each window: how its name ends, and its bytes."""
    from gspy_cli.strain.drawing import Style, draw  # matplotlib takes a second

    gps = _draw_gps(rng, scene.origin.run)
    quality = int(rng.integers(75, 96))
    later = scene.origin.era in (Era.O3, Era.GWPY)
    style = Style.O3 if later else Style.TRAINING
    for window in WINDOWS:
        ifo = scene.origin.ifo
        figure = draw(scene.scan, window, ifo=ifo, gps=gps, style=style)
        if picture_format == "jpeg":
            figure = _as_jpeg(figure, quality)
        yield f"spectrogram_{window:.1f}.{ENDINGS[picture_format]}", figure


def _draw_gps(rng: np.random.Generator, run: str) -> float:
    """Draw a time in a run; it only chooses the figure's title."""
    spans = [(span.start, span.end) for span in RUNS if span.name == run]
    return float(rng.uniform(*spans[rng.integers(len(spans))]))


def _as_jpeg(png: bytes, quality: int) -> bytes:
    buffer = BytesIO()
    with Image.open(BytesIO(png)) as picture:
        picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _write_strain(path: Path, scene: Scene, *, gps: float) -> None:
    """Write strain that starts at a GPS time, as gwpy reads it."""
    import h5py

    content = BytesIO()  # HDF5 tells of a full disk in many ways
    with h5py.File(content, "w") as file:
        name = f"{scene.origin.ifo}:GSPY-SIMULATED"
        data = file.create_dataset(name, data=scene.strain)
        data.attrs.update(name=name, unit="strain")
        data.attrs.update(x0=gps, dx=1 / scene.sample_rate_hz, xunit="s")
        file.attrs.update(event_time=gps + scene.event_s, label=scene.label)
    path.write_bytes(content.getvalue())
