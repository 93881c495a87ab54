import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from conftest import SIDE, TINY_CLASSES, draw_figure, tiny_card

from gspy_cli import predict, workers
from gspy_cli.errors import PictureError
from gspy_cli.model import Model
from gspy_cli.predict import classify
from gspy_cli.results import Failure, Origin
from gspy_cli.samples import Sample


def red_share(pictures: np.ndarray) -> np.ndarray:
    """Score by how bright a picture is, so that every picture has its own score."""
    mean = pictures.mean(axis=(1, 2, 3)) / 255
    return np.stack([mean, 1 - mean, 0 * mean], axis=1).astype(np.float32)


MODEL = Model(tiny_card(), red_share, "cpu")


def figure_sample(number: int) -> Sample:
    return Sample(Origin(str(number)), lambda: draw_figure(seed=number))


def broken_sample(name: str) -> Sample:
    def fail() -> np.ndarray:
        raise PictureError(f"{name} is broken")

    return Sample(Origin(name), fail)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9])
def test_every_sample_has_one_result_in_order(count):
    samples = [figure_sample(number) for number in range(count)]
    results = list(classify(samples, MODEL, batch_size=4))
    assert [result.origin.path for result in results] == list(map(str, range(count)))


def test_the_answer_does_not_depend_on_the_batch():
    samples = [figure_sample(number) for number in range(5)]
    alone = [next(iter(classify([sample], MODEL))) for sample in samples]
    for size in (2, 5, 16):
        assert list(classify(samples, MODEL, batch_size=size)) == alone


def test_a_broken_picture_does_not_shift_its_neighbours():
    good = [figure_sample(number) for number in range(3)]
    mixed = [broken_sample("x"), good[0], broken_sample("y"), good[1], good[2]]
    results = list(classify(mixed, MODEL, batch_size=2))
    assert results[0] == Failure(Origin("x"), "x is broken")
    assert results[2] == Failure(Origin("y"), "y is broken")
    assert [results[1], *results[3:]] == list(classify(good, MODEL))


def test_scores_sum_to_one_and_the_label_is_the_likeliest():
    (result,) = classify([figure_sample(0)], MODEL)
    assert tuple(result.scores) == TINY_CLASSES
    assert sum(result.scores.values()) == pytest.approx(1, abs=1e-6)
    assert result.label == max(result.scores, key=result.scores.get)
    assert result.confidence == max(result.scores.values())


@pytest.mark.parametrize("odd", [np.nan, np.inf, -0.2, 1.01])
def test_an_answer_that_is_no_probability_costs_its_own_row(odd):
    def score(pictures: np.ndarray) -> np.ndarray:
        rows = red_share(pictures)
        rows[1, 0] = odd
        return rows

    model = Model(tiny_card(), score, "cpu")
    results = list(classify([figure_sample(n) for n in range(3)], model))
    failed = [result for result in results if isinstance(result, Failure)]
    assert failed == [Failure(results[1].origin, "the model gives no probabilities")]


def test_the_model_sees_pictures_of_its_own_size():
    seen = []

    def look(pictures: np.ndarray) -> np.ndarray:
        seen.append((pictures.shape, pictures.dtype))
        return red_share(pictures)

    list(classify([figure_sample(0)], Model(tiny_card(), look, "cpu")))
    assert seen == [((1, SIDE, SIDE, 3), np.uint8)]


def test_reading_never_runs_far_ahead_of_scoring():
    lock, state = threading.Lock(), {"taken": 0, "most_ahead": 0, "given": 0}

    def endless():
        while True:
            with lock:
                state["taken"] += 1
                ahead = state["taken"] - state["given"]
                state["most_ahead"] = max(state["most_ahead"], ahead)
            yield broken_sample("x")

    results = classify(endless(), MODEL, batch_size=4, workers=2)
    for _ in range(50):
        next(results)
        state["given"] += 1
    assert state["most_ahead"] <= 17


