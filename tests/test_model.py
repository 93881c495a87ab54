import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import typer
from conftest import SIDE, TINY_CLASSES, tiny_card, write_tiny_model
from onnx import helper
from running import gspy

from gspy_cli import model, model_folder
from gspy_cli import registry as registry_module
from gspy_cli.card import MAX_SIDE, ModelCard
from gspy_cli.cli import models_screen
from gspy_cli.cli.models import models
from gspy_cli.errors import GspyError
from gspy_cli.evaluation.subjects import of_table
from gspy_cli.model import load_model
from gspy_cli.model_folder import WEIGHTS, ModelFolder


@pytest.mark.parametrize("side", [1, MAX_SIDE])
def test_a_card_survives_json(side):
    card = tiny_card(scores={"accuracy": 0.5}, temperature=1.5, input_size=(side, side))
    card = replace(card, classes=("Blip", "Whistle"), unfamiliar_below=1.0)
    assert ModelCard.from_json(card.to_json(), origin="card.json") == card


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "{}", '{"classes": ["a"]}', "\x00", '{"classes": 3}'],
)
def test_a_bad_card_is_one_clear_line(text):
    with pytest.raises(GspyError, match=r"^card\.json is not a gspy model card"):
        ModelCard.from_json(text, origin="card.json")


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["Blip", "Blip"]},
        {"classes": ["Blip"]},
        {"classes": [1, 2]},
        {"classes": ["Blip", "../../up"]},
        {"classes": ["Blip", ".."]},
        {"classes": ["Blip", "two\nlines"]},
        {"classes": ["Blip", "\ud800"]},
        {"classes": ["Blip", "\x9b31m"]},
        {"classes": ["Blip", "\u202epilB"]},
        {"classes": ["Blip", "status"]},
        {"classes": ["Blip", "ml_label_2"]},
        {"input_size": [0, 224]},
        {"input_size": [MAX_SIDE + 1, 224]},
        {"input_size": [224]},
        {"input_size": ["224", "224"]},
        {"mean": [0, 0]},
        {"mean": [0, 0, float("nan")]},
        {"std": [1, 1]},
        {"std": [1, 0, 1]},
        {"std": [1, float("nan"), 1]},
        {"temperature": 0},
        {"temperature": True},
        {"unfamiliar_below": 1.5},
        {"unfamiliar_below": "0.5"},
        {"parameters": 1.5},
        {"parameters": -9},
        {"classes": "Blip"},
        {"std": None},
        {"scores": []},
        {"name": 3},
        {"name": "\x1b[31mred"},
        {"trained_on": ["0123abcd"]},
    ],
)
def test_a_card_that_cannot_be_right_is_refused(change):
    values = json.loads(tiny_card().to_json()) | change
    with pytest.raises(GspyError, match=rf"\(wrong: {next(iter(change))}\)"):
        ModelCard.from_json(json.dumps(values), origin="card.json")


def test_a_card_needs_nothing_that_has_a_default():
    values = json.loads(tiny_card().to_json())
    for name in ("crop", "temperature", "unfamiliar_below", "scores", "sha256"):
        del values[name]
    assert ModelCard.from_json(json.dumps(values), origin="card.json") == tiny_card()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON: "),
        ("3", "no JSON object"),
        ('{"name": "a", "mean": 1, "std": 1}', "missing: architecture, classes, "),
    ],
)
def test_a_card_says_what_it_lacks(text, why):
    with pytest.raises(GspyError, match=rf"^card\.json .* card \({why}"):
        ModelCard.from_json(text, origin="card.json")


@pytest.mark.parametrize(("name", "value"), [("crop", "ellipse"), ("filter", "near")])
def test_a_card_of_the_future_asks_for_an_update(name, value):
    text = tiny_card(**{name: value}).to_json()
    with pytest.raises(GspyError, match=rf"{name} '{value}'.*update gspy-cli"):
        ModelCard.from_json(text, origin="card.json")


def test_a_model_scores_pictures(tiny_model: Path):
    loaded = load_model(str(tiny_model), device="cpu")
    pictures = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    pictures[1, ..., 2] = 255
    scores = loaded.score(pictures)
    assert loaded.card.classes == TINY_CLASSES
    np.testing.assert_allclose(scores[0], 1 / 3, atol=1e-6)
    assert scores[1].argmax() == 2


