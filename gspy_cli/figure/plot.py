"""Find the plot in a picture from its pixels alone.

Either the picture has a margin of one plain colour: then the plot is the largest
rectangle in it that is filled or framed. Or it was cut to the plot: then viridis
colours reach all its edges.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import PictureError
from gspy_cli.figure.colours import (
    Pixels,
    codes,
    fills_picture,
    is_spectrogram,
    spread,
)

Mask = NDArray[np.bool_]

CONTRAST = 24  # grey levels that tell content from margin, above JPEG noise
LINES = 40  # rows and columns of the picture that are looked at
SOLID = 0.8  # least part of a line that content must cover to be plot
BARE = 0.002  # most of a margin that is covered where there are no labels
CROWDED = 0.3  # least part that is covered where there are other pictures


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels; `right` and `bottom` lie just outside it."""

    left: int
    top: int
    right: int
    bottom: int


def find_plot(pixels: Pixels) -> Box:
    """Find the plot area, without its frame, in a figure of shape (H, W, 3 or 4).

    A fourth byte is ignored.

    Raises
    ------
    PictureError
        There is no spectrogram in the picture.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        raise PictureError(f"no plot found: only {width} x {height} pixels")
    colours = pixels[..., :3]
    if fills_picture(colours):
        return _without_frame(colours, Box(0, 0, width, height))
    for background in _margin_colours(colours):
        for box in _filled_boxes(pixels, background):  # whole pixels are quicker
            inner = _without_frame(colours, box)
            written = _written_share(pixels, box, background)
            if written < CROWDED and is_spectrogram(
                _crop(colours, inner), background, labelled=written > BARE
            ):
                return inner
    raise PictureError("no plot found: this does not look like a spectrogram")


def _crop(pixels: Pixels, box: Box) -> Pixels:
    return pixels[box.top : box.bottom, box.left : box.right]


def _margin_colours(pixels: Pixels) -> Iterator[Pixels]:
    """Yield the commonest colours of the picture's edge, most frequent first."""
    edge = np.concatenate(
        (pixels[0, ::4], pixels[-1, ::4], pixels[::4, 0], pixels[::4, -1])
    )
    kinds = codes(edge)
    if np.count_nonzero(kinds == kinds[0]) > 0.8 * len(edge):  # no need to sort them
        yield edge[0]
        return
    _, first, counts = np.unique(kinds, return_index=True, return_counts=True)
    for i in np.argsort(-counts)[:2]:
        if counts[i] >= 0.2 * len(edge):
            yield edge[first[i]]


def _differs(pixels: Pixels, background: Pixels) -> Mask:
    """Tell which pixels (..., 3 or 4) are not of the background colour."""
    differs = np.zeros(pixels.shape[:-1], bool)
    for channel in range(3):  # far quicker than numpy's loops over the last axis
        level = int(background[channel])
        low, high = max(level - CONTRAST, 0), min(level + CONTRAST, 255)
        # below `low`, uint8 wraps round to large numbers
        differs |= pixels[..., channel] - np.uint8(low) > high - low
    return differs


def _written_share(pixels: Pixels, box: Box, background: Pixels) -> float:
    """Give the part of the margin around the box that isn't bare."""
    rows, columns = spread(pixels.shape[0], 64), spread(pixels.shape[1], 64)
    marks = _differs(pixels[rows].take(columns, axis=1), background)
    beside = (columns < box.left - 2) | (columns >= box.right + 2)
    above = (rows < box.top - 2) | (rows >= box.bottom + 2)
    margin = beside | above[:, None]
    return float((marks & margin).sum() / max(margin.sum(), 1))


def _filled_boxes(pixels: Pixels, background: Pixels) -> Iterator[Box]:
    """Yield rectangles of content, solid or framed, likeliest first."""
    height, width = pixels.shape[:2]
    rows, columns = spread(height, LINES), spread(width, LINES)
    across = _differs(pixels[rows], background)  # (N, W)
    down = _differs(pixels.take(columns, axis=1), background).T  # (N, H)
    for top, bottom in _bands(_cover(down)):
        for _ in range(2):  # rows give columns, which give better rows
            before = top, bottom
            ends = _differs(pixels[[top, bottom - 1]], background)
            left, right = _extent(across[(rows >= top) & (rows < bottom)], ends)
            ends = _differs(pixels[:, [left, right - 1]], background).T
            top, bottom = _extent(down[(columns >= left) & (columns < right)], ends)
            if (top, bottom) == before:
                break
        if right - left >= width // 8 and bottom - top >= height // 8:
            yield Box(left, top, right, bottom)


