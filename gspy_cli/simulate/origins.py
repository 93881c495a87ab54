"""Where and when each class is seen: detectors, observing runs, software eras."""

from dataclasses import dataclass

import numpy as np

from gspy_cli.strain.eras import ERA_SETTINGS, Era

# The chance of H1, from Gravity Spy's training set v1.1; 0.5 where both see it.
HANFORD_SHARE = {
    "1080Lines": 0.95,
    "1400Ripples": 0.05,
    "Air_Compressor": 0.9,
    "Blip": 0.7,
    "Fast_Scattering": 0.1,
    "Helix": 0.05,
    "Koi_Fish": 0.6,
    "Light_Modulation": 0.95,
    "Low_Frequency_Burst": 0.3,
    "Low_Frequency_Lines": 0.2,
    "Paired_Doves": 0.95,
    "Repeating_Blips": 0.85,
    "Scattered_Light": 0.7,
    "Scratchy": 0.3,
    "Wandering_Line": 0.95,
    "Whistle": 0.1,
}
ERAS = (Era.OLD, Era.MID, Era.O3, Era.GWPY)
ERA_SHARES = (0.56, 0.16, 0.19, 0.09)
# O3 added two classes; before, a low-frequency blip was called Tomte or Blip. Tomtes
# are mostly O3's: with older ones alone, eras would part them from low-frequency blips.
LATE_ERA_SHARES = {
    "Blip_Low_Frequency": (0.03, 0.03, 0.64, 0.3),
    "Fast_Scattering": (0.14, 0.1, 0.52, 0.24),
    "Tomte": (0.35, 0.1, 0.37, 0.18),
}
RUN_SHARES = {  # of O1 to O4, for pictures of each era
    Era.OLD: (0.85, 0.15, 0.0, 0.0),
    Era.MID: (0.6, 0.4, 0.0, 0.0),
    Era.O3: (0.1, 0.1, 0.8, 0.0),
    Era.GWPY: (0.05, 0.1, 0.35, 0.5),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """A detector, its observing run, and the software that drew the picture."""

    ifo: str
    run: str
    era: Era


def draw_origin(rng: np.random.Generator, label: str) -> Origin:
    """Draw the origin of a glitch of this class."""
    era = ERAS[rng.choice(4, p=LATE_ERA_SHARES.get(label, ERA_SHARES))]
    run = ("O1", "O2", "O3", "O4")[rng.choice(4, p=RUN_SHARES[era])]
    ifo = "H1" if rng.random() < HANFORD_SHARE.get(label, 0.5) else "L1"
    return Origin(ifo, run, era)


def with_norm(origin: Origin, rng: np.random.Generator, norm: str) -> Origin:
    """Give the origin in an era whose rows are normalised by `norm`, or as it is."""
    if norm in ("any", ERA_SETTINGS[origin.era].row_norm):
        return origin
    fitting = [era for era in ERAS if ERA_SETTINGS[era].row_norm == norm]
    return Origin(origin.ifo, origin.run, fitting[rng.integers(len(fitting))])
