"""Write and read a run's files: whole or not at all, and never pickle.

Tensors are safetensors; everything else is JSON in their metadata.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from gspy_cli.errors import GspyError
from gspy_cli.whole import whole_file

NOT_WEIGHTS = (
    *(RuntimeError, ValueError, EOFError, OSError, UnpicklingError),
    *(LookupError, AttributeError, TypeError),
)
"""What torch's unpickler raises at bytes that are no weights."""


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place in one step.

    A kill or a full disk leaves the old file as it was. What cannot be written is a
    `GspyError`.
    """
    try:
        with whole_file(path) as part:
            write(part)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise GspyError(
            f"cannot write {path} ({reason}): make room there, or give a place that "
            "you may write to; what stood there before is kept"
        ) from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, atomically."""
    write_atomically(path, lambda part: part.write_bytes(content))


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write tensors and metadata to a safetensors file, atomically."""
    plain = {k: t.detach().cpu().contiguous() for k, t in tensors.items()}

    def write(part: Path) -> None:
        part.touch()
        mode = part.stat().st_mode
        save_file(plain, part, dict(metadata))  # puts a file of mode 0600 there
        part.chmod(mode)

    write_atomically(path, write)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: its tensors and its metadata.

    Raises
    ------
    GspyError
        There is no such file, or it cannot be read, or is damaged.
    """
    _check_opens(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise GspyError(
            f"{path} is damaged ({error}): give an intact file, or "
            "start a new run, with --weights to begin where an intact one stands"
        ) from None


def _check_opens(path: Path) -> None:
    """Say why a file cannot be read; safetensors would say that it is not there."""
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise GspyError(f"{path} does not exist") from None
    except OSError as error:
        raise GspyError(f"cannot read {path}: {error.strerror}") from None


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Lay an optimiser's state out as tensors with names."""
    return {
        f"{number}.{name}": value
        for number, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the state back that `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, or a foreign `.pth` without running its code.

    Raises
    ------
    GspyError
        There is no such file, or it cannot be read, or holds no plain state dict, or
        weights that are no numbers.
    """
    is_safe = path.suffix == ".safetensors"
    state = load_tensors(path)[0] if is_safe else _load_foreign(path)
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise GspyError(
                f"{path} holds NaN or infinite weights ({name}): give other weights"
            )
    return state


def _load_foreign(path: Path) -> dict[str, Tensor]:
    _check_opens(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that are no weights
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except NOT_WEIGHTS:
        raise GspyError(
            f"{path} is no file of plain weights: "
            "save model.state_dict() with torch.save or safetensors"
        ) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    if not is_state_dict(state):
        raise GspyError(f"{path} holds no state dict: save model.state_dict()")
    return {k.removeprefix("module."): v for k, v in state.items()}


def is_state_dict(loaded: object) -> bool:
    """Tell whether something maps names to tensors, and is not empty."""
    return (
        isinstance(loaded, dict)
        and bool(loaded)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in loaded.items())
    )
