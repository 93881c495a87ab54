"""Many files as one store, and the scans that come from it."""

import errno
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import SHARED
from strain_files import RATE, START, gwosc_file, gwpy_file, noise

from gspy_cli.errors import GspyError
from gspy_cli.strain import archive as archives
from gspy_cli.strain import checks, events, gaps
from gspy_cli.strain.archive import Archive, Strain
from gspy_cli.strain.collect import collect
from gspy_cli.strain.events import Event, Scanner
from gspy_cli.strain.files import read_samples
from gspy_cli.strain.memo import Memo
from gspy_cli.strain.qtransform import QScan, q_scan
from gspy_cli.strain.series import Series

STRAIN = SHARED / "strain"
EVENT_S = 60.4


def scan(archive: Archive, gps: float | Decimal, **how: float) -> QScan:
    gps = Decimal(str(gps))
    (home,) = archive.at(gps)
    return Scanner(archive).scan(Event(gps, home), **how)


def one_file(folder: Path, strain: np.ndarray, **how: object) -> Archive:
    return collect([str(gwosc_file(folder, strain, **how))]).archive


def test_the_block_about_an_event_begins_on_a_whole_second(tmp_path: Path) -> None:
    strain = noise(128)
    archive = one_file(tmp_path, strain)
    (home,) = archive.at(Decimal(START) + Decimal("60.4"))
    block = archive.block(home, START + 28)
    assert block.start_gps == START + 28
    np.testing.assert_array_equal(block.samples, strain[28 * RATE : 92 * RATE])


def test_a_block_is_put_together_from_neighbouring_files(tmp_path: Path) -> None:
    strain = noise(96, blips_s=(EVENT_S,))
    whole = one_file(tmp_path, strain)
    parts = [
        gwosc_file(tmp_path, strain[s * RATE : (s + 16) * RATE], start=START + s)
        for s in range(0, 96, 16)
    ]
    joined = collect(map(str, reversed(parts))).archive
    expected, given = (scan(a, START + EVENT_S) for a in (whole, joined))
    np.testing.assert_array_equal(given.energies[4.0], expected.energies[4.0])


@pytest.mark.parametrize(("event_s", "first_s"), [(60.4, 28), (60.6, 29)])
def test_a_scan_is_the_scan_of_its_block(
    tmp_path: Path, event_s: float, first_s: int
) -> None:
    strain = noise(128, blips_s=(event_s,))
    block = strain[first_s * RATE : (first_s + 64) * RATE]
    direct = q_scan(block, sample_rate_hz=RATE, event_s=event_s - first_s)
    given = scan(one_file(tmp_path, strain), START + event_s)
    np.testing.assert_allclose(given.energies[4.0], direct.energies[4.0], rtol=1e-5)
    assert given.peak_frequency == direct.peak_frequency


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Series, int, int]]:
    """Note what is read of files: the series, its first sample, and the end."""
    made = []

    def spy(series, first, last):
        made.append((series, first, last))
        return read_samples(series, first, last)

    monkeypatch.setattr(archives, "read_samples", spy)
    return made


def scan_all(archive: Archive, seconds: Iterable[float]) -> None:
    """Scan the events at some seconds in each detector."""
    scanner = Scanner(archive)
    for gps in (START + Decimal(str(second)) for second in seconds):
        for home in archive.at(gps):
            scanner.scan(Event(gps, home))


def test_each_chunk_is_read_once(tmp_path: Path, reads: list) -> None:
    scan_all(one_file(tmp_path, noise(192)), range(40, 160, 20))
    chunks = sorted((first, last) for _, first, last in reads)
    assert chunks == [(s * RATE, (s + 64) * RATE) for s in range(0, 192, 64)]


def test_each_file_of_a_second_is_read_once(tmp_path: Path, reads: list) -> None:
    strain = noise(74)
    for second in range(74):
        piece = strain[second * RATE : (second + 1) * RATE]
        gwosc_file(tmp_path, piece, start=START + second)
    scan_all(collect([str(tmp_path)]).archive, (32, 37, 42))
    assert len({series for series, *_ in reads}) == len(reads) == 74


