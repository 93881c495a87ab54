"""What can be evaluated: a model, a run, a search, or a table of answers."""

import csv
import importlib.util
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gspy_cli import registry
from gspy_cli.callbacks import Progress
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.evaluation import answer_tables
from gspy_cli.evaluation.judgement import Judgement, judge
from gspy_cli.home import user_path
from gspy_cli.model import Model, find_card, load_model
from gspy_cli.model_folder import WEIGHTS, ModelFolder, weights_path
from gspy_cli.training.examples import Example, names_of
from gspy_cli.training.history import EpochRow, note_of_stop, read_history

OTHER_TABLES = (".gz", ".jsonl", ".parquet")
Judge = Callable[[Sequence[Example], int, Progress], Judgement]


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that names pictures.

    `judge` takes examples, a batch size and what to call with the progress. `size` is
    the file's, in bytes. `data` are labelled pictures of its own. `chosen_by` are the
    names of glitches that its epoch was chosen by. `held_out` says that each answer is
    from a network that has not seen the glitch. `notes` are warnings.
    """

    name: str
    classes: tuple[str, ...]
    judge: Judge
    card: ModelCard | None = None
    size: int | None = None
    data: Path | None = None
    histories: Mapping[str, tuple[EpochRow, ...]] = field(default_factory=dict)
    chosen_by: Set[str] = frozenset()
    held_out: bool = False
    notes: tuple[str, ...] = ()


def find_subjects(texts: Sequence[str], *, device: str) -> list[Subject]:
    """Make ready what the user names; no two keep the same name.

    Raises
    ------
    GspyError
        There is no such model, run or table, or it is damaged.
    """
    found = [s for text in texts for s in subjects_of(text, device)]
    names = [subject.name for subject in found]
    return [
        replace(s, name=f"{s.name}-{i + 1}") if names.count(s.name) > 1 else s
        for i, s in enumerate(found)
    ]


def subjects_of(text: str, device: str) -> list[Subject]:
    """Tell what a text names: a search is all its runs that have weights."""
    path = user_path(text)
    if path.suffix.lower() == ".csv":
        return [of_table(path)]
    if (path / "predictions.csv").is_file() and (path / "scores.json").is_file():
        return [of_folds(path)]
    if (path / "comparison.csv").is_file():
        runs = sorted(p.parent for p in path.glob(f"*/{WEIGHTS}"))
        if not runs:
            raise GspyError(
                f"{text} holds a comparison but no runs: give the models, or "
                "the predictions.csv of each"
            )
        return [subject for run in runs for subject in subjects_of(str(run), device)]
    if is_run(path):
        return [of_run(path, device)]
    if path.is_file() and path.suffix.lower() in OTHER_TABLES:
        raise GspyError(
            f"{text} is no .csv of gspy classify, which is what is read here; give its "
            "-o a .csv too"
        )
    return [of_model(text, device)]


def is_run(path: Path) -> bool:
    """Tell a run's folder, or a checkpoint, from a model."""
    return path.suffix == ".safetensors" or (path / "config.json").is_file()


def of_model(text: str, device: str) -> Subject:
    """Take a model of the registry, or an ONNX file."""
    return judged_by(load_model(text, device=device), registry.find(text))


def judged_by(model: Model, path: Path) -> Subject:
    """Take a model that is ready; `path` is its file."""

    def answer(examples: Sequence[Example], batch: int, report: Progress) -> Judgement:
        return judge(model, examples, batch_size=batch, progress=report)

    card = model.card
    return Subject(card.name, card.classes, answer, card, path.stat().st_size)


def of_run(path: Path, device: str) -> Subject:
    """Take a training run: its exported graph, or else its weights through torch."""
    if ModelFolder(path).is_exported():
        subject = of_model(str(path), device)
    else:
        weights = weights_path(path)
        subject = judged_by(load_run(path, device=device), weights)
    if path.name == "last.safetensors":
        return replace(subject, name=path.stem)
    if path.is_file():
        chosen_by = validated_on(path.with_name("split.csv"))
        return replace(subject, name=path.stem, chosen_by=chosen_by)
    return replace(
        subject,
        name=path.name,
        data=path / "split.csv",
        chosen_by=validated_on(path / "split.csv"),
        histories={path.name: read_history(path / "results.csv")},
        notes=tuple(filter(None, [note_of_stop(path)])),
    )


def validated_on(table: Path) -> Set[str]:
    """Give the names of a run's validation glitches; none where its table is gone."""
    if not table.is_file():
        return frozenset()
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as lines:
        examples = [
            Example(Path(row["file"]), row["label"], row["glitch"])
            for row in csv.DictReader(lines)
            if row.get("split") == "validation"
            and None not in (row.get(name) for name in ("file", "label", "glitch"))
        ]
    return {name for example in examples for name in names_of(example)}


def load_run(path: Path, *, device: str) -> Model:
    """Make a run's weights ready; that needs torch.

    Raises
    ------
    GspyError
        torch is not installed, or the weights are not there or damaged.
    """
    if importlib.util.find_spec("torch") is None:
        raise GspyError(
            f"{path} is a training run and needs torch: pip install 'gspy-cli[train]', "
            "or export it where torch is (gspy export) and give the .onnx"
        )
    from gspy_cli.training import scoring

    return scoring.load_run(path, device=device)


def of_folds(path: Path) -> Subject:
    """Take the held-out answers of `gspy train --folds`."""
    subject = of_table(path / "predictions.csv")
    runs = sorted(p.parent for p in path.glob("fold-*/results.csv"))
    return replace(
        subject,
        name=path.name,
        card=seen_by_all([ModelFolder(run).card() for run in runs]),
        histories={run.name: read_history(run / "results.csv") for run in runs},
        held_out=True,
    )


def seen_by_all(cards: Sequence[ModelCard]) -> ModelCard | None:
    """Give one card for networks that had each its own glitches held out.

    What all have seen was in the weights that they began with.
    """
    if not cards:
        return None
    seen = set.intersection(*(set(card.trained_on.split()) for card in cards))
    return replace(cards[0], trained_on=" ".join(sorted(seen)) or "-")


def of_table(path: Path) -> Subject:
    """Take a table of answers."""
    table = answer_tables.read_answers(path)

    def answer(examples: Sequence[Example], batch: int, report: Progress) -> Judgement:
        return answer_tables.answers_of(table, examples)

    card = None
    with suppress(GspyError):  # it need not be here
        card = find_card(table.model_name) if table.model_name else None
    data = path if table.has_labels else None
    notes = (answer_tables.FUSED,) if table.per_glitch else ()
    return Subject(path.stem, table.classes, answer, card, data=data, notes=notes)
