"""Measure what a picture costs the one process that names, sends and writes.

Rates are of CPU time, the best of several. Run: python benchmarks/client.py [NAMES]
"""

import argparse
import gzip
import pickle
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from resume import COLUMNS, CSV, origin

from gspy_cli import glitches, sources
from gspy_cli.cli.output import FLUSH_ROWS
from gspy_cli.cluster import TASK
from gspy_cli.labels import CLASSES
from gspy_cli.results import Prediction
from gspy_cli.samples import Name, sample_of
from gspy_cli.writers.file_formats import json_format

ROWS, REPEATS = 200 * TASK, 9
JSON = json_format(COLUMNS)


def main() -> None:
    """Print rates, and the memory that names take."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", type=int, nargs="?", default=200_000)
    count = parser.parse_args().names
    rows = predictions()
    paths = [row.origin.path for row in rows]
    samples = list(map(sample_of, paths))
    lines = [CSV.line(row, ()).encode() for row in rows]
    members = list(map(b"".join, parts(lines, FLUSH_ROWS)))
    tasks = list(map(pickle.dumps, parts(rows, TASK)))
    rate("make CSV rows", ROWS, lambda: (CSV.line(row, ()) for row in rows))
    rate("compress them", ROWS, lambda: map(gzip.compress, members))
    rate("make JSON lines", ROWS, lambda: (JSON.line(row, ()) for row in rows))
    rate("send samples", ROWS, lambda: map(pickle.dumps, parts(samples, TASK)))
    rate("receive results", ROWS, lambda: map(pickle.loads, tasks))
    print(f"a result: {sum(map(len, tasks)) / ROWS:.0f} bytes")
    rate("read names", ROWS, lambda: sources.from_paths(paths))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            name = f"H1_{number // 4:010x}_spectrogram_{2.0 ** (number % 4 - 1)}.png"
            Path(folder, name).touch()
        rate("list names", count, lambda: walk(folder))
        tracemalloc.start()
        memory("a folder that is read", count, lambda: next(walk(folder)))
        listed = (str(path) for path in Path(folder).iterdir())
        memory("--per-glitch", count, lambda: next(glitches.group(listed)))


def predictions() -> list[Prediction]:
    """Make answers as a network gives them: sure, and a little for each class."""
    rng = np.random.default_rng(0)
    drawn = rng.dirichlet([20] + [0.1] * (len(CLASSES) - 1), ROWS).astype(np.float32)
    rows = (dict(zip(CLASSES, row, strict=True)) for row in drawn.tolist())
    return [
        Prediction(origin(number), CLASSES[0], row[CLASSES[0]], row)
        for number, row in enumerate(rows)
    ]


def parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Part a list."""
    return (items[first : first + size] for first in range(0, len(items), size))


def walk(folder: str) -> Iterator[Name]:
    """Name what is in a folder."""
    return sources.walk_folder(folder, recursive=False, apart=None)


def rate(what: str, count: int, work: Callable[[], Iterable[object]]) -> None:
    """Print how many are done in a second, at best."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in work():
            pass
        times.append(time.process_time() - start)
    print(f"{what}: {count / min(times):.0f}/s")


def memory(what: str, count: int, work: Callable[[], object]) -> None:
    """Print how much names take while work goes on."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    work()
    _, most = tracemalloc.get_traced_memory()
    print(f"{what}: {(most - before) / count:.0f} MB for a million names")


if __name__ == "__main__":
    main()
