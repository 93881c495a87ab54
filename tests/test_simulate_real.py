"""Simulated glitches in real noise, and real glitches as network inputs."""

import csv
import errno
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from conftest import SHARED
from running import gspy

from gspy_cli.callbacks import ignore
from gspy_cli.cli import simulate
from gspy_cli.errors import GspyError
from gspy_cli.labels import CLASSES
from gspy_cli.simulate import figures
from gspy_cli.simulate import quiet as quiet_module
from gspy_cli.simulate import scene as scene_module
from gspy_cli.simulate.dataset import Plan, write_inputs
from gspy_cli.simulate.figures import write_figures
from gspy_cli.simulate.noise import Inlay, draw_noise
from gspy_cli.simulate.quiet import PIECE_S, RATE_HZ, draw_quiet, read_quiet
from gspy_cli.simulate.real import Copies, real_scene, write_real_inputs
from gspy_cli.simulate.scene import draw_scene
from gspy_cli.strain.eras import Era
from gspy_cli.strain.segments import is_segments, read_segments

SEGMENT_S, EVENT_S = 14, 7.0


def white(seconds, *, seed=0, spike=0.0, at_s=0.0):
    """White noise of unit variance, with a pulse if wanted."""
    rng = np.random.default_rng(seed)
    times = np.arange(seconds * RATE_HZ) / RATE_HZ - at_s
    return rng.standard_normal(times.size) + spike * np.exp(-np.abs(times) / 2e-3)


def write_strain(path, samples, *, rate=RATE_HZ, channels=("H1:STRAIN",)):
    with h5py.File(path, "w") as file:
        for channel in channels:
            data = file.create_dataset(channel, data=samples)
            data.attrs["x0"], data.attrs["dx"] = 0.0, 1 / rate


@pytest.fixture(scope="module")
def noise_folder(tmp_path_factory):
    """Two files of 20 s; the second one has a loud pulse in its last third."""
    folder = tmp_path_factory.mktemp("noise")
    write_strain(folder / "a.hdf5", 1e-21 * white(20, seed=1))
    write_strain(folder / "b.h5", 1e-21 * white(20, seed=2, spike=30, at_s=16.0))
    (folder / "notes.txt").write_text("no strain")
    return folder


@pytest.fixture(scope="module")
def segments_file(tmp_path_factory):
    """Whitened stretches of two classes, with a pulse at 7 s."""
    path = tmp_path_factory.mktemp("segments") / "glitches.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["glitch_time"], file.attrs["sample_rate"] = EVENT_S, RATE_HZ
        for seed, label in enumerate(("Blip", "Crown")):
            samples = 50 * white(SEGMENT_S, seed=seed, spike=15, at_s=EVENT_S)
            samples[:2000] *= 1e3  # as whitening leaves the ends
            data = file.create_dataset(f"O3a/H1/{label}/0", data=samples)
            data.attrs.update({"label": label, "ifo": "H1", "run": "O3a"})
        file["O3a/H1/times"] = [0.0, 1.0]  # no segment: it has no label
    return path


def test_quiet_stretches_hold_no_glitch_and_have_unit_variance(noise_folder):
    quiet = read_quiet(noise_folder)
    # of four stretches in each file, one has the pulse
    assert quiet.shape == (7, round(PIECE_S * RATE_HZ))
    np.testing.assert_allclose(quiet.std(axis=1), 1, rtol=1e-3)
    assert np.abs(quiet).max() < 7


@pytest.mark.parametrize(("spike", "stretches"), [(0, 4), (4, 3)])
def test_a_stretch_with_a_pulse_that_a_search_would_find_is_left_out(
    spike, stretches, tmp_path
):
    # of 4, the loudest tile has an energy of 31; of noise alone, of 14
    file = tmp_path / "a.h5"
    write_strain(file, white(20, seed=1, spike=spike, at_s=13))
    assert len(read_quiet(file)) == stretches


@pytest.mark.parametrize("rate", [6000, 10000, 12345, 16384])
def test_other_sample_rates_keep_their_frequencies(tmp_path, rate):
    times = np.arange(8 * rate) / rate
    path = tmp_path / "line.h5"
    write_strain(path, np.sin(2 * np.pi * 300 * times), rate=rate)
    (samples,) = quiet_module._stretches(path)
    assert samples.size == 8 * RATE_HZ
    assert np.abs(np.fft.rfft(samples)).argmax() / 8 == 300


