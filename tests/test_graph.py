from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gspy_cli.errors import GspyError
from gspy_cli.graph import check_graph
from gspy_cli.model import load_model


def model(*nodes: onnx.NodeProto, initializers=(), **options) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(list(nodes), "g", [value], [value], list(initializers))
    return helper.make_model(graph, **options)


def test_a_model_of_known_layers_passes(tiny_model: Path):
    check_graph(tiny_model.read_bytes(), origin="m")


def refused(found: onnx.ModelProto, message: str) -> None:
    with pytest.raises(GspyError, match=message):
        check_graph(found.SerializeToString(), origin="m.onnx")


def test_an_operator_that_no_network_needs_is_refused():
    refused(model(helper.make_node("Loop", ["x"], ["y"])), "it holds Loop")


def test_an_operator_of_another_set_is_refused():
    node = helper.make_node("Conv", ["x"], ["y"], domain="evil.corp")
    refused(model(node), "the operator set evil.corp")


def test_a_graph_within_an_operator_is_refused():
    inner = helper.make_graph([], "inner", [], [])
    refused(model(helper.make_node("Relu", ["x"], ["y"], body=inner)), "graphs within")


@pytest.mark.parametrize("where", ["weights.bin", "../../etc/passwd", "/etc/passwd"])
def test_data_in_other_files_is_refused(tmp_path: Path, where: str):
    tensor = onnx.numpy_helper.from_array(np.ones(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=where)
    found = model(helper.make_node("Add", ["x", "w"], ["y"]), initializers=[tensor])
    refused(found, "data in other files")
    path = tmp_path / "m.onnx"
    path.write_bytes(found.SerializeToString())
    with pytest.raises(GspyError, match="data in other files"):
        load_model(str(path))
