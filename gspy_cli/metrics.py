"""How good and how well calibrated probabilities are."""

import numpy as np
from numpy.typing import NDArray

BINS = 15
LEAST = 1e-12


def calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = BINS
) -> float:
    """Give the expected calibration error of (N, K) against class indices (N,).

    The mean gap between confidence and accuracy over bins of equal width, weighted by
    their counts (Guo et al. 2017, arXiv:1706.04599).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[place == b].sum() - right[place == b].sum()) for b in range(bins)
    ]
    return float(sum(gaps) / len(labels))


def negative_log_likelihood(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> float:
    """Give the mean of -log p of the true classes, natural logarithm."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(true, LEAST)).mean())


def tempered(
    probabilities: NDArray[np.floating], temperature: float
) -> NDArray[np.float64]:
    """Divide the logits behind (N, K) probabilities by a temperature."""
    logits = np.log(np.maximum(probabilities, LEAST)) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return scaled


def fit_temperature(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> float:
    """Find the temperature, 0.2 to 5 in steps of 1 %, of the greatest likelihood."""
    candidates = np.exp(np.arange(np.log(0.2), np.log(5.0), 0.01))
    losses = [
        negative_log_likelihood(tempered(probabilities, t), labels) for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])