def test_detectors_do_not_push_each_others_chunks_out(
    tmp_path: Path, reads: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "KEPT_SAMPLES", 1)  # as if a chunk were long
    for ifo in ("H1", "L1"):
        gwosc_file(tmp_path, noise(64), ifo=ifo)
    scan_all(collect([str(tmp_path)]).archive, (20, 40))
    assert len(reads) == 2


@pytest.mark.parametrize("ifos", [("H1",), ("H1", "L1", "V1")])
def test_events_of_one_second_share_their_tiles(
    tmp_path: Path, tilings: list[object], ifos: tuple[str, ...]
) -> None:
    for ifo in ifos:
        gwosc_file(tmp_path, noise(128), ifo=ifo)
    archive = collect([str(tmp_path)]).archive
    scan_all(archive, (60.01, 60.3, 61.01))
    assert len(tilings) == 2 * len(ifos)


def test_gaps_are_looked_for_once_for_events_of_one_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def spy(samples, sample_rate_hz):
        looks.append(samples.size)
        return find(samples, sample_rate_hz)

    find = gaps.gaps
    for module in (archives, checks):
        monkeypatch.setattr(module, "gaps", spy)
    archive = one_file(tmp_path, noise(64))
    scan_all(archive, (32.01,))
    once = len(looks)
    looks.clear()
    scan_all(archive, (32.01, 32.1, 32.2, 32.3))
    assert len(looks) == once


def test_a_result_is_computed_once_and_the_latest_used_are_kept() -> None:
    asked: list[str] = []
    memo = Memo(lambda key: asked.append(key) or key.upper(), keep=2)
    assert [memo(key) for key in "abaca"] == ["A", "B", "A", "C", "A"]
    assert asked == ["a", "b", "c"]
    assert memo("b") == "B"
    assert asked == ["a", "b", "c", "b"]


def test_a_failure_is_tried_again() -> None:
    answers = iter([OSError("it hung"), "A"])

    def read(_: str) -> str:
        if isinstance(answer := next(answers), OSError):
            raise answer
        return answer

    memo = Memo(read, keep=2)
    with pytest.raises(OSError, match="it hung"):
        memo("a")
    assert [memo("a"), memo("a")] == ["A", "A"]


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_gap_is_filled_from_a_file_that_overlaps(
    tmp_path: Path, value: float
) -> None:
    strain = noise(64, blips_s=(EVENT_S - 30,))
    whole = gwosc_file(tmp_path, strain)
    expected = scan(collect([str(whole)]).archive, START + EVENT_S - 30)
    strain[20 * RATE : 40 * RATE] = value
    broken = gwosc_file(tmp_path, strain[: 63 * RATE])
    given = scan(collect(map(str, (broken, whole))).archive, START + EVENT_S - 30)
    np.testing.assert_array_equal(given.energies[4.0], expected.energies[4.0])


def test_a_gap_of_an_overlapping_file_leaves_what_is_there(tmp_path: Path) -> None:
    strain = noise(64)
    other = strain.copy()
    strain[: 8 * RATE] = other[20 * RATE : 40 * RATE] = np.nan
    files = [gwosc_file(tmp_path, s) for s in (strain[: 63 * RATE], other)]
    archive = collect(list(map(str, files))).archive
    (home,) = archive.at(Decimal(START + 30))
    samples = archive.block(home, START).samples
    np.testing.assert_array_equal(samples, noise(64))


def two_files(folder: Path, *, damaged: int) -> Archive:
    """Write 64 s and 64 s more; the samples of one of the two files are damaged."""
    files = [
        gwosc_file(folder, noise(64), start=START + second, compression="gzip")
        for second in (0, 64)
    ]
    content = bytearray(files[damaged].read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20000] = b"\xff" * 20000
    files[damaged].write_bytes(content)
    return collect(map(str, files)).archive


