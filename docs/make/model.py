"""Make anew what README and the pages say of the default model, once it is another.

    python docs/make/model.py         # its answers, errors, calibration and why
    python docs/make/model.py --folds RUN --real TABLE  # and the scores in folds
        --simulated-only LABELS.csv                     # and of a network trained so
        --real-only RUN                                 # and of folds without these
        --strain TABLE                                  # and of glitches from strain
        --tried DIR                                     # and what is unfamiliar to it

RUN is of `gspy train --folds`, a TABLE as for its --data; DIR is of `gspy simulate
--inputs`, of glitches that `gspy export` did not have. It takes some
minutes. Numbers that it does not find in the text are named, to be mended by hand.
"""

import argparse
import csv
import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EVALUATION, MODEL, MADE = (
    DOCS / name for name in ("evaluation.md", "model.md", "model-made.md")
)
README = ROOT / "README.md"
GSPY = [sys.executable, "-m", "gspy_cli"]
EXPLAINED = DOCS / "examples" / "H1_S7N000003_spectrogram_4.0.png"
GLITCHES, SEED = 240, 505  # whose errors and calibration are shown
O3_ONLY = ("Blip_Low_Frequency", "Fast_Scattering")
NUMBER = r"[\d.]+"
SIMULATED, REAL, BOTH = range(3)  # columns of the model page's tables


def gspy(*words: object) -> str:
    """Run a command; give what it prints. 1 says that some pictures failed."""
    command = [*GSPY, *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    run = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, env=environment
    )
    if run.returncode not in (0, 1):
        raise SystemExit(f"{shlex.join(command)}: exit code {run.returncode}")
    return run.stdout


def on_terminal(command: str, folder: Path) -> str:
    """Run a command on a terminal of 80 columns; give what stays there of it."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    words = [*GSPY, *shlex.split(command)[1:]]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    run = subprocess.Popen(words, stdout=side, stderr=side, cwd=folder, env=environment)
    os.close(side)
    shown = b"".join(iter(lambda: _read(main), b"")).decode()
    if run.wait():
        raise SystemExit(f"{command}: exit code {run.returncode}\n{shown}")
    shown = re.sub(r"\x1b\[\?25l.*?\x1b\[\?25h", "", shown, flags=re.DOTALL)  # bars
    lines = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the command has ended
        return b""


def answers(folder: Path) -> None:
    """Show anew what the default model says of the examples, in README and tutorial."""
    shutil.copytree(DOCS / "examples", folder / "docs" / "examples")
    for page in (README, DOCS / "tutorial.md"):
        lines = list(answered(page.read_text(encoding="utf-8").split("\n"), folder))
        page.write_text("\n".join(lines), encoding="utf-8")


def answered(lines: list[str], folder: Path) -> Iterator[str]:
    """Pass a page on; below a command of the default model stands what it says now."""
    skipped = False
    for line in lines:
        skipped = skipped and not line.startswith(("$ ", "```"))
        if not skipped:
            yield line
        if line.startswith("$ gspy simulate") and "--strain" in line:
            on_terminal(line[2:], folder)  # the next commands need it
        if line.startswith("$ gspy classify") and " -m " not in line:
            yield on_terminal(line[2:], folder)
            skipped = True


def errors(folder: Path) -> None:
    """Draw the default model's surest errors, its calibration, and why a label."""
    gspy("simulate", "-n", GLITCHES, "--seed", SEED, "-o", folder / "sim")
    gspy("evaluate", "efficientnet_lite0", "--data", folder / "sim", "-o", folder / "r")
    right = metrics(folder / "r")["glitches"]["right"]
    put(EVALUATION, rf"{NUMBER} of the {GLITCHES}", f"{right} of the {GLITCHES}")
    shutil.copy(folder / "r" / "reliability.png", DOCS / "evaluation")
    if (folder / "r" / "errors.png").is_file():
        picture = Image.open(folder / "r" / "errors.png").convert("RGB")
        picture.save(DOCS / "evaluation" / "errors.jpg", quality=85, optimize=True)
    gspy("classify", EXPLAINED, "--explain", DOCS / "evaluation" / "why.jpg", "-q")


def metrics(report: Path) -> Any:  # noqa: ANN401
    """Read the numbers of a report."""
    return json.loads((report / "metrics.json").read_text(encoding="utf-8"))


