"""`gspy classify --gps` and `gspy qscan`, on strain made here and on real strain."""

import csv
import errno
import re
import shlex
import shutil
import subprocess
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import SHARED
from running import GSPY, gspy
from strain_files import gwosc_file, noise

from gspy_cli.cli.inputs import Given
from gspy_cli.cli.strain import Events
from gspy_cli.errors import GspyError
from gspy_cli.figure import read_figure
from gspy_cli.strain import drawing, triggers
from gspy_cli.strain.times import gps_time

STRAIN = SHARED / "strain"
REAL = pytest.mark.skipif(not STRAIN.is_dir(), reason="the real strain is not here")
START, RATE = 1126259447, 4096


@pytest.fixture
def blip_file(tmp_path: Path) -> Path:
    """Write 32 s of white noise with a sine-Gaussian of 100 Hz in the middle."""
    times = np.arange(32 * RATE) / RATE - 16
    noise = np.random.default_rng(0).normal(0, 1e-21, times.size)
    glitch = 2e-20 * np.exp(-((times / 0.01) ** 2)) * np.cos(2 * np.pi * 100 * times)
    path = tmp_path / "L-L1_TEST-0-32.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("L1:TEST", data=noise + glitch)
        data.attrs.update({"x0": START, "dx": 1 / RATE, "channel": "L1:TEST"})
    return path


@pytest.mark.parametrize("option", ["--channel=L1:TEST", "--ifo=L1"])
def test_an_output_of_other_strain_is_refused(blip_file, tiny_model, tmp_path, option):
    output = tmp_path / "out.csv"
    ask = ["classify", blip_file, "-t", START + 500, "-m", tiny_model, "-o", output]
    assert gspy(*ask)[0] == 1  # the time is not in it
    code, _, err = gspy(*ask, option)
    name, _ = option.split("=")
    assert (code, f"was made without {name}; " in err) == (2, True)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_strain_gives_one_row_a_window_with_the_loudest_tile(blip_file, tiny_model):
    code, out, _ = gspy("classify", blip_file, "--gps", START + 16, "-m", tiny_model)
    rows = table(out)
    assert code == 0
    assert [row["window"] for row in rows] == ["0.5", "1.0", "2.0", "4.0"]
    assert {row["ifo"] for row in rows} == {"L1"}
    assert {float(row["event_time"]) for row in rows} == {START + 16}
    assert all(85 < float(row["peak_frequency"]) < 115 for row in rows)
    assert all(float(row["snr"]) > 30 for row in rows)
    assert {row["q_value"] for row in rows} == {"5.657"}


def test_strain_that_is_given_comes_before_that_of_a_list(
    blip_file, tiny_model, tmp_path
):
    copy = shutil.copy(blip_file, tmp_path / "copy.hdf5")
    (tmp_path / "list.txt").write_text(f"{copy}\n")
    given = ["classify", blip_file, "--files-from", tmp_path / "list.txt"]
    code, out, _ = gspy(*given, "-t", START + 16, "-m", tiny_model)
    assert code == 0
    assert {row["path"] for row in table(out)} == {str(blip_file)}


def test_each_event_is_scanned_once_whatever_batches_it_falls_into(
    tmp_path, tiny_model, tilings
):
    file = gwosc_file(tmp_path, noise(100), start=START)
    inside = [f"{START + second}.3" for second in range(36, 64, 4)]
    times = [START - 1, *inside]  # a row of its own, then four for each
    given = [word for time in times for word in ("--gps", time)]
    _, out, _ = gspy("classify", file, *given, "-m", tiny_model)
    assert len(table(out)) == 1 + 4 * len(inside)
    assert len(tilings) == len(inside)


def test_a_time_outside_the_file_is_a_failed_row(blip_file, tiny_model):
    times = ["--gps", START + 500, "--gps", START + 16]
    code, out, _ = gspy("classify", blip_file, *times, "-m", tiny_model)
    assert code == 1
    assert [row["status"] for row in table(out)] == ["failed"] + 4 * ["ok"]
    assert "is not in" in table(out)[0]["error"]
    assert {row["path"] for row in table(out)} == {str(blip_file)}


def test_a_scan_is_four_figures_that_gspy_itself_can_read(blip_file, tmp_path):
    code, out, err = gspy("qscan", blip_file, "-t", START + 16, "-o", tmp_path / "q")
    names = [Path(line).name for line in out.splitlines()]
    assert code == 0
    assert names == [
        f"L1_{START + 16}.000000000_spectrogram_{w}.png" for w in (0.5, 1.0, 2.0, 4.0)
    ]
    assert read_figure(tmp_path / "q" / names[0]).shape == (600, 800, 3)
    assert re.search(r"loudest tile 101\.5 Hz, SNR 12\d\.\d, Q 5\.66\n", err)


