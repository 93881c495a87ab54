import errno
import os
import shutil
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import pytest
import torch
from conftest import SIDE, tiny_card, viridis_like
from glitch_pictures import draw_class_folders, lively_network
from running import gspy
from torch import nn

from gspy_cli.errors import CheckError, GspyError
from gspy_cli.labels import CLASSES
from gspy_cli.model import load_model
from gspy_cli.training import check, export, familiarity, quantise, variants
from gspy_cli.training.architectures import (
    ARCHITECTURES,
    Architecture,
    Normalise,
)

pytestmark = pytest.mark.usefixtures("tiny_network")

SMALL = ("mobilenet_v2", "efficientnet_lite0", "cae")


def network_and_card(name: str, side: int | None = None):
    found = ARCHITECTURES[name]
    side = side or found.input_size
    network = lively_network(name, len(CLASSES), pictures(side))
    card = tiny_card(
        name="mine", architecture=name, classes=CLASSES, input_size=(side, side)
    )
    return network, replace(card, mean=found.mean, std=found.std)


def pictures(side: int, count: int = 3) -> np.ndarray:
    return np.stack([viridis_like(side, side, seed) for seed in range(count)])


def answers(network: nn.Module, name: str, shown: np.ndarray) -> np.ndarray:
    """Give torch's probabilities (N, K), which differ between the pictures."""
    with torch.no_grad():
        logits = network(Normalise(name)(torch.from_numpy(shown)))
    probabilities = torch.softmax(logits, dim=1).numpy()
    assert probabilities.std(axis=0).max() > 1e-3
    return probabilities


@pytest.mark.parametrize("name", SMALL)
def test_an_exported_model_answers_as_torch_does(name: str, tmp_path: Path):
    network, card = network_and_card(name, None if name == "cae" else 64)
    shown = pictures(card.input_size[0])
    path = tmp_path / "any name.onnx"
    finished = export.export_model(network, card, path, pictures=shown)
    expected = answers(network, name, shown)
    loaded = load_model(str(path), device="cpu")
    np.testing.assert_allclose(loaded.score(shown), expected, atol=1e-4)
    assert loaded.card == finished


class UnevenPool(nn.Sequential):
    """Pools 7 x 7 features to 3 x 2, in cells that overlap."""

    def __init__(self, classes: int) -> None:
        pool = nn.AdaptiveAvgPool2d((3, 2))
        super().__init__(
            nn.Conv2d(3, 4, 8, stride=8), pool, nn.Flatten(), nn.Linear(24, classes)
        )


def test_a_pool_with_cells_of_unequal_sizes_is_exported(tmp_path: Path):
    uneven = Architecture(UnevenPool, "3", 0.001, 56)
    with mock.patch.dict(ARCHITECTURES, uneven=uneven):
        network, card = network_and_card("uneven")
        shown = pictures(56)
        export.export_model(network, card, tmp_path / "m.onnx", pictures=shown)
        expected = answers(network, "uneven", shown)
    scores = load_model(str(tmp_path / "m.onnx"), device="cpu").score(shown)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - set(SMALL)))
def test_every_architecture_exports(name: str, tmp_path: Path):
    network, card = network_and_card(name)
    shown = pictures(card.input_size[0], count=2)
    export.export_model(network, card, tmp_path / "m.onnx", pictures=shown)
    scores = load_model(str(tmp_path / "m.onnx"), device="cpu").score(shown)
    np.testing.assert_allclose(scores, answers(network, name, shown), atol=1e-4)


def test_the_temperature_is_in_the_graph(tmp_path: Path):
    network, card = network_and_card("tiny")
    shown = pictures(SIDE)
    sharp, soft = tmp_path / "sharp.onnx", tmp_path / "soft.onnx"
    export.export_model(network, card, sharp, pictures=shown)
    warm = replace(card, temperature=2.0)
    export.export_model(network, warm, soft, pictures=shown)
    sharp_log = np.log(load_model(str(sharp)).score(shown))
    soft_log = np.log(load_model(str(soft)).score(shown))
    np.testing.assert_allclose(
        soft_log - soft_log[:, :1], (sharp_log - sharp_log[:, :1]) / 2, atol=1e-4
    )


