"""Which devices a machine has, told by drivers that are made up."""

import ctypes
import importlib.util
from types import SimpleNamespace

import pytest
from running import gspy

from gspy_cli import device

GPUS = (b"NVIDIA A100", b"NVIDIA H100")


@pytest.mark.parametrize(
    ("machine", "found"),
    [("arm64", {"mps": "Apple GPU", "cpu": "arm64"}), ("x86_64", {"cpu": "x86_64"})],
)
def test_a_mac_has_a_gpu_of_apple_where_its_processor_is(machine, found, monkeypatch):
    monkeypatch.setattr(device, "nvidia_gpus", lambda: ())
    monkeypatch.setattr(device.sys, "platform", "darwin")
    monkeypatch.setattr(device.platform, "machine", lambda: machine)
    assert device.available() == found
    assert device.choose("auto") == next(iter(found))


def driver(*, error: int = 0) -> SimpleNamespace:
    """Give a driver of two GPUs, in the form of NVIDIA's library."""

    def put(place, value: int) -> int:
        place._obj.value = value
        return 0

    def put_name(place, _size: int, handle) -> None:
        place.value = GPUS[handle.value - 7]

    return SimpleNamespace(
        cuInit=lambda _flags: error,
        cuDeviceGetCount=lambda count: put(count, len(GPUS)),
        cuDeviceGet=lambda handle, index: put(handle, 7 + index),
        cuDeviceGetName=put_name,
    )


def test_gpus_have_the_names_that_their_driver_gives(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: driver())
    assert device.nvidia_gpus.__wrapped__() == ("NVIDIA A100", "NVIDIA H100")


def test_a_driver_that_does_not_start_shows_no_gpu(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: driver(error=100))
    assert device.nvidia_gpus.__wrapped__() == ()


def test_without_torch_the_devices_command_says_what_to_install(monkeypatch):
    def without_torch(name, *package):
        return None if name == "torch" else find_spec(name, *package)

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    code, out, _ = gspy("devices")
    said = "train uses nothing: torch is not installed (pip install 'gspy-cli[train]')"
    assert (code, out.splitlines()[-1]) == (0, said)
