"""Where a network trains, and how precisely it computes there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from gspy_cli import device as devices
from gspy_cli.errors import GspyError
from gspy_cli.training.distributed import ALONE, World

AMPERE = 8
"""Compute capability of NVIDIA's first GPUs that multiply bfloat16 in hardware."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A device, the type for mixed precision (None is float32), and the processes."""

    device: torch.device
    autocast: torch.dtype | None = None
    world: World = ALONE

    def mixed(self) -> torch.autocast:
        """Compute in the type for mixed precision, where there is one."""
        dtype = self.autocast or torch.bfloat16
        enabled = self.autocast is not None
        return torch.autocast(self.device.type, dtype, enabled=enabled)


def find_machine(device: str, amp: str, world: World) -> Machine:
    """Choose this process's device and type; with several GPUs, each its own.

    Raises
    ------
    GspyError
        There is no such device, or this torch cannot use it.
    """
    if world.size > 1:
        device = own_device(device, world)
    found = torch.device(devices.torch_device(device))
    return Machine(found, autocast_type(found, amp), world)


def own_device(device: str, world: World) -> str:
    """Give one process of several its device: an Apple GPU serves one process alone."""
    chosen = devices.choose(device)
    if device == "mps":
        raise GspyError(
            "several processes cannot train on 'mps': start one, without torchrun, or "
            "use --device cpu"
        )
    if chosen == "mps":
        return "cpu"
    if chosen == "cpu" or device.startswith("cuda:") or not torch.cuda.is_available():
        return device
    own = f"cuda:{world.local_rank}"
    is_there = world.local_rank < torch.cuda.device_count()
    if device == "auto" and is_there and not devices.torch_computes_on(own):
        return "cpu"
    return own


def out_of_memory(
    objective: nn.Module, batch_size: int, side: int, machine: Machine
) -> str:
    """Say which smaller batch fits into the device's memory, by trying.

    One process of several cannot try a step by itself; there the half is named.
    """
    for size in (batch_size >> n for n in range(1, batch_size.bit_length() - 1)):
        if machine.world.size > 1 or fits(objective, size, side, machine):
            return (
                f"a batch of {batch_size} does not fit into the memory of "
                f"{machine.device}: use --batch-size {size}"
            )
    remedy = "" if machine.device.type == "cpu" else ": use --device cpu"
    return f"{machine.device} has too little free memory{remedy}"


@contextmanager
def told_of_memory(device: torch.device) -> Iterator[None]:
    """Say in one line where a device's memory does not do."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise GspyError(
            f"{device} has too little free memory: use a smaller --batch-size"
            + ("" if device.type == "cpu" else ", or --device cpu")
        ) from None


def fits(objective: nn.Module, size: int, side: int, machine: Machine) -> bool:
    """Try a step, without changing weights, on so many blank pictures."""
    objective.zero_grad(set_to_none=True)
    device = machine.device
    if device.type != "cpu":
        torch.get_device_module(device).empty_cache()
    try:
        # what an optimiser keeps of each weight, at most
        kept = [torch.zeros_like(w) for w in objective.parameters() for _ in range(2)]
        pixels = torch.zeros(size, side, side, 3, dtype=torch.uint8, device=device)
        labels = torch.zeros(size, dtype=torch.int64, device=device)
        with machine.mixed():
            loss, _ = objective(pixels, labels)
        loss.backward()
        del kept
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell lack of memory from any other error; only CUDA has a class for it."""
    words = "out of memory", "DefaultCPUAllocator"
    return isinstance(error, torch.OutOfMemoryError) or any(
        word in str(error) for word in words
    )


def check_compiled(error: RuntimeError) -> None:
    """Say what to do where an error is that this torch cannot compile the network."""
    from torch._dynamo.exc import TorchDynamoException

    if isinstance(error, TorchDynamoException):
        inner = getattr(error, "inner_exception", error)
        reason = str(inner).strip().partition("\n")[0]
        raise GspyError(
            f"--compile does not work here ({reason}): leave it out, or install what "
            "torch compiles with: for a CPU a C++ compiler, for a GPU Triton"
        ) from None


def autocast_type(device: torch.device, amp: str) -> torch.dtype | None:
    """Choose the type for mixed precision, None for plain float32.

    `auto` takes bfloat16 where the processor computes with it, float16 on older GPUs.
    """
    if amp != "auto":
        types = {"bf16": torch.bfloat16, "fp16": torch.float16, "off": None}
        return types[amp]
    if device.type == "cpu":
        return torch.bfloat16 if cpu_has_bfloat16() else None
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.get_device_capability(device)[0] >= AMPERE
        return torch.bfloat16 if has_bfloat16 else torch.float16
    return torch.float16


def cpu_has_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 in hardware."""
    return bool(
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
