"""What `gspy evaluate` shows on a terminal, drawn with rich."""

import math
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from gspy_cli.cli import tables
from gspy_cli.cli.console import Console
from gspy_cli.evaluation.comparison import Contender
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.evaluation.reference import Agreement
from gspy_cli.evaluation.scores import Scores, most_confused
from gspy_cli.wording import counted, printable

WEAKEST = 5


def show_notes(evaluations: Sequence[Evaluation]) -> None:
    """Print what a reader must know, on stderr."""
    console = Console(stderr=True)
    for evaluation in evaluations:
        whose = f"{evaluation.subject.name}: " if len(evaluations) > 1 else ""
        for note in evaluation.notes:
            said = printable(f"note: {whose}{note}")
            console.print(Text(said, "yellow"), soft_wrap=True)
        for failure in evaluation.failures[:WEAKEST]:
            reason = f"no answer: {failure.origin.path}: {failure.reason}"
            console.print(Text(printable(reason), "red"), soft_wrap=True)
        if len(evaluation.failures) > WEAKEST:
            rest = len(evaluation.failures) - WEAKEST
            console.print(Text(f"no answer: {rest} more", "red"))


def show_evaluation(evaluation: Evaluation) -> None:
    """Print the scores of one subject."""
    console = Console()
    console.print(Text(printable(head(evaluation)), "bold"), soft_wrap=True)
    tables.show(levels(evaluation))
    console.print(Text(weakest(evaluation)))
    pairs = most_confused(evaluation.pictures, WEAKEST)
    if pairs:
        told = ", ".join(f"{true} as {named} {n}" for true, named, n in pairs)
        console.print(Text(f"most confused, pictures: {told}"))
    suited = evaluation.calibration
    if suited:
        console.print(
            f"these answers suit a temperature of {suited.temperature:.2f} (1 is the "
            "model's own); calibration error at one fitted on other glitches "
            f"{suited.error_cross_fitted:.3f}"
        )
    if evaluation.agreement:
        show_agreement(console, evaluation.agreement)


def head(evaluation: Evaluation) -> str:
    """Say what was evaluated on what."""
    chosen = evaluation.selection
    split = "" if chosen.split == "all" else f", {chosen.split}"
    return f"{evaluation.subject.name} on {chosen.source}{split}"


def levels(evaluation: Evaluation) -> Table:
    """Lay out the scores per picture, window and glitch."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("number", "accuracy", "95 %", "macro-F1", "balanced", "top 2", "ECE"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("pictures", *cells(evaluation.picture_scores))
    for window, scores in evaluation.window_scores.items():
        table.add_row(f"  {window:g} s", *cells(scores))
    table.add_row("glitches", *cells(evaluation.glitch_scores))
    return table


def cells(scores: Scores) -> list[str]:
    """Write one line of scores."""
    return [
        str(scores.count),
        number(scores.accuracy),
        span(scores.interval),
        number(scores.macro_f1),
        number(scores.balanced_accuracy),
        number(scores.top_2_accuracy),
        number(scores.calibration_error),
    ]


def number(value: float) -> str:
    """Write a score; - where it is undefined."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def span(interval: tuple[float, float]) -> str:
    """Write an interval."""
    return f"{number(interval[0])}-{number(interval[1])}"


def weakest(evaluation: Evaluation) -> str:
    """Name the classes with the most glitches named wrong."""
    rows = sorted(evaluation.per_class, key=lambda r: r.glitches_right - r.glitches)
    wrong = [row for row in rows if row.glitches_right < row.glitches]
    if not wrong:
        return "every glitch is named right"
    told = ", ".join(
        f"{row.name} {row.glitches_right} of {row.glitches}" for row in wrong[:WEAKEST]
    )
    return f"weakest, glitches: {told}"


def show_agreement(console: Console, agreement: Agreement) -> None:
    """Print how far the answers agree with Gravity Spy's."""
    share = agreement.agree / agreement.glitches
    console.print(
        Text(
            f"Gravity Spy's own labels ({agreement.source}): {agreement.agree} of "
            f"{counted(agreement.glitches, 'glitch')} with the same label, {share:.3f} "
            f"({span(agreement.interval)}); "
            f"{counted(agreement.not_in_reference, 'glitch')} not in it. Right by the "
            f"data's labels: ours {agreement.ours_right}, theirs "
            f"{agreement.theirs_right}"
        )
    )
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("Gravity Spy says", overflow="fold")
    for name in ("glitches", "agree", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in agreement.classes:
        counts = str(row.glitches), str(row.agree), span(row.interval)
        table.add_row(Text(row.label), *counts)
    tables.show(table)


def show_comparison(rows: Sequence[Contender]) -> None:
    """Print subjects side by side."""
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold")
    for name in ("param.", "MB", "pictures", "glitches", "95 %", "F1", "pict/s", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        one = row.evaluation
        table.add_row(
            Text(printable(one.subject.name)),
            f"{row.parameters / 1e6:.1f} M" if row.parameters else "-",
            f"{one.subject.size / 1e6:.1f}" if one.subject.size else "-",
            number(one.picture_scores.accuracy),
            number(one.glitch_scores.accuracy),
            span(one.glitch_scores.interval),
            number(one.glitch_scores.macro_f1),
            f"{one.rate:.0f}" if one.rate else "-",
            "" if row.p is None else f"{row.p:.2g}",
        )
    tables.show(table)
    first = rows[0].evaluation
    Console().print(
        f"{counted(len(first.pictures), 'picture')} of "
        f"{counted(len(first.glitches), 'glitch')}; 95 %, "
        "F1 (macro) and p are per glitch; p: McNemar's exact test against "
        f"{printable(first.subject.name)}",
        style="dim",
        markup=False,
    )
