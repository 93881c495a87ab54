"""Find the plot in a picture from its pixels alone.

Either the picture has a margin of one plain colour: then the plot is the largest
rectangle in it that is filled or framed, or lies in that as in a picture of its own.
Or it was cut to the plot: then viridis colours reach all its edges.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import PictureError
from gspy_cli.figure.colours import (
    GAP,
    WIDE_GAP,
    Pixels,
    are_grey,
    codes,
    fills_picture,
    has_even_rim,
    is_bordered,
    is_divided,
    is_one_grey,
    is_spectrogram,
    is_viridis,
    on_viridis,
)
from gspy_cli.figure.content import Content, Mask, content_of
from gspy_cli.figure.frame import (
    RIM,
    Box,
    has_colour_bar,
    without_bars,
    without_frame,
    without_rim,
)

LEAST = 16  # pixels of a plot's side: a few more than the thickest frame's
SOLID = 0.8  # least part of a line that content must cover to be plot
RULED = 0.2  # most of it that grid lines cover
PARTLY = 0.5  # and where text hides some of it
BARE = 0.002  # most of a margin that is covered where there are no labels
CROWDED = 0.3  # least part that is covered where there are plots of another colour map
EMPTY = 0.12  # part of a plot's length, or of its lower half, that may change a label
RIVAL = 0.2  # least area of other plots, in that of the plot; a colour bar's is less

NO_PLOT = "no plot found: this does not look like a spectrogram"
SEVERAL = "several plots in one picture: save each as a picture of its own"
UNFILLED = "a part of the plot has no data: draw one with data everywhere"

_RUN = re.compile(b"\x01+")  # of true values, far quicker than by numpy's functions


def find_plot(pixels: Pixels) -> Box:
    """Find the plot area, without its frame, in a figure of shape (H, W, 3 or 4).

    A fourth byte is ignored.

    Raises
    ------
    PictureError
        There is no spectrogram in the picture, more than one, or a part of one.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST:
        raise PictureError(f"no plot found: only {width} x {height} pixels")
    if not fills_picture(pixels[..., :3]):
        return _find_framed(pixels, sheets=2)
    if has_even_rim(pixels[..., :3]):  # a quiet background, or a page in its colour
        with suppress(PictureError):
            return _find_framed(pixels, sheets=2)
    return without_bars(pixels, without_frame(pixels, Box(0, 0, width, height)))


def _find_framed(pixels: Pixels, *, sheets: int) -> Box:
    """Find the plot in a picture with a margin, or in a figure that lies in it.

    The figure may lie on a page, a screen or in a thin frame, whose colour then is
    the margin's: up to `sheets` of them are taken away.
    """
    sight = _look(pixels)
    if sight.plot:
        return sight.plot
    colours = pixels[..., :3]  # plots that fill the picture, but for a gap between
    several = sight.several or (is_viridis(colours) and is_divided(colours))
    problem = SEVERAL if several else NO_PLOT
    least = sight.loose.area / 3 if sight.loose else 0
    for sheet, area in sight.figures.items() if sheets else ():
        figure = without_rim(pixels, sheet)
        try:
            found = _find_framed(figure.crop(pixels), sheets=sheets - 1)
        except PictureError as error:
            problem = max(problem, str(error), key=(NO_PLOT, SEVERAL, UNFILLED).index)
            continue
        if found.area >= max(least, area):
            return found.moved(figure.left, figure.top)
    if sight.loose:
        return sight.loose
    raise PictureError(problem)


@dataclass(slots=True)
class _Sight:
    """What rectangles of content a picture with a margin shows.

    `loose` is a spectrogram with some margin, `figures` are what may hold the plot,
    each with the least area of it.
    """

    plot: Box | None = None
    loose: Box | None = None
    several: bool = False
    figures: dict[Box, float] = field(default_factory=dict)