def test_a_changed_model_file_is_refused(tiny_model: Path):
    tiny_model.write_bytes(tiny_model.read_bytes()[:-1])
    with pytest.raises(GspyError, match="checksum is not the card's"):
        load_model(str(tiny_model))


@pytest.mark.parametrize("content", [b"", b"not onnx", b"\x08\x09\x12\x00" * 50])
def test_a_file_that_is_no_model_is_one_clear_line(tmp_path: Path, content: bytes):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(GspyError, match="is not a"):
        load_model(str(path))


def test_a_file_that_is_too_large_for_a_model_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"12345")
    monkeypatch.setattr(model_folder, "MAX_BYTES", 5)
    assert model_folder.read(path) == b"12345"
    monkeypatch.setattr(model_folder, "MAX_BYTES", 4)
    with pytest.raises(GspyError, match=r"x\.onnx is too large for a model$"):
        model_folder.read(path)


def test_a_foreign_graph_is_refused(tiny_model: Path):
    card = tiny_model.with_name("card.json")
    values = json.loads(card.read_text()) | {"input_size": [64, 64]}
    card.write_text(json.dumps(values))
    with pytest.raises(
        GspyError, match=r"must take 'image' \(uint8, N x 64 x 64 x 3\)"
    ):
        load_model(str(tiny_model))


def test_a_graph_alone_that_is_not_gspys_is_called_so(tiny_model: Path):
    tiny_model.with_name("card.json").unlink()
    message = f"{tiny_model} is not an ONNX model of gspy; install or export it again"
    with pytest.raises(GspyError, match=f"^{re.escape(message)}$"):
        load_model(str(tiny_model))


def test_a_card_with_other_classes_than_the_graphs_is_refused(tiny_model: Path):
    add_own_card(tiny_model)
    card = tiny_model.with_name("card.json")
    assert load_model(str(tiny_model)).card.classes == TINY_CLASSES
    swapped = tiny_card(
        classes=TINY_CLASSES[::-1],
        sha256=hashlib.sha256(tiny_model.read_bytes()).hexdigest(),
    )
    card.write_text(swapped.to_json())
    message = f"{card} is not the card of model.onnx: its classes are others; add or"
    for path in (tiny_model, tiny_model.parent):
        with pytest.raises(GspyError, match=f"^{re.escape(message)}"):
            load_model(str(path))


def add_own_card(path: Path) -> None:
    """Put the tiny model's card into its graph, as an export does."""
    found = onnx.load(path)
    values = {"card": tiny_card().to_json(), "classes": "\n".join(TINY_CLASSES)}
    helper.set_model_props(found, values)
    rewrite(path, found)


def end_with(path: Path, operator: str, *inputs: str, **attributes: object) -> None:
    """Let the tiny model end with one more operator."""
    found = onnx.load(path)
    found.graph.node[-1].output[0] = "before"
    last = helper.make_node(
        operator, ["before", *inputs], ["probabilities"], **attributes
    )
    found.graph.node.append(last)
    found.graph.initializer.append(
        onnx.numpy_helper.from_array(np.array([1, 3]), "one row")
    )
    rewrite(path, found)


def rewrite(path: Path, found: onnx.ModelProto) -> None:
    """Put another graph in a model's place, with its checksum in the card."""
    content = found.SerializeToString()
    path.write_bytes(content)
    card = ModelCard.from_json(path.with_name("card.json").read_text(), origin="card")
    card = replace(card, sha256=hashlib.sha256(content).hexdigest())
    path.with_name("card.json").write_text(card.to_json())


def test_a_graph_that_takes_one_picture_at_a_time_is_refused(tiny_model: Path):
    found = onnx.load(tiny_model)
    found.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    rewrite(tiny_model, found)
    with pytest.raises(GspyError, match=r"takes 1 at a time.* a dynamic first axis$"):
        load_model(str(tiny_model))