def test_a_damaged_neighbour_is_a_gap(tmp_path: Path) -> None:
    given = scan(two_files(tmp_path, damaged=1), START + 50)
    assert set(given.energies) == {0.5, 1.0, 2.0, 4.0}


def test_an_event_that_needs_the_damaged_neighbour_says_which(tmp_path: Path) -> None:
    archive = two_files(tmp_path, damaged=1)
    with pytest.raises(GspyError, match=rf"0\.5 s window .*; .*{START + 64}-64.*damag"):
        scan(archive, START + 63)


def test_a_disk_that_fails_under_a_neighbour_changes_no_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [gwosc_file(tmp_path, noise(64), start=START + s) for s in (0, 64)]
    broken = [parts[1]]

    whole_file = h5py.File

    def flaky(path: Path) -> h5py.File:
        if path in broken:
            raise OSError(errno.EIO, "Input/output error")
        return whole_file(path)

    archive = collect(map(str, parts)).archive
    monkeypatch.setattr(h5py, "File", flaky)
    with pytest.raises(GspyError, match=r"-64\.hdf5 cannot be read: Input/output err"):
        scan(archive, START + 50)
    broken.clear()
    given, whole = scan(archive, START + 50), collect(map(str, parts)).archive
    assert given.snr == scan(whole, START + 50).snr


def test_damage_where_the_event_is_is_told(tmp_path: Path) -> None:
    archive = two_files(tmp_path, damaged=0)
    with pytest.raises(GspyError, match=r"-64\.hdf5 is damaged: "):
        scan(archive, START + 50)


def test_a_gap_away_from_the_event_does_not_matter(tmp_path: Path) -> None:
    strain = noise(64, blips_s=(32.0,))
    strain[40 * RATE : 45 * RATE] = np.nan
    strain[: 2 * RATE] = 0
    given = scan(one_file(tmp_path, strain), START + 32)
    assert 85 < given.peak_frequency < 115
    assert given.snr > 30
    assert set(given.energies) == {0.5, 1.0, 2.0, 4.0}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.nan, "gap .NaN."),
        (-np.inf, "gap .infinite."),
        (0.0, "gap .zeros."),
    ],
)
def test_an_event_in_a_gap_is_refused(
    tmp_path: Path, value: float, reason: str
) -> None:
    strain = noise(64)
    strain[31 * RATE : 33 * RATE] = value
    with pytest.raises(GspyError, match=rf"{reason} at GPS {START + 32}\.25; "):
        scan(one_file(tmp_path, strain), START + 32.25)


@pytest.mark.parametrize(
    ("value", "seconds", "share"),
    [(1e-21, 0.11, 1.0), (1e-21, 0.09, 0.0), (0, 0.003, 1.0), (-0.0, 0.00195, 0.0)],
)
def test_zeros_for_2_ms_or_one_value_for_a_tenth_of_a_second_are_a_gap(
    value: float, seconds: float, share: float
) -> None:
    strain = noise(4)
    flat = slice(RATE, RATE + round(seconds * RATE))
    strain[flat] = value
    gap = gaps.gaps(strain, RATE)
    assert gap[flat].mean() == share
    assert gap.sum() == share * strain[flat].size


@pytest.mark.parametrize(
    ("samples", "constant"),
    [([np.nan, 1, 1], True), ([np.nan, 1, 2], False), ([np.nan, np.nan], False)],
)
def test_strain_is_constant_whatever_gaps_are_in_it(
    samples: list[float], constant: bool
) -> None:
    assert gaps.is_constant(np.array(samples)) == constant


@pytest.mark.parametrize(
    ("second", "cut"), [(1, slice(0, -410)), (9, slice(410, None))]
)
def test_a_stretch_keeps_the_end_that_is_nearer_to_the_event(
    second: int, cut: slice
) -> None:
    samples = noise(11)[: 410 + 80 * round(RATE * events.STEP_S)]
    whole = Strain(samples, np.zeros(samples.size, bool), RATE, Decimal(START))
    part = events.whole_stretch(whole, Decimal(START + second))
    np.testing.assert_array_equal(samples[part], samples[cut])


