"""Measure the memory and time that a run needs to go on with a file of many rows.

Linux only. Run: python benchmarks/resume.py [ROWS]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from gspy_cli import journal
from gspy_cli.labels import CLASSES
from gspy_cli.results import Key, Origin, Prediction
from gspy_cli.writers import Columns
from gspy_cli.writers.file_formats import csv_format

COLUMNS = Columns(CLASSES, "model")
CSV = csv_format(COLUMNS)
RUN = {"model": COLUMNS.model_name}


def origin(number: int) -> Origin:
    """Give the origin of a picture as it may lie in an archive."""
    name = f"{number:010x}"
    path = f"/data/gravityspy/2019-04-{number % 30}/H1_{name}_spectrogram_1.0.png"
    return Origin(path, "H1", name, 1.0)


def key(number: int) -> Key:
    """Give the key of a picture's row."""
    return COLUMNS.key([origin(number)])


def write(path: Path, rows: int) -> None:
    """Write a table as a run would leave it."""
    scores = dict.fromkeys(CLASSES, 1 / len(CLASSES))
    with path.open("w", encoding="utf-8") as file:
        file.write(CSV.header)
        for number in range(rows):
            row = Prediction(origin(number), "Blip", scores["Blip"], scores)
            file.write(CSV.line(row, ()))
    path.with_name(f"{path.name}.journal").write_text(json.dumps(RUN))


def resident_mb() -> float:
    """Read the resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    """Write a table, go on with it and ask for every row."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        write(path, rows)
        before, start = resident_mb(), time.process_time()
        with journal.hold(path, overwrite=False) as held:
            output = journal.take_up(
                held, run=RUN, records=CSV.records, overwrite=False
            )
            read = time.process_time()
            places = map(output.done.take, map(key, range(rows)))
            done = sum(place is not None for place in places)
            found = time.process_time()
            print(f"{resident_mb() - before:.0f} MB for {rows} rows", end=", ")
    assert done == rows
    print(
        f"read at {rows / (read - start):.0f}/s, asked at {rows / (found - read):.0f}/s"
    )


if __name__ == "__main__":
    main()
