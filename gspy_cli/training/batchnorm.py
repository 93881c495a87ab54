"""Batch statistics over all processes: N small batches count as one large one."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gspy_cli.training.hardware import Machine
from gspy_cli.training.layers import replace_layers


def share_statistics(model: nn.Module, machine: Machine) -> nn.Module:
    """Let a network's batch normalisation see the batches of all processes."""
    if machine.world.size == 1:
        return model
    if machine.device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    return replace_layers(model, shared)


def shared(norm: nn.Module) -> nn.Module:
    """Copy a normalisation into one that shares its statistics; leave other layers."""
    if type(norm) is not nn.BatchNorm2d:
        return norm
    copy = SharedBatchNorm2d(norm.num_features, eps=norm.eps, momentum=norm.momentum)
    copy.load_state_dict(norm.state_dict())
    return copy


class SharedBatchNorm2d(nn.BatchNorm2d):
    """What `nn.SyncBatchNorm` does on GPUs, for processes on CPUs."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) by the statistics of all processes' batches."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        count = sum_of(torch.tensor(float(x.numel() // x.shape[1])))
        mean = sum_of(wide.sum(dim=(0, 2, 3))) / count  # (C,)
        centred = wide - mean[:, None, None]
        variance = sum_of(centred.square().sum(dim=(0, 2, 3))) / count
        self.follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def follow(self, mean: Tensor, variance: Tensor) -> None:
        """Draw the running statistics towards a batch's."""
        momentum = self.momentum or 0.1  # never None in the networks here
        self.get_buffer("running_mean").lerp_(mean, momentum)
        self.get_buffer("running_var").lerp_(variance, momentum)
        self.get_buffer("num_batches_tracked").add_(1)


def sum_of(values: Tensor) -> Tensor:
    """Add a tensor up over all processes, with its gradient."""
    total: Tensor = SumOverRanks.apply(values)
    return total


class SumOverRanks(torch.autograd.Function):
    """A sum over processes: each one's gradient is the sum of all gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401
        """Add values up."""
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        """Add gradients up."""
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
