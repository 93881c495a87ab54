"""Strided depthwise convolutions whose gradient is quick on a CPU in bfloat16.

oneDNN computes the input's gradient of such a convolution several times more slowly
than the convolution itself. It equals a convolution without stride, with the kernel
turned by 180 degrees, of the output's gradient spread out between zeros.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight


class DepthwiseConv2d(nn.Conv2d):
    """A convolution that takes the quick way where there is one."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not (self.training and is_strided_depthwise(self) and is_bfloat16_on_cpu(x)):
            plain: Tensor = super()._conv_forward(x, weight, bias)
            return plain
        padding = (int(self.padding[0]), int(self.padding[1]))
        convolved: Tensor = QuickGradient.apply(
            x.bfloat16(), weight.bfloat16(), self.stride, padding
        )
        return convolved


def is_strided_depthwise(layer: nn.Conv2d) -> bool:
    """Tell whether a layer filters each channel by itself, with a stride."""
    depthwise = layer.groups == layer.in_channels == layer.out_channels > 1
    plain = layer.dilation == (1, 1) and layer.padding_mode == "zeros"
    return depthwise and plain and max(layer.stride) > 1 and layer.bias is None


def is_bfloat16_on_cpu(x: Tensor) -> bool:
    """Tell whether a convolution of `x` would compute in bfloat16 on a CPU."""
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    return torch.get_autocast_dtype("cpu") == torch.bfloat16


def quicken(model: nn.Module) -> nn.Module:
    """Let a network's strided depthwise layers take the quick way."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Conv2d and is_strided_depthwise(child):
                setattr(module, name, quick_layer(child))
    return model


def quick_layer(layer: nn.Conv2d) -> DepthwiseConv2d:
    """Give a layer with the same weight that takes the quick way."""
    kernel = (layer.kernel_size[0], layer.kernel_size[1])
    copy = DepthwiseConv2d(
        layer.in_channels,
        layer.out_channels,
        kernel,
        (layer.stride[0], layer.stride[1]),
        padding=layer.padding,  # type: ignore[arg-type]
        groups=layer.groups,
        bias=False,
    )
    copy.weight = layer.weight
    return copy


class QuickGradient(torch.autograd.Function):
    """A strided depthwise convolution of (N, C, H, W) with (C, 1, k, k)."""

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
        (down, across), padding, channels = ctx.stride, ctx.padding, len(weight)
        sides = [
            side + 2 * pad - kernel + 1
            for side, pad, kernel in zip(
                x.shape[2:], padding, weight.shape[2:], strict=True
            )
        ]
        spread = gradient.new_zeros(len(x), channels, *sides)
        spread = spread.contiguous(memory_format=torch.channels_last)
        spread[:, :, ::down, ::across] = gradient
        around = [k - 1 - p for k, p in zip(weight.shape[2:], padding, strict=True)]
        turned = weight.flip(2, 3)
        of_x = functional.conv2d(spread, turned, None, 1, around, 1, channels)
        of_weight = conv2d_weight(  # type: ignore[no-untyped-call]
            x, weight.shape, gradient, ctx.stride, padding, groups=channels
        )
        return of_x, of_weight, None, None
