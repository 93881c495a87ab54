"""Weights that come back out of an exported model."""

from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import pytest
import torch
from conftest import tiny_card, viridis_like
from glitch_pictures import (
    CLASSES,
    QUICK,
    draw_class_folders,
    quick_config,
)
from torch import nn

from gspy_cli.errors import GspyError
from gspy_cli.model import load_model
from gspy_cli.training import export
from gspy_cli.training.architectures import (
    ARCHITECTURES,
    Architecture,
    Normalise,
    build_network,
)
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.exported import names_a_model, read_exported, with_statistics
from gspy_cli.training.quantise import to_fp16, to_int8
from gspy_cli.training.run import image_size
from gspy_cli.training.start import resolved_weights
from gspy_cli.training.train import completed, train

pytestmark = pytest.mark.usefixtures("tiny_network")

SIDE = 64
SHOWN = np.stack([viridis_like(SIDE, SIDE, seed) for seed in range(12)])
ROUNDING = {"fp32": 1e-5, "fp16": 1e-3, "int8": 0.03}  # of a probability


@pytest.fixture(scope="module", params=["mobilenet_v2", "efficientnet_lite0"])
def model(request, tmp_path_factory) -> Path:
    """Export a network whose normalisations have seen pictures, in fp32."""
    name = request.param
    torch.manual_seed(0)
    network = build_network(name, len(CLASSES)).train()
    with torch.no_grad():
        network(Normalise(name)(torch.from_numpy(SHOWN)))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    found = ARCHITECTURES[name]
    card = tiny_card(
        name=name, architecture=name, classes=CLASSES, input_size=(SIDE, SIDE)
    )
    card = replace(card, mean=found.mean, std=found.std, temperature=1.0)
    path = tmp_path_factory.mktemp(name) / "model.onnx"
    export.export_model(network.eval(), card, path, pictures=SHOWN)
    return path


def answers(state, name: str) -> np.ndarray:
    network = build_network(name, len(CLASSES), state=state).eval()
    with torch.no_grad():
        return network(Normalise(name)(torch.from_numpy(SHOWN))).softmax(1).numpy()


@pytest.mark.parametrize("precision", ROUNDING)
def test_they_answer_as_the_model_does(model: Path, precision: str, tmp_path: Path):
    content = model.read_bytes()
    smaller = {
        "fp32": lambda: content,
        "fp16": lambda: to_fp16(content),
        "int8": lambda: to_int8(content, SHOWN),
    }[precision]()
    path = tmp_path / "model.onnx"
    path.write_bytes(smaller)
    expected = load_model(str(model), device="cpu")
    name = expected.card.architecture
    found = answers(read_exported(path, name), name)
    np.testing.assert_allclose(
        found, expected.score(SHOWN), atol=ROUNDING[precision], rtol=0
    )


class Branching(nn.Module):
    """Two branches of equal shapes; the graph has the second one's layer first."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.long = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(2)))
        self.short = nn.Conv2d(3, 3, 3, padding=1)
        self.fc = nn.Linear(3, classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        both = self.long(pictures).relu() + self.short(pictures)
        return self.fc(both.mean((2, 3)))


def test_layers_of_branches_are_told_apart_by_name(tmp_path: Path):
    branching = Architecture(Branching, "fc", 0.001, SIDE)
    card = tiny_card(architecture="branching", input_size=(SIDE, SIDE))
    path = tmp_path / "model.onnx"
    with mock.patch.dict(ARCHITECTURES, branching=branching):
        torch.manual_seed(0)
        network = build_network("branching", len(CLASSES)).eval()
        export.export_model(network, card, path, pictures=SHOWN)
        found = read_exported(path, "branching")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(found[name], tensor)


def test_with_statistics_training_begins_with_the_same_network(model: Path):
    card = load_model(str(model), device="cpu").card
    plain = read_exported(model, card.architecture)
    pixels = torch.from_numpy(SHOWN)
    settled = with_statistics(plain, card.architecture, pixels)
    before = answers(plain, card.architecture)
    np.testing.assert_allclose(answers(settled, card.architecture), before, atol=1e-4)
    network = build_network(card.architecture, len(CLASSES), state=settled).train()
    for module in network.modules():
        module.train(not isinstance(module, nn.Dropout))
    with torch.no_grad():
        in_training = network(Normalise(card.architecture)(pixels)).softmax(1)
    np.testing.assert_allclose(in_training.numpy(), before, atol=1e-3)


def test_a_model_of_another_architecture_is_an_error(model: Path):
    with pytest.raises(GspyError, match="is no resnet50: add --arch"):
        read_exported(model, "resnet50")


def test_a_graph_with_other_layers_is_an_error(model: Path, tmp_path: Path):
    card = replace(load_model(str(model), device="cpu").card, architecture="alexnet")
    path = tmp_path / "model.onnx"
    path.write_bytes(export.with_card(onnx.load(model), card))
    with pytest.raises(GspyError, match="its layers are not those of alexnet"):
        read_exported(path, "alexnet")


def test_a_run_goes_on_from_a_model(tmp_path: Path):
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 6))
    first = train(quick_config(data, tmp_path))
    export.export_run(first.path, tmp_path / "model.onnx")
    still = replace(QUICK, epochs=1, lr=1e-9)
    config = quick_config(data, tmp_path, still, weights=tmp_path / "model.onnx")
    second = train(config)
    assert second.best.validation_accuracy == first.best.validation_accuracy
    assert second.best.validation_loss == pytest.approx(
        first.best.validation_loss, rel=0.05
    )
    anew = train(quick_config(data, tmp_path, still))
    assert anew.best.validation_accuracy < first.best.validation_accuracy


def test_pictures_keep_a_models_size_unless_another_is_asked_for(model: Path):
    name = load_model(str(model), device="cpu").card.architecture
    config = TrainConfig(Path("data"), architecture=name)
    assert image_size(completed(config)) == ARCHITECTURES[name].input_size != SIDE
    assert image_size(completed(replace(config, weights=model))) == SIDE
    assert image_size(completed(replace(config, weights=model, image_size=96))) == 96


def test_weights_are_known_by_their_place_and_models_by_their_name(
    model: Path, monkeypatch
):
    monkeypatch.chdir(model.parent)
    assert resolved_weights(Path("model.onnx")) == model
    assert resolved_weights(Path("efficientnet_lite0")) == Path("efficientnet_lite0")
    assert resolved_weights(model.parent) == model.parent


def test_models_and_files_of_weights_are_told_apart(tmp_path: Path):
    (tmp_path / "weights").touch()
    models = ("efficientnet_lite0", "mine-1.2", "m.onnx", str(tmp_path))
    files = ("absent.pth", "absent.safetensors", str(tmp_path / "weights"))
    assert [names_a_model(Path(name)) for name in models] == [True] * 4
    assert [names_a_model(Path(name)) for name in files] == [False] * 3


def test_a_name_stands_for_an_installed_model():
    state = read_exported(Path("efficientnet_lite0"), "efficientnet_lite0")
    assert len(state["_fc.weight"]) == 24
    with pytest.raises(GspyError, match="no model 'efficientnet_light'"):
        read_exported(Path("efficientnet_light"), "efficientnet_lite0")