def test_the_file_alone_says_what_it_is(tmp_path: Path):
    network, card = network_and_card("tiny")
    path = tmp_path / "m.onnx"
    finished = export.export_model(network, card, path, pictures=pictures(SIDE))
    graph = onnx.load(path)
    values = {entry.key: entry.value for entry in graph.metadata_props}
    assert tuple(values["classes"].split("\n")) == CLASSES
    (taken,) = graph.graph.input
    assert taken.name == "image"
    assert [out.name for out in graph.graph.output] == ["probabilities", "embedding"]
    assert len(finished.sha256) == 64


def test_a_graph_that_answers_otherwise_is_not_written(tmp_path: Path, monkeypatch):
    network, card = network_and_card("tiny")
    right = export._to_onnx

    def wrong(deployed, card, opset):
        with torch.no_grad():
            deployed.head.bias += torch.arange(len(CLASSES))
            graph = right(deployed, card, opset)
            deployed.head.bias -= torch.arange(len(CLASSES))
        return graph

    monkeypatch.setattr(export, "_to_onnx", wrong)
    with pytest.raises(CheckError, match="does not answer as torch does"):
        export.export_model(network, card, tmp_path / "m.onnx", pictures=pictures(SIDE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "apart", "alike"),
    [(0.6, 5e-5, True), (0.6, 2e-4, False), (0.50002, 5e-5, False)],
)
def test_answers_of_one_label_may_differ_by_a_ten_thousandth(first, apart, alike):
    ours = np.array([[first, 1 - first]])
    with nullcontext() if alike else pytest.raises(CheckError):
        export._difference(ours, ours - apart * np.array([1, -1]))


@pytest.fixture
def run(trained) -> Path:
    return trained[0]


@pytest.fixture
def variant(run, tmp_path):
    """Export in less precision; give the exit code and what is on stderr."""

    def export(source: Path, precision: str, *arguments: object) -> tuple[int, str]:
        code, _, err = gspy(
            *("export", source, "--precision", precision, "-o", tmp_path / "m.onnx"),
            *("--cache", tmp_path / "cache", "--force", *arguments),
        )
        return code, err

    return export


def test_a_variant_is_tried_on_what_can_be_read_and_the_model_knows(
    run, variant, tmp_path
):
    data = draw_class_folders(tmp_path / "data", {"Blip": 1, "Thunder": 1})
    (data / "Blip" / "broken.png").touch()
    assert variant(run, "fp16", "--data", data)[0] == 0
    assert [*(tmp_path / "cache").rglob("*.npy")]


def test_a_checkpoints_variant_is_tried_on_its_runs_pictures(run, variant, tmp_path):
    assert variant(run / "last.safetensors", "fp16")[0] == 0
    alone = shutil.copy(run / "last.safetensors", tmp_path)
    code, err = variant(alone, "fp16")
    gone = f"{tmp_path / 'split.csv'} is missing: put it back, or give --data"
    assert (code, gone in err) == (2, True)
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "split.csv").unlink()
    code, err = variant(folder, "fp16")
    assert (code, f"{folder / 'split.csv'} is missing: put" in err) == (2, True)


def test_a_variant_tells_of_a_class_without_a_picture(run, variant, tmp_path):
    draw_class_folders(tmp_path / "pictures", {"Blip": 1})
    table = tmp_path / "metadata.csv"
    rows = "H1,Blip0,Blip,train\nH1,Tomte0,Tomte,train"
    table.write_text(f"ifo,gravityspy_id,label,sample_type\n{rows}")
    code, err = variant(run, "fp16", "--data", table)
    note = f"note: 1 of 2 glitches have no picture under {tmp_path}, all of Tomte among"
    assert (code, note in err) == (0, True)


def test_a_split_that_may_not_be_read_is_not_called_the_output(
    run, variant, monkeypatch
):
    original = Path.open

    def refuse(path, *arguments, **options):
        if path.name == "split.csv":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    code, err = variant(run, "fp16")
    assert (code, f"cannot read {run / 'split.csv'} (Permission" in err) == (2, True)