@pytest.mark.parametrize("name", ["probabilities", "familiarity"])
def test_a_graph_whose_outputs_have_another_shape_is_refused(
    tiny_model: Path, name: str
):
    found = onnx.load(tiny_model)
    if name == "familiarity":
        card = tiny_model.with_name("card.json")
        values = json.loads(card.read_text()) | {"unfamiliar_below": 0.5}
        card.write_text(json.dumps(values))
        found.graph.node.append(helper.make_node("Identity", ["probabilities"], [name]))
        found.graph.output.append(
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 3])
        )
    else:
        shape = found.graph.output[0].type.tensor_type.shape
        shape.dim.insert(1, shape.dim[0])
        last = found.graph.node[-1]
        last.output[0] = "flat"
        found.graph.node.append(
            helper.make_node("Unsqueeze", ["flat", "second"], [name])
        )
        found.graph.initializer.append(
            onnx.numpy_helper.from_array(np.array([1]), "second")
        )
    rewrite(tiny_model, found)
    with pytest.raises(GspyError, match=f"(give|lacks the output) '{name}'"):
        load_model(str(tiny_model))


def test_a_graph_that_fails_on_a_batch_is_one_line(tiny_model: Path):
    end_with(tiny_model, "Reshape", "one row")
    score = load_model(str(tiny_model)).score
    assert score(np.zeros((1, SIDE, SIDE, 3), np.uint8)).shape == (1, 3)
    with pytest.raises(GspyError, match=r"fails on a batch of 2 \(.*Reshape") as caught:
        score(np.zeros((2, SIDE, SIDE, 3), np.uint8))
    assert "\n" not in str(caught.value)


def test_only_the_sessions_of_gspy_are_silent(tiny_model: Path, capfd):
    end_with(tiny_model, "Reshape", "one row")
    two = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    with pytest.raises(GspyError):
        load_model(str(tiny_model)).score(two)
    assert capfd.readouterr().err == ""
    with pytest.raises(Exception, match="Reshape"):
        onnxruntime.InferenceSession(tiny_model).run(None, {"image": two})
    assert "Reshape" in capfd.readouterr().err


def test_a_graph_that_leaves_pictures_out_is_one_line(tiny_model: Path):
    end_with(tiny_model, "ReduceMean", axes=[0])
    score = load_model(str(tiny_model)).score
    with pytest.raises(GspyError, match="not give an answer for each picture"):
        score(np.zeros((2, SIDE, SIDE, 3), np.uint8))


def test_a_users_model_hides_a_shipped_one_of_its_name(registry: Path):
    for root in ("shipped", "user"):
        (registry / root / "tiny").mkdir(parents=True)
        write_tiny_model(registry / root / "tiny")
    assert registry_module.find("tiny") == registry / "user" / "tiny" / "model.onnx"
    assert [folder.path for folder in registry_module.installed()] == [
        registry / "user/tiny"
    ]


def test_the_environment_names_the_default(registry: Path, monkeypatch):
    (registry / "user" / "mine").mkdir(parents=True)
    expected = write_tiny_model(registry / "user" / "mine")
    monkeypatch.setenv("GSPY_MODEL", "mine")
    assert registry_module.find(None) == expected


def test_an_unknown_model_names_the_nearest(registry: Path):
    (registry / "user" / "mobilenet").mkdir(parents=True)
    write_tiny_model(registry / "user" / "mobilenet")
    with pytest.raises(GspyError, match=r"'mobilnet'; did you mean 'mobilenet'\?"):
        registry_module.find("mobilnet")


def test_a_model_whose_graph_is_gone_is_named(tiny_model: Path, registry: Path):
    half = registry / "user" / "half"
    shutil.copytree(tiny_model.parent, half)
    (half / "model.onnx").unlink()
    message = f"{half / 'model.onnx'} is missing; add the model again"
    with pytest.raises(GspyError, match=f"^{re.escape(message)}$"):
        registry_module.find("half")


def test_a_model_folder_is_a_path_too(tiny_model: Path, registry: Path):
    assert registry_module.find(str(tiny_model.parent)) == tiny_model


def test_a_graph_older_than_its_runs_weights_is_refused(tmp_path):
    folder = ModelFolder(tmp_path)
    for path, time in ((folder.graph, 1), (tmp_path / WEIGHTS, 2)):
        path.touch()
        os.utime(path, (time, time))
    with pytest.raises(GspyError, match="older than the run's weights"):
        registry_module.find(str(tmp_path))
    os.utime(folder.graph, (2, 2))
    assert registry_module.find(str(tmp_path)) == folder.graph


