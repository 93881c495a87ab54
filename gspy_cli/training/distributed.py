"""Several processes that train as one: what torchrun started, and how they agree."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import torch
import torch.distributed as dist
from torch import Tensor

from gspy_cli.errors import GspyError

TIMEOUT = timedelta(minutes=30)
"""Longer than any rank waits for another to decode a data set's pictures."""


@dataclass(frozen=True, slots=True)
class World:
    """A process's place among all: `rank` of `size`, `local_rank` on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_writer(self) -> bool:
        """Rank 0 alone writes files and reports."""
        return self.rank == 0


ALONE = World()


def world_of_torchrun() -> World:
    """Read the place that torchrun gave this process; alone without torchrun."""
    return World(
        int(os.environ.get("RANK", "0")),
        int(os.environ.get("WORLD_SIZE", "1")),
        int(os.environ.get("LOCAL_RANK", "0")),
    )


@contextmanager
def process_group(world: World, device: torch.device) -> Iterator[None]:
    """Join the other processes for as long as the block runs, and watch them."""
    if world.size == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)  # or NCCL would send all over the first GPU
        dist.init_process_group("nccl", timeout=TIMEOUT, device_id=device)
    else:
        dist.init_process_group("gloo", timeout=TIMEOUT)
    try:
        with watching_ranks(world):
            yield
    finally:
        dist.destroy_process_group()


@contextmanager
def watching_ranks(world: World, run: Path | None = None) -> Iterator[None]:
    """Turn the loss of another process, or torchrun's SIGTERM after it, into advice.

    `run` is the folder to go on from, where there is one.
    """
    if world.size == 1:
        yield
        return
    message = "another process of this training is gone: start all of them again"
    if run is not None:
        message += f" with --resume {run}"

    def stop(*_: object) -> NoReturn:
        raise GspyError(message)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except RuntimeError as error:
        if not is_lost_connection(error):
            raise
        raise GspyError(message) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def is_lost_connection(error: RuntimeError) -> bool:
    """Tell a broken connection between processes from any other error."""
    text = str(error).lower()
    return isinstance(error, dist.DistError) or "gloo" in text or "nccl" in text


def sum_over_ranks(values: Tensor, world: World) -> Tensor:
    """Add a tensor up over all processes."""
    if world.size > 1:
        dist.all_reduce(values)
    return values


def share(text: str, world: World) -> str:
    """Give every process the text of rank 0."""
    box = [text]
    if world.size > 1:
        dist.broadcast_object_list(box, src=0)
    return box[0]


def wait_for_all(world: World) -> None:
    """Go on when every process has come here."""
    if world.size > 1:
        dist.barrier()
