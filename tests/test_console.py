"""Tables go to any pipe and any terminal."""

import os
import subprocess

import pytest
from running import GSPY, gspy

from gspy_cli.cli.console import Console


@pytest.mark.parametrize("ask", [["models"], ["classify", "-f", "table", "gone.png"]])
def test_a_table_ends_well_where_nobody_reads_it_to_its_end(ask):
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run([*GSPY, *ask], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("columns", ["0", "00", ""])
def test_a_width_of_nothing_is_no_width(columns, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = gspy("models")
    monkeypatch.setenv("COLUMNS", columns)
    assert gspy("models") == shown
    assert "efficientnet_lite0" in shown[1]


def test_a_height_of_nothing_is_no_height(monkeypatch):
    monkeypatch.setenv("LINES", "0")
    assert Console().height > 0
