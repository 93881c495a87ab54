"""What strain must be like before a Q-scan makes sense."""

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.gaps import CONSTANT, gaps, is_constant, kind_of_gap
from gspy_cli.strain.whitening import TAPER_S

MIN_DURATION_S = 8.0


def check_strain(
    strain: NDArray[np.floating], *, sample_rate_hz: float, high_hz: float
) -> None:
    """Refuse strain of which no honest Q-scan can be made."""
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
    duration_s = strain.size / sample_rate_hz
    if duration_s < MIN_DURATION_S:
        raise GspyError(
            f"the strain is too short: {duration_s:g} s without a gap, and at least "
            f"{MIN_DURATION_S:g} s are needed (Gravity Spy uses 64 s); read more"
        )
    gap = np.flatnonzero(gaps(strain, sample_rate_hz))
    if gap.size and is_constant(strain):
        raise GspyError(CONSTANT)
    if gap.size:
        raise GspyError(
            f"the strain has a gap ({kind_of_gap(strain[gap[0]])}) "
            f"{gap[0] / sample_rate_hz:g} s after its start; choose a stretch without "
            "gaps"
        )


def check_event(duration_s: float, event_s: float, window_s: float) -> None:
    """Refuse an event whose window reaches beyond what whitening leaves."""
    margin_s = margin(window_s)
    if not margin_s <= event_s <= duration_s - margin_s:
        raise GspyError(
            f"the event, {event_s:g} s into {duration_s:g} s of strain, is too near "
            f"the edge; read at least {margin_s:g} s on either side of it"
        )


def margin(window_s: float) -> float:
    """Tell how much strain a window needs on either side of the event, in s."""
    return window_s / 2 + TAPER_S
