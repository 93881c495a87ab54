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


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_both_names_of_the_common_operators_pass(domain):
    node = helper.make_node("Relu", ["x"], ["y"], domain=domain)
    check_graph(model(node).SerializeToString(), origin="m.onnx")


def test_a_number_of_an_operator_and_data_that_are_said_to_be_inside_pass():
    node = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=0.1)
    inside = outside("")
    inside.data_location = TensorProto.DEFAULT
    found = model(node, initializers=[inside])
    check_graph(found.SerializeToString(), origin="m.onnx")


def test_functions_of_a_models_own_are_refused():
    layers = helper.make_node("Relu", ["x"], ["y"])
    own = helper.make_function("own", "F", ["x"], ["y"], [layers], [])
    refused(model(layers, functions=[own]), "is not an ONNX model of gspy")


def test_a_field_that_another_reader_takes_for_functions_is_refused():
    whole = model(helper.make_node("Relu", ["x"], ["y"])).SerializeToString()
    key = bytes.fromhex("ca81808010")  # 25 is functions' number, in 32 bits
    with pytest.raises(GspyError, match="is not an ONNX model of gspy"):
        check_graph(whole + key + b"\0", origin="m.onnx")


@pytest.mark.parametrize("removed", [1, 10])
def test_a_file_that_is_cut_short_is_no_model(removed):
    content = model(helper.make_node("Relu", ["x"], ["y"])).SerializeToString()
    with pytest.raises(GspyError, match="is not an ONNX model of gspy"):
        check_graph(content[:-removed], origin="m.onnx")


@pytest.mark.parametrize("several", [False, True])
def test_graphs_within_an_operator_are_refused(several):
    inner = helper.make_graph([], "inner", [], [])
    body = [inner] if several else inner
    refused(model(helper.make_node("Relu", ["x"], ["y"], body=body)), "graphs within")


def outside(where: str) -> onnx.TensorProto:
    """Make a tensor whose numbers are in another file."""
    tensor = onnx.numpy_helper.from_array(np.ones(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=where)
    return tensor


@pytest.mark.parametrize("where", ["weights.bin", "../../etc/passwd", "/etc/passwd"])
def test_data_in_other_files_is_refused(tmp_path: Path, where: str):
    node = helper.make_node("Add", ["x", "w"], ["y"])
    found = model(node, initializers=[outside(where)])
    refused(found, "data in other files")
    path = tmp_path / "m.onnx"
    path.write_bytes(found.SerializeToString())
    with pytest.raises(GspyError, match="data in other files"):
        load_model(str(path))


@pytest.mark.parametrize("several", [False, True])
def test_data_in_other_files_of_an_attribute_are_refused(several):
    tensor = outside("weights.bin")
    value = [tensor] if several else tensor
    refused(
        model(helper.make_node("Constant", [], ["y"], value=value)), "data in other"
    )


def sparse() -> onnx.SparseTensorProto:
    places = helper.make_tensor("i", TensorProto.INT64, [4], [0, 1, 2, 3])
    return helper.make_sparse_tensor(outside("weights.bin"), places, [4])


@pytest.mark.parametrize("several", [False, True])
def test_sparse_attributes_are_refused(several):
    value = [sparse()] if several else sparse()
    node = helper.make_node("Constant", [], ["y"], sparse_value=value)
    refused(model(node), "sparse tensors")


def test_sparse_initialisers_are_refused():
    found = model()
    found.graph.sparse_initializer.append(sparse())
    refused(found, "sparse tensors")
