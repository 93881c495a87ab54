"""Whole trainings: what a run writes, and that it goes on after any kill."""

import csv
import errno
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tiny_card
from glitch_pictures import (
    CLASSES,
    QUICK,
    SIDE,
    draw_class_folders,
    quick_config,
)
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from gspy_cli import device, labels
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.evaluation.judgement import judge
from gspy_cli.evaluation.subjects import load_run
from gspy_cli.metrics import fit_temperature, tempered
from gspy_cli.training import cache, checkpoint, fit, hardware, run
from gspy_cli.training.config import TrainConfig, config_json
from gspy_cli.training.crossvalidation import cross_validate
from gspy_cli.training.curves import draw_curves
from gspy_cli.training.distributed import World
from gspy_cli.training.examples import Dataset, Example
from gspy_cli.training.export import Deployed
from gspy_cli.training.recipes import MODERN
from gspy_cli.training.reports import Reports
from gspy_cli.training.run import STATE, read_run, write_plan
from gspy_cli.training.tally import PassScores
from gspy_cli.training.train import (
    check_split,
    completed,
    dataset_of,
    resume,
    train,
)
from gspy_cli.whole import alone_in

pytestmark = pytest.mark.usefixtures("tiny_network")

THOROUGH = replace(MODERN, epochs=3, batch_size=8, warmup_epochs=1.0)
"""All that could spoil a resumed run: augmentation, balance, averaged weights."""


