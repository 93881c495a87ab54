"""Score a recipe on data too few to set some aside: k-fold over glitches.

Each glitch is judged once, by a network that has seen none of its pictures.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.metrics import calibration_error, fit_temperature, tempered
from gspy_cli.training.answers import Answers, join_answers
from gspy_cli.training.cache import open_pixels
from gspy_cli.training.checkpoint import write_bytes
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.distributed import ALONE
from gspy_cli.training.examples import Dataset, Example
from gspy_cli.training.export import Deployed, read_network
from gspy_cli.training.fit import epochs_left
from gspy_cli.training.hardware import find_machine
from gspy_cli.training.reports import SILENT, Reports
from gspy_cli.training.run import (
    Run,
    image_size,
    new_directory,
    read_run,
    remove_unfinished,
    write_plan,
    write_table,
)
from gspy_cli.training.splits import check_classes, folds
from gspy_cli.training.train import (
    check_enough,
    check_start,
    completed,
    dataset_of,
    resume,
)

BATCH = 32


def cross_validate(config: TrainConfig, k: int, *, reports: Reports) -> Path:
    """Train k networks, judge each on its held-out glitches; give the folder.

    The folder holds the k runs, `predictions.csv` and `scores.json`. The last
    epoch's weights are judged, so that nothing is chosen by what is held out.

    Raises
    ------
    GspyError
        There are fewer than `k` glitches, the recipe has patience, or as
        `train` does.
    """
    if config.recipe.patience:
        raise GspyError(
            "--folds judges each network after its last epoch, chosen by nothing that "
            "is held out: leave --patience out"
        )
    config = completed(config)
    dataset = dataset_of(config, reports.on_note)
    check_classes(dataset)
    glitches = len({example.glitch for example in dataset.examples})
    if not 2 <= k <= glitches:
        raise GspyError(f"--folds {k}: give 2 to {glitches}, the number of glitches")
    find_machine(config.device, config.amp, ALONE)
    fold = folds(dataset.examples, k, config.seed)
    parts = [hold_out(dataset, fold == number) for number in range(k)]
    for part in parts:
        check_enough(part, config, ALONE)
    check_start(config, dataset, reports.on_note)
    folder = new_directory(config.output, f"{config.name or config.architecture}-folds")
    planned = replace(config, output=folder, name="fold")
    for part in parts:
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
    parts: list[Answers] = []
    for run in runs:
        if epochs_left(run):
            resume(run.path, data=data, reports=reports)
        parts.append(judge_run(run, run.dataset.part("validation")))
    answers = join_answers(parts)
    remove_unfinished(folder)
    write_predictions(folder / "predictions.csv", answers)
    scores = json.dumps(scores_of(answers), indent=1)
    write_bytes(folder / "scores.json", scores.encode())
    return folder


def _folds(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("fold-*/config.json"))


def judge_run(run: Run, examples: Sequence[Example]) -> Answers:
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
    kept = tuple(e for i, e in enumerate(examples) if i not in unreadable)
    probabilities = np.empty((len(kept), len(card.classes)), np.float32)
    for start in range(0, len(kept), BATCH):
        rows = range(start, min(start + BATCH, len(kept)))
        with torch.no_grad():
            scores = deployed(torch.from_numpy(pixels.rows(rows)))[0]
        probabilities[rows.start : rows.stop] = scores.numpy()
    return Answers(kept, probabilities, card.classes)


def scores_of(answers: Answers) -> dict[str, object]:
    """Count right answers per picture and, with its views fused, per glitch."""
    glitches = answers.fused()
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for example, is_right in zip(glitches.examples, glitches.right, strict=True):
        right[example.label].append(is_right)
    probabilities, truth = answers.probabilities, answers.truth
    temperature = fit_temperature(probabilities, truth)
    return {
        "pictures": len(answers),
        "glitches": len(glitches),
        "fold_accuracy_per_picture": float(answers.right.mean()),
        "fold_accuracy_per_glitch": float(glitches.right.mean()),
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


def write_predictions(path: Path, answers: Answers) -> None:
    """Write every held-out picture's probabilities as CSV."""
    rows = []
    for example, named, probabilities in zip(
        answers.examples, answers.named, answers.probabilities, strict=True
    ):
        known = [str(example.path.absolute()), example.glitch, example.label]
        scores = [f"{p:.6f}" for p in probabilities]
        rows.append([*known, answers.classes[named], *scores])
    header = ["file", "glitch", "label", "ml_label", *answers.classes]
    write_table(path, header, rows)
