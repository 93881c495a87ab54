"""Strain in GWF frames, read with gwframe."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.series import CHUNK_S, Series, detector
from gspy_cli.wording import reason

Span = tuple[Decimal, Decimal]  # GPS start and duration, in s


def list_series(path: Path) -> list[Series]:
    """List the channels of a frame file, for each run of frames without a break."""
    with _gwframe(path) as gwframe:
        frames = sorted(
            (Decimal(str(frame.start)), Decimal(str(frame.duration)))
            for frame in gwframe.inspect.get_info(path).frames
        )
        channels = gwframe.inspect.get_channel_details(path)
    return [
        _series(path, channel.name, channel.sample_rate, run)
        for channel in channels
        if channel.sample_rate > 0
        for run in _unbroken(frames)
    ]


def read_samples(series: Series, first: int, last: int) -> NDArray[np.floating]:
    """Read a stretch; its frames, in any order in the file, are unpacked whole.

    Samples are NaN where a channel has none in its frame, or marks them as invalid.
    """
    samples = np.empty(0)
    with _gwframe(series.path) as gwframe, gwframe.FrameReader(series.path) as reader:
        for frame in reader.info.frames:
            size = round(frame.duration * series.rate_hz)
            place = _samples_to(series, frame.start) - first
            if not -size < place < last - first:
                continue
            data = reader.read(
                series.key, frame_index=frame.index, allow_invalid=True, aux_mask=True
            )
            if not np.isclose(data.sample_rate, series.rate_hz):
                raise ValueError(
                    f"a frame is sampled at {data.sample_rate:g} Hz, the first at "
                    f"{series.rate_hz:g} Hz"
                )
            begin = _samples_to(series, data.start) - first  # perhaps inside its frame
            held: NDArray[np.floating] = data.array
            if data.mask is not None:
                held = np.where(data.mask, np.nan, held)
            inside = held[max(-begin, 0) : max(last - first - begin, 0)]
            if inside.size == last - first:  # perhaps an hour: not copied
                return inside
            if not samples.size:
                samples = np.full(last - first, np.nan)
            samples[max(begin, 0) :][: inside.size] = inside
        if not samples.size:
            raise ValueError(f"it holds less of {series.key} than it did")
    return samples


def _samples_to(series: Series, gps: float) -> int:
    """Count the samples from a series' start to a time."""
    return round((Decimal(str(gps)) - series.start_gps) * Decimal(series.rate_hz))


@contextmanager
def _gwframe(path: Path) -> Iterator[Any]:
    """Give the gwframe package, and put its errors in a user's words."""
    try:
        import gwframe
    except ImportError:
        raise GspyError(
            "reading GWF frames needs gwframe (Linux and macOS): pip install gwframe"
        ) from None
    try:
        yield gwframe
    except Exception as error:  # noqa: BLE001, gwframe's own have no common base
        raise GspyError(f"{path.name} cannot be read as GWF: {reason(error)}") from None


def _unbroken(frames: list[Span]) -> list[list[Span]]:
    """Split frames where one does not begin at the end of the last."""
    runs = [frames[:1]]
    for last, frame in pairwise(frames):
        if frame[0] != sum(last):
            runs.append([])
        runs[-1].append(frame)
    return runs


def _series(path: Path, channel: str, rate_hz: float, run: list[Span]) -> Series:
    duration_s = sum(duration for _, duration in run)
    chunk_s = max(float(run[0][1]), CHUNK_S)  # a frame is always unpacked whole
    return Series(
        path=path,
        key=channel,
        channel=channel,
        ifo=detector(path, channel),
        start_gps=run[0][0],
        rate_hz=round(rate_hz, 6),
        size=round(float(duration_s) * rate_hz),
        chunk=round(chunk_s * rate_hz),
    )
