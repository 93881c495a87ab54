"""Models ready to use: from an ONNX file to a function that scores pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gspy_cli import model_folder, registry
from gspy_cli import session as sessions
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.graph import check_graph
from gspy_cli.model_folder import ModelFolder

Pictures = NDArray[np.uint8]
Floats = NDArray[np.float32]
Scorer = Callable[[Pictures], Floats]
"""Pictures (N, H, W, 3) to class probabilities (N, K).

`GspyError`: the graph fails on them, or leaves some out.
"""
Judge = Callable[[Pictures], tuple[Floats, Floats]]
"""Pictures (N, H, W, 3) to probabilities (N, K) and familiarity (N,), 0 to 1."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to score pictures. `device` is what it really runs on.

    `judge` is there where the model also tells what is unfamiliar.
    """

    card: ModelCard
    score: Scorer
    device: str
    judge: Judge | None = None


def find_card(name: str | None) -> ModelCard:
    """Read the card of a model given by its name or path.

    Raises
    ------
    GspyError
        There is no such model, or it is damaged or foreign.
    """
    path = registry.find(name)
    card = ModelFolder(path.parent).card_of(path)
    return card or load_model(str(path), device="cpu").card


def load_model(name: str | None = None, *, device: str = "auto") -> Model:
    """Make a model ready: by name, by path, or the default.

    Raises
    ------
    GspyError
        The model or the device does not exist, or the file is damaged or foreign.
    """
    return begin_loading(name, device=device)()


def begin_loading(name: str | None, *, device: str) -> Callable[[], Model]:
    """Check a model and begin to make it ready; the function returned waits for it.

    ONNX Runtime builds its session in a thread, so that the caller can read its
    first input meanwhile. Raises as `load_model` does, now or at the wait.
    """
    path = registry.find(name)
    graph = model_folder.read(path)
    card = ModelFolder(path.parent).card_of(path)
    session = sessions.Building(graph, path, device)
    if path.parent.parent == registry.shipped_models():  # its graph needs no check
        session.start()
        _check_sum(graph, card, path)
    else:
        _check_sum(graph, card, path)
        check_graph(graph, origin=str(path))
        session.start()
    return lambda: _model(session.result(), graph, card, path, device)


def _model(
    session: Any,  # noqa: ANN401
    graph: bytes,
    card: ModelCard | None,
    path: Path,
    device: str,
) -> Model:
    card = _true_card(session.get_modelmeta().custom_metadata_map, graph, card, path)
    _check_signature(session, card, path)
    used = sessions.used_device(session, device, path)
    if used != "cpu" and not sessions.computes(session, card.input_size, device, path):
        session, used = sessions.begin(graph, path, "cpu"), "cpu"

    def score(pictures: Pictures) -> Floats:
        (probabilities,) = sessions.ask(session, path, ["probabilities"], pictures)
        return probabilities

    def judge(pictures: Pictures) -> tuple[Floats, Floats]:
        outputs = ["probabilities", "familiarity"]
        probabilities, familiarity = sessions.ask(session, path, outputs, pictures)
        return probabilities, familiarity

    return Model(card, score, used, judge if card.unfamiliar_below > 0 else None)


def _true_card(
    metadata: Mapping[str, str], graph: bytes, card: ModelCard | None, path: Path
) -> ModelCard:
    """Give the card that lies beside a graph, if it is the graph's, or else its own."""
    if card is None:
        if "card" not in metadata:
            raise GspyError(
                f"{path} is not an ONNX model of gspy; install or export it again"
            )
        own = ModelCard.from_json(metadata["card"], origin=str(path))
        return replace(own, sha256=_digest(graph))
    if metadata.get("classes", "\n".join(card.classes)) != "\n".join(card.classes):
        raise GspyError(
            f"{path.with_name('card.json')} is not the card of {path.name}: its "
            "classes are others; add or export the model again"
        )
    return card


def add_to_registry(
    graph: Path, *, name: str | None = None, default: bool = False, force: bool = False
) -> ModelFolder:
    """Copy an ONNX file into the user's registry, after trying that it loads.

    With `force` it may take the place of a model of the same name. The same model
    may be added again, so that an addition that was stopped is finished.

    Raises
    ------
    GspyError
        The file is no model of gspy, the name is taken or cannot be a folder's, or
        the registry cannot be written.
    """
    card = load_model(str(graph), device="cpu").card
    name, content = name or card.name, model_folder.read(graph)
    try:
        again = ModelFolder(registry.user_models() / name).holds(content)
        folder = registry.new_folder(name, force=force or again)
        folder.fill(content, replace(card, name=name, sha256=_digest(content)))
    except OSError as error:
        raise GspyError(
            f"cannot keep '{name}' in {registry.user_models()} ({error.strerror}): "
            "make room there, or let that be a folder that you may write to; what was "
            "there is kept"
        ) from None
    if default:
        _make_default(name)
    return folder


def _make_default(name: str) -> None:
    try:
        registry.make_default(name)
    except OSError as error:
        raise GspyError(
            f"'{name}' is added, but cannot be made the default ({error.strerror}): "
            f"make room in {registry.user_models()} and add it again with --force"
        ) from None


def _digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def _check_sum(graph: bytes, card: ModelCard | None, path: Path) -> None:
    if card and _digest(graph) != card.sha256:
        raise GspyError(
            f"{path} is damaged or was changed: its checksum is not the "
            "card's; install or export the model again"
        )


def _check_signature(session: Any, card: ModelCard, path: Path) -> None:  # noqa: ANN401
    height, width = card.input_size
    inputs = session.get_inputs()
    takes = [(i.name, i.type, list(i.shape[1:])) for i in inputs]
    gives = {o.name: list(o.shape[1:]) for o in session.get_outputs()}
    right_input = takes == [("image", "tensor(uint8)", [height, width, 3])]
    if card.unfamiliar_below > 0 and gives.get("familiarity") != []:
        raise GspyError(
            f"{path} lacks the output 'familiarity' that its card speaks of; "
            "export the model again with --simulated"
        )
    if not right_input or gives.get("probabilities") != [len(card.classes)]:
        raise GspyError(
            f"{path} is not a gspy model: it must take 'image' (uint8, N x {height} x "
            f"{width} x 3) and give 'probabilities' (N x {len(card.classes)}); "
            "see gspy export"
        )
    if isinstance(count := inputs[0].shape[0], int):
        raise GspyError(
            f"{path} takes {count} at a time, but pictures come in batches of any "
            "size: export it with a dynamic first axis"
        )
