"""Pictures in `.npy` files, mapped from disk: any of them by its number."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError

MAPPED = 128
"""Shards open at a time: a process may not have many more files than 256."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A `.npy` file with pictures of `shape` (N, H, W, 3), `offset` bytes into it."""

    path: Path
    offset: int
    shape: tuple[int, ...]

    def mapped(self) -> NDArray[np.uint8]:
        """Map the pictures from disk."""
        try:
            return np.memmap(self.path, np.uint8, "r", self.offset, self.shape)
        except OSError as error:
            raise GspyError(
                f"cannot read decoded pictures from {self.path} ({error.strerror}): "
                "leave them there while a network trains; --resume goes on"
            ) from None


def find_shard(path: Path) -> Shard:
    """Read the head of a `.npy` file of pictures, uint8 (..., H, W, 3)."""
    array: np.memmap[tuple[int, ...], np.dtype[np.uint8]]
    array = np.load(path, mmap_mode="r")
    return Shard(path, array.offset, array.reshape(-1, *array.shape[-3:]).shape)


class Shards:
    """Files of pictures: `mapped` gives one by its number, and keeps the last few.

    Other processes are sent their names and map them anew.
    """

    def __init__(self, files: Sequence[Shard]) -> None:
        self.files = found = tuple(files)
        self.mapped = lru_cache(MAPPED)(lambda number: found[number].mapped())

    def __reduce__(self) -> tuple[type["Shards"], tuple[tuple[Shard, ...]]]:
        """Leave the maps out, which pickle would write whole."""
        return Shards, (self.files,)


@dataclass(frozen=True, slots=True)
class MappedPixels:
    """Pictures of one size, mapped from disk: `rows` gives any of them.

    `places` (N, 2) holds a shard's number and a row in it for each picture.
    """

    shards: Shards
    places: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.places)

    def rows(self, indices: Sequence[int] | NDArray[np.intp]) -> NDArray[np.uint8]:
        """Copy some pictures into one array (len(indices), H, W, 3)."""
        places = self.places[list(indices)].tolist()
        return np.stack([self.shards.mapped(shard)[row] for shard, row in places])
