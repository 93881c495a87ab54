"""What a training run was asked to do, as it stands in its `config.json`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gspy_cli.errors import GspyError
from gspy_cli.training.recipes import Recipe, recipe_for
from gspy_cli.wording import did_you_mean

NETWORKS = (
    *("alexnet", "cae", "efficientnet_b4", "efficientnet_lite0"),
    *("efficientnet_lite2", "inception_v3", "mobilenet_v2", "resnet50"),
    *("resnext50_32x4d", "vgg16"),
)
"""The architectures' names: torch, which builds them, takes its time to load."""
PATHS = ("data", "output", "weights", "cache", "simulated")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run: the data, the network, the recipe and the machine.

    `window` is in seconds, None for all. `validation` and `test` are fractions of
    each class's glitches. `weights` is a file to start from; without one, `pretrained`
    starts from ImageNet. `amp` is auto, bf16, fp16 or off; `workers` is the number of
    processes that load pictures, 0 for none. `simulated` is a folder of simulated
    inputs to train on too; then `real_share` of the pictures drawn are real.
    """

    data: Path
    architecture: str = "mobilenet_v2"
    recipe: Recipe = field(default_factory=lambda: recipe_for("mobilenet_v2"))
    name: str = ""
    output: Path = Path("runs/train")
    seed: int = 0
    window: float | None = None
    own_classes: bool = False
    validation: float = 0.15
    test: float = 0.15
    pretrained: bool = True
    weights: Path | None = None
    image_size: int | None = None
    device: str = "auto"
    amp: str = "auto"
    workers: int = 0
    compile: bool = False
    cache: Path | None = None
    simulated: Path | None = None
    real_share: float = 0.25

    def __post_init__(self) -> None:
        if not (self.validation >= 0 <= self.test and self.validation + self.test < 1):
            raise GspyError("--validation and --test are fractions that leave some")
        if not 0 <= self.real_share <= 1:
            raise GspyError("--real-share is a part, from 0 to 1")
        if not 0 <= self.seed < 2**64:
            raise GspyError(f"--seed {self.seed}: give 0 or more, of 64 bits at most")
        if self.name in (".", "..") or Path(self.name).name != self.name:
            raise GspyError(f"--name {self.name}: give a name, and its folder with -o")
        if self.architecture != "cae" and (alone := self._autoencoders()):
            raise GspyError(f"{alone} is for the autoencoder: --arch cae")
        if self.amp not in ("auto", "bf16", "fp16", "off"):
            raise GspyError(f"--amp {self.amp}: use auto, bf16, fp16 or off")

    @property
    def sees_real(self) -> bool:
        """Whether pictures of the data are trained on, not simulated ones alone."""
        return self.simulated is None or self.real_share > 0

    def _autoencoders(self) -> str:
        """Name an option that is set and for an autoencoder alone."""
        names = ("reconstruct_epochs", "reconstruction_weight", "freeze_encoder")
        used = (name for name in names if getattr(self.recipe, name))
        return next(("--" + name.replace("_", "-") for name in used), "")


def unknown_architecture(name: str, known: Iterable[str]) -> GspyError:
    """Name the networks that there are, and the nearest."""
    hint = did_you_mean(name, known) or ";"
    names = ", ".join(sorted(known))
    return GspyError(f"unknown architecture {name!r}{hint} use one of {names}")


def config_json(config: TrainConfig, classes: tuple[str, ...]) -> str:
    """Write a run's configuration and classes as JSON, paths from the root."""
    values: dict[str, Any] = {"classes": classes, **asdict(config)}
    for name in PATHS:
        path = values[name]
        if path is not None and name != "weights":  # they may be a model's name
            path = path.absolute()
        values[name] = None if path is None else str(path)
    return json.dumps(values, indent=1) + "\n"


def read_config(path: Path) -> tuple[TrainConfig, tuple[str, ...]]:
    """Read what `config_json` wrote.

    Raises
    ------
    GspyError
        There is no such file, or it is damaged.
    """
    try:
        values: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        fields = {k: v for k, v in values.items() if k != "classes"}
        for name in PATHS:
            fields[name] = None if fields[name] is None else Path(fields[name])
        fields["recipe"] = Recipe(**fields["recipe"])
        return TrainConfig(**fields), tuple(values["classes"])
    except FileNotFoundError:
        raise GspyError(
            f"{path.parent} is no training run: it has no config.json"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GspyError(f"{path} is damaged ({error}): start a new run") from None
