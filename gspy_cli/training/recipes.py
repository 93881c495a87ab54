"""How networks are trained: the paper's way, and what works best here."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from gspy_cli.errors import GspyError

SCHEDULERS = ("constant", "cosine", "step")
WARMUP_START = 0.01
"""Part of the learning rate that a warm-up begins with."""
OPTIMIZERS = ("adam", "adamw", "sgd")
RANGES: tuple[tuple[str, Callable[[float], bool], str], ...] = (
    ("epochs", lambda x: x >= 1, "1 or more"),
    ("batch_size", lambda x: x >= 2, "2 or more, for batches to have statistics"),
    ("lr", lambda x: x > 0, "a number above 0"),
    ("weight_decay", lambda x: x >= 0, "0 or more"),
    ("warmup_epochs", lambda x: x >= 0, "0 or more"),
    ("label_smoothing", lambda x: 0 <= x <= 1, "a part, from 0 to 1"),
    ("balance", lambda x: 0 <= x <= 1, "a part, from 0 to 1"),
    ("ema_decay", lambda x: 0 <= x < 1, "a part from 0, below 1"),
    ("patience", lambda x: x >= 0, "0 or more"),
    ("reconstruct_epochs", lambda x: x >= 0, "0 or more"),
    ("reconstruction_weight", lambda x: x >= 0, "0 or more"),
)
"""What each number of a recipe may be, and how to say so."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained; every field is an option of `gspy train`.

    `balance` draws classes evenly: 0 takes the data as they are, 1 shows every class
    equally often. `ema_decay` is the decay, per step, of the running mean of the
    weights; 0 keeps none. `patience` stops after so many epochs without a better
    validation score; 0 never stops. The last three are the autoencoder's: epochs
    of reconstruction before classification, whether the encoder then stays as it is,
    and the weight of the reconstruction in the joint loss.
    """

    name: str
    epochs: int = 25
    batch_size: int = 32
    optimizer: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    scheduler: str = "step"
    warmup_epochs: float = 0.0
    label_smoothing: float = 0.0
    balance: float = 0.0
    ema_decay: float = 0.0
    augment: bool = False
    patience: int = 0
    reconstruct_epochs: int = 0
    freeze_encoder: bool = False
    reconstruction_weight: float = 0.0

    def __post_init__(self) -> None:
        for name, right, kind in RANGES:
            value = getattr(self, name)
            if not (math.isfinite(value) and right(value)):
                option = "--" + name.replace("_", "-")
                raise GspyError(f"{option} {value}: give {kind}")
        if self.scheduler not in SCHEDULERS:
            raise GspyError(f"--scheduler must be one of {', '.join(SCHEDULERS)}")
        if self.optimizer not in OPTIMIZERS:
            raise GspyError(f"--optimizer must be one of {', '.join(OPTIMIZERS)}")


PAPER = Recipe("paper")
"""Adam, 1e-3, a tenth of it every 7 epochs, cross-entropy, 25 epochs of batch 32."""

MODERN = Recipe(
    "modern",
    optimizer="adamw",
    lr=1e-3,
    weight_decay=0.05,
    scheduler="cosine",
    warmup_epochs=2.0,
    label_smoothing=0.1,
    balance=0.5,
    ema_decay=0.99,
    augment=True,
)

PAPER_CAE = Recipe(
    "paper",
    batch_size=16,
    lr=0.01,
    weight_decay=0.01,
    scheduler="constant",
    reconstruct_epochs=25,
    freeze_encoder=True,
)
"""The paper's autoencoder (section 4.2): batch 16, Adam, 0.01, weight decay 0.01."""

MODERN_CAE = replace(
    MODERN, epochs=60, lr=2e-3, reconstruct_epochs=10, reconstruction_weight=1.0
)

RECIPES = {"paper": PAPER, "modern": MODERN}
CAE_RECIPES = {"paper": PAPER_CAE, "modern": MODERN_CAE}


def recipe_for(architecture: str, name: str | None = None) -> Recipe:
    """Give a network's recipe: by default the paper's, and for `cae` the better.

    Raises
    ------
    GspyError
        There is no recipe of this name.
    """
    recipes = CAE_RECIPES if architecture == "cae" else RECIPES
    name = name or ("modern" if architecture == "cae" else "paper")
    if name not in recipes:
        raise GspyError(f"unknown recipe {name!r}: use {' or '.join(recipes)}")
    return recipes[name]


def learning_rate(recipe: Recipe, progress: float, epochs: int) -> float:
    """Give the rate at `progress`, in epochs, of a phase that lasts `epochs`."""
    if progress < recipe.warmup_epochs:
        return recipe.lr * max(progress / recipe.warmup_epochs, WARMUP_START)
    if recipe.scheduler == "step":
        return recipe.lr * 0.1 ** (int(progress) // 7)
    if recipe.scheduler == "cosine":
        length = max(epochs - recipe.warmup_epochs, 1e-9)
        done = (progress - recipe.warmup_epochs) / length
        return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return recipe.lr
