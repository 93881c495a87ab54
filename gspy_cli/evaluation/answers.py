"""What a model says of labelled pictures, and of glitches with their views fused."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gspy_cli.model import Model
from gspy_cli.predict import classify
from gspy_cli.results import Failure, Prediction
from gspy_cli.sources import picture
from gspy_cli.training.data import Example
from gspy_cli.views import fuse

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Answers:
    """Labelled pictures, or glitches, and the probabilities (N, K) given to them."""

    examples: tuple[Example, ...]
    probabilities: NDArray[np.float64]
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


@dataclass(frozen=True, slots=True)
class Judgement:
    """Answers, the pictures without one, and the rate of scoring in pictures/s."""

    answers: Answers
    failures: tuple[Failure, ...] = ()
    rate: float | None = None


def judge(
    model: Model, examples: Sequence[Example], *, batch_size: int, progress: Progress
) -> Judgement:
    """Let a model name pictures."""
    sampler = Sampler(model)
    samples = [picture(str(example.path)) for example in examples]
    sampled = replace(model, score=sampler.score, judge=None)
    kept: list[Example] = []
    rows: list[list[float]] = []
    failures: list[Failure] = []
    results = classify(samples, sampled, batch_size=batch_size)
    for done, (example, result) in enumerate(zip(examples, results, strict=True)):
        if isinstance(result, Prediction):
            kept.append(example)
            rows.append(list(result.scores.values()))
        else:
            failures.append(result)
        progress(done + 1, len(examples))
    probabilities = np.array(rows).reshape(len(rows), len(model.card.classes))
    answers = Answers(tuple(kept), probabilities, model.card.classes)
    return Judgement(answers, tuple(failures), sampler.rate())


class Sampler:
    """Scores pictures as a model does, and keeps the first batch to time it on."""

    def __init__(self, model: Model) -> None:
        self._score = model.score
        self._first: NDArray[np.uint8] | None = None

    def score(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Score pictures (N, H, W, 3): (N, K)."""
        if self._first is None:
            self._first = pictures
        return self._score(pictures)

    def rate(self) -> float | None:
        """Score the first batch again, alone: the best of three, in pictures/s."""
        if self._first is None:
            return None
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            self._score(self._first)
            seconds.append(time.perf_counter() - started)
        return len(self._first) / max(min(seconds), 1e-9)
