"""Pictures that no glitch classifier should name: other colour maps, music, text.

Each function gives network inputs (N, S, S, 3) uint8: what a figure's plot would be.
Not run by itself: `familiarity.py` imports it.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gspy_cli.training.strangers import levels_of
from gspy_cli.viridis import VIRIDIS

Pictures = NDArray[np.uint8]  # (N, S, S, 3)
Rng = np.random.Generator
Levels = NDArray[np.float64]  # (S, S), 0 to 1, row 0 at the top

COLOUR_MAPS = (
    *("viridis_r", "jet", "turbo", "inferno", "gray", "gray_r", "plasma", "cividis"),
)


def recoloured(pictures: Pictures, name: str) -> Pictures:
    """Draw viridis pictures in another colour map of matplotlib's."""
    from matplotlib import colormaps

    table = (colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255).round()
    return table.astype(np.uint8)[levels_of(pictures)]


def drawn(count: int, draw: Callable[[Rng, int], Levels], *, side: int) -> Pictures:
    """Draw `count` pictures of levels, in viridis."""
    rng = np.random.default_rng(0)
    levels = np.stack([draw(rng, side) for _ in range(count)])
    return VIRIDIS[(np.clip(levels, 0, 1) * 255).astype(np.intp)]


def floor(rng: Rng, side: int) -> Levels:
    """Give the blotches of a quiet spectrogram."""
    rows, columns = rng.integers(12, 40, 2)
    coarse = rng.exponential(0.05, (rows, columns)).astype(np.float32)
    smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float64)


def music(rng: Rng, side: int) -> Levels:
    """Give notes with harmonics, each with an attack and a decay."""
    levels = floor(rng, side)
    time = np.arange(side)
    for _ in range(rng.integers(6, 14)):
        start, pitch = rng.integers(0, side), rng.uniform(4, 20)
        envelope = np.where(time < start, 0, np.exp(-(time - start) / 25))
        for harmonic in range(1, int(side / pitch)):
            row = side - 1 - int(harmonic * pitch)
            levels[max(row - 1, 0) : row + 1] += envelope * 0.9 / harmonic**0.5
    return levels


def speech(rng: Rng, side: int) -> Levels:
    """Give syllables: harmonics of a gliding pitch under formants."""
    rows = (side - 1 - np.arange(side))[:, None]
    levels = floor(rng, side)
    time = np.arange(side)
    for _ in range(rng.integers(3, 7)):
        centre, width = rng.uniform(0, side), rng.uniform(6, 16)
        envelope = np.exp(-(((time - centre) / width) ** 4))
        pitch = rng.uniform(6, 11) * (1 + 0.2 * np.sin((time - centre) / width))
        comb = np.cos(np.pi * rows / pitch) ** 8
        formants = sum(
            np.exp(-(((rows - f) / 10) ** 2)) for f in rng.uniform(10, side - 10, 3)
        )
        levels = levels + envelope * comb * formants
    return levels


def gradient(rng: Rng, side: int) -> Levels:
    """Give a smooth ramp in some direction."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    ramp = np.cos(angle) * x + np.sin(angle) * y
    return (ramp - ramp.min()) / np.ptp(ramp)


def white_noise(rng: Rng, side: int) -> Levels:
    """Give levels that know nothing of their neighbours."""
    return rng.random((side, side))


def curves(rng: Rng, side: int) -> Levels:
    """Give a line plot: bright traces on a dark ground."""
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 5)):
        heights = side / 2 + np.cumsum(rng.normal(0, side / 40, side))
        points = list(enumerate(heights.tolist()))
        draw.line(points, fill=int(rng.integers(120, 256)), width=2)
    return np.asarray(image) / 255


def text(rng: Rng, side: int) -> Levels:
    """Give lines of words."""
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz     "))
    for row in range(4, side, 14):
        words = "".join(rng.choice(letters, 40))
        draw.text((4, row), words, fill=int(rng.integers(150, 256)))
    return np.asarray(image) / 255


def scene(rng: Rng, side: int) -> Levels:
    """Give what a photograph has: 1/f clouds with overlapping, shaded shapes."""
    ky, kx = np.meshgrid(*[np.fft.fftfreq(side)] * 2, indexing="ij")
    spectrum = np.fft.fft2(rng.normal(size=(side, side)))
    clouds = np.fft.ifft2(spectrum / np.maximum(np.hypot(kx, ky), 1 / side)).real
    levels = 0.5 + 0.2 * clouds / clouds.std()
    y, x = np.mgrid[0:side, 0:side]
    for _ in range(rng.integers(3, 9)):
        cy, cx, radius = *rng.uniform(0, side, 2), rng.uniform(10, 45)
        inside = np.hypot(y - cy, x - cx) < radius
        shade = rng.uniform(0, 1) + (x - cx) / radius * 0.2
        levels = np.where(inside, shade, levels)
    return levels


SCENES: dict[str, Callable[[Rng, int], Levels]] = {
    "music": music,
    "speech": speech,
    "gradients": gradient,
    "white noise": white_noise,
    "line plots": curves,
    "text": text,
    "scenes": scene,
}


def photographs(count: int, *, side: int) -> Pictures:
    """Draw scenes in the colours of a photograph: three related, coloured layers."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(count):
        grey = scene(rng, side)
        layers = [0.7 * grey + 0.3 * scene(rng, side) for _ in range(3)]
        found.append(np.stack(layers, axis=-1))
    return (np.clip(np.stack(found), 0, 1) * 255).astype(np.uint8)


def strangers(figures: Pictures, *, count: int = 200) -> Iterator[tuple[str, Pictures]]:
    """Give each kind of stranger by name; some are made from real `figures`."""
    side = figures.shape[1]
    for name in COLOUR_MAPS:
        yield f"colour map {name}", recoloured(figures, name)
    yield "upside down", figures[:, ::-1]
    yield "mirrored in time", figures[:, :, ::-1]
    yield "on their side", figures.swapaxes(1, 2)
    for name, draw in SCENES.items():
        yield name, drawn(count, draw, side=side)
    yield "photographs", photographs(count, side=side)
