"""What the folds of a training are scored by."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glitch_pictures import draw_class_folders, quick_config

from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.metrics import calibration_error, fit_temperature, tempered
from gspy_cli.training.answers import Answers
from gspy_cli.training.checkpoint import load_tensors, save_tensors
from gspy_cli.training.crossvalidation import cross_validate, judge_run, scores_of
from gspy_cli.training.examples import Example
from gspy_cli.training.reports import Reports
from gspy_cli.training.run import read_run

pytestmark = pytest.mark.usefixtures("tiny_network")

BOTH = ("Blip", "Tomte")


def judged(*answers: tuple[str, str, list[float]]) -> Answers:
    """Make pictures with a glitch, a label and probabilities each."""
    examples = tuple(
        Example(Path(f"{i}.png"), label, glitch)
        for i, (glitch, label, _) in enumerate(answers)
    )
    return Answers(examples, np.array([p for *_, p in answers], np.float32), BOTH)


def test_glitches_are_counted_with_their_views_fused_and_balanced_by_class():
    scores = scores_of(
        judged(
            ("a", "Blip", [0.9, 0.1]),
            ("a", "Blip", [0.4, 0.6]),
            ("b", "Blip", [0.2, 0.8]),
            ("c", "Tomte", [0.1, 0.9]),
        )
    )
    assert (scores["pictures"], scores["glitches"]) == (4, 3)
    assert scores["right_glitches_per_class"] == {"Blip": "1 of 2", "Tomte": "1 of 1"}
    assert scores["fold_accuracy_per_picture"] == 0.5
    assert scores["fold_accuracy_per_glitch"] == pytest.approx(2 / 3)
    assert scores["fold_balanced_accuracy_per_glitch"] == 0.75


def test_calibration_is_told_before_and_after_the_temperature():
    labels = ["Blip", "Blip", "Blip", "Tomte"] * 5
    answers = [(str(i), label, [0.97, 0.03]) for i, label in enumerate(labels)]
    scores = scores_of(judged(*answers))
    probabilities = np.array([p for *_, p in answers], np.float32)
    truth = np.array([BOTH.index(label) for label in labels])
    temperature = fit_temperature(probabilities, truth)
    mild = tempered(probabilities, temperature)
    assert scores["temperature"] == temperature > 1
    assert scores["calibration_error"] == calibration_error(probabilities, truth)
    assert scores["calibration_error_tempered"] == calibration_error(mild, truth)
    assert scores["calibration_error_tempered"] < scores["calibration_error"]


def test_the_last_network_is_judged_without_a_temperature(trained, tmp_path):
    run = read_run(shutil.copytree(trained[0], tmp_path / "run"))
    examples = run.dataset.part("validation")
    before = judge_run(run, examples)
    tensors, metadata = load_tensors(run.path / "last.safetensors")
    card = ModelCard.from_json(metadata["card"], origin="last")
    warm = {"card": replace(card, temperature=3.0).to_json()}
    nothing = {name: 0 * tensor for name, tensor in tensors.items()}
    save_tensors(run.path / "last.safetensors", tensors, warm)
    save_tensors(run.path / "best.safetensors", nothing, warm)
    after = judge_run(run, examples)
    np.testing.assert_array_equal(after.probabilities, before.probabilities)


def test_what_is_held_out_is_decoded_into_the_runs_own_cache(trained, tmp_path):
    run = read_run(trained[0])
    elsewhere = replace(run.config, cache=tmp_path / "cache")
    judge_run(replace(run, config=elsewhere), run.dataset.part("validation"))
    assert [*elsewhere.cache.rglob("*.npy")]


def test_folds_of_too_few_pictures_are_not_begun(tmp_path):
    data = draw_class_folders(
        tmp_path / "data", dict.fromkeys(BOTH, 1), windows=("1.0",)
    )
    config = quick_config(data, tmp_path)
    with pytest.raises(GspyError, match="1 picture to train on: 2 or more"):
        cross_validate(config, 2, reports=Reports())
    assert not config.output.exists()


def test_a_single_class_has_no_folds(tmp_path):
    data = draw_class_folders(tmp_path / "data", {"Blip": 4})
    config = quick_config(data, tmp_path)
    with pytest.raises(GspyError, match="only one class, Blip"):
        cross_validate(config, 2, reports=Reports())
    assert not config.output.exists()
