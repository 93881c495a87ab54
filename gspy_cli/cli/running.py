"""A run of `gspy classify`: rows from an engine to the outputs, counted."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from gspy_cli.cli.countdown import countdown
from gspy_cli.wording import counted

if TYPE_CHECKING:
    from gspy_cli.cli.engine import Engine
    from gspy_cli.cli.output import Outputs
    from gspy_cli.glitches import Group
    from gspy_cli.results import Row


class RowTally:
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
            self.partial += isinstance(row, Glitch) and row.is_partial()
            yield row

    @property
    def total(self) -> int:
        """Count the rows of this run."""
        return self.classified + self.failed

    def summary(self, outputs: "Outputs") -> str:
        """Say in one line what this run did, and what an earlier one had done."""
        per_glitch = outputs.columns.per_glitch
        named = counted(self.classified, "glitch") if per_glitch else self.classified
        rate = self.total / max(time.monotonic() - self._started, 1e-9)
        said = f"{named} classified, {self.failed} failed, {rate:.0f}/s"
        if self.partial:
            said += f", {self.partial} with a failed view"
        if outputs.already:
            said += f"; {outputs.already} done before"
        if failed := outputs.already_failed:
            which = "with failures" if per_glitch else "failed"
            said += f"{',' if outputs.already else ';'} {failed} {which} before"
            said += "; --overwrite reads all anew"
        if outputs.left_out:
            said += f"; {outputs.left_out} more than the page takes"
        return said


def run(
    rounds: "Iterable[Iterable[Group]]",
    engine: "Engine",
    outputs: "Outputs",
    tally: RowTally,
    *,
    again: "Callable[[], Iterable[object] | None]",
    quiet: bool,
    live: bool,
) -> None:
    """Classify what the outputs lack, a round at a time, and write it.

    `again` gives the groups once more, to be counted, where they can be had twice.
    """
    from gspy_cli import glitches

    answer = glitches.fuse_views if outputs.columns.per_glitch else _only
    for groups in rounds:
        found = glitches.classify_groups(outputs.left(groups), engine.classify)
        rows = ((group, answer(results)) for group, results in found)
        with countdown(again, outputs.needless, quiet=quiet) as watched:
            outputs.write(rows, counted=tally.count, watched=watched, live=live)


def _only(results: "tuple[Row, ...]") -> "Row":
    (result,) = results
    return result
