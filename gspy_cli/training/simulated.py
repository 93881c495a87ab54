"""Simulated glitches beside real ones: what `gspy simulate --inputs` wrote."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.labels import CLASSES
from gspy_cli.results import WINDOWS
from gspy_cli.training.batches import Pictures, class_weights
from gspy_cli.training.shards import MappedPixels, Shards, find_shard

INPUTS = "inputs.npy"


def with_simulated(
    real: Pictures,
    directory: Path,
    *,
    classes: tuple[str, ...],
    size: int,
    real_share: float,
    balance: float,
) -> Pictures:
    """Add simulated pictures to real ones, to train on.

    Of the pictures drawn, `real_share` are real; within either kind, classes are
    balanced as the recipe says.
    """
    inputs, simulated = read_simulated_of(classes, directory, size)
    shards = Shards([*real.pixels.shards.files, find_shard(directory / INPUTS)])
    own = np.full(len(inputs), len(shards.files) - 1)
    places = np.stack([own, np.arange(len(inputs))], axis=1)
    shares = (
        real_share * class_weights(real.labels, balance),
        (1 - real_share) * class_weights(simulated, balance),
    )
    pixels = MappedPixels(shards, np.concatenate([real.pixels.places, places]))
    rows = np.arange(len(real.pixels), len(pixels), dtype=np.intp)
    return Pictures(
        pixels,
        np.concatenate([real.rows, rows]),
        np.concatenate([real.labels, simulated]),
        np.concatenate(shares),
    )


def read_simulated_of(
    classes: tuple[str, ...], directory: Path, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give pictures (N, S, S, 3), four a glitch, and their indices in `classes`.

    Raises
    ------
    GspyError
        There are some of other classes, or as `read_simulated`.
    """
    inputs, labels = read_simulated(directory, size)
    known = {name: index for index, name in enumerate(classes)}
    missing = sorted({CLASSES[i] for i in labels} - known.keys())
    if missing:
        raise GspyError(
            f"{directory} holds {', '.join(missing)}, which the data do not have; "
            "simulate only the data's classes (gspy simulate --classes)"
        )
    return inputs, np.array([known[CLASSES[i]] for i in labels], np.int64)


def read_simulated(
    directory: Path, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give pictures (N, S, S, 3), four a glitch, and their indices in `CLASSES`.

    Raises
    ------
    GspyError
        There are none in the directory, they are of another size, or either file
        is not as gspy simulate writes it.
    """
    try:
        inputs = np.load(directory / INPUTS, mmap_mode="r")
        labels = np.load(directory / "labels.npy")
    except (OSError, ValueError, EOFError) as error:
        raise GspyError(
            f"{directory} holds no simulated inputs ({error}); make them with "
            f"gspy simulate --inputs {size} -o {directory}"
        ) from None
    shape, views = inputs.shape, len(WINDOWS)
    is_whole = (
        (len(shape), inputs.dtype) == (5, np.uint8)
        and (shape[1], shape[4], labels.shape) == (views, 3, shape[:1])
        and np.isin(labels, np.arange(len(CLASSES))).all()
    )
    if not is_whole:
        raise GspyError(
            f"{directory} does not hold what gspy simulate --inputs writes: simulate "
            "into a new folder"
        )
    if shape[2:4] != (size, size):
        raise GspyError(
            f"{directory} holds inputs of {shape[3]} x {shape[2]} pixels; the network "
            f"takes {size} x {size}: simulate with --inputs {size}, "
            f"or train with --image-size {shape[2]}"
        )
    numbers = np.repeat(labels.astype(np.int64), views)
    return inputs.reshape(-1, *shape[2:]), numbers
