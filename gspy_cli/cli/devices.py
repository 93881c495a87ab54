"""`gspy devices`: what this machine can compute on."""

import importlib.util

import typer

from gspy_cli.errors import GspyError


def devices() -> None:
    """Show what this machine can compute on.

    Example: gspy devices
    """
    from gspy_cli import device
    from gspy_cli.cli.progress import bar

    for name, description in device.available().items():
        typer.echo(f"{name:8} {description}")
    with bar("starting", quiet=False):
        by_classify, by_train = _onnx_runtime_choice(), _torch_choice()
    typer.echo(f"classify uses {by_classify}")
    typer.echo(f"train uses {by_train}")


def _onnx_runtime_choice() -> str:
    import onnxruntime

    from gspy_cli import device
    from gspy_cli.model import load_model

    best = device.choose("auto")
    try:
        used = load_model().device
    except GspyError as error:
        return f"nothing: {error}"
    choice = f"{used} (ONNX Runtime {onnxruntime.__version__})"
    if used == best:
        return choice
    is_cuda = best.startswith("cuda")
    if len(device.providers("auto")) == 1:
        missing = "CUDA" if is_cuda else "Core ML"
        return f"{choice}: this ONNX Runtime is built without {missing}"
    return f"{choice}: {'CUDA or cuDNN' if is_cuda else 'Core ML'} cannot be used"


def _torch_choice() -> str:
    if importlib.util.find_spec("torch") is None:
        return "nothing: torch is not installed (pip install 'gspy-cli[train]')"
    from importlib.metadata import version

    from gspy_cli import device

    return f"{device.torch_device('auto')} (torch {version('torch')})"
