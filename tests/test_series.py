"""Reading strain: every format gives the same samples, times and names."""

import errno
import os
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import SHARED
from numpy.typing import NDArray
from strain_files import RATE, START, gwosc_file, gwpy_file, noise

from gspy_cli.errors import GspyError
from gspy_cli.strain import hdf5
from gspy_cli.strain.collect import collect
from gspy_cli.strain.files import choose_channels, list_series, read_samples
from gspy_cli.strain.series import Series, detector

STRAIN = SHARED / "strain"
FRAME = STRAIN / "HLV-HW100916-968654552-1.gwf"


def only(path: Path, channel: str | None = None) -> Series:
    (series,) = choose_channels(list_series(path), channel=channel)
    return series


def all_of(series: Series) -> NDArray[np.floating]:
    return read_samples(series, 0, series.size)


@pytest.mark.parametrize("storage", [{}, {"compression": "gzip", "chunks": (1000,)}])
def test_a_gwosc_file_holds_one_series_and_its_detector(
    tmp_path: Path, storage: dict[str, object]
) -> None:
    strain = noise(8)
    series = only(gwosc_file(tmp_path, strain, ifo="V1", **storage))
    assert (series.ifo, series.rate_hz, series.size) == ("V1", RATE, 8 * RATE)
    assert (series.start_gps, series.end_gps) == (START, START + 8)
    np.testing.assert_array_equal(all_of(series), strain)
    np.testing.assert_array_equal(read_samples(series, 5, 99), strain[5:99])


def test_a_channel_is_chosen_by_its_name_or_the_part_after_the_detector(
    tmp_path: Path,
) -> None:
    strain = noise(8)
    path = gwpy_file(
        tmp_path / "s.h5", {"H1:GDS-CALIB_STRAIN": strain, "H1:DARM": strain + 1}
    )
    for name in ("H1:GDS-CALIB_STRAIN", "GDS-CALIB_STRAIN"):
        series = only(path, name)
        assert (series.channel, series.ifo) == ("H1:GDS-CALIB_STRAIN", "H1")
        np.testing.assert_array_equal(all_of(series), strain)


def test_a_name_without_detector_chooses_a_channel_of_each(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"H1:HOFT": noise(8), "L1:HOFT": noise(8)})
    found = list_series(path)
    assert [s.ifo for s in choose_channels(found, channel="HOFT")] == ["H1", "L1"]
    assert [s.ifo for s in choose_channels(found, ifo="L1")] == ["L1"]


def test_the_only_channel_need_not_be_named(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"H1:STRAIN": noise(8)})
    assert only(path).channel == "H1:STRAIN"


@pytest.mark.filterwarnings("ignore:COPY_IF_NEEDED")  # astropy's
@pytest.mark.parametrize("name", ["H1:STRAIN", "data"])
def test_what_gwpy_writes_can_be_read(tmp_path: Path, name: str) -> None:
    timeseries = pytest.importorskip("gwpy.timeseries")
    strain = noise(8)
    written = timeseries.TimeSeries(
        strain, sample_rate=RATE, t0=START, name="H1:STRAIN", channel="H1:STRAIN"
    )
    written.write(tmp_path / "gwpy.h5", path=name)
    series = only(tmp_path / "gwpy.h5", name)
    np.testing.assert_array_equal(all_of(series), strain)
    assert (series.start_gps, series.rate_hz, series.ifo) == (START, RATE, "H1")
    assert series.channel == "H1:STRAIN"


def test_several_channels_must_be_told_apart(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"H1:STRAIN": noise(8), "V1:STRAIN": noise(8)})
    with pytest.raises(GspyError, match="--ifo or --channel: H1:STRAIN, V1:STRAIN"):
        only(path)
    path = gwpy_file(tmp_path / "s.h5", {"a": noise(8), "b": noise(8)}, channel="")
    with pytest.raises(GspyError, match="choose --channel: a, b"):
        only(path)


def test_a_channel_of_another_detector_is_refused(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"H1:A": noise(8), "L1:B": noise(8)})
    with pytest.raises(GspyError, match=r"^s.h5 is of H1, not of L1$"):
        choose_channels(list_series(path), channel="A", ifo="L1")


