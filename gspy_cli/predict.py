"""Samples in, results out: read ahead in threads, score in batches, keep order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gspy_cli.card import ModelCard
from gspy_cli.errors import PictureError
from gspy_cli.image import network_input, resize
from gspy_cli.model import Model
from gspy_cli.results import Failure, Origin, Prediction, Result
from gspy_cli.sources import Plot, Sample

Ready = tuple[Origin, NDArray[np.uint8] | PictureError]
"""A sample's network input, or why there is none, and what is known of it now."""


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
    waiting: deque[Future[Ready]] = deque()
    remaining = iter(samples)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        while True:
            for sample in islice(remaining, 2 * batch_size - len(waiting)):
                waiting.append(pool.submit(_prepare, sample, model.card))
            if not waiting:
                return
            count = min(batch_size, len(waiting))
            batch = [waiting.popleft() for _ in range(count)]
            yield from _score([future.result() for future in batch], model)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(sample: Sample, card: ModelCard) -> Ready:
    height, width = card.input_size
    try:
        loaded = sample.load()
        if isinstance(loaded, Plot):
            origin = replace(sample.origin, trigger=loaded.trigger)
            return origin, resize(loaded.pixels, height=height, width=width)
        return sample.origin, network_input(loaded, height=height, width=width)
    except PictureError as error:
        return sample.origin, error


def _score(batch: list[Ready], model: Model) -> Iterator[Result]:
    usable = [given for _, given in batch if not isinstance(given, PictureError)]
    rows = iter(model.score(np.stack(usable)) if usable else ())
    for origin, given in batch:
        if isinstance(given, PictureError):
            yield Failure(origin, str(given))
        else:
            yield _predict(origin, next(rows), model.card.classes)


def _predict(
    origin: Origin, probabilities: NDArray[np.float32], classes: tuple[str, ...]
) -> Prediction:
    best = int(probabilities.argmax())
    scores = dict(zip(classes, probabilities.tolist(), strict=True))
    return Prediction(origin, classes[best], scores[classes[best]], scores)
