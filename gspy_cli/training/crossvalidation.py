"""Score a recipe on data too few to set some aside: k-fold over glitches.

Each glitch is judged once, by a network that has seen none of its pictures.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.metrics import calibration_error, fit_temperature, tempered
from gspy_cli.training.cache import open_pixels
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.data import Dataset, Example
from gspy_cli.training.distributed import ALONE
from gspy_cli.training.export import Deployed, read_network
from gspy_cli.training.fit import Reports, epochs_left
from gspy_cli.training.hardware import find_machine
from gspy_cli.training.run import (
    Run,
    image_size,
    new_directory,
    read_run,
    write_plan,
    write_table,
    write_text,
)
from gspy_cli.training.splits import check_classes, folds
from gspy_cli.training.train import SILENT, check_enough, completed, dataset_of, resume
from gspy_cli.views import fuse

BATCH = 32


@dataclass(frozen=True, slots=True)
class Judged:
    """A picture and the probabilities (K,) that a network gave it."""

    example: Example
    probabilities: NDArray[np.float32]


def cross_validate(config: TrainConfig, k: int, *, reports: Reports) -> Path:
    """Train k networks, judge each on its held-out glitches; give the folder.

    The folder holds the k runs, `predictions.csv` and `scores.json`. The last
    epoch's weights are judged, so that nothing is chosen by what is held out.
    """
    if config.recipe.patience:
        raise GspyError(
            "--folds judges each network after its last epoch, chosen by nothing that "
            "is held out: leave --patience out"
        )
    config = completed(config)
    dataset = dataset_of(config)
    check_classes(dataset)
    glitches = len({example.glitch for example in dataset.examples})
    if not 2 <= k <= glitches:
        raise GspyError(f"--folds {k}: give 2 to {glitches}, the number of glitches")
    find_machine(config.device, config.amp, ALONE)
    fold = folds(dataset.examples, k, config.seed)
    for number in range(k):
        check_enough(hold_out(dataset, fold == number), config, ALONE)
    folder = new_directory(config.output, f"{config.name or config.architecture}-folds")
    planned = replace(config, output=folder, name="fold")
    for number in range(k):
        part = hold_out(dataset, fold == number)
        write_plan(Run(new_directory(folder, "fold"), planned, part))
    return resume_folds(folder, reports=reports)


def hold_out(dataset: Dataset, chosen: NDArray[np.bool_]) -> Dataset:
    """Put the chosen examples, shape (N,), into validation, the others into train."""
    examples = (
        replace(example, split="validation" if own else "train")
        for example, own in zip(dataset.examples, chosen, strict=True)
    )
    return Dataset(tuple(examples), dataset.classes)


def is_cross_validation(folder: Path) -> bool:
    """Tell a folder of folds from a run's."""
    return not (folder / "config.json").exists() and bool(_folds(folder))


def resume_folds(
    folder: Path, *, data: Path | None = None, reports: Reports = SILENT
) -> Path:
    """Train what is left of each fold, and judge all; give the folder.

    `data` only checks that another source has the same classes.

    Raises
    ------
    GspyError
        All folds are scored already, or were never planned to the end.
    """
    if (folder / "scores.json").exists():
        raise GspyError(f"{folder} is finished: its scores are in scores.json")
    runs = [read_run(path) for path in _folds(folder)]
    planned = sum(len(run.dataset.part("validation")) for run in runs)
    if planned < len(runs[0].dataset.examples):
        raise GspyError(f"{folder} was stopped before it was planned: start anew")
    judged: list[Judged] = []
    for run in runs:
        if epochs_left(run):
            resume(run.path, data=data, reports=reports)
        judged += judge_run(run, run.dataset.part("validation"))
    write_predictions(folder / "predictions.csv", judged, runs[0].dataset.classes)
    scores = scores_of(judged, runs[0].dataset.classes)
    write_text(folder / "scores.json", json.dumps(scores, indent=1))
    return folder


def _folds(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("fold-*/config.json"))


def judge_run(run: Run, examples: Sequence[Example]) -> list[Judged]:
    """Let a finished run's last network judge pictures, but for unreadable ones.

    The run's temperature is left out: it was fitted on what is held out.
    """
    network, card = read_network(run.path / "last.safetensors")
    deployed = Deployed(network, replace(card, temperature=1.0))
    pixels, unreadable = open_pixels(
        [example.path for example in examples],
        size=image_size(run.config),
        folder=run.config.cache,
    )
    kept = [e for i, e in enumerate(examples) if i not in unreadable]
    judged = []
    for start in range(0, len(kept), BATCH):
        rows = range(start, min(start + BATCH, len(kept)))
        with torch.no_grad():
            scores = deployed(torch.from_numpy(pixels.rows(rows)))[0].numpy()
        judged += [Judged(kept[i], p) for i, p in zip(rows, scores, strict=True)]
    return judged


def scores_of(judged: Sequence[Judged], classes: tuple[str, ...]) -> dict[str, object]:
    """Count right answers per picture and, with its views fused, per glitch."""
    views: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        views[one.example.glitch].append(one)
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for members in views.values():
        fused = fuse(np.stack([one.probabilities for one in members]))
        label = members[0].example.label
        right[label].append(classes[int(fused.argmax())] == label)
    probabilities = np.stack([one.probabilities for one in judged])
    truth = np.array([classes.index(one.example.label) for one in judged])
    temperature = fit_temperature(probabilities, truth)
    single = [classes[int(j.probabilities.argmax())] == j.example.label for j in judged]
    return {
        "pictures": len(judged),
        "glitches": len(views),
        "fold_accuracy_per_picture": float(np.mean(single)),
        "fold_accuracy_per_glitch": float(
            np.mean([r for v in right.values() for r in v])
        ),
        "fold_balanced_accuracy_per_glitch": float(
            np.mean([np.mean(v) for v in right.values()])
        ),
        "temperature": temperature,
        "calibration_error": calibration_error(probabilities, truth),
        "calibration_error_tempered": calibration_error(
            tempered(probabilities, temperature), truth
        ),
        "right_glitches_per_class": {
            name: f"{sum(right[name])} of {len(right[name])}" for name in sorted(right)
        },
    }


def write_predictions(
    path: Path, judged: Sequence[Judged], classes: tuple[str, ...]
) -> None:
    """Write every held-out picture's probabilities as CSV."""
    rows = []
    for one in judged:
        named = classes[int(one.probabilities.argmax())]
        scores = [f"{p:.6f}" for p in one.probabilities]
        example = one.example
        known = [str(example.path.absolute()), example.glitch, example.label, named]
        rows.append([*known, *scores])
    write_table(path, ["file", "glitch", "label", "ml_label", *classes], rows)
