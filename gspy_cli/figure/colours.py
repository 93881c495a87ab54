"""What the colours of some pixels tell: a spectrogram, a chart or a photograph."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gspy_cli.viridis import VIRIDIS

Pixels = NDArray[np.uint8]  # (..., 3), red, green, blue

GAP, WIDE_GAP = 6, 9  # pixels between two plots, at least; in large pictures
SHARE = 0.7  # of the colours, at least, must be those of the colour map

_VIRIDIS = VIRIDIS[np.linspace(0, 255, 17).round().astype(np.intp)].astype(np.intp)
_PLACES = _VIRIDIS @ (1, 2, 0)  # red + 2 green grows all along the curve
_AT_PLACE = np.stack(
    [np.interp(np.arange(766), _PLACES, channel) for channel in _VIRIDIS.T], axis=1
)  # (766, 3): the curve's colour at each place
_TOLERANCE = 24  # levels of a channel, to which JPEG and resizing keep colours
_LEAST = np.ceil(_AT_PLACE - _TOLERANCE).clip(0).astype(np.uint8)  # (766, 3)
_RANGE = (np.floor(_AT_PLACE + _TOLERANCE) - _LEAST).astype(np.uint8)
_ABOVE_DARK = 200, 300  # places where maps part that begin as dark as viridis


@lru_cache  # most figures have one size
def spread(length: int, count: int) -> NDArray[np.intp]:
    """Give the indices of at most `count` places, spread evenly over `length`."""
    count = min(count, length)
    places = ((np.arange(count) + 0.5) * (length / count)).astype(np.intp)
    places.flags.writeable = False
    return places


def sample(pixels: Pixels, count: int, block: int = 1) -> Pixels:
    """Take colours (N, 3) on a grid of places, each the mean of block x block pixels.

    There are at most count x count places.
    """
    height, width = pixels.shape[0] // block, pixels.shape[1] // block
    rows, columns = spread(height, count) * block, spread(width, count) * block
    if block == 1:
        return pixels[rows[:, None], columns].reshape(-1, 3)
    total = np.zeros((len(rows), len(columns), 3), np.uint16)
    for i in range(block):
        for j in range(block):
            total += pixels[rows[:, None] + i, columns + j]
    return (total // block**2).astype(np.uint8).reshape(-1, 3)


def codes(colours: Pixels) -> NDArray[np.uint32]:
    """Pack each colour (N, 3) into one number, to count colours with."""
    return colours.astype(np.uint32) @ np.array((1 << 16, 1 << 8, 1), np.uint32)


def is_one_grey(colours: Pixels) -> bool:
    """Tell, quickly, whether all colours are one and the same grey."""
    levels = colours.tobytes()
    return levels.count(levels[:1]) == len(levels)


def fills_picture(pixels: Pixels) -> bool:
    """Tell whether a viridis spectrogram fills a picture (H, W, 3) to its edges."""
    d = 1 + max(pixels.shape) // 50  # past any frame line
    inner = pixels[d:-d, d:-d]
    if min(inner.shape[:2]) < 4:  # far longer than wide
        return False
    levels = inner[::8, 0].tobytes()
    if levels.count(levels[:1]) > 0.6 * len(levels):  # a margin: it is mostly one grey
        return False
    # where a saturated glitch ends at an edge, scaling mixes colours off the map
    if not all(is_viridis(edge, least=0.25) for edge in _edges(inner)):
        return False
    colours = sample(pixels, 32)
    if has_even_rim(pixels) and (
        _is_flat(colours) or on_viridis(colours).mean() < 0.98
    ):
        return False  # a page in one of viridis's colours, with a figure or none
    viridis = _are_viridis(colours, pixels, SHARE)
    return viridis and _is_quiet_or_loud(colours) and not is_divided(inner)


def has_even_rim(pixels: Pixels) -> bool:
    """Tell whether the edges of a picture (H, W, 3) are nearly of one colour."""
    d = 1 + max(pixels.shape) // 50
    rim = [sample(edge, 32) for edge in _edges(pixels[d:-d, d:-d])]
    return bool(_evenness(np.concatenate(rim), noise=2) > 0.8)


def _edges(pixels: Pixels) -> tuple[Pixels, ...]:
    return pixels[:, :4], pixels[:, -4:], pixels[:4], pixels[-4:]


def is_spectrogram(plot: Pixels, background: Pixels, *, labelled: bool) -> bool:
    """Tell whether the inside of a plot (H, W, 3) shows a spectrogram.

    Viridis is known by its colours. Any other map needs labels around the plot, and
    few colours (a photograph has many) that change from place to place (those of a
    chart stay) and aren't the background's (as between the lines of a line plot), nor
    viridis with something else around (a figure on a page).
    """
    colours = sample(plot, 32)
    if _are_viridis(colours, plot, SHARE):
        if _is_flat(colours) and _is_flat(plot):  # a glitch may lie between the places
            return False
        return labelled or _is_quiet_or_loud(colours)
    kinds = codes(colours)
    counts = np.sort(np.unique(kinds, return_counts=True)[1])
    flat = counts[-8:].sum() > 0.9 * len(kinds)
    still = (kinds[1:] == kinds[:-1]).mean() > 0.5
    bare = (kinds == codes(background)).mean() > 0.25
    many = len(np.unique(kinds & 0xF0F0F0)) > 128
    if not labelled or flat or still or bare or many:
        return False
    viridis = on_viridis(colours).reshape(min(32, plot.shape[0]), -1)
    sides = viridis[0], viridis[-1], viridis[:, 0], viridis[:, -1]
    _, side, *_ = sorted(side.mean() for side in sides)
    return bool(viridis.mean() < max(0.15, 2 * side))


def _is_flat(colours: Pixels) -> bool:
    """Tell whether colours (..., 3) of viridis are all the same, but for noise."""
    green = colours[..., 1]
    return int(green.max()) - int(green.min()) <= 4  # quicker than np.ptp


def is_bordered(plot: Pixels) -> bool:
    """Tell whether a side of a plot (H, W, 3) is a margin: one grey, but for labels.

    A grid line is thinner than two neighbouring places.
    """
    down, across = plot[::3, _sides(plot.shape[1])], plot[_sides(plot.shape[0]), ::3]
    for lines in (down.swapaxes(0, 1), across):
        grey = np.count_nonzero(are_grey(lines), axis=1) >= 0.8 * lines.shape[1]
        for pair in np.flatnonzero(grey.reshape(-1, 2).all(axis=1)):
            if all(_evenness(lines[2 * pair + i], noise=12) >= 0.6 for i in (0, 1)):
                return True
    return False


@lru_cache  # most plots have one size
def _sides(length: int) -> NDArray[np.intp]:
    """Give two pairs of places near each end: labels may stand on one of them."""
    near = np.array((1, 3, length // 75, length // 50))
    return np.concatenate((near, -1 - near))


def _evenness(colours: Pixels, noise: int) -> float:
    """Give the part of some colours (N, 3) that are the commonest, but for noise."""
    counts = np.bincount(colours[:, 1], minlength=256)
    commonest = int(counts.argmax())
    near = counts[max(commonest - noise, 0) : commonest + noise + 1]
    return float(near.sum() / len(colours))


def is_divided(pixels: Pixels) -> bool:
    """Tell whether a grey gap runs across viridis (H, W, 3): plots side by side.

    Grid lines and marks are narrower, also where a figure is drawn large.
    """
    width = min(max(GAP, min(pixels.shape[:2]) // 150), WIDE_GAP)
    return _has_gap(pixels, width) or _has_gap(pixels.swapaxes(0, 1), width)


def _has_gap(pixels: Pixels, width: int) -> bool:
    """Tell whether a grey gap runs from top to bottom, by some of the rows."""
    row = pixels[2 * len(pixels) // 5, :: GAP // 2]  # a gap across would lie elsewhere
    if not are_grey(row).any() or on_viridis(row).mean() < 0.5:
        return False
    rows = pixels[spread(len(pixels), 16)]
    level = rows[..., 1]
    even = level.max(axis=0) - level.min(axis=0) <= 24
    plain = even & are_grey(rows).all(axis=0)
    return b"\x01" * width in plain.tobytes().strip(b"\x01")


def are_grey(colours: Pixels) -> NDArray[np.bool_]:
    """Tell which colours (..., 3) are grey, as none of viridis's are."""
    red, green, blue = colours[..., 0], colours[..., 1], colours[..., 2]
    high = np.maximum(np.maximum(red, green), blue)
    grey: NDArray[np.bool_] = high - np.minimum(np.minimum(red, green), blue) <= 40
    return grey


