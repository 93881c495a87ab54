"""Read a picture and find the plot in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gspy_cli.errors import PictureError

Pixels = NDArray[np.uint8]  # (..., 3), red, green, blue
Mask = NDArray[np.bool_]

CONTRAST = 24  # grey levels that tell content from margin, above JPEG noise
LINES = 48  # rows and columns of the picture that are looked at
SOLID = 0.8  # least part of a line that content must cover to be plot

# matplotlib's viridis at 13 equal steps
_VIRIDIS = np.array(
    [
        *((68, 1, 84), (72, 31, 112), (68, 57, 131), (59, 82, 139), (49, 104, 142)),
        *((40, 124, 142), (33, 145, 140), (32, 164, 134), (53, 183, 121)),
        *((92, 200, 99), (142, 214, 69), (200, 224, 32), (253, 231, 37)),
    ],
    dtype=np.float32,
)
_VIRIDIS_TOLERANCE = 40


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels; `right` and `bottom` lie just outside it."""

    left: int
    top: int
    right: int
    bottom: int


def read_figure(path: Path) -> NDArray[np.uint8]:
    """Decode a picture file to RGB pixels, shape (H, W, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def find_plot(pixels: Pixels) -> Box:
    """Find the plot area, without its frame, in a figure of shape (H, W, 3)."""
    height, width = pixels.shape[:2]
    whole = Box(0, 0, width, height)
    if min(height, width) < 16:
        raise PictureError(f"no plot found: only {width} x {height} pixels")
    if _is_cut(pixels):
        return _without_frame(pixels, whole)
    for background in _margin_colours(pixels):
        for box in _filled_boxes(pixels, background):
            inner = _without_frame(pixels, box)
            if _is_spectrogram(pixels, inner, background):
                return inner
    raise PictureError("no plot found in the picture")


def _spread(length: int, count: int) -> NDArray[np.intp]:
    """Indices of at most `count` places, spread evenly over `length`."""
    count = min(count, length)
    return ((np.arange(count) + 0.5) * (length / count)).astype(np.intp)


def _sample(pixels: Pixels, box: Box, count: int) -> Pixels:
    """Colours on a grid of at most count x count places in the box, (N, 3)."""
    rows = box.top + _spread(box.bottom - box.top, count)
    columns = box.left + _spread(box.right - box.left, count)
    return pixels[rows[:, None], columns].reshape(-1, 3)


def _on_viridis(colours: Pixels) -> Mask:
    """Tell which colours (N, 3) lie on the viridis curve, to JPEG accuracy."""
    weights = np.array((1, 2, 0), np.float32)  # this sum grows along the curve
    near = np.ones(len(colours), bool)
    place = colours @ weights
    for channel in range(3):
        expected = np.interp(place, _VIRIDIS @ weights, _VIRIDIS[:, channel])
        near &= np.abs(colours[:, channel] - expected) <= _VIRIDIS_TOLERANCE
    return near


def _is_cut(pixels: Pixels) -> bool:
    """Tell whether viridis colours fill the picture out to its edges."""
    height, width = pixels.shape[:2]
    d = 1 + max(height, width) // 50  # past any frame line
    rim = (pixels[d, ::8], pixels[-1 - d, ::8], pixels[::8, d], pixels[::8, -1 - d])
    return (
        all(_on_viridis(side).mean() >= SOLID for side in rim)
        and _on_viridis(_sample(pixels, Box(0, 0, width, height), 32)).mean() >= 0.9
    )


def _margin_colours(pixels: Pixels) -> Iterator[Pixels]:
    """Yield the commonest colours of the picture's edge, most frequent first."""
    rim = np.concatenate(
        (pixels[0, ::4], pixels[-1, ::4], pixels[::4, 0], pixels[::4, -1])
    )
    colours, counts = np.unique(
        rim.astype(np.uint32) @ np.array((1 << 16, 1 << 8, 1), np.uint32),
        return_counts=True,
    )
    for i in np.argsort(-counts)[:2]:
        if counts[i] >= 0.2 * len(rim):
            code = int(colours[i])
            yield np.array((code >> 16, code >> 8 & 255, code & 255), np.uint8)


