"""The card of a model: all that belongs to it besides its weights."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from types import UnionType
from typing import Any

from gspy_cli.errors import GspyError
from gspy_cli.results import COLUMN

MAX_SIDE = 4096  # pixels; a larger input would fill the memory
_LISTS = ("classes", "input_size", "mean", "std")
_TEXTS = (
    *("name", "architecture", "crop", "filter", "data", "licence", "date"),
    *("trained_on", "sha256"),
)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that belongs to a model besides its weights.

    `input_size` is (height, width) in pixels; `mean` and `std` are per RGB channel
    on a 0 to 1 scale; `temperature` divides the logits. The exported graph applies
    all three itself. What has a familiarity below `unfamiliar_below` is no glitch of
    a known kind; at 0 nothing is flagged. `scores` and `data` say how the model was
    made and judged; `trained_on` holds the fingerprints of the real glitches that it
    has seen: - where there are none, empty where nobody knows, with a ? where there
    may be others.
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
    unfamiliar_below: float = 0.0
    data: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    date: str = ""
    trained_on: str = ""
    sha256: str = ""

    @classmethod
    def from_json(cls, text: str | bytes, *, origin: str) -> "ModelCard":
        """Read a card; `origin` names it in the error of a bad one.

        Raises
        ------
        GspyError
            The text is no card, or asks for preprocessing that this gspy
            lacks.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _no_card(origin, f"no JSON: {error}") from None
        if not isinstance(values, dict):
            raise _no_card(origin, "no JSON object")
        needed = [
            f.name for f in fields(cls) if f.default is f.default_factory is MISSING
        ]
        if missing := [name for name in needed if name not in values]:
            raise _no_card(origin, f"missing: {', '.join(missing)}")
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        for name in _LISTS:
            known[name] = tuple(known[name]) if isinstance(known[name], list) else ()
        card = cls(**known)
        card._check(origin)
        return card

    def _check(self, origin: str) -> None:
        if wrong := self._wrong_fields():
            raise _no_card(origin, f"wrong: {', '.join(wrong)}")
        if (self.crop, self.filter) != ("plot", "bilinear"):
            raise GspyError(
                f"{origin} asks for preprocessing that this gspy does not know "
                f"(crop '{self.crop}', filter '{self.filter}'); update gspy-cli"
            )

    def _wrong_fields(self) -> list[str]:
        size, numbers = self.input_size, float | int
        right = {
            "classes": _are(str, self.classes)
            and len(set(self.classes)) == len(self.classes) > 1
            and all(map(names_a_folder, self.classes))
            and not any(map(COLUMN.fullmatch, self.classes)),
            "input_size": _are(int, size)
            and len(size) == 2
            and all(0 < side <= MAX_SIDE for side in size),
            "mean": _are(numbers, self.mean) and len(self.mean) == 3,
            "std": _are(numbers, self.std) and len(self.std) == 3 and min(self.std) > 0,
            "temperature": _are(numbers, [self.temperature]) and self.temperature > 0,
            "unfamiliar_below": _are(numbers, [self.unfamiliar_below])
            and 0 <= self.unfamiliar_below <= 1,
            "parameters": _are(int, [self.parameters]) and self.parameters >= 0,
            "scores": isinstance(self.scores, Mapping),
        } | {name: _are(str, [getattr(self, name)]) for name in _TEXTS}
        right["name"] = right["name"] and self.name.isprintable()
        return [name for name, is_right in right.items() if not is_right]

    def to_json(self) -> str:
        """Write the card as indented JSON."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def _no_card(origin: str, why: str) -> GspyError:
    return GspyError(
        f"{origin} is not a gspy model card ({why}); export the model again"
    )


def names_a_folder(label: str) -> bool:
    """Tell whether pictures can be sorted into a folder of this name."""
    unusual = label in ("", ".", "..") or not label.isprintable()
    return not unusual and not set("/\\") & set(label)


def _are(kind: type | UnionType, values: Iterable[object]) -> bool:
    """Tell whether all values are of a kind; a truth value or nan is no number."""
    return all(
        isinstance(value, kind)
        and not isinstance(value, bool)
        and not (isinstance(value, float) and not math.isfinite(value))
        for value in values
    )
