"""The way of a model: train, export, check, keep, classify."""

import csv
import itertools
import json
import os
import re
import shlex
import shutil
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from glitch_pictures import CLASSES, draw_class_folders
from running import gspy, rows

from gspy_cli import labels
from gspy_cli.callbacks import ignore
from gspy_cli.cli import training_screen
from gspy_cli.cli.console import Console
from gspy_cli.errors import GspyError
from gspy_cli.model import load_model
from gspy_cli.training import check, download
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.recipes import Recipe
from gspy_cli.training.run import read_run

pytestmark = pytest.mark.usefixtures("tiny_network")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    counts = dict.fromkeys(CLASSES, 6)
    return draw_class_folders(tmp_path_factory.mktemp("data"), counts)


def train(data: Path, folder: Path, *more: object) -> tuple[int, str, str]:
    return gspy(
        *("train", "--data", data, "--arch", "tiny", "--no-pretrained"),
        *("--epochs", 2, "-o", folder / "runs", "--cache", folder / "cache"),
        *("--device", "cpu", "--amp", "off", *more),
    )


@pytest.fixture(scope="module")
def spoken(data, tmp_path_factory) -> tuple[Path, str]:
    """Train; give the run and what was on stderr."""
    folder = tmp_path_factory.mktemp("trained here")
    code, out, err = train(data, folder, "--lr", "0.01", "--epochs", 3)
    assert code == 0
    assert "3 M parameters" not in err
    (path,) = (folder / "runs").iterdir()
    assert out.startswith("best epoch ")
    return path, err


@pytest.fixture(scope="module")
def run(spoken) -> Path:
    return spoken[0]


def test_a_run_says_how_each_epoch_went(spoken):
    lines = [line for line in spoken[1].splitlines() if line.startswith("epoch")]
    assert [line.split()[1] for line in lines] == ["1", "2", "3"]


def test_the_numbers_of_an_epoch_stand_below_their_names(spoken):
    heading, row = spoken[1].splitlines()[-4:-2]
    loss, right = (row.split("train ")[1].split()[n] for n in range(2))
    assert row.index(f" {loss}") == heading.index(" loss")
    assert row.index(f" {right}") == heading.index(" acc.")
    assert row.index("validation ") + 10 == heading.rindex(" loss")


@pytest.mark.parametrize(("rate", "said"), [(0.42, "0.4"), (123.4, "123")])
def test_slow_epochs_have_a_rate_too(run, monkeypatch, rate, said):
    lines = []
    monkeypatch.setattr(
        training_screen.Screen, "_say", lambda _, line: lines.append(line)
    )
    done = read_run(run)
    row = replace(done.history[-1], pictures_per_second=rate)
    screen = training_screen.Screen(Console(), ignore)
    screen.finished(replace(done, history=(row,)))
    assert lines[0].endswith(f"  {said} pictures/s")


def test_after_ctrl_c_the_command_that_goes_on_is_named(data, tmp_path, monkeypatch):
    tmp_path /= "my runs"
    with monkeypatch.context() as patch:
        patch.setattr(training_screen.Screen, "finished", press_ctrl_c)
        code, _, err = train(data, tmp_path)
    (path,) = (tmp_path / "runs").iterdir()
    said = f"next: gspy train --resume {shlex.quote(str(path))}\n"
    assert (code, said in err) == (130, True)
    code, out, _ = gspy("train", "--resume", path, "-q")
    assert (code, "best epoch" in out) == (0, True)


def press_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_score_that_an_epoch_does_not_have_is_a_dash(data, tmp_path):
    _, _, err = train(data, tmp_path, "--validation", 0, "--test", 0)
    lines = [line for line in err.splitlines() if line.startswith("epoch")]
    assert all("validation   -     -  " in line for line in lines)


def test_quiet_training_says_nothing_but_its_end(data, tmp_path):
    code, out, err = train(data, tmp_path, "-q")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert out.startswith("best epoch ")


def test_a_run_is_evaluated_next_where_it_keeps_test_pictures(run, monkeypatch):
    said = []
    monkeypatch.setattr(training_screen, "hint", lambda what, quiet: said.append(what))
    done = read_run(run)
    kept = tuple(e for e in done.dataset.examples if e.split != "test")
    training_screen.show_end(done, quiet=False)
    training_screen.show_end(
        replace(done, dataset=replace(done.dataset, examples=kept)), quiet=False
    )
    assert [shlex.split(what) for what in said] == [
        ["gspy", "evaluate", str(run), "-o", "report/"],
        ["gspy", "export", str(run), "-o", "model.onnx"],
    ]


