"""What is classified: a picture, or a plot of strain, and how it is read."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import PictureError
from gspy_cli.figure import read_pixels
from gspy_cli.results import VIEW, Origin, Trigger

STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/")
"""How the paths of streams of this process begin."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file; called, it gives its pixels."""

    path: str

    def __call__(self) -> NDArray[np.uint8]:
        """Decode it."""
        if not self.path:
            raise PictureError("an empty file name")
        return read_pixels(Path(self.path))


@dataclass(slots=True)
class Stream:
    """A picture that can be read once, and by this process alone; its pixels stay."""

    path: str
    pixels: NDArray[np.uint8] | None = None

    def __call__(self) -> NDArray[np.uint8]:
        """Decode it, or give what was decoded."""
        if self.pixels is None:
            self.pixels = read_pixels(Path(self.path))
        return self.pixels


@dataclass(frozen=True, slots=True)
class Plot:
    """The inside of a figure (H, W, 3), made from strain, and what else that tells."""

    pixels: NDArray[np.uint8]
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Sample:
    """One input, not yet read.

    `load` gives the figure's pixels (H, W, 3), or with a byte that means nothing
    (H, W, 4), or a plot, or raises `PictureError`. From strain there is also
    `shifted`: what `load` gives, so many seconds later.
    """

    origin: Origin
    load: Callable[[], NDArray[np.uint8] | Plot]
    shifted: Callable[[float], Plot] | None = None


Name = str | Sample
"""A picture's path, or a sample that is made already."""


def sample_of(name: Name) -> Sample:
    """Make the sample that a name stands for; a path's is a file or a stream."""
    if isinstance(name, Sample):
        return name
    load = Stream(name) if name.startswith(STREAMS) else PictureFile(name)
    return Sample(describe(name), load)


def describe(path: str) -> Origin:
    """Read detector, identifier and window from a file name as Gravity Spy has it.

    The pattern is `{ifo}_{id}_spectrogram_{window}.png`.
    """
    stem, _ = os.path.splitext(os.path.basename(path))  # noqa: PTH119, PTH122, quicker
    match = VIEW.fullmatch(stem)
    if not match or not match["window"] or match["more"]:
        return Origin(path)
    return Origin(path, match["ifo"], match["id"], float(match["window"]))


def read_first(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Read the first sample now; what its `load` gives or raises comes later."""
    remaining = iter(samples)
    first = next(remaining, None)
    if first is None:
        return iter(())
    try:
        loaded = first.load()
    except PictureError as error:
        return chain([unusable(first.origin, str(error))], remaining)
    return chain([replace(first, load=lambda: loaded)], remaining)


def unusable(origin: Origin, reason: str) -> Sample:
    """Make the sample of an input that cannot be classified."""
    return Sample(origin, partial(_fail, reason))


def _fail(reason: str) -> NDArray[np.uint8]:
    raise PictureError(reason)
