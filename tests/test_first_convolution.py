from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import tiny_card, viridis_like
from glitch_pictures import lively_network
from onnx import TensorProto, helper, numpy_helper

from gspy_cli.labels import CLASSES
from gspy_cli.training import export
from gspy_cli.training.architectures import build_network
from gspy_cli.training.exported import read_exported
from gspy_cli.training.first_convolution import fold_normalisation
from gspy_cli.training.quantise import to_int8


def convolution_of_normalised(scale: np.ndarray, shift: np.ndarray) -> onnx.ModelProto:
    """Make the beginning of an exported graph, with random weights (4, 3, 3, 3)."""
    rng = np.random.default_rng(0)
    tensors = {
        "scale": scale,
        "shift": shift,
        "weight": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "bias": rng.normal(size=4).astype(np.float32),
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["turned"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["normal"]),
        helper.make_node("Conv", ["normal", "weight", "bias"], ["y"], pads=[1] * 4),
    ]
    graph = helper.make_graph(
        nodes,
        "beginning",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 9, 9, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in tensors.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def run(graph: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"image": image})[0]


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, 9, 9, 3), dtype=np.uint8)


def test_a_common_normalisation_folds_exactly(image):
    graph = convolution_of_normalised(np.array(1 / 128), np.array(-127 / 128))
    expected = run(graph, image)
    assert fold_normalisation(graph) == 127
    np.testing.assert_allclose(run(graph, image), expected, atol=1e-4)


def test_colours_of_their_own_fold_exactly_inside_the_border(image):
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    shape = (1, 3, 1, 1)
    graph = convolution_of_normalised(
        (1 / 255 / std).reshape(shape), (-mean / std).reshape(shape)
    )
    expected = run(graph, image)
    assert fold_normalisation(graph) == 114
    inner = (..., slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(run(graph, image)[inner], expected[inner], atol=1e-4)


def test_what_branches_before_its_convolution_is_quantised_unfolded(image):
    graph = convolution_of_normalised(np.array(1 / 128), np.array(-127 / 128))
    nodes = graph.graph.node
    nodes.insert(4, helper.make_node("Split", ["normal"], ["r", "g", "b"], axis=1))
    nodes.insert(5, helper.make_node("Concat", ["b", "g", "r"], ["colours"], axis=1))
    nodes[-1].input[0] = "colours"
    exact = graph.SerializeToString()
    assert fold_normalisation(graph) is None
    assert graph.SerializeToString() == exact
    shown = np.repeat(image, 16, axis=0)
    small = onnx.load_from_string(to_int8(exact, shown))
    assert "QuantizeLinear" in {node.op_type for node in small.graph.node}
    alike = np.corrcoef(run(small, shown).ravel(), run(graph, shown).ravel())
    assert alike[0, 1] > 0.95  # without VNNI, sums of 8-bit products saturate


@pytest.mark.parametrize(("name", "side"), [("efficientnet_lite0", 64), ("cae", 256)])
def test_eight_bits_read_the_bytes_and_answer_alike(
    name: str, side: int, tmp_path: Path
):
    shown = np.stack([viridis_like(side, side, seed) for seed in range(4)])
    for number, picture in enumerate(shown):
        picture[number * side // 4 :][: side // 4] = (253, 231, 37)
    if name == "cae":
        network = lively_network(name, len(CLASSES), shown)
    else:  # too deep for random weights of 8 bits
        trained = read_exported(Path(name), name)
        network = build_network(name, len(CLASSES), state=trained).eval()
    card = tiny_card(
        name="mine", architecture=name, classes=CLASSES, input_size=(side, side)
    )
    export.export_model(network, card, tmp_path / "m.onnx", pictures=shown)
    exact = onnx.load(tmp_path / "m.onnx")
    small = onnx.load_from_string(to_int8(exact.SerializeToString(), shown))
    first = next(n for n in small.graph.node if "image" in n.input)
    after = [n.op_type for n in small.graph.node if first.output[0] in n.input]
    assert after == ["DequantizeLinear"]
    assert "Cast" not in {node.op_type for node in small.graph.node}
    given, expected = (run(graph, shown) for graph in (small, exact))
    assert expected.std(axis=0).max() > 0.1
    alike = np.corrcoef(*((p - p.mean(axis=0)).ravel() for p in (given, expected)))
    assert alike[0, 1] > 0.95
