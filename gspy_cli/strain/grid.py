"""Where Gravity Spy's 800 x 600 figure puts times and frequencies.

Pixels are counted from the top left, and a pixel shows the mesh cell under its
centre. Cells are 2 ms wide and 0.5 Hz tall.
"""

import numpy as np
from numpy.typing import NDArray

TIME_STEP_S = 0.002
FREQUENCY_STEP_HZ = 0.5
LOW_HZ, HIGH_HZ = 10.0, 2048.0

AXES_LEFT, AXES_TOP = 100.0, 60.0  # pixels
AXES_HEIGHT = 480.0
# The colour bar (5 %) and its gap (3 %) are cut from 620 pixels.
AXES_WIDTH = 620.0 / 1.08

# The plot inside the frame, which is one pixel wide.
PLOT_LEFT, PLOT_TOP = 101, 61
PLOT_WIDTH, PLOT_HEIGHT = 573, 479


def row_frequencies() -> NDArray[np.float64]:
    """Lower edges, in Hz, of the cells shown by the plot's rows, highest first."""
    centres = PLOT_TOP + np.arange(PLOT_HEIGHT) + 0.5
    octaves = np.log2(HIGH_HZ / LOW_HZ) * (centres - AXES_TOP) / AXES_HEIGHT
    cells: NDArray[np.float64] = np.floor(
        (HIGH_HZ * 2.0**-octaves - LOW_HZ) / FREQUENCY_STEP_HZ
    )
    return LOW_HZ + FREQUENCY_STEP_HZ * cells


def column_count(window_s: float) -> int:
    """How many time cells a window holds."""
    return round(window_s / TIME_STEP_S)


def column_cells(cells: int) -> NDArray[np.intp]:
    """Which of a window's time cells each column of the plot shows, shape (573,)."""
    centres = PLOT_LEFT + np.arange(PLOT_WIDTH) + 0.5
    # A cell that begins just at a pixel's centre begins with the next pixel.
    ends = np.ceil((centres - AXES_LEFT) / AXES_WIDTH * cells - 1e-6)
    columns: NDArray[np.intp] = ends.astype(np.intp) - 1
    return columns
