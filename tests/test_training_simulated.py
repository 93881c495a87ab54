"""Training on simulated inputs too, and scoring by folds over glitches."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glitch_pictures import (
    CLASSES,
    QUICK,
    SIDE,
    draw_class_folders,
    draw_glitch,
    quick_config,
)
from PIL import Image

from gspy_cli import labels
from gspy_cli.errors import GspyError
from gspy_cli.evaluation.answer_tables import answers_of, read_answers
from gspy_cli.training import crossvalidation, pictures
from gspy_cli.training.answers import Answers
from gspy_cli.training.batches import Pictures, draw_indices
from gspy_cli.training.crossvalidation import (
    cross_validate,
    is_cross_validation,
    judge_run,
    resume_folds,
    write_predictions,
)
from gspy_cli.training.examples import Example
from gspy_cli.training.reports import Reports
from gspy_cli.training.shards import MappedPixels, Shard, Shards
from gspy_cli.training.simulated import with_simulated
from gspy_cli.training.train import train

pytestmark = pytest.mark.usefixtures("tiny_network")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    counts = dict.fromkeys(CLASSES, 4)
    return draw_class_folders(tmp_path_factory.mktemp("data"), counts)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    """Write what the simulator would: 12 glitches of 4 windows."""
    folder = tmp_path_factory.mktemp("simulated")
    numbers = (0, 0, 0, 1, 1, 2) * 2
    inputs = np.stack([
        [np.asarray(Image.fromarray(draw_glitch(n, seed=j)).resize((SIDE, SIDE)))
         for j in range(4)]
        for n in numbers
    ])  # fmt: skip
    np.save(folder / "inputs.npy", inputs)
    names = [labels.CLASSES.index(CLASSES[n]) for n in numbers]
    np.save(folder / "labels.npy", names)
    return folder


def real_pictures(counts: tuple[int, ...]) -> Pictures:
    numbers = np.repeat(np.arange(len(counts)), counts)
    places = np.zeros((len(numbers), 2), np.intp)
    shard = Shard(Path("none.npy"), 0, (len(numbers), SIDE, SIDE, 3))
    return Pictures(
        MappedPixels(Shards([shard]), places), np.arange(len(numbers)), numbers
    )


def joined(simulated: Path, **changes) -> Pictures:
    options = {"classes": CLASSES, "size": SIDE, "real_share": 0.25, "balance": 1.0}
    return with_simulated(real_pictures((1, 2, 9)), simulated, **(options | changes))


def test_the_wanted_share_of_pictures_is_real_and_classes_are_even(simulated):
    pictures = joined(simulated)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([draw_indices(pictures.weights, rng) for _ in range(100)])
    real = drawn < 12
    assert real.mean() == pytest.approx(0.25, abs=0.01)
    for kind in (real, ~real):
        shares = np.bincount(pictures.labels[drawn[kind]]) / kind.sum()
        np.testing.assert_allclose(shares, 1 / 3, atol=0.02)
    uneven = joined(simulated, balance=0.0)
    assert uneven.weights[:12].sum() == pytest.approx(0.25)


def test_simulated_pictures_carry_their_own_pixels_and_labels(simulated):
    pictures = joined(simulated)
    inputs = np.load(simulated / "inputs.npy")
    np.testing.assert_array_equal(
        pictures.pixels.rows([12 + 4 * 5 + 2])[0], inputs[5, 2]
    )
    assert CLASSES[pictures.labels[12 + 4 * 5 + 2]] == CLASSES[2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 64}, "takes 64 x 64: simulate with --inputs 64, .* --image-size 32"),
        ({"classes": ("Blip", "Whistle")}, "holds Koi_Fish, which the data do not"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(simulated, changes, message):
    with pytest.raises(GspyError, match=message):
        joined(simulated, **changes)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("labels", np.arange(12) + 13),
        ("labels", np.arange(12) - 1),
        ("labels", np.zeros(11, int)),
        ("labels", np.zeros((12, 1))),
        ("inputs", np.zeros(12, np.uint8)),
        ("inputs", np.zeros((12, SIDE, SIDE, 3), np.uint8)),
        ("inputs", np.zeros((12, 5, SIDE, SIDE, 3), np.uint8)),
        ("inputs", np.zeros((12, 4, SIDE, SIDE), np.uint8)),
        ("inputs", np.zeros((12, 4, SIDE, SIDE, 4), np.uint8)),
        ("inputs", np.zeros((12, 4, SIDE, SIDE, 3))),
    ],
)
def test_arrays_that_are_not_the_simulators_are_refused(
    simulated, tmp_path, name, wrong
):
    folder = shutil.copytree(simulated, tmp_path / "wrong")
    np.save(folder / f"{name}.npy", wrong)
    with pytest.raises(GspyError, match="wrong does not hold what gspy simulate"):
        joined(folder)


def test_a_folder_without_inputs_names_the_remedy(tmp_path):
    with pytest.raises(GspyError, match="make them with gspy simulate --inputs 32"):
        joined(tmp_path)


def test_a_run_trains_on_both(data, simulated, tmp_path):
    config = quick_config(data, tmp_path, simulated=simulated)
    run = train(config)
    assert run.history[-1].train_accuracy > 0.3
    with (run.path / "split.csv").open() as file:
        assert all(Path(row["file"]).is_file() for row in csv.DictReader(file))


def test_every_glitch_is_judged_once_by_a_network_that_has_not_seen_it(data, tmp_path):
    config = quick_config(data, tmp_path, recipe=replace(QUICK, epochs=1))
    folder = cross_validate(config, 2, reports=Reports())
    with (folder / "predictions.csv").open() as file:
        judged = list(csv.DictReader(file))
    assert len(judged) == len({row["file"] for row in judged}) == 24
    for run in sorted(folder.glob("fold-*")):
        with (run / "split.csv").open() as file:
            rows = list(csv.DictReader(file))
        trained = {row["glitch"] for row in rows if row["split"] == "train"}
        held_out = {row["glitch"] for row in rows if row["split"] == "validation"}
        assert not trained & held_out
    scores = json.loads((folder / "scores.json").read_text())
    assert (scores["pictures"], scores["glitches"]) == (24, 12)
    right = sum(row["ml_label"] == row["label"] for row in judged)
    assert scores["fold_accuracy_per_picture"] == pytest.approx(right / 24)
    assert set(scores["right_glitches_per_class"]) == set(CLASSES)


def test_unreadable_pictures_take_no_place_among_held_out_answers(
    data, tmp_path, monkeypatch
):
    done = train(quick_config(data, tmp_path))
    examples = done.dataset.examples
    broken = replace(examples[0], path=tmp_path / "broken.png")
    broken.path.write_bytes(b"no picture")
    alone = judge_run(done, examples)
    monkeypatch.setattr(crossvalidation, "BATCH", 7)
    judged = judge_run(done, [broken, *examples])
    assert judged.examples == examples
    np.testing.assert_allclose(judged.probabilities, alone.probabilities, atol=1e-6)


def test_folds_with_an_unreadable_picture_come_to_their_end(tmp_path):
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 4))
    (data / "Blip" / "H1_Blip0_spectrogram_0.5.png").write_bytes(b"no picture")
    config = quick_config(data, tmp_path, recipe=replace(QUICK, epochs=1))
    folder = cross_validate(config, 2, reports=Reports())
    assert json.loads((folder / "scores.json").read_text())["pictures"] == 23


def test_answers_are_found_again_by_names_that_are_not_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    examples = (Example(path, "Blip", str(path.with_suffix(""))),)
    judged = Answers(examples, np.array([[0.75, 0.25]]), ("Blip", "Whistle"))
    table = tmp_path / "predictions.csv"
    write_predictions(table, judged)
    found = answers_of(read_answers(table), examples).answers
    np.testing.assert_array_equal(found.probabilities, judged.probabilities)


def test_what_is_held_out_does_not_choose_when_folds_stop(data, tmp_path):
    config = quick_config(data, tmp_path, recipe=replace(QUICK, patience=2))
    with pytest.raises(GspyError, match="leave --patience out"):
        cross_validate(config, 2, reports=Reports())
    assert not config.output.exists()


def test_folds_that_were_stopped_go_on_to_the_same_answers(data, tmp_path):
    config = quick_config(data, tmp_path / "whole", recipe=replace(QUICK, epochs=2))
    whole = cross_validate(config, 2, reports=Reports())

    def stop(run):
        if run.path.name == "fold-002":
            raise KeyboardInterrupt

    config = replace(config, output=tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        cross_validate(config, 2, reports=Reports(on_epoch=stop))
    (folder,) = (tmp_path / "stopped").iterdir()
    assert is_cross_validation(folder)
    assert not is_cross_validation(folder / "fold-002")
    epochs = []
    left = folder / ".predictions.csv.0a1b2c3d.part"
    left.write_text("half")
    resume_folds(folder, reports=Reports(on_epoch=epochs.append))
    assert [run.path.name for run in epochs] == ["fold-002"]
    assert not left.exists()
    for name in ("predictions.csv", "scores.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    with pytest.raises(GspyError, match="is finished: its scores are in"):
        resume_folds(folder)


def test_folds_that_were_not_planned_to_the_end_are_refused(data, tmp_path):
    config = quick_config(data, tmp_path)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(config, 2, reports=Reports(on_decode=stop))
    (folder,) = config.output.iterdir()
    shutil.rmtree(folder / "fold-002")
    with pytest.raises(GspyError, match="stopped before it was planned: start anew"):
        resume_folds(folder)


def test_the_colours_of_pictures_that_are_not_trained_on_are_not_told(
    data, simulated, tmp_path, monkeypatch
):
    monkeypatch.setattr(pictures, "are_viridis", lambda rows: np.zeros(len(rows), bool))
    notes = []
    recipe = replace(QUICK, epochs=1, augment=True)
    config = replace(quick_config(data, tmp_path, recipe), simulated=simulated)
    for share in (0.0, 0.5):
        reports = Reports(on_note=notes.append)
        train(replace(config, real_share=share), reports=reports)
        assert len(notes) == (share > 0)