def test_an_unknown_channel_is_answered_with_the_known(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"H1:STRAIN": noise(8)})
    with pytest.raises(GspyError, match="no channel K1:X; it has H1:STRAIN"):
        only(path, "K1:X")


def test_a_file_that_is_not_strain_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.hdf5").write_text("hello")
    with pytest.raises(GspyError, match=r"notes.hdf5 is not an HDF5 file"):
        list_series(tmp_path / "notes.hdf5")
    with pytest.raises(GspyError, match="no such file"):
        list_series(tmp_path / "gone.hdf5")
    with pytest.raises(GspyError, match=r"^gone.hdf5 cannot be read: No such file"):
        hdf5.list_series(tmp_path / "gone.hdf5")
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["numbers"] = np.ones(8)
    with pytest.raises(GspyError, match="holds no time series"):
        list_series(tmp_path / "plain.h5")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other words for it")
def test_a_path_that_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / (300 * "x"))
    (reason,) = collect([path]).unusable.values()
    assert reason == f"{path} cannot be read: File name too long"


@pytest.mark.parametrize("link", ["strain", "strain/Strain"])
def test_links_into_other_files_are_not_followed(tmp_path: Path, link: str) -> None:
    whole = gwosc_file(tmp_path, noise(8))
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file[link] = h5py.ExternalLink(whole, link)
    with pytest.raises(GspyError, match=r"linked.h5 holds no time series"):
        list_series(tmp_path / "linked.h5")


def test_a_link_within_a_file_is_followed(tmp_path: Path) -> None:
    path = gwosc_file(tmp_path, noise(8))
    with h5py.File(path, "r+") as file:
        file.move("strain/Strain", "raw")
        file["strain/Strain"] = h5py.SoftLink("/raw")
    assert [series.key for series in list_series(path)] == ["strain/Strain"]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch) -> None:
    gwosc_file(tmp_path, noise(8))
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = collect([str(tmp_path)])
    assert len(found.archive.files()) == 1
    reason = f"{tmp_path / 'shut'} cannot be read: Permission denied"
    assert list(found.unusable.values()) == [reason]
    assert list(collect([str(tmp_path / "shut")]).unusable.values()) == [reason]


def test_a_table_of_pictures_is_no_time_series(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "flat.h5", {"H1:X": np.ones((4, 4))})
    with pytest.raises(GspyError, match=r"flat.h5 holds no time series"):
        list_series(path)
    with pytest.raises(GspyError, match=r"is damaged: strain/Strain is no time series"):
        list_series(gwosc_file(tmp_path, np.ones((4, 4))))


@pytest.mark.parametrize(
    "other",
    [np.ones((4, 4)), np.ones(64, complex), np.ones(64, bool), np.full(64, b"a")],
)
def test_what_is_no_time_series_is_left_out(tmp_path: Path, other: np.ndarray) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"H1:STRAIN": noise(8), "other": other})
    assert only(path).channel == "H1:STRAIN"


def test_a_spectrum_is_no_time_series(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"psd": noise(8)}, xunit="Hz")
    with pytest.raises(GspyError, match=r"s.h5 holds no time series"):
        list_series(path)


@pytest.mark.parametrize("name", ["V1:Strain", b"V1:Strain"])
def test_the_detector_may_be_in_the_series_name_alone(
    tmp_path: Path, name: str | bytes
) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"Strain": noise(8)}, name=name)
    assert only(path).ifo == "V1"


@pytest.mark.parametrize("stored", ["V1", b"V1", np.array([b"V1"]), ["V1"]])
def test_the_detector_of_a_gwosc_file_may_be_stored_in_any_way(
    tmp_path: Path, stored: object
) -> None:
    path = gwosc_file(tmp_path, noise(8))
    with h5py.File(path, "a") as file:
        del file["meta/Detector"]
        file["meta/Detector"] = stored
    assert only(path).ifo == "V1"


def test_a_gwosc_file_without_detector_has_the_one_in_its_name(tmp_path: Path) -> None:
    path = gwosc_file(tmp_path, noise(8), ifo="H1")
    with h5py.File(path, "a") as file:
        del file["meta/Detector"]
    assert only(path).ifo == "H1"


def test_a_channels_detector_goes_before_the_file_names() -> None:
    assert detector(Path("H-H1_x.gwf"), "L1:GDS") == "L1"
    assert detector(Path("H-H1_x.gwf"), "GDS") == "H1"
    assert detector(Path("x.gwf"), "GDS") == ""


