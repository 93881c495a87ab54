"""Compare `gspy classify DIR -o out.csv` with what a user would write, and its limit.

Rivals, on the same full figures and weights: a torch + torchvision `DataLoader` script
(fp32 eager, 2 workers, batch 32), and a loop of Pillow and ONNX Runtime (fp32). Their
start is not counted, gspy's is. The limit is what the cores could do, all at work, if a
picture cost them only the CPU seconds of inflate, unfilter, resize (as gspy does) and
inference; it is measured before gspy and after, since a shared machine changes its
speed. Run on an idle one, with the `train` and `strain` extras, three minutes:

python benchmarks/directory.py [--figures DIR] [--run RUN] [--count N] [--memory]

Without figures, simulated ones are drawn; without a run, the weights are random, which
does not change the speed.
"""

import argparse
import csv
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gspy_cli.card import ModelCard
from gspy_cli.figure import read_pixels
from gspy_cli.image import network_input, resize
from gspy_cli.labels import CLASSES
from gspy_cli.simulate.figures import write_figures
from gspy_cli.training.architectures import architecture, build_network
from gspy_cli.training.export import check_pictures, export_model, read_network
from gspy_cli.training.quantise import to_int8
from gspy_cli.workers import available_cores

DRAWN, COUNT, MANY = 96, 4800, 20_000
FOR_RIVALS = 1200  # pictures at most: without their start, the number hardly counts
ARCHITECTURE = "efficientnet_lite0"
BOX = (100, 60, 674, 540)  # left, top, right, bottom of the plot in a full figure
SIDE = 160


