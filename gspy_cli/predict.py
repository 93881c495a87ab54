"""Samples in, results out: read ahead in threads, score in batches, keep order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gspy_cli.card import ModelCard
from gspy_cli.errors import PictureError
from gspy_cli.image import network_input, resize
from gspy_cli.model import Model
from gspy_cli.results import Failure, Prediction, Result
from gspy_cli.sources import Sample

Input = NDArray[np.uint8] | PictureError


def classify(
    samples: Iterable[Sample],
    model: Model,
    *,
    batch_size: int = 16,
    workers: int = 2,
) -> Iterator[Result]:
    """Name every sample: one result each, in order, none lost.

    While a batch is scored, threads read the next ones; at most two batches of
    inputs are held, so memory does not grow with the number of samples.
    """
    waiting: deque[tuple[Sample, Future[Input]]] = deque()
    remaining = iter(samples)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        while True:
            for sample in islice(remaining, 2 * batch_size - len(waiting)):
                waiting.append((sample, pool.submit(_prepare, sample, model.card)))
            if not waiting:
                return
            count = min(batch_size, len(waiting))
            batch = [waiting.popleft() for _ in range(count)]
            yield from _score([(s, future.result()) for s, future in batch], model)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(sample: Sample, card: ModelCard) -> Input:
    height, width = card.input_size
    convert = resize if sample.is_plot else network_input
    try:
        return convert(sample.load(), height=height, width=width)
    except PictureError as error:
        return error


def _score(batch: list[tuple[Sample, Input]], model: Model) -> Iterator[Result]:
    usable = [given for _, given in batch if not isinstance(given, PictureError)]
    rows = iter(model.score(np.stack(usable)) if usable else ())
    for sample, given in batch:
        if isinstance(given, PictureError):
            yield Failure(sample.origin, str(given))
        else:
            yield _predict(sample, next(rows), model.card.classes)


def _predict(
    sample: Sample, probabilities: NDArray[np.float32], classes: tuple[str, ...]
) -> Prediction:
    best = int(probabilities.argmax())
    scores = dict(zip(classes, probabilities.tolist(), strict=True))
    return Prediction(sample.origin, classes[best], scores[classes[best]], scores)