def is_viridis(pixels: Pixels, least: float = SHARE) -> bool:
    """Tell whether a part `least` of pixels (H, W, 3) is in viridis, even dithered."""
    return _are_viridis(sample(pixels, 32), pixels, least)


def are_viridis(pictures: Pixels) -> NDArray[np.bool_]:
    """Tell which pictures (N, H, W, 3) are in viridis: (N,).

    They are by `is_viridis`, and are not in a map that shares its dark end alone.
    """
    rows, columns = (spread(length, 32) for length in pictures.shape[1:3])
    colours = pictures[:, rows[:, None], columns].reshape(len(pictures), -1, 3)
    shares = on_viridis(colours).mean(axis=1).tolist()
    near = [
        share >= SHARE or is_viridis(picture)
        for share, picture in zip(shares, pictures, strict=True)
    ]
    return np.array(near, bool) & ~_are_bluer(colours)


def _place_on_curve(colours: Pixels) -> NDArray[np.uint16]:
    """Give where colours (..., 3) lie along viridis, as red and twice green tell."""
    places: NDArray[np.uint16] = colours[..., 0] + np.uint16(2) * colours[..., 1]
    return places


def _are_bluer(colours: Pixels) -> NDArray[np.bool_]:
    """Tell which samples (N, P, 3) are bluer than viridis above its dark end: (N,).

    So is nearly all of turbo there. Marks, and viridis that is brightened, get redder.
    """
    place = _place_on_curve(colours)
    above_dark = (place >= _ABOVE_DARK[0]) & (place < _ABOVE_DARK[1])
    red = colours[..., 0] - _AT_PLACE[:, 0].take(place)
    blue = colours[..., 2] - _AT_PLACE[:, 2].take(place)
    bluer = above_dark & (blue > _TOLERANCE) & (blue > red)
    count = above_dark.sum(axis=1)
    result: NDArray[np.bool_] = (count >= 16) & (bluer.sum(axis=1) > count / 3)
    return result


