"""What strain must be like before a Q-scan makes sense."""

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.whitening import TAPER_S

MIN_DURATION_S = 8.0
FLAT_S = 0.1  # a longer run of one value is a gap
ZEROS_S = 0.002  # and so is one of zeros


def check_strain(
    strain: NDArray[np.floating], *, sample_rate_hz: float, high_hz: float
) -> None:
    """Refuse strain of which no honest Q-scan can be made.

    Raises
    ------
    GspyError
        With the reason and the remedy.
    """
    check_rate(sample_rate_hz, high_hz)
    duration_s = strain.size / sample_rate_hz
    if duration_s < MIN_DURATION_S:
        raise GspyError(
            f"the strain is too short: {duration_s:g} s, and at least "
            f"{MIN_DURATION_S:g} s are needed (Gravity Spy uses 64 s); read more"
        )
    _check_values(strain, sample_rate_hz)


def check_event(duration_s: float, event_s: float, window_s: float) -> None:
    """Refuse an event whose window reaches beyond what whitening leaves.

    Raises
    ------
    GspyError
        The event is too near the start or the end.
    """
    margin_s = margin(window_s)
    if not margin_s <= event_s <= duration_s - margin_s:
        raise GspyError(
            f"the event, {event_s:g} s into {duration_s:g} s of strain, is too near "
            f"the edge; read at least {margin_s:g} s on either side of it"
        )


def margin(window_s: float) -> float:
    """Tell how much strain a window needs on either side of the event, in s."""
    return window_s / 2 + TAPER_S


def check_rate(sample_rate_hz: float, high_hz: float) -> None:
    """Refuse strain that is sampled too coarsely, or at an odd rate."""
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


def gaps(samples: NDArray[np.floating], sample_rate_hz: float) -> NDArray[np.bool_]:
    """Tell which samples (n,) are no data: not finite, or a long run of one value."""
    gap: NDArray[np.bool_] = ~np.isfinite(samples)
    same = np.concatenate([[False], samples[1:] == samples[:-1], [False]])
    runs = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2)  # first and last
    lengths = 1 + np.ptp(runs, axis=1)
    most_s = np.where(samples[runs[:, 0]] == 0, ZEROS_S, FLAT_S)
    for first, last in runs[lengths > most_s * sample_rate_hz]:
        gap[first : last + 1] = True
    return gap


def is_constant(samples: NDArray[np.floating]) -> bool:
    """Tell whether all finite samples (n,) are the same."""
    known = samples[np.isfinite(samples)]
    return bool(known.size and (known == known[0]).all())


def kind_of_gap(sample: float) -> str:
    """Say what a gap consists of, by one sample in it."""
    if np.isfinite(sample):
        return "one value repeated" if sample else "zeros"
    return "NaN" if np.isnan(sample) else "infinite"


CONSTANT = (
    "the strain is constant: the detector was off, or this is not a strain channel; "
    "choose another time or --channel"
)


def _check_values(strain: NDArray[np.floating], sample_rate_hz: float) -> None:
    gap = np.flatnonzero(gaps(strain, sample_rate_hz))
    if not gap.size:
        return
    if is_constant(strain):
        raise GspyError(CONSTANT)
    raise GspyError(
        f"the strain has a gap ({kind_of_gap(strain[gap[0]])}) "
        f"{gap[0] / sample_rate_hz:g} s after its start; choose a stretch without gaps"
    )
