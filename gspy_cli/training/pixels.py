"""A first convolution that takes 8-bit pixels, so that no float pass goes before it.

An exported graph begins image -> Transpose -> Cast -> Mul -> Add -> Conv: it computes
`a * pixel + b` for each colour in float32, which takes a third of the time of a
quantised network. As convolution is linear, the weights can do it: with a common
zero z, `a * pixel + b = a * (pixel - z) + (a * z + b)`, and `pixel - z` is what an
8-bit tensor of scale 1 and zero point z stands for.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

CENTRED = "centred"


def fold_normalisation(graph: onnx.ModelProto) -> int:
    """Put a graph's normalisation into its first convolution; give the zero z.

    Exact but for the border, where padding now stands for z in every colour, not for
    each colour's own mean.
    """
    nodes = graph.graph.node
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    _, cast, scale, shift, convolution = _beginning(graph)
    a = _of_colours(tensors[scale.input[1]])
    b = _of_colours(tensors[shift.input[1]])
    zero = round(float((-b / a).mean()))
    weights = numpy_helper.to_array(tensors[convolution.input[1]])
    offset = np.einsum("ocij,c->o", weights, a * zero + b)
    offset += numpy_helper.to_array(tensors[convolution.input[2]])
    graph.graph.initializer.extend(
        [
            numpy_helper.from_array(weights * a[:, None, None], "first.weight"),
            numpy_helper.from_array(offset.astype(np.float32), "first.bias"),
            numpy_helper.from_array(np.array(zero, np.float32), "zero"),
        ]
    )
    centre = helper.make_node("Sub", [cast.output[0], "zero"], [CENTRED])
    nodes.insert(list(nodes).index(scale), centre)
    nodes.remove(scale)
    nodes.remove(shift)
    convolution.input[:] = [CENTRED, "first.weight", "first.bias"]
    return zero


def take_pixels(graph: onnx.ModelProto) -> None:
    """Let a quantised graph's first convolution read the picture's own bytes."""
    nodes = graph.graph.node
    turn, cast, centre, quantise = _beginning(graph)[:4]
    for node in nodes:
        for place, name in enumerate(node.input):
            if name == quantise.output[0]:
                node.input[place] = turn.output[0]
    for node in (cast, centre, quantise):
        nodes.remove(node)
    zero = centre.input[1]
    kept = [tensor for tensor in graph.graph.initializer if tensor.name != zero]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)


def _beginning(graph: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Give the first five layers, which follow one another."""
    found: list[onnx.NodeProto] = []
    name = "image"
    for _ in range(5):
        found.append(next(node for node in graph.graph.node if name in node.input))
        name = found[-1].output[0]
    return found


def _of_colours(tensor: onnx.TensorProto) -> NDArray[np.float32]:
    """Give a normalisation's numbers, (3,)."""
    values: NDArray[np.float32] = numpy_helper.to_array(tensor).reshape(-1)
    return np.broadcast_to(values, 3)
