"""Time the Q-scan against gwpy, in one run: `python benchmarks/qscan.py`.

One event, four windows, from an array of strain to the network's input. The other
way is the usual one: gwpy's transform once, then four 800 x 600 matplotlib figures.
Times are of the CPU, the best of several; run with OMP_NUM_THREADS=1.
"""

import argparse
import resource
import sys
import time
import warnings
from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from gspy_cli.image import network_input, resize
from gspy_cli.results import WINDOWS
from gspy_cli.strain.grid import FREQUENCY_STEP_HZ, TIME_STEP_S
from gspy_cli.strain.picture import MAX_ENERGY, plot_pixels
from gspy_cli.strain.qtransform import q_scan

SIDE = 224


def strain(duration_s: float, rate_hz: int) -> NDArray[np.float64]:
    """White noise with a blip of SNR 20 or so in the middle."""
    samples = np.random.default_rng(0).normal(size=int(duration_s * rate_hz))
    time_s = np.arange(samples.size) / rate_hz - duration_s / 2
    samples += 4 * np.exp(-np.abs(time_s) / 0.002)
    return 1e-23 * samples


def our_inputs(data: NDArray, rate_hz: int, event_s: float) -> list[NDArray]:
    """Go from strain to network inputs without a figure."""
    scan = q_scan(data, sample_rate_hz=rate_hz, event_s=event_s)
    return [
        resize(plot_pixels(energies), height=SIDE, width=SIDE)
        for energies in scan.energies.values()
    ]


def gwpy_transform(data: NDArray, rate_hz: int, event_s: float):
    """Transform as Gravity Spy calls gwpy, once for all windows."""
    from gwpy.segments import Segment
    from gwpy.timeseries import TimeSeries

    half_s = max(WINDOWS) / 2
    return TimeSeries(data, sample_rate=rate_hz).q_transform(
        qrange=(4, 64),
        frange=(10, 2048),
        gps=event_s,
        search=0.5,
        tres=TIME_STEP_S,
        fres=FREQUENCY_STEP_HZ,
        outseg=Segment(event_s - half_s, event_s + half_s),
    )


def gwpy_inputs(data: NDArray, rate_hz: int, event_s: float) -> list[NDArray]:
    """Go from strain to network inputs by way of four figures."""
    spectrogram = gwpy_transform(data, rate_hz, event_s)
    return [
        network_input(
            matplotlib_figure(spectrogram, w, event_s), height=SIDE, width=SIDE
        )
        for w in WINDOWS
    ]


def matplotlib_figure(spectrogram, window_s: float, event_s: float) -> NDArray:
    """Draw one window and read the PNG back, pixels (600, 800, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from mpl_toolkits.axes_grid1 import make_axes_locatable
    from PIL import Image

    cropped = spectrogram.crop(event_s - window_s / 2, event_s + window_s / 2)
    figure = Figure(figsize=(8, 6), dpi=100)
    axes = figure.add_axes((0.125, 0.1, 0.775, 0.8))
    mesh = axes.pcolormesh(
        np.append(cropped.xindex.value, cropped.xspan[1]),
        np.append(cropped.yindex.value, cropped.yspan[1]),
        cropped.value.T,
        vmin=0,
        vmax=MAX_ENERGY,
        cmap="viridis",
    )
    axes.set_yscale("log", base=2)
    axes.set_ylim(10, cropped.yspan[1])
    axes.grid(visible=False)
    bar = make_axes_locatable(axes).append_axes("right", size="5%", pad="3%")
    figure.colorbar(mesh, cax=bar)
    file = BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    return np.asarray(Image.open(file).convert("RGB"))


def best_cpu_s(repeats: int, run: Callable[[], object]) -> float:
    """Give the least CPU time of several runs."""
    run()  # imports, caches and plans
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def peak_mb() -> float:
    """Give the most memory this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=32, help="in s")
    parser.add_argument("--rate", type=int, default=4096, help="Hz")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    data = strain(options.duration, options.rate)
    event = (data, options.rate, options.duration / 2)
    warnings.simplefilter("ignore")  # gwpy's, on 4096 Hz data

    scan_s = best_cpu_s(
        options.repeats,
        lambda: q_scan(data, sample_rate_hz=event[1], event_s=event[2]),
    )
    ours_s = best_cpu_s(options.repeats, lambda: our_inputs(*event))
    memory = peak_mb()  # before gwpy is imported
    transform_s = best_cpu_s(options.repeats, lambda: gwpy_transform(*event))
    gwpy_s = best_cpu_s(options.repeats, lambda: gwpy_inputs(*event))

    print(f"{options.duration:g} s of strain at {options.rate} Hz, four windows")
    print(f"{'CPU time in ms':28}{'gwpy':>8}{'gspy':>8}{'ratio':>8}")
    for name, theirs, own in (
        ("transform", transform_s, scan_s),
        ("strain to network input", gwpy_s, ours_s),
    ):
        print(f"{name:28}{theirs * 1e3:8.0f}{own * 1e3:8.0f}{theirs / own:8.1f}")
    print(f"peak memory of gspy, with Python: {memory:.0f} MB")


if __name__ == "__main__":
    main()
