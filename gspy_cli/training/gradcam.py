"""Grad-CAM: which places of a picture speak for a class (Selvaraju et al. 2017).

arXiv:1610.02391. The gradient of the class's logit weighs the channels of the last
layer that still has places; what they sum to, where positive, is the map.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gspy_cli.training.export import Deployed, read_network
from gspy_cli.training.layers import watched

LEAST_SIDE = 4  # places a side that a layer must still have


def gradcam(
    source: Path, picture: NDArray[np.uint8], index: int
) -> NDArray[np.float64]:
    """Map what in a picture (H, W, 3) speaks for a class: (H, W), 0 to 1.

    `source` is a training run or one of its checkpoints.

    Raises
    ------
    GspyError
        The run or checkpoint is not there or damaged.
    """
    network, card = read_network(source)
    deployed = Deployed(network, card)
    image = torch.from_numpy(picture.copy())[None]
    layer, logit = last_layer(deployed, image, index)
    (gradient,) = torch.autograd.grad(logit, layer)
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (1, C, 1, 1)
    places = (weights * layer).sum(dim=1, keepdim=True).relu()  # (1, 1, h, w)
    whole = interpolate(places, picture.shape[:2], mode="bilinear")[0, 0]
    whole = whole.detach().double()
    heat: NDArray[np.float64] = (whole / whole.max().clamp(min=1e-12)).numpy()
    return heat


def last_layer(deployed: Deployed, image: Tensor, index: int) -> tuple[Tensor, Tensor]:
    """Give the last features (1, C, h, w) with places, and the class's logit."""
    found: list[Tensor] = []

    def keep(module: nn.Module, given: Any, output: Any) -> None:  # noqa: ANN401
        has_places = isinstance(output, Tensor) and output.ndim == 4
        if has_places and min(output.shape[2:]) >= LEAST_SIDE:
            found[:] = [output]

    with watched(deployed.body.modules(), keep):
        pictures = deployed.normalise(image).requires_grad_()
        logits = deployed.head(deployed.body(pictures))
    return found[0], logits[0, index]