def test_what_lies_between_gaps_is_used(tmp_path):
    samples = white(20)
    samples[10 * RATE_HZ] = np.nan
    write_strain(tmp_path / "gap.HDF5", samples)
    assert len(read_quiet(tmp_path)) == 2


def test_files_that_give_nothing_are_named_with_the_reason(noise_folder, tmp_path):
    write_strain(tmp_path / "a.h5", white(20))
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "b.h5").write_bytes(whole[: len(whole) // 2])
    write_strain(tmp_path / "c.h5", white(20), channels=("H1:A", "H1:B"))
    write_strain(tmp_path / "d.h5", white(20), rate=2048)
    write_strain(tmp_path / "e.h5", white(5))
    (tmp_path / "notes.txt").write_text("no strain")
    told = []
    assert len(read_quiet(tmp_path, on_left_out=told.append)) == 4
    expected = [
        "b.h5 is not an HDF5 file, or is damaged",
        "c.h5 has several channels",
        "d.h5 is sampled at 2048 Hz, and 4096 Hz are needed",
        "e.h5 has no quiet 6.5 s without a gap",
    ]
    for reason, start in zip(told, expected, strict=True):
        assert reason.startswith(start)


def test_whitening_leaves_no_colour_and_no_line():
    times = np.arange(20 * RATE_HZ) / RATE_HZ
    coloured = np.cumsum(white(20))  # falls as 1/f
    coloured += 5 * np.sin(2 * np.pi * 300 * times)
    clean = quiet_module.whiten(coloured, RATE_HZ)[RATE_HZ:-RATE_HZ]
    power = np.abs(np.fft.rfft(clean)) ** 2
    bins_per_hz = clean.size / RATE_HZ
    bands = [
        power[round(low * bins_per_hz) : round(high * bins_per_hz)].mean()
        for low, high in ((10, 100), (100, 500), (295, 305), (500, 2000))
    ]
    np.testing.assert_allclose(bands / bands[0], 1, rtol=0.2)
    assert power[: round(6 * bins_per_hz)].mean() < 0.05 * bands[0]  # lost below 7 Hz


def test_a_burst_does_not_change_the_level_elsewhere():
    samples = white(40)
    samples[10 * RATE_HZ : 12 * RATE_HZ] *= 20
    later = quiet_module.whiten(samples, RATE_HZ)[20 * RATE_HZ : 30 * RATE_HZ]
    assert later.std() == pytest.approx(1, rel=0.15)


def test_a_new_stretch_is_of_two_old_ones(noise_folder):
    quiet = read_quiet(noise_folder)
    # of seven; chance may take one of them twice
    first, second = (draw_quiet(np.random.default_rng(s), quiet) for s in (2, 3))
    assert first.std() == pytest.approx(1, rel=0.05)
    assert not np.allclose(first, second)
    for old in (*quiet, *quiet[:, ::-1]):
        assert not np.allclose(np.abs(first), np.abs(old), atol=1e-3)


def noise_around(inlay: Inlay) -> np.ndarray:
    """Draw the spectrum of 16 s of noise with an inlay."""
    return draw_noise(
        np.random.default_rng(3),
        duration_s=16,
        sample_rate_hz=2 * RATE_HZ,
        lines=[],
        inlay=inlay,
    )


def test_real_noise_keeps_the_level_of_the_simulated_around_it():
    inlay = Inlay(white(5), RATE_HZ, start_s=5.5, known_hz=1640)
    seconds = np.fft.irfft(noise_around(inlay)).reshape(16, -1)
    np.testing.assert_allclose(seconds.std(axis=1), 1, rtol=0.035)
    fading = seconds.reshape(64, -1)[[22, 41]]  # its first and last quarter second
    np.testing.assert_allclose(fading.std(axis=1), 1, rtol=0.035)
    inside = np.abs(np.fft.rfft(seconds[8])) ** 2
    bands = inside[40:1600].mean(), inside[1700:].mean()
    assert bands[0] == pytest.approx(bands[1], rel=0.15)


def test_an_inlay_is_found_where_it_was_put():
    # a pulse at the middle of the inlay, hence 8 s after the start
    inlay = Inlay(white(5, spike=60, at_s=2.5), RATE_HZ, start_s=5.5, known_hz=1640)
    loudest = np.abs(np.fft.irfft(noise_around(inlay))).argmax() / (2 * RATE_HZ)
    assert loudest == pytest.approx(8.0, abs=1e-3)


def test_a_scene_in_real_noise_depends_on_the_seed_alone(noise_folder, monkeypatch):
    monkeypatch.setattr(scene_module, "REAL_NOISE_SHARE", 1.0)
    quiet = read_quiet(noise_folder)
    first, again = (draw_scene("Blip", seed=5, index=1, quiet=quiet) for _ in "ab")
    without = draw_scene("Blip", seed=5, index=1)
    assert first.strain.tobytes() == again.strain.tobytes()
    assert first.strain.tobytes() != without.strain.tobytes()
    assert first.facts == without.facts


def test_a_data_set_keeps_the_noise_it_was_made_with(noise_folder, tmp_path):
    noise = shutil.copytree(noise_folder, tmp_path / "noise")
    (noise / "bad.h5").write_text("no strain")
    plan = Plan(
        count=2, seed=1, height=16, width=16, classes=("Blip",), noise=str(noise)
    )
    told = []
    write_inputs(tmp_path, plan, on_left_out=told.append)
    assert [reason.split()[0] for reason in told] == ["bad.h5"]
    assert np.load(tmp_path / "quiet.npy").shape[0] == 7
    with pytest.raises(GspyError, match="holds another data set"):
        write_inputs(tmp_path, replace(plan, noise=""))


def test_figures_keep_the_noise_they_were_begun_with(tmp_path, monkeypatch):
    monkeypatch.setattr(scene_module, "REAL_NOISE_SHARE", 1.0)
    monkeypatch.setattr(figures, "_views", lambda *_: ())
    noise = tmp_path / "noise"
    noise.mkdir()
    write_strain(noise / "b.hdf5", 1e-21 * white(20, seed=1))

    def stop(done, count):
        raise KeyboardInterrupt

    def write(folder, progress=ignore):
        how = {"count": 2, "seed": 1, "classes": ["Blip"], "strain": True}
        write_figures(tmp_path / folder, **how, noise=noise, progress=progress)
        files = (path for path in (tmp_path / folder).rglob("*") if path.is_file())
        return {path.name: path.read_bytes() for path in files}

    with pytest.raises(KeyboardInterrupt):
        write("stopped", stop)
    whole = write("whole")
    write_strain(noise / "a.hdf5", 1e-21 * white(20, seed=2))
    assert write("stopped") == whole
    for name in ("quiet.npy", "manifest.csv"):
        (tmp_path / "stopped" / name).unlink()
    with pytest.raises(GspyError, match=r"has lost its noise, quiet\.npy; choose an"):
        write("stopped")


def test_a_full_disk_leaves_no_part_of_the_noise(noise_folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        quiet_module.save_quiet(tmp_path, noise_folder, on_left_out=print)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_strain_is_told_so(tmp_path):
    with pytest.raises(GspyError, match="holds no strain files"):
        read_quiet(tmp_path)


def test_strain_that_cannot_be_read_is_not_called_too_short(tmp_path):
    (tmp_path / "broken.hdf5").write_text("no strain")
    reasons: list[str] = []
    with pytest.raises(GspyError, match=r"can be used: broken\.hdf5 "):
        read_quiet(tmp_path, on_left_out=reasons.append)
    assert len(reasons) == 1


def test_strain_that_is_never_quiet_is_told_so(tmp_path):
    samples = sum(white(8, seed=k, spike=30, at_s=k) for k in range(1, 8))
    write_strain(tmp_path / "loud.hdf5", samples)
    with pytest.raises(GspyError, match=r"loud\.hdf5 has no quiet 6\.5 s"):
        read_quiet(tmp_path)


def test_segments_are_read_with_their_labels(segments_file, noise_folder):
    first, second = read_segments(segments_file)
    assert (first.label, second.label) == ("Blip", "Crown")
    assert (first.name, first.ifo, first.run) == ("O3a/H1/Blip/0", "H1", "O3")
    assert not is_segments(noise_folder / "a.hdf5")
    assert not is_segments(noise_folder / "notes.txt")
    with pytest.raises(GspyError, match="glitch_time and sample_rate"):
        read_segments(noise_folder / "a.hdf5")


def test_damaged_segments_are_left_out_of_noise(segments_file, tmp_path):
    whole = segments_file.read_bytes()
    place = whole.index(b"label") + 4  # an attribute's name
    for name in ("no_ifo.h5", "torn.h5"):
        (tmp_path / name).write_bytes(whole)
    with h5py.File(tmp_path / "no_ifo.h5", "a") as file:
        del file["O3a/H1/Blip/0"].attrs["ifo"]
    (tmp_path / "torn.h5").write_bytes(whole[:place] + bytes(60) + whole[place + 60 :])
    write_strain(tmp_path / "whole.h5", white(20))
    told = []
    assert len(read_quiet(tmp_path, on_left_out=told.append)) == 4
    no_ifo, torn = told
    assert no_ifo == "no_ifo.h5 is damaged: O3a/H1/Blip/0 has no attribute ifo"
    assert torn.startswith("torn.h5 is damaged: ")


@pytest.mark.parametrize("times", [1, 4])  # 4096 Hz and LIGO's own 16384 Hz
def test_a_real_glitch_is_at_the_middle_of_its_picture(segments_file, times):
    samples = white(times * SEGMENT_S, spike=15, at_s=times * EVENT_S)
    samples[: 2000 * times] *= 1e3
    segment = read_segments(segments_file)[0]
    segment = replace(segment, samples=50 * samples, rate_hz=times * RATE_HZ)
    scene = real_scene(np.random.default_rng(3), segment, Era.O3)
    assert 0.008 < abs(scene.facts["late_s"]) <= 0.01
    late_s = scene.scan.peak_time - scene.event_s
    assert late_s == pytest.approx(scene.facts["late_s"], abs=0.003)
    # the spoilt ends are gone: the noise is as bright as elsewhere
    background = scene.scan.energies[4.0][scene.scan.frequencies > 100]
    assert np.median(background) == pytest.approx(1, abs=0.1)


def test_real_glitches_become_inputs_of_every_era(segments_file, tmp_path):
    write_real_inputs(tmp_path, segments_file, Copies(seed=3, height=16, width=24))
    inputs, labels = (np.load(tmp_path / f"{n}.npy") for n in ("inputs", "labels"))
    assert inputs.shape == (8, 4, 16, 24, 3)  # two copies in four eras; no Crown
    assert set(labels) == {CLASSES.index("Blip")}
    with (tmp_path / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["era"] for row in rows[:4]] == ["old", "mid", "o3", "gwpy"]
    assert {row["era"] for row in rows if row["early"] == "1"} == {"old"}
    assert {row["gravityspy_id"] for row in rows} == {"O3a/H1/Blip/0"}
    assert len({inputs[i].tobytes() for i in range(8)}) == 8


def test_stretches_of_no_known_class_become_no_inputs(segments_file, tmp_path):
    path = tmp_path / "crowns.hdf5"
    path.write_bytes(segments_file.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["O3a/H1/Blip"]
    with pytest.raises(GspyError, match="has no stretch of a known class"):
        write_real_inputs(tmp_path, path, Copies(seed=3, height=16, width=24))


@pytest.mark.skipif(not (SHARED / "strain").is_dir(), reason="no shared strain")
def test_real_strain_files_give_many_quiet_stretches():
    quiet = read_quiet(SHARED / "strain")
    assert len(quiet) >= 60


def test_noise_may_be_named_by_another_path_on_resume(
    noise_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(noise_folder.parent)
    for noise in (noise_folder.name, str(noise_folder)):
        arguments = ["simulate", "-n", "1", "--classes", "Blip", "--inputs", "32"]
        arguments += ["--noise", noise, "-o", str(tmp_path / "inputs")]
        assert gspy(*arguments)[0] == 0


def test_simulate_says_what_it_wrote_and_what_is_next(
    noise_folder, tmp_path, monkeypatch
):
    arguments = ["simulate", "-n", "1", "--classes", "Blip", "--inputs", "32"]
    arguments += ["--noise", str(noise_folder), "-o", str(tmp_path / "inputs")]
    code, out, err = gspy(*arguments)
    assert (code, "next:" in out + err) == (0, False)
    assert f"1 glitch, 4 inputs, in {tmp_path / 'inputs'}" in out + err
    told = []
    monkeypatch.setattr(simulate, "hint", lambda what, quiet: told.append(what))
    gspy(*arguments)
    assert [what.partition(" --data")[0] for what in told] == [
        f"gspy train --simulated {tmp_path / 'inputs'}"
    ]
