"""The check whether a label holds a few milliseconds beside the event."""

from dataclasses import replace

import numpy as np
import pytest

from gspy_cli import timeshift
from gspy_cli.cli.results_screen import show_results
from gspy_cli.results import Failure, Origin, Prediction, Result, Trigger
from gspy_cli.samples import Plot, Sample
from gspy_cli.writers import Columns

CLASSES = ("Blip", "Chirp")


def plot(shift_s: float) -> Plot:
    return Plot(np.full((4, 4, 3), round(abs(shift_s) * 1000), np.uint8), Trigger(5.0))


def sample(
    window: float,
    name: str = "x",
    *,
    ifo: str = "H1",
    gps: float = 5.0,
    strain: bool = True,
) -> Sample:
    origin = Origin("f", ifo, name, window, Trigger(gps))
    return Sample(origin, lambda: plot(0), plot if strain else None)


def named(item: Sample, flips_at_ms: tuple[float, ...] = ()) -> Result:
    label = "Chirp" if item.origin.shift_s * 1000 in flips_at_ms else "Blip"
    return Prediction(item.origin, label, 0.9, {"Blip": 0.9, "Chirp": 0.1})


def test_every_window_is_seen_at_six_shifts() -> None:
    samples = list(timeshift.with_shifts([sample(0.5), sample(1.0)]))
    assert [s.origin.shift_s * 1000 for s in samples[::2]] == [0, -20, -5, -1, 1, 5, 20]
    assert [s.load().pixels.max() for s in samples[::2]] == [0, 20, 5, 1, 1, 5, 20]
    assert {s.origin.window for s in samples[1::2]} == {1.0}


def test_results_are_one_a_window_again_with_the_labels_beside() -> None:
    samples = [sample(w, name) for name in ("x", "y") for w in (0.5, 1.0)]
    results = [
        named(s, (20.0,) if s.origin.window == 1.0 else ())
        for s in timeshift.with_shifts(samples)
    ]
    joined = list(timeshift.gathered(results))
    assert [r.origin for r in joined] == [s.origin for s in samples]
    for result in joined:
        assert isinstance(result, Prediction)
        labels = [*["Blip"] * 5, "Chirp" if result.origin.window == 1.0 else "Blip"]
        assert result.shifted == dict(zip(timeshift.SHIFTS_S, labels, strict=True))


@pytest.mark.parametrize("second", [sample(0.5, gps=6.0), sample(0.5, ifo="L1")])
def test_two_times_or_detectors_of_one_identifier_are_two_events(
    second: Sample,
) -> None:
    samples = [sample(0.5), second]
    results: list[Result] = []
    for item in timeshift.with_shifts(samples):
        is_second = replace(item.origin, shift_s=0.0) == second.origin
        flips = [1000 * s for s in timeshift.SHIFTS_S] if is_second else []
        results.append(named(item, tuple(flips)))
    one, other = timeshift.gathered(results)
    assert isinstance(one, Prediction)
    assert isinstance(other, Prediction)
    assert set(one.shifted.values()) == {"Blip"}
    assert set(other.shifted.values()) == {"Chirp"}


def test_an_input_that_is_no_strain_passes_untouched() -> None:
    (only,) = timeshift.with_shifts([sample(0.5, strain=False)])
    failure = Failure(only.origin, "no")
    assert list(timeshift.gathered([failure])) == [failure]


def test_a_window_that_has_failed_stays_so_whatever_is_beside_it() -> None:
    first, *beside = timeshift.with_shifts([sample(0.5)])
    failure = Failure(first.origin, "a gap")
    assert list(timeshift.gathered([failure, *map(named, beside)])) == [failure]


@pytest.mark.parametrize(
    ("flips", "labels", "stable", "words"),
    [
        ((), "-20:Blip -5:Blip -1:Blip +1:Blip +5:Blip +20:Blip", True, "holds to ±20"),
        (
            (-1.0, 20.0),
            "-20:Blip -5:Blip -1:Chirp +1:Blip +5:Blip +20:Chirp",
            False,
            "Chirp at -1 ms, Chirp at +20 ms",
        ),
    ],
)
def test_rows_and_tables_tell_whether_the_label_holds(
    flips: tuple[float, ...],
    labels: str,
    stable: bool,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = timeshift.with_shifts([sample(0.5)])
    (result,) = timeshift.gathered(named(s, flips) for s in samples)
    columns = Columns(CLASSES, "m", triggers=True, time_shifts=True)
    row = columns.row(result)
    assert list(row)[-2:] == ["time_shift_labels", "time_shift_stable"]
    assert (row["time_shift_labels"], row["time_shift_stable"]) == (labels, stable)
    monkeypatch.setenv("COLUMNS", "120")
    for shown in ([result], [result, result]):
        show_results(iter(shown), columns, iter)
        assert words in capsys.readouterr().out


def test_a_shift_without_picture_breaks_the_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    samples = list(timeshift.with_shifts([sample(4.0)]))
    results: list[Result] = [named(s) for s in samples[:-1]]
    results.append(Failure(samples[-1].origin, "too near the edge"))
    (joined,) = timeshift.gathered(results)
    columns = Columns(CLASSES, "m", time_shifts=True)
    row = columns.row(joined)
    assert str(row["time_shift_labels"]).endswith("+20:failed")
    assert row["time_shift_stable"] is False
    show_results(iter([joined]), columns, iter)
    assert "no picture at +20 ms" in capsys.readouterr().out