@pytest.mark.skipif(not FRAME.exists(), reason="the real strain is not here")
def test_a_frame_file_holds_what_its_twin_holds() -> None:
    pytest.importorskip("gwframe")
    for channel in ("H1:LDAS-STRAIN", "V1:h_16384Hz"):
        frame, twin = only(FRAME, channel), only(FRAME.with_suffix(".hdf"), channel)
        np.testing.assert_array_equal(all_of(frame), all_of(twin))
        assert frame.start_gps == twin.start_gps == 968654552
        assert frame.rate_hz == twin.rate_hz == 16384
        assert frame.ifo == twin.ifo == channel[:2]


def test_frames_with_a_break_are_two_series(tmp_path: Path) -> None:
    gwframe = pytest.importorskip("gwframe")
    path, strain = tmp_path / "H-H1_TEST-1000000000-20.gwf", noise(12)
    pieces = [(1000000000, 0), (1000000004, 4), (1000000016, 8)]
    with gwframe.FrameWriter(path) as writer:
        for gps, first in pieces:
            part = strain[first * RATE : (first + 4) * RATE]
            writer.write(part, start=float(gps), sample_rate=RATE, name="H1:X")
    early, late = choose_channels(list_series(path))
    assert (early.start_gps, early.end_gps) == (1000000000, 1000000008)
    assert (late.start_gps, late.end_gps) == (1000000016, 1000000020)
    np.testing.assert_array_equal(
        read_samples(early, RATE, 6 * RATE), strain[RATE : 6 * RATE]
    )
    np.testing.assert_array_equal(all_of(late), strain[8 * RATE :])


def test_frames_may_be_stored_in_any_order(tmp_path: Path) -> None:
    gwframe = pytest.importorskip("gwframe")
    path, strain = tmp_path / "H-H1_TEST-1000000000-12.gwf", noise(12)
    with gwframe.FrameWriter(path) as writer:
        for first in (8, 0, 4):
            part = strain[first * RATE : (first + 4) * RATE]
            start = 1000000000.0 + first
            writer.write(part, start=start, sample_rate=RATE, name="H1:X")
    series = only(path)
    np.testing.assert_array_equal(all_of(series), strain)
    np.testing.assert_array_equal(read_samples(series, 7, 99), strain[7:99])


@pytest.mark.parametrize("seconds", [6, 8])  # those beyond the frame are left out
def test_a_channel_that_begins_inside_its_frame_keeps_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    gwframe = pytest.importorskip("gwframe")
    path, strain = tmp_path / "H-H1_TEST-1000000000-8.gwf", noise(seconds)
    core, late_s = gwframe.write.__globals__["_core"], 1.25
    proc_data = core.FrProcData
    monkeypatch.setattr(
        core, "FrProcData", lambda *how: proc_data(*how[:4], late_s, *how[5:])
    )
    frame = gwframe.Frame(start=1000000000.0, duration=8.0, name="H1", run=-1)
    frame.add_channel("H1:X", strain, RATE)
    with gwframe.FrameWriter(path) as writer:
        writer.write_frame(frame)
    expected, late = np.full(8 * RATE, np.nan), round(late_s * RATE)
    inside = strain[: 8 * RATE - late]
    expected[late:][: inside.size] = inside
    series = only(path)
    np.testing.assert_array_equal(all_of(series), expected)
    for first, last in ((0, 99), (late - 9, late + 9), (7 * RATE, 8 * RATE)):
        given = read_samples(series, first, last)
        np.testing.assert_array_equal(given, expected[first:last])


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("invalid", [slice(RATE, 2 * RATE), slice(0, 4 * RATE)])
def test_what_a_frame_marks_as_invalid_is_a_gap(
    tmp_path: Path, invalid: slice, dtype: type
) -> None:
    gwframe = pytest.importorskip("gwframe")
    path = tmp_path / "H-H1_TEST-1000000000-8.gwf"
    strain = np.ma.MaskedArray(np.arange(8 * RATE) % 999, mask=False, dtype=dtype)
    strain[invalid] = np.ma.masked
    with gwframe.FrameWriter(path) as writer:
        for first in (0, 4):
            writer.write(
                strain[first * RATE : (first + 4) * RATE],
                start=1000000000.0 + first,
                sample_rate=RATE,
                name="H1:X",
                channel_type="adc",
                aux_mask=True,
            )
    given = all_of(only(path))
    np.testing.assert_array_equal(given, strain.astype(float).filled(np.nan))