class Figures(Dataset):
    """What a user of torch would write."""

    def __init__(self, paths: list[Path], card: ModelCard) -> None:
        self.paths = paths
        self.transform = transforms.Compose(
            [
                transforms.Resize(card.input_size),
                transforms.ToTensor(),
                transforms.Normalize(card.mean, card.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.transform(Image.open(self.paths[i]).convert("RGB").crop(BOX))


def torch_script(paths: list[Path], network: torch.nn.Module, card: ModelCard) -> None:
    """Classify with a `DataLoader` and the eager network."""
    loader = DataLoader(Figures(paths, card), batch_size=32, num_workers=2)
    with torch.inference_mode():
        for pictures in loader:
            network(pictures).softmax(1).argmax(1)


def simple_loop(paths: list[Path], session: onnxruntime.InferenceSession) -> None:
    """Classify with Pillow and ONNX Runtime, one picture after the other."""
    for path in paths:
        plot = Image.open(path).convert("RGB").crop(BOX).resize((SIDE, SIDE), 2)
        session.run(["probabilities"], {"image": np.asarray(plot)[None]})


def gspy(folder: Path, model: Path, output: Path) -> list[str]:
    """Give the command that is measured."""
    command = [sys.executable, "-m", "gspy_cli", "classify", str(folder), "--quiet"]
    return [*command, "-m", str(model), "-o", str(output), "--overwrite"]


def cpu_seconds(who: int) -> float:
    """Read the CPU seconds used so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def measure(name: str, count: int, run: Callable[[], object]) -> float:
    """Time a run; print and give its pictures per second."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    start, before = time.perf_counter(), sum(map(cpu_seconds, kinds))
    run()
    wall, cpu = time.perf_counter() - start, sum(map(cpu_seconds, kinds)) - before
    print(
        f"{name:22} {count / wall:6.0f} pictures/s,"
        f" {1e3 * cpu / count:6.2f} CPU ms a picture",
        flush=True,
    )
    return count / wall


def cost(calls: Sequence[Callable[[], object]], count: int, turns: int = 9) -> float:
    """Give the CPU seconds a picture that some calls take, the median of some turns."""
    times = []
    for _ in range(turns):
        before = time.process_time()
        for call in calls:  # what it gives is not kept: memory is not asked for anew
            call()
        times.append(time.process_time() - before)
    return statistics.median(times) / count


def limit(paths: list[Path], model: Path, cores: int) -> float:
    """Give the pictures per second that the cores could do, and print why.

    All of them are measured at once: they share caches and memory as in a run.
    """
    with get_context("spawn").Pool(cores) as pool:
        found = pool.starmap(costs, [(paths, model)] * cores)
    names = ("inflate + unfilter", "resize", "inference")
    for name, seconds in zip(names, zip(*found, strict=True), strict=True):
        print(f"  {name:20} {1e3 * statistics.mean(seconds):6.2f} CPU ms a picture")
    speed = sum(1 / sum(one) for one in found)
    print(f"{'limit':22} {speed:6.0f} pictures/s on {cores} cores", flush=True)
    return speed


def costs(paths: list[Path], model: Path) -> list[float]:
    """Give the CPU seconds a picture of inflate + unfilter, resize and inference."""
    from kornia_rs import io

    contents = [path.read_bytes() for path in paths]
    sizes = [Image.open(path).size[::-1] for path in paths]
    modes = [Image.open(path).mode.lower() for path in paths]
    left, top, right, bottom = BOX
    plots = [read_pixels(path)[top:bottom, left:right] for path in paths]
    pillow = [Image.fromarray(np.ascontiguousarray(p[..., :3])) for p in plots]
    inputs = np.stack([resize(p, height=SIDE, width=SIDE) for p in plots[:8]])
    session = onnx_session(model.read_bytes(), threads=1)
    steps: list[Sequence[Callable[[], object]]] = [
        [
            partial(io.decode_image_png_u8, *picture)
            for picture in zip(contents, sizes, modes, strict=True)
        ],
        [partial(p.resize, (SIDE, SIDE), 2, reducing_gap=1.0) for p in pillow],
        [partial(session.run, ["probabilities"], {"image": inputs})]
        * (len(paths) // len(inputs)),
    ]
    return [cost(calls, len(paths)) for calls in steps]


def onnx_session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph for a number of threads; 0 is ONNX Runtime's own choice."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(content, options, providers=providers)


def models(run: Path | None, folder: Path) -> tuple[torch.nn.Module, ModelCard, Path]:
    """Give the network, its card, and folder/{fp32,int8}.onnx of the same weights."""
    if run:
        network, card = read_network(run)
    else:
        torch.manual_seed(0)
        found = architecture(ARCHITECTURE)
        network = build_network(ARCHITECTURE, len(CLASSES))
        shape = (SIDE, SIDE)
        normalisation = (found.mean, found.std)
        card = ModelCard(
            "benchmark", ARCHITECTURE, CLASSES, shape, *normalisation, parameters=0
        )
    network.eval()
    pictures = check_pictures(card.input_size, 32)
    export_model(network, card, folder / "fp32.onnx", pictures=pictures)
    content = (folder / "fp32.onnx").read_bytes()
    (folder / "int8.onnx").write_bytes(to_int8(content, pictures))
    return network, card, folder


def full_figures(given: Path | None, folder: Path) -> list[Path]:
    """List full PNG figures of 800 x 600 pixels: those given, or some drawn here."""
    if given is None:
        given = folder
        print(f"drawing {DRAWN} figures ...", flush=True)
        write_figures(given, count=DRAWN // 4, seed=0)
    paths = sorted(given.rglob("*.png"))
    return [path for path in paths if Image.open(path).size == (800, 600)]


def link(sources: Iterable[Path], count: int, folder: Path) -> list[Path]:
    """Make a folder of `count` figures from fewer, by hard links."""
    folder.mkdir()
    paths = []
    for number, source in zip(range(count), itertools.cycle(sources)):
        path = folder / f"H1_g{number:06}_spectrogram_1.0.png"
        os.link(source, path)
        paths.append(path)
    return paths


def memory(command: list[str], output: Path) -> None:
    """Print when the first rows come, and the memory of all processes on the way."""
    start, first, seen = time.perf_counter(), 0.0, []
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            time.sleep(0.1)
            if not first and output.exists() and output.stat().st_size:
                first = time.perf_counter() - start
            seen.append(resident_mb(process.pid))
    tenth = len(seen) // 10
    print(f"first rows after {first:.2f} s")
    print(
        f"resident memory of {MANY} pictures: {seen[tenth]:.0f} MB at a tenth,"
        f" {seen[len(seen) // 2]:.0f} MB halfway, {max(seen):.0f} MB at most"
    )


def resident_mb(pid: int) -> float:
    """Add up the resident memory of a process and its children (Linux)."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue
        if str(pid) in (lines["Pid"].strip(), lines["PPid"].strip()):
            total += int(lines.get("VmRSS", "0 kB").split()[0])
    return total / 1024


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, help="folder of 800 x 600 PNG figures")
    parser.add_argument("--run", type=Path, help="a trained run, for its weights")
    parser.add_argument("--count", type=int, default=COUNT, help="pictures")
    parser.add_argument("--memory", action="store_true", help="and 20,000 pictures")
    return parser.parse_args()


def main() -> None:
    """Measure all, one after the other."""
    chosen, cores = arguments(), available_cores()
    count = chosen.count
    with tempfile.TemporaryDirectory(dir=chosen.figures) as name:
        folder = Path(name)
        network, card, onnx_files = models(chosen.run, folder)
        base = full_figures(chosen.figures, folder / "drawn")
        paths = link(base, count, folder / "figures")
        command = gspy(folder / "figures", onnx_files / "int8.onnx", folder / "o.csv")
        session = onnx_session((onnx_files / "fp32.onnx").read_bytes(), threads=0)
        network_input(read_pixels(paths[0]), height=SIDE, width=SIDE)
        before = limit(paths[:64], onnx_files / "int8.onnx", cores)
        ours = measure(
            "gspy classify", count, lambda: subprocess.run(command, check=True)
        )
        after = limit(paths[:64], onnx_files / "int8.onnx", cores)
        with (folder / "o.csv").open(newline="") as rows:
            assert [row["status"] for row in csv.DictReader(rows)] == ["ok"] * count
        some = paths[:FOR_RIVALS]
        loop = measure(
            "Pillow + onnxruntime", len(some), lambda: simple_loop(some, session)
        )
        eager = measure(
            "torch + DataLoader", len(some), lambda: torch_script(some, network, card)
        )
        for rival, speed, goal in (
            ("torch + DataLoader", eager, 6),
            ("Pillow + onnxruntime", loop, 2.5),
            ("the limit", (before + after) / 2, 0.8),
        ):
            print(f"gspy / {rival:20} {ours / speed:5.2f} (goal {goal})")
        if chosen.memory:
            link(base, MANY, folder / "many")
            command = gspy(folder / "many", onnx_files / "int8.onnx", folder / "m.csv")
            memory(command, folder / "m.csv")


if __name__ == "__main__":
    main()