def test_eight_bits_are_calibrated_on_what_is_trained_on_where_there_is_any(tmp_path):
    data, card = tmp_path / "data", tiny_card(classes=("Blip", "Tomte"))
    read = partial(variants.read_labelled, data, cache=tmp_path / "cache")
    for split, names in (("train", ("Blip", "Tomte")), ("test", ("Tomte", "Blip"))):
        draw_class_folders(data / split, dict.fromkeys(names, 1))  # of unlike looks
    both = read(card)
    np.testing.assert_array_equal(variants._some(both), both.pictures.rows(range(4, 8)))
    shutil.rmtree(data / "train")
    test = read(card)
    np.testing.assert_array_equal(variants._some(test), test.pictures.rows(range(4)))
    with pytest.raises(GspyError, match="has no pictures of the model's classes"):
        read(replace(card, classes=("Thunder", "Wandering_Line")))


def test_what_is_familiar_is_learnt_from_the_run_too(run, tmp_path, monkeypatch):
    asked = []

    def add_familiarity(path, card, directory, *, run, cache, **_):
        asked.append((directory, run, cache))
        raise GspyError("enough")

    monkeypatch.setattr(familiarity, "add_familiarity", add_familiarity)
    given = ("--simulated", tmp_path, "--cache", tmp_path / "cache")
    gspy("export", run, "-o", tmp_path / "m.onnx", *given)
    assert asked == [(tmp_path, run, tmp_path / "cache")]


def test_eight_bits_are_calibrated_in_full_batches_that_are_counted():
    shown = np.arange(2 * quantise.BATCH + 3, dtype=np.uint8)
    told = []
    batches = quantise.in_batches(shown, lambda *done: told.append(done))
    *_, last = [batch["image"] for batch in batches]
    assert last.tolist() == [*shown[-3:], *shown[: quantise.BATCH - 3]]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_file_is_replaced_by_a_whole_model_alone(run, tmp_path):
    output = tmp_path / "m.onnx"
    output.write_text("old")
    code, _, err = gspy("export", run, "-o", output, "--simulated", tmp_path / "nosuch")
    assert (code, "holds no simulated inputs" in err) == (2, True)
    assert output.read_text() == "old"
    assert list(tmp_path.iterdir()) == [output]


def test_a_model_grows_beside_its_place(run, tmp_path, monkeypatch):
    grown = []

    def stop(source, path, **_):
        grown.append(path.parent)
        path.write_text("half a model")
        raise CheckError("stopped")

    monkeypatch.setattr(export, "export_run", stop)
    assert gspy("export", run, "-o", tmp_path / "m.onnx")[0] == 1
    assert (grown, [*tmp_path.iterdir()]) == ([tmp_path], [])


def test_where_nothing_can_be_written_nothing_is_exported(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "export_run", None)
    output = tmp_path / f"{'m' * 245}.onnx"
    code, out, err = gspy("export", run, "-o", output)
    assert (code, out) == (2, "")
    assert err.startswith(f"gspy: cannot write {output}: File name too long")


def test_a_model_has_any_name_that_the_part_of_it_can_have(run, tmp_path):
    output = tmp_path / f"{'m' * 235}.onnx"
    assert gspy("export", run, "-o", output)[0] == 0
    assert [*tmp_path.iterdir()] == [output]


def test_an_output_that_cannot_be_finished_is_named(run, tmp_path, monkeypatch):
    def refuse(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    output = tmp_path / "m.onnx"
    code, _, err = gspy("export", run, "-o", output)
    said = f"gspy: cannot write {output}: No space left on device"
    assert (code, err.splitlines()[-1]) == (2, said)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["best.safetensors", "split.csv"])
def test_no_file_of_a_run_is_replaced_by_a_model(run, name, tmp_path):
    weights, file = tmp_path / "run" / "best.safetensors", tmp_path / "run" / name
    shutil.copytree(run, weights.parent)
    code, out, err = gspy("export", weights, "-o", file)
    assert (code, out, err) == (2, "", f"gspy: -o {file}: end it in .onnx\n")
    assert file.read_bytes() == (run / name).read_bytes()


