import threading

import numpy as np
import pytest
from conftest import SIDE, TINY_CLASSES, draw_figure, tiny_card

from gspy_cli.errors import PictureError
from gspy_cli.model import Model
from gspy_cli.predict import classify
from gspy_cli.results import Failure, Origin
from gspy_cli.sources import Sample


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
