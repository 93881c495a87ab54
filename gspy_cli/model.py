"""Models ready to use: from an ONNX file to a function that scores pictures."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gspy_cli import device as devices
from gspy_cli import registry
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.graph import check_graph
from gspy_cli.registry import ModelFolder

Scorer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Pictures (N, H, W, 3) to class probabilities (N, K).

`GspyError`: the graph fails on them, or leaves some out.
"""
Judge = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Pictures (N, H, W, 3) to probabilities (N, K) and familiarity (N,), 0 to 1."""


SILENT, WARNINGS = 4, 2  # what ONNX Runtime logs: fatal errors; as it does by itself


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
    graph = registry.read(path)
    card = ModelFolder(path.parent).card_of(path)
    session = _Building(graph, path, device)
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
    used = _used_device(session, device, path)
    if used != "cpu" and not _computes(session, card, device, path):
        session, used = _session(graph, path, "cpu"), "cpu"
    judge = _judge(session, path) if card.unfamiliar_below > 0 else None
    return Model(card, _scorer(session, path), used, judge)


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
    name, content = name or card.name, registry.read(graph)
    own = replace(card, name=name, sha256=_digest(content))
    try:
        mine = ModelFolder(registry.user_models() / name)
        again = mine.holds(content, own)
        folder = registry.new_folder(name, force=force or again)
        folder.fill(content, own)
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


class _Building(Thread):
    """The making of a session, in a thread that ends with the program."""

    def __init__(self, graph: bytes, path: Path, device: str) -> None:
        super().__init__(daemon=True)
        self._wanted = graph, path, device
        self._made: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._made = _session(*self._wanted)
        except BaseException as error:  # noqa: BLE001, the caller gets it
            self._error = error

    def result(self) -> Any:  # noqa: ANN401
        self.join()
        if self._error:
            raise self._error
        return self._made


def _session(graph: bytes, path: Path, device: str) -> Any:  # noqa: ANN401
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # each thread that scores is one core's
    options.log_severity_level = SILENT
    providers = devices.providers(device)
    start = partial(onnxruntime.InferenceSession, graph, options, providers=providers)
    try:
        return start() if len(providers) == 1 else _start_on_gpu(start)
    except _onnx_errors():
        raise GspyError(
            f"{path} is not an ONNX model that ONNX Runtime can load; "
            "install or export the model again"
        ) from None


def _onnx_errors() -> tuple[type[Exception], ...]:
    """Give what ONNX Runtime raises on a graph; it has no class for all of them."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        *(state.EPFail, state.Fail, state.InvalidArgument, state.InvalidGraph),
        *(state.InvalidProtobuf, state.NotImplemented, state.RuntimeException),
    )


def _start_on_gpu(start: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Load CUDA and cuDNN where they are, and start a session."""
    import onnxruntime

    with _silence():
        onnxruntime.preload_dlls()
        return start()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep ONNX Runtime from telling what is wrong with a GPU: no session has a say."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_inference_collection as sessions

    onnxruntime.set_default_logger_severity(SILENT)
    onnxruntime.print = sessions.print = lambda *_words: None
    try:
        yield
    finally:
        for module in (onnxruntime, sessions):
            vars(module).pop("print", None)
        onnxruntime.set_default_logger_severity(WARNINGS)


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


def _scorer(session: Any, path: Path) -> Scorer:  # noqa: ANN401
    def score(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        (probabilities,) = _run(session, path, ["probabilities"], pictures)
        return probabilities

    return score


def _judge(session: Any, path: Path) -> Judge:  # noqa: ANN401
    outputs = ["probabilities", "familiarity"]

    def judge(
        pictures: NDArray[np.uint8],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probabilities, familiarity = _run(session, path, outputs, pictures)
        return probabilities, familiarity

    return judge


def _run(
    session: Any,  # noqa: ANN401
    path: Path,
    outputs: list[str],
    pictures: NDArray[np.uint8],
) -> list[NDArray[np.float32]]:
    try:
        answers: list[NDArray[np.float32]] = session.run(outputs, {"image": pictures})
    except _onnx_errors() as error:
        reason = str(error).splitlines()[0]
        raise GspyError(
            f"{path} fails on a batch of {len(pictures)} ({reason}); export the model "
            "again, or let --batch-size be smaller"
        ) from None
    if any(len(answer) != len(pictures) for answer in answers):
        raise GspyError(
            f"{path} does not give an answer for each picture of a batch; export the "
            "model again"
        )
    return answers


def _used_device(session: Any, device: str, path: Path) -> str:  # noqa: ANN401
    chosen = devices.choose(device)
    if chosen == "cpu" or session.get_providers()[0] != "CPUExecutionProvider":
        return chosen
    if device == "auto":
        return "cpu"
    is_apple = chosen == "mps"
    why = "Core ML cannot be loaded" if is_apple else "are CUDA and cuDNN installed?"
    raise GspyError(
        f"ONNX Runtime could not start {path} on '{chosen}' ({why}); use --device cpu"
    )


def _computes(session: Any, card: ModelCard, device: str, path: Path) -> bool:  # noqa: ANN401
    """Try a blank picture: ONNX Runtime may have no kernels for a GPU of its age."""
    blank = np.zeros((1, *card.input_size, 3), np.uint8)
    try:
        with _silence():
            session.run(["probabilities"], {"image": blank})
    except _onnx_errors() as error:
        if device == "auto":
            return False
        reason = str(error).splitlines()[0]
        raise GspyError(
            f"this ONNX Runtime cannot run {path} on '{device}' ({reason}); use "
            "--device cpu"
        ) from None
    return True
