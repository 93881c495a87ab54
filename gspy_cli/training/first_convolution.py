"""A first convolution that takes 8-bit pixels, so that no float pass goes before it.

An exported graph begins image -> Transpose -> Cast -> Mul -> Add -> Conv: it computes
`scale * pixel + shift` for each colour in float32, and that takes a third of the time
of a quantised network. As convolution is linear, the weights can do it: with a common
zero z, it is `scale * (pixel - z) + (scale * z + shift)`, and `pixel - z` is what an
8-bit tensor of scale 1 and zero point z stands for.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Values = NDArray[Any]
CENTRED = "centred"
FIRST = "first"
"""What the names of the first convolution's weights begin with."""


def fold_normalisation(graph: onnx.ModelProto) -> int | None:
    """Put a graph's normalisation into its first convolution; give the zero z.

    Exact but for the border, where padding now stands for z in every colour, not for
    each colour's own mean. None, and the graph as it was, where it begins otherwise.
    """
    beginning = _beginning(graph, "Conv")
    kinds = [node.op_type for node in beginning]
    if kinds[:2] != ["Transpose", "Cast"] or not {*kinds[2:-1]} <= {"Mul", "Add"}:
        return None
    nodes = graph.graph.node
    tensors = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer
    }
    _, cast, *arithmetic, convolution = beginning
    scale, shift = np.ones(3), np.zeros(3)
    for node in arithmetic:
        values = tensors[node.input[1]].reshape(-1)
        if node.op_type == "Mul":
            scale, shift = scale * values, shift * values
        else:
            shift = shift + values
        nodes.remove(node)
    zero = common_zero(scale, shift)
    weights, bias = (tensors[name] for name in convolution.input[1:])
    first = {
        f"{FIRST}.weight": weights * scale[:, None, None],
        f"{FIRST}.bias": bias + np.einsum("ocij,c->o", weights, scale * zero + shift),
        "zero": np.array(zero),
    }
    graph.graph.initializer.extend(
        numpy_helper.from_array(values.astype(np.float32), name)
        for name, values in first.items()
    )
    centre = helper.make_node("Sub", [cast.output[0], "zero"], [CENTRED])
    nodes.insert(list(nodes).index(cast) + 1, centre)
    convolution.input[:] = [CENTRED, f"{FIRST}.weight", f"{FIRST}.bias"]
    _forget_unused(graph)
    return zero


def unfold_normalisation(
    weights: Values, bias: Values, scale: Values, shift: Values
) -> tuple[Values, Values]:
    """Take `scale * pixel + shift` out of a first convolution (O, 3, h, w) again.

    `scale` and `shift` (3,) are those of each colour; the bias is (O,).
    """
    plain = weights / scale[:, None, None]
    constant = scale * common_zero(scale, shift) + shift
    return plain, bias - np.einsum("ocij,c->o", plain, constant)


def common_zero(scale: Values, shift: Values) -> int:
    """Give the pixel whose `scale * pixel + shift` is nearest to 0 in all colours."""
    return round(float((-shift / scale).mean()))


def take_pixels(graph: onnx.ModelProto) -> None:
    """Let a quantised graph's first convolution read the picture's own bytes."""
    nodes = graph.graph.node
    turn, cast, centre, quantise = _beginning(graph, "QuantizeLinear")
    for node in nodes:
        for place, name in enumerate(node.input):
            if name == quantise.output[0]:
                node.input[place] = turn.output[0]
    for node in (cast, centre, quantise):
        nodes.remove(node)
    _forget_unused(graph)


def _forget_unused(graph: onnx.ModelProto) -> None:
    used = {name for node in graph.graph.node for name in node.input}
    kept = [tensor for tensor in graph.graph.initializer if tensor.name in used]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)


def _beginning(graph: onnx.ModelProto, last: str) -> list[onnx.NodeProto]:
    """Give the layers that follow one another from the image to a kind of layer.

    Empty where one of them is followed by several.
    """
    found: list[onnx.NodeProto] = []
    name = "image"
    while not found or found[-1].op_type != last:
        after = [node for node in graph.graph.node if name in node.input]
        if len(after) != 1:
            return []
        found += after
        name = found[-1].output[0]
    return found
