"""What a pass over pictures adds up to, over all its batches and processes."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gspy_cli.errors import DivergedError
from gspy_cli.metrics import TEMPERATURES, best_temperature, class_scores
from gspy_cli.training.distributed import World, sum_over_ranks


@dataclass(frozen=True, slots=True)
class PassScores:
    """What came out of a pass over pictures; NaN where a phase does not classify."""

    loss: float
    accuracy: float = math.nan
    macro_f1: float = math.nan
    temperature: float = math.nan


class ScoreTally:
    """Add up losses and a confusion matrix (K, K), true class first."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.confusion: Tensor | None = None

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: its mean loss, logits (B, K) and labels (B,).

        All stays on their device, which need not know 64-bit floats.
        """
        classes = logits.shape[1]
        pairs = labels * classes + logits.argmax(dim=1)
        counts = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        self.losses.append(loss * len(labels))
        self.confusion = counts + (0 if self.confusion is None else self.confusion)

    def scores(self, phase: str, world: World) -> PassScores:
        """Give the scores over all processes.

        Raises
        ------
        DivergedError
            The loss is no longer a number.
        """
        assert self.confusion is not None  # no process is without pictures
        confusion = sum_over_ranks(self.confusion, world).cpu().numpy()
        total = sum_over_ranks(torch.stack(self.losses).sum(), world)
        loss = float(total) / confusion.sum()
        if not math.isfinite(loss):
            raise DivergedError("the loss is no longer a number: try a smaller --lr")
        if phase == "reconstruct":
            return PassScores(loss)
        accuracy = float(confusion.trace() / confusion.sum())
        return PassScores(loss, accuracy, class_scores(confusion).macro_f1)


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
        total = sum_over_ranks(torch.stack(self.losses).sum(dim=0), world)
        return best_temperature(total.cpu().numpy())
