"""ONNX Runtime's sessions: a graph made ready on a device, and asked for answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gspy_cli import device as devices
from gspy_cli.errors import GspyError

SILENT, WARNINGS = 4, 2  # what ONNX Runtime logs: fatal errors; as it does by itself


class Building(Thread):
    """The making of a session, in a thread that ends with the program."""

    def __init__(self, graph: bytes, path: Path, device: str) -> None:
        super().__init__(daemon=True)
        self._wanted = graph, path, device
        self._made: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make it; what goes wrong is kept for `result`."""
        try:
            self._made = begin(*self._wanted)
        except BaseException as error:  # noqa: BLE001
            self._error = error

    def result(self) -> Any:  # noqa: ANN401
        """Wait for the session; raises what `begin` has raised."""
        self.join()
        if self._error:
            raise self._error
        return self._made


def begin(graph: bytes, path: Path, device: str) -> Any:  # noqa: ANN401
    """Make a session of a graph; `path` names it in errors."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # each thread that scores is one core's
    options.log_severity_level = SILENT
    providers = devices.providers(device)
    start = partial(onnxruntime.InferenceSession, graph, options, providers=providers)
    try:
        session = start() if len(providers) == 1 else _start_on_gpu(start)
    except _onnx_errors():
        raise GspyError(
            f"{path} is not an ONNX model that ONNX Runtime can load; "
            "install or export the model again"
        ) from None
    session.disable_fallback()  # to another device amid a run, said on stdout
    return session


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


def used_device(session: Any, device: str, path: Path) -> str:  # noqa: ANN401
    """Name the device that a session was really begun on."""
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


def computes(
    session: Any,  # noqa: ANN401
    input_size: tuple[int, int],
    device: str,
    path: Path,
) -> bool:
    """Try a blank picture: ONNX Runtime may have no kernels for a GPU of its age."""
    blank = np.zeros((1, *input_size, 3), np.uint8)
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


def ask(
    session: Any,  # noqa: ANN401
    path: Path,
    outputs: list[str],
    pictures: NDArray[np.uint8],
) -> list[NDArray[np.float32]]:
    """Give a graph's outputs, (N, ...) each, for pictures (N, H, W, 3)."""
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
