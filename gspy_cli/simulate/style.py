"""How the oldest pictures differ from the later ones in what the plot shows."""

import numpy as np
from numpy.typing import NDArray

from gspy_cli.simulate.scene import Scene
from gspy_cli.strain.archive import BLOCK_S
from gspy_cli.strain.eras import Era
from gspy_cli.strain.grid import HIGH_HZ, LOW_HZ
from gspy_cli.strain.picture import plot_pixels
from gspy_cli.strain.qplane import tiling

EARLY_SHARE = 0.35  # of the old era's pictures
STYLE_STREAM = 1_000_003  # keeps the style's numbers apart from the scene's


def draw_early(scene: Scene, *, seed: int, index: int) -> bool:
    """Draw whether a picture looks as in 2015: limits at the plane's own rows."""
    rng = np.random.default_rng((seed, index, STYLE_STREAM))
    return rng.random() < EARLY_SHARE and scene.origin.era == Era.OLD


def plot(
    energies: NDArray[np.float32],
    frequencies: NDArray[np.float64],
    *,
    q: float,
    early: bool,
) -> NDArray[np.uint8]:
    """Colour a Q-scan's energies (479, cells) as pixels (479, 573, 3).

    `frequencies` (479,) are in Hz. An early picture shows the plane's first to last row
    only.
    """
    pixels = plot_pixels(energies)
    if not early:
        return pixels
    planes = tiling(BLOCK_S, (LOW_HZ, HIGH_HZ))
    rows = min(planes, key=lambda plane: abs(plane.q - q)).frequencies
    inside = (frequencies >= rows[0]) & (frequencies <= rows[-1])
    return np.asarray(pixels[inside])
