"""Shift how readily a run's network names a class: the bias of its last layer.

    python benchmarks/shift_class.py RUN SHIFTED CLASS NATS

For classes that training drew at other rates than they have where the network is used
(label shift: Saerens, Latinne and Decaestecker 2002). SHIFTED becomes a run folder to
give to `gspy export`; NATS are added to the class's logit, before any temperature.
"""

import argparse
import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gspy_cli.training.config import read_config

WEIGHTS = ("last.safetensors", "best.safetensors")


def main() -> None:
    """Write a copy of the run with the bias shifted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("shifted", type=Path)
    parser.add_argument("label", metavar="CLASS")
    parser.add_argument("nats", type=float)
    arguments = parser.parse_args()
    _, classes = read_config(arguments.run / "config.json")
    shutil.copytree(arguments.run, arguments.shifted)
    for name in WEIGHTS:
        path = arguments.shifted / name
        with safe_open(path, "pt") as file:
            notes = file.metadata()
        state = load_file(path)
        heads = [
            key.removesuffix("weight") + "bias"
            for key, value in state.items()
            if value.ndim == 2 and len(value) == len(classes)
        ]
        if len(heads) != 1:
            raise SystemExit(f"{path}: {len(heads)} layers for {len(classes)} classes")
        state[heads[0]][classes.index(arguments.label)] += arguments.nats
        save_file(state, path, metadata=notes)


if __name__ == "__main__":
    main()
