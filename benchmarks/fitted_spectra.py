"""Count how many low blips with spectra as of O3's glitches the model names right.

Bondarescu, Lundgren and Macas (2023) fitted a bell in the logarithm of the frequency to
thousands of O3's glitches; their table is `data/all_PE_v3.json` of
github.com/andrew-lundgren/antiglitch (columns f0, gbw, snr, ifo, ml_label, num). Here
each fit is drawn with its own loudness in simulated noise of O3. The labels are Gravity
Spy's own network's, and a fit leaves out all that is no such bell: fins, crumbs.

python benchmarks/fitted_spectra.py all_PE_v3.json [--model M] [--ifo L1] [--count 100]
"""

import argparse
import json
from pathlib import Path

import numpy as np
from drawn import Draw, count, views

from gspy_cli.model import load_model
from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.pulses import log_bell
from gspy_cli.simulate.waveform import Waveform, snr
from gspy_cli.simulate.waveforms.low_blips import bell_phase

CLASSES = ("Blip", "Blip_Low_Frequency", "Tomte")
SNRS = 7.5, 120.0  # below, a search would not have found it


def fits(table: Path, *, ifo: str) -> dict[str, list[tuple[float, float, float]]]:
    """Read (f0 in hertz, gamma, SNR) of each class's fits, in the table's order."""
    columns = json.loads(table.read_text())
    found: dict[str, list[tuple[float, float, float]]] = {c: [] for c in CLASSES}
    for row, label in columns["ml_label"].items():
        f0, gamma, rho = (columns[name][row] for name in ("f0", "gbw", "snr"))
        if label in found and columns["ifo"][row] == ifo and SNRS[0] < rho < SNRS[1]:
            found[label].append((f0, gamma, rho))
    return found


def waveform(f0: float, gamma: float, rho: float) -> Draw:
    """Make a fit's waveform, with a phase of the simulator's own."""

    def draw(rng: np.random.Generator, clock: Clock) -> Waveform:
        return Waveform(log_bell(clock, f0, gamma, bell_phase(rng)), snr(rho))

    return draw


def main() -> None:
    """Print the names of each class's glitches."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path, help="all_PE_v3.json")
    parser.add_argument("--model", help="a name or an ONNX file")
    parser.add_argument("--ifo", default="L1", choices=("H1", "L1"))
    parser.add_argument("--count", type=int, default=100, help="of each class")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    model = load_model(options.model)
    for label, found in fits(options.table, ifo=options.ifo).items():
        drawn = (waveform(*fit) for fit in found[: options.count])
        glitches = views(label, drawn, seed=options.seed, run="O3")
        count(options.ifo, label, glitches, model)


if __name__ == "__main__":
    main()
