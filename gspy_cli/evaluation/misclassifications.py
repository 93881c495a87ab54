"""The errors of an evaluation, each beside a typical picture of the class named."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gspy_cli.errors import PictureError
from gspy_cli.figure import read_pixels
from gspy_cli.image import network_input
from gspy_cli.training.answers import Answers
from gspy_cli.training.examples import Example

HEIGHT, WIDTH = 150, 200  # pixels of a picture in the page
GREY = 128


@dataclass(frozen=True, slots=True)
class Misclassification:
    """A picture that was named wrong.

    `typical` is a picture rightly given the same name, of the same window where there
    is one; None where there is none at all.
    """

    example: Example
    named: str
    confidence: float
    typical: Example | None


def find_errors(answers: Answers) -> list[Misclassification]:
    """List the pictures named wrong, the most confident first."""
    right, named, confidence = answers.right, answers.named, answers.confidence
    surest = np.argsort(-confidence, kind="stable")
    typical: dict[tuple[str, float | None] | str, Example] = {}
    for i in surest[right[surest]]:
        example = answers.examples[i]
        typical.setdefault((example.label, example.window), example)
        typical.setdefault(example.label, example)
    errors = []
    for i in surest[~right[surest]]:
        example, name = answers.examples[i], answers.classes[named[i]]
        like = typical.get((name, example.window)) or typical.get(name)
        errors.append(
            Misclassification(
                example=example,
                named=name,
                confidence=float(confidence[i]),
                typical=like,
            )
        )
    return errors


def read_plot(
    example: Example, height: int = 300, width: int = 400
) -> NDArray[np.uint8]:
    """Read a picture's plot, (height, width, 3); grey where it is gone."""
    try:
        return network_input(read_pixels(example.path), height=height, width=width)
    except PictureError:
        return np.full((height, width, 3), GREY, np.uint8)


def data_url(plot: NDArray[np.uint8]) -> str:
    """Write a plot (H, W, 3) as a JPEG within a page."""
    stream = BytesIO()
    Image.fromarray(plot).save(stream, "jpeg", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def thumbnails(examples: Sequence[Example]) -> dict[Example, str]:
    """Give each example's small picture, once."""
    return {e: data_url(read_plot(e, HEIGHT, WIDTH)) for e in dict.fromkeys(examples)}
