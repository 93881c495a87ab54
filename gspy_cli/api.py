"""gspy from Python: load a model, give it pictures, take the results."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from io import IOBase
from operator import index
from os import PathLike, fsdecode

import numpy as np
from numpy.typing import NDArray

from gspy_cli import model as models
from gspy_cli import predict, sources
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.results import Failure, Origin, Prediction, Result
from gspy_cli.samples import Sample, unusable

__all__ = ["Classifier", "Failure", "GspyError", "Prediction", "load_model"]

Pixels = NDArray[np.uint8]
Picture = str | PathLike[str] | Pixels

_FIGURE = "a figure is an array of uint8 with the shape (height, width, 3)"


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model that names glitches."""

    model: models.Model

    @property
    def card(self) -> ModelCard:
        """What the model is: its classes, input size and origin."""
        return self.model.card

    def classify(
        self,
        pictures: Picture | Iterable[Picture],
        *,
        batch_size: int = 8,
        workers: int | None = None,
    ) -> Generator[Result, None, None]:
        """Name pictures: paths, folders, or figures as arrays (H, W, 3) of uint8.

        Results come in order, one for each picture, a batch at a time, while the next
        batches are taken and read; what `pictures` raises comes after the results of
        all whole batches before it. An array is copied as it is taken; its result has
        `array 0`, `array 1` ... as its path. `workers` cores are used, by default all.

        Raises
        ------
        GspyError
            `batch_size` or `workers` is no whole number of 1 or more; or, while
            results are taken, the model fails on a batch or no process can be started.
        """
        if not all(map(_is_count, (batch_size, 1 if workers is None else workers))):
            raise GspyError("batch_size and workers are whole numbers of 1 or more")
        samples = _samples(_listed(pictures))
        return predict.classify(
            samples, self.model, batch_size=batch_size, workers=workers
        )


def load_model(
    name: str | PathLike[str] | None = None, *, device: str = "auto"
) -> Classifier:
    """Load a model: by name, by path, or the default one.

    Raises
    ------
    GspyError
        The model or the device does not exist, or the file is damaged or foreign.
    """
    wanted = None if name is None else fsdecode(name)
    return Classifier(models.load_model(wanted, device=device))


def _is_count(number: object) -> bool:
    try:
        return index(number) >= 1  # type: ignore[arg-type]
    except TypeError:
        return False


def _listed(pictures: Picture | Iterable[Picture]) -> Iterable[Picture]:
    if isinstance(pictures, np.ndarray):
        of_paths = pictures.ndim == 1 and pictures.dtype.kind in "OTU"
        several = of_paths or pictures.ndim > 3
    else:
        one = (str, bytes, bytearray, PathLike, IOBase)
        several = isinstance(pictures, Iterable) and not isinstance(pictures, one)
        several &= getattr(pictures, "ndim", 1) not in (0, 2, 3)  # another's array
    return pictures if several else [pictures]  # type: ignore[return-value, list-item]


def _samples(pictures: Iterable[Picture]) -> Iterator[Sample]:
    for number, picture in enumerate(pictures):
        if isinstance(picture, str | PathLike):
            yield from sources.from_paths([fsdecode(picture)])
        else:
            yield _figure(picture, Origin(f"array {number}"))


def _figure(pixels: object, origin: Origin) -> Sample:
    if not isinstance(pixels, np.ndarray):
        return unusable(origin, f"{_FIGURE}, not a {type(pixels).__name__}")
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        given = f"{pixels.dtype} with the shape {pixels.shape}"
        return unusable(origin, f"{_FIGURE}, not of {given}")
    own = np.array(pixels)  # whoever gave it may fill it anew
    return Sample(origin, lambda: own)
