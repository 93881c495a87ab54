"""The temperature that training fits is that of `metrics.fit_temperature`."""

import numpy as np
import pytest
import torch

from gspy_cli.metrics import fit_temperature
from gspy_cli.training.distributed import ALONE
from gspy_cli.training.tally import Thermometer


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_batches_give_the_temperature_of_the_whole(scale):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (600, 4))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(4, p=row) for row in true])
    given = torch.tensor(logits * scale)
    thermometer = Thermometer()
    for start in range(0, 600, 64):
        part = slice(start, start + 64)
        thermometer.add(given[part], torch.tensor(labels[part]))
    whole = fit_temperature(given.softmax(dim=1).numpy(), labels)
    assert thermometer.read(ALONE) == pytest.approx(whole)
    assert whole == pytest.approx(scale, rel=0.15)
