"""Compare torch eager, ONNX Runtime fp32 and ONNX Runtime int8, as ratios.

The three take turns, so that a machine whose speed drifts favours none of them. The
weights are random: speed does not depend on them. Run with the `train` extra:
python benchmarks/inference.py [ARCHITECTURE]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from gspy_cli.card import ModelCard
from gspy_cli.labels import CLASSES
from gspy_cli.training.architectures import architecture, build_network
from gspy_cli.training.export import Deployed, check_pictures, export_model
from gspy_cli.training.quantise import to_int8

BATCH, TURNS, THREADS = 32, 9, 2


def seconds(run: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def runner(content: bytes, pictures: np.ndarray) -> Callable[[], object]:
    """Give a function that scores the pictures in ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(["probabilities"], {"image": pictures})


def main() -> None:
    """Export, quantise and time one architecture."""
    name = sys.argv[1] if len(sys.argv) > 1 else "mobilenet_v2"
    found = architecture(name)
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    network = build_network(name, len(CLASSES)).eval()
    size = (found.input_size, found.input_size)
    card = ModelCard(name, name, CLASSES, size, found.mean, found.std, parameters=0)
    pictures = check_pictures(size, BATCH)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_model(network, card, path, pictures=pictures)
        content = path.read_bytes()
    deployed, tensor = Deployed(network, card), torch.from_numpy(pictures)
    with torch.inference_mode():
        rivals = {
            "torch eager": lambda: deployed(tensor),
            "onnxruntime fp32": runner(content, pictures),
            "onnxruntime int8": runner(to_int8(content, pictures), pictures),
        }
        for run in rivals.values():
            run()
        turns = [[seconds(run) for run in rivals.values()] for _ in range(TURNS)]
    eager, fp32, int8 = (list(column) for column in zip(*turns, strict=True))
    for label, times in zip(rivals, (eager, fp32, int8), strict=True):
        print(f"{label:18} {BATCH / statistics.median(times):6.0f} pictures/s")
    for label, slow, fast in (("fp32/eager", eager, fp32), ("int8/fp32", fp32, int8)):
        ratio = statistics.median(a / b for a, b in zip(slow, fast, strict=True))
        print(f"{label:18} {ratio:6.2f} x")


if __name__ == "__main__":
    main()