def test_a_bug_is_not_hidden_as_a_failure():
    def crash() -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(classify([Sample(Origin("x"), crash)], MODEL))


def test_what_the_source_raises_comes_after_the_whole_batches_before_it():
    raised, taken = threading.Event(), []

    def source():
        yield from map(figure_sample, range(5))
        raised.set()
        raise PictureError("no more")

    def score(pictures: np.ndarray) -> np.ndarray:
        raised.wait()
        return red_share(pictures)

    model = Model(tiny_card(), score, "cpu")
    with pytest.raises(PictureError, match="no more"):
        taken.extend(classify(source(), model, batch_size=2, workers=2))
    assert [result.origin.path for result in taken] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "200000 100000"}, 2),
        ({"cpu.max": "250000 100000"}, 3),
        ({"cpu.max": "5000 100000"}, 1),
        ({"cpu.max": "6400000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "150000", "cpu/cpu.cfs_period_us": "100000"}, 2),
    ],
)
def test_a_container_has_as_many_cores_as_its_quota_gives(
    files, cores, tmp_path: Path, monkeypatch
):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n")
    monkeypatch.setattr(workers, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert workers.available_cores() == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone has it")
def test_a_process_that_is_bound_to_one_core_has_one():
    code = "from gspy_cli.workers import available_cores as a; print(a())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout == "1\n"


def test_there_are_as_many_workers_as_cores_unless_told_otherwise(monkeypatch):
    begun, crew = [], predict._Crew

    def begin(workers: int, work) -> predict._Crew:
        begun.append(workers)
        return crew(workers, work)

    monkeypatch.setattr(predict, "available_cores", lambda: 3)
    monkeypatch.setattr(predict, "_Crew", begin)
    samples = [figure_sample(0)] * 2
    for given in (None, 1):
        list(classify(samples, MODEL, batch_size=2, workers=given))
    assert begun == [3, 1]


def test_batches_that_wait_are_not_begun_once_the_results_are_not_wanted():
    begun, go_on, ran = threading.Event(), threading.Event(), []

    def work(batch, _read):
        ran.append(batch)
        begun.set()
        go_on.wait()
        return []

    crew = predict._Crew(1, work)
    for batch in ("first", "second"):
        crew.give(batch, lambda *_: [])
    begun.wait()
    crew.end(wait=False)
    go_on.set()
    crew._threads[0].join()
    assert ran == ["first"]


def test_the_program_ends_while_a_batch_does_not():
    code = (
        "from threading import Event\n"
        "from gspy_cli import predict\n"
        "predict.PATIENCE_S = 0.01\n"
        "begun = Event()\n"
        "crew = predict._Crew(1, lambda batch, read: begun.set() or Event().wait())\n"
        "crew.give([], None)\n"
        "begun.wait()\n"
        "crew.end(wait=False)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize(
    "stop", ["", "1 / 0", "raise KeyboardInterrupt", "results.throw(KeyboardInterrupt)"]
)
def test_no_thread_of_a_stopped_run_lives_as_the_program_ends(stop, tiny_model):
    code = (
        "import atexit, sys, threading\n"
        "import numpy as np\n"
        "from gspy_cli import load_model\n"
        "atexit.register(lambda: print(threading.active_count()))\n"
        "pictures = [np.zeros((9, 9, 3), np.uint8)] * 20\n"
        "model = load_model(sys.argv[1])\n"
        "results = model.classify(pictures, batch_size=1, workers=2)\n"
        f"next(results)\n{stop}\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tiny_model], capture_output=True, text=True
    )
    assert run.stdout == "1\n"


def test_nothing_is_kept_of_a_run_that_has_ended():
    def score(pictures: np.ndarray) -> np.ndarray:
        return red_share(pictures)

    samples = [figure_sample(number) for number in range(2)]
    assert list(classify(samples, Model(tiny_card(), score, "cpu"), batch_size=1))
    kept = weakref.ref(score)
    del score
    assert kept() is None
