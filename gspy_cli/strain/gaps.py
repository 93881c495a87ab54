"""The whole stretch between gaps that an event lies in."""

from decimal import Decimal

import numpy as np

from gspy_cli.errors import GspyError
from gspy_cli.strain.archive import Strain
from gspy_cli.strain.checks import CONSTANT, MIN_DURATION_S, is_constant, kind_of_gap

STEP_S = 0.125  # stretches are multiples of it, if long enough: for quick transforms


def whole_stretch(strain: Strain, gps: Decimal) -> slice:
    """Find the longest stretch about an event that has no gap.

    Raises
    ------
    GspyError
        The event lies in a gap, or the strain is constant.
    """
    rate_hz = Decimal(strain.sample_rate_hz)
    event = int((gps - strain.start_gps) * rate_hz)
    gap = strain.gap
    if gap[event]:
        if is_constant(strain.samples):
            raise GspyError(CONSTANT)
        raise GspyError(
            f"the strain has a gap ({kind_of_gap(strain.samples[event])}) at "
            f"GPS {gps:f}; choose another time"
        )
    before, after = np.flatnonzero(gap[:event]), np.flatnonzero(gap[event:])
    first = int(before[-1]) + 1 if before.size else 0
    last = event + int(after[0]) if after.size else gap.size
    rest = (last - first) % max(round(STEP_S * strain.sample_rate_hz), 1)
    if last - first - rest < MIN_DURATION_S * strain.sample_rate_hz:
        return slice(first, last)
    late = event - first > last - event  # the longer side is cut
    return slice(first + rest, last) if late else slice(first, last - rest)