def test_an_exported_run_classifies_its_own_training_pictures(run, data, tmp_path):
    output = tmp_path / "my model.onnx"
    code, out, _ = gspy("export", run, "-o", output)
    assert code == 0
    assert f"next: gspy classify figures/ --model '{output}'" in out
    code, out, _ = gspy("classify", data, "-r", "-m", output)
    right = [row["ml_label"] == Path(row["path"]).parent.name for row in rows(out)]
    assert code == 0
    assert sum(right) / len(right) > 0.6


def test_an_exported_file_can_be_checked_against_its_run(run, tmp_path):
    output = tmp_path / "m.onnx"
    gspy("export", run, "-o", output)
    code, out, _ = gspy("export", run, "--check", output)
    assert code == 0
    assert "a whole model of gspy, tiny, 3 classes" in out
    apart = re.search(rf"differs from {re.escape(str(run))} by (\S+) at most", out)
    assert float(apart[1]) < 1e-4
    output.write_bytes(output.read_bytes()[:-50])
    code, _, err = gspy("export", "--check", output)
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_variant_is_smaller_and_says_what_it_lost(run, data, tmp_path, precision):
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    gspy("export", run, "-o", whole)
    code, out, _ = gspy(
        *("export", run, "-o", small, "--precision", precision),
        *("--cache", tmp_path, "--force"),
    )
    assert code == 0
    card = load_model(str(small), device="cpu").card
    for kind, part in card.scores["accuracy_by_precision"].items():
        assert f"{kind}: {part:.4f} of the pictures named right\n" in out
    code, out, _ = gspy("export", run, "--check", small)
    assert (code, "of less precision, so not compared" in out) == (0, True)
    assert "of the pictures it was tried on it named right fp32" in out
    code, out, err = gspy("export", "nosuch", "--check", small)
    assert (code, out, "nosuch does not exist" in err) == (2, "", True)
    assert set(card.scores["accuracy_by_precision"]) == {"fp32", precision}
    assert small.stat().st_size < whole.stat().st_size
    _, out, _ = gspy("classify", data, "-r", "-m", whole)
    right = np.mean([r["ml_label"] == Path(r["path"]).parent.name for r in rows(out)])
    assert card.scores["accuracy_by_precision"]["fp32"] == round(float(right), 4)


def test_a_variant_that_loses_accuracy_is_refused(run, tmp_path, monkeypatch):
    from gspy_cli.training import variants

    accuracies = itertools.cycle([0.9, 0.894])
    monkeypatch.setattr(variants, "accuracy", lambda *_: next(accuracies))
    output = tmp_path / "m.onnx"
    asked = (
        *("export", run, "-o", output),
        *("--precision", "fp16", "--cache", tmp_path),
    )
    code, _, err = gspy(*asked)
    assert code == 1
    assert "fp16 loses 0.6 points of accuracy (0.9000 to 0.8940" in err
    assert not output.exists()
    assert gspy(*asked, "--force")[0] == 0
    assert output.exists()


def test_a_run_can_be_kept_as_a_model_and_removed(run, data, registry):
    code, out, _ = gspy("models", "add", run, "--name", "mine", "--default")
    assert (code, "added 'mine', the default now" in out) == (0, True)
    assert "mine" in gspy("models")[1]
    picture = next(data.rglob("*.png"))
    code, out, _ = gspy("classify", picture, "-f", "jsonl")
    assert (code, json.loads(out)["model_name"]) == (0, "mine")
    shown = gspy("models", "mine")[1]
    assert "tiny, " in shown
    assert re.search(r"^date +\d{4}-\d\d-\d\d\b", shown, re.MULTILINE)
    assert gspy("models", "remove", "mine")[0] == 0
    assert gspy("classify", picture, "-m", "mine")[0] == 2


def test_a_run_that_went_on_is_not_taken_for_its_old_export(
    run, data, registry, tmp_path
):
    gone_on = shutil.copytree(run, tmp_path / "gone-on")
    (gone_on / "model.onnx").write_bytes(b"of older weights")
    os.utime(gone_on / "model.onnx", (1, 1))
    picture = next(data.rglob("*.png"))
    assert gspy("evaluate", gone_on)[0] == 0
    assert gspy("classify", picture, "-m", gone_on)[0] == 0
    assert gspy("models", "add", gone_on, "--name", "mine")[0] == 0


def test_a_run_that_is_kept_as_a_model_stays_as_it_is(run, registry):
    assert gspy("models", "add", run, "--name", "mine")[0] == 0
    assert not (run / "model.onnx").exists()


