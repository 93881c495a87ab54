"""Where a network trains, and how precisely it computes there."""

from dataclasses import dataclass

import torch
from torch import nn

from gspy_cli import device as devices
from gspy_cli.training.distributed import ALONE, World


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
    """Choose this process's device and type; with several GPUs, each its own."""
    name = devices.torch_device(device)
    if world.size > 1 and device in ("auto", "cuda") and name.startswith("cuda"):
        name = devices.torch_device(f"cuda:{world.local_rank}")
    found = torch.device(name)
    return Machine(found, autocast_type(found, amp), world)


def out_of_memory(
    objective: nn.Module, batch_size: int, side: int, machine: Machine
) -> str:
    """Say which smaller batch fits into the device's memory, by trying."""
    for size in (batch_size >> n for n in range(1, batch_size.bit_length() - 1)):
        if fits(objective, size, side, machine):
            return (
                f"a batch of {batch_size} does not fit into the memory of "
                f"{machine.device}: use --batch-size {size}"
            )
    return f"{machine.device} has too little free memory: use --device cpu"


def fits(objective: nn.Module, size: int, side: int, machine: Machine) -> bool:
    """Try a step, without changing weights, on so many blank pictures."""
    objective.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    pixels = torch.zeros(size, side, side, 3, dtype=torch.uint8, device=machine.device)
    labels = torch.zeros(size, dtype=torch.int64, device=machine.device)
    try:
        with machine.mixed():
            loss, _ = objective(pixels, labels)
        loss.backward()
    except torch.OutOfMemoryError:
        return False
    return True


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
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16


def cpu_has_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 in hardware."""
    return bool(
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
