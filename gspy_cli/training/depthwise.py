"""Depthwise convolutions whose gradient is quick on a CPU in bfloat16.

oneDNN computes two gradients many times more slowly than the convolution itself. The
input's, where there is a stride: it equals a convolution without stride, with the
kernel turned by 180 degrees, of the output's gradient spread out between zeros. And
the weight's, of kernels beyond 3 x 3: float32 takes a fifth of bfloat16's time.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

SMALL = 3
"""Side of the widest kernel whose weight's gradient is quick in bfloat16."""


class DepthwiseConv2d(nn.Conv2d):
    """A convolution that takes the quick way where there is one."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not (self.training and is_slow_depthwise(self) and is_bfloat16_on_cpu(x)):
            plain: Tensor = super()._conv_forward(x, weight, bias)
            return plain
        padding = (int(self.padding[0]), int(self.padding[1]))
        convolved: Tensor = QuickGradient.apply(
            x.bfloat16(), weight.bfloat16(), self.stride, padding
        )
        return convolved


def is_slow_depthwise(layer: nn.Conv2d) -> bool:
    """Tell whether a layer filters each channel by itself, strided or widely."""
    depthwise = layer.groups == layer.in_channels == layer.out_channels > 1
    plain = layer.dilation == (1, 1) and layer.padding_mode == "zeros"
    slow = max(layer.stride) > 1 or max(layer.kernel_size) > SMALL
    return depthwise and plain and slow and layer.bias is None


def is_bfloat16_on_cpu(x: Tensor) -> bool:
    """Tell whether a convolution of `x` would compute in bfloat16 on a CPU."""
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    return torch.get_autocast_dtype("cpu") == torch.bfloat16


def quicken(model: nn.Module) -> nn.Module:
    """Let a network's slow depthwise layers take the quick way from now on."""
    for layer in model.modules():
        if type(layer) is nn.Conv2d and is_slow_depthwise(layer):
            layer.__class__ = DepthwiseConv2d  # the same layer otherwise
    return model


class QuickGradient(torch.autograd.Function):
    """A depthwise convolution of (N, C, H, W) with (C, 1, k, k)."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Tensor:
        """Convolve."""
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        *gradients: Tensor,
    ) -> tuple[Tensor, Tensor, None, None]:
        """Give the gradients of the input and of the weight."""
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        of_x = input_gradient(gradient, x, weight, ctx.stride, ctx.padding)
        exact = torch.float32 if max(weight.shape[2:]) > SMALL else gradient.dtype
        of_weight = conv2d_weight(  # type: ignore[no-untyped-call]
            x.to(exact),
            weight.shape,
            gradient.to(exact),
            ctx.stride,
            ctx.padding,
            groups=len(weight),
        )
        return of_x, of_weight.to(weight.dtype), None, None


def input_gradient(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> Tensor:
    """Give the input's gradient (N, C, H, W) from the output's."""
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    if max(stride) > 1:
        sides = [
            side + 2 * pad - k + 1
            for side, pad, k in zip(x.shape[2:], padding, kernel, strict=True)
        ]
        spread = gradient.new_zeros(*x.shape[:2], *sides)
        spread = spread.contiguous(memory_format=torch.channels_last)
        spread[:, :, :: stride[0], :: stride[1]] = gradient
    else:
        spread = gradient
    around = [k - 1 - pad for k, pad in zip(kernel, padding, strict=True)]
    turned = weight.flip(2, 3)
    return functional.conv2d(spread, turned, None, 1, around, 1, len(weight))
