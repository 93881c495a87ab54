"""gspy from Python: load a model, give it pictures, take the results."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from os import PathLike, fspath

import numpy as np
from numpy.typing import NDArray

from gspy_cli import model as models
from gspy_cli import predict, sources
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError, PictureError
from gspy_cli.results import Failure, Origin, Prediction, Result
from gspy_cli.samples import Sample

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
    ) -> Iterator[Result]:
        """Name pictures: paths, folders, or figures as arrays (H, W, 3) of uint8.

        Results come in order, one for each picture, as they are ready; an array's has
        `array 0`, `array 1` ... as its path. `workers` cores are used, by default all.

        Raises
        ------
        GspyError
            `batch_size` or `workers` is less than 1; or, while results are taken,
            the model fails on a batch or no process can be started.
        """
        if batch_size < 1 or (workers is not None and workers < 1):
            raise GspyError("batch_size and workers are numbers of 1 or more")
        samples = _samples(_listed(pictures))
        return predict.classify(
            samples, self.model, batch_size=batch_size, workers=workers
        )


def load_model(name: str | None = None, *, device: str = "auto") -> Classifier:
    """Load a model: by name, by path, or the default one.

    Raises
    ------
    GspyError
        The model or the device does not exist, or the file is damaged or foreign.
    """
    return Classifier(models.load_model(name, device=device))


def _listed(pictures: Picture | Iterable[Picture]) -> Iterable[Picture]:
    if isinstance(pictures, str | PathLike):
        return [pictures]
    if isinstance(pictures, np.ndarray) and pictures.ndim in (2, 3):
        return [pictures]
    return pictures if isinstance(pictures, Iterable) else [pictures]


def _samples(pictures: Iterable[Picture]) -> Iterator[Sample]:
    for number, picture in enumerate(pictures):
        if isinstance(picture, str | PathLike):
            yield from sources.from_paths([fspath(picture)])
        else:
            yield Sample(Origin(f"array {number}"), partial(_checked, picture))


def _checked(pixels: object) -> Pixels:
    if not isinstance(pixels, np.ndarray):
        raise PictureError(f"{_FIGURE}, not a {type(pixels).__name__}")
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        given = f"{pixels.dtype} with the shape {pixels.shape}"
        raise PictureError(f"{_FIGURE}, not of {given}")
    return pixels
