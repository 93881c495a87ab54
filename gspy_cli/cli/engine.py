"""What classifies: a model in this process, or on the workers of a cluster."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gspy_cli.cli import strain
from gspy_cli.cli.options import need
from gspy_cli.home import user_path
from gspy_cli.model_folder import WEIGHTS, ModelFolder

if TYPE_CHECKING:
    from gspy_cli.card import ModelCard
    from gspy_cli.cli.inputs import Given
    from gspy_cli.cli.strain import Events
    from gspy_cli.glitches import Classify
    from gspy_cli.model import Model
    from gspy_cli.readers import Readers


@dataclass(frozen=True, slots=True)
class Engine:
    """What classifies samples, by which model and where."""

    card: "ModelCard"
    classify: "Classify"
    where: str
    model: "Model | None" = None  # where it is loaded in this process


@dataclass(frozen=True, slots=True)
class Begun:
    """An engine that is made ready meanwhile; `ready` waits for it."""

    ready: Callable[[], Engine]
    reads_here: bool  # and not on a cluster, or in processes from the start


@contextmanager
def begin_engine(
    given: "Given",
    *,
    model: str | None,
    device: str,
    batch_size: int,
    workers: int | None,
    cluster: str | None,
    least: int,
) -> Iterator[Begun]:
    """Begin to make ready what classifies; it ends with the run.

    `least` processes read pictures, even where there are only a few.
    """
    with ExitStack() as stack:
        if cluster:
            engine = _cluster_engine(cluster, model, device, batch_size)
            yield Begun(lambda: stack.enter_context(engine), reads_here=False)
            return
        readers = given.begin_reading(workers, least=least)
        stack.enter_context(closing(readers) if readers else nullcontext())
        loading = _begin_loading(model, device=device)
        ready = partial(
            _local_engine, loading, given.events, batch_size, workers, readers
        )
        yield Begun(ready, reads_here=not (readers and readers.count))


def _begin_loading(name: str | None, *, device: str) -> "Callable[[], Model]":
    """Begin to load what `--model` names: of the registry, a file, or a training run.

    The function returned waits for it. A run that is not exported is scored by torch.
    """
    path = user_path(name or "")
    if path.suffix == ".safetensors" or _is_unexported_run(path):
        from gspy_cli.evaluation.subjects import load_run

        ready = load_run(path, device=device)
        return lambda: ready
    from gspy_cli import model

    return model.begin_loading(name, device=device)


def _is_unexported_run(path: Path) -> bool:
    """Tell a training run without an export of its weights from everything else."""
    inside = (path / "config.json").is_file() and (path / WEIGHTS).is_file()
    return inside and not ModelFolder(path).is_exported()


def _local_engine(
    loading: "Callable[[], Model]",
    events: "Events",
    batch_size: int,
    workers: int | None,
    readers: "Readers | None",
) -> Engine:
    """Classify in this process; pictures by default on all cores.

    `loading` waits for the model. `readers` are begun where there will be many.
    """
    from gspy_cli import predict

    model = loading()
    classify: Classify = (
        partial(
            strain.classify, model=model, batch_size=batch_size, shifts=events.shifts
        )
        if events
        else partial(
            predict.classify,
            model=model,
            batch_size=batch_size,
            workers=workers,
            readers=readers,
        )
    )
    return Engine(model.card, classify, model.device, model)


@contextmanager
def _cluster_engine(
    address: str, model: str | None, device: str, batch_size: int
) -> Iterator[Engine]:
    """Make a Dask cluster ready; its workers load the model themselves."""
    need("distributed", extra="cluster", what="--cluster")
    from gspy_cli import cluster
    from gspy_cli.model import find_card

    card = find_card(model)
    job = cluster.Job(cluster.same_everywhere(model), card.sha256, device, batch_size)
    with cluster.connect(address) as client:
        if not client.nthreads():
            typer.echo(f"gspy: {address} has no workers yet; waiting", err=True)
        yield Engine(card, partial(cluster.classify, client=client, job=job), address)
