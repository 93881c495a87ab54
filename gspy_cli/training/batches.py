"""Which pictures a step sees: drawn from the seed, the epoch and the step alone.

No generator lives from one step to the next, so a resumed run needs no random state
and every number of workers gives the same batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gspy_cli.training.augmentation import augment
from gspy_cli.training.distributed import World
from gspy_cli.training.shards import MappedPixels
from gspy_cli.workers import available_cores


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's pictures, (B, H, W, 3) uint8, and their class indices, (B,).

    `share` is this process's part of the pictures of the step, times the number of
    processes: 1 when all have as many. `seed` is the step's own for torch's generators.
    """

    pixels: Tensor
    labels: Tensor
    share: float
    seed: int

    def pin_memory(self) -> "Batch":
        """Lie in memory that a GPU can copy from by itself."""
        pixels, labels = self.pixels.pin_memory(), self.labels.pin_memory()
        return replace(self, pixels=pixels, labels=labels)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one split: pixels, their rows there, and class indices.

    `weights` say how often each is drawn, where the recipe's balance does not.
    """

    pixels: MappedPixels
    rows: NDArray[np.intp]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Step:
    """What one process loads for one step: positions in `Pictures`, and a seed."""

    indices: NDArray[np.intp]
    seed: tuple[int, ...] = ()
    share: float = 1.0

    def torch_seed(self) -> int:
        """Give the step's own seed for torch's generators."""
        return int(np.random.SeedSequence(self.seed).generate_state(1)[0])


class StepLoader(Dataset[Batch]):
    """Load the batch of a step; torch's `DataLoader` spreads this over workers."""

    def __init__(
        self, pictures: Pictures, steps: Sequence[Step], *, augmented: bool
    ) -> None:
        self.pictures = pictures
        self.steps = steps
        self.augmented = augmented

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, number: int) -> Batch:
        """Load the pictures of one step, augmented if this is for training."""
        step = self.steps[number]
        rows = self.pictures.rows[step.indices]
        pixels = torch.from_numpy(self.pictures.pixels.rows(rows))
        seed = step.torch_seed()
        if self.augmented:
            pixels = augment(pixels, torch.Generator().manual_seed(seed))
        labels = torch.from_numpy(self.pictures.labels[step.indices])
        return Batch(pixels, labels, step.share, seed)


def load(
    pictures: Pictures,
    steps: Sequence[Step],
    *,
    augmented: bool = False,
    workers: int = 0,
    pinned: bool = False,
) -> DataLoader[Batch]:
    """Load the batches of some steps, in order, with worker processes if asked.

    There is one on each core at most: more would wait, and torch warns of them.
    """
    loader = StepLoader(pictures, steps, augmented=augmented)
    processes = min(workers, available_cores())
    return DataLoader(loader, batch_size=None, num_workers=processes, pin_memory=pinned)


def training_steps(
    labels: NDArray[np.int64],
    *,
    batch_size: int,
    balance: float,
    seed: int,
    epoch: int,
    world: World,
    weights: NDArray[np.float64] | None = None,
) -> list[Step]:
    """Deal an epoch's pictures into steps of at most `batch_size` for each process.

    There are two pictures or more for each process. Steps differ by one picture at
    most, and none has one alone, too few for batch statistics: one of three takes its
    place where `batch_size` is 2.
    """
    rng = np.random.default_rng([seed, epoch])
    order = draw_indices(
        class_weights(labels, balance) if weights is None else weights, rng
    )
    number = -(-len(order) // (batch_size * world.size))
    number = max(1, min(number, len(order) // (2 * world.size)))
    steps = []
    for i, together in enumerate(np.array_split(order, number)):
        mine = np.array_split(together, world.size)[world.rank]
        part = len(mine) * world.size / len(together)
        steps.append(Step(mine, (seed, epoch, i, world.rank), part))
    return steps


def class_weights(labels: NDArray[np.int64], balance: float) -> NDArray[np.float64]:
    """Weigh each picture (size of its class) ** -balance; the sum is 1."""
    weights = np.bincount(labels)[labels] ** -float(balance)
    total: NDArray[np.float64] = weights / weights.sum()
    return total


def draw_indices(
    weights: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draw an epoch's pictures: as many as there are, in random order.

    Drawing is systematic: a picture that is due 1.4 times comes once or twice, never
    not at all, and with equal weights each comes once.
    """
    order = rng.permutation(len(weights))
    edges = np.cumsum(weights[order])
    points = (rng.random() + np.arange(len(order))) / len(order) * edges[-1]
    return rng.permutation(order[np.searchsorted(edges, points)])


def evaluation_steps(number: int, *, batch_size: int, world: World) -> list[Step]:
    """Deal pictures 0 to number - 1 to the processes, in order, in batches."""
    mine = np.array_split(np.arange(number), world.size)[world.rank]
    starts = range(0, len(mine), batch_size)
    return [Step(mine[start : start + batch_size]) for start in starts]