def test_a_folder_of_pictures_is_no_model_to_keep(data, registry):
    code, out, err = gspy("models", "add", data)
    assert (code, out) == (2, "")
    assert err.startswith(f"gspy: {data} is no run of gspy train")


def test_every_option_reaches_the_training(data, tmp_path, monkeypatch):
    recipe = Recipe(
        *("paper", 2, 4, "sgd", 0.5, 0.25, "constant", 1.5, 0.125, 0.75, 0.5),
        *(True, 7, 3, True, 2.0),
    )
    values = {
        **{"name": "mine", "output": tmp_path / "runs", "seed": 5, "window": 0.5},
        **{"own_classes": True, "validation": 0.25, "test": 0.125},
        **{"pretrained": False, "weights": data, "image_size": 256, "device": "cpu"},
        **{"amp": "off", "workers": 1, "compile": True, "cache": tmp_path / "cache"},
        **{"simulated": tmp_path, "real_share": 0.5},
    }
    config = TrainConfig(data, "cae", recipe, **values)
    assert {f.name for f in fields(TrainConfig)} == {
        *("data", "architecture", "recipe"),
        *values,
    }
    options = {**asdict(recipe), **values}
    words = []
    for key, value in options.items():
        option = key.replace("_", "-")
        if isinstance(value, bool):
            words += [f"--{option}" if value else f"--no-{option}"]
        else:
            words += [f"--{option}", value]
    asked = []

    def train(config, **_):
        asked.append(config)
        raise GspyError("enough")

    monkeypatch.setattr("gspy_cli.training.train.train", train)
    given = ("train", "--data", data, "--arch", "cae", "--recipe", "paper", *words)
    assert gspy(*given)[2] == "gspy: enough\n"
    assert asked == [config]


def test_several_batch_sizes_are_compared(data, tmp_path):
    code, out, _ = train(data, tmp_path, "-b", "4,8", "--name", "two", "-q")
    (folder,) = (tmp_path / "runs").iterdir()
    assert (code, folder.name) == (0, "two-search-001")
    assert [row["batch_size"] for row in csv.DictReader(out.splitlines()[:3])] == [
        "4",
        "8",
    ]
    assert (folder / "comparison.png").is_file()
    assert "next:" not in out


def test_a_batch_size_given_twice_is_one_run(data, tmp_path):
    twice = ("-b", "8,8", "--lr", "1e-3,0.001")
    assert train(data, tmp_path, *twice, "--epochs", 1, "-q")[0] == 0
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny-001"]


def test_a_stopped_comparison_goes_on(data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training_screen.Screen, "finished", press_ctrl_c)
        code, _, err = train(data, tmp_path, "--lr", "1e30,0.01,0.001")
    (folder,) = (tmp_path / "runs").iterdir()
    assert (code, f"next: gspy train --resume {folder}\n" in err) == (130, True)
    code, out, err = gspy("train", "--resume", folder, "-q")
    assert (code, err) == (0, "batch-32-lr-1e+30: the loss was no longer a number\n")
    table = list(csv.DictReader(out.splitlines()))
    assert [row["lr"] for row in table if row["lr"]] == ["0.001", "0.01"]
    assert gspy("train", "--resume", folder, "-q") == (0, out, err)


