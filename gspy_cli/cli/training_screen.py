"""What a person sees of a training: a bar and a line an epoch, the scores."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gspy_cli.callbacks import Stages
from gspy_cli.cli.console import Console
from gspy_cli.cli.hints import hint
from gspy_cli.cli.progress import stages
from gspy_cli.training.architectures import parameter_count
from gspy_cli.training.distributed import world_of_torchrun
from gspy_cli.training.reports import Reports
from gspy_cli.training.splits import glitch_labels
from gspy_cli.wording import command, counted

if TYPE_CHECKING:
    from torch import nn

    from gspy_cli.training.hardware import Machine
    from gspy_cli.training.run import Run
    from gspy_cli.training.search import Search

HEADING = " " * 28 + "loss  acc." + " " * 14 + "loss  acc."


@contextmanager
def reports(*, quiet: bool, one: bool) -> Iterator[Reports]:
    """Show a run's progress on stderr; quietly, give reports that do nothing.

    After Ctrl-C, say how to go on: with the `one` run, or with the folder of folds or
    of a search that it is in.
    """
    if quiet:
        yield Reports()
        return
    console = Console(stderr=True, highlight=False)
    with stages("reading pictures", quiet=False, console=console) as show:
        screen = Screen(console, show)
        try:
            yield Reports(
                on_decode=partial(show, "reading pictures"),
                on_start=screen.started,
                on_note=screen.noted,
                on_batch=screen.stepped,
                on_epoch=screen.finished,
            )
        except KeyboardInterrupt:
            screen.interrupted(one=one)
            raise


class Screen:
    """Draws the reports of one run."""

    def __init__(self, console: Console, show: Stages) -> None:
        self._console, self._show = console, show
        self._epoch = 1
        self._run: Run | None = None

    def stepped(self, done: int, total: int) -> None:
        """Show how far an epoch is."""
        self._show(f"epoch {self._epoch}", done, total)

    def started(self, run: "Run", model: "nn.Module", machine: "Machine") -> None:
        """Say what is about to train."""
        self._run, self._epoch = run, len(run.history) + 1
        precision = str(machine.autocast or "float32").removeprefix("torch.")
        millions = parameter_count(model) / 1e6
        train, held_out = (len(run.dataset.part(p)) for p in ("train", "validation"))
        self._say(
            f"{run.path}: {run.config.architecture}, {millions:.2f} M parameters, "
            f"{counted(train, 'picture')} to train on, {held_out} to validate, "
            f"{machine.device} {precision}"
        )
        self._warn_of_lone_glitches(run)
        self._say(HEADING)

    def _warn_of_lone_glitches(self, run: "Run") -> None:
        counts = Counter(glitch_labels(run.dataset.examples).values())
        if lone := sorted(label for label, number in counts.items() if number == 1):
            names = ", ".join(lone)
            self._say(f"note: one glitch only, too few to learn and to judge: {names}")

    def noted(self, note: str) -> None:
        """Say a warning."""
        self._say(f"note: {note}")

    def finished(self, run: "Run") -> None:
        """Sum an epoch up in one line."""
        row = run.history[-1]
        rate = row.pictures_per_second
        self._epoch = len(run.history) + 1
        self._say(
            f"epoch {row.epoch:3} {row.phase:11} "
            f"train {_number(row.train_loss)} {_number(row.train_accuracy)}  "
            f"validation {_number(row.validation_loss)} "
            f"{_number(row.validation_accuracy)}  "
            f"{rate:.{0 if rate >= 10 else 1}f} pictures/s"
        )

    def interrupted(self, *, one: bool) -> None:
        """Say how to go on with what has begun."""
        if self._run is not None:
            path = self._run.path if one else self._run.path.parent
            self._say(f"next: {command('gspy', 'train', '--resume', path)}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


def _number(value: float) -> str:
    """Write a score; a dash where an epoch has none."""
    return "  -  " if math.isnan(value) else f"{value:.3f}"


def show_comparison(found: "Search", *, quiet: bool) -> None:
    """Print the table of the recipes compared, and the command that comes next."""
    typer.echo((found.path / "comparison.csv").read_text(encoding="utf-8"))
    for name in found.diverged:
        typer.echo(f"{name}: the loss was no longer a number", err=True)
    best = found.runs[0].path
    hint(command("gspy", "export", best, "-o", "model.onnx"), quiet=quiet)


def show_scores(folder: Path, *, quiet: bool) -> None:
    """Print what networks that had not seen a glitch made of it, and what is next."""
    path = folder / "scores.json"
    scores = json.loads(path.read_text(encoding="utf-8"))
    glitches = counted(scores["glitches"], "glitch")
    pictures = counted(scores["pictures"], "picture")
    typer.echo(
        f"{glitches}, views fused: accuracy {scores['fold_accuracy_per_glitch']:.3f}, "
        f"mean over classes {scores['fold_balanced_accuracy_per_glitch']:.3f}"
    )
    typer.echo(
        f"{pictures}: accuracy {scores['fold_accuracy_per_picture']:.3f}, calibration "
        f"error {scores['calibration_error_tempered']:.3f} at temperature "
        f"{scores['temperature']:.2f}"
    )
    typer.echo(f"class by class: {path}")
    hint(command("gspy", "evaluate", folder, "-o", "report/"), quiet=quiet)


def show_end(run: "Run", *, quiet: bool) -> None:
    """Print the best epoch, and the command that comes next."""
    if not world_of_torchrun().is_writer:
        return
    best = run.best
    if not math.isnan(best.validation_accuracy):
        typer.echo(
            f"best epoch {best.epoch}: validation accuracy "
            f"{best.validation_accuracy:.3f}, macro-F1 {best.validation_macro_f1:.3f}"
        )
    follow = (
        command("gspy", "evaluate", run.path, "-o", "report/")
        if run.dataset.part("test")
        else command("gspy", "export", run.path, "-o", "model.onnx")
    )
    hint(follow, quiet=quiet)
