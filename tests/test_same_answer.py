"""Straight from strain, and by way of a drawn figure: one and the same answer."""

from pathlib import Path

import h5py
import pytest
from conftest import SHARED
from running import gspy, rows
from strain_files import gwpy_file

STRAIN = SHARED / "strain"
pytestmark = pytest.mark.skipif(
    not STRAIN.is_dir(), reason="the real strain is not here"
)
GPS = 1238166018


def answers(path: Path, gps: float, folder: Path) -> list[list[tuple[str, str]]]:
    """Labels and confidences of the four windows, from strain and from figures."""
    _, direct, _ = gspy("classify", path, "-t", gps)
    gspy("qscan", path, "-t", gps, "-o", folder)
    _, drawn, _ = gspy("classify", folder)
    return [
        [(row["ml_label"], row["ml_confidence"]) for row in rows(text)]
        for text in (direct, drawn)
    ]


def test_a_figure_of_real_strain_gets_the_answer_that_the_strain_gets(
    tmp_path: Path,
) -> None:
    name = "O3a/H1/Light_Modulation/0"  # its label hangs on a few pixels
    with h5py.File(STRAIN / "glitch_segments.hdf5") as file:
        path = gwpy_file(tmp_path / "s.h5", {"H1:GLITCH": file[name][()]}, start=GPS)
    direct, drawn = answers(path, GPS + 7, tmp_path / "figures")
    assert len(direct) == 4
    assert direct == drawn


def test_so_does_one_of_a_gravitational_wave(tmp_path: Path) -> None:
    (path,) = STRAIN.glob("H-H1_*-1126259446-32.hdf5")
    direct, drawn = answers(path, 1126259462.4, tmp_path)
    assert direct == drawn
