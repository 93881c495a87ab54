"""Weights taken back out of an exported model, to train on from it.

A graph keeps each batch normalisation in the convolution before it, and an 8-bit one
the pixels' normalisation in its first convolution. What comes back answers as the
graph does, to the precision of its weights.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from gspy_cli import model_folder, registry
from gspy_cli.errors import GspyError
from gspy_cli.model import load_model
from gspy_cli.training.architectures import Normalise, architecture, build_network
from gspy_cli.training.first_convolution import FIRST, unfold_normalisation
from gspy_cli.training.layers import watched

Array = NDArray[Any]
OPERATORS = ("Conv", "Gemm")
LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
PLAIN = (".safetensors", ".pth", ".pt")  # files of weights
LEAST_VARIANCE = 1e-6
NOTHING = torch.empty(0)


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or linear layer, and the batch normalisation after it, if any.

    `variance` and `mean` (C,) are those of what the normalisation was given.
    """

    module: nn.Module
    norm: nn.BatchNorm2d | None = None
    variance: Tensor = NOTHING
    mean: Tensor = NOTHING


def names_a_model(path: Path) -> bool:
    """Tell a model's name, folder or ONNX file from a file of weights."""
    weights = path.is_file() or path.suffix in PLAIN
    return path.suffix == ".onnx" or not weights


def read_exported(path: Path, name: str) -> dict[str, Tensor]:
    """Read the weights of an exported model of the architecture `name`.

    `path` is an ONNX file of gspy's or a model's name. Before training, batch
    normalisations need statistics: `with_statistics`.

    Raises
    ------
    GspyError
        There is no such model, or it is of another architecture.
    """
    card = load_model(str(path), device="cpu").card
    if card.architecture != name:
        raise GspyError(f"{path} is no {name}: add --arch {card.architecture}")
    graph = onnx.load_from_string(model_folder.read(registry.find(str(path)))).graph
    network = build_network(name, len(card.classes)).eval()
    names = {module: each for each, module in network.named_modules()}
    nodes = {layer_of_node(node, name): node for node in graph.node}
    known = constants(graph)
    for layer in layers_met(network, torch.zeros(1, 3, *card.input_size)):
        node = nodes.get(names[layer.module])
        found = layer_tensors(node, known, Normalise(name))
        if found is None or found[0].shape != layer.module.weight.shape:
            raise GspyError(f"{path}: its layers are not those of {name}")
        put_tensors(layer, *found)
    return network.state_dict()


def layer_of_node(node: onnx.NodeProto, name: str) -> str:
    """Name the layer of the network `name` that an exported node computes.

    The exporter names nodes by the modules around them, each after the one that
    holds it: `/body/layer1/layer1.0/conv1/Conv` is the layer `layer1.0.conv1`.
    """
    if node.op_type not in OPERATORS:
        return ""
    path = re.sub(r"(?<=/)([^/]+)/(?=\1\.)", "", node.name).rpartition("/")[0]
    if path == "/head":
        return architecture(name).head
    return path[1:].replace("/", ".").removeprefix("body.")


def with_statistics(
    state: Mapping[str, Tensor], name: str, pixels: Tensor
) -> dict[str, Tensor]:
    """Give batch normalisations the statistics of pictures (N, S, S, 3) uint8.

    The network answers as before; but in training a normalisation divides by the
    spread of each batch, and only one that knew of it stays what it was.
    """
    classes = len(state[f"{architecture(name).head}.weight"])
    network = build_network(name, classes, state=state).eval()
    for layer in layers_met(network, Normalise(name)(pixels)):
        if layer.norm is not None:  # all that it does is to add its bias
            variance = layer.variance.clamp(min=LEAST_VARIANCE)
            pass_on(layer.norm, layer.norm.bias, layer.mean, variance)
    return network.state_dict()


@torch.no_grad()
def layers_met(network: nn.Module, pictures: Tensor) -> list[Layer]:
    """List layers in the order that pictures (N, 3, S, S) meet them."""
    met: list[Layer] = []

    def note(module: nn.Module, inputs: tuple[Tensor], _: object) -> None:
        if isinstance(module, nn.BatchNorm2d):
            variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
            met[-1] = Layer(met[-1].module, module, variance, mean)
        else:
            met.append(Layer(module))

    with watched([m for m in network.modules() if isinstance(m, LAYERS)], note):
        network(pictures)
    return met


def constants(graph: onnx.GraphProto) -> dict[str, Array]:
    """Give a graph's weights by name, 8-bit and 16-bit ones as what they stand for."""
    known = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for node in graph.node:
        if not node.input or node.input[0] not in known:
            continue
        if node.op_type == "DequantizeLinear":
            known[node.output[0]] = dequantised(node, known)
        elif node.op_type == "Cast":
            known[node.output[0]] = known[node.input[0]].astype(np.float32)
    return known


def dequantised(node: onnx.NodeProto, known: Mapping[str, Array]) -> Array:
    """Give what 8-bit weights stand for; each channel may have a scale of its own."""
    whole, scale, zero = (known[name] for name in node.input)
    axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
    around = [-1 if i == axis else 1 for i in range(whole.ndim)]
    zero, scale = zero.reshape(around), scale.reshape(around)
    return np.asarray((whole.astype(np.float32) - zero) * scale)


def layer_tensors(
    node: onnx.NodeProto | None, known: Mapping[str, Array], normalise: Normalise
) -> tuple[Array, Array] | None:
    """Give the weight and bias of a layer, laid out as torch has them."""
    if node is None or len(node.input) < 3:
        return None
    weight, bias = (known.get(name) for name in node.input[1:3])
    if weight is None or bias is None:
        return None
    if node.op_type == "Gemm":
        turned = any(each.name == "transB" and each.i for each in node.attribute)
        return (weight if turned else weight.T), bias
    if node.input[1].startswith(FIRST):
        a, b = (
            normalise.get_buffer(name).flatten().double().numpy()
            for name in ("scale", "offset")
        )
        return unfold_normalisation(weight, bias, a, b)
    return weight, bias


@torch.no_grad()
def put_tensors(layer: Layer, weight: Array, bias: Array) -> None:
    """Put weights into a layer, the bias into the normalisation where there is one."""
    shift = torch.from_numpy(np.array(bias, np.float32))
    layer.module.get_parameter("weight").copy_(torch.from_numpy(np.array(weight)))
    if layer.norm is None:
        layer.module.get_parameter("bias").copy_(shift)
    else:
        pass_on(layer.norm, shift, torch.zeros_like(shift), torch.ones_like(shift))


@torch.no_grad()
def pass_on(
    norm: nn.BatchNorm2d, shift: Tensor, mean: Tensor, variance: Tensor
) -> None:
    """Let a normalisation of this mean and variance do nothing but add `shift`."""
    norm.get_buffer("running_mean").copy_(mean)
    norm.get_buffer("running_var").copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(shift + mean)
