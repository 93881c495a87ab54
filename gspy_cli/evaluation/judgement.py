"""What a model says of labelled pictures, and how fast."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gspy_cli.callbacks import Progress
from gspy_cli.model import Model
from gspy_cli.predict import classify
from gspy_cli.results import Failure, Prediction
from gspy_cli.samples import picture
from gspy_cli.training.answers import Answers
from gspy_cli.training.examples import Example


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