def test_a_runs_card_without_a_checksum_is_no_graphs(tmp_path):
    folder = ModelFolder(tmp_path)
    folder.card_file.write_text(tiny_card(sha256="").to_json())
    assert folder.card_of(folder.graph) is None


def test_the_shipped_models_are_whole():
    folders = list(registry_module.shipped_models().glob("*/model.onnx"))
    assert folders
    for path in folders:
        loaded = load_model(str(path), device="cpu")
        assert loaded.card.name == path.parent.name
        assert (path.parent / "README.md").is_file()


def test_a_shipped_graph_alone_is_used_as_its_folder_says(tmp_path: Path):
    (tmp_path / "card.json").write_text(tiny_card(sha256="another's").to_json())
    for path in registry_module.shipped_models().glob("*/model.onnx"):
        alone, whole = (
            replace(load_model(str(graph)).card, data="", scores={})
            for graph in (shutil.copy(path, tmp_path / "own.onnx"), path)
        )
        assert alone == whole


def test_no_word_of_a_card_orders_the_terminal_about(tiny_model, registry, capsys):
    order = "\x1b[31m"
    texts = {"architecture": order, "data": order, "licence": order}
    card = tiny_card(**texts, scores={f"right{order}": {order: 1.0}})
    models_screen.show_card(card)
    folder = registry / "user" / "tiny"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(card.to_json())
    shutil.copy(tiny_model, folder / "model.onnx")
    models_screen.show_models(list(registry_module.installed()), "tiny")
    shown = capsys.readouterr().out
    assert order not in shown
    assert shown.count("[31m") >= 5


def test_a_registry_without_the_default_says_what_is_there(registry: Path):
    with pytest.raises(GspyError, match="installed: none"):
        registry_module.find(None)


def test_a_damaged_card_in_the_registry_is_named(tiny_model: Path, registry: Path):
    shutil.copytree(tiny_model.parent, registry / "user" / "tiny")
    (registry / "user" / "tiny" / "card.json").write_text("{")
    with pytest.raises(GspyError, match=r"tiny.card\.json is not a gspy model card"):
        model.find_card("tiny")


def test_a_broken_model_hides_no_other(tiny_model: Path, registry: Path):
    for name in ("tiny", "bad", "empty"):
        shutil.copytree(tiny_model.parent, registry / "user" / name)
    (registry / "user" / "bad" / "card.json").write_text("{")
    (registry / "user" / "empty" / "model.onnx").unlink()
    code, out, _ = gspy("models")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[1:4]] == [
        ["bad", "broken"],
        ["empty", "broken"],
        ["tiny", "mean_colour"],
    ]
    assert "is not a gspy model card" in " ".join(out.split())


def test_a_small_score_of_a_card_is_not_shown_as_nothing():
    card = tiny_card(scores={"lr": 0.0003, "accuracy": 0.9, "errors": 0.0})
    facts = dict(models_screen._facts(card))
    assert [facts[name] for name in card.scores] == ["0.0003", "0.900", "0.000"]


def test_a_card_shows_the_temperature_of_the_graph_and_calls_the_fitted_one_so():
    scores = {"temperature": 0.671, "calibration_error_tempered": 0.016}
    card = tiny_card(temperature=0.7, unfamiliar_below=0.09279, scores=scores)
    facts = dict(models_screen._facts(card))
    assert (facts["temperature"], facts["unfamiliar below"]) == ("0.7", "0.0928")
    assert facts["temperature fitted to held-out answers"] == "0.671"
    assert facts["calibration error at the fitted one"] == "0.016"


def test_a_name_that_is_taken_needs_force(tiny_model: Path, registry: Path):
    shutil.copytree(tiny_model.parent, registry / "shipped" / "tiny")
    model.add_to_registry(tiny_model, name="mine")
    other = write_tiny_model(registry, scale=0.1)
    for name in ("mine", "tiny"):
        with pytest.raises(GspyError, match=f"is a model '{name}' already.* --force"):
            model.add_to_registry(other, name=name)
        assert model.add_to_registry(other, name=name, force=True).path.name == name


