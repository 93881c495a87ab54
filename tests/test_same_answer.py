"""Straight from strain, and by way of a drawn figure: one and the same answer."""

import csv
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import SHARED
from running import gspy
from strain_files import gwpy_file

from gspy_cli.figure import read_figure
from gspy_cli.image import network_input, resize
from gspy_cli.strain.drawing import Style, draw
from gspy_cli.strain.picture import plot_pixels
from gspy_cli.strain.qtransform import q_scan

STRAIN = SHARED / "strain"
pytestmark = pytest.mark.skipif(
    not STRAIN.is_dir(), reason="the real strain is not here"
)
TOLERANCE = 0.02
GPS = 1238166018
NAMES = [
    f"{run}/{ifo}/{label}"
    for run, ifo, label in [
        ("O3a", "H1", "Light_Modulation"),  # the label hangs on a few pixels
        ("O3b", "H1", "Light_Modulation"),
        ("O3a", "L1", "Tomte"),
        ("O3b", "L1", "Whistle"),
        ("O3a", "H1", "Scattered_Light"),
    ]
]


def glitch(name: str, number: int = 0) -> np.ndarray:
    with h5py.File(STRAIN / "glitch_segments.hdf5") as file:
        samples: np.ndarray = file[f"{name}/{number}"][()]
    return samples


def labels(text: str) -> list[tuple[str, float]]:
    rows = csv.DictReader(text.splitlines())
    return [(row["ml_label"], float(row["ml_confidence"])) for row in rows]


def answers(path: Path, gps: float, folder: Path) -> list[list[tuple[str, float]]]:
    """Labels and confidences of the four windows, from strain and from figures."""
    _, direct, _ = gspy("classify", path, "-t", gps)
    gspy("qscan", path, "-t", gps, "-o", folder)
    _, drawn, _ = gspy("classify", folder)
    return [labels(direct), labels(drawn)]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_real_strain_gets_the_label_that_the_strain_gets(
    name: str, tmp_path: Path
) -> None:
    ifo = name.split("/")[1]
    path = gwpy_file(tmp_path / "s.h5", {f"{ifo}:GLITCH": glitch(name)}, start=GPS)
    direct, drawn = answers(path, GPS + 7, tmp_path / "figures")
    assert len(direct) == 4
    assert [label for label, _ in direct] == [label for label, _ in drawn]
    given = [[confidence for _, confidence in answer] for answer in (direct, drawn)]
    np.testing.assert_allclose(*given, atol=TOLERANCE)


@pytest.mark.parametrize("ifo", ["H1", "L1"])
@pytest.mark.parametrize("gps", [1126259462.4, 1135136350.6])
def test_so_do_gravitational_waves(ifo: str, gps: float, tmp_path: Path) -> None:
    (path,) = STRAIN.glob(f"{ifo[0]}-{ifo}*-{int(gps) - 16}-32.hdf5")
    direct, drawn = answers(path, gps, tmp_path)
    assert direct == drawn


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("name", NAMES[:2])
def test_the_network_sees_the_very_same_pixels(name: str, style: Style) -> None:
    scan = q_scan(glitch(name), sample_rate_hz=4096, event_s=7.0)
    for window, energies in scan.energies.items():
        png = draw(scan, window, ifo="H1", gps=None, style=style)
        seen = network_input(read_figure(BytesIO(png)), height=160, width=160)
        direct = resize(plot_pixels(energies), height=160, width=160)
        np.testing.assert_array_equal(seen, direct)
