"""Samples in, results out: batches are read and scored side by side, order kept."""

import atexit
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import PictureError
from gspy_cli.figure.colours import are_viridis
from gspy_cli.image import resize
from gspy_cli.labels import NONE
from gspy_cli.model import Model
from gspy_cli.readers import Input, Readers, Size, attempt, fit_to_size
from gspy_cli.results import Failure, Origin, Prediction, Result
from gspy_cli.samples import PictureFile, Plot, Sample
from gspy_cli.workers import available_cores

FEW = 64  # pictures that are read sooner than processes to read them can start
ROUNDING = 1e-3  # of a probability
PATIENCE_S = 10.0  # that the end of a program has with batches

Ready = tuple[Origin, Input]
"""Where a sample is from, with what reading told of it, and its input or the reason."""
Read = Callable[[Sequence[Sample], Size], list[Ready]]
Work = Callable[[Sequence[Sample], Read], list[Result]]
Answer = list[Result] | BaseException


def classify(
    samples: Iterable[Sample],
    model: Model,
    *,
    batch_size: int = 8,
    workers: int | None = None,
    readers: Readers | None = None,
) -> Generator[Result, None, None]:
    """Name every sample: one result each, in order, none lost.

    Each of the `workers` reads a batch and scores it, on one core; there are as many
    as cores unless told otherwise. At most two batches a worker are held, so memory
    does not grow with the number of samples. `readers`, where there are any already,
    read from the start; more are added where there is much to do. What `samples`
    raises comes after the results of the whole batches before it.
    """
    workers = workers or available_cores()
    with nullcontext(readers) if readers else closing(Readers()) as team:
        reading = _Reading(workers, team)
        batches = _batches(samples, batch_size)
        first = next(batches, [])
        if len(first) < batch_size:  # that is all: no pool is worth its start
            yield from _classify(first, model, reading.by_whom(first))
        else:
            every = chain([first], batches)
            yield from _side_by_side(every, model, workers, reading)


def _side_by_side(
    batches: Iterable[Sequence[Sample]], model: Model, workers: int, reading: "_Reading"
) -> Iterator[Result]:
    crew = _Crew(workers, lambda batch, read: _classify(batch, model, read))
    wait = True
    try:
        for batch in _to_the_end(batches, crew):
            crew.give(batch, reading.by_whom(batch))
            while crew.has_next() or crew.held >= 2 * workers:
                yield from crew.take()
        while crew.held:
            yield from crew.take()
    except KeyboardInterrupt:
        wait = False
        raise
    finally:
        crew.end(wait=wait)


def _to_the_end(
    batches: Iterable[Sequence[Sample]], crew: "_Crew"
) -> Iterator[Sequence[Sample]]:
    """Pass batches on; if their source fails, its error takes the next one's turn."""
    try:
        yield from batches
    except Exception as error:  # noqa: BLE001, raised where it is taken
        crew.give([], partial(_raise, error))


def _raise(error: Exception, *_order: object) -> list[Ready]:
    raise error


class _Crew:
    """Threads that classify batches; their answers are taken in order.

    They end with the program, but not within a batch, if they can help it: to come back
    from ONNX Runtime into a Python that is at its end aborts it. No lock is taken in
    Python, where Ctrl-C could leave it taken for ever.
    """

    def __init__(self, workers: int, work: Work) -> None:
        self.held = 0  # batches given and not yet taken
        self._work, self._first = work, 0
        self._todo: SimpleQueue[tuple[int, Sequence[Sample], Read] | None]
        self._todo, self._done = SimpleQueue(), SimpleQueue[tuple[int, Answer]]()
        self._answers: dict[int, Answer] = {}
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()
        atexit.register(self._leave)

    def give(self, batch: Sequence[Sample], read: Read) -> None:
        self._todo.put((self._first + self.held, batch, read))
        self.held += 1

    def has_next(self) -> bool:
        while not self._done.empty():
            self._collect()
        return self._first in self._answers

    def take(self) -> list[Result]:
        while self._first not in self._answers:
            self._collect()
        answer = self._answers.pop(self._first)
        self._first, self.held = self._first + 1, self.held - 1
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def end(self, *, wait: bool) -> None:
        """Begin no more batches; perhaps wait for those that are begun."""
        while not self._todo.empty():
            with suppress(Empty):
                self._todo.get_nowait()
        for _ in self._threads:
            self._todo.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
            atexit.unregister(self._leave)

    def _leave(self) -> None:
        self.end(wait=False)
        last = monotonic() + PATIENCE_S
        for thread in self._threads:
            thread.join(max(0, last - monotonic()))

    def _collect(self) -> None:
        number, answer = self._done.get()
        self._answers[number] = answer

    def _run(self) -> None:
        while job := self._todo.get():
            number, batch, read = job
            try:
                answer: Answer = self._work(batch, read)
            except BaseException as error:  # noqa: BLE001, raised where it is taken
                answer = error
            self._done.put((number, answer))


