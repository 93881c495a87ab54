"""`gspy evaluate`: how good models are, in numbers and pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gspy_cli import registry
from gspy_cli.cli.hints import after_evaluate, hint
from gspy_cli.cli.interruption import leaving
from gspy_cli.cli.options import (
    BatchOption,
    DeviceOption,
    QuietOption,
    need,
    refuse_file,
)
from gspy_cli.errors import GspyError
from gspy_cli.home import user_path
from gspy_cli.whole import writing

if TYPE_CHECKING:
    from gspy_cli.evaluation.evaluation import Evaluation
    from gspy_cli.evaluation.selection import Selection
    from gspy_cli.evaluation.subjects import Subject


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL|RUN|TABLE...",
            help="A model, a training run, or a CSV of gspy classify.",
        ),
    ],
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|CSV",
            help="Labelled pictures, as for gspy train; default: the run's own.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="test, validation, train or all; default: test, else validation, "
            "else all.",
        ),
    ] = None,
    window: Annotated[
        float | None, typer.Option(metavar="S", help="Only pictures of this length.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write a report and tables here."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Gravity Spy's labels, to compare with."),
    ] = None,
    device: DeviceOption = "auto",
    batch_size: BatchOption = 16,
    quiet: QuietOption = False,
) -> None:
    """Score models on labelled pictures, and compare several.

    Gives accuracy with its 95 % interval, F1, calibration and confusions, per picture,
    per window and per glitch with its windows fused. Several models are compared with
    the first by McNemar's test. Exit code 1: some pictures could not be read.

    Example: gspy evaluate efficientnet_lite0 --data figures/ -o report/
    """
    if output is not None:
        need("matplotlib", extra="report", what="a report")
        installed = {folder.path.name for folder in registry.installed()}
        paths = [user_path(text) for text in models if text not in installed]
        _check(output, [*paths, *filter(None, [data, reference])])
    from gspy_cli.cli import evaluation_screen as screen
    from gspy_cli.cli.progress import bar
    from gspy_cli.evaluation.comparison import compare
    from gspy_cli.evaluation.evaluation import selection_for
    from gspy_cli.evaluation.reference import compare_with_reference
    from gspy_cli.evaluation.subjects import find_subjects

    with leaving("nothing is written yet"):
        subjects = find_subjects(models, device=device)
        chosen = selection_for(subjects, data, split=split, window=window)
        done = _scored(subjects, chosen, batch_size, quiet=quiet)
        if reference:
            done = [
                replace(e, agreement=compare_with_reference(e.glitches, reference))
                for e in done
            ]
    if output is not None:
        from gspy_cli.evaluation.figures import note_of_letters

        letters = note_of_letters(n for s in subjects for n in (s.name, *s.classes))
        done[0] = replace(done[0], notes=(*done[0].notes, *letters))
    if not quiet:
        screen.show_notes(done)
    if len(done) == 1:
        screen.show_evaluation(done[0])
    else:
        screen.show_comparison(compare(done))
    page = None
    if output is not None:
        from gspy_cli.evaluation.report import write_reports

        with bar("writing the report", quiet=quiet):
            page = write_reports(output, done)
        typer.echo(f"report: {page}", err=True)
    hint(after_evaluate(models, page), quiet=quiet)
    if any(evaluation.failures for evaluation in done):
        raise typer.Exit(1)


def _scored(
    subjects: "Sequence[Subject]", chosen: "Selection", batch_size: int, *, quiet: bool
) -> "list[Evaluation]":
    """Score each subject, on the pictures that all of them answer."""
    from gspy_cli.cli.progress import bar
    from gspy_cli.evaluation.comparison import on_common_ground
    from gspy_cli.evaluation.evaluation import evaluate

    done = []
    for subject in subjects:
        with bar(f"evaluating {subject.name}", quiet=quiet) as progress:
            done.append(
                evaluate(subject, chosen, batch_size=batch_size, progress=progress)
            )
    return on_common_ground(done)


def _check(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse a folder where a report would write over what is read, or over a page."""
    from gspy_cli.evaluation.fragments import is_ours, reports_below

    refuse_file(output)
    if not output.exists():
        return
    page = output / "index.html"
    with writing(output):
        below = [output / name for name in reports_below(page)]
        folders = [output, *(folder for folder in below if folder.is_dir())]
        files = [p for folder in folders for p in folder.iterdir() if p.is_file()]
        places = [*folders, *files]
        for path in inputs:
            if path.exists() and any(map(path.samefile, places)):
                raise GspyError(f"-o {output}: {path} is read there; name another")
        if page in places and not is_ours(page):
            raise GspyError(f"{page} is no report of gspy; name another output")
