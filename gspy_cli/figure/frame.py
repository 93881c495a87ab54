"""The edges of a rectangle: a plot's thin grey frame, bars along it, a sheet's rim."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gspy_cli.figure.colours import Pixels, is_viridis, on_viridis, spread

LINES = 40  # rows and columns of a picture that are looked at
THIN = 4  # pixels of a frame line, mostly
RIM = 4  # pixels at most that scaling or JPEG blurs along an edge
CONTRAST = 24  # levels that tell content from margin, above JPEG noise


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels; `right` and `bottom` lie just outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """How many pixels it holds."""
        return (self.right - self.left) * (self.bottom - self.top)

    def moved(self, right: int, down: int) -> "Box":
        """Give the same rectangle, some pixels further right and down."""
        return Box(
            self.left + right, self.top + down, self.right + right, self.bottom + down
        )


def without_frame(pixels: Pixels, box: Box) -> Box:
    """Leave out the frame lines along the inside of the box."""
    most = 6 + max(box.right - box.left, box.bottom - box.top) // 25
    for depth in (THIN, most):  # most frames are thin
        jpeg, even = _greys(pixels, box, depth)
        widths = [_leading(side) for side in jpeg]
        if None not in widths:
            break
    else:
        widths = [w or _leading(side) for w, side in zip(widths, even, strict=True)]
    return _narrowed(box, (width or 0 for width in widths))


def _greys(
    pixels: Pixels, box: Box, depth: int
) -> tuple[list[list[bool]], list[list[bool]]]:
    """Tell which of the outermost lines at each side of a box are frame.

    A frame line is thin and grey all along (black and white are greys). It is
    perfectly even, the second answer, but for JPEG noise; dark or grey data are less
    so. The sides are left, right, top and bottom, their lines from outside inwards.
    """
    places = _side_places(pixels.shape[1], box, depth)
    sides = pixels.reshape(-1, pixels.shape[2]).take(places, axis=0)  # (4, D, N, 3)
    channels = sides[..., :3].transpose(3, 0, 1, 2).copy()
    chroma = np.maximum.reduce(channels) - np.minimum.reduce(channels)
    level = np.add.reduce(channels, dtype=np.int16)
    level.sort(axis=-1)
    count = places.shape[2]
    quarter = count // 4  # of a line may be ticks
    uneven = level[..., -1 - quarter] - level[..., quarter]
    grey = (chroma <= 56).sum(axis=-1) >= 0.75 * count
    return (grey & (uneven <= 144)).tolist(), (grey & (uneven <= 2)).tolist()


@lru_cache  # most figures have one size
def _side_places(width: int, box: Box, depth: int) -> NDArray[np.intp]:
    """Give the places (4, D, N) of some pixels along a box's sides.

    They count the pixels of a picture that is `width` wide, row by row.
    """
    height, plot_width = box.bottom - box.top, box.right - box.left
    count, depth = min(LINES, height, plot_width), min(depth, height, plot_width)
    rows = (box.top + spread(height, count)) * width
    columns, steps = box.left + spread(plot_width, count), np.arange(depth)[:, None]
    return np.stack(
        (
            rows + box.left + steps,
            rows + box.right - 1 - steps,
            (box.top + steps) * width + columns,
            (box.bottom - 1 - steps) * width + columns,
        )
    )


def _leading(frame: list[bool]) -> int | None:
    """Count the frame lines at the start; the very first may be blurred.

    None where all lines are: they are data and no frame, or the frame is thicker.
    """
    if not any(frame[:2]):
        return 0
    return None if all(frame[1:]) else frame.index(False, 1)


def without_bars(pixels: Pixels, box: Box) -> Box:
    """Leave out plain bars wider than `RIM` along a viridis plot.

    They are a window's title bar or a plot's shadow, say.
    """
    places = _side_places(pixels.shape[1], box, RIM + 1)[:, -1]
    lines = pixels.reshape(-1, pixels.shape[2]).take(places, axis=0)[..., :3]
    green = np.sort(lines[..., 1], axis=1)
    quarter = green.shape[1] // 4  # at each end a shadow may fade
    plain = green[:, -1 - quarter] - green[:, quarter] <= 4
    if True not in plain.tolist() or on_viridis(lines[plain]).all():
        return box
    means = lines[plain].mean(axis=1).astype(np.uint8)  # dithered data lie around it
    if on_viridis(means).all():
        return box
    inner = _narrowed(box, map(_bar_width, _sides(pixels, box)))
    plot = pixels[inner.top : inner.bottom, inner.left : inner.right, :3]
    return inner if is_viridis(plot) else box


def _bar_width(lines: Pixels) -> int:
    """Count the lines of a rectangle (H, W, 3) before the first of viridis, if any."""
    near = lines[: len(lines) // 2, spread(lines.shape[1], LINES)]
    width = int((on_viridis(near).mean(axis=1) >= 0.5).argmax())
    return width if width > RIM else 0


def without_rim(pixels: Pixels, box: Box) -> Box:
    """Leave out what scaling has blurred along the edges of a box."""
    return _narrowed(
        box, (_blurred(side[: RIM + 2, ::4]) for side in _sides(pixels, box))
    )


def _sides(pixels: Pixels, box: Box) -> tuple[Pixels, ...]:
    """Give the inside of a box as seen from its left, right, top and bottom."""
    inside = pixels[box.top : box.bottom, box.left : box.right, :3]
    across = inside.swapaxes(0, 1)
    return across, across[::-1], inside, inside[::-1]


def _narrowed(box: Box, widths: Iterable[int]) -> Box:
    """Leave out so many pixels at the left, right, top and bottom."""
    left, right, top, bottom = widths
    return Box(box.left + left, box.top + top, box.right - right, box.bottom - bottom)


def _blurred(lines: Pixels) -> int:
    """Count the outermost of some lines (D, N, 3) that differ from the next."""
    steps = np.abs(np.diff(np.median(lines, axis=1), axis=0))
    return int((steps.max(axis=1) <= CONTRAST).argmax())