class _Reading:
    """Decides who reads a batch: others, where there are any or the run is long."""

    def __init__(self, workers: int, readers: Readers) -> None:
        self._workers, self._readers = workers, readers
        self._seen = 0

    def by_whom(self, batch: Sequence[Sample]) -> Read:
        self._seen += len(batch)
        if not all(isinstance(sample.load, PictureFile) for sample in batch):
            return _read_here
        if self._seen > FEW:
            self._readers.grow(self._workers)
        return self._read_apart if self._readers.count else _read_here

    def _read_apart(self, batch: Sequence[Sample], size: Size) -> list[Ready]:
        files = [s.load for s in batch if isinstance(s.load, PictureFile)]
        inputs = self._readers.read(files, size)
        return [(sample.origin, i) for sample, i in zip(batch, inputs, strict=True)]


def _read_here(batch: Sequence[Sample], size: Size) -> list[Ready]:
    return [_prepare(sample, size) for sample in batch]


def _prepare(sample: Sample, size: Size) -> Ready:
    loaded = attempt(sample.load)
    if not isinstance(loaded, Plot):
        return sample.origin, fit_to_size(loaded, size)
    height, width = size
    origin = replace(sample.origin, trigger=loaded.trigger)
    return origin, resize(loaded.pixels, height=height, width=width)


def _batches(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    remaining = iter(samples)
    while batch := list(islice(remaining, size)):
        yield batch


def _classify(batch: Sequence[Sample], model: Model, read: Read) -> list[Result]:
    ready = read(batch, model.card.input_size)
    usable = [given for _, given in ready if not isinstance(given, PictureError)]
    rows = iter(_score(np.stack(usable), model) if usable else ())
    return [
        Failure(origin, str(given))
        if isinstance(given, PictureError)
        else _predict(origin, *next(rows), model.card.classes)
        for origin, given in ready
    ]


def _score(
    pictures: NDArray[np.uint8], model: Model
) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Give each picture's probabilities (K,), and whether it is of a known kind.

    A model that judges this was trained on viridis: other colours are strange to it.
    None_of_the_Above is no known kind, and says so itself.
    """
    if model.judge is None:
        return ((row, True) for row in model.score(pictures))
    probabilities, familiarity = model.judge(pictures)
    named = np.array(model.card.classes)[probabilities.argmax(axis=1)]
    known = (familiarity >= model.card.unfamiliar_below) | (named == NONE)
    known &= are_viridis(pictures)
    return zip(probabilities, known.tolist(), strict=True)


def _predict(
    origin: Origin,
    probabilities: NDArray[np.float32],
    familiar: bool,
    classes: tuple[str, ...],
) -> Result:
    if not (probabilities.min() >= 0 and probabilities.max() <= 1 + ROUNDING):
        return Failure(origin, "the model gives no probabilities")
    best = int(probabilities.argmax())
    scores = dict(zip(classes, probabilities.tolist(), strict=True))
    label = classes[best]
    return Prediction(origin, label, scores[label], scores, familiar=familiar)
