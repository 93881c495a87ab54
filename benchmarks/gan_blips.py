"""Count how many blips of gengli's network the model calls Blip.

gengli (Lopez et al. 2022, arXiv:2203.06494) has learnt whitened blips of H1 and L1 from
LIGO's data; its weights are in its package. Here they are put into simulated noise,
with the loudness of our blips, and drawn in four windows. The model has never seen
them. Not all of them are clean blips, and the faintest hardly show.

pip download --no-deps gengli && tar xf gengli-*.tar.gz
python benchmarks/gan_blips.py gengli-0.2.0/gengli/ctgan [--model M] [--sheet OUT.png]
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import resample
from scipy.signal.windows import tukey

from gspy_cli.model import load_model
from gspy_cli.simulate import scene
from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.dataset import scene_views
from gspy_cli.simulate.waveform import Waveform, lognormal, snr
from gspy_cli.views import fuse

COUNT = 200  # of each detector
RATE_HZ = 4096  # of the network
SIDE = 160
SEED = 6494


def blips(folder: Path, ifo: str) -> NDArray[np.float64]:
    """Let the network draw blips, faded at both ends, (N, samples)."""
    spec = spec_from_file_location("ctgan", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    ctgan = module_from_spec(spec)  # without the package, which imports ray
    spec.loader.exec_module(ctgan)
    weights = torch.load(folder / "weights" / f"blip_{ifo}_CTGAN_state_G.pth", "cpu")
    network = ctgan.GenerativeNet(weights["conv5.2.running_var"].shape[0])
    network.load_state_dict(weights)
    torch.manual_seed(SEED)
    with torch.inference_mode():
        drawn = network.eval()(torch.randn(COUNT, 1, 100)).numpy()[:, 0]
    faded: NDArray[np.float64] = drawn * tukey(drawn.shape[1], 0.25)
    return faded


def waveform(
    blip: NDArray[np.float64], rng: np.random.Generator, clock: Clock
) -> Waveform:
    """Put a blip in the middle of a clock's times."""
    length = round(blip.size * clock.sample_rate_hz / RATE_HZ)
    whitened = np.zeros(clock.times_s.size)
    first = (whitened.size - length) // 2
    whitened[first : first + length] = resample(blip, length)
    return Waveform(whitened, snr(lognormal(rng, 17, 0.65, low=7.5, high=110)))


def views(drawn: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    """Draw the four windows of each blip, (4, S, S, 3)."""
    for index, blip in enumerate(drawn):
        with patch.dict(scene.WAVEFORMS, Blip=partial(waveform, blip)):
            found = scene.draw_scene("Blip", seed=SEED, index=index)
        yield scene_views(found, height=SIDE, width=SIDE, early=False)


def main() -> None:
    """Count the labels, by picture and by glitch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="gengli's folder ctgan")
    parser.add_argument("--model", help="a name or an ONNX file")
    parser.add_argument("--sheet", type=Path, help="draw those that are not Blip")
    options = parser.parse_args()
    model = load_model(options.model)
    classes = model.card.classes
    others = []
    for ifo in ("H1", "L1"):
        pictures, glitches = Counter[str](), Counter[str]()
        for four in views(blips(options.folder, ifo)):
            scores = model.score(four)
            fused = classes[int(fuse(scores).argmax())]
            pictures.update(classes[best] for best in scores.argmax(axis=1))
            glitches[fused] += 1
            if fused != "Blip":
                others.append(np.hstack(four))
        right = pictures["Blip"] / pictures.total(), glitches["Blip"] / COUNT
        print(f"{ifo}: Blip {right[0]:.3f} of pictures, {right[1]:.3f} of {COUNT}")
        print("   ", dict(glitches.most_common()))
    if options.sheet and others:
        Image.fromarray(np.vstack(others)).save(options.sheet)


if __name__ == "__main__":
    main()
