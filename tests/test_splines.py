"""Splines are those of scipy.interpolate, wherever they are evaluated."""

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from gspy_cli.strain.splines import FEW, spline_matrix, spline_rows


@pytest.mark.parametrize("count", [4, 5, 6, 20, FEW, FEW + 1, 150, 3000])
def test_rows_are_interpolated_to_both_ends_and_beyond(count):
    rows = np.random.default_rng(count).exponential(1, (3, count)).astype(np.float32)
    knots = 3.3 + 0.0137 * np.arange(count)
    points = np.linspace(knots[0] - 0.02, knots[-1] + 0.02, 2001)
    found = spline_rows(rows, first=3.3, step=0.0137, points=points)
    expected = make_interp_spline(knots, rows, k=3, axis=1)(points)
    np.testing.assert_allclose(found, expected, atol=2e-6 * np.abs(expected).max())


def test_a_loud_knot_leaves_what_is_quiet_as_it_is():
    rows = np.random.default_rng(0).exponential(1, (1, 1000)).astype(np.float32)
    rows[0, 500] = 1e7
    points = np.arange(0, 400, 0.3)
    found = spline_rows(rows, first=0, step=1, points=points)
    expected = make_interp_spline(np.arange(1000), rows, k=3, axis=1)(points)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_uneven_knots_have_their_weights():
    knots = np.sort(np.random.default_rng(0).uniform(0, 10, 40))
    points = np.linspace(knots[0] - 0.1, knots[-1] + 0.1, 500)
    expected = make_interp_spline(knots, np.eye(40), k=3)(points)
    np.testing.assert_allclose(spline_matrix(knots, points), expected, atol=1e-9)
