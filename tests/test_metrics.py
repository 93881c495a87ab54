import numpy as np
import pytest

from gspy_cli import metrics
from gspy_cli.metrics import (
    BINS,
    TEMPERATURES,
    best_temperature,
    bin_of,
    calibration_error,
    class_scores,
    confusion_matrix,
    fit_temperature,
    mcnemar,
    negative_log_likelihood,
    tempered,
    top_2_accuracy,
    wilson_interval,
)


def draws(temperature: float, count: int = 4000):
    """Draw labels from known probabilities; give them sharpened by a temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, 5))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in true])
    return tempered(true, 1 / temperature), labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_of_overconfident_answers_is_found(temperature):
    probabilities, labels = draws(temperature)
    assert fit_temperature(probabilities, labels) == pytest.approx(temperature, rel=0.1)


def test_true_probabilities_have_almost_no_calibration_error():
    probabilities, labels = draws(1.0)
    assert calibration_error(probabilities, labels) < 0.02
    assert calibration_error(tempered(probabilities, 0.3), labels) > 0.1


def test_calibration_error_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    error = calibration_error(probabilities, np.array([0, 1, 1]))
    assert error == pytest.approx((abs(1.8 - 1) + abs(0.6 - 1)) / 3)


def test_the_surest_answers_are_in_the_last_of_15_bins():
    probabilities = np.array([[0.92, 0.08], [0.95, 0.05]])  # bins 13 and 14 of 0 to 14
    error = calibration_error(probabilities, np.array([0, 1]))
    assert error == pytest.approx((0.08 + 0.95) / 2)


def test_an_edge_belongs_to_the_bin_that_it_ends():
    ends = np.arange(1, BINS + 1) / BINS
    assert bin_of(ends).tolist() == list(range(BINS))
    assert bin_of(np.nextafter(ends, 2)).tolist() == [*range(1, BINS), BINS - 1]
    assert bin_of(np.zeros(1)).tolist() == [0]
    probabilities = np.array([[0.8, 0.2], [0.78, 0.22]])  # one bin, to 0.8
    error = calibration_error(probabilities, np.array([0, 1]))
    assert error == pytest.approx(abs(0.8 + 0.78 - 1) / 2)


def test_temperatures_go_from_a_fifth_to_5():
    assert TEMPERATURES[[0, -1]] == pytest.approx([0.2, 5], rel=0.01)


def test_a_certain_right_answer_costs_nothing():
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]])
    loss = negative_log_likelihood(probabilities, np.array([0, 1]))
    assert loss == pytest.approx(np.log(2) / 2)


def answers(count: int = 500, classes: int = 6):
    """Draw probabilities and labels; the last class has no example."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, classes - 1, count)
    logits = rng.normal(0, 1, (count, classes)) + 1.5 * np.eye(classes)[labels]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels


def test_scores_agree_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    probabilities, labels = answers()
    named, present = probabilities.argmax(axis=1), range(5)
    confusion = confusion_matrix(labels, named, 6)
    scores = class_scores(confusion)
    theirs = sklearn.precision_recall_fscore_support(labels, named, labels=present)
    ours = (scores.precision, scores.recall, scores.f1, scores.support)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine[:5], other)
    assert (confusion == sklearn.confusion_matrix(labels, named, labels=range(6))).all()
    for average, own in (("macro", scores.macro_f1), ("weighted", scores.weighted_f1)):
        f1 = sklearn.f1_score(labels, named, labels=present, average=average)
        assert own == pytest.approx(f1)
    recalls = sklearn.recall_score(labels, named, labels=present, average="macro")
    assert scores.balanced_accuracy == pytest.approx(recalls)
    top = sklearn.top_k_accuracy_score(labels, probabilities, k=2, labels=range(6))
    assert top_2_accuracy(probabilities, labels) == pytest.approx(top)
    loss = sklearn.log_loss(labels, probabilities, labels=range(6))
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(loss)


def test_what_is_undefined_is_no_number():
    scores = class_scores(np.array([[2, 0, 1], [0, 0, 0], [0, 0, 0]]))
    assert np.isnan(scores.recall).tolist() == [False, True, True]
    assert np.isnan(scores.f1).tolist() == [False, True, True]
    assert np.isnan(scores.precision).tolist() == [False, True, False]
    assert scores.macro_f1 == pytest.approx(0.8)  # of the one class with examples
    assert np.isnan(wilson_interval(0, 0)).all()


def test_a_class_that_is_never_named_has_an_f1_of_0():
    scores = class_scores(np.array([[2, 0], [1, 0]]))
    assert scores.f1[1] == 0
    assert np.isnan(scores.precision[1])


@pytest.mark.parametrize(("right", "total"), [(0, 3), (7, 9), (282, 297), (4, 4)])
def test_the_interval_is_wilsons(right, total):
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.binomtest(right, total).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson_interval(right, total), theirs, atol=1e-6)


def test_an_interval_ends_at_0_and_1():
    assert [wilson_interval(0, n)[0] for n in range(1, 40)] == [0] * 39
    assert [wilson_interval(n, n)[1] for n in range(1, 40)] == [1] * 39


def test_mcnemars_p_is_the_binomial_one():
    stats = pytest.importorskip("scipy.stats")
    first = np.array([True] * 30 + [False] * 13 + [True] * 5)
    second = np.array(
        [True] * 22 + [False] * 8 + [True] * 3 + [False] * 10 + [True] * 5
    )
    p = stats.binomtest(3, 11, 0.5).pvalue
    assert mcnemar(first, second) == pytest.approx(p)
    assert mcnemar(first, first) == 1.0


def test_mcnemars_p_is_exact_of_many_examples():
    stats = pytest.importorskip("scipy.stats")
    first = np.arange(8000) < 3900
    p = stats.binomtest(3900, 8000, 0.5).pvalue
    assert mcnemar(first, ~first) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("sharpness", [0.3, 3])  # sharp: some p are below `LEAST`
def test_the_fitted_losses_are_those_of_tempered_answers(sharpness, monkeypatch):
    probabilities, labels = draws(1.0, count=300)
    given = tempered(probabilities, 1 / sharpness)
    tempers = (tempered(given, t) for t in TEMPERATURES)
    losses = [300 * negative_log_likelihood(p, labels) for p in tempers]
    monkeypatch.setattr(metrics, "best_temperature", lambda found: found)
    found = fit_temperature(given, labels)
    np.testing.assert_allclose(found, losses, rtol=0, atol=1e-12)


def test_the_prior_of_a_temperature_is_a_factor_of_two_wide():
    losses = -np.log2(TEMPERATURES)  # one for each factor of two
    assert best_temperature(losses) == pytest.approx(2, rel=0.01)


def test_few_right_answers_say_less_of_the_temperature_than_many():
    probabilities = np.array([[0.8, 0.2], [0.9, 0.1], [0.3, 0.7]])
    few = fit_temperature(probabilities, np.array([0, 0, 1]))
    many = fit_temperature(np.tile(probabilities, (99, 1)), np.tile([0, 0, 1], 99))
    assert many < 0.3 < 0.6 < few < 1
