"""The paper's convolutional autoencoder (section 4.2), with a classifier on its latent.

Eight convolutions, each followed by max-pooling, halve 256 pixels to one; the
decoder doubles them back by bilinear upsampling followed by convolutions.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (3, 16, 16, 32, 32, 48, 64, 96, 128)
"""Channels after each of the encoder's eight convolutions; the last is the latent."""
HIDDEN = 64
"""Width of the classifier's first layer."""


class Autoencoder(nn.Module):
    """Compress pictures (N, 3, 256, 256) to latents (N, 128), rebuild and classify."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*(Down(a, b) for a, b in pairwise(CHANNELS)))
        self.decoder = nn.Sequential(*(Up(a, b) for a, b in pairwise(CHANNELS[:0:-1])))
        self.picture = nn.Conv2d(CHANNELS[1], 3, 3, padding=1)
        self.classifier = nn.Sequential(
            nn.Linear(CHANNELS[-1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
        )

    def encode(self, x: Tensor) -> Tensor:
        """Map pictures (N, 3, 256, 256) to latents (N, 128)."""
        latent: Tensor = self.encoder(x).flatten(1)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Map latents (N, 128) to pictures (N, 3, 256, 256), from 0 to 1."""
        x = self.decoder(latent[:, :, None, None])
        picture: Tensor = self.picture(upsample(x)).sigmoid()
        return picture

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, 3, 256, 256) to logits (N, K)."""
        logits: Tensor = self.classifier(self.encode(x))
        return logits


class Down(nn.Sequential):
    """Convolve and halve the picture."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )


class Up(nn.Module):
    """Double the picture and convolve."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', 2 H, 2 W)."""
        return functional.relu(self.norm(self.convolution(upsample(x))))


def upsample(x: Tensor) -> Tensor:
    """Double height and width, bilinearly."""
    return functional.interpolate(
        x, scale_factor=2.0, mode="bilinear", align_corners=False
    )
