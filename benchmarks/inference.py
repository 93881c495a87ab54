"""Compare torch eager, ONNX Runtime fp32 and ONNX Runtime int8, as ratios.

Each runs in a process of its own, as it would for a user: thread pools that spin in
one process slow each other. They take turns, so that a machine whose speed drifts
favours none of them. The weights are random: speed does not depend on them. Run with
the `train` extra: python benchmarks/inference.py [ARCHITECTURE]
"""

import argparse
import multiprocessing
import statistics
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

BATCH, CALLS, ROUNDS, THREADS = 32, 9, 3, 2
RIVALS = ("torch eager", "onnxruntime fp32", "onnxruntime int8")


def prepare(name: str) -> tuple[torch.nn.Module, ModelCard, np.ndarray]:
    """Give a network with random weights, its card, and pictures for it."""
    found = architecture(name)
    torch.manual_seed(0)
    network = build_network(name, len(CLASSES)).eval()
    size = (found.input_size, found.input_size)
    card = ModelCard(
        name=name,
        architecture=name,
        classes=CLASSES,
        input_size=size,
        mean=found.mean,
        std=found.std,
        parameters=0,
    )
    return network, card, check_pictures(size, BATCH)


def eager(name: str) -> Callable[[], object]:
    """Give a call of torch on one batch."""
    torch.set_num_threads(THREADS)
    network, card, pictures = prepare(name)
    deployed = Deployed(network, card)
    tensor = torch.from_numpy(pictures)

    def run() -> object:
        with torch.inference_mode():
            return deployed(tensor)

    return run


def session(path: Path, name: str) -> Callable[[], object]:
    """Give a call of ONNX Runtime on one batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    made = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    pictures = check_pictures((architecture(name).input_size,) * 2, BATCH)
    return lambda: made.run(["probabilities"], {"image": pictures})


def seconds(rival: str, name: str, folder: Path) -> float:
    """Give the median time of a batch, after one that warms up."""
    run = eager(name) if rival == RIVALS[0] else session(folder / rival, name)
    run()
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def write_models(name: str, folder: Path) -> None:
    """Export the network in both precisions."""
    network, card, pictures = prepare(name)
    export_model(network, card, folder / RIVALS[1], pictures=pictures)
    int8 = to_int8((folder / RIVALS[1]).read_bytes(), pictures)
    (folder / RIVALS[2]).write_bytes(int8)


def main() -> None:
    """Export, quantise and time one architecture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("architecture", nargs="?", default="mobilenet_v2")
    name = parser.parse_args().architecture
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_models(name, folder)
        context = multiprocessing.get_context("spawn")
        rounds = []
        for _ in range(ROUNDS):
            with context.Pool(1, maxtasksperchild=1) as pool:
                turns = [(rival, name, folder) for rival in RIVALS]
                rounds.append(pool.starmap(seconds, turns, chunksize=1))
    columns = dict(zip(RIVALS, zip(*rounds, strict=True), strict=True))
    for rival, times in columns.items():
        print(f"{rival:18} {BATCH / statistics.median(times):6.0f} pictures/s")
    torch_eager, fp32, int8 = columns.values()
    for label, slow, fast in (
        ("fp32/eager", torch_eager, fp32),
        ("int8/fp32", fp32, int8),
    ):
        ratio = statistics.median(a / b for a, b in zip(slow, fast, strict=True))
        print(f"{label:18} {ratio:6.2f} x")


if __name__ == "__main__":
    main()
