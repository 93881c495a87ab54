"""Models: the card that describes one, the registry that finds it, its scorer."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gspy_cli import device as devices
from gspy_cli.errors import GspyError
from gspy_cli.graph import check_graph

DEFAULT_MODEL = "mobilenet_v2"
MAX_BYTES = 2**31  # protobuf's own limit for one file

Scorer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Pictures (N, H, W, 3) to class probabilities (N, K)."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that belongs to a model besides its weights.

    `input_size` is (height, width) in pixels; `mean` and `std` are per RGB channel
    on a 0 to 1 scale; `temperature` divides the logits. The exported graph applies
    all three itself. `scores` and `data` say how the model was made and judged.
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


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to score pictures. `device` is what it really runs on."""

    card: ModelCard
    score: Scorer
    device: str


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Where one model of the registry lies."""

    path: Path

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.path / "model.onnx"

    def card_of(self, graph: Path) -> ModelCard | None:
        """Give the card of one of this folder's ONNX files, where it has its own.

        A training run's card has no checksum: it describes the weights, not a graph.
        """
        if graph != self.graph or not (self.path / "card.json").is_file():
            return None
        card = self.card()
        return card if card.sha256 else None

    def card(self) -> ModelCard:
        """Read the folder's card."""
        card_path = self.path / "card.json"
        return ModelCard.from_json(_read(card_path), origin=str(card_path))


def user_models() -> Path:
    """Give the folder of the user's own models."""
    import platformdirs

    return platformdirs.user_data_path("gspy", appauthor=False) / "models"


def shipped_models() -> Path:
    """Give the folder of the models that gspy ships, in a wheel or a checkout."""
    package = Path(__file__).parent
    in_wheel = package / "models"
    return in_wheel if in_wheel.is_dir() else package.parent / "models"


def installed() -> Iterator[ModelFolder]:
    """List the registry; a user's model hides a shipped one of the same name."""
    seen = set()
    for root in (user_models(), shipped_models()):
        for card in sorted(root.glob("*/card.json")):
            if card.parent.name not in seen:
                seen.add(card.parent.name)
                yield ModelFolder(card.parent)


def default_name() -> str:
    """Name the model that is used when none is asked for."""
    return os.environ.get("GSPY_MODEL") or _users_default() or DEFAULT_MODEL


def _users_default() -> str | None:
    note = user_models() / "default"
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def add(graph: Path, *, name: str | None = None, default: bool = False) -> ModelFolder:
    """Copy an ONNX file into the user's registry, after trying that it loads.

    Raises
    ------
    GspyError
        The file is no model of gspy, or the name cannot be a folder's.
    """
    card = load_model(str(graph), device="cpu").card
    name = name or card.name
    if not _is_name(name) or name == "default":
        raise GspyError(f"'{name}' cannot be a model's name; give another with --name")
    content = _read(graph)
    folder = ModelFolder(user_models() / name)
    folder.path.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(content).hexdigest()
    folder.graph.write_bytes(content)
    own = replace(card, name=name, sha256=digest)
    (folder.path / "card.json").write_text(own.to_json(), encoding="utf-8")
    if default:
        (user_models() / "default").write_text(name + "\n", encoding="utf-8")
    return folder


def remove(name: str) -> None:
    """Delete a model from the user's registry.

    Raises
    ------
    GspyError
        The user has no model of this name.
    """
    folder = ModelFolder(user_models() / name)
    if not (_is_name(name) and folder.graph.is_file()):
        raise GspyError(f"you have no model '{name}' of your own; see 'gspy models'")
    if _users_default() == name:
        (user_models() / "default").unlink()
    shutil.rmtree(folder.path)