class Killed(BaseException):
    """Ends the program at once."""


def kill(*_arguments: object, **_options: object) -> None:
    raise Killed


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_addition_that_was_killed_is_finished_by_the_same_command(
    tiny_model, registry, monkeypatch, number, force
):
    add_own_card(tiny_model)
    if force:
        model.add_to_registry(tiny_model, name="mine")
    other = write_tiny_model(registry, scale=0.1)
    add_own_card(other)
    add = ["models", "add", other, "--name", "mine", "--default"]
    add += ["--force"] * force
    left = iter([Path.replace] * (number - 1))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *paths: next(left, kill)(*paths))
        with pytest.raises(Killed):
            gspy(*add)
    if force:
        assert load_model("mine").card.classes == TINY_CLASSES
    assert gspy(*add)[0] == 0
    assert registry_module.find(None).read_bytes() == other.read_bytes()
    assert load_model().card.name == "mine"


def test_a_model_that_a_kill_left_without_its_card_is_listed(tiny_model, registry):
    add_own_card(tiny_model)
    folder = model.add_to_registry(tiny_model, name="mine").path
    whole = gspy("models")
    (folder / "card.json").unlink()
    assert load_model("mine").card.classes == TINY_CLASSES
    assert gspy("models") == whole


@pytest.mark.parametrize(("name", "known"), [("mine", True), ("gone", False)])
def test_a_table_knows_the_card_of_its_model(tiny_model, registry, name, known):
    add_own_card(tiny_model)
    folder = model.add_to_registry(tiny_model, name="mine").path
    table = registry / "labels.csv"
    table.write_text(f"path,A,B,status,model_name\na.png,1,0,ok,{name}\n")
    assert bool(of_table(table).card) == known
    (folder / "card.json").unlink()
    assert bool(of_table(table).card) == known