def _look(pixels: Pixels) -> _Sight:
    sight = _Sight()
    for background in _margin_colours(pixels[..., :3]):
        content = content_of(pixels, background)
        for box in _filled_boxes(content):
            inner = without_frame(pixels, box)
            plot = inner.crop(pixels)[..., :3]
            if min(plot.shape[:2]) < 4:  # all frame
                continue
            written = content.written_share(box)
            known = is_spectrogram(plot, background, labelled=written > BARE)
            if not known:  # it is all of one colour where a glitch near it is louder
                known = is_viridis(plot) and has_colour_bar(pixels, box)
            loose = known and is_bordered(plot)
            divided = known and is_divided(plot)
            if _has_rival(content, box, written, known=known):
                viridis = known or is_viridis(plot, least=RIVAL)
                sight.several |= viridis and not _goes_on(pixels, box)
                continue
            if known and not (divided or loose):
                sight.plot = without_bars(pixels, inner)
                return sight
            if _lacks_data(content, box) and is_viridis(plot, least=RIVAL):
                raise PictureError(UNFILLED)
            if divided:  # perhaps from its colour bar
                sight.several |= not loose
            elif loose:
                sight.loose = sight.loose or inner
            # a colour bar takes less than half of what it shares with the plot
            sight.figures.setdefault(box, 0.5 * box.area if divided else 0)
    return sight


