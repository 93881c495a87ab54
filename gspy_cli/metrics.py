"""How good and how well calibrated probabilities are.

What is undefined (the recall of a class without examples, say) is NaN, never 0.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
EDGES = np.arange(BINS + 1) / BINS
LEAST = 1e-12
TEMPERATURES = np.exp(np.arange(np.log(0.2), np.log(5.0), 0.01))
NORMAL_95 = 1.959964  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall, F1 and number of examples of each class, all (K,)."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that have examples."""
        return float(self.f1[self.support > 0].mean())

    @property
    def weighted_f1(self) -> float:
        """The mean F1, each class weighted by its examples."""
        present = self.support > 0
        return float(np.average(self.f1[present], weights=self.support[present]))

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have examples."""
        return float(self.recall[self.support > 0].mean())


def confusion_matrix(
    truth: NDArray[np.integer], named: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Count (K, K) from class indices (N,): rows are true, columns named classes."""
    counts = np.bincount(truth * classes + named, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.int64)


def class_scores(confusion: NDArray[np.int64]) -> ClassScores:
    """Score each class of a confusion matrix (K, K)."""
    hits, support = np.diag(confusion), confusion.sum(axis=1)
    named = confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):
        f1 = np.where(support > 0, 2 * hits / (support + named), math.nan)
        return ClassScores(hits / named, hits / support, f1, support)


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Give the 95 % interval of a proportion (Wilson 1927); NaN of none.

    The trials must be independent: glitches are, the windows of one glitch are not.
    """
    if total == 0:
        return math.nan, math.nan
    z2 = NORMAL_95**2
    centre = right + z2 / 2
    half = NORMAL_95 * math.sqrt(right * (total - right) / total + z2 / 4)
    low = 0.0 if right == 0 else (centre - half) / (total + z2)
    high = 1.0 if right == total else (centre + half) / (total + z2)
    return low, high


def top_2_accuracy(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> float:
    """Give how often the true class is among the two likeliest of (N, K)."""
    likeliest = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    return float((likeliest == labels[:, None]).any(axis=1).mean())


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Give the exact two-sided p of two classifiers' right answers (N,), paired.

    McNemar 1947: of the examples that one alone has right, each is as likely to be
    the first's as the second's, if neither is better.
    """
    one, other = int((first & ~second).sum()), int((~first & second).sum())
    total = one + other
    ways, tail = 1, 0
    for i in range(min(one, other) + 1):
        tail += ways
        ways = ways * (total - i) // (i + 1)
    return float(min(1.0, 2 * tail / 2**total))


def calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> float:
    """Give the expected calibration error of (N, K) against class indices (N,).

    The mean gap between confidence and accuracy over 15 bins of equal width, weighted
    by their counts (Guo et al. 2017, arXiv:1706.04599).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = bin_of(confidence)
    gaps = [
        abs(confidence[place == b].sum() - right[place == b].sum()) for b in range(BINS)
    ]
    return float(sum(gaps) / len(labels))


def bin_of(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    """Give the bin of each confidence (N,), of 15 of equal width.

    An edge belongs to the bin that it ends, as in Guo et al. 2017; 0 to the first.
    """
    return np.searchsorted(EDGES[1:-1], confidence, side="left")


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
    weights = np.maximum(probabilities, LEAST) ** (1 / temperature)
    scaled: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return scaled


def fit_temperature(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> float:
    """Find the temperature, 0.2 to 5 in steps of 1 %, that suits answers (N, K)."""
    logits = np.log(np.maximum(probabilities, LEAST, dtype=np.float64))
    true = logits[np.arange(len(labels)), labels]
    losses = []
    for t in TEMPERATURES:
        loss = np.log(np.exp(logits / t).sum(axis=1)) - true / t
        losses.append(np.minimum(loss, -np.log(LEAST)).sum())
    return best_temperature(np.array(losses))


def best_temperature(losses: NDArray[np.floating]) -> float:
    """Choose among `TEMPERATURES` by the summed losses of all answers at each.

    Few answers, all of them right, would be best with none: the colder the better. So a
    temperature is taken to be 1 before any answer is known, within a factor of two (the
    standard deviation of its logarithm).
    """
    doubt = (np.log(TEMPERATURES) / np.log(2)) ** 2 / 2
    return float(TEMPERATURES[np.argmin(losses + doubt)])
