"""Answers to labelled pictures, and to glitches with their views fused."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gspy_cli.glitches import fuse
from gspy_cli.training.examples import Example


@dataclass(frozen=True, slots=True)
class Answers:
    """Labelled pictures, or glitches, and the probabilities (N, K) given to them."""

    examples: tuple[Example, ...]
    probabilities: NDArray[np.floating]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def truth(self) -> NDArray[np.int64]:
        """The indices (N,) of the true classes."""
        index = {name: i for i, name in enumerate(self.classes)}
        return np.array([index[e.label] for e in self.examples], dtype=np.int64)

    @property
    def named(self) -> NDArray[np.int64]:
        """The indices (N,) of the likeliest classes."""
        indices: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return indices

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The probabilities (N,) of the likeliest classes."""
        likeliest: NDArray[np.float64] = self.probabilities.max(axis=1)
        return likeliest

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which answers (N,) are the true class."""
        right: NDArray[np.bool_] = self.named == self.truth
        return right

    def take(self, chosen: Sequence[int] | NDArray[np.intp]) -> "Answers":
        """Give some of the answers, in this order."""
        examples = tuple(self.examples[i] for i in chosen)
        return Answers(examples, self.probabilities[list(chosen)], self.classes)

    def fused(self) -> "Answers":
        """Give one answer a glitch: that of all its views."""
        views: defaultdict[str, list[int]] = defaultdict(list)
        for i, example in enumerate(self.examples):
            views[example.glitch].append(i)
        examples = (replace(self.examples[v[0]], window=None) for v in views.values())
        fused = [fuse(self.probabilities[members]) for members in views.values()]
        return Answers(tuple(examples), np.stack(fused), self.classes)


def join_answers(parts: Sequence[Answers]) -> Answers:
    """Join answers of the same classes."""
    return Answers(
        tuple(example for part in parts for example in part.examples),
        np.concatenate([part.probabilities for part in parts]),
        parts[0].classes,
    )
