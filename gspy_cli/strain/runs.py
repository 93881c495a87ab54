"""Observing runs and detectors, by the names in Gravity Spy's titles."""

from dataclasses import dataclass
from decimal import Decimal

DETECTORS = {
    "H1": "Hanford",
    "L1": "Livingston",
    "V1": "VIRGO",
    "G1": "GEO",
    "K1": "KAGRA",
}


@dataclass(frozen=True, slots=True)
class Run:
    """An observing run: GPS seconds of its start and of its end."""

    name: str
    start: int
    end: int


# From the run pages of gwosc.org.
RUNS = (
    Run("O1", 1126051217, 1137254417),
    Run("O2", 1164556817, 1187733618),
    Run("O3", 1238166018, 1253977218),
    Run("O3", 1256655618, 1269363618),
    Run("O4", 1368975618, 1389456018),
    Run("O4b", 1396796418, 1422118818),
    Run("O4c", 1422118818, 1447516818),
)


def title(ifo: str, gps: Decimal | float | None) -> str:
    """Title of a picture, as `Livingston - O3`; outside a run, only the detector."""
    detector = DETECTORS.get(ifo, ifo)
    if gps is not None:
        for run in RUNS:
            if run.start <= gps < run.end:
                return f"{detector} - {run.name}"
    return detector