def test_constant_strain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GspyError, match="constant: the detector was off"):
        scan(one_file(tmp_path, np.zeros(64 * RATE)), START + 32)


@pytest.mark.parametrize(
    ("second", "windows"),
    [
        (2.9, {0.5, 1.0, 2.0}),
        (2.0, {0.5, 1.0, 2.0}),
        (1.3, {0.5}),
        (29.5, {0.5, 1.0, 2.0}),
    ],
)
def test_near_the_edge_there_are_the_windows_that_fit(
    tmp_path: Path, second: float, windows: set[float]
) -> None:
    given = scan(one_file(tmp_path, noise(32)), START + second)
    assert set(given.energies) == windows


def test_at_the_very_edge_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        GspyError, match=r"too near the edge.*even the 0\.5 s .* 1\.25 s"
    ):
        scan(one_file(tmp_path, noise(32)), START + 0.5)


def test_too_little_strain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GspyError, match=r"too short: 6 s without a gap, .* 8 s"):
        scan(one_file(tmp_path, noise(6)), START + 3)


def test_eight_seconds_are_enough_wherever_they_begin(tmp_path: Path) -> None:
    strain = noise(10)
    strain[:100] = np.nan
    strain[100 + 8 * RATE :] = np.nan
    assert set(scan(one_file(tmp_path, strain), START + 4).energies) == {
        *(0.5, 1.0, 2.0, 4.0)
    }


def test_the_longer_side_is_cut_to_whole_steps(tmp_path: Path) -> None:
    strain = noise(40)
    strain[: 7 * RATE] = strain[round(33.12 * RATE) :] = np.nan
    archive = one_file(tmp_path, strain)
    for second in (10, 30.1):
        assert 4.0 in scan(archive, START + second).energies


def test_eight_seconds_are_enough_at_an_odd_rate(tmp_path: Path) -> None:
    archive = one_file(tmp_path, noise(8, rate=4097), rate=4097)
    assert set(scan(archive, START + 4).energies) == {0.5, 1.0, 2.0, 4.0}


def test_infinite_samples_are_a_gap(tmp_path: Path) -> None:
    strain = noise(32)
    strain[20 * RATE] = np.inf
    archive = one_file(tmp_path, strain)
    assert set(scan(archive, START + 10).energies) == {0.5, 1.0, 2.0, 4.0}
    with pytest.raises(GspyError, match="has a gap"):
        scan(archive, START + 20)


@pytest.mark.parametrize("rate", [1024, 2048])
def test_a_low_rate_is_refused(tmp_path: Path, rate: int) -> None:
    archive = one_file(tmp_path, noise(64, rate=rate), rate=rate)
    with pytest.raises(GspyError, match=f"rate is too low: {rate} Hz"):
        scan(archive, START + 32)


def test_data_of_one_sample_a_second_have_too_low_a_rate(tmp_path: Path) -> None:
    archive = one_file(tmp_path, np.arange(64.0), rate=1)
    with pytest.raises(GspyError, match="rate is too low: 1 Hz"):
        scan(archive, START + 32)


def test_counts_of_16_bits_are_scanned_like_any_strain(tmp_path: Path) -> None:
    strain = noise(32, blips_s=(16.0,))
    counts = np.round(strain * 1e24).astype(np.int16)
    given = scan(one_file(tmp_path, counts), START + 16)
    expected = scan(one_file(tmp_path, strain), START + 16)
    assert given.peak_frequency == expected.peak_frequency
    assert given.snr == pytest.approx(expected.snr, rel=0.01)


def test_a_shifted_scan_is_the_scan_of_the_shifted_time(tmp_path: Path) -> None:
    archive = one_file(tmp_path, noise(64, blips_s=(32.0,)))
    shifted = scan(archive, START + 32.0, shift_s=0.02)
    given = scan(archive, START + 32.02)
    np.testing.assert_allclose(
        shifted.energies[0.5], given.energies[0.5], rtol=1e-4, atol=1e-4
    )


