"""Average the weights of training runs that began from the same weights.

    python benchmarks/mean_of_runs.py MEAN RUN RUN ...

A run named twice counts twice. MEAN becomes a run folder with the mean of the last
epochs' weights and the first run's card, with what any of the runs was trained on, to
give to `gspy export`.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gspy_cli.card import ModelCard
from gspy_cli.model_folder import ModelFolder

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


def card_of_all(runs: list[Path]) -> ModelCard:
    """Give the first run's card, with what any of the runs was trained on."""
    cards = [ModelFolder(run).card() for run in runs]
    seen = {name for card in cards for name in (card.trained_on or "?").split()}
    trained_on = " ".join(sorted(seen - {"-"})) or "-"
    return replace(cards[0], trained_on=trained_on)


def main() -> None:
    """Write the mean of runs as a run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("mean", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    arguments.mean.mkdir(parents=True)
    card = card_of_all(arguments.runs).to_json()
    averaged = mean([load_file(run / WEIGHTS) for run in arguments.runs])
    for name in (WEIGHTS, "best.safetensors"):
        save_file(averaged, arguments.mean / name, metadata={"card": card})
    (arguments.mean / "card.json").write_text(card, encoding="utf-8")
    for name in ("config.json", "split.csv", "results.csv"):
        shutil.copy(arguments.runs[0] / name, arguments.mean / name)


if __name__ == "__main__":
    main()
