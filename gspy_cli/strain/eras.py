"""The software eras of Gravity Spy's pictures.

The same strain gave different pixels in different years, because gwpy's
`q_transform` changed under Gravity Spy. A model has to know all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


class Era(StrEnum):
    """Which gwpy made, or would make, the picture."""

    OLD = "old"  # gwpy 0.5 and 0.6 (2017)
    MID = "mid"  # gwpy 0.7 to 0.10 (early 2018)
    O3 = "o3"  # gwpy 1.0 (2019-20)
    GWPY = "gwpy"  # gwpy 2.1 and later


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How one era computes a Q-scan.

    Attributes
    ----------
    row_norm
        What a row of tiles is divided by.
    psd_average
        How the 2 s periodograms are averaged.
    whitening
        Division by the ASD in overlapping 2 s segments, or a 2 s FIR filter.
    search_s
        How far from an event the loudest tile is searched.
    crops_rows
        Whether rows are cut to the window before the spline in time, which
        extrapolates at the right edge.
    row_shift_hz
        Where in its 0.5 Hz cell a row of the picture is evaluated.
    """

    row_norm: Literal["mean", "median"]
    psd_average: Literal["mean", "median", "median-mean"]
    whitening: Literal["overlap-add", "fir"]
    search_s: float
    crops_rows: bool
    row_shift_hz: float


_FIRST = ScanSettings(
    row_norm="mean",
    psd_average="median-mean",
    whitening="overlap-add",
    search_s=0.5,
    crops_rows=True,
    row_shift_hz=0.25,
)
_LAST = ScanSettings(
    row_norm="median",
    psd_average="median",
    whitening="fir",
    search_s=0.25,
    crops_rows=False,
    row_shift_hz=0.0,
)
ERA_SETTINGS: Mapping[Era, ScanSettings] = MappingProxyType(
    {
        Era.OLD: _FIRST,
        Era.MID: replace(_FIRST, row_norm="median", psd_average="mean"),
        Era.O3: replace(_LAST, psd_average="mean"),
        Era.GWPY: _LAST,
    }
)
