"""Tables of triggers, and the rows that come of them."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from running import gspy, rows
from strain_files import RATE, START, gwosc_file, gwpy_file, noise

from gspy_cli.errors import GspyError
from gspy_cli.strain.collect import collect
from gspy_cli.strain.triggers import only_of, read_triggers

WINDOWS = ["0.5", "1.0", "2.0", "4.0"]


def write(folder: Path, *lines: str, name: str = "triggers.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def strain(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    gwosc_file(folder, noise(64, blips_s=(20.0, 40.25)), ifo="H1")
    both = noise(64, blips_s=(20.0, 40.25), seed=1)
    both[50 * RATE : 60 * RATE] = np.nan
    gwosc_file(folder, both, ifo="L1")
    return folder


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("event_time", "1126259462.400000123"),
        ("GPStime,snr", "1126259462.400000123,9"),
        ("peak_time,peak_time_ns", "1126259462,400000123"),
        ("event_time,peak_time_ns", "1126259462.400000123,400000123"),
        ("\ufeffevent_time,peak_time", "1126259462.400000123,7"),
        ("GPS,name", "1126259462.400000123,GW150914"),
        ("time,frequency", "1126259462.400000123,100"),
    ],
)
def test_the_time_may_be_in_any_of_the_usual_columns(
    tmp_path: Path, header: str, cells: str
) -> None:
    (wanted,) = read_triggers(write(tmp_path, header, cells))
    assert wanted.gps == Decimal("1126259462.400000123")
    assert wanted.name == "1126259462.400000123"


def test_a_table_may_name_detectors_and_identifiers(tmp_path: Path) -> None:
    table = write(tmp_path, "ifo,event_time,gravityspy_id", "H1,5,zXy", "L1,6,")
    assert [(w.ifo, w.name) for w in read_triggers(table)] == [
        ("H1", "zXy"),
        ("L1", "6.000000000"),
    ]


def test_spaces_after_commas_do_not_matter(tmp_path: Path) -> None:
    tables = [
        write(tmp_path, "ifo,event_time,gravityspy_id", "H1,5,zXy"),
        write(tmp_path, " ifo, event_time, gravityspy_id", "H1, 5, zXy", name="b.csv"),
    ]
    plain, spaced = (list(read_triggers(table)) for table in tables)
    assert spaced == plain


def test_the_case_of_columns_does_not_matter(tmp_path: Path) -> None:
    table = write(tmp_path, "GPSTIME,IFO,GravitySpy_ID", "5,H1,zXy", "soon,H1,")
    good, bad = read_triggers(table)
    assert (good.gps, good.ifo, good.name) == (5, "H1", "zXy")
    assert bad.problem.startswith("GPStime in line 3: 'soon' is no time")


@pytest.mark.parametrize("mark", [";", "\t", " ", "   "])
def test_cells_may_be_parted_by_other_marks(tmp_path: Path, mark: str) -> None:
    cells = ["event_time", "ifo"], ["5", "H1"], ['"2015-09-14 09:50:45"', "L1"]
    found = read_triggers(write(tmp_path, *map(mark.join, cells)))
    assert [(w.gps, w.ifo) for w in found] == [(5, "H1"), (1126259462, "L1")]


@pytest.mark.parametrize(
    "lines",
    [
        ["time snr", "2015-09-14 09:50:45.4 24"],
        ["  event_time ifo", "0 1126259462.4 H1"],  # pandas' index has no name
        ["comment,event_time,ifo", "seen, 6,5,H1"],
    ],
)
def test_marks_in_a_cell_without_quotes_are_told(tmp_path: Path, lines) -> None:
    (bad,) = read_triggers(write(tmp_path, *lines))
    assert (bad.gps, bad.ifo) == (None, None)
    mark = "','" if "," in lines[0] else "' '"
    told = f"line 2 has more cells than the header; put quotes about what holds {mark}"
    assert bad.problem == told


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("GPStime\tfreq, Hz", "5\t7"),
        ("event_time;snr, max", "5;7"),
        ('"a, b"\tevent_time', "7\t5"),
        (" event_time", " 1980-01-06 00:00:05"),
        ("event_time,ifo,comment", '5,H1, "seen" by eye'),
        ("event_time,ifo", "5,H1,,"),
        ("event_time ifo", "5 H1 "),
    ],
)
def test_marks_within_names_and_cells_part_nothing(
    tmp_path: Path, header: str, cells: str
) -> None:
    (wanted,) = read_triggers(write(tmp_path, header, cells))
    assert wanted.gps == 5


def test_lines_of_comment_are_skipped_and_counted(tmp_path: Path) -> None:
    lines = ["# %ECSV 1.0", "# ---", "", "event_time,ifo", "5,H1", "#6,H1", "soon,L1"]
    good, bad = read_triggers(write(tmp_path, *lines))
    assert good.gps == 5
    assert bad.problem.startswith("event_time in line 7: 'soon' is no time")


@pytest.mark.parametrize("header", ["event_time,ifo,event_time", "ifo,IFO,event_time"])
def test_a_column_that_is_there_twice_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(GspyError, match=f"has two columns {header[:3]}.*; leave one"):
        list(read_triggers(write(tmp_path, header, "5,6,7")))


def test_a_table_without_times_is_refused(tmp_path: Path) -> None:
    columns = "no column event_time, GPStime, peak_time, GPS or time; give a CSV table "
    with pytest.raises(GspyError, match=rf"{columns}.* first line .* is 'when\|ifo'$"):
        list(read_triggers(write(tmp_path, "# time", "when|ifo", "5|H1")))
    with pytest.raises(GspyError, match="cannot read"):
        list(read_triggers(tmp_path / "gone.csv"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(GspyError, match=r"is not a CSV table; give one in UTF-8$"):
        list(read_triggers(tmp_path / "binary.csv"))


@pytest.mark.parametrize("last", ["7,", '7,14"'])
def test_stray_quotes_swallow_no_events(tmp_path: Path, last: str) -> None:
    table = write(tmp_path, "event_time,comment", '5,"12 inch', "6,", last)
    with pytest.raises(GspyError, match="is not a CSV table"):
        list(read_triggers(table))


def test_a_bad_row_has_its_line_in_its_reason(tmp_path: Path) -> None:
    _, bad = read_triggers(write(tmp_path, "event_time", "5", "soon"))
    assert bad.problem.startswith("event_time in line 3: 'soon' is no time")
    assert bad.name == "line 3"


def test_a_fraction_of_a_second_is_told_once(tmp_path: Path) -> None:
    cells = ["5.0,400000000", "5.4,0", "5.4,400000000"]
    *good, bad = read_triggers(write(tmp_path, "peak_time,peak_time_ns", *cells))
    assert [w.gps for w in good] == [Decimal("5.4"), Decimal("5.4")]
    assert bad.problem == (
        "peak_time in line 4: 5.4 has decimals, and peak_time_ns tells them again; "
        "leave one"
    )


@pytest.mark.parametrize("cell", ["4e8", "400000000.0", " 400000000 "])
def test_nanoseconds_may_be_written_as_any_number(tmp_path: Path, cell: str) -> None:
    (good,) = read_triggers(write(tmp_path, "peak_time,peak_time_ns", f"5,{cell}"))
    assert str(good.gps) == "5.4"


@pytest.mark.parametrize("cell", ["5000000000", "1e9", "-5", "nan", "soon"])
def test_nanoseconds_are_less_than_a_second(tmp_path: Path, cell: str) -> None:
    (bad,) = read_triggers(write(tmp_path, "peak_time,peak_time_ns", f"5,{cell}"))
    assert bad.gps is None
    assert bad.problem == (
        f"peak_time in line 2: peak_time_ns is '{cell}'; "
        "give nanoseconds from 0 to 999999999"
    )


def test_every_trigger_gets_its_rows_in_order(
    strain: Path, tmp_path: Path, tiny_model: Path
) -> None:
    table = write(
        tmp_path,
        "event_time,ifo,gravityspy_id",
        f"{START + 40.25},H1,late",
        f"{START + 20},L1,early",
        f"{START + 500},L1,outside",
        f"{START + 55},L1,gap",
        "soon,L1,bad",
        f"{START + 20},V1,virgo",
    )
    code, out, _ = gspy("classify", strain, "--triggers", table, "-m", tiny_model)
    found = rows(out)
    names = [row["gravityspy_id"] for row in found]
    assert code == 1
    assert names == [
        *["late"] * 4, *["early"] * 4, "outside", *["gap"] * 4, "bad", "virgo"
    ]  # fmt: skip
    assert [row["status"] for row in found] == ["ok"] * 8 + ["failed"] * 7
    assert [row["window"] for row in found[:4]] == WINDOWS
    assert {row["ifo"] for row in found[:4]} == {"H1"}
    assert float(found[0]["event_time"]) == START + 40.25
    assert all(85 < float(row["peak_frequency"]) < 115 for row in found[:8])
    assert all(float(row["snr"]) > 30 and row["q_value"] for row in found[:8])
    assert "is not in" in found[8]["error"]
    assert float(found[8]["event_time"]) == START + 500
    assert "gap (NaN)" in found[9]["error"]
    assert "no file is of V1" in found[14]["error"]
    assert found[14]["path"] == str(table)


def test_a_stopped_run_over_triggers_goes_on_where_it_was(
    strain: Path, tmp_path: Path, tiny_model: Path
) -> None:
    lines = [f"{START + s}" for s in (500, 20, 20, 30, 40.25)]
    table = write(tmp_path, "event_time", *lines)
    output, journal = tmp_path / "out.csv", tmp_path / "out.csv.journal"
    run = ["classify", strain, "--triggers", table, "-m", tiny_model, "-o", output]
    gspy(*run)
    whole, begun = output.read_bytes(), journal.read_bytes()
    for cut in (0.3, 0.8):
        output.write_bytes(whole[: int(cut * len(whole))])
        journal.write_bytes(begun)
        gspy(*run)
        assert output.read_bytes() == whole


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_an_event_that_was_moved_is_classified_anew(
    strain: Path, tmp_path: Path, tiny_model: Path, name: str
) -> None:
    table, output = tmp_path / "triggers.csv", tmp_path / name
    run = ["classify", strain, "--triggers", table, "-m", tiny_model, "-o", output]
    ends = []
    for second in (20, 20, 40.25):
        write(tmp_path, "ifo,event_time,gravityspy_id", f"H1,{START + second},zXy")
        ends.append(gspy(*run)[2].splitlines()[0].partition(" (")[0])
    assert [end.partition(",")[0] for end in ends] == [
        "4 classified",
        "0 classified",
        "4 classified",
    ]
    assert "4 done before" in ends[1]
    assert "done before" not in ends[2]


def test_a_time_without_detector_is_classified_in_each(
    strain: Path, tiny_model: Path
) -> None:
    files = sorted(strain.iterdir())
    code, out, _ = gspy("classify", *files, "-t", START + 20, "-m", tiny_model)
    assert code == 0
    assert [row["ifo"] for row in rows(out)] == ["H1"] * 4 + ["L1"] * 4
    code, out, _ = gspy(
        "classify", *files, "-t", START + 20, "--ifo", "L1", "-m", tiny_model
    )
    assert [row["ifo"] for row in rows(out)] == ["L1"] * 4


def test_an_event_of_a_detector_left_out_says_so(
    strain: Path, tmp_path: Path, tiny_model: Path
) -> None:
    times = [f"{START + 20},{ifo}" for ifo in ("H1", "l1", "")]
    table = write(tmp_path, "event_time,ifo", *times)
    run = ["classify", strain, "--triggers", table, "--ifo", "L1", "-m", tiny_model]
    code, out, _ = gspy(*run)
    left_out, *found = rows(out)
    assert code == 1
    assert (left_out["ifo"], left_out["error"]) == ("H1", "--ifo L1 leaves out H1")
    assert [row["ifo"] for row in found] == ["L1"] * 8


def test_a_bad_file_among_good_ones_is_one_failed_row(
    strain: Path, tiny_model: Path
) -> None:
    (strain / "aaa.hdf5").write_text("?")
    code, out, _ = gspy("classify", strain, "-t", START + 20, "-m", tiny_model)
    assert code == 1
    assert [row["status"] for row in rows(out)] == ["failed"] + ["ok"] * 8


@pytest.mark.parametrize(
    "axis",
    [
        {"dx": 1e7},
        {"dx": 1e-9},
        {"dx": 1e-320},
        {"dx": np.inf},
        {"x0": np.nan},
        {"x0": np.inf},
        {"x0": -np.inf},
        {"x0": 1e300},
    ],
)
def test_a_file_with_an_odd_axis_is_such_a_row_too(
    strain: Path, axis: dict[str, float]
) -> None:
    odd = gwpy_file(strain / "odd.hdf5", {"K1:STRAIN": noise(1)}, **axis)
    found = collect([str(strain)])
    assert found.unusable == {
        str(odd): "odd.hdf5 is damaged: K1:STRAIN is no time series"
    }
    assert [series.ifo for series in found.archive.at(Decimal(START + 20))] == [
        "H1",
        "L1",
    ]


def test_a_bad_file_alone_fails_the_event(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "bad.hdf5").write_text("?")
    code, out, _ = gspy("classify", tmp_path / "bad.hdf5", "-t", 5, "-m", tiny_model)
    (row,) = rows(out)
    assert (code, row["status"]) == (1, "failed")
    assert "is not an HDF5 file" in row["error"]


@pytest.mark.parametrize("name", ["gone.csv", "timeless.csv"])
@pytest.mark.parametrize("spoilt", [False, True])
def test_a_table_without_times_empties_no_output(
    name: str, spoilt: bool, strain: Path, tiny_model: Path, tmp_path: Path
) -> None:
    write(tmp_path, "when,ifo", "5,H1", name="timeless.csv")
    output = tmp_path / "out.csv"
    ask = ["classify", strain, "-m", tiny_model, "-o", output]
    assert gspy(*ask, "-t", START + 500)[0] == 1  # the time is not in it
    before = output.read_bytes()
    if spoilt:  # its row comes before those of the table
        (strain / "spoilt.hdf5").touch()
    code, _, _ = gspy(*ask, "--triggers", tmp_path / name, "--overwrite")
    assert (code, output.read_bytes()) == (2, before)


def test_a_table_without_times_begins_no_output(
    strain: Path, tiny_model: Path, tmp_path: Path
) -> None:
    ask = ["classify", strain, "-m", tiny_model, "--triggers", tmp_path / "gone.csv"]
    code, out, _ = gspy(*ask, "--per-glitch")
    assert (code, out) == (2, "")
    before = sorted(tmp_path.iterdir())
    assert gspy(*ask, "-o", tmp_path / "out.csv")[0] == 2
    assert sorted(tmp_path.iterdir()) == before


def test_json_lines_hold_the_loudest_tile_too(strain: Path, tiny_model: Path) -> None:
    run = ["classify", strain, "-t", START + 20, "-i", "H1", "-m", tiny_model]
    _, out, _ = gspy(*run, "-f", "jsonl", "--time-shift-check")
    row = json.loads(out.splitlines()[0])
    assert row["event_time"] == START + 20
    assert row["snr"] > 30
    assert row["time_shift_stable"] is True


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-t", "5", "--triggers", "x.csv"], "--gps or --triggers, not both"),
        ([], "is strain; give --gps TIME or --triggers FILE"),
        (["-t", "5", "--open-data", "-i", "H1"], "no files"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    strain: Path, options: list[str], reason: str
) -> None:
    code, _, err = gspy("classify", next(strain.iterdir()), *options)
    assert code == 2
    assert reason in err


def test_options_for_strain_are_refused_with_pictures(figures: Path) -> None:
    named = (["--channel", "H1:STRAIN"], ["--ifo", "H1"])
    for options in (["--time-shift-check"], ["--open-data"], *named):
        code, _, err = gspy("classify", figures, *options)
        assert (code, "need --gps or --triggers" in err) == (2, True)


def test_a_folder_of_pictures_may_be_named_as_strain_is(
    figures: Path, tiny_model: Path
) -> None:
    scans = figures.rename(figures.with_name("scans.h5"))
    code, out, _ = gspy("classify", scans, "-m", tiny_model)
    assert (code, [row["status"] for row in rows(out)]) == (0, ["ok"] * 3)


def test_a_time_that_is_none_has_its_own_reason_whatever_its_detector(
    tmp_path: Path,
) -> None:
    (bad,) = read_triggers(write(tmp_path, "event_time,ifo", "soon,H1"))
    assert [*only_of([bad], "L1")] == [bad]
