"""`gspy devices`: what this machine can compute on."""

import importlib.metadata
import importlib.util

import typer

from gspy_cli.errors import GspyError


def devices() -> None:
    """Show what this machine can compute on.

    Example: gspy devices
    """
    from gspy_cli import device

    for name, description in device.available().items():
        typer.echo(f"{name:8} {description}")
    typer.echo(f"classify uses {_onnx_runtime_choice()}")
    typer.echo(f"train uses {_torch_choice()}")


def _onnx_runtime_choice() -> str:
    import onnxruntime

    from gspy_cli import device

    provider = device.providers("auto")[0]
    name = provider if isinstance(provider, str) else provider[0]
    return f"{name} (ONNX Runtime {onnxruntime.__version__})"


def _torch_choice() -> str:
    if importlib.util.find_spec("torch") is None:
        return "nothing: torch is not installed (pip install 'gspy-cli[train]')"
    from gspy_cli import device

    try:
        version = importlib.metadata.version("torch")
        return f"{device.torch_device('auto')} (torch {version})"
    except GspyError as error:
        return f"nothing: {error}"
