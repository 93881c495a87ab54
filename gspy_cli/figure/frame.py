"""The edges of a rectangle: a plot's thin grey frame, bars along it, a sheet's rim."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gspy_cli.figure.colours import (
    Pixels,
    are_colour_bar,
    is_viridis,
    on_viridis,
    spread,
)

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

    def crop(self, pixels: Pixels) -> Pixels:
        """Give its pixels, in the whole picture's."""
        return pixels[self.top : self.bottom, self.left : self.right]

    def moved(self, right: int, down: int) -> "Box":
        """Give the same rectangle, some pixels further right and down."""
        return Box(
            self.left + right, self.top + down, self.right + right, self.bottom + down
        )


def without_frame(pixels: Pixels, box: Box) -> Box:
    """Leave out the frame lines along the inside of the box."""
    most = 6 + max(box.right - box.left, box.bottom - box.top) // 25
    widths: list[int | None] = [None] * 4
    # Most frames are thin, and JPEG may colour them. Thick ones may be grey data.
    for depth, chroma, uneven in ((THIN, 56, 144), (most, 24, 12), (most, 56, 2)):
        sides = _greys(pixels, box, depth, chroma=chroma, uneven=uneven)
        widths = [
            _leading(side) if width is None else width
            for width, side in zip(widths, sides, strict=True)
        ]
        if None not in widths:
            break
    return _narrowed(box, (width or 0 for width in widths))


def _greys(
    pixels: Pixels, box: Box, depth: int, *, chroma: int, uneven: int
) -> list[list[bool]]:
    """Tell which of the outermost lines at each side of a box are frame.

    A frame line is grey all along (black and white are greys), but for what JPEG adds:
    up to `chroma` levels between a pixel's colours, up to `uneven` along the line, in
    the sum of the three. Dark or grey data have more. The sides are left, right, top
    and bottom, their lines from outside inwards.
    """
    places = _side_places(pixels.shape[1], box, depth)
    sides = pixels.reshape(-1, pixels.shape[2]).take(places, axis=0)  # (4, D, N, 3)
    channels = sides[..., :3].transpose(3, 0, 1, 2).copy()
    colour = np.maximum.reduce(channels) - np.minimum.reduce(channels)
    level = np.add.reduce(channels, dtype=np.int16)
    level.sort(axis=-1)
    count = places.shape[2]
    quarter = count // 4  # of a line may be ticks
    varies = level[..., -1 - quarter] - level[..., quarter]
    grey = (colour <= chroma).sum(axis=-1) >= 0.75 * count
    greys: list[list[bool]] = (grey & (varies <= uneven)).tolist()
    return greys


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


def has_colour_bar(pixels: Pixels, box: Box) -> bool:
    """Tell whether viridis's colour bar runs along a box, to its right or below it."""
    beside = pixels[box.top : box.bottom, box.right :, :3].swapaxes(0, 1)
    below = pixels[box.bottom :, box.left : box.right, :3]
    return bool(are_colour_bar(beside).any() or are_colour_bar(below).any())


def without_bars(pixels: Pixels, box: Box) -> Box:
    """Leave out bars along a viridis plot: plain ones of other colours, colour bars.

    Plain are a coloured frame, a window's title bar or a plot's shadow, say.
    """
    lines = _second_lines(pixels, box)
    ramps = are_colour_bar(lines).tolist()
    if True in ramps:
        return _without_colour_bars(pixels, box, ramps)
    barred = on_viridis(lines).mean(axis=1) < 0.5
    if True not in barred.tolist():
        return box
    quarter = lines.shape[1] // 4  # at each end a shadow may fade
    green = np.sort(lines[..., 1], axis=1)
    barred &= green[:, -1 - quarter] - green[:, quarter] <= CONTRAST
    means = lines.mean(axis=1).astype(np.uint8)  # dithered data lie around it
    barred &= ~on_viridis(means)
    sides = zip(barred, _sides(pixels, box), strict=True)
    inner = _narrowed(box, (_bar_width(side) if bar else 0 for bar, side in sides))
    return inner if is_viridis(inner.crop(pixels)[..., :3]) else box


def _bar_width(lines: Pixels) -> int:
    """Count the lines of a rectangle (H, W, 3) before the first of viridis, if any.

    JPEG colours the next lines too: those are no bar that are more like the plot.
    """
    near = lines[: len(lines) // 2, spread(lines.shape[1], LINES)]
    end = 1 + int((on_viridis(near[1:]).mean(axis=1) >= 0.5).argmax())
    dithered = on_viridis(near[1 : 2 * RIM].mean(axis=(0, 1)).astype(np.uint8))
    if end == 1 or (end > 2 * RIM and dithered):
        return 0
    medians = np.median(near[: end + RIM], axis=1)
    start = max(1, end - 2 * RIM)
    bar, data = medians[start], np.median(medians[end:], axis=0)
    between = medians[start:end]
    like_data = ((between - bar) ** 2).sum(axis=1) > ((between - data) ** 2).sum(axis=1)
    return start + int(np.append(like_data, True).argmax())


def _without_colour_bars(pixels: Pixels, box: Box, at_sides: list[bool]) -> Box:
    """Leave out colour bars that touch a plot, and the frame lines between."""
    sides = zip(at_sides, _sides(pixels, box), strict=True)
    inner = _narrowed(box, (_ramp_width(side) if bar else 0 for bar, side in sides))
    return without_frame(pixels, inner)


def _ramp_width(lines: Pixels) -> int:
    """Count the lines of a rectangle (H, W, 3) before the first of another kind."""
    near = lines[1 : len(lines) // 3, spread(lines.shape[1], LINES)]
    return 1 + int((~are_colour_bar(near)).argmax())  # where none is, all are data


def without_rim(pixels: Pixels, box: Box) -> Box:
    """Leave out what scaling has blurred along the edges of a box."""
    return _narrowed(
        box, (_blurred(side[: RIM + 2, ::4]) for side in _sides(pixels, box))
    )


def _second_lines(pixels: Pixels, box: Box) -> Pixels:
    """Take one line of a box's sides each (4, N, 3); the outermost may be blurred."""
    places = _side_places(pixels.shape[1], box, 2)[:, -1]
    return pixels.reshape(-1, pixels.shape[2]).take(places, axis=0)[..., :3]


def _sides(pixels: Pixels, box: Box) -> tuple[Pixels, ...]:
    """Give the inside of a box as seen from its left, right, top and bottom."""
    inside = box.crop(pixels)[..., :3]
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