def find(name: str | None) -> Path:
    """Find a model's ONNX file by its name or path; None means the default.

    Raises
    ------
    GspyError
        There is no such model; the message names those that there are.
    """
    wanted = name or default_name()
    for root in (user_models(), shipped_models()):
        folder = ModelFolder(root / wanted)
        if _is_name(wanted) and folder.graph.is_file():
            return folder.graph
    path = Path(wanted).expanduser()
    if path.is_dir() and ModelFolder(path).graph.is_file():
        return ModelFolder(path).graph
    if path.is_file():
        return path
    raise GspyError(_no_such_model(wanted))


def _is_name(wanted: str) -> bool:
    return wanted not in (".", "..") and Path(wanted).name == wanted


def _no_such_model(wanted: str) -> str:
    import difflib

    names = [folder.path.name for folder in installed()]
    near = difflib.get_close_matches(wanted, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"no model '{wanted}'; {hint}installed: {', '.join(names) or 'none'}"


def find_card(name: str | None) -> ModelCard:
    """Read the card of a model given by its name or path."""
    path = find(name)
    card = ModelFolder(path.parent).card_of(path)
    return card or load_model(str(path), device="cpu").card


def load_model(name: str | None = None, *, device: str = "auto") -> Model:
    """Make a model ready: by name, by path, or the default.

    Raises
    ------
    GspyError
        The model or the device does not exist, or the file is damaged or foreign.
    """
    path = find(name)
    graph = _read(path)
    card = ModelFolder(path.parent).card_of(path)
    if card:
        _check_sum(graph, card, path)
    check_graph(graph, origin=str(path))
    session = _session(graph, path, device)
    if card is None:
        text = session.get_modelmeta().custom_metadata_map.get("card", "{}")
        card = ModelCard.from_json(text, origin=str(path))
        card = replace(card, sha256=hashlib.sha256(graph).hexdigest())
    _check_graph(session, card, path)
    return Model(card, _scorer(session), _used_device(session, device, path))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise GspyError(f"{path} is too large for a model")
        return path.read_bytes()
    except OSError as error:
        raise GspyError(f"cannot read {path}: {error.strerror}") from None


def _check_sum(graph: bytes, card: ModelCard, path: Path) -> None:
    if hashlib.sha256(graph).hexdigest() != card.sha256:
        raise GspyError(
            f"{path} is damaged or was changed: its checksum is not the "
            "card's; install or export the model again"
        )


def _session(graph: bytes, path: Path, device: str) -> Any:  # noqa: ANN401
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    onnxruntime.set_default_logger_severity(4)
    providers = devices.providers(device)
    if len(providers) > 1 and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    try:
        return onnxruntime.InferenceSession(graph, providers=providers)
    except (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
    ):
        raise GspyError(
            f"{path} is not an ONNX model that ONNX Runtime can load; "
            "install or export the model again"
        ) from None


def _check_graph(session: Any, card: ModelCard, path: Path) -> None:  # noqa: ANN401
    height, width = card.input_size
    takes = [(i.name, i.type, list(i.shape[1:])) for i in session.get_inputs()]
    gives = [(o.name, o.shape[-1]) for o in session.get_outputs()]
    right_input = takes == [("image", "tensor(uint8)", [height, width, 3])]
    if not right_input or ("probabilities", len(card.classes)) not in gives:
        raise GspyError(
            f"{path} is not a gspy model: it must take 'image' (uint8, N x {height} x "
            f"{width} x 3) and give 'probabilities' (N x {len(card.classes)}); "
            "see gspy export"
        )


def _scorer(session: Any) -> Scorer:  # noqa: ANN401
    def score(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32]
        (probabilities,) = session.run(["probabilities"], {"image": pictures})
        return probabilities

    return score


def _used_device(session: Any, device: str, path: Path) -> str:  # noqa: ANN401
    chosen = devices.choose(device)
    if chosen == "cpu" or session.get_providers()[0] != "CPUExecutionProvider":
        return chosen
    if device == "auto":
        return "cpu"
    raise GspyError(
        f"ONNX Runtime could not start {path} on '{chosen}' (are CUDA and cuDNN "
        "installed?); use --device cpu"
    )
