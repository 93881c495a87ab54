"""How far a command is: a bar on stderr, with its rate and the time left."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text


class Rate(ProgressColumn):
    """Shows how many are done a second since the first; rich's own speed jumps."""

    def render(self, task: Task) -> Text:
        """Write the rate, after a second."""
        done = task.completed - task.fields.get("before", 0)
        if not task.elapsed or task.elapsed < 1 or not done:
            return Text()
        rate = done / task.elapsed
        return Text(f"{rate:.{0 if rate >= 10 else 1}f}/s", "cyan")


class Count(MofNCompleteColumn):
    """Shows how many are done of how many, where anything is counted."""

    def render(self, task: Task) -> Text:
        """Write both numbers."""
        uncounted = task.total is None and not task.completed
        return Text() if uncounted else super().render(task)


class Clock(ProgressColumn):
    """Shows the time left, or how long it has been where nobody knows."""

    def render(self, task: Task) -> Text:
        """Write hours, minutes and seconds."""
        left = task.time_remaining
        if task.total is None:
            return Text(f"{timedelta(seconds=int(task.elapsed or 0))}", "cyan")
        return Text(
            "" if left is None else f"{timedelta(seconds=int(left))} left", "cyan"
        )


def progress_on(console: Console, *, hidden: bool = False) -> Progress:
    """Make what draws bars, the same for all commands; nothing off a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        Count(),
        Rate(),
        Clock(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what is printed goes above the bar
        disable=hidden or not console.is_terminal,
    )


@contextmanager
def stages(
    first: str, *, quiet: bool, console: Console | None = None
) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on stderr; give the function to call with what is done, and how far.

    A stage of another name begins at nothing again.
    """
    console = console or Console(stderr=True)
    with progress_on(console, hidden=quiet) as progress:
        task = progress.add_task(first, total=None)

        def show(what: str, done: int, total: int) -> None:
            if what != progress.tasks[0].description:
                progress.reset(task, description=what, total=total)
            progress.update(task, completed=done, total=total)

        yield show


@contextmanager
def bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show the bar of one stage; give the function to call with how far it is."""
    with stages(what, quiet=quiet) as show:
        yield partial(show, what)
