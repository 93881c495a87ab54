"""The temperature that suits a network's answers to pictures held out."""

import torch
from torch import Tensor

from gspy_cli.metrics import TEMPERATURES, best_temperature
from gspy_cli.training.distributed import World, sum_over_ranks


class Thermometer:
    """Add up the loss at every temperature that there is to choose from."""

    def __init__(self) -> None:
        self.losses: Tensor | None = None

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Take in a batch: its logits (B, K) and labels (B,)."""
        scale = torch.as_tensor(TEMPERATURES, dtype=torch.float32, device=logits.device)
        scaled = logits.float() / scale[:, None, None]  # (T, B, K)
        true = scaled[:, torch.arange(len(labels), device=labels.device), labels]
        losses = (scaled.logsumexp(dim=2) - true).sum(dim=1).double()
        self.losses = losses if self.losses is None else self.losses + losses

    def read(self, world: World) -> float:
        """Give the temperature of the least loss over all processes."""
        if self.losses is None:
            return 1.0
        return best_temperature(sum_over_ranks(self.losses, world).cpu().numpy())