def test_what_the_options_say_is_in_the_card(run, tmp_path):
    output, told = tmp_path / "m.onnx", ("--name", "mine", "--licence", "CC0-1.0")
    (tmp_path / "scores.json").write_text('{"fold_accuracy": 0.75}')
    scores = ("--scores", tmp_path / "scores.json")
    given = ("--temperature", 2, *told, *scores, "--opset", 16)
    assert gspy("export", run, "-o", output, *given)[0] == 0
    assert [each.version for each in onnx.load(output).opset_import] == [16]
    card = load_model(str(output), device="cpu").card
    assert (card.temperature, card.name, card.licence) == (2.0, "mine", "CC0-1.0")
    assert card.scores == {"fold_accuracy": 0.75}
    assert date.fromisoformat(card.date)


@pytest.fixture(scope="module")
def exported(trained, tiny_network, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "m.onnx"
    assert gspy("export", trained[0], "-o", path)[0] == 0
    return path


def with_value(graph: onnx.ModelProto, value: float, layer: int) -> None:
    """Give a weight of a layer a value; activations hide that of an early one."""
    nodes = [node for node in graph.graph.node if node.op_type in ("Conv", "Gemm")]
    (bias,) = (w for w in graph.graph.initializer if w.name == nodes[layer].input[2])
    values = onnx.numpy_helper.to_array(bias).copy()
    values[0] = value
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))


def with_other_classes(graph: onnx.ModelProto) -> None:
    (entry,) = (each for each in graph.metadata_props if each.key == "classes")
    entry.value = "\n".join(reversed(entry.value.split("\n")))


def without_embedding(graph: onnx.ModelProto) -> None:
    del graph.graph.output[1]


def with_logits(graph: onnx.ModelProto) -> None:
    (node,) = (each for each in graph.graph.node if each.op_type == "Softmax")
    node.op_type = "Identity"
    del node.attribute[:]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        *(
            (partial(with_value, value=v, layer=n), "has weights that are not finite")
            for v, n in ((np.nan, 0), (np.nan, -1), (np.inf, 0))
        ),
        (with_other_classes, "has other 'classes' in its metadata than in its card"),
        (without_embedding, "lacks the output 'embedding'"),
        (with_logits, "gives no probabilities for a batch of 1"),
    ],
)
def test_a_spoilt_file_is_no_whole_model(exported, spoil, fault, tmp_path):
    graph = onnx.load(exported)
    spoil(graph)
    path = tmp_path / "m.onnx"
    onnx.save(graph, path)
    code, out, err = gspy("export", "--check", path)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == f"gspy: {path} {fault}: export the model again"


@pytest.mark.parametrize("wrong", [lambda p: 2 * p, lambda p: p + np.array([2, -2, 0])])
def test_a_graph_that_is_wrong_in_one_size_of_batch_is_no_whole_model(
    exported, wrong, monkeypatch
):
    whole = load_model(str(exported), device="cpu")

    def score(shown):
        right = whole.score(shown)
        return wrong(right) if len(shown) > 2 else right

    monkeypatch.setattr(
        check, "load_model", lambda *_, **__: replace(whole, score=score)
    )
    code, _, err = gspy("export", "--check", exported)
    assert (code, "gives no probabilities for a batch of 33" in err) == (1, True)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (("-o", "n.onnx"), "--output"),
        (("--precision", "int8"), "--precision"),
        (("--temperature", 2), "--temperature"),
        (("--force",), "--force"),
    ],
)
def test_a_check_takes_no_option_of_an_export(exported, option, named):
    code, out, err = gspy("export", "--check", exported, *option)
    said = f"gspy: --check FILE writes nothing: leave {named} out\n"
    assert (code, out, err) == (2, "", said)


def test_scores_are_an_object(run, tmp_path):
    scores = tmp_path / "scores.json"
    scores.write_text("[1, 2]")
    output = tmp_path / "m.onnx"
    code, _, err = gspy("export", run, "-o", output, "--scores", scores)
    assert (code, "scores.json is no JSON object" in err) == (2, True)
    assert not output.exists()
