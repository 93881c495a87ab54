"""Small, fast variants of an exported graph: 16-bit weights, 8-bit arithmetic."""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from gspy_cli.callbacks import Progress, ignore
from gspy_cli.training.first_convolution import CENTRED, fold_normalisation, take_pixels

BATCH = 16
QUANTISED = [
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Clip",
    "Relu",
    "GlobalAveragePool",
    "ReduceMean",
    "Pad",
]


def to_int8(
    content: bytes, pictures: NDArray[np.uint8], *, on_progress: Progress = ignore
) -> bytes:
    """Quantise a graph to 8 bits, statically and per channel, in QDQ form.

    `pictures` (N, H, W, 3) calibrate the ranges of the activations. The first
    convolution takes the pixels as they are, without a pass through float32, where
    nothing but the normalisation stands before it.
    """
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    graph = onnx.load_from_string(content)
    zero = fold_normalisation(graph)
    overrides = {} if zero is None else {CENTRED: [as_pixels(zero)]}
    # ONNX Runtime prints what it is about; standard output is for results.
    silence = contextlib.redirect_stdout(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, silence:
        raw, ready, small = (Path(folder) / f"{n}.onnx" for n in ("raw", "pre", "q"))
        onnx.save(graph, raw)
        quant_pre_process(raw, ready, skip_symbolic_shape=True, skip_optimization=True)
        quantization.quantize_static(
            ready,
            small,
            CalibrationReader(in_batches(pictures, on_progress)),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={"TensorQuantOverrides": overrides},
        )
        quantised = onnx.load(small)
    if zero is not None:
        take_pixels(quantised)
    smaller: bytes = quantised.SerializeToString()
    return smaller


def as_pixels(zero: int) -> dict[str, NDArray[Any]]:
    """Let a tensor hold pixels less a zero, one step of its 8 bits a shade."""
    return {"scale": np.array(1, np.float32), "zero_point": np.array(zero, np.uint8)}


def in_batches(
    pictures: NDArray[np.uint8], on_progress: Progress
) -> Iterator[dict[str, NDArray[np.uint8]]]:
    """Give pictures in batches of one size, as ONNX Runtime wants them."""
    order = np.arange(-(-len(pictures) // BATCH) * BATCH) % len(pictures)
    batches = order.reshape(-1, BATCH)  # the last one begins again
    for number, chosen in enumerate(batches, start=1):
        yield {"image": pictures[chosen]}
        on_progress(number, len(batches))


class CalibrationReader:
    """Batches as ONNX Runtime's calibration asks for them."""

    def __init__(self, batches: Iterator[dict[str, NDArray[np.uint8]]]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Give the next batch, None at the end."""
        return next(self._batches, None)


def to_fp16(content: bytes) -> bytes:
    """Store a graph's weights in 16 bits; they are widened when the model loads."""
    graph = onnx.load_from_string(content)
    for tensor in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 1024:
            continue
        name = tensor.name
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_16")
        tensor.CopyFrom(half)
        cast = onnx.helper.make_node("Cast", [half.name], [name], to=1)
        graph.graph.node.insert(0, cast)
    smaller: bytes = graph.SerializeToString()
    return smaller
