"""The pictures of one glitch, fused into one answer."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-12  # a probability of 0 would silence every other view
EQUAL: Mapping[str, float] = {}


def fuse(
    probabilities: NDArray[np.floating],
    windows: Iterable[float | None] = (),
    weights: Mapping[str, float] = EQUAL,
) -> NDArray[np.float64]:
    """Fuse the views (V, K) of a glitch by their mean log-probability: (K,), sum 1.

    `weights` are a card's `view_weights`: how much a view counts, by its window in
    seconds; `windows` are those of the views. What is not named counts 1.
    """
    logs = np.log(np.maximum(probabilities, LEAST))
    votes = [weights.get(str(window), 1.0) for window in windows]
    mean = np.average(logs, axis=0, weights=votes or None)
    odds = np.exp(mean - mean.max())
    fused: NDArray[np.float64] = odds / odds.sum()
    return fused
