"""A run of `gspy classify`: rows from an engine to the outputs, counted."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import typer

from gspy_cli.cli import strain
from gspy_cli.cli.countdown import countdown
from gspy_cli.cli.options import need
from gspy_cli.cli.strain import Events
from gspy_cli.wording import counted

if TYPE_CHECKING:
    from gspy_cli.card import ModelCard
    from gspy_cli.cli.output import Outputs
    from gspy_cli.glitches import Classify, Group
    from gspy_cli.model import Model
    from gspy_cli.readers import Readers
    from gspy_cli.results import Row


@dataclass(frozen=True, slots=True)
class Engine:
    """What classifies samples, by which model and where."""

    card: "ModelCard"
    classify: "Classify"
    where: str
    model: "Model | None" = None  # where it is loaded in this process


def local_engine(
    loading: "Callable[[], Model]",
    events: Events,
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
def cluster_engine(
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


class Tally:
    """Counts rows as they pass."""

    def __init__(self) -> None:
        self.classified = self.failed = self.partial = 0
        self._started = time.monotonic()

    def count(self, rows: "Iterable[Row]") -> "Iterator[Row]":
        """Pass rows on, counted."""
        from gspy_cli.results import Failure, Glitch, answer_of

        for row in rows:
            failed = isinstance(answer_of(row), Failure)
            self.failed += failed
            self.classified += not failed
            self.partial += not failed and isinstance(row, Glitch) and row.is_partial()
            yield row

    @property
    def total(self) -> int:
        """Count the rows of this run."""
        return self.classified + self.failed

    def summary(self, outputs: "Outputs") -> str:
        """Say in one line what this run did, and what an earlier one had done."""
        rate = self.total / max(time.monotonic() - self._started, 1e-9)
        glitches = counted(self.classified, "glitch")
        named = glitches if outputs.columns.per_glitch else self.classified
        counts = f"{named} classified, {self.failed} failed, {rate:.0f}/s"
        views = f", {self.partial} with a failed view" if self.partial else ""
        before = f"; {outputs.already} done before" if outputs.already else ""
        full = f"; {outputs.left_out} more than the page takes"
        failed = outputs.already_failed
        which = "with failures" if outputs.columns.per_glitch else "failed"
        mark = "," if before else ";"
        again = f"{mark} {failed} {which} before; --overwrite reads all anew"
        before += again if failed else ""
        return f"{counts}{views}{before}{full if outputs.left_out else ''}"


def run(
    groups: "Iterable[Group]",
    engine: Engine,
    outputs: "Outputs",
    tally: Tally,
    *,
    again: "Callable[[], Iterable[object] | None]",
    quiet: bool,
    live: bool,
) -> None:
    """Classify what the outputs lack, and write it.

    `again` gives the groups once more, to be counted, where they can be had twice.
    """
    from gspy_cli import glitches

    found = glitches.classify_groups(outputs.left(groups), engine.classify)
    answer = glitches.fuse_views if outputs.columns.per_glitch else _only
    rows = ((group, answer(results)) for group, results in found)
    with countdown(again, outputs.needless, quiet=quiet) as watched:
        outputs.write(rows, counted=tally.count, watched=watched, live=live)


def _only(results: "tuple[Row, ...]") -> "Row":
    (result,) = results
    return result