def test_folds_print_the_scores_and_are_not_trained_again(data, tmp_path):
    code, out, _ = train(data, tmp_path, "--folds", 2, "-q", "--epochs", 1)
    (folder,) = (tmp_path / "runs").iterdir()
    scores = json.loads((folder / "scores.json").read_text())
    accuracy = scores["fold_accuracy_per_glitch"]
    assert code == 0
    assert f"18 glitches, views fused: accuracy {accuracy:.3f}" in out
    assert f"class by class: {folder / 'scores.json'}" in out
    code, out, err = gspy("train", "--resume", folder)
    assert (code, out) == (2, "")
    assert "is finished: its scores are in scores.json" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--folds", 100), "--folds 100: give 2 to 18, the number of glitches"),
        (("--folds", 2, "-b", "4,8"), "one --batch-size and one --lr"),
        (("--folds", 2, "--patience", 3), "leave --patience out"),
        (("--folds", 2, "--device", "x"), "'x' is not a device"),
        (("-b", "8,4", "--device", "x"), "'x' is not a device"),
        (("-b", "8,4", "--validation", 0, "--patience", 3), "--patience goes by"),
        (("-b", "8,1"), "--batch-size 1: give 2 or more"),
        (("--lr", "0.1,nan"), "--lr nan: give a number above 0"),
        (("--name", "../evil"), "--name ../evil: give a name"),
        (("--simulated", "nosuch"), "nosuch holds no simulated inputs"),
        (("--resume", "x"), "x is no training run: there is no such folder"),
    ],
)
def test_a_refused_option_leaves_no_folder(options, message, data, tmp_path):
    code, out, err = train(data, tmp_path, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("several", [("--folds", 2), ("-b", "4,8")])
def test_what_cannot_start_leaves_no_folder(several, data, tmp_path):
    foreign = tmp_path / "foreign.pth"
    torch.save({"weight": torch.zeros(2)}, foreign)
    code, out, err = train(data, tmp_path, *several, "--weights", foreign)
    assert (code, out) == (2, "")
    assert "these weights are not tiny's" in err
    data = draw_class_folders(tmp_path / "data", {"Blip": 4})
    code, _, err = train(data, tmp_path, *several)
    assert (code, "only one class, Blip" in err) == (2, True)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("way", [(), ("--folds", 2), ("-b", "4,8")])
def test_simulated_classes_that_the_data_lack_leave_no_folder(way, data, tmp_path):
    np.save(tmp_path / "inputs.npy", np.zeros((1, 4, 32, 32, 3), np.uint8))
    np.save(tmp_path / "labels.npy", [labels.CLASSES.index("Tomte")])
    code, out, err = train(data, tmp_path, *way, "--simulated", tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{tmp_path} holds Tomte, which the data do not have" in err
    assert not (tmp_path / "runs").exists()


def metadata_of(data: Path, folder: Path, glitches: int = 3) -> Path:
    """Copy pictures below a table like Gravity Spy's, without those of one glitch."""
    columns, lines = "ifo,gravityspy_id,label,sample_type", []
    for label in CLASSES:
        parts = ("train", "train", "validation")[:glitches]
        lines += [f"H1,{label}{n},{label},{part}" for n, part in enumerate(parts)]
    shutil.copytree(data, folder / "pictures")
    for picture in (folder / "pictures" / CLASSES[0]).glob(f"H1_{CLASSES[0]}0_*"):
        picture.unlink()
    table = folder / "metadata.csv"
    table.write_text("\n".join([columns, *lines]))
    return table


@pytest.mark.parametrize("way", [(), ("--folds", 2), ("-b", "4,8")])
def test_glitches_without_a_picture_are_told_of_at_the_start(way, data, tmp_path):
    table = metadata_of(data, tmp_path)
    (tmp_path / "foreign.pth").touch()
    _, _, err = train(table, tmp_path, *way, "--weights", tmp_path / "foreign.pth")
    told, refused = err.splitlines()
    assert told == f"note: 1 of 9 glitches have no picture under {tmp_path}"
    assert "is no file of plain weights" in refused


def test_a_comparison_tells_of_glitches_without_a_picture_once(data, tmp_path):
    table = metadata_of(data, tmp_path)
    code, _, err = train(table, tmp_path, "-b", "4,8", "--epochs", 1)
    assert (code, err.count("have no picture under")) == (0, 1)


@pytest.mark.parametrize("way", [(), ("--folds", 2), ("-b", "4,8")])
def test_nothing_is_trained_on_data_with_a_class_without_a_picture(way, data, tmp_path):
    table = metadata_of(data, tmp_path, glitches=1)
    code, out, err = train(table, tmp_path, *way)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"no picture of {CLASSES[0]} under {tmp_path}" in err
    assert not (tmp_path / "runs").exists()


def test_a_resumed_run_takes_no_other_options(run, data, tmp_path):
    code, out, err = train(data, tmp_path, "--resume", run)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "goes on as it began: leave --arch out" in err


def test_a_cache_that_cannot_be_written_is_one_line(data, tmp_path):
    (tmp_path / "cache").touch()
    code, out, err = train(data, tmp_path)
    assert (code, out) == (2, "")
    assert f"cannot keep decoded pictures in {tmp_path / 'cache'}" in err
    assert "with --cache" in err


def test_an_export_that_cannot_be_written_is_one_line(run, tmp_path):
    (tmp_path / "file").touch()
    for output in (tmp_path / "file" / "m.onnx", tmp_path / "no" / "m.onnx", tmp_path):
        code, out, err = gspy("export", run, "-o", output, "--simulated", "nosuch")
        assert (code, out) == (2, "")
        assert f"-o {output}: name a file in a folder that is there" in err


def test_a_file_of_other_weights_is_not_of_the_run(run, data, tmp_path):
    train(data, tmp_path, "-q", "--seed", 1, "--epochs", 1)
    (other,) = (tmp_path / "runs").iterdir()
    output = tmp_path / "m.onnx"
    gspy("export", run, "-o", output)
    code, _, err = gspy("export", other, "--check", output)
    assert (code, f"is not of {other}'s weights" in err) == (1, True)
    assert "report this" not in err


def test_a_file_of_other_classes_or_network_is_not_of_the_run(
    run, tmp_path, monkeypatch
):
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES[:2], 4))
    train(data, tmp_path, "-q", "--epochs", 1)
    (other,) = (tmp_path / "runs").iterdir()
    output, smaller = tmp_path / "m.onnx", ("--precision", "fp16", "--force")
    for options in ((), (*smaller, "--cache", tmp_path / "cache")):
        assert gspy("export", run, "-o", output, *options)[0] == 0
        code, out, err = gspy("export", other, "--check", output)
        said = f"{output} is not of {other}: other classes or network"
        assert (code, out, said in err) == (1, "", True)
    network, card = check.read_network(run)
    found = network, replace(card, architecture="mobilenet_v2")
    monkeypatch.setattr(check, "read_network", lambda _: found)
    code, _, err = gspy("export", run, "--check", output)
    assert (code, f"is not of {run}: other classes or network" in err) == (1, True)


