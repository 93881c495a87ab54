"""Change spectrograms as detectors and renderers do, never what their axes mean.

No flips and no rotations: one axis is time, the other the logarithm of frequency.
"""

from functools import cache
from io import BytesIO

import numpy as np
import torch
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

TIME_SHIFT = 0.05
"""Largest shift in time, as a part of the picture's width."""
CROP_JITTER = 0.02
"""Largest error of a crop's edge, as a part of the picture's side."""
ENERGY_SCALE = 1.4
"""Largest factor on the normalised energy; the least is one over it."""
NOISE = 0.03
"""Largest standard deviation of added noise; 1 is the colour map's upper end."""
COLOUR_JITTER = 0.03
"""Standard deviation of each picture's gain and offset in each colour."""
SOFT_SHARE, SOFTEST = 0.3, 0.55
"""Part of the pictures that come from a coarser figure, and how coarse at most."""
FRAME_SHARE, FRAME = 0.3, 0.6
"""Part of the edges that a frame's line shades, and how much of a pixel at most."""
JPEG_SHARE = 0.3
"""Part of the pictures that go through JPEG, at a quality from 30 to 95."""


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Vary pictures (N, H, W, 3) uint8, each in its own way."""
    energy = scale_energy(energies(pixels), generator)
    colours = jitter_colours(paint(energy), generator)
    moved = shift_and_crop(colours.permute(0, 3, 1, 2), generator)
    drawn = shade_edges(soften(moved, generator), generator)
    whole = (drawn.permute(0, 2, 3, 1) * 255).round().clamp(0, 255).to(torch.uint8)
    return through_jpeg(whole, generator)


def uniform(number: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Draw one number for each picture, shape (N, 1, 1)."""
    return low + (high - low) * torch.rand(number, 1, 1, generator=generator)


def energies(pixels: Tensor) -> Tensor:
    """Read normalised energy, 0 to 1, (N, H, W), off viridis colours (N, H, W, 3)."""
    red, green, blue = (pixels >> 3).to(torch.int64).unbind(-1)
    return inverse_viridis()[(red << 10) | (green << 5) | blue]


def paint(energy: Tensor) -> Tensor:
    """Paint energy (N, H, W) in viridis, (N, H, W, 3) from 0 to 1."""
    return viridis()[(energy * 255).round().to(torch.int64)]


@cache
def viridis() -> Tensor:
    """Give the colour map that Gravity Spy uses, (256, 3) from 0 to 1."""
    colours: NDArray[np.float64] = colormaps["viridis"](np.arange(256))[:, :3]
    return torch.from_numpy(colours).float()


@cache
def inverse_viridis() -> Tensor:
    """Give the energy of the nearest viridis colour to each of 32³ colours."""
    levels = (torch.arange(32) * 8 + 4) / 255
    colours = torch.cartesian_prod(levels, levels, levels)
    return torch.cdist(colours, viridis()).argmin(dim=1).float() / 255


def scale_energy(energy: Tensor, generator: torch.Generator) -> Tensor:
    """Make pictures louder or quieter, and noisier."""
    number = len(energy)
    factor = ENERGY_SCALE ** uniform(number, -1, 1, generator)
    sigma = uniform(number, 0, NOISE, generator)
    noise = sigma * torch.randn(energy.shape, generator=generator)
    return (energy * factor + noise).clamp(0, 1)


def jitter_colours(colours: Tensor, generator: torch.Generator) -> Tensor:
    """Vary each colour's gain and offset, as other renderers do."""
    draws = torch.randn(2, len(colours), 1, 1, 3, generator=generator)
    gain, offset = COLOUR_JITTER * draws
    jittered: Tensor = colours * (1 + gain) + offset
    return jittered.clamp(0, 1)


def shift_and_crop(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Shift pictures (N, 3, H, W) in time and move their crop's edges a little."""
    number = len(pictures)
    left, right, top, bottom = (
        uniform(number, -2 * CROP_JITTER, 2 * CROP_JITTER, generator).squeeze()
        for _ in range(4)
    )
    shift = uniform(number, -2 * TIME_SHIFT, 2 * TIME_SHIFT, generator).squeeze()
    matrix = torch.zeros(number, 2, 3)
    matrix[:, 0, 0] = 1 + (right - left) / 2
    matrix[:, 0, 2] = (right + left) / 2 + shift
    matrix[:, 1, 1] = 1 + (bottom - top) / 2
    matrix[:, 1, 2] = (bottom + top) / 2
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return functional.grid_sample(
        pictures, grid, padding_mode="border", align_corners=False
    )


def soften(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Draw some pictures (N, 3, H, W) with fewer pixels first, as small figures are."""
    chosen = torch.rand(len(pictures), generator=generator) < SOFT_SHARE
    if not chosen.any():
        return pictures
    height, width = pictures.shape[2:]
    part = SOFTEST + (1 - SOFTEST) * float(torch.rand(1, generator=generator))
    small = [max(round(side * part), 1) for side in (height, width)]
    result = pictures.clone()
    coarse = functional.interpolate(
        pictures[chosen], small, mode="bilinear", antialias=True
    )
    result[chosen] = functional.interpolate(coarse, (height, width), mode="bilinear")
    return result


def shade_edges(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blend edges of pictures (N, 3, H, W) with the black or white around a plot."""
    result = pictures.clone()
    number = len(pictures)
    for edge in (
        result[:, :, 0, :],
        result[:, :, -1, :],
        result[:, :, :, 0],
        result[:, :, :, -1],
    ):
        shaded = uniform(number, 0, 1, generator) < FRAME_SHARE
        amount = shaded * uniform(number, 0, FRAME, generator)
        ink = (uniform(number, 0, 1, generator) < 0.5).float()
        edge.lerp_(ink.expand_as(edge), amount)
    return result


def through_jpeg(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Compress some pictures (N, H, W, 3) uint8 as a web site would."""
    result = pictures.contiguous()
    chosen = torch.rand(len(pictures), generator=generator) < JPEG_SHARE
    quality = torch.randint(30, 96, (len(pictures),), generator=generator)
    for i in torch.nonzero(chosen).flatten().tolist():
        file = BytesIO()
        picture = Image.fromarray(result[i].numpy())
        picture.save(file, format="JPEG", quality=int(quality[i]))
        result[i] = torch.from_numpy(np.array(Image.open(file)))
    return result
