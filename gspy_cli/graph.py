"""What an ONNX file would do, read from its bytes before anything runs it.

A graph of ours is one file of ordinary layers. This reads just enough of the
protobuf wire format to tell (protobuf.dev/programming-guides/encoding; field numbers
from onnx.proto), so the base install needs no onnx package.
"""

from collections.abc import Iterator

from gspy_cli.errors import GspyError

OPERATORS = frozenset(
    [
        *("Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat"),
        *("Constant", "Conv", "DequantizeLinear", "Div", "Dropout", "Exp", "Flatten"),
        *("Gather", "Gemm", "GlobalAveragePool", "HardSigmoid", "HardSwish"),
        *("Identity", "LeakyRelu", "MatMul", "MaxPool", "Mul", "Pad"),
        *("QuantizeLinear", "ReduceMean", "Relu", "Reshape", "Resize", "Shape"),
        *("Sigmoid", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub", "Transpose"),
        "Unsqueeze",
    ]
)
"""What networks for pictures are made of; none reads files or loops."""

_VARINT, _LENGTH, _FIXED32 = 0, 2, 5
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_LOCATION = 14

Field = tuple[int, memoryview]


def check_graph(content: bytes, *, origin: str) -> None:
    """Refuse an ONNX file that is not one file of known layers."""
    try:
        graphs = [
            value for number, value in _fields(memoryview(content))
            if number in (_MODEL_GRAPH, _MODEL_FUNCTIONS)
        ]  # fmt: skip
        if len(graphs) != 1:
            raise ValueError
        found = set(_operators(graphs[0]))
    except (ValueError, IndexError):
        raise GspyError(
            f"{origin} is not an ONNX model of gspy; install or export it again"
        ) from None
    if strange := sorted(found - OPERATORS):
        raise GspyError(
            f"{origin} is refused: it holds {', '.join(strange)}, which no model of "
            "gspy needs"
        )


def _operators(graph: memoryview) -> Iterator[str]:
    for number, value in _fields(graph):
        if number == _GRAPH_NODE:
            yield from _node(value)
        elif number == _GRAPH_INITIALIZER:
            yield from _tensor(value)
        elif number == _GRAPH_SPARSE:
            yield "sparse tensors"


def _node(node: memoryview) -> Iterator[str]:
    for number, value in _fields(node):
        if number == _NODE_OPERATOR:
            yield str(value, "utf-8")
        elif number == _NODE_DOMAIN:
            if (domain := str(value, "utf-8")) not in ("", "ai.onnx"):
                yield f"the operator set {domain}"
        elif number == _NODE_ATTRIBUTE:
            yield from _attribute(value)


def _attribute(attribute: memoryview) -> Iterator[str]:
    for number, value in _fields(attribute):
        if number in _ATTRIBUTE_TENSORS:
            yield from _tensor(value)
        elif number in _ATTRIBUTE_GRAPHS:
            yield "graphs within operators"
        elif number in _ATTRIBUTE_SPARSE:
            yield "sparse tensors"


def _tensor(tensor: memoryview) -> Iterator[str]:
    for number, value in _fields(tensor):
        if number == _TENSOR_LOCATION and bytes(value) != b"\0":
            yield "data in other files"


def _fields(message: memoryview) -> Iterator[Field]:
    """Give a message's fields: their numbers and the bytes of their values."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        if key >> 32:  # others take its last 32 bits for the key
            raise ValueError
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, end = _varint(message, place)
        elif kind == _LENGTH:
            length, place = _varint(message, place)
            end = place + length
        elif kind == _FIXED32:
            end = place + 4
        else:  # no field of onnx.proto has 8 bytes
            raise ValueError
        if end > len(message):
            raise ValueError
        yield number, message[place:end]
        place = end


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError
