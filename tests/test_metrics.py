import numpy as np
import pytest

from gspy_cli.metrics import (
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
    tempered,
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


def test_a_certain_right_answer_costs_nothing():
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]])
    loss = negative_log_likelihood(probabilities, np.array([0, 1]))
    assert loss == pytest.approx(np.log(2) / 2)
