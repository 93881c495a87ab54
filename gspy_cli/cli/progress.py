"""How far a command is: a bar on stderr, with its rate and the time left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.segment import Segment
from rich.table import Column
from rich.text import Text

from gspy_cli import callbacks
from gspy_cli.cli.console import Console
from gspy_cli.wording import printable


class What(ProgressColumn):
    """Shows what is being done, cut where the screen is narrow."""

    def render(self, task: Task) -> Text:
        """Write it in one line."""
        return Text(printable(task.description), no_wrap=True, overflow="ellipsis")


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


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is drawn, with room left for the ^C of who stops it: that never wraps."""

    drawn: RenderableType

    def __rich_console__(
        self, console: RichConsole, options: ConsoleOptions
    ) -> Iterator[Segment]:
        """Draw it two columns narrower than the screen."""
        narrower = options.update_width(options.max_width - len("^C"))
        yield from console.render(self.drawn, narrower)


class Bars(Progress):
    """Draws bars that are never as wide as the screen."""

    def get_renderables(self) -> Iterator[RenderableType]:
        """Give what is drawn."""
        yield from map(Narrowed, super().get_renderables())


class TimeLeft(ProgressColumn):
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
    whole = Column(no_wrap=True)
    return Bars(
        What(),
        BarColumn(),
        Count(table_column=whole),
        Rate(whole),
        TimeLeft(whole),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what is printed goes above the bar
        disable=hidden or not console.is_terminal or console.is_dumb_terminal,
    )


@contextmanager
def stages(
    first: str, *, quiet: bool, console: Console | None = None
) -> Iterator[callbacks.Stages]:
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
def bar(what: str, *, quiet: bool) -> Iterator[callbacks.Progress]:
    """Show the bar of one stage; give the function to call with how far it is."""
    with stages(what, quiet=quiet) as show:
        yield partial(show, what)
