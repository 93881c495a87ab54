"""The temperature that suits a network's answers to pictures held out."""

import torch
from torch import Tensor

from gspy_cli.metrics import TEMPERATURES, best_temperature
from gspy_cli.training.distributed import World, sum_over_ranks


class Thermometer:
    """Add up the loss at every temperature that there is to choose from."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Take in a batch: its logits (B, K) and labels (B,)."""
        scale = torch.as_tensor(TEMPERATURES.astype("float32"), device=logits.device)
        scaled = logits.float() / scale[:, None, None]  # (T, B, K)
        true = scaled[:, torch.arange(len(labels), device=labels.device), labels]
        self.losses.append((scaled.logsumexp(dim=2) - true).sum(dim=1))

    def read(self, world: World) -> float:
        """Give the temperature of the least loss over all processes."""
        if not self.losses:
            return 1.0
        total = sum_over_ranks(torch.stack(self.losses).sum(dim=0), world)
        return best_temperature(total.cpu().numpy())
