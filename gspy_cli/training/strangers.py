"""Pictures that are no glitches, drawn from ones that are: what a model must doubt.

They teach a network's sense of the familiar where the known ends (outlier exposure,
Hendrycks et al. 2019): other colours, other directions, torn pictures, and
patterns of noise, stripes and shapes.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gspy_cli.viridis import VIRIDIS

Pixels = NDArray[np.uint8]  # (S, S, 3)
Rng = np.random.Generator

_PLACES = VIRIDIS.astype(np.intp) @ (1, 2, 0)  # grows along the map, near enough
LEVEL_AT = np.abs(np.arange(766)[:, None] - _PLACES).argmin(axis=1).astype(np.uint8)
"""The level (766,) whose colour's red + 2 green is nearest to each number."""


def strangers_of(pictures: NDArray[np.uint8], *, seed: int = 0) -> NDArray[np.uint8]:
    """Make a stranger (N, S, S, 3) of each viridis picture (N, S, S, 3)."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(len(KINDS), size=len(pictures))
    return np.stack(
        [KINDS[kind](p, rng) for kind, p in zip(kinds, pictures, strict=True)]
    )


def other_colours(picture: Pixels, rng: Rng) -> Pixels:
    """Draw the levels in a random map: straight lines between a few colours."""
    stops = rng.integers(2, 6)
    colours = rng.uniform(0, 255, (stops, 3))
    if rng.random() < 0.3:
        colours[:] = colours[:, :1]  # greys
    if rng.random() < 0.5:
        order = np.argsort(colours.sum(axis=1))  # from dark to bright, or back
        colours = colours[order[:: rng.choice((1, -1))]]
    places = np.linspace(0, 255, stops)
    levels = levels_of(picture)
    channels = [np.interp(levels, places, colours[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def other_channels(picture: Pixels, rng: Rng) -> Pixels:
    """Exchange or invert the colours' channels."""
    order = rng.permutation(3)
    flipped = picture if (order != (0, 1, 2)).any() else 255 - picture
    return flipped[..., order]


def turned(picture: Pixels, rng: Rng) -> Pixels:
    """Put low frequencies at the top, or at a side."""
    return np.rot90(picture, int(rng.integers(1, 4)))


def torn(picture: Pixels, rng: Rng) -> Pixels:
    """Shuffle the picture's square pieces."""
    count = int(rng.integers(3, 9))
    side = len(picture) // count * count
    size = side // count
    pieces = picture[:side, :side].reshape(count, size, count, size, 3).swapaxes(1, 2)
    shuffled = rng.permutation(pieces.reshape(-1, size, size, 3))
    whole = shuffled.reshape(count, count, size, size, 3).swapaxes(1, 2)
    image = Image.fromarray(np.ascontiguousarray(whole.reshape(side, side, 3)))
    return np.asarray(image.resize(picture.shape[:2]))


def noise(picture: Pixels, rng: Rng) -> Pixels:
    """Draw noise with a power law of its own across the picture."""
    size = len(picture)
    y, x = np.meshgrid(*[np.fft.fftfreq(size)] * 2, indexing="ij")
    stretch = np.exp(rng.uniform(-2, 2))
    k = np.maximum(np.hypot(x * stretch, y / stretch), 1 / size)
    spectrum = np.fft.fft2(rng.normal(size=(size, size))) * k ** -rng.uniform(0, 3)
    return _drawn(np.fft.ifft2(spectrum).real, picture, rng)


def stripes(picture: Pixels, rng: Rng) -> Pixels:
    """Draw waves, straight or bent, also as slow as a gradient."""
    size = len(picture)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    waves = np.zeros((size, size))
    for _ in range(rng.integers(1, 4)):
        angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.5)
        path = np.cos(angle) * x + np.sin(angle) * y + bend * x * y
        waves += np.sin(np.exp(rng.uniform(0, 4.5)) * path + rng.uniform(0, 6.3))
    return _drawn(waves, picture, rng)


def shapes(picture: Pixels, rng: Rng) -> Pixels:
    """Draw rectangles, discs and strokes over one another."""
    size = len(picture)
    y, x = np.mgrid[0:size, 0:size]
    levels = np.zeros((size, size))
    for _ in range(rng.integers(2, 40)):
        centre, reach = rng.uniform(0, size, 2), np.exp(rng.uniform(0, 3.5, 2))
        v, u = (y - centre[0]) / reach[0], (x - centre[1]) / reach[1]
        inside = np.hypot(u, v) < 1 if rng.random() < 0.5 else abs(u) + abs(v) < 1
        levels[inside] = rng.random()
    return _drawn(levels, picture, rng)


def _drawn(levels: NDArray[np.float64], picture: Pixels, rng: Rng) -> Pixels:
    """Draw levels as bright as a picture's own, or evenly, over its noise or not."""
    own = np.sort(levels_of(picture), axis=None)
    order = levels.argsort(axis=None).argsort(axis=None)
    spread = order * (255 / order.max()) if rng.random() < 0.5 else own[order]
    ranks = spread.reshape(levels.shape)
    if rng.random() < 0.3:
        ranks = np.maximum(ranks, levels_of(picture))
    return VIRIDIS[ranks.astype(np.uint8)]


def levels_of(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Read the levels (..., S, S) back from viridis colours (..., S, S, 3)."""
    place = pictures[..., 0].astype(np.intp) + 2 * pictures[..., 1].astype(np.intp)
    levels: NDArray[np.uint8] = LEVEL_AT[place]
    return levels


KINDS: tuple[Callable[[Pixels, Rng], Pixels], ...] = (
    other_colours,
    other_channels,
    turned,
    torn,
    noise,
    stripes,
    shapes,
)
"""What a stranger can be, each as likely as the others."""
