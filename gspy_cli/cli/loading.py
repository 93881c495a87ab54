"""Load what `--model` names: a model of the registry, a file, or a training run."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gspy_cli.registry import WEIGHTS, ModelFolder

if TYPE_CHECKING:
    from gspy_cli.model import Model


def begin_loading(name: str | None, *, device: str) -> "Callable[[], Model]":
    """Begin to make a model ready; the function returned waits for it.

    A run that is not exported is scored by torch.

    Raises
    ------
    GspyError
        There is no such model, or torch is needed and not installed.
    """
    path = Path(name or "")
    if path.suffix == ".safetensors" or is_unexported_run(path):
        from gspy_cli.evaluation.subjects import load_run

        ready = load_run(path, device=device)
        return lambda: ready
    from gspy_cli import model

    return model.begin_loading(name, device=device)


def is_unexported_run(path: Path) -> bool:
    """Tell a training run without an export of its weights from everything else."""
    inside = (path / "config.json").is_file() and (path / WEIGHTS).is_file()
    return inside and not ModelFolder(path).is_exported()
