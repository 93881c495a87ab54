"""Count how many blips of gengli's network the model calls Blip, or write them.

gengli (Lopez et al. 2022, arXiv:2203.06494) has learnt whitened blips of H1 and L1 from
LIGO's data; its weights are in its package. Here they are put into simulated noise,
with the loudness of our blips, and drawn in four windows. Not all of them are clean
blips, and the faintest hardly show. With another seed they are written as training
data: `--inputs DIR`.

pip download --no-deps gengli && tar xf gengli-*.tar.gz
python benchmarks/gan_blips.py gengli-0.2.0/gengli/ctgan [--model M] [--sheet OUT.png]
python benchmarks/gan_blips.py gengli-0.2.0/gengli/ctgan --inputs DIR --seed 1 \
  [--count N] [--noise STRAIN]
"""

import argparse
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import torch
from drawn import count, in_the_middle, views
from numpy.typing import NDArray
from PIL import Image
from scipy.signal.windows import tukey

from gspy_cli.labels import CLASSES
from gspy_cli.model import load_model
from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.quiet import read_quiet
from gspy_cli.simulate.waveform import Waveform, lognormal, snr

RATE_HZ = 4096  # of the network


def blips(folder: Path, ifo: str, *, count: int, seed: int) -> NDArray[np.float64]:
    """Let the network draw blips, faded at both ends, (count, samples)."""
    spec = spec_from_file_location("ctgan", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    ctgan = module_from_spec(spec)  # without the package, which imports ray
    spec.loader.exec_module(ctgan)
    weights = torch.load(folder / "weights" / f"blip_{ifo}_CTGAN_state_G.pth", "cpu")
    network = ctgan.GenerativeNet(weights["conv5.2.running_var"].shape[0])
    network.load_state_dict(weights)
    torch.manual_seed(seed)
    with torch.inference_mode():
        drawn = network.eval()(torch.randn(count, 1, 100)).numpy()[:, 0]
    faded: NDArray[np.float64] = drawn * tukey(drawn.shape[1], 0.25)
    return faded


def waveform(
    blip: NDArray[np.float64], rng: np.random.Generator, clock: Clock
) -> Waveform:
    """Put a blip in the middle of a clock's times."""
    rho = lognormal(rng, 17, 0.65, low=7.5, high=110)
    return Waveform(in_the_middle(clock, blip, RATE_HZ), snr(rho))


def main() -> None:
    """Count the labels, by picture and by glitch, or write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="gengli's folder ctgan")
    parser.add_argument("--model", help="a name or an ONNX file")
    parser.add_argument("--sheet", type=Path, help="draw those that are not Blip")
    parser.add_argument("--inputs", type=Path, help="write them here, name none")
    parser.add_argument("--count", type=int, default=200, help="of each detector")
    parser.add_argument("--seed", type=int, default=6494)
    parser.add_argument("--noise", type=Path, help="real strain for half of them")
    options = parser.parse_args()
    quiet = read_quiet(options.noise) if options.noise else None
    drawn = {}
    for part, ifo in enumerate(("H1", "L1")):  # each in noise of its own
        found = blips(options.folder, ifo, count=options.count, seed=options.seed)
        makers = [partial(waveform, blip) for blip in found]
        drawn[ifo] = views("Blip", makers, seed=2 * options.seed + part, quiet=quiet)
    if options.inputs:
        write(options.inputs, [four for every in drawn.values() for four in every])
        return
    model = load_model(options.model)
    others = [row for ifo in drawn for row in count(ifo, "Blip", drawn[ifo], model)]
    if options.sheet and others:
        Image.fromarray(np.vstack(others)).save(options.sheet)


def write(directory: Path, pictures: list[NDArray[np.uint8]]) -> None:
    """Write them as `gspy simulate --inputs` would, all labelled Blip."""
    directory.mkdir(parents=True, exist_ok=True)
    np.save(directory / "inputs.npy", np.array(pictures))
    np.save(directory / "labels.npy", np.full(len(pictures), CLASSES.index("Blip")))


if __name__ == "__main__":
    main()
