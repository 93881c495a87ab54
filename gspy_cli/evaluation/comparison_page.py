"""The page that compares several subjects."""

from collections.abc import Iterator, Mapping, Sequence

from gspy_cli.evaluation.comparison import Contender
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.evaluation.fragments import figure, link, notes, paragraph, table
from gspy_cli.wording import counted

CONTENDERS = ["model", "parameters", "MB", "pictures right", "glitches right", "from"]
CONTENDERS += ["to", "macro-F1", "pictures/s", "only the first right"]
CONTENDERS += ["only this right", "McNemar's p"]


def contender_line(row: Contender) -> list[str | int | float | None]:
    """Give one line of the table that compares."""
    one = row.evaluation
    size = one.subject.size / 1e6 if one.subject.size else None
    glitches = one.glitch_scores
    return [
        *(one.subject.name, row.parameters, size, one.picture_scores.accuracy),
        *(glitches.accuracy, *glitches.interval, glitches.macro_f1),
        *(one.rate, row.only_first, row.only_this, row.p),
    ]


def comparison_sections(
    evaluations: Sequence[Evaluation],
    lines: Sequence[Sequence[str | int | float | None]],
    drawn: Mapping[str, bytes | None],
    names: Sequence[str],
) -> Iterator[str]:
    """Give the parts of the page that compares."""
    first = evaluations[0]
    yield paragraph(
        f"The same {counted(len(first.pictures), 'picture')} of "
        f"{counted(len(first.glitches), 'glitch')} ({first.selection.source}) for all. "
        "Intervals (95 %), F1 and McNemar's exact "
        f"test against {first.subject.name} are per glitch, windows fused.",
        "faint",
    )
    yield notes([f"{e.subject.name}: {note}" for e in evaluations for note in e.notes])
    yield table(CONTENDERS, lines, sortable=True)
    if content := drawn.get("parameters"):
        yield figure(content, "Accuracy per glitch against parameters.", width=700)
    if content := drawn.get("curves"):
        yield figure(content, "Validation loss and accuracy by epoch.", width=900)
    for name, evaluation in zip(names, evaluations, strict=True):
        yield link(f"{name}/index.html", f"the report of {evaluation.subject.name}")