def test_files_of_other_detectors_are_left_out(tmp_path: Path) -> None:
    files = [str(gwosc_file(tmp_path, noise(8), ifo=ifo)) for ifo in ("H1", "L1")]
    found = collect(files, ifo="L1")
    assert [s.ifo for s in found.archive.at(Decimal(START + 4))] == ["L1"]
    assert not found.unusable
    broken = tmp_path / "broken.hdf5"
    broken.write_bytes(b"")
    with pytest.raises(GspyError, match="no file is of V1: all are of H1, L1"):
        collect([*files, str(broken)], ifo="V1")


def test_a_file_without_detector_gets_the_one_that_is_given(tmp_path: Path) -> None:
    path = gwpy_file(tmp_path / "s.h5", {"DARM": noise(8)})
    (series,) = collect([str(path)], ifo="V1").archive.at(Decimal(START + 4))
    assert series.ifo == "V1"


def two_nameless(folder: Path, *, second_s: float = 16) -> list[str]:
    """Write two files of 16 s, end to end, that name no detector."""
    halves = {0: noise(32)[: 16 * RATE], second_s: noise(32)[16 * RATE :]}
    return [
        str(gwpy_file(folder / f"{s}.h5", {"strain": half}, start=START + s))
        for s, half in halves.items()
    ]


def test_the_second_where_files_meet_is_of_the_second_one(tmp_path: Path) -> None:
    archive = collect(two_nameless(tmp_path), ifo="H1").archive
    (home,) = archive.at(Decimal(START + 16))
    assert home.start_gps == START + 16


def test_a_neighbour_between_two_samples_lies_at_the_nearer_one(tmp_path: Path) -> None:
    files = two_nameless(tmp_path, second_s=16 + 0.6 / RATE)
    archive = collect(files, ifo="H1").archive
    (home,) = archive.at(Decimal(START))
    block = archive.block(home, START).samples
    expected = np.insert(noise(32), 16 * RATE, np.nan)
    np.testing.assert_array_equal(block[: expected.size], expected)


def test_files_without_detector_are_joined_only_if_it_is_given(tmp_path: Path) -> None:
    files = two_nameless(tmp_path)
    nameless, named = collect(files).archive, collect(files, ifo="H1").archive
    assert set(scan(nameless, START + 14.5).energies) == {0.5, 1.0}
    assert set(scan(named, START + 14.5).energies) == {0.5, 1.0, 2.0, 4.0}


def test_each_file_without_detector_is_one_of_its_own(tmp_path: Path) -> None:
    files = [gwpy_file(tmp_path / f"{n}.h5", {"strain": noise(8)}) for n in "ab"]
    archive = collect(map(str, files)).archive
    assert [s.path for s in archive.at(Decimal(START + 4))] == files


@pytest.mark.parametrize("channel", ["H1:STRAIN", "H1:STRAIN_C01"])
def test_of_two_channels_or_rates_that_with_most_strain_about_the_time_is_taken(
    tmp_path: Path, channel: str
) -> None:
    rate = 2 * RATE if channel == "H1:STRAIN" else RATE
    eight = {channel: noise(8, rate=rate)}
    short = gwpy_file(tmp_path / "a.h5", eight, start=START + 8, dx=1 / rate)
    halves = [
        gwpy_file(tmp_path / f"{s}.h5", {"H1:STRAIN": noise(16)}, start=START + s)
        for s in (0, 16)
    ]
    archive = collect(map(str, [short, *halves])).archive
    homes = [archive.at(Decimal(START + s))[0].path for s in (10, 15, 16, 30)]
    assert homes == [halves[0], halves[0], halves[1], halves[1]]
    late = collect([str(short), str(halves[0])]).archive.at(Decimal(START + 15))
    assert [series.path for series in late] == [short]