def _lacks_data(content: Content, box: Box) -> bool:
    """Tell whether much of a framed plot is bare, but for grid lines.

    A figure in a frame of its own has margins on all sides of its plot.
    """
    if not are_grey(content.background):  # it may be a colour of the data
        return False
    across = _cover(content.between(box.top, box.bottom))[box.left : box.right]
    down = _cover(content.beside(box.left, box.right))[box.top : box.bottom]
    bare = across < RULED, down < RULED
    shares = *(b.mean() for b in bare), bare[1][len(down) // 2 :].mean()
    margins = *(b[: len(b) // 4] for b in bare), *(b[-len(b) // 4 :] for b in bare)
    return max(shares) >= EMPTY and not all(map(np.any, margins))


def _has_rival(content: Content, box: Box, written: float, *, known: bool) -> bool:
    """Tell whether the margin may hold another plot, by the area of its colours.

    A box that is not `known` to be a plot may be a figure, which is half plot.
    """
    height, width = content.pixels.shape[:2]
    area = RIVAL * box.area * (1 if known else 0.5)
    least: float = area / max(height * width - box.area, 1)
    if written < least:
        return False
    if known and not is_viridis(box.crop(content.pixels)[..., :3]):
        return written >= CROWDED
    return content.in_viridis().written_share(box) >= least


def _goes_on(pixels: Pixels, box: Box) -> bool:
    """Tell whether viridis goes on all around a box, as in a round or slanted plot."""
    height, width = pixels.shape[:2]
    left, right = max(box.left - RIM, 0), min(box.right + RIM, width) - 1
    top, bottom = max(box.top - RIM, 0), min(box.bottom + RIM, height) - 1
    down = on_viridis(pixels[box.top : box.bottom, (left, right), :3])
    across = on_viridis(pixels[(top, bottom), box.left : box.right, :3])
    return bool(min(*down.mean(axis=0), *across.mean(axis=1)) >= 0.4)


def _margin_colours(pixels: Pixels) -> Iterator[Pixels]:
    """Yield the commonest colours of the picture's edge, most frequent first."""
    edge = np.concatenate(
        (pixels[0, ::4], pixels[-1, ::4], pixels[::4, 0], pixels[::4, -1])
    )
    if is_one_grey(edge):
        yield edge[0]
        return
    kinds = codes(edge >> np.uint8(4))  # noise makes many colours that are alike
    kind, counts = np.unique(kinds, return_counts=True)
    for i in np.argsort(-counts)[:2]:
        if counts[i] >= 0.15 * len(edge):
            yield np.median(edge[kinds == kind[i]], axis=0).astype(np.uint8)


def _filled_boxes(content: Content) -> Iterator[Box]:
    """Yield rectangles of content, solid or framed, likeliest first."""
    height, width = content.pixels.shape[:2]
    for top, bottom in _bands(_cover(content.down)):
        for _ in range(2):  # rows give columns, which give better rows
            before = top, bottom
            ends = content.at_rows(top, bottom - 1)
            left, right = _extent(content.between(top, bottom), ends, (0, width))
            ends = content.at_columns(left, right - 1)
            top, bottom = _extent(content.beside(left, right), ends, before)
            if (top, bottom) == before:
                break
        least_wide, least_high = max(width // 8, LEAST), max(height // 8, LEAST)
        if right - left >= least_wide and bottom - top >= least_high:
            yield Box(left, top, right, bottom)


def _bands(cover: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Yield where the plot may reach from and to, by the content of each row.

    Colour bars may lie below the plot, and even be longer than it is wide.
    """
    for share in (0.6, 0.25):
        dense = cover >= share * cover.max()
        yield _ends(dense)
        yield _longest_run(dense, (0, len(dense)))


def _extent(lines: Mask, ends: Mask, within: tuple[int, int]) -> tuple[int, int]:
    """Find how far a band reaches, along its length L, from `within` a part of it.

    A place is in it if most `lines` (N, L) across the band have content there, or
    if both `ends` (2, L) of the lines have: a framed plot may hold the background's
    own colour. Start and end must be solid, unlike ticks at both corners.
    """
    cover = _cover(lines)
    start, end = _longest_run((cover >= SOLID) | (ends[0] & ends[1]), within)
    first, last = _ends(cover[start:end] >= 0.9)
    return _widened(cover, start + first, start + last) if last else (0, 1)


def _widened(cover: NDArray[np.float64], start: int, end: int) -> tuple[int, int]:
    """Take in what text over an edge hides in part, up to where all lines end.

    A round plot's lines end one after the other.
    """
    partly = (cover >= PARTLY).tobytes()
    first = partly.rfind(0, 0, start) + 1
    last = partly.find(0, end) % (len(cover) + 1)
    if start - first > RIM and cover[max(first - 2, 0)] < PARTLY / 2:
        start = first
    if last - end > RIM and cover[min(last + 1, len(cover) - 1)] < PARTLY / 2:
        end = last
    return start, end


def _cover(lines: Mask) -> NDArray[np.float64]:
    """Give the part of the lines (N, L) that have content, at each place."""
    counts: NDArray[np.uint8] = np.add.reduce(lines.view(np.uint8), dtype=np.uint8)
    return counts / max(len(lines), 1)


def _ends(mask: Mask) -> tuple[int, int]:
    """Find the first true value of a mask, and the place after the last."""
    places = mask.tobytes()  # searched far quicker than by numpy's functions
    return max(places.find(1), 0), places.rfind(1) + 1


def _longest_run(mask: Mask, within: tuple[int, int]) -> tuple[int, int]:
    """Find the run of true values that has most `within` a part, across grid lines.

    Grid lines in the background's colour are narrow gaps, of one width. A run at an
    end is a colour bar if it is shorter than a quarter of every other, so a single
    line is known between a fifth and four fifths of the plot.
    """
    runs = [run.span() for run in _RUN.finditer(mask.tobytes())]
    if not runs:
        return (0, 1)
    least = 0.05 * max(map(_length, runs))
    large = [run for run in runs if _length(run) >= least]
    bar = 0.25 * sorted(map(_length, large))[:2][-1]
    gaps = [after[0] - run[1] for run, after in pairwise(large)]
    widest = min(max(GAP, len(mask) // 150), WIDE_GAP) - 1
    most = max(3, len(mask) // 300, min(widest, 1 + min(gaps, default=0)))
    narrow = [gap <= most for gap in gaps]
    joined = large[:1]
    for run, near in zip(large[1:], narrow, strict=True):
        shorter, longer = sorted((_length(joined[-1]), _length(run)))
        alike = sum(narrow) > 1 or shorter >= 0.25 * longer
        is_bar = _length(joined[-1]) < bar or (run is large[-1] and _length(run) < bar)
        if near and alike and not is_bar:
            joined[-1] = joined[-1][0], run[1]
        else:
            joined.append(run)
    start, end = within
    return max(joined, key=lambda run: min(run[1], end) - max(run[0], start))


def _length(run: tuple[int, int]) -> int:
    return run[1] - run[0]
