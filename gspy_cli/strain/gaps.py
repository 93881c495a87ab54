"""Which samples of strain are no data."""

import numpy as np
from numpy.typing import NDArray

FLAT_S = 0.1  # a longer run of one value is a gap
ZEROS_S = 0.002  # and so is one of zeros

CONSTANT = (
    "the strain is constant: the detector was off, or this is not a strain channel; "
    "choose another time or --channel"
)


def gaps(samples: NDArray[np.floating], sample_rate_hz: float) -> NDArray[np.bool_]:
    """Tell which samples (n,) are no data: not finite, or a long run of one value."""
    gap: NDArray[np.bool_] = ~np.isfinite(samples)
    same = np.concatenate([[False], samples[1:] == samples[:-1], [False]])
    runs = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2)  # first and last
    lengths = 1 + np.ptp(runs, axis=1)
    most_s = np.where(samples[runs[:, 0]] == 0, ZEROS_S, FLAT_S)
    for first, last in runs[lengths > most_s * sample_rate_hz]:
        gap[first : last + 1] = True
    return gap


def is_constant(samples: NDArray[np.floating]) -> bool:
    """Tell whether all finite samples (n,) are the same."""
    known = samples[np.isfinite(samples)]
    return bool(known.size and (known == known[0]).all())


def kind_of_gap(sample: float) -> str:
    """Say what a gap consists of, by one sample in it."""
    if np.isfinite(sample):
        return "one value repeated" if sample else "zeros"
    return "NaN" if np.isnan(sample) else "infinite"
