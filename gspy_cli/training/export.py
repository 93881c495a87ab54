"""From trained weights to one ONNX file that anybody can run right.

The graph takes raw pixels and does the normalisation, the softmax and the
temperature itself; its metadata carry the whole card.
"""

import hashlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxslim
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gspy_cli.card import ModelCard
from gspy_cli.errors import CheckError, GspyError
from gspy_cli.model_folder import weights_path
from gspy_cli.training.architectures import Normalise, build_network, split_head
from gspy_cli.training.checkpoint import load_tensors
from gspy_cli.training.pools import with_averages
from gspy_cli.whole import writing

OPSET = 17
TOLERANCE = 1e-4  # of a probability, float32 torch against float32 ONNX Runtime
BATCHES = (1, 2, 33)


class Deployed(nn.Module):
    """A network as it is used: pixels in, probabilities and embedding out."""

    def __init__(self, network: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self.normalise = Normalise(card.architecture)
        self.body, self.head = split_head(network, card.architecture)
        self.temperature = card.temperature
        self.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Turn pictures (N, H, W, 3) uint8 into (N, K) and (N, D)."""
        embedding = self.body(self.normalise(image))
        logits = self.head(embedding) / self.temperature
        return torch.softmax(logits, dim=1), embedding


def export_run(
    source: Path,
    path: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    opset: int = OPSET,
) -> ModelCard:
    """Export a run's best network, or one of its checkpoints.

    `changes` are fields of its card to replace; its date is today's.

    Raises
    ------
    GspyError
        There is no such run or checkpoint, or the file cannot be written.
    CheckError
        ONNX Runtime does not answer as torch does; no file is written.
    """
    network, card = read_network(source)
    today = datetime.now(UTC).date().isoformat()
    card = replace(card, date=today, **(changes or {}))
    pictures = check_pictures(card.input_size)
    return export_model(network, card, path, pictures=pictures, opset=opset)


def read_network(source: Path) -> tuple[nn.Module, ModelCard]:
    """Read a run's best network, or that of one of its checkpoints.

    Raises
    ------
    GspyError
        There is no such run or checkpoint, or it is damaged.
    """
    checkpoint = weights_path(source)
    if checkpoint.is_file() and checkpoint.suffix != ".safetensors":
        raise GspyError(f"{checkpoint} is no run of gspy train, nor its .safetensors")
    tensors, metadata = load_tensors(checkpoint)
    if "card" not in metadata:
        raise GspyError(f"{checkpoint} is not a checkpoint of gspy train")
    card = ModelCard.from_json(metadata["card"], origin=str(checkpoint))
    return build_network(card.architecture, len(card.classes), state=tensors), card


def check_pictures(size: tuple[int, int], count: int = 8) -> NDArray[np.uint8]:
    """Draw pictures (N, H, W, 3) to check a graph on: noise with bright bars."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 90, (count, *size, 3), dtype=np.uint8)
    for number, picture in enumerate(noise):
        start = number * size[1] // count
        picture[:, start : start + size[1] // count] = (253, 231, 37)
    return noise


def export_model(
    network: nn.Module,
    card: ModelCard,
    path: Path,
    *,
    pictures: NDArray[np.uint8],
    opset: int = OPSET,
) -> ModelCard:
    """Write the ONNX file of a network and give its card, checksum included.

    `pictures` (N, H, W, 3), at least one, are what the check is made on.

    Raises
    ------
    CheckError
        ONNX Runtime does not answer as torch does; no file is written.
    """
    deployed = Deployed(network, card)
    content = with_card(_to_onnx(deployed, card, opset), card)
    try:
        check_parity(deployed, content, pictures)
    except CheckError as error:
        raise CheckError(
            f"{error}; nothing was written, report this with the versions of torch "
            "and onnxruntime"
        ) from None
    return write_graph(path, content, card)


def write_graph(path: Path, content: bytes, card: ModelCard) -> ModelCard:
    """Write an ONNX file and give its card, checksum included."""
    with writing(path):
        path.write_bytes(content)
    return replace(card, sha256=hashlib.sha256(content).hexdigest())


def _to_onnx(deployed: Deployed, card: ModelCard, opset: int) -> onnx.ModelProto:
    height, width = card.input_size
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    names = ("image", "probabilities", "embedding")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but the new one has written wrong
        # graphs for residual networks (pytorch issues 169178 and 166797).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            with_averages(deployed, example),
            (example,),
            Path(folder) / "raw.onnx",
            input_names=["image"],
            output_names=["probabilities", "embedding"],
            dynamic_axes={name: {0: "N"} for name in names},
            opset_version=opset,
            dynamo=False,
        )
        # Constants and padding are folded once, instead of at every start.
        simplified: onnx.ModelProto = onnxslim.slim(str(Path(folder) / "raw.onnx"))
    return simplified


def with_card(graph: onnx.ModelProto, card: ModelCard) -> bytes:
    """Put a card into a graph's metadata and give the file's bytes.

    No file can hold its own checksum.
    """
    own = replace(card, sha256="")
    values = {"card": own.to_json(), "classes": "\n".join(card.classes)}
    onnx.helper.set_model_props(graph, values)
    content: bytes = graph.SerializeToString()
    return content


def check_parity(
    deployed: Deployed, content: bytes, pictures: NDArray[np.uint8]
) -> float:
    """Compare torch with ONNX Runtime; give the largest difference of probabilities.

    Raises
    ------
    CheckError
        A label differs, or a probability by more than 1e-4.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in batches(pictures):
        with torch.no_grad():
            ours = deployed(torch.from_numpy(batch))[0].numpy()
        theirs = session.run(["probabilities"], {"image": batch})[0]
        largest = max(largest, _difference(ours, theirs))
    return largest


def batches(pictures: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Give pictures (N, H, W, 3), at least one, in batches of the sizes to check."""
    for size in BATCHES:
        yield pictures[np.arange(size) % len(pictures)]


def _difference(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    difference = float(np.abs(ours - theirs).max())
    same_labels = (ours.argmax(1) == theirs.argmax(1)).all()
    if not same_labels or not difference <= TOLERANCE:
        raise CheckError(
            f"the exported graph does not answer as torch does (largest difference "
            f"{difference:.2g}, batch of {len(ours)})"
        )
    return difference
