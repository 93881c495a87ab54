"""What of a picture is content: where it differs from its margin, along some lines."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gspy_cli.figure.colours import Pixels, on_viridis, spread
from gspy_cli.figure.frame import CONTRAST, LINES, Box

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Content:
    """Where a picture (H, W) differs from its margin's colour, along some lines.

    `across` (N, W) are the lines at `rows` (N,), `down` (M, H) those at `columns`.
    """

    pixels: Pixels
    background: Pixels
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    across: Mask
    down: Mask

    def between(self, top: int, bottom: int) -> Mask:
        """Give the lines across from `top` to above `bottom`."""
        first, end = self.rows.searchsorted(top), self.rows.searchsorted(bottom)
        return self.across[first:end]

    def beside(self, left: int, right: int) -> Mask:
        """Give the lines down from `left` to before `right`."""
        first, end = self.columns.searchsorted(left), self.columns.searchsorted(right)
        return self.down[first:end]

    def at_rows(self, one: int, other: int) -> Mask:
        """Give two more lines across, (2, W)."""
        return _differs(self.pixels.take((one, other), axis=0), self.background)

    def at_columns(self, one: int, other: int) -> Mask:
        """Give two more lines down, (2, H)."""
        return _differs(self.pixels.take((one, other), axis=1), self.background).T

    def written_share(self, box: Box) -> float:
        """Give the part of the margin around the box that isn't bare."""
        left, top = max(box.left - 2, 0), max(box.top - 2, 0)
        right, bottom = box.right + 2, box.bottom + 2
        inside = (
            self.between(top, bottom)[:, left:right],
            self.beside(left, right)[:, top:bottom],
        )
        marks = size = 0
        for lines, within in zip((self.across, self.down), inside, strict=True):
            marks += int(np.count_nonzero(lines) - np.count_nonzero(within))
            size += lines.size - within.size
        return marks / max(size, 1)

    def in_viridis(self) -> "Content":
        """Leave only the content that has colours of viridis."""
        across = on_viridis(self.pixels.take(self.rows, axis=0)[..., :3])
        down = on_viridis(self.pixels.take(self.columns, axis=1)[..., :3]).T
        return replace(self, across=self.across & across, down=self.down & down)


def content_of(pixels: Pixels, background: Pixels) -> Content:
    """Find what of a picture (H, W, 3 or 4) is not of its margin's colour."""
    height, width = pixels.shape[:2]
    rows, columns = spread(height, LINES), spread(width, LINES)
    across = _differs(pixels.take(rows, axis=0), background)
    down = _differs(pixels.take(columns, axis=1), background).T
    return Content(pixels, background, rows, columns, across, down)


def _differs(pixels: Pixels, background: Pixels) -> Mask:
    """Tell which pixels of some lines (N, L, 3 or 4) are not of a colour."""
    count, length, channels = pixels.shape
    low, margin = _levels(tuple(background[:3].tolist()), length, channels)
    # below `low`, uint8 wraps round to large numbers
    differs = pixels.reshape(count, -1) - low > margin
    if channels == 4:  # the fourth never differs
        found: Mask = differs.view(np.uint32) != 0
        return found
    red, green, blue = (differs[:, channel::channels] for channel in range(3))
    result: Mask = red | green
    result |= blue
    return result


@lru_cache
def _levels(
    background: tuple[int, ...], length: int, channels: int
) -> tuple[Pixels, Pixels]:
    """Give a line of the least levels of a colour, and of how far they may rise.

    A fourth channel may have any level. Both have the shape (length x channels,):
    numpy is far slower over short axes.
    """
    levels = np.array(background)
    low = (levels - CONTRAST).clip(0)
    margin = (levels + CONTRAST).clip(max=255) - low
    unused = channels - len(background)
    return (
        np.tile(np.pad(low, (0, unused)).astype(np.uint8), length),
        np.tile(np.append(margin, [255] * unused).astype(np.uint8), length),
    )
