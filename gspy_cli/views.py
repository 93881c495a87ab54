"""The pictures of one glitch, fused into one answer."""

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-12  # a probability of 0 would silence every other view


def fuse(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fuse the views (V, K) of a glitch by their mean log-probability: (K,), sum 1."""
    odds = np.exp(np.log(np.maximum(probabilities, LEAST)).mean(axis=0))
    fused: NDArray[np.float64] = odds / odds.sum()
    return fused
