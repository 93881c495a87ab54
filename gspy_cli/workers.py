"""Processes side by side, one on each core: how many, and what they start with."""

import os
from contextlib import suppress
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")  # what a container may use

ENVIRONMENT = {
    # One thread per process: the processes are what runs side by side.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # The GNU C library would give the memory of each large array back to the system,
    # and getting it again costs half as much as decoding a picture.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}


def available_cores() -> int:
    """Count the cores that this process may use; a container may have fewer."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(cores, _quota(CGROUP) or cores)


def _quota(cgroup: Path) -> int | None:
    """Give how many cores' time a container has, rounded up; None without a limit."""
    two = cgroup / "cpu.max"
    one = cgroup / "cpu/cpu.cfs_quota_us", cgroup / "cpu/cpu.cfs_period_us"
    with suppress(OSError, ValueError):  # "max"
        text = " ".join(path.read_text() for path in ([two] if two.exists() else one))
        quota, period = map(int, text.split())
        return -(-quota // period) if quota > 0 else None
    return None
