"""Several subjects on the same pictures: one table, and McNemar's test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.metrics import mcnemar
from gspy_cli.wording import counted


@dataclass(frozen=True, slots=True)
class Contender:
    """One line of a comparison: a subject beside the first one.

    `only_first` glitches were right with the first subject alone, `only_this` with
    this one alone; `p` is McNemar's, two-sided and exact. None for the first itself.
    """

    evaluation: Evaluation
    only_first: int | None = None
    only_this: int | None = None
    p: float | None = None

    @property
    def parameters(self) -> int | None:
        """The size of its network; None where that is not known."""
        card = self.evaluation.subject.card
        return card.parameters if card else None


def compare(evaluations: Sequence[Evaluation]) -> list[Contender]:
    """Compare the first subject with the others, on the same glitches in one order."""
    first, *others = evaluations
    return [Contender(first), *(_beside(first, other) for other in others)]


def _beside(first: Evaluation, other: Evaluation) -> Contender:
    right, theirs = first.glitches.right, other.glitches.right
    return Contender(
        other,
        only_first=int((right & ~theirs).sum()),
        only_this=int((~right & theirs).sum()),
        p=mcnemar(right, theirs),
    )


def on_common_ground(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Keep the pictures that every subject has an answer to.

    Raises
    ------
    GspyError
        There are none.
    """
    answered = [{e.path for e in one.pictures.examples} for one in evaluations]
    common = set.intersection(*answered)
    if not common:
        raise GspyError("no picture has an answer of every model: compare fewer")
    return [within(one, common) for one in evaluations]


def within(evaluation: Evaluation, paths: set[Path]) -> Evaluation:
    """Keep some of the pictures of an evaluation."""
    examples = evaluation.pictures.examples
    kept = [i for i, example in enumerate(examples) if example.path in paths]
    pictures = evaluation.pictures.take(kept)
    dropped = len(examples) - len(kept)
    note = f"{counted(dropped, 'picture')} left out: another model has no answer there"
    return replace(
        evaluation,
        pictures=pictures,
        glitches=pictures.fused(),
        notes=(*evaluation.notes, *([note] if dropped else [])),
    )
