"""Adaptive average pools as products of matrices, where ONNX has no layer for them."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d

from gspy_cli.training.layers import replace_layers, watched


class Averages(nn.Module):
    """An adaptive pool for features of one size, (N, C, H, W) to (N, C, h, w)."""

    def __init__(self, rows: Tensor, columns: Tensor) -> None:
        super().__init__()
        self.register_buffer("rows", rows)  # (h, H)
        self.register_buffer("columns", columns)  # (W, w)

    def forward(self, features: Tensor) -> Tensor:
        """Average rows, then columns."""
        return self.get_buffer("rows") @ features @ self.get_buffer("columns")


@torch.no_grad()
def with_averages(network: nn.Module, pictures: Tensor) -> nn.Module:
    """Give a copy of a network without pools whose cells are of unequal sizes.

    `pictures` are what it takes; the copy answers to no other size.
    """
    copied = copy.deepcopy(network)
    found: dict[nn.Module, Averages] = {}

    def note(pool: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        taken, given = inputs[0].shape[2:], output.shape[2:]
        if any(size % cells for size, cells in zip(taken, given, strict=True)):
            rows, columns = map(weights, taken, given)
            found[pool] = Averages(rows.T, columns)

    pools = [m for m in copied.modules() if isinstance(m, nn.AdaptiveAvgPool2d)]
    with watched(pools, note):
        copied(pictures)
    return replace_layers(copied, lambda layer: found.get(layer, layer))


def weights(size: int, cells: int) -> Tensor:
    """Give what each of `size` values adds to each average, (size, cells)."""
    return adaptive_avg_pool1d(torch.eye(size), cells)
