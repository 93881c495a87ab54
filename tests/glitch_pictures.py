"""Small labelled pictures, drawn here, for the tests of training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from conftest import SIDE, TINY_CLASSES, viridis_like
from PIL import Image
from torch import nn

from gspy_cli.training import architectures, config, run, search
from gspy_cli.training.architectures import Architecture, Normalise, build_network
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.recipes import PAPER, Recipe

CLASSES = TINY_CLASSES
QUICK = replace(PAPER, epochs=2, batch_size=8)


def draw_class_folders(
    root: Path,
    glitches: Mapping[str, int],
    *,
    windows: tuple[str, ...] = ("0.5", "1.0"),
) -> Path:
    """Draw `root/<Class>/H1_<id>_spectrogram_<window>.png`, each class its own band."""
    for number, (label, count) in enumerate(glitches.items()):
        folder = root / label
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            for j, window in enumerate(windows):
                pixels = draw_glitch(number, seed=1000 * number + 10 * i + j)
                name = f"H1_{label}{i}_spectrogram_{window}.png"
                Image.fromarray(pixels).save(folder / name)
    return root


def draw_glitch(band: int, *, seed: int) -> np.ndarray:
    """Draw a cut plot (64, 64, 3) with a bright line in the class's own place."""
    pixels = viridis_like(64, 64, seed)
    pixels[8 + 16 * band : 14 + 16 * band] = (253, 231, 37)
    return pixels


class TinyNetwork(nn.Sequential):
    """Two convolutions with batch statistics: quick, and without random parts."""

    def __init__(self, classes: int) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 5, stride=2, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d((3, 1)),
            nn.Flatten(),
            nn.Linear(48, classes),
        )


def lively_network(name: str, classes: int, pictures: np.ndarray) -> nn.Module:
    """Build a network with an answer of its own to each of some pictures (N, S, S, 3).

    As they are begun, most answer all pictures alike.
    """
    torch.manual_seed(0)
    network = build_network(name, classes).train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # one pass gives the statistics
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
        elif isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)
    with torch.no_grad():
        network(Normalise(name)(torch.from_numpy(pictures)))
    return network.eval()


@contextmanager
def tiny_network_known() -> Iterator[None]:
    """Let the architectures hold `tiny` for a while, and runs draw no curves."""
    tiny = Architecture(TinyNetwork, "8", 0.002, SIDE)
    names = (*config.NETWORKS, "tiny")
    with (
        mock.patch.dict(architectures.ARCHITECTURES, tiny=tiny),
        mock.patch.object(config, "NETWORKS", names),
        mock.patch.object(run, "draw_curves", return_value=b""),
        mock.patch.object(search, "draw_comparison", return_value=b""),
    ):
        yield


def quick_config(
    root: Path, tmp: Path, recipe: Recipe = QUICK, **changes
) -> TrainConfig:
    """Configure a training that takes a second."""
    values = {
        "architecture": "tiny",
        "pretrained": False,
        "device": "cpu",
        "amp": "off",
        "cache": tmp / "cache",
        "output": tmp / "runs",
    }
    return TrainConfig(root, recipe=recipe, **(values | changes))