@pytest.mark.parametrize("marks", [(), ("--annotate",)])
def test_a_scan_is_drawn_of_the_exact_time_with_marks_if_asked(
    blip_file, tmp_path, monkeypatch, marks
):
    drawn = []

    def spy(_scan, window_s, **how):
        drawn.append((window_s, how))
        return b""

    monkeypatch.setattr(drawing, "draw", spy)
    time, window = f"{START + 16}.3", ("--window", "1.0")
    gspy("qscan", blip_file, "-t", time, *window, *marks, "-o", tmp_path / "q")
    how = {"ifo": "L1", "gps": Decimal(time), "annotate": bool(marks)}
    assert drawn == [(1.0, how)]


def test_the_energies_can_be_had_as_numbers(blip_file, tmp_path):
    code, out, _ = gspy(
        "qscan",
        blip_file,
        "-t",
        START + 16,
        "--format",
        "npz",
        "--window",
        "1.0",
        "-o",
        tmp_path,
    )
    with np.load(out.strip()) as file:
        scan = dict(file)
    loudest = np.unravel_index(scan["energies"].argmax(), scan["energies"].shape)
    assert code == 0
    assert scan["energies"].shape == (479, 500)
    assert 85 < scan["frequencies"][loudest[0]] < 115
    assert abs(loudest[1] * 0.002 - 0.5) < 0.01


def test_marks_go_with_pictures(blip_file, tmp_path):
    ask = ["qscan", blip_file, "-t", START + 16, "-o", tmp_path / "q", "--annotate"]
    code, out, err = gspy(*ask, "-f", "npz")
    reason = "--annotate marks pictures; leave it out with -f npz"
    assert (code, out, err) == (2, "", f"gspy: {reason}\n")


def test_the_first_glitch_does_not_wait_for_the_last_event(blip_file, monkeypatch):
    def two(path):
        yield triggers.EventTime(Decimal(START + 16))
        yield triggers.EventTime(Decimal(START + 17))
        pytest.fail("a third event is read")

    monkeypatch.setattr(triggers, "read_triggers", two)
    given = Given((str(blip_file),), events=Events(table=Path("t.csv")))
    views = next(given.groups(per_glitch=True, ahead=False))
    assert [view.origin.window for view in views] == [0.5, 1.0, 2.0, 4.0]


def test_a_row_a_glitch_keeps_the_order_of_the_events(blip_file, tiny_model):
    seconds = (16, 14, 500, 14, 14, 500, 500, 16)
    times = [word for second in seconds for word in ("-t", START + second)]
    _, out, _ = gspy("classify", blip_file, *times, "--per-glitch", "-m", tiny_model)
    assert [float(row["event_time"]) - START for row in table(out)] == [*seconds]


def test_scans_of_files_without_detector_do_not_overwrite_each_other(
    blip_file, tmp_path
):
    files = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path in files:
        with h5py.File(blip_file) as source, h5py.File(path, "w") as file:
            source.copy("L1:TEST", file, "strain")
            del file["strain"].attrs["channel"]
    code, out, err = gspy("qscan", *files, "-t", START + 16, "-o", tmp_path / "q")
    assert (code, out) == (2, "")
    assert err.startswith("gspy: neither a.h5 nor b.h5 names its detector; ")
    one = ["qscan", files[0], "-t", START + 16, "--window", 0.5, "-o", tmp_path]
    code, out, _ = gspy(*one, "-f", "npz")
    name = f"X1_{START + 16}.000000000_spectrogram_0.5.npz"
    assert (code, Path(out.strip()).name) == (0, name)


def test_a_full_disk_leaves_no_part_of_a_picture(blip_file, tmp_path, monkeypatch):
    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    code, out, err = gspy("qscan", blip_file, "-t", START + 16, "-o", tmp_path / "q")
    assert (code, out) == (2, "")
    assert err.endswith("q: No space left on device\n")
    assert list((tmp_path / "q").iterdir()) == []


def test_what_cannot_be_drawn_is_named_with_its_event(blip_file, tmp_path):
    times = ["-t", START + 0.5, "-t", START + 2, "-t", START + 99]
    (tmp_path / "bad.h5").write_text("?")
    files = blip_file, tmp_path / "bad.h5"
    code, out, err = gspy("qscan", *files, *times, "-o", tmp_path / "q", "-q")
    assert (code, out.count("\n")) == (1, 3)
    bad, early, four_seconds, outside = err.splitlines()
    assert bad.startswith("gspy: bad.h5 is not an HDF5 file")
    edge = "too near the edge of the strain, or a gap: {} on either side of the event"
    even = edge.format("even the 0.5 s window needs 1.25 s")
    assert early == f"gspy: L1_{START}.500000000: {even}"
    four = edge.format("the 4.0 s window needs 3 s")
    assert four_seconds == f"gspy: L1_{START + 2}.000000000: {four}"
    assert outside.startswith(f"gspy: GPS {START + 99} is not in ")
    code, out, err = gspy("qscan", files[1], *times[:2], "-o", tmp_path / "q", "-q")
    assert (code, out, err) == (1, "", f"{bad}\n")


def test_a_reader_that_closes_standard_output_is_no_trouble(blip_file, tmp_path):
    ask = [*GSPY, "qscan", str(blip_file), "-t", str(START + 16), "-o", "q"]
    script = f"{shlex.join(ask)} --window 0.5 | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, "cannot write" in done.stderr) == (0, False)


