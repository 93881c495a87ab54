"""Reading strain: every format gives the same samples, times and names."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import SHARED

from gspy_cli.errors import GspyError
from gspy_cli.strain.qtransform import q_scan
from gspy_cli.strain.reading import read_strain

STRAIN = SHARED / "strain"
FRAME = STRAIN / "HLV-HW100916-968654552-1.gwf"
START, RATE = 1126259446, 4096

needs_strain = pytest.mark.skipif(
    not STRAIN.exists(), reason="the real strain is not here"
)


def samples(duration_s: int) -> np.ndarray:
    return np.arange(duration_s * RATE) * 1e-23


def gwosc_file(folder: Path, duration_s: int = 128) -> Path:
    path = folder / "L-L1_GWOSC_4KHZ_R1-1126259446-128.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("strain/Strain", data=samples(duration_s))
        data.attrs.update(Xstart=START, Xspacing=1 / RATE)
        mask = file.create_dataset("quality/simple/DQmask", data=np.ones(duration_s))
        mask.attrs.update(Xstart=START, Xspacing=1.0)
        file["meta/Detector"] = "L1"
    return path


def gwpy_file(folder: Path, *channels: str) -> Path:
    path = folder / "strain.h5"
    with h5py.File(path, "w") as file:
        for channel in channels:
            data = file.create_dataset(channel, data=samples(16))
            data.attrs.update(x0=float(START), dx=1 / RATE, channel=channel)
    return path


def test_the_block_about_an_event_begins_on_a_whole_second(tmp_path: Path) -> None:
    strain = read_strain(gwosc_file(tmp_path), gps=START + 60.4)
    assert strain.start_gps == START + 28
    assert strain.samples.size == 64 * RATE
    assert strain.samples[0] == samples(128)[28 * RATE]
    assert strain.sample_rate_hz == RATE
    assert strain.ifo == "L1"


@pytest.mark.parametrize(("gps_s", "start_s", "end_s"), [(5, 0, 37), (120, 88, 128)])
def test_a_block_ends_where_the_file_does(
    tmp_path: Path, gps_s: int, start_s: int, end_s: int
) -> None:
    strain = read_strain(gwosc_file(tmp_path), gps=START + gps_s)
    assert strain.start_gps == START + start_s
    assert strain.samples.size == (end_s - start_s) * RATE


def test_without_a_time_all_is_read(tmp_path: Path) -> None:
    strain = read_strain(gwosc_file(tmp_path))
    np.testing.assert_array_equal(strain.samples, samples(128))


def test_a_channel_is_chosen_by_name(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path, "H1:STRAIN", "V1:STRAIN")
    strain = read_strain(path, channel="V1:STRAIN")
    assert (strain.channel, strain.ifo) == ("V1:STRAIN", "V1")


def test_the_only_channel_need_not_be_named(tmp_path: Path) -> None:
    assert read_strain(gwpy_file(tmp_path, "H1:STRAIN")).channel == "H1:STRAIN"


@pytest.mark.filterwarnings("ignore:COPY_IF_NEEDED")  # astropy's
def test_what_gwpy_writes_can_be_read(tmp_path: Path) -> None:
    timeseries = pytest.importorskip("gwpy.timeseries")
    series = timeseries.TimeSeries(
        samples(8), sample_rate=RATE, t0=START, name="H1:STRAIN", channel="H1:STRAIN"
    )
    path = tmp_path / "gwpy.h5"
    series.write(path, path="H1:STRAIN")
    strain = read_strain(path)
    np.testing.assert_array_equal(strain.samples, samples(8))
    assert (strain.start_gps, strain.sample_rate_hz) == (START, RATE)


def test_several_channels_must_be_told_apart(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path, "H1:STRAIN", "V1:STRAIN")
    with pytest.raises(GspyError, match="choose --channel: H1:STRAIN, V1:STRAIN"):
        read_strain(path)


def test_an_unknown_channel_is_answered_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(GspyError, match="no channel K1:X; it has H1:STRAIN"):
        read_strain(gwpy_file(tmp_path, "H1:STRAIN"), channel="K1:X")


def test_a_time_outside_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GspyError, match="spans 1126259446 to 1126259574"):
        read_strain(gwosc_file(tmp_path), gps=START - 1.0)


def test_a_file_that_is_not_strain_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.hdf5").write_text("hello")
    with pytest.raises(GspyError, match=r"notes.hdf5 is not an HDF5 file"):
        read_strain(tmp_path / "notes.hdf5")
    with pytest.raises(GspyError, match="no such file"):
        read_strain(tmp_path / "gone.hdf5")
    h5py.File(tmp_path / "empty.h5", "w").close()
    with pytest.raises(GspyError, match="holds no time series"):
        read_strain(tmp_path / "empty.h5")


@needs_strain
def test_a_frame_file_holds_what_its_twin_holds() -> None:
    pytest.importorskip("gwframe")
    for channel in ("H1:LDAS-STRAIN", "V1:h_16384Hz"):
        frame = read_strain(FRAME, channel=channel)
        twin = read_strain(FRAME.with_suffix(".hdf"), channel=channel)
        np.testing.assert_array_equal(frame.samples, twin.samples)
        assert frame.start_gps == twin.start_gps == 968654552
        assert frame.sample_rate_hz == twin.sample_rate_hz == 16384
        assert frame.ifo == twin.ifo == channel[:2]


def test_a_false_frame_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("gwframe")
    (tmp_path / "false.gwf").write_text("hello")
    with pytest.raises(GspyError, match=r"false.gwf cannot be read as GWF: "):
        read_strain(tmp_path / "false.gwf")


@needs_strain
@pytest.mark.parametrize(
    ("name", "gps", "ifo", "peak_hz"),
    [
        ("H-H1_LOSC_4_V2-1126259446-32.hdf5", 1126259462.4, "H1", 124),
        ("L-L1_LOSC_4_V2-1126259446-32.hdf5", 1126259462.4, "L1", 175),
    ],
)
def test_the_first_gravitational_wave_is_found_where_it_was(
    name: str, gps: float, ifo: str, peak_hz: float
) -> None:
    strain = read_strain(STRAIN / name, gps=gps)
    assert strain.ifo == ifo
    scan = q_scan(
        strain.samples,
        sample_rate_hz=strain.sample_rate_hz,
        event_s=gps - strain.start_gps,
    )
    assert strain.start_gps + scan.peak_time == pytest.approx(gps + 0.02, abs=0.02)
    assert scan.peak_frequency == pytest.approx(peak_hz, abs=30)
    assert scan.snr > 10
