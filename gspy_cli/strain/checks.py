"""What strain must be like before a Q-scan makes sense."""

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.whitening import TAPER_S

MIN_DURATION_S = 8.0
FLAT_S = 0.1  # a longer run of one value is a gap


def check_strain(
    strain: NDArray[np.floating],
    *,
    sample_rate_hz: float,
    event_s: float,
    longest_window_s: float,
    high_hz: float,
) -> None:
    """Refuse strain of which no honest Q-scan can be made.

    Raises
    ------
    GspyError
        With the reason and the remedy.
    """
    _check_rate(sample_rate_hz, high_hz)
    _check_extent(strain.size / sample_rate_hz, event_s, longest_window_s)
    _check_values(strain, sample_rate_hz)


def _check_rate(sample_rate_hz: float, high_hz: float) -> None:
    if sample_rate_hz < 2 * high_hz:
        raise GspyError(
            f"the sample rate is too low: {sample_rate_hz:g} Hz, and pictures up to "
            f"{high_hz:g} Hz need {2 * high_hz:g} Hz; use the 4 kHz or 16 kHz data"
        )
    if sample_rate_hz != int(sample_rate_hz):
        raise GspyError(
            f"the sample rate is {sample_rate_hz} Hz, not a whole number; "
            "resample the strain first"
        )


def _check_extent(duration_s: float, event_s: float, longest_window_s: float) -> None:
    if duration_s < MIN_DURATION_S:
        raise GspyError(
            f"the strain is too short: {duration_s:g} s, and at least "
            f"{MIN_DURATION_S:g} s are needed (Gravity Spy uses 64 s); read more"
        )
    margin_s = longest_window_s / 2 + TAPER_S
    if not margin_s <= event_s <= duration_s - margin_s:
        raise GspyError(
            f"the event, {event_s:g} s into {duration_s:g} s of strain, is too near "
            f"the edge; read at least {margin_s:g} s on either side of it"
        )


def _check_values(strain: NDArray[np.floating], sample_rate_hz: float) -> None:
    bad = np.flatnonzero(~np.isfinite(strain))
    if bad.size:
        raise GspyError(
            f"the strain has a gap (NaN) {bad[0] / sample_rate_hz:g} s after its "
            "start; choose a stretch without gaps"
        )
    changes = np.flatnonzero(np.diff(strain))
    if changes.size == 0:
        raise GspyError(
            "the strain is constant: the detector was off, or this is not a strain "
            "channel; choose another time or --channel"
        )
    edges = np.concatenate([[-1], changes, [strain.size - 1]])
    runs = np.diff(edges)
    if runs.max() > FLAT_S * sample_rate_hz:
        start_s = (edges[runs.argmax()] + 1) / sample_rate_hz
        raise GspyError(
            f"the strain has a gap (one value repeated) {start_s:g} s after its "
            "start; choose a stretch without gaps"
        )
