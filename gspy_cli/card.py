"""The card of a model: all that belongs to it besides its weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gspy_cli.errors import GspyError


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that belongs to a model besides its weights.

    `input_size` is (height, width) in pixels; `mean` and `std` are per RGB channel
    on a 0 to 1 scale; `temperature` divides the logits. The exported graph applies
    all three itself. `scores` and `data` say how the model was made and judged;
    `trained_on` holds the fingerprints of the real glitches that it has seen: - where
    there are none, empty where nobody knows.
    """

    name: str
    architecture: str
    classes: tuple[str, ...]
    input_size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    parameters: int
    crop: str = "plot"
    filter: str = "bilinear"
    temperature: float = 1.0
    data: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    date: str = ""
    trained_on: str = ""
    sha256: str = ""

    @classmethod
    def from_json(cls, text: str | bytes, *, origin: str) -> "ModelCard":
        """Read a card; `origin` names it in the error of a bad one."""
        try:
            values = json.loads(text)
            known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
            for name in ("classes", "input_size", "mean", "std"):
                known[name] = tuple(known[name])
            card = cls(**known)
        except (ValueError, TypeError, KeyError) as error:
            raise GspyError(
                f"{origin} is not a gspy model card ({error}); export the model again"
            ) from None
        card._check(origin)
        return card

    def _check(self, origin: str) -> None:
        whole = all(isinstance(side, int) and side > 0 for side in self.input_size)
        named = all(isinstance(name, str) for name in self.classes)
        unique = len(set(self.classes)) == len(self.classes) > 1
        if not (whole and named and unique and len(self.input_size) == 2):
            raise GspyError(
                f"{origin} is not a gspy model card (classes or input_size are "
                "wrong); export the model again"
            )
        if (self.crop, self.filter) != ("plot", "bilinear"):
            raise GspyError(
                f"{origin} asks for preprocessing that this gspy does not know "
                f"(crop '{self.crop}', filter '{self.filter}'); update gspy-cli"
            )

    def to_json(self) -> str:
        """Write the card as indented JSON."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"
