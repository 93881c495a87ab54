"""Look into the autoencoder: its reconstructions and a map of its latent space."""

import numpy as np
import torch
from numpy.typing import NDArray

from gspy_cli.training.autoencoder import Autoencoder
from gspy_cli.training.batches import Pictures
from gspy_cli.training.checkpoint import write_bytes
from gspy_cli.training.curves import draw_latent, draw_reconstructions
from gspy_cli.training.hardware import Machine
from gspy_cli.training.run import Run

EVERY = 5
"""Epochs between two looks."""
SHOWN = 8
"""Pictures above their reconstructions, at most."""
BATCH = 64


def look_inside(
    run: Run, model: Autoencoder, pictures: Pictures, machine: Machine
) -> None:
    """Draw `reconstructions-<epoch>.png` and `latent.png` into a run's directory."""
    model.eval()
    number = min(SHOWN, len(pictures))
    chosen = np.linspace(0, len(pictures) - 1, number).round().astype(np.intp)
    inputs = as_inputs(pictures, chosen)
    with torch.no_grad():
        rebuilt = model.decode(model.encode(inputs.to(machine.device))).cpu()
    both = (shown.permute(0, 2, 3, 1).numpy() for shown in (inputs, rebuilt))
    path = run.path / f"reconstructions-{run.history[-1].epoch:03d}.png"
    write_bytes(path, draw_reconstructions(*both))
    draw_map(run, model, pictures, machine)


def draw_map(
    run: Run, model: Autoencoder, pictures: Pictures, machine: Machine
) -> None:
    """Draw the latents of all pictures, coloured by class."""
    latents = []
    with torch.no_grad():
        for start in range(0, len(pictures), BATCH):
            rows = np.arange(start, min(start + BATCH, len(pictures)))
            inputs = as_inputs(pictures, rows).to(machine.device)
            latents.append(model.encode(inputs).cpu().numpy())
    latent, classes = np.concatenate(latents), run.dataset.classes
    drawn = draw_latent(latent, pictures.labels, classes)
    write_bytes(run.path / "latent.png", drawn)


def as_inputs(pictures: Pictures, indices: NDArray[np.intp]) -> torch.Tensor:
    """Give pictures as the autoencoder takes them, (N, 3, S, S) from 0 to 1."""
    pixels = torch.from_numpy(pictures.pixels.rows(pictures.rows[indices]))
    return pixels.permute(0, 3, 1, 2).float() / 255
