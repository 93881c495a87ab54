"""Which labelled pictures to evaluate on, and what a reader must know of them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.training.data import in_words_of, read_dataset
from gspy_cli.training.examples import (
    SPLITS,
    Example,
    fingerprint,
    identical,
    names_of,
)
from gspy_cli.training.splits import glitch_labels
from gspy_cli.wording import counted, first_few

UNKNOWN = "whether the model has trained on these pictures is not known"


@dataclass(frozen=True, slots=True)
class Selection:
    """Labelled pictures of one split; `notes` are warnings, one line each."""

    source: Path
    split: str
    examples: tuple[Example, ...]
    notes: tuple[str, ...]


def select(
    source: Path,
    classes: Sequence[str],
    *,
    every: Collection[str] = (),
    split: str | None = None,
    window: float | None = None,
) -> Selection:
    """Read the pictures of a split whose labels are among a model's classes.

    Where several models are compared, `classes` are those that all of them know and
    `every` those that any does: none of these is read as an alias of another.
    Without `split`, it is test where the data have one, else validation, else all.
    `window` in seconds keeps only its pictures of that length.
    """
    notes: list[str] = []
    found = read_dataset(source, own_classes=True, on_note=notes.append).examples
    labelled = in_words_of(found, every or classes)
    chosen = choose_split(labelled, split, source)
    inside = [
        e for e in labelled if chosen in ("all", e.split) and window in (None, e.window)
    ]
    if not inside:
        where = source if chosen == "all" else f"the {chosen} split of {source}"
        raise GspyError(f"no {window} s pictures in {where}: leave --window out")
    known = tuple(e for e in inside if e.label in classes)
    who = "not every model knows" if every else "the model does not know"
    if not known:
        labels = ", ".join(sorted({e.label for e in inside}))
        raise GspyError(
            f"{source} has only labels that {who} ({labels}): "
            f"give data with {first_few(classes)}"
        )
    glitches = Counter(glitch_labels(known).values())
    notes += notes_of_labels(inside, glitches, classes, who)
    notes += notes_of_copies(known, labelled)
    return Selection(source, chosen, known, tuple(notes))


def choose_split(examples: Sequence[Example], split: str | None, source: Path) -> str:
    """Choose the split to evaluate on."""
    splits = sorted({e.split for e in examples if e.split})
    if split is not None:
        name = SPLITS.get(split.lower(), split)
        if name == "all" or name in splits:
            return name
        if not splits:
            raise GspyError(f"{source} has no splits; leave --split out")
        there = ", ".join(splits)
        raise GspyError(f"{source} has no split '{split}'; give {there} or all")
    return next((s for s in ("test", "validation") if s in splits), "all")


def notes_of_labels(
    inside: Sequence[Example],
    glitches: Counter[str],
    classes: Sequence[str],
    who: str,
) -> Iterator[str]:
    """Tell of labels that are left out, and of classes with few glitches.

    `who` says who does not know them.
    """
    foreign = Counter(e.label for e in inside if e.label not in classes)
    if foreign:
        counts = [f"{name} ({count})" for name, count in sorted(foreign.items())]
        yield (
            f"{counted(foreign.total(), 'picture')} left out, with labels that "
            f"{who}: {first_few(counts)}"
        )
    if absent := [name for name in classes if not glitches[name]]:
        yield f"no examples, so no recall and no F1: {', '.join(absent)}"
    if single := sorted(name for name, count in glitches.items() if count == 1):
        yield f"one glitch only, so scores of 0 or 1: {', '.join(single)}"


def notes_of_copies(
    known: Sequence[Example], every: Sequence[Example]
) -> Iterator[str]:
    """Tell of glitches in several splits, and of files that are copies."""
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for example in every:
        splits[example.glitch].add(example.split)
    if shared := sorted({e.glitch for e in known if len(splits[e.glitch]) > 1}):
        yield (
            f"{counted(len(shared), 'glitch')} in several splits, so scores are "
            f"too good: {first_few(shared)}"
        )
    copies = [group for group in identical(every) if not set(group).isdisjoint(known)]
    if copies:
        pairs = [first_few([e.path.name for e in group], " = ") for group in copies]
        number = counted(len(copies), "picture")
        yield f"{number} there more than once: {first_few(pairs)}"


def seen_in_training(card: ModelCard, examples: Iterable[Example]) -> list[Example]:
    """List the examples whose glitches a model has seen in training."""
    seen = set(card.trained_on.split())
    return [e for e in examples if any(fingerprint(n) in seen for n in names_of(e))]


def note_of_training(card: ModelCard | None, selection: Selection) -> list[str]:
    """Say whether a model has trained on what it is evaluated on."""
    seen = seen_in_training(card, selection.examples) if card else []
    if not seen:
        known = card and card.trained_on and "?" not in card.trained_on.split()
        return [] if known else [UNKNOWN]
    what = of_these(len(seen), len(selection.examples)).upper()
    names = first_few(sorted({Path(e.glitch).name for e in seen}))
    return [
        f"THE MODEL HAS TRAINED ON {what}, so its scores there say nothing about "
        f"others: {names}"
    ]


def note_of_choice(chosen_by: Set[str], selection: Selection) -> list[str]:
    """Say whether a run's best epoch was chosen on what it is evaluated on.

    `chosen_by` are the names of its validation glitches.
    """
    own = [e for e in selection.examples if not chosen_by.isdisjoint(names_of(e))]
    if not own:
        return []
    what = of_these(len(own), len(selection.examples))
    return [f"the best epoch was chosen on the validation split, {what}: expect less"]


def of_these(part: int, total: int) -> str:
    """Say how many of the pictures, at least one."""
    if total == 1:
        return "this picture"
    return f"{'all' if part == total else part} of these {total} pictures"
