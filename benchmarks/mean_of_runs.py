"""Average the weights of training runs that began from the same weights.

    python benchmarks/mean_of_runs.py MEAN RUN RUN ...

A run named twice counts twice. MEAN becomes a run folder with the mean of the last
epochs' weights and the first run's card, to give to `gspy export`.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

WEIGHTS = "last.safetensors"


def mean(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Average each floating-point tensor; take whole numbers from the first."""
    first = states[0]
    return {
        name: (
            torch.stack([s[name].double() for s in states]).mean(0).to(one.dtype)
            if one.is_floating_point()
            else one
        )
        for name, one in first.items()
    }


def main() -> None:
    """Write the mean of runs as a run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("mean", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    arguments.mean.mkdir(parents=True)
    with safe_open(arguments.runs[0] / WEIGHTS, "pt") as file:
        notes = file.metadata()
    averaged = mean([load_file(run / WEIGHTS) for run in arguments.runs])
    for name in (WEIGHTS, "best.safetensors"):
        save_file(averaged, arguments.mean / name, metadata=notes)
    for name in ("card.json", "config.json", "split.csv", "results.csv"):
        shutil.copy(arguments.runs[0] / name, arguments.mean / name)


if __name__ == "__main__":
    main()
