"""Where the arithmetic runs: one decision for every command.

A device is named as torch names it: `cpu`, `cuda`, `cuda:N` or `mps`; `auto` takes
the best that is really there.
"""

import ctypes
import platform
import re
import sys
from functools import cache
from typing import Any

from gspy_cli.errors import GspyError

Provider = str | tuple[str, dict[str, Any]]
_PATTERN = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def choose(device: str) -> str:
    """Turn a user's wish into one device that this machine has.

    Raises
    ------
    GspyError
        The name is not a device's, or the device is not on this machine.
    """
    if not _PATTERN.fullmatch(device):
        raise GspyError(
            f"'{device}' is not a device; use auto, cpu, cuda, cuda:N or mps"
        )
    if device == "cpu":
        return "cpu"
    found = available()
    if device == "auto":
        return next(iter(found))
    wanted = "cuda:0" if device == "cuda" else device
    if wanted not in found:
        raise GspyError(
            f"device '{device}' is not on this machine; available: {', '.join(found)}"
        )
    return wanted


def available() -> dict[str, str]:
    """List this machine's devices, best first: name and description."""
    found = {f"cuda:{index}": name for index, name in enumerate(nvidia_gpus())}
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found["mps"] = "Apple GPU"
    return found | {"cpu": platform.machine()}


@cache
def nvidia_gpus() -> tuple[str, ...]:
    """Name the NVIDIA GPUs that the driver shows, without torch or CUDA."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    return tuple(_gpu_name(driver, index) for index in range(count.value))


def _gpu_name(driver: ctypes.CDLL, index: int) -> str:
    handle, name = ctypes.c_int(), ctypes.create_string_buffer(100)
    driver.cuDeviceGet(ctypes.byref(handle), index)
    driver.cuDeviceGetName(name, len(name), handle)
    return name.value.decode(errors="replace")


def providers(device: str) -> list[Provider]:
    """Give the ONNX Runtime providers for a device, only those that it was built with.

    Raises
    ------
    GspyError
        There is no such device, or ONNX Runtime cannot use the one that was named.
    """
    import onnxruntime

    chosen = choose(device)
    wanted = _provider(chosen)
    if wanted is None:
        return ["CPUExecutionProvider"]
    name = wanted if isinstance(wanted, str) else wanted[0]
    if name in onnxruntime.get_available_providers():
        return [wanted, "CPUExecutionProvider"]
    if device == "auto":
        return ["CPUExecutionProvider"]
    install = "" if chosen == "mps" else "install onnxruntime-gpu or "
    raise GspyError(
        f"this ONNX Runtime cannot use '{chosen}' ({name} is missing); "
        f"{install}use --device cpu"
    )


def _provider(chosen: str) -> Provider | None:
    if chosen.startswith("cuda:"):
        return "CUDAExecutionProvider", {"device_id": int(chosen.removeprefix("cuda:"))}
    return "CoreMLExecutionProvider" if chosen == "mps" else None


def torch_device(device: str) -> str:
    """Give torch's name for a device, where this torch can use it.

    Raises
    ------
    GspyError
        There is no such device, or this torch cannot use the one that was named.
    """
    import torch

    chosen = choose(device)
    if chosen == "cpu" or torch_computes_on(chosen):
        return chosen
    if device == "auto":
        return "cpu"
    raise GspyError(
        f"this torch ({torch.__version__}) cannot use '{chosen}'; install a build "
        "that can (pytorch.org) or use --device cpu"
    )


def torch_computes_on(chosen: str) -> bool:
    """Try: a build may lack the device, or kernels for a GPU of its age."""
    import torch

    try:
        (torch.zeros(1, device=chosen) + 1).item()
    except torch.OutOfMemoryError:  # it computes, once there is room
        return True
    except (RuntimeError, AssertionError):  # the latter from a build without CUDA
        return False
    return True