def classes(report: Path) -> dict[str, tuple[int, int]]:
    """Read how many of each class's glitches are right, and how many there are."""
    with (report / "per_class.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["glitches"])]
    return {
        row["class"]: (int(row["glitches_right"]), int(row["glitches"])) for row in rows
    }


def of_older_classes(report: Path) -> float:
    """Give the part of the glitches of O1's and O2's classes that is right."""
    counts = [n for name, n in classes(report).items() if name not in O3_ONLY]
    return sum(right for right, _ in counts) / sum(there for _, there in counts)


def put(page: Path, pattern: str, text: str) -> None:
    """Replace a passage of a page; say so where it is not there."""
    old = page.read_text(encoding="utf-8")
    new, count = re.subn(pattern, lambda _: text, old)
    if not count:
        print(f"{page.name}: mend by hand, {pattern!r} is not there: {text}")
    page.write_text(new, encoding="utf-8")


def column(report: Path, place: int) -> None:
    """Put a report's scores into a column of the model page's tables."""
    found, own, older = metrics(report), classes(report), of_older_classes(report)
    cell(r"accuracy per picture \(\d+\)", place, f"{found['pictures']['accuracy']:.4f}")
    cell(r"accuracy per glitch, .*?", place, f"{found['glitches']['accuracy']:.4f}")
    cell(r"the same over O1's .*?", place, f"{older:.4f}")
    balanced = found["glitches"]["balanced_accuracy"]
    cell(r"mean of the 24 classes' .*?", place, f"{balanced:.4f}")
    for name, (hits, count) in own.items():
        cell(name, place, f"{hits} of {count}")


def cell(row: str, place: int, text: str) -> None:
    """Write one cell of a table of the model page, the first that has such a row."""
    before = rf"(?m)(?<=^)(\| {row} \|(?:[^|\n]*\|){{{place}}})[^|\n]*(?=\|)"
    old = MODEL.read_text(encoding="utf-8")
    new, count = re.subn(before, lambda found: f"{found[1]} {text} ", old, count=1)
    if not count:
        print(f"model.md: mend by hand, there is no row {row}: {text}")
    MODEL.write_text(new, encoding="utf-8")


def folds(run: Path, real: Path, report: Path) -> None:
    """Write what the held-out answers say: figures, terminal, tables and README."""
    shown = gspy("evaluate", run, "--data", real, "-o", report)
    drawn = DOCS / "evaluation"
    shutil.copy(report / "confusion_normalised.png", drawn / "confusion.png")
    rename(run.name)
    command = f"$ gspy evaluate runs/train/{run.name} --data real/ -o report/\n"
    block = shown.replace(str(real), "real/").rstrip("\n")
    put(EVALUATION, re.escape(command) + r"(?s:.*?)(?=\n```)", command + block)
    column(report, BOTH)
    found = metrics(report)
    put(
        README,
        rf"it names {NUMBER} of the pictures right, and\n{NUMBER} of the glitches with "
        rf"their windows fused \({NUMBER} over",
        f"it names {found['pictures']['accuracy']:.3f} of the pictures right, and\n"
        f"{found['glitches']['accuracy']:.3f} of the glitches with their windows fused "
        f"({of_older_classes(report):.3f} over",
    )


def rename(run: str) -> None:
    """Let the pages speak of another run of folds."""
    old = re.search(r"runs/train/(\S+-folds-\d+)", EVALUATION.read_text())
    for page in (EVALUATION, MADE, DOCS / "not-run.md"):
        put(page, re.escape(old[1] if old else run), run)


def unfamiliar(tried: Path, real: Path) -> None:
    """Measure what is unfamiliar to the default model; replace its table."""
    sys.path.insert(0, str(ROOT))
    from gspy_cli.registry import find

    words = [find(None), "--simulated", tried, "--real", real]
    script = ROOT / "benchmarks" / "familiarity.py"
    run = subprocess.run(
        [sys.executable, script, *words], stdout=subprocess.PIPE, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    put(MODEL, r"\| pictures \| count \| AUROC \|.*\n(?:\|.*\n)+", run.stdout)


def main() -> None:
    """Make all that the arguments suffice for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ("folds", "real", "simulated-only", "real-only", "strain", "tried")
    for name in names:
        parser.add_argument(f"--{name}", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if given.folds and given.real:
            folds(given.folds, given.real, folder / "folds")
        if given.simulated_only and given.real:
            report = folder / "simulated"
            gspy("evaluate", given.simulated_only, "--data", given.real, "-o", report)
            column(report, SIMULATED)
        if given.real_only and given.real:
            report = folder / "real"
            gspy("evaluate", given.real_only, "--data", given.real, "-o", report)
            column(report, REAL)
        if given.folds and given.strain:
            print(gspy("evaluate", given.folds, "--data", given.strain))
        if given.tried and given.real:
            unfamiliar(given.tried, given.real)
        answers(folder)
        errors(folder)


if __name__ == "__main__":
    main()
