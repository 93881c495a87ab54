"""From pictures to glitches: the windows of one glitch together, and one answer."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice, zip_longest

import numpy as np
from numpy.typing import NDArray

from gspy_cli.results import WINDOWS, Failure, Glitch, Origin, Prediction, Result
from gspy_cli.samples import Name, Sample, sample_of

LEAST = 1e-12  # a probability of 0 would silence every other view

Group = tuple[Sample, ...]
"""The samples that one row answers: the views of a glitch, or a single picture."""

Classify = Callable[[Iterable[Sample]], Iterator[Result]]


def group(names: Iterable[Name]) -> Iterator[Group]:
    """Bring the views of each glitch together, in the order of first appearance.

    Views belong together by detector and identifier, wherever they lie. A picture
    whose name does not tell them is a glitch of its own, and so is a second picture
    of the same window. All names are read before the first group is given.
    """
    together: dict[str, list[Name]] = {}
    for name in names:
        together.setdefault(_glitch_of(sample_of(name).origin), []).append(name)
    for found in together.values():
        yield from _split([sample_of(name) for name in found])


def _glitch_of(origin: Origin) -> str:
    glitch = f"{origin.ifo}\0{origin.gravityspy_id}"  # no path has a null character
    return glitch if origin.window in WINDOWS else f"{origin.path}\0{glitch}"


def _split(samples: list[Sample]) -> Iterator[Group]:
    by_window: dict[float, list[Sample]] = {}
    for sample in samples:
        by_window.setdefault(sample.origin.window or 0.0, []).append(sample)
    every = [by_window[window] for window in sorted(by_window)]
    for views in zip_longest(*every):
        yield tuple(view for view in views if view)


def classify_groups(
    groups: Iterable[Group], classify: Classify
) -> Iterator[tuple[Group, tuple[Result, ...]]]:
    """Classify the samples of all groups in one stream; give each group's results."""
    begun: deque[Group] = deque()

    def samples() -> Iterator[Sample]:
        for members in groups:
            begun.append(members)
            yield from members

    results = classify(samples())
    for first in results:
        members = begun.popleft()
        yield members, (first, *islice(results, len(members) - 1))


def fuse_views(views: tuple[Result, ...]) -> Glitch:
    """Give the answer of a glitch's views; those that failed have no voice.

    It is familiar where more than half of the views are.
    """
    usable = [view for view in views if isinstance(view, Prediction)]
    origin = replace(views[0].origin, window=None)
    if not usable:
        failed = Glitch(views, Failure(origin, ""))
        return Glitch(views, Failure(origin, failed.reasons()))
    classes = tuple(usable[0].scores)
    scored = np.array([tuple(view.scores.values()) for view in usable])
    fused = fuse(scored)
    best = int(fused.argmax())
    scores = dict(zip(classes, fused.tolist(), strict=True))
    familiar = 2 * sum(view.familiar for view in usable) > len(usable)
    label = classes[best]
    answer = Prediction(origin, label, scores[label], scores, familiar=familiar)
    return Glitch(views, answer)


def fuse(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fuse the views (V, K) of a glitch by their mean log-probability: (K,), sum 1."""
    odds = np.exp(np.log(np.maximum(probabilities, LEAST)).mean(axis=0))
    fused: NDArray[np.float64] = odds / odds.sum()
    return fused
