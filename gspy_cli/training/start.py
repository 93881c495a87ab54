"""Where a network starts: its first weights, and what those have seen."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from gspy_cli import registry
from gspy_cli.callbacks import OnNote
from gspy_cli.card import ModelCard
from gspy_cli.model import find_card
from gspy_cli.model_folder import WEIGHTS, ModelFolder
from gspy_cli.training.architectures import imagenet_state, without_head
from gspy_cli.training.checkpoint import load_tensors, load_weights
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.exported import names_a_model, read_exported, with_statistics
from gspy_cli.training.pictures import pictures_of
from gspy_cli.training.run import Run
from gspy_cli.training.shards import MappedPixels

ENOUGH = 64  # pictures for batch statistics


def resolved_weights(weights: Path) -> Path:
    """Say from any folder where weights are; a model's name stays as it is."""
    if (inside := weights / WEIGHTS).is_file():
        weights = inside
    named = names_a_model(weights) and registry.find(str(weights)) not in (
        weights,
        ModelFolder(weights).graph,
    )
    return weights if named else weights.absolute()


def starting_weights(
    config: TrainConfig, on_note: OnNote
) -> Mapping[str, Tensor] | None:
    """Get the weights to begin with; None to begin from nothing."""
    if config.weights is not None:
        if names_a_model(config.weights):
            return read_exported(config.weights, config.architecture)
        return load_weights(config.weights)
    if config.pretrained:
        return imagenet_state(config.architecture, on_note)
    return None


def settled(
    run: Run, pixels: MappedPixels, start: Mapping[str, Tensor] | None
) -> Mapping[str, Tensor] | None:
    """Fit weights to a run's data.

    An exported model gets batch statistics, which it has none of; the layer that gives
    the classes is left out where those are others.
    """
    weights, name = run.config.weights, run.config.architecture
    if start is None or weights is None:
        return start
    if names_a_model(weights):
        rows = pictures_of(run.dataset, pixels, "train").rows
        chosen = rows[:: max(1, len(rows) // ENOUGH)]
        start = with_statistics(start, name, torch.from_numpy(pixels.rows(chosen)))
    card = card_of(weights)
    same = card is None or card.classes == run.dataset.classes
    return start if same else without_head(start, name)


def seen_by(weights: Path | None) -> str:
    """Give the fingerprints of what weights were trained on; ? where nobody knows."""
    if weights is None:
        return "-"
    card = card_of(weights)
    return (card and card.trained_on) or "?"


def card_of(weights: Path) -> ModelCard | None:
    """Give the card that came with weights; None with foreign ones."""
    if names_a_model(weights):
        return find_card(str(weights))
    metadata = load_tensors(weights)[1] if weights.suffix == ".safetensors" else {}
    if "card" not in metadata:
        return None
    return ModelCard.from_json(metadata["card"], origin=str(weights))