@pytest.mark.parametrize("several", [("--folds", 2), ("--lr", "1e-3,1e-4")])
def test_torchrun_trains_one_run(several, data, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, out, err = train(data, tmp_path, *several)
    assert (code, out) == (2, "")
    assert "torchrun trains one run: no folds, one batch size, one rate" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "none"], "does not exist"),
        (["train", "--data", ".", "--window", "x"], "--window x: use 0.5"),
        (["train", "--data", ".", "--batch-size", "4,x"], "give numbers with commas"),
        (
            ["train", "--data", "DATA", "--arch", "cae", "--image-size", 128],
            "cae cannot take pictures of 128 pixels: use --image-size 256",
        ),
        (
            [
                "train",
                "--data",
                "DATA",
                "--arch",
                "tiny",
                "--no-pretrained",
                "-o",
                "FILE",
            ],
            "give a folder that you may write to with -o",
        ),
        (["train", "--data", "DATA", "--arch", "vgg11"], "did you mean 'vgg16'?"),
        (["train", "--data", "DATA", "--weights", "nothing"], "no model 'nothing'"),
        (["train", "--data", "DATA", "--folds", 1], "--folds 1: give 2 or more"),
        (["train", "--resume", "nothing"], "nothing is no training run"),
        (["export", "nothing"], "does not exist"),
        (["export"], "give the run to export"),
        (["export", "FILE"], "is no run of gspy train, nor its .safetensors"),
        (["export", "STATE"], "state.safetensors is not a checkpoint of gspy train"),
        (["train", "--data", "TABLE"], "table.csv: expected a row for each"),
        (["export", "RUN", "--temperature", "nan"], "--temperature nan: give a number"),
        (["models", "remove", "nothing"], "no model 'nothing' of your own"),
        (["data", "get", "everything"], "there is: gravity-spy"),
        (["simulate", "-o", "x", "--classes", "Blib"], "did you mean 'Blip'?"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message, registry, data, run, tmp_path):
    (tmp_path / "file").touch()
    table = tmp_path / "table.csv"
    table.write_text("file,label\n")
    stands_for = {"DATA": data, "FILE": tmp_path / "file", "RUN": run, "TABLE": table}
    stands_for["STATE"] = run / "training_state.safetensors"
    code, out, err = gspy(*(stands_for.get(word, word) for word in arguments))
    assert (code, out) == (2, "")
    assert message in err


def test_a_class_of_one_glitch_is_named(tmp_path):
    data = draw_class_folders(tmp_path / "data", {CLASSES[0]: 1, CLASSES[1]: 4})
    _, _, err = train(data, tmp_path, "--epochs", 1)
    assert f"one glitch only, too few to learn and to judge: {CLASSES[0]}\n" in err


def test_without_data_the_remedies_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "data_folder", lambda: tmp_path)
    code, _, err = gspy("train")
    assert code == 2
    assert "run gspy data get gravity-spy, or give a folder" in err


def test_every_architecture_is_listed():
    code, out, _ = gspy("models", "--architectures")
    assert code == 0
    assert all(name in out for name in ("alexnet", "mobilenet_v2", "cae"))
