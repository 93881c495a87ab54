"""Count how many Tomtes and blips of cDVGAN's network the model names so, by their SNR.

cDVGAN (Dooney et al. 2024, arXiv:2401.16356) has learnt whitened Tomtes and blips of O3
from LIGO's data; its weights are in the package of DeepExtractor. Each waveform is cut
to its middle, since the network's baseline wanders, and drawn in simulated noise of O3
in four windows. They are no training data of the default model.

pip install tensorflow-cpu
pip download --no-deps deepextractor && unzip deepextractor-*.whl
python benchmarks/gan_tomtes.py deepextractor/assets/cdvgan [--model M] [--count N]
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow
from drawn import count, in_the_middle, views
from numpy.typing import NDArray

from gspy_cli.model import load_model
from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.waveform import Waveform, snr

RATE_HZ = 4096  # of the network
HALF_S = {"Blip": 0.035, "Tomte": 0.07}  # of the flat part that is kept
INPUTS = ("Blip", "Tomte", "BBH")  # of the network
LOUDNESS = (9, 12, 16, 24, 40)


def drawn(folder: Path, label: str, *, number: int, seed: int) -> NDArray[np.float64]:
    """Let the network draw waveforms of a class, (number, samples)."""
    network = tensorflow.saved_model.load(str(folder)).signatures["serving_default"]
    noise = np.random.default_rng(seed).standard_normal((number, 100))
    kinds = np.tile([float(name == label) for name in INPUTS], (number, 1))
    answer = network(
        input_3=tensorflow.constant(noise, tensorflow.float32),
        input_4=tensorflow.constant(kinds, tensorflow.float32),
    )
    return np.asarray(answer["flatten"], np.float64)


def cut(waveform: NDArray[np.float64], half_s: float) -> NDArray[np.float64]:
    """Keep what lies around the peak, faded at both ends, without the baseline."""
    swing = waveform - np.median(waveform)
    away = np.abs(np.arange(swing.size) - np.abs(swing).argmax()) / RATE_HZ
    fade = np.clip((1.6 * half_s - away) / (0.6 * half_s), 0, 1)
    kept: NDArray[np.float64] = swing * np.sin(fade * np.pi / 2) ** 2
    return kept


def waveform(
    shape: NDArray[np.float64], rho: float, _: np.random.Generator, clock: Clock
) -> Waveform:
    """Put a shape in the middle of a clock's times."""
    return Waveform(in_the_middle(clock, shape, RATE_HZ), snr(rho))


def main() -> None:
    """Count the labels, by picture and by glitch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="cDVGAN's saved model")
    parser.add_argument("--model", help="a name or an ONNX file")
    parser.add_argument("--count", type=int, default=100, help="at each SNR")
    parser.add_argument("--seed", type=int, default=2401)
    options = parser.parse_args()
    model = load_model(options.model)
    for label, half_s in HALF_S.items():
        shapes = drawn(
            options.folder,
            label,
            number=options.count * len(LOUDNESS),
            seed=options.seed,
        )
        for part, rho in enumerate(LOUDNESS):
            makers = [
                partial(waveform, cut(shape, half_s), rho)
                for shape in shapes[part :: len(LOUDNESS)]
            ]
            found = views(label, makers, seed=options.seed + part, run="O3")
            count(f"{label}, SNR {rho}", label, found, model)


if __name__ == "__main__":
    main()
