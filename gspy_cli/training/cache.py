"""Decode, crop and resize each picture once: a memory-mapped cache of uint8 pixels.

The cache is a folder of shards, each a `.npy` array (N, H, W, 3) with the keys of its
rows beside it. A shard never changes, so runs may share the cache without a lock, and
a changed list of pictures decodes only what is new.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gspy_cli import figure, image
from gspy_cli.callbacks import Progress, ignore
from gspy_cli.errors import GspyError, PictureError
from gspy_cli.home import cache_home
from gspy_cli.training.checkpoint import write_bytes
from gspy_cli.training.shards import MappedPixels, Shard, Shards, find_shard
from gspy_cli.whole import remove_left
from gspy_cli.workers import available_cores

SHARD = 256
"""Pictures in a shard: what a killed run has to decode again, at most."""

KEPT_S = 30 * 86_400
"""How long, after their last use, pictures of other code stay, in seconds.

Another version of gspy may still train on them.
"""
FOLDER = re.compile(r"\d+x\d+-[0-9a-f]{12}")


def open_pixels(
    paths: Sequence[Path],
    *,
    size: int,
    folder: Path | None = None,
    on_progress: Progress = ignore,
) -> tuple[MappedPixels, dict[int, str]]:
    """Give the pictures as the network takes them, (size, size, 3) uint8.

    What the cache does not hold yet is decoded now. Also says why what cannot be read
    cannot, by index in `paths`; `MappedPixels` holds the others, in order.

    Raises
    ------
    GspyError
        The cache cannot be written.
    """
    folder = shard_folder(folder, size)
    make_folder(folder)
    remove_old(folder.parent)
    remove_left(folder)
    keys = [key(path) for path in paths]
    wanted = set(keys)
    known = read_places(folder, wanted)
    missing = {k: p for k, p in zip(keys, paths, strict=True) if k not in known}
    unreadable = decode_missing(missing, folder, size, on_progress)
    known = read_places(folder, wanted) if missing else known
    failures = {i: unreadable[k] for i, k in enumerate(keys) if k in unreadable}
    found = [known[k] for k in keys if k not in unreadable]
    number = {shard: i for i, shard in enumerate(dict.fromkeys(s for s, _ in found))}
    places = np.array([(number[s], row) for s, row in found], np.intp).reshape(-1, 2)
    return MappedPixels(Shards([*number]), places), failures


def shard_folder(folder: Path | None, size: int) -> Path:
    """Name the folder of one preprocessing: new code or another size, a new folder."""
    root = folder or cache_home() / "pictures"
    return root / f"{size}x{size}-{preprocessing()}"


def make_folder(folder: Path) -> None:
    """Make the cache's folder, and note that it is in use."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GspyError(
            f"cannot keep decoded pictures in {folder} ({error.strerror}): give a "
            "folder that you may write to with --cache"
        ) from None
    with suppress(OSError):  # it may be another user's
        os.utime(folder)


def remove_old(root: Path) -> None:
    """Remove what other code decoded, where nobody has used it for a month."""
    with suppress(OSError):
        for folder in root.iterdir():
            ours = folder.name.endswith(preprocessing())
            if not FOLDER.fullmatch(folder.name) or ours:
                continue
            if time.time() - folder.stat().st_mtime > KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)


@cache
def preprocessing() -> str:
    """Fingerprint the code that turns a file into a network's input."""
    folder = Path(str(figure.__file__)).parent
    sources = [*sorted(folder.glob("*.py")), Path(str(image.__file__))]
    content = b"".join(source.read_bytes() for source in sources)
    return hashlib.sha256(content).hexdigest()[:12]


def key(path: Path) -> str:
    """Name a picture's content without reading it: path, size, time of change."""
    try:
        state = path.stat()
    except OSError:
        return f"{path.absolute()}|missing"
    return f"{path.absolute()}|{state.st_size}|{state.st_mtime_ns}"


def read_places(folder: Path, wanted: Set[str]) -> dict[str, tuple[Shard, int]]:
    """Map the keys of shards that hold a wanted one to shard and row.

    A damaged shard is none.
    """
    places: dict[str, tuple[Shard, int]] = {}
    for index in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, EOFError):
            keys = json.loads(index.read_text(encoding="utf-8"))
            if wanted.isdisjoint(keys):
                continue
            shard = find_shard(index.with_suffix(".npy"))
            places |= {k: (shard, row) for row, k in enumerate(keys)}
    return places


def decode_missing(
    missing: dict[str, Path], folder: Path, size: int, on_progress: Progress
) -> dict[str, str]:
    """Write shards of what is missing; give the reason for each unreadable key."""
    unreadable: dict[str, str] = {}
    keys = list(missing)
    with ThreadPoolExecutor(available_cores()) as pool:
        for start in range(0, len(keys), SHARD):
            chunk = keys[start : start + SHARD]
            decoded = pool.map(lambda k: decode(missing[k], size), chunk)
            pictures = dict(zip(chunk, decoded, strict=True))
            good = {k: p for k, p in pictures.items() if not isinstance(p, str)}
            unreadable |= {k: p for k, p in pictures.items() if isinstance(p, str)}
            write_shard(folder, good)
            on_progress(start + len(chunk), len(keys))
    return unreadable


def decode(path: Path, size: int) -> NDArray[np.uint8] | str:
    """Decode one picture to (size, size, 3), or say why that cannot be done."""
    try:
        pixels = figure.read_pixels(path)
        return image.network_input(pixels, height=size, width=size)
    except PictureError as error:
        return str(error)


def write_shard(folder: Path, pictures: dict[str, NDArray[np.uint8]]) -> None:
    """Write pixels, then keys: a shard without keys does not count."""
    if not pictures:
        return
    keys = json.dumps(list(pictures)).encode()
    name = hashlib.sha256(keys).hexdigest()[:16]
    stream = BytesIO()  # in a file, numpy would not say that the disk is full
    np.save(stream, np.stack(list(pictures.values())))
    write_bytes(folder / f"{name}.npy", stream.getvalue())
    write_bytes(folder / f"{name}.json", keys)