def test_a_frame_of_another_rate_is_damaged(tmp_path: Path) -> None:
    gwframe = pytest.importorskip("gwframe")
    path = tmp_path / "H-H1_TEST-1000000000-16.gwf"
    with gwframe.FrameWriter(path) as writer:
        for first, rate in ((0, RATE), (8, 2 * RATE)):
            part = noise(8, rate=rate)
            start = 1000000000.0 + first
            writer.write(part, start=start, sample_rate=rate, name="H1:X")
    said = r"-16.gwf .*a frame is sampled at 8192 Hz, the first at 4096 Hz"
    with pytest.raises(GspyError, match=said):
        all_of(only(path))


def test_a_frame_file_that_holds_other_times_now_is_damaged(tmp_path: Path) -> None:
    gwframe = pytest.importorskip("gwframe")
    path = tmp_path / "x.gwf"
    gwframe.write(path, {"H1:X": noise(8)}, start=1000000000.0, sample_rate=RATE)
    before = replace(only(path), start_gps=Decimal(900000000))
    with pytest.raises(GspyError, match=r"x.gwf .*: it holds less of H1:X than it did"):
        all_of(before)


def test_where_gwframe_lacks_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gwframe", None)
    (tmp_path / "x.gwf").touch()
    with pytest.raises(GspyError, match="pip install gwframe"):
        list_series(tmp_path / "x.gwf")


def test_a_file_that_has_become_shorter_is_damaged(tmp_path: Path) -> None:
    series = only(gwpy_file(tmp_path / "s.h5", {"H1:X": noise(8)}))
    gwpy_file(tmp_path / "s.h5", {"H1:X": noise(4)})
    with pytest.raises(GspyError, match=r"s.h5 is damaged: it holds less of H1:X"):
        all_of(series)


@pytest.mark.parametrize("name", ["H1:GWOSC-4KHZ_R1_{}", "H1:LOSC-{}"])
def test_gwosc_frames_need_no_channel(tmp_path: Path, name: str) -> None:
    gwframe = pytest.importorskip("gwframe")
    path, strain = tmp_path / "H-H1_GWOSC_4KHZ_R1-1000000000-8.gwf", noise(8)
    names = [name.format(kind) for kind in ("STRAIN", "DQMASK", "INJMASK")]
    gwframe.write(
        path, dict.fromkeys(names, strain), start=1000000000.0, sample_rate=RATE
    )
    assert only(path).channel == names[0]


def test_the_ending_of_a_frame_file_may_be_in_capitals(tmp_path: Path) -> None:
    gwframe = pytest.importorskip("gwframe")
    path, strain = tmp_path / "x.gwf", noise(8)
    gwframe.write(path, {"H1:X": strain}, start=1000000000.0, sample_rate=RATE)
    series = only(path.rename(tmp_path / "X.GWF"))
    np.testing.assert_array_equal(all_of(series), strain)


def test_a_file_of_masks_alone_is_refused(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "m.h5", {"H1:GWOSC-4KHZ_R1_DQMASK": noise(8)})
    with pytest.raises(GspyError, match=r"m.h5 holds no time series but masks; give"):
        list_series(path)


def test_a_false_frame_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("gwframe")
    (tmp_path / "false.gwf").write_text("hello")
    with pytest.raises(GspyError, match=r"false.gwf cannot be read as GWF: "):
        list_series(tmp_path / "false.gwf")


def test_a_damaged_frame_file_is_refused(tmp_path: Path) -> None:
    gwframe = pytest.importorskip("gwframe")
    path = tmp_path / "damaged.gwf"
    gwframe.write(path, {"H1:X": noise(8)}, start=1000000000.0, sample_rate=RATE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(GspyError, match=r"damaged.gwf cannot be read as GWF: "):
        all_of(only(path))


def test_times_keep_their_decimals(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"H1:X": noise(8)}, start=START + 0.3)
    assert only(path).start_gps == Decimal("1126259446.3")
