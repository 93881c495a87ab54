"""Pictures per second in training: `gspy train` against a plain loop, in one run.

The plain loop is torchvision's reference script in small: float32, pictures decoded,
cropped and resized anew in every epoch. Network, batch, data and optimiser are the
same. Both take turns, so that a busy machine slows both.

    python benchmarks/training.py [--data FOLDER] [--architecture mobilenet_v2]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import normalize, to_tensor

from gspy_cli.callbacks import ignore
from gspy_cli.figure import read_figure
from gspy_cli.image import network_input
from gspy_cli.training.architectures import Normalise, architecture, build_network
from gspy_cli.training.batches import Pictures, load, training_steps
from gspy_cli.training.cache import open_pixels
from gspy_cli.training.data import read_dataset
from gspy_cli.training.depthwise import quicken
from gspy_cli.training.distributed import ALONE
from gspy_cli.training.hardware import Machine, find_machine
from gspy_cli.training.loop import Trainee, make_optimizer, train_epoch
from gspy_cli.training.objective import Epoch, Objective
from gspy_cli.training.recipes import PAPER

Seconds = tuple[float, float]  # on the clock, and of the processor's time


class Decoded(Dataset):
    """Decode a picture whenever it is asked for."""

    def __init__(self, paths: list[Path], labels: np.ndarray, name: str) -> None:
        self.paths, self.labels = paths, labels
        self.network = architecture(name)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        side = self.network.input_size
        pixels = network_input(read_figure(self.paths[i]), height=side, width=side)
        scaled = normalize(
            to_tensor(pixels.copy()), self.network.mean, self.network.std
        )
        return scaled, int(self.labels[i])


def plain_epoch(
    model: nn.Module, optimizer: Adam, data: Decoded, batch: int
) -> Seconds:
    """Train an epoch as torchvision's reference script does."""
    model.train()
    began, computed = time.perf_counter(), time.process_time()
    for pictures, labels in DataLoader(data, batch_size=batch, shuffle=True):
        loss = cross_entropy(model(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - began, time.process_time() - computed


def our_epoch(
    trainee: Trainee, objective: Objective, pictures: Pictures, machine: Machine, n: int
) -> Seconds:
    """Train an epoch as `gspy train` does."""
    steps = training_steps(
        pictures.labels,
        batch_size=PAPER.batch_size,
        balance=PAPER.balance,
        seed=0,
        epoch=n,
        world=ALONE,
    )
    began, computed = time.perf_counter(), time.process_time()
    train_epoch(
        trainee,
        objective,
        machine,
        recipe=PAPER,
        epoch=Epoch("classify", n, PAPER.epochs),
        batches=load(pictures, steps),
        on_batch=ignore,
    )
    return time.perf_counter() - began, time.process_time() - computed


def draw_figures(folder: Path, number: int) -> Iterator[Path]:
    """Draw figures of Gravity Spy's size, 800 x 600, in two classes."""
    rng = np.random.default_rng(0)
    table = (colormaps["viridis"](np.arange(256))[:, :3] * 255).astype(np.uint8)
    for i in range(number):
        energy = rng.exponential(15, (60, 72)).clip(0, 255).repeat(8, 0).repeat(8, 1)
        figure = np.full((600, 800, 3), 255, np.uint8)
        figure[59:541, 99:677] = 0
        figure[60:540, 100:676] = table[energy.astype(int)]
        path = folder / ("Blip", "Whistle")[i % 2] / f"H1_{i:04d}_spectrogram_1.0.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(figure).save(path)
        yield path


def main() -> None:
    """Measure both loops and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="class folders; else drawn figures")
    parser.add_argument("--architecture", default="mobilenet_v2")
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.data
        if root is None:
            root = Path(scratch) / "figures"
            root.mkdir()
            list(draw_figures(root, options.pictures))
        compare(root, Path(scratch), options)


def compare(root: Path, scratch: Path, options: argparse.Namespace) -> None:
    """Run both loops in turn, after one epoch each that does not count."""
    name, batch = options.architecture, PAPER.batch_size
    dataset = read_dataset(root)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(dataset.examples))[: options.pictures]
    examples = [dataset.examples[i] for i in chosen]
    paths = [e.path for e in examples]
    labels = np.array([dataset.classes.index(e.label) for e in examples], np.int64)
    classes = len(dataset.classes)

    plain = build_network(name, classes)
    adam = Adam(plain.parameters(), lr=PAPER.lr)
    decoded = Decoded(paths, labels, name)

    machine = find_machine("cpu", "auto", ALONE)
    began = time.perf_counter()
    side = architecture(name).input_size
    pixels, _ = open_pixels(paths, size=side, folder=scratch / "cache")
    caching = time.perf_counter() - began
    pictures = Pictures(pixels, np.arange(len(paths)), labels)
    model = quicken(build_network(name, classes))
    model = model.to(memory_format=torch.channels_last)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    trainee = Trainee(model, None, make_optimizer(model, PAPER), scaler)
    objective = Objective(model, Normalise(name), PAPER, "classify")

    ours, theirs = [], []
    for n in range(options.epochs + 1):
        theirs.append(plain_epoch(plain, adam, decoded, batch))
        ours.append(our_epoch(trainee, objective, pictures, machine, n))
    print(
        f"{name}, {len(paths)} pictures, batch {batch}, {torch.get_num_threads()} "
        f"threads, {machine.autocast or 'float32'}; once: {caching:.1f} s to decode"
    )
    for i, clock in enumerate(("pictures per second", "pictures per processor second")):
        one, other = (
            len(paths) / np.median([seconds[i] for seconds in every[1:]])
            for every in (theirs, ours)
        )
        print(f"{clock}: plain {one:.1f}, gspy {other:.1f}, ratio {other / one:.2f}")


if __name__ == "__main__":
    main()
