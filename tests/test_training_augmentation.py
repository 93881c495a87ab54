"""Augmentation: what may change in a spectrogram, and what may not."""

import numpy as np
import pytest
import torch
from conftest import viridis_like

from gspy_cli.training import augmentation
from gspy_cli.training.augmentation import augment, energies, paint

SIDE = 96


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spot(row: float, column: float, number: int = 64) -> torch.Tensor:
    """Draw pictures with one bright spot, at parts of height and width."""
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    energy = np.exp(-((x - column) ** 2 + (y - row) ** 2) / 0.003)
    painted = paint(torch.from_numpy(energy).float()[None])
    return (painted * 255).round().to(torch.uint8).repeat(number, 1, 1, 1)


def brightest(pictures: torch.Tensor) -> torch.Tensor:
    """Give the spot's row and column in each picture, as parts, (N, 2)."""
    energy = energies(pictures)
    energy[:, [0, -1]] = energy[:, :, [0, -1]] = 0  # a frame may shade the edges
    weights = (energy * (energy > 0.5)).double()
    total = weights.sum(dim=(1, 2))
    along = torch.linspace(0, 1, SIDE, dtype=torch.float64)
    rows = (weights.sum(dim=2) * along).sum(dim=1) / total
    columns = (weights.sum(dim=1) * along).sum(dim=1) / total
    return torch.stack([rows, columns], dim=1)


def test_energy_is_read_off_its_colours():
    energy = torch.linspace(0, 1, 256)[None, None]
    colours = (paint(energy) * 255).round().to(torch.uint8)
    torch.testing.assert_close(energies(colours), energy, atol=0.025, rtol=0)


def test_pictures_keep_their_shape_and_type():
    pictures = torch.from_numpy(np.stack([viridis_like(64, 64, s) for s in range(5)]))
    before = pictures.clone()
    changed = augment(pictures, generator())
    assert changed.shape == pictures.shape
    assert changed.dtype == torch.uint8
    assert torch.equal(pictures, before)


def test_one_picture_can_be_augmented_alone():
    assert augment(spot(0.5, 0.5, number=1), generator()).shape == (1, SIDE, SIDE, 3)


def test_the_seed_decides_and_each_picture_differs():
    pictures = spot(0.5, 0.5, number=4)
    first, again = (augment(pictures, generator(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, augment(pictures, generator(4)))


@pytest.mark.parametrize("corner", [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25)])
def test_nothing_is_flipped_or_turned_and_shifts_stay_small(corner):
    moved = brightest(augment(spot(*corner), generator())) - torch.tensor(corner)
    rows, columns = moved.abs().amax(dim=0)
    earlier, later = moved[:, 1].aminmax()
    assert rows < augmentation.CROP_JITTER + 0.02  # frequency all but stays
    assert columns < augmentation.TIME_SHIFT + augmentation.CROP_JITTER + 0.02
    assert earlier < -0.02 < 0.02 < later  # and time does shift, either way


def test_energy_grows_and_shrinks_within_its_bounds():
    flat = torch.full((200, 8, 8), 0.4)
    scaled = augmentation.scale_energy(flat, generator()).mean(dim=(1, 2)) / 0.4
    factor = augmentation.ENERGY_SCALE
    assert 1 / factor - 0.05 < scaled.min() < 1 / factor + 0.05
    assert factor - 0.05 < scaled.max() < factor + 0.05


def test_even_black_varies_in_each_colour():
    black = augmentation.jitter_colours(torch.zeros(50, 1, 1, 3), generator())
    assert (black > 0).any(dim=0).all()
    assert (black == 0).any(dim=0).all()


def test_coarser_drawing_blurs_some_pictures_and_keeps_their_brightness():
    pictures = torch.rand(200, 3, 32, 32, generator=generator())
    soft = augmentation.soften(pictures, generator())
    changed = (soft != pictures).any(dim=(1, 2, 3))
    assert 0.2 < changed.float().mean() < 0.4
    assert (soft[changed].std() < 0.95 * pictures[changed].std()).item()
    torch.testing.assert_close(soft.mean(), pictures.mean(), atol=0.01, rtol=0)


def test_a_frame_shades_outer_pixels_alone():
    grey = torch.full((200, 3, 16, 16), 0.5)
    shaded = augmentation.shade_edges(grey, generator())
    assert torch.equal(shaded[:, :, 1:-1, 1:-1], grey[:, :, 1:-1, 1:-1])
    top = shaded[:, 0, 0, 8]
    assert 0.2 < (top != 0.5).float().mean() < 0.4
    assert top.min() < 0.3
    assert top.max() > 0.7


def test_jpeg_changes_some_pictures_a_little():
    pictures = torch.from_numpy(np.stack([viridis_like(64, 64, s) for s in range(40)]))
    changed = augmentation.through_jpeg(pictures.clone(), generator())
    difference = (changed.int() - pictures.int()).abs().float().mean(dim=(1, 2, 3))
    assert 0.1 < (difference > 0).float().mean() < 0.5
    assert difference.max() < 25
