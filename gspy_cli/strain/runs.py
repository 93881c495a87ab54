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
class ObservingRun:
    """An observing run: GPS seconds of its start and of its end."""

    name: str
    start: int
    end: int


# From the run pages of gwosc.org.
RUNS = (
    ObservingRun("O1", 1126051217, 1137254417),
    ObservingRun("O2", 1164556817, 1187733618),
    ObservingRun("O3", 1238166018, 1253977218),
    ObservingRun("O3", 1256655618, 1269363618),
    ObservingRun("O4", 1368975618, 1389456018),
    ObservingRun("O4b", 1396796418, 1422118818),
    ObservingRun("O4c", 1422118818, 1447516818),
)


def figure_title(ifo: str, gps: Decimal | float | None) -> str:
    """Title of a picture, as `Livingston - O3`; outside a run, only the detector."""
    detector = DETECTORS.get(ifo, ifo)
    if gps is not None:
        for run in RUNS:
            if run.start <= gps < run.end:
                return f"{detector} - {run.name}"
    return detector