def test_a_registry_that_cannot_be_written_is_one_line(tiny_model, registry):
    (registry / "user").touch()
    code, _, err = gspy("models", "add", tiny_model, "--name", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert f"cannot keep 'mine' in {registry / 'user'}" in err


def full_at(count: int) -> Callable[[int], None]:
    """Make a disk that is full when the file of this number is written to it."""
    results = iter([None] * (count - 1))

    def sync(_number: int) -> None:
        if next(results, errno.ENOSPC):
            raise OSError(errno.ENOSPC, "No space left on device")

    return sync


@pytest.mark.parametrize("written", [1, 2])
def test_a_full_disk_leaves_the_models_as_they_were(
    tiny_model, registry, monkeypatch, written
):
    model.add_to_registry(tiny_model, name="mine")
    other = write_tiny_model(registry, scale=0.1)
    for name in ("mine", "fresh"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full_at(written))
            with pytest.raises(GspyError, match=rf"'{name}'.*No space left.*make room"):
                model.add_to_registry(other, name=name, force=True)
    assert [p.name for p in (registry / "user").iterdir()] == ["mine"]
    assert len([*(registry / "user" / "mine").iterdir()]) == 2
    assert load_model("mine").card.name == "mine"
    assert model.add_to_registry(other, name="fresh").path.name == "fresh"


def test_a_graph_that_cannot_be_put_in_place_leaves_both_files_as_they_were(
    tiny_model, registry, monkeypatch
):
    folder = model.add_to_registry(tiny_model, name="mine").path
    other = write_tiny_model(registry, scale=0.1)
    before = {path: path.read_bytes() for path in folder.iterdir()}

    put = Path.replace

    def refuse(part: Path, path: Path) -> Path:
        if path == folder / "model.onnx":
            raise PermissionError(errno.EACCES, "Permission denied")
        return put(part, path)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(GspyError, match=r"Permission denied.*what was there is kept"):
        model.add_to_registry(other, name="mine", force=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_full_disk_leaves_the_default_as_it_was(tiny_model, registry, monkeypatch):
    model.add_to_registry(tiny_model, name="mine", default=True)
    monkeypatch.setattr(model_folder.ModelFolder, "fill", lambda *_: None)
    monkeypatch.setattr(os, "fsync", full_at(1))
    with pytest.raises(GspyError, match="is added, but cannot be made the default"):
        model.add_to_registry(tiny_model, name="fresh", default=True)
    assert registry_module.default_name() == "mine"


def test_a_folder_without_a_model_takes_no_name(tiny_model: Path, registry: Path):
    (registry / "user" / "mine").mkdir(parents=True)  # as after a kill
    model.add_to_registry(tiny_model, name="mine")
    assert load_model("mine").card.name == "mine"


def test_a_model_can_be_added_used_and_removed(tiny_model: Path, registry: Path):
    folder = model.add_to_registry(tiny_model, name="mine", default=True)
    assert folder.path == registry / "user" / "mine"
    assert registry_module.default_name() == "mine"
    assert load_model().card.name == "mine"
    registry_module.remove("mine")
    assert registry_module.default_name() == registry_module.DEFAULT_MODEL
    assert not list(registry_module.installed())


@pytest.mark.parametrize(
    ("step", "default", "after"),
    [
        ((Path, "rename"), True, "mine"),
        ((Path, "rename"), False, registry_module.DEFAULT_MODEL),
        ((shutil, "rmtree"), True, registry_module.DEFAULT_MODEL),  # it is gone then
    ],
)
def test_a_model_that_may_not_be_removed_stays_what_it_was(
    tiny_model, registry, monkeypatch, step, default, after
):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    folder = model.add_to_registry(tiny_model, name="mine", default=default)
    monkeypatch.setattr(*step, refuse)
    with pytest.raises(GspyError, match=r"cannot remove .*mine: Permission denied"):
        registry_module.remove("mine")
    assert registry_module.default_name() == after
    assert folder.graph.exists() == (step[0] is Path)


@pytest.mark.parametrize(
    "step", [(Path, "unlink"), (Path, "rename"), (shutil, "rmtree")]
)
def test_a_removal_that_was_killed_leaves_a_default_and_is_finished_by_the_same_command(
    tiny_model, registry, monkeypatch, step
):
    shutil.copytree(
        tiny_model.parent, registry / "shipped" / registry_module.DEFAULT_MODEL
    )
    model.add_to_registry(tiny_model, name="mine", default=True)
    with monkeypatch.context() as patch:
        patch.setattr(*step, kill)
        with pytest.raises(Killed):
            registry_module.remove("mine")
    assert registry_module.find(None).is_file()
    names = [folder.path.name for folder in registry_module.installed()]
    assert not any(name.startswith(".") for name in names)
    registry_module.remove("mine")
    assert list((registry / "user").iterdir()) == []


def test_a_model_that_is_a_link_is_removed_and_its_folder_stays(tiny_model, registry):
    (registry / "user").mkdir()
    try:
        (registry / "user" / "linked").symlink_to(tiny_model.parent)
    except OSError:
        pytest.skip("links are not allowed here")
    registry_module.remove("linked")
    assert list((registry / "user").iterdir()) == []
    assert tiny_model.exists()


@pytest.mark.parametrize("name", ["..", "a/b", ".a", *registry_module.RESERVED])
def test_a_name_that_cannot_be_a_folder_is_refused(tiny_model, registry, name):
    with pytest.raises(GspyError, match="cannot be a model's name"):
        model.add_to_registry(tiny_model, name=name)


def test_no_model_has_the_name_of_a_command():
    commands = typer.main.get_group(models).commands
    assert set(registry_module.RESERVED) == {"default", *commands}


@pytest.mark.parametrize("left", ["card.json", "model.onnx"])
def test_what_is_left_of_a_model_can_be_removed(registry: Path, left: str):
    folder = registry / "user" / "mine"
    folder.mkdir(parents=True)
    (folder / left).touch()
    registry_module.remove("mine")
    assert not folder.exists()


def test_only_ones_own_models_can_be_removed(tiny_model: Path, registry: Path):
    shutil.copytree(tiny_model.parent, registry / "shipped" / "tiny")
    for name in ("tiny", "../shipped/tiny", str(tiny_model.parent), "nothing"):
        with pytest.raises(GspyError, match=r"no model '.*' of your own"):
            registry_module.remove(name)
    assert tiny_model.exists()
    assert (registry / "shipped" / "tiny").is_dir()
