"""A run's network as a model that is ready to score pictures, without an export."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gspy_cli.device import torch_device
from gspy_cli.model import Model
from gspy_cli.model_folder import weights_path
from gspy_cli.training.export import Deployed, read_network
from gspy_cli.training.hardware import told_of_memory


def load_run(source: Path, *, device: str) -> Model:
    """Make a run's best network ready, or that of one of its checkpoints.

    Raises
    ------
    GspyError
        There is no such network, or this torch cannot use the device.
    """
    network, card = read_network(source)
    place = torch.device(torch_device(device))
    with told_of_memory(place):
        deployed = Deployed(network, card).to(place)

    def score(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        with told_of_memory(place), torch.no_grad():
            answer = deployed(torch.from_numpy(pictures.copy()).to(place))[0]
            probabilities: NDArray[np.float32] = answer.cpu().numpy()
        return probabilities

    digest = hashlib.sha256(weights_path(source).read_bytes()).hexdigest()
    return Model(replace(card, sha256=digest), score, str(place))