def test_strain_beyond_a_hole_does_not_count(tmp_path: Path) -> None:
    whole = gwpy_file(tmp_path / "a.h5", {"H1:A": noise(22)}, start=START + 8)
    parts = [
        gwpy_file(tmp_path / f"{s}.h5", {"H1:B": noise(n)}, start=START + s)
        for s, n in ((0, 11), (13, 7), (20, 20))
    ]
    archive = collect(map(str, [*parts, whole])).archive
    homes = [archive.at(Decimal(START + s))[0].path for s in (10, 14, 24)]
    assert homes == [whole, whole, parts[2]]


def test_a_slow_channel_is_not_taken_where_there_is_strain(tmp_path: Path) -> None:
    slow = gwpy_file(tmp_path / "a.h5", {"H1:SEISMIC": noise(1)}, dx=1 / 16)
    strain = gwpy_file(tmp_path / "b.h5", {"H1:STRAIN": noise(32)})
    for files in ([slow, strain], [strain, slow]):
        archive = collect(map(str, files)).archive
        assert [s.path for s in archive.at(Decimal(START + 4))] == [strain]


def test_times_about_zero_are_times(tmp_path: Path) -> None:
    strain = noise(32, blips_s=(20.5,))
    early = collect([str(gwpy_file(tmp_path / "a.h5", {"H1:A": strain}, start=-20))])
    late = collect([str(gwpy_file(tmp_path / "b.h5", {"H1:A": strain}, start=80))])
    given, expected = scan(early.archive, 0.5), scan(late.archive, 100.5)
    np.testing.assert_array_equal(given.energies[4.0], expected.energies[4.0])


def test_a_file_without_detector_is_not_taken_for_a_triggers(tmp_path: Path) -> None:
    archive = collect(two_nameless(tmp_path)).archive
    assert archive.at(Decimal(START + 4), "L1") == []
    absent = archive.without(Decimal(START + 4), "L1")
    assert absent.endswith("0.h5 names no detector: if it is L1's, --ifo L1")


def test_a_time_between_files_is_said_to_fall_there(tmp_path: Path) -> None:
    starts = {"a": START, "b": START + 20, "c": START + 40.1}
    for name, start in starts.items():
        gwpy_file(tmp_path / f"{name}.h5", {"H1:STRAIN": noise(8)}, start=start)
    archive = collect([str(tmp_path)]).archive
    between, *outside = (archive.without(START + Decimal(s)) for s in (30, -5, 50))
    assert between == (
        f"GPS {START + 30} is not in any of 3 files: it falls between {START + 28} and "
        f"{START + 40}.1; choose another time or file"
    )
    for told in outside:
        assert f"in any of 3 files, spanning {START} to {START + 48}.1; choose" in told
    at_the_end = archive.without(Decimal(START + 8))  # the next second is not in it
    assert f"falls between {START + 8} and {START + 20};" in at_the_end


def test_a_folder_gives_all_strain_in_it(tmp_path: Path) -> None:
    day = tmp_path / "deep" / "day.h5"
    day.mkdir(parents=True)
    gwosc_file(day, noise(8)).rename(day / "S.HDF5")
    (tmp_path / "bad.hdf5").write_text("?")
    (tmp_path / "readme.txt").write_text("?")
    found = collect([str(tmp_path)])
    assert len(found.archive.files()) == 1
    assert list(found.unusable) == [str(tmp_path / "bad.hdf5")]
    (tmp_path / "deep" / "none").mkdir()
    with pytest.raises(GspyError, match=r"no strain in .*none: it has no \.hdf5, "):
        collect([str(tmp_path / "deep" / "none")])


@pytest.mark.skipif(not STRAIN.exists(), reason="the real strain is not here")
@pytest.mark.parametrize(("ifo", "peak_hz"), [("H1", 124), ("L1", 175)])
def test_the_first_gravitational_wave_is_found_where_it_was(
    ifo: str, peak_hz: float
) -> None:
    files = STRAIN.glob("*LOSC*1126259446*.hdf5")
    archive = collect(map(str, files), ifo=ifo).archive
    found = scan(archive, 1126259462.4)
    assert found.peak_time - found.event_time == pytest.approx(0.02, abs=0.02)
    assert found.peak_frequency == pytest.approx(peak_hz, abs=30)
    assert found.snr > 10
