import numpy as np
import pytest

from gspy_cli.views import fuse


def test_one_view_is_its_own_answer():
    np.testing.assert_allclose(fuse(np.array([[0.2, 0.5, 0.3]])), [0.2, 0.5, 0.3])


def test_fusing_is_the_normalised_geometric_mean():
    views = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    expected = np.sqrt([0.16, 0.07, 0.01])
    np.testing.assert_allclose(fuse(views), expected / expected.sum())


def test_a_view_that_is_wholly_sure_does_not_make_the_rest_undefined():
    fused = fuse(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert fused == pytest.approx([0.5, 0.5])


def test_a_very_sure_view_outweighs_a_sure_one():
    fused = fuse(np.array([[0.9999, 0.0001], [0.03, 0.97]]))
    assert fused[0] == pytest.approx(0.946, abs=0.001)