def test_a_window_that_is_not_drawn_is_refused(blip_file, tmp_path):
    code, _, err = gspy("qscan", blip_file, "-t", START + 16, "--window", "3")
    assert (code, "use 0.5, 1.0, 2.0, 4.0 or all" in err) == (2, True)


def test_a_window_however_written_is_drawn_of_each_detector(blip_file, tmp_path):
    files = blip_file, gwosc_file(tmp_path, noise(32), ifo="H1")
    ask = ["qscan", *files, "-t", START + 16, "-o", tmp_path / "q", "-q"]
    code, out, _ = gspy(*ask, "--window", "2")
    names = [Path(line).name.split("_", 1) for line in out.splitlines()]
    assert (code, [ifo for ifo, _ in names]) == (0, ["L1", "H1"])
    assert {name for _, name in names} == {
        f"{START + 16}.000000000_spectrogram_2.0.png"
    }


def test_pictures_do_not_go_into_a_file(blip_file):
    for ask in (["qscan", blip_file, "-t", START], ["simulate"]):
        code, _, err = gspy(*ask, "-o", blip_file)
        assert (code, err) == (2, f"gspy: -o {blip_file} is a file; give a folder\n")


def test_a_table_without_times_is_said_to_have_none(blip_file, tiny_model, tmp_path):
    (tmp_path / "triggers.csv").write_text("peak_time,ifo\n")
    ask = "--triggers", tmp_path / "triggers.csv", "-m", tiny_model
    code, out, err = gspy("classify", blip_file, *ask)
    assert (code, table(out), err[:22]) == (0, [], "0 classified, 0 failed")


def test_a_folder_of_strain_is_no_folder_of_pictures(blip_file, tiny_model):
    code, out, _ = gspy("classify", blip_file.parent, "-m", tiny_model)
    (row,) = table(out)
    said = "no pictures in this folder, but strain: give --gps TIME or --triggers FILE"
    assert (code, row["error"].partition(";")[0]) == (1, said)


@pytest.mark.parametrize(
    ("date", "gps"),
    [
        ("1126259462.4", "1126259462.4"),
        ("1238652972.764159918", "1238652972.764159918"),
        ("2015-09-14T09:50:45.4", "1126259462.4"),
        ("2015-09-14T11:50:45.4+02:00", "1126259462.4"),
        ("1980-01-06", "0"),
        ("2015-09-14T09:50:45.400000123", "1126259462.400000123"),
        ("20150914T115045,400000123+02:00", "1126259462.400000123"),
        ("2016-12-31T23:59:59", "1167264016"),
        ("2016-12-31T23:59:59.75", "1167264016.75"),
        ("2016-12-31T23:59:60.5", "1167264017.5"),
        ("2017-01-01T00:59:60+01:00", "1167264017"),
        ("20161231T235960.25", "1167264017.25"),
        ("2017-01-01", "1167264018"),
        ("1126259462.4000001234", "1126259462.400000123"),
        ("1e-200000", "0"),
        ("0e200000", "0"),
    ],
)
def test_a_time_is_exact_gps_seconds(date, gps):
    assert f"{gps_time(date):f}" == gps


# of which a second was inserted (IERS Bulletin C)
LEAP_DATES = (
    *("1981-06-30", "1982-06-30", "1983-06-30", "1985-06-30", "1987-12-31"),
    *("1989-12-31", "1990-12-31", "1992-06-30", "1993-06-30", "1994-06-30"),
    *("1995-12-31", "1997-06-30", "1998-12-31", "2005-12-31", "2008-12-31"),
    *("2012-06-30", "2015-06-30", "2016-12-31"),
)


@pytest.mark.parametrize(("before", "date"), [*enumerate(LEAP_DATES)])
def test_a_day_with_a_leap_second_has_one_second_more(before, date):
    day = datetime.fromisoformat(date)
    elapsed = (day - datetime(1980, 1, 6)).days * 86400
    assert gps_time(date) == elapsed + before
    assert gps_time(f"{day + timedelta(days=1)}") == elapsed + 86400 + before + 1


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "nan", "inf", "-5", "1e99", "", "1979-12-31"),
        *("2015-09-14T09:50:60", "20150914T095060"),
        *("2015-09-14T09:50.7", "2015-09-14T09.84", "20150914T0950,7"),
    ],
)
def test_a_text_that_is_no_time_is_refused(text):
    with pytest.raises(GspyError, match=f"'{text}' is no"):
        gps_time(text)


@REAL
@pytest.mark.parametrize("ifo", ["H", "L"])
def test_gw150914_is_a_chirp_in_both_detectors(ifo):
    (path,) = STRAIN.glob(f"{ifo}-{ifo}1_LOSC_4_V2-1126259446-32.hdf5")
    code, out, _ = gspy("classify", path, "--gps", "1126259462.4")
    rows = [row for row in table(out) if row["window"] in ("0.5", "1.0")]
    assert code == 0
    assert {row["ml_label"] for row in rows} == {"Chirp"}