def _bands(cover: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Yield where the plot may reach from and to, by the content of each row.

    Colour bars may lie below the plot, and even be longer than it is wide.
    """
    for share in (0.6, 0.25):
        dense = cover >= share * cover.max()
        hits = np.flatnonzero(dense)
        yield int(hits[0]), int(hits[-1]) + 1
        yield _longest_run(dense)


def _extent(lines: Mask, ends: Mask) -> tuple[int, int]:
    """Find how far a band reaches, along its length L.

    A place is in it if most `lines` (N, L) across the band have content there, or
    if both `ends` (2, L) of the lines have: a framed plot may hold the background's
    own colour. Start and end must be solid, unlike ticks at both corners.
    """
    cover = _cover(lines)
    start, end = _longest_run((cover >= SOLID) | ends.all(axis=0))
    full = start + np.flatnonzero(cover[start:end] >= 0.9)
    return (int(full[0]), int(full[-1]) + 1) if len(full) else (0, 1)


def _cover(lines: Mask) -> NDArray[np.float64]:
    """Give the part of the lines (N, L) that have content, at each place."""
    counts: NDArray[np.uint8] = np.add.reduce(lines.view(np.uint8), dtype=np.uint8)
    return counts / max(len(lines), 1)


def _longest_run(mask: Mask) -> tuple[int, int]:
    """Find start and end of the longest run of true values, across grid lines.

    Grid lines in the background's colour are several narrow gaps. A single one is
    that before the colour bar.
    """
    padded = np.zeros(len(mask) + 2, bool)
    padded[1:-1] = mask
    steps = np.flatnonzero(padded[1:] != padded[:-1])
    if len(steps) <= 2:
        return (int(steps[0]), int(steps[1])) if len(steps) else (0, 1)
    starts, ends = steps[::2], steps[1::2]
    large = ends - starts >= 0.05 * (ends - starts).max()
    starts, ends = starts[large], ends[large]
    narrow = starts[1:] - ends[:-1] <= max(3, len(mask) // 300)
    if narrow.sum() > 1:
        starts = starts[np.insert(~narrow, 0, True)]
        ends = ends[np.append(~narrow, True)]
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])


def _without_frame(pixels: Pixels, box: Box) -> Box:
    """Leave out the frame lines along the inside of the box."""
    inside = _crop(pixels, box)
    left, right = _frame_widths(inside)
    top, bottom = _frame_widths(inside.swapaxes(0, 1))
    return Box(box.left + left, box.top + top, box.right - right, box.bottom - bottom)


def _frame_widths(plot: Pixels) -> Iterator[int]:
    """Count the frame lines at the left and at the right of a plot (H, W, 3).

    A frame line is thin and grey all along (black and white are greys). It is
    perfectly even but for JPEG noise; dark or grey data are less so.
    """
    height, width = plot.shape[:2]
    rows, depth = spread(height, LINES), 6 + width // 25
    sides = np.stack((plot[rows, :depth], plot[rows, : -depth - 1 : -1]))
    red, green, blue = sides.transpose(3, 0, 1, 2).astype(np.int16)  # each (2, N, D)
    chroma = np.maximum(np.maximum(red, green), blue)
    chroma -= np.minimum(np.minimum(red, green), blue)
    grey = (chroma <= 56).sum(axis=1) >= 0.75 * len(rows)
    level = np.sort(red + green + blue, axis=1)
    quarter = len(rows) // 4  # of a line may be ticks
    uneven = level[:, -1 - quarter] - level[:, quarter]
    jpeg, even = grey & (uneven <= 144), grey & (uneven <= 2)
    for side in range(2):
        yield _leading(jpeg[side].tolist()) or _leading(even[side].tolist())


def _leading(frame: list[bool]) -> int:
    """Count the frame lines at the start; the very first may be blurred."""
    if any(frame[:2]) and not all(frame[1:]):
        return frame.index(False, 1)
    return 0