def _differs(pixels: Pixels, background: Pixels) -> Mask:
    """Tell which pixels (..., 3) are not of the background colour."""
    low = np.maximum(background, CONTRAST) - np.uint8(CONTRAST)
    span = np.minimum(background, 255 - CONTRAST) + np.uint8(CONTRAST) - low
    beyond = (pixels - low) > span  # below `low`, uint8 wraps round to large
    return beyond[..., 0] | beyond[..., 1] | beyond[..., 2]


def _longest_run(mask: Mask) -> tuple[int, int]:
    """Start and end of the longest run of true values; (0, 0) if none."""
    steps = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    if not len(steps):
        return 0, 0
    starts, ends = steps[::2], steps[1::2]
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])


def _filled_boxes(pixels: Pixels, background: Pixels) -> Iterator[Box]:
    """Yield rectangles of content, solid or framed, likeliest first."""
    height, width = pixels.shape[:2]
    rows, columns = _spread(height, LINES), _spread(width, LINES)
    across = _differs(pixels[rows], background)  # (LINES, W)
    down = _differs(pixels[:, columns], background)  # (H, LINES)
    cover = down.mean(axis=1)
    dense = cover >= 0.6 * cover.max()
    hits = np.flatnonzero(dense)
    for top, bottom in ((int(hits[0]), int(hits[-1]) + 1), _longest_run(dense)):
        left = right = 0
        for _ in range(2):
            left, right = _extent(
                across[(rows >= top) & (rows < bottom)],
                _differs(pixels[top], background),
                _differs(pixels[bottom - 1], background),
            )
            if right - left < 8:
                break
            top, bottom = _extent(
                down[:, (columns >= left) & (columns < right)].T,
                _differs(pixels[:, left], background),
                _differs(pixels[:, right - 1], background),
            )
            if bottom - top < 8:
                break
        else:
            yield Box(left, top, right, bottom)


def _extent(lines: Mask, first: Mask, last: Mask) -> tuple[int, int]:
    """Where content reaches from the `first` to the `last` edge of a band.

    A place belongs to the plot if most `lines` (N, L) have content there, or if
    both edges (L,) have: a plot may have holes of the background's own colour.
    """
    solid = lines.mean(axis=0) >= SOLID if len(lines) else first
    start, end = _longest_run(solid | (first & last))
    full = start + np.flatnonzero(solid[start:end])
    return (int(full[0]), int(full[-1]) + 1) if len(full) else (0, 0)


def _without_frame(pixels: Pixels, box: Box) -> Box:
    """Leave out the frame lines along the inside of the box."""
    inside = pixels[box.top : box.bottom, box.left : box.right]
    height, width = inside.shape[:2]
    rows, columns = inside[_spread(height, LINES)], inside[:, _spread(width, LINES)]
    columns = columns.swapaxes(0, 1)
    return Box(
        box.left + _frame_width(rows),
        box.top + _frame_width(columns),
        box.right - _frame_width(rows[:, ::-1]),
        box.bottom - _frame_width(columns[:, ::-1]),
    )


def _frame_width(lines: Pixels) -> int:
    """Count the frame lines at the start of lines (N, L, 3) across the edge.

    A frame line is grey all along (black and white are greys), and thin.
    """
    deepest = max(4, lines.shape[1] // 50)
    start = lines[:, :deepest].astype(np.int16)  # (N, D, 3)
    grey = start.max(axis=2) - start.min(axis=2) <= 40
    level = np.sort(start[..., 1], axis=0)
    n = len(level) // 10
    even = level[-1 - n] - level[n] <= 48
    frame = (grey.mean(axis=0) >= 0.9) & even
    if frame.all():
        return 0
    return int(np.argmin(frame))


def _is_spectrogram(pixels: Pixels, box: Box, background: Pixels) -> bool:
    """Tell whether the box is large and holds the colours of a colour map."""
    height, width = pixels.shape[:2]
    if box.right - box.left < width // 5 or box.bottom - box.top < height // 5:
        return False
    colours = _sample(pixels, box, 32)
    return bool(_on_viridis(colours).mean() >= 0.75)