class Killed(BaseException):
    """Stand for kill -9: nothing catches it."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    return draw_class_folders(root, dict.fromkeys(CLASSES, 4))


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


def test_the_best_epochs_temperature_is_in_the_card_and_applied(tmp_path):
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 12))
    for i in range(3):  # wrong labels: answers should not be sure of themselves
        for path in data.glob(f"Blip/*Blip{i}_*"):
            path.rename(data / "Whistle" / path.name)
    recipe = replace(QUICK, epochs=8, lr=0.01)
    config = replace(quick_config(data, tmp_path, recipe), validation=0.5)
    done = train(config)
    model = load_run(done.path, device="cpu")
    assert model.card.temperature == done.best.temperature != 1.0
    examples = done.dataset.part("validation")
    answers = judge(model, examples, batch_size=8, progress=lambda *_: None).answers
    plain = tempered(answers.probabilities, 1 / model.card.temperature)
    fitted = fit_temperature(plain, answers.truth)
    assert fitted == pytest.approx(model.card.temperature, rel=0.02)


def test_each_checkpoint_has_the_card_of_its_own_epoch(data, tmp_path, monkeypatch):
    def validate(run, *_):
        return PassScores(
            1.0, 0.5 - 0.1 * len(run.history), 0.5, 2.0 + len(run.history)
        )

    monkeypatch.setattr(fit, "validate", validate)
    done = train(quick_config(data, tmp_path))
    for name, epoch in (("best", 1), ("last", 2)):
        metadata = checkpoint.load_tensors(done.path / f"{name}.safetensors")[1]
        card = ModelCard.from_json(metadata["card"], origin=name)
        assert (card.scores["epoch"], card.temperature) == (epoch, epoch + 1.0)
    best = checkpoint.load_tensors(done.path / "best.safetensors")[1]["card"]
    assert (done.path / "card.json").read_text() == best


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    return train(quick_config(data, tmp_path_factory.mktemp("done")))


def test_a_run_writes_all_its_files(done):
    assert done.path.parts[-2:] == ("runs", "tiny-001")
    assert sorted(p.name for p in done.path.iterdir()) == [
        "best.safetensors",
        "card.json",
        "config.json",
        "curves.png",
        "last.safetensors",
        "results.csv",
        "split.csv",
        STATE,
    ]


def read_rows(path: Path) -> list[dict[str, str]]:
    with (path / "results.csv").open() as file:
        return list(csv.DictReader(file))


def test_results_have_a_row_for_each_epoch(done):
    rows = read_rows(done.path)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for row in rows:
        assert 0 <= float(row["validation_accuracy"]) <= 1
        assert float(row["train_loss"]) > 0


def test_runs_are_numbered(data, tmp_path):
    config = quick_config(data, tmp_path, replace(QUICK, epochs=1), name="try")
    paths = [train(config).path.name for _ in range(2)]
    assert paths == ["try-001", "try-002"]


def test_a_runs_number_is_one_more_than_the_highest_of_its_name(tmp_path):
    for name in ("v1.0-002", "v1.0-005", "v1.0-007b", "v100-009"):
        (tmp_path / name).mkdir()
    assert run.new_directory(tmp_path, "v1.0").name == "v1.0-006"


def test_a_run_is_made_in_any_folder_that_can_be(tmp_path):
    assert run.new_directory(tmp_path / "runs" / "train", "try").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(GspyError, match=r"cannot make a run in .*file \(File exists"):
        run.new_directory(tmp_path / "file", "try")


def test_a_disk_too_full_for_tensors_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(
        GspyError, match=r"cannot write .*a \(No space left on device\)"
    ):
        checkpoint.save_tensors(tmp_path / "a", {}, {})
    assert [*tmp_path.iterdir()] == []


def test_a_run_that_was_faster_keeps_its_number(tmp_path, monkeypatch):
    (tmp_path / "try-001").mkdir()
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(()))  # looked too early
    assert run.new_directory(tmp_path, "try").name == "try-002"


def test_the_card_describes_the_network(done):
    text = (done.path / "card.json").read_text()
    card = ModelCard.from_json(text, origin="card.json")
    assert (card.architecture, card.classes) == ("tiny", CLASSES)
    assert card.input_size == (SIDE, SIDE)
    assert card.scores["validation_accuracy"] == done.best.validation_accuracy
    assert card.data == (
        "train 12 pictures of 6 glitches, validation 6 pictures of 3 glitches, "
        "test 6 pictures of 3 glitches"
    )


def test_a_run_is_scored_where_this_torch_can(done, monkeypatch):
    def zeros(*shape, device=None, **options):
        if device == "cuda:0":
            raise RuntimeError("no kernel image is available for execution on it")
        return plain(*shape, device=device, **options)

    plain = torch.zeros
    monkeypatch.setattr(device, "nvidia_gpus", lambda: ("GTX 1080",))
    monkeypatch.setattr(torch, "zeros", zeros)
    assert load_run(done.path, device="auto").device == "cpu"
    with pytest.raises(GspyError, match="cannot use 'cuda:0'"):
        load_run(done.path, device="cuda")


def test_a_run_that_does_not_fit_into_memory_asks_for_smaller_batches(
    done, monkeypatch
):
    def refuse(*_):
        raise RuntimeError("MPS backend out of memory (max allowed: 20.40 GB)")

    monkeypatch.setattr(Deployed, "forward", refuse)
    model = load_run(done.path, device="cpu")
    with pytest.raises(
        GspyError, match=r"has too little free memory: use a smaller --batch-size"
    ):
        model.score(np.zeros((7, SIDE, SIDE, 3), np.uint8))


def test_curves_show_loss_and_accuracy(tmp_path, data, monkeypatch):
    monkeypatch.setattr(run, "draw_curves", draw_curves)
    done = train(quick_config(data, tmp_path, replace(QUICK, epochs=1)))
    with Image.open(done.path / "curves.png") as picture:
        assert picture.width > 2 * picture.height


def test_a_network_learns_bright_lines(data, tmp_path):
    recipe = replace(QUICK, epochs=8, lr=0.01, scheduler="constant")
    done = train(quick_config(data, tmp_path, recipe))
    assert done.history[-1].train_loss < done.history[0].train_loss / 2


def test_mobilenet_v2_trains(data, tmp_path):
    recipe = replace(THOROUGH, epochs=1)
    config = quick_config(
        data, tmp_path, recipe, architecture="mobilenet_v2", image_size=SIDE
    )
    assert train(config).history[0].train_loss > 0


def test_best_is_the_epoch_with_the_best_validation_score(data, tmp_path):
    config = quick_config(data, tmp_path, replace(QUICK, epochs=4))
    kept = []

    def keep(done):
        kept.append(weights(done.path / "last.safetensors"))

    done = train(config, reports=Reports(on_epoch=keep))
    accuracy = [row.validation_accuracy for row in done.history]
    assert done.best.validation_accuracy == max(accuracy)
    best = weights(done.path / "best.safetensors")
    for name, tensor in kept[done.best.epoch - 1].items():
        assert torch.equal(best[name], tensor)


def test_the_same_seed_gives_the_same_weights_with_any_number_of_workers(
    data, tmp_path
):
    recipe = replace(THOROUGH, epochs=1)
    configs = [quick_config(data, tmp_path, recipe, workers=n) for n in (0, 0, 2)]
    first, again, spread = (train(config).path for config in configs)
    assert_same_weights(first / "last.safetensors", again / "last.safetensors")
    assert_same_weights(first / "last.safetensors", spread / "last.safetensors")


def test_others_may_read_weights_as_they_may_the_card(done):
    names = ("card.json", "best.safetensors", "last.safetensors", STATE)
    assert len({(done.path / name).stat().st_mode for name in names}) == 1


@pytest.mark.parametrize("name", ["run.safetensors", "run.pth"])
def test_weights_that_cannot_be_read_are_not_called_damaged(tmp_path, name):
    (tmp_path / name).mkdir()
    named = re.escape(str(tmp_path / name))
    with pytest.raises(GspyError, match=rf"^cannot read {named}: \w"):
        checkpoint.load_weights(tmp_path / name)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """Give a run that nothing disturbed."""
    return train(quick_config(data, tmp_path_factory.mktemp("whole"), THOROUGH))


def test_a_configuration_chooses_its_pictures_and_its_classes(tmp_path):
    data = draw_class_folders(tmp_path, {"Blip": 1, "Crown": 1})
    found = dataset_of(TrainConfig(data, window=0.5, own_classes=True))
    assert found.classes == ("Blip", "Crown")
    assert [e.window for e in found.examples] == [0.5, 0.5]


def test_the_mean_of_the_weights_is_what_is_kept(whole):
    state, last = weights(whole.path / STATE), weights(whole.path / "last.safetensors")
    for name, tensor in last.items():
        assert torch.equal(tensor, state[f"average.{name}"])
    assert not torch.equal(last["8.weight"], state["model.8.weight"])


def kill_at_write(monkeypatch, number: int) -> None:
    """Die in the middle of writing the `number`th file."""
    count = 0

    def write(path, fill, original=checkpoint.write_atomically):
        nonlocal count
        count += 1
        if count == number:
            for name in (f".{path.name}.0a1b2c3d.part", ".tmpXy12Ab"):
                path.with_name(name).write_bytes(b"half")
            raise Killed
        original(path, fill)

    monkeypatch.setattr(checkpoint, "write_atomically", write)


# the card of the first epoch, and each file of the last, which no later one mends
@pytest.mark.parametrize("number", [5, *range(15, 21)])
def test_a_run_killed_at_any_write_ends_with_the_same_weights(
    data, tmp_path, monkeypatch, whole, number
):
    with monkeypatch.context() as patch:
        kill_at_write(patch, number)
        with pytest.raises(Killed):
            train(quick_config(data, tmp_path, THOROUGH))
    (path,) = (tmp_path / "runs").iterdir()
    assert_resumes_to(whole, path)


@pytest.mark.parametrize("number", [1, 5, 6])
def test_a_run_killed_at_any_batch_ends_with_the_same_weights(
    data, tmp_path, whole, number
):
    seen = 0

    def die(done, total):
        nonlocal seen
        seen += done > 0
        if seen == number:
            raise Killed

    with pytest.raises(Killed):
        train(quick_config(data, tmp_path, THOROUGH), reports=Reports(on_batch=die))
    (path,) = (tmp_path / "runs").iterdir()
    assert_resumes_to(whole, path)


def assert_resumes_to(whole, path: Path) -> None:
    done = resume(path)
    assert not list(path.glob(".*"))
    assert [row.train_loss for row in done.history] == [
        row.train_loss for row in whole.history
    ]
    for name in ("best.safetensors", "last.safetensors", STATE):
        assert_same_weights(path / name, whole.path / name)


def test_a_finished_run_cannot_be_resumed(whole):
    with pytest.raises(GspyError, match=r"is finished .* --weights"):
        resume(whole.path)


def test_a_run_is_not_resumed_while_it_trains(data, tmp_path):
    path = tmp_path / "runs" / "tiny-001"

    def resume_too(done, total):
        with pytest.raises(GspyError, match=re.escape(f"gspy is writing {path}")):
            resume(path)

    train(quick_config(data, tmp_path), reports=Reports(on_batch=resume_too))


def test_a_run_is_not_resumed_twice_at_once(whole):
    with (
        alone_in(whole.path),
        pytest.raises(GspyError, match=re.escape(f"gspy is writing {whole.path}")),
    ):
        resume(whole.path)


def test_a_folder_that_is_no_run_cannot_be_resumed(tmp_path):
    with pytest.raises(GspyError, match=r"is no training run: .* config.json"):
        resume(tmp_path)


def test_a_resumed_run_keeps_its_classes(whole, tmp_path):
    other = draw_class_folders(tmp_path, {"Blip": 1, "Tomte": 1, "Whistle": 1})
    with pytest.raises(GspyError, match=r"not the run's \(Koi_Fish, Tomte\): start"):
        resume(whole.path, data=other)


def test_a_resumed_run_looks_at_the_same_windows_of_its_data(tmp_path):
    root = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 3))
    draw_class_folders(root, {"Tomte": 2}, windows=("4.0",))

    def die(done):
        raise Killed

    with pytest.raises(Killed):
        train(quick_config(root, tmp_path, window=0.5), reports=Reports(on_epoch=die))
    (path,) = (tmp_path / "runs").iterdir()
    assert resume(path, data=root).dataset.classes == CLASSES


def test_a_run_killed_while_it_looks_inside_looks_again(data, tmp_path, monkeypatch):
    looks = []

    def look(run, *_):
        looks.append(len(run.history))
        if looks == [1, 2]:
            raise Killed

    monkeypatch.setattr(fit, "look", look)
    with pytest.raises(Killed):
        train(quick_config(data, tmp_path))
    (path,) = (tmp_path / "runs").iterdir()
    resume(path)
    assert looks == [1, 2, 2]


@pytest.mark.parametrize("augment", [True, False])
@pytest.mark.parametrize("grey", [True, False])
def test_pictures_in_other_colours_than_augmentation_paints_are_told(
    data, tmp_path, monkeypatch, grey, augment
):
    def decode(path, size, original=cache.decode):
        pixels = original(path, size)
        return pixels[..., :1].repeat(3, axis=-1) if grey else pixels

    def die(*_):
        raise Killed

    monkeypatch.setattr(cache, "decode", decode)
    notes = []
    reports = Reports(on_note=notes.append, on_batch=die)
    config = quick_config(data, tmp_path, replace(THOROUGH, augment=augment))
    with pytest.raises(Killed):
        train(config, reports=reports)
    assert len(notes) == (grey and augment)
    if notes:
        assert notes[0].startswith("100% of the pictures to train on are not in")
        assert "--no-augment" in notes[0]


@pytest.mark.parametrize(
    ("parts", "processes", "patience", "message"),
    [
        (("train", "validation"), 1, 0, "1 picture to train on: 2 or more are needed"),
        (("train",) * 3 + ("validation",) * 2, 2, 0, "3 pictures to train on: 4"),
        (("train",) * 4 + ("validation",), 2, 0, "1 picture to validate.*start fewer"),
        (("train",) * 4, 1, 3, "--patience goes by validation scores"),
    ],
)
def test_too_few_pictures_are_refused(parts, processes, patience, message):
    examples = tuple(
        Example(Path(f"{i}"), "a", f"{i}", None, p) for i, p in enumerate(parts)
    )
    recipe = replace(QUICK, patience=patience)
    with pytest.raises(GspyError, match=message):
        check_split(
            Dataset(examples, ("a",)),
            TrainConfig(Path("data"), recipe=recipe),
            World(0, processes),
        )


def test_too_few_pictures_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    root = draw_class_folders(
        tmp_path / "data", {"Blip": 1, "Whistle": 1}, windows=("0.5",)
    )
    with pytest.raises(GspyError, match="1 picture to train on"):
        cross_validate(quick_config(root, tmp_path), 2, reports=Reports())
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(GspyError, match="2 pictures to train on"):
        train(quick_config(root, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_pictures_of_a_run_that_begins_with_weights_have_their_size(tmp_path):
    card = tiny_card(architecture="mobilenet_v2", input_size=(64, 64)).to_json()
    file = tmp_path / "best.safetensors"
    checkpoint.save_tensors(file, {"a": torch.ones(1)}, {"card": card})
    config = TrainConfig(tmp_path, weights=tmp_path)
    assert completed(config).image_size == 64
    assert completed(replace(config, image_size=96)).image_size == 96


@pytest.mark.parametrize("name", [STATE, "config.json"])
def test_a_corrupt_checkpoint_is_an_error(data, tmp_path, name):
    done = train(quick_config(data, tmp_path))
    file = done.path / name
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(GspyError, match=rf"{name} is damaged .*start a new run"):
        resume(done.path)


def test_a_full_disk_keeps_the_last_good_checkpoint(data, tmp_path, monkeypatch):
    written = []

    def save(tensors, path, metadata, original=checkpoint.save_file):
        written.append(path)
        if len(written) > 3:  # the first epoch's best, last and state fit
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(tensors, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", save)
        with pytest.raises(
            GspyError, match=r"cannot write .*No space left.*: make room"
        ):
            train(quick_config(data, tmp_path))
    (path,) = (tmp_path / "runs").iterdir()
    assert not list(path.glob(".*"))
    assert [row.epoch for row in resume(path).history] == [1, 2]


def test_a_stopped_run_that_nothing_validates_goes_on_whatever_its_patience(
    data, tmp_path
):
    config = quick_config(data, tmp_path)
    stopped = replace(config, validation=0.0, recipe=replace(QUICK, epochs=1))
    path = train(stopped).path
    plan = json.loads((path / "config.json").read_text())
    plan["recipe"] |= {"patience": 1, "epochs": 2}
    (path / "config.json").write_text(json.dumps(plan))
    assert len(resume(path).history) == 2


def test_an_epoch_fingerprints_what_it_was_trained_on_once(data, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(run, "fingerprints", lambda _: calls.append(1) or "ab")
    done = train(quick_config(data, tmp_path))
    assert len(calls) == len(done.history)


def test_training_stops_when_patience_ends(data, tmp_path):
    recipe = replace(QUICK, epochs=40, patience=2, lr=1e-9)
    done = train(quick_config(data, tmp_path, recipe))
    assert len(done.history) < 40
    assert len(done.history) == done.best.epoch + 2


def test_epochs_that_are_all_as_good_end_patience(done):
    config = replace(done.config, recipe=replace(QUICK, epochs=20, patience=2))
    best = replace(done.history[0], validation_accuracy=1.0, validation_loss=0.0)
    rows = tuple(replace(best, epoch=number) for number in (1, 2, 3))
    assert fit.epochs_left(replace(done, config=config, history=rows[:2]))
    assert not fit.epochs_left(replace(done, config=config, history=rows))


def test_a_run_that_began_unscaled_goes_on_scaled(data, tmp_path, monkeypatch):
    config = quick_config(data, tmp_path, amp="auto")
    longer = replace(config.recipe, epochs=3)
    monkeypatch.setattr(hardware, "autocast_type", lambda *_: None)
    path = train(config).path
    write_plan(replace(read_run(path), config=replace(config, recipe=longer)))
    monkeypatch.setattr(hardware, "autocast_type", lambda *_: torch.float16)
    assert len(resume(path).history) == 3


def test_unreadable_pictures_are_reported_before_training(tmp_path):
    root = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 4))
    broken = root / "Blip" / "H1_Blip0_spectrogram_0.5.png"
    broken.write_bytes(b"")
    events = []
    reports = Reports(
        on_note=events.append,
        on_batch=lambda done, total: events.append("batch"),
    )
    done = train(quick_config(root, tmp_path), reports=reports)
    told = f"1 picture left out, which cannot be read: {broken} (the file is empty)"
    assert events[:2] == [told, "batch"]
    assert broken not in {e.path for e in done.dataset.examples}
    assert broken.name not in (done.path / "split.csv").read_text()


def test_a_class_with_unreadable_pictures_only_is_an_error(tmp_path):
    root = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 2))
    for path in (root / "Blip").iterdir():
        path.write_bytes(b"")
    with pytest.raises(GspyError, match="class Blip is empty"):
        train(quick_config(root, tmp_path))


def test_without_validation_the_last_epoch_is_the_best(data, tmp_path):
    done = train(quick_config(data, tmp_path, validation=0, test=0))
    assert np.isnan(done.history[-1].validation_accuracy)
    assert done.best == done.history[-1]
    card = ModelCard.from_json((done.path / "card.json").read_text(), origin="card")
    assert card.temperature == 1.0
    told = {"epoch", "phase", "lr", "pictures_per_second", "seconds"}
    assert set(card.scores) == told | {"train_loss", "train_accuracy"}


def telling_start(begun: dict[str, torch.Tensor]) -> Reports:
    """Let a run put the weights that it begins with there."""

    def keep(run, model, machine):
        begun.update({k: v.clone() for k, v in model.state_dict().items()})

    return Reports(on_start=keep)


def test_a_runs_best_weights_start_another(data, tmp_path, whole):
    config = quick_config(data, tmp_path, weights=whole.path / "best.safetensors")
    begun = {}
    train(config, reports=telling_start(begun))
    for name, tensor in weights(whole.path / "best.safetensors").items():
        assert torch.equal(begun[name], tensor)


def test_a_file_may_have_a_name_that_is_not_utf_8(tmp_path):
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 4))
    odd = data / "Blip" / os.fsdecode(b"caf\xe9.png")
    try:
        (data / "Blip" / "H1_Blip0_spectrogram_0.5.png").rename(odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")

    def die(done):
        raise Killed

    with pytest.raises(Killed):
        train(quick_config(data, tmp_path), reports=Reports(on_epoch=die))
    done = resume(tmp_path / "runs" / "tiny-001")
    assert odd in {e.path for e in done.dataset.examples}
    assert len(done.history) == 2


def test_unreadable_pictures_take_no_place_in_a_split(tmp_path):
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 4))
    for number in range(8):
        (data / "Blip" / f"H1_broken{number}_spectrogram_0.5.png").touch()
    config = replace(quick_config(data, tmp_path), validation=0.25, test=0.25)
    done = train(config)
    for split in ("validation", "test"):
        assert [e.label for e in done.dataset.part(split)].count("Blip") == 2


def seen(done: run.Run) -> set[str]:
    card = ModelCard.from_json((done.path / "card.json").read_text(), origin="card")
    return set(card.trained_on.split())


def test_a_run_remembers_what_its_first_weights_were_trained_on(tmp_path):
    folders = [
        draw_class_folders(tmp_path / "one", dict.fromkeys(CLASSES, 4)),
        draw_class_folders(tmp_path / "another", dict.fromkeys(CLASSES, 8)),
    ]
    for path in folders[1].glob("*/*"):
        path.rename(path.with_name(f"L1{path.name[2:]}"))
    first = train(quick_config(folders[0], tmp_path))
    config = quick_config(folders[1], tmp_path, weights=first.path, name="second")

    def die(done):
        raise Killed

    with pytest.raises(Killed):
        train(config, reports=Reports(on_epoch=die))
    second = resume(tmp_path / "runs" / "second-001")
    assert seen(first) < seen(second)


def test_a_stopped_run_goes_on_from_any_folder(data, tmp_path, monkeypatch):
    first = train(quick_config(data, tmp_path, replace(QUICK, epochs=1)))
    simulated = tmp_path / "simulated"
    simulated.mkdir()
    np.save(simulated / "inputs.npy", np.zeros((3, 4, SIDE, SIDE, 3), np.uint8))
    np.save(simulated / "labels.npy", [labels.CLASSES.index(c) for c in CLASSES])
    monkeypatch.chdir(tmp_path)
    start = first.path.relative_to(tmp_path)
    places = {"simulated": Path("simulated"), "cache": Path("cache"), "weights": start}
    config = quick_config(data, Path(), name="second", real_share=0.0, **places)

    def die(*_):
        raise Killed

    with pytest.raises(Killed):
        train(config, reports=Reports(on_batch=die))
    monkeypatch.chdir("/")
    begun = {}
    done = resume(tmp_path / "runs" / "second-001", reports=telling_start(begun))
    assert len(done.history) == 2
    assert done.config.cache == tmp_path / "cache"
    for name, tensor in weights(first.path / "best.safetensors").items():
        assert torch.equal(begun[name], tensor)
    assert seen(done) == seen(first)


def test_what_foreign_weights_were_trained_on_is_unknown(data, tmp_path):
    first = train(quick_config(data, tmp_path))
    torch.save(weights(first.path / "best.safetensors"), tmp_path / "foreign.pth")
    config = quick_config(data, tmp_path, weights=tmp_path / "foreign.pth")
    assert seen(train(config)) == {*seen(first), "?"}


@pytest.mark.parametrize("same", [True, False])
def test_the_layer_that_gives_the_classes_is_new_where_the_classes_are(
    whole, tmp_path, same
):
    classes = CLASSES if same else ("Blip", "Tomte", "Whistle")
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(classes, 3))
    begun = {}
    config = quick_config(data, tmp_path, replace(QUICK, epochs=1), weights=whole.path)
    train(config, reports=telling_start(begun))
    for name, tensor in weights(whole.path / "best.safetensors").items():
        assert torch.equal(begun[name], tensor) == (same or not name.startswith("8."))


def test_config_holds_every_choice(whole):
    values = json.loads((whole.path / "config.json").read_text())
    assert values["classes"] == list(CLASSES)
    assert values["recipe"]["ema_decay"] == 0.99
    assert values["seed"] == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from gspy_cli.training.config import read_config
from gspy_cli.training.reports import Reports
from gspy_cli.training.train import train

seen = []
def die(done, total):
    seen.extend([done] if done else [])  # not an epoch's start
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

train(read_config(Path(sys.argv[1]))[0], reports=Reports(on_batch=die))
"""


@pytest.mark.slow
def test_kill_9_and_resume_end_with_the_weights_of_an_undisturbed_run(data, tmp_path):
    config = quick_config(
        data, tmp_path, THOROUGH, architecture="mobilenet_v2", image_size=SIDE
    )
    whole = train(config)
    file = tmp_path / "config.json"
    file.write_text(config_json(replace(config, name="killed"), CLASSES))
    command = [sys.executable, "-c", KILLED, str(file)]
    ended = subprocess.run(command, cwd=Path(__file__).parents[1], check=False)
    assert ended.returncode == -signal.SIGKILL
    path = tmp_path / "runs" / "killed-001"
    assert len(read_rows(path)) == 2  # the third epoch was under way
    assert_resumes_to(whole, path)