def _are_viridis(colours: Pixels, pixels: Pixels, least: float) -> bool:
    """Tell whether pixels are in viridis, by `colours` (N, 3), a sample of them."""
    if is_one_grey(colours):
        return False
    share = float(on_viridis(colours).mean())
    if 0.1 < share < least:  # not the colours of a margin; they may be dithered
        share = float(on_viridis(sample(pixels, 32, block=4)).mean())
    return share >= least


def on_viridis(colours: Pixels) -> NDArray[np.bool_]:
    """Tell which of the colours (..., 3) lie on the viridis curve."""
    place = _place_on_curve(colours)
    # below the least level, uint8 wraps round to large numbers
    near = colours - _LEAST.take(place, axis=0) <= _RANGE.take(place, axis=0)
    on_curve: NDArray[np.bool_] = near[..., 0] & near[..., 1] & near[..., 2]
    return on_curve


def are_colour_bar(lines: Pixels) -> NDArray[np.bool_]:
    """Tell which lines (L, N, 3) run evenly through all of viridis: (L,)."""
    steps = len(_PLACES) - 1
    count = lines.shape[1]
    parts = (np.arange(count) + 0.5) * (steps / count)
    even = np.interp(parts, np.arange(steps + 1), _PLACES).astype(np.int16)
    place = _place_on_curve(lines).astype(np.int16)
    near = [np.abs(place - way) <= 2 * _TOLERANCE for way in (even, even[::-1])]
    shares: NDArray[np.bool_] = np.mean(near, axis=-1).max(axis=0) >= 0.9
    return shares


def _is_quiet_or_loud(colours: Pixels) -> bool:
    """Tell whether most viridis colours lie near the ends of the map.

    Spectrograms are mostly background, else saturated. A photograph of the sea has
    the blues and greens between.
    """
    green = colours[:, 1]  # grows from 1 to 231 along the map
    return bool(((green < 90) | (green > 225)).mean() >= 0.5)
