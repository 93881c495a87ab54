"""The same run on the workers of a Dask cluster.

Tasks are bounded: while the workers have enough to do, no more samples are taken.
Results come back in the order of the samples. Dask gives the tasks of a worker that
is lost to another one; tasks have no effects, so that nothing is doubled.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice
from pathlib import Path
from typing import Any

from gspy_cli import __version__, predict
from gspy_cli.errors import GspyError
from gspy_cli.model import Model, load_model
from gspy_cli.readers import Readers
from gspy_cli.results import Result
from gspy_cli.samples import Sample
from gspy_cli.schedulers import scheduler_of
from gspy_cli.wording import reason

TASK = predict.FEW  # pictures in a task: about half a second of one core
AHEAD = 3  # tasks in flight for each thread of the cluster
TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker must know: whose model, which one exactly, and how to run it.

    `model` is a name or a path, as for `load_model`; the worker's own must have the
    same `checksum`.
    """

    model: str | None
    checksum: str
    device: str = "auto"
    batch_size: int = 16
    version: str = __version__


@contextmanager
def connect(name: str) -> Iterator[Any]:
    """Connect to a cluster, or start one; see `schedulers.scheduler_of` for its name.

    Raises
    ------
    GspyError
        No scheduler answers there, or none can be started.
    """
    with scheduler_of(name) as address, _client(address) as client:
        yield client


def _client(address: str) -> Any:  # noqa: ANN401
    """Connect to a scheduler by its address or its file."""
    from distributed import Client

    is_file = address.endswith(".json")
    where = {"scheduler_file" if is_file else "address": address}
    # what it logs is raised too
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        if is_file and not Path(address).exists():
            raise FileNotFoundError("no such file")
        return Client(**where, timeout=TIMEOUT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        raise GspyError(
            f"no Dask scheduler answers at {address} ({error}); start one with "
            "'dask scheduler' or correct --cluster"
        ) from None


def classify(samples: Iterable[Sample], client: Any, job: Job) -> Iterator[Result]:  # noqa: ANN401
    """Name every sample on a cluster: one result each, in order, none lost.

    Raises
    ------
    GspyError
        The workers have another model or version, or the cluster is lost.
    """
    remaining = iter(samples)
    flying: deque[Any] = deque()
    room = 1
    try:
        for number in count():
            if number % room == 0:  # now and then: to ask takes a message
                room = _room(client)
            for _ in range(room - len(flying)):
                if not (task := list(islice(remaining, TASK))):
                    break
                flying.append(client.submit(_work, task, job, pure=False))
            if not flying:
                return
            yield from _result(flying.popleft())
    finally:
        client.cancel(list(flying))


def _room(client: Any) -> int:  # noqa: ANN401
    """Tell how many tasks the cluster should have now; workers come and go."""
    threads: int = sum(client.nthreads().values())
    return AHEAD * max(threads, 1)


def _result(future: Any) -> list[Result]:  # noqa: ANN401
    from distributed import KilledWorker

    try:
        results: list[Result] = future.result()
    except KilledWorker as error:
        raise GspyError(
            f"these pictures ended every worker that tried them: {error}; see the "
            "workers' logs"
        ) from None
    except ImportError as error:
        raise GspyError(
            f"the workers lack a package ({error}); install gspy-cli {__version__} on "
            "them"
        ) from None
    except (CancelledError, OSError, TimeoutError) as error:
        raise GspyError(
            f"the cluster was lost ({reason(error)}); the same command "
            "goes on where it was"
        ) from None
    return results


def same_everywhere(model: str | None) -> str | None:
    """Give a model's name, or its path from the root, for workers elsewhere."""
    return str(Path(model).resolve()) if model and Path(model).exists() else model


def _work(samples: list[Sample], job: Job) -> list[Result]:
    """Classify some samples; this runs in one thread of a worker, on one core."""
    results = predict.classify(
        samples, _model(job), batch_size=job.batch_size, workers=1, readers=_readers()
    )
    return list(results)


@lru_cache(maxsize=1)
def _readers() -> Readers:
    """Give the reading processes of a worker, one a thread; they end with it."""
    from distributed import get_worker

    return Readers(get_worker().state.nthreads)


@lru_cache(maxsize=1)
def _model(job: Job) -> Model:
    if job.version != __version__:
        raise GspyError(f"a worker has gspy-cli {__version__}, this is {job.version}")
    model = load_model(job.model, device=job.device)
    if model.card.sha256 != job.checksum:
        raise GspyError(
            f"a worker's model {model.card.name} has another checksum than the one "
            "here; install the same model there"
        )
    return model
