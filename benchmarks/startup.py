"""Measure how long gspy takes to start, as ratios to the imports it cannot avoid.

Each pair of commands runs in turn, so that a machine whose speed drifts cannot
favour one of them. Run: python benchmarks/startup.py [PICTURE]
"""

import argparse
import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
ROOT = Path(__file__).parents[1]
GSPY = [str(Path(sys.executable).with_name("gspy"))]
PYTHON = [sys.executable, "-c"]


def seconds(command: list[str]) -> float:
    """Time one run of a command as a whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(name: str, ours: list[str], base: list[str], limit: float) -> None:
    """Print the median time of both commands and the median of their ratios."""
    seconds(ours), seconds(base)
    pairs = [(seconds(ours), seconds(base)) for _ in range(RUNS)]
    mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{name}: {mine:.3f} s / {theirs:.3f} s = {ratio:.2f} (limit {limit})")


def main() -> None:
    """Compare both commands with their imports."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    examples = sorted((ROOT / "docs" / "examples").glob("*.png"))
    parser.add_argument("picture", nargs="?", default=str(examples[0]))
    picture = parser.parse_args().picture
    compileall.compile_dir(ROOT / "gspy_cli", quiet=1)  # as pip does when it installs
    compare("--help", [*GSPY, "--help"], [*PYTHON, "import typer, rich.console"], 2.0)
    compare(
        "classify",
        [*GSPY, "classify", picture],
        [*PYTHON, "import onnxruntime, numpy, PIL.Image"],
        1.6,
    )


if __name__ == "__main__":
    main()
