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
from gspy_cli.samples import sample_of
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
    batches: list[NDArray[np.uint8]] = []  # the first, to time the model on

    def score(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not batches:
            batches.append(pictures)
        return model.score(pictures)

    samples = [sample_of(str(example.path)) for example in examples]
    kept: list[Example] = []
    rows: list[list[float]] = []
    failures: list[Failure] = []
    noting = replace(model, score=score, judge=None)
    results = classify(samples, noting, batch_size=batch_size)
    for done, (example, result) in enumerate(zip(examples, results, strict=True)):
        if isinstance(result, Prediction):
            kept.append(example)
            rows.append(list(result.scores.values()))
        else:
            failures.append(result)
        progress(done + 1, len(examples))
    probabilities = np.array(rows).reshape(len(rows), len(model.card.classes))
    answers = Answers(tuple(kept), probabilities, model.card.classes)
    rate = pictures_per_second(model, batches[0]) if batches else None
    return Judgement(answers, tuple(failures), rate)


def pictures_per_second(model: Model, pictures: NDArray[np.uint8]) -> float:
    """Score pictures (N, H, W, 3) again, alone: the best of three."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        model.score(pictures)
        seconds.append(time.perf_counter() - started)
    return len(pictures) / max(min(seconds), 1e-9)
