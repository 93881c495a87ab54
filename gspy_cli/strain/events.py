"""Q-scans of events in an archive; neighbouring events share their tiles."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from gspy_cli.errors import GspyError
from gspy_cli.results import WINDOWS
from gspy_cli.strain.archive import BLOCK_S, Archive, Strain
from gspy_cli.strain.checks import MIN_DURATION_S, margin
from gspy_cli.strain.gaps import CONSTANT, is_constant, kind_of_gap
from gspy_cli.strain.memo import Memo
from gspy_cli.strain.qplane import Tiles
from gspy_cli.strain.qtransform import QScan, scan_tiles, tile_planes, whiten_strain
from gspy_cli.strain.series import Series

THREADS = 2  # that scan
DETECTORS = 4  # that may hold the events of one second: H1, L1, V1, K1
STEP_S = 0.125  # stretches are multiples of it, if long enough: for quick transforms


@dataclass(frozen=True, slots=True)
class Event:
    """A time, in GPS seconds, and the file that holds it."""

    gps: Decimal
    home: Series


_Block = tuple[Series, int]  # the file with the event, and the block's GPS second
_Stretch = tuple[_Block, int, int]  # samples of a block: the first, and the end


class Scanner:
    """Scans events. Those of one second, and shifts of one, share their tiles."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._blocks = Memo(self._read, keep=DETECTORS)
        self._tiles = Memo(self._tile, keep=DETECTORS)
        # Arrays of many threads would leave memory in pieces, so few threads scan.
        self._pool = ThreadPoolExecutor(THREADS)
        # What the threads that ask work on: a few events each, and shifts of one.
        self._scans = Memo(self._start, keep=8)

    def scan(self, event: Event, *, shift_s: float = 0.0) -> QScan:
        """Scan the strain about an event, or about a moment beside it.

        Near the edge of the strain a scan holds only the windows that fit.

        Raises
        ------
        GspyError
            The strain there cannot be scanned; the message says why.
        """
        return self._scans((event, shift_s)).result()

    def _start(self, key: tuple[Event, float]) -> Future[QScan]:
        return self._pool.submit(self._scan, key)

    def _scan(self, key: tuple[Event, float]) -> QScan:
        event, shift_s = key
        # As Gravity Spy has it: a block begins on a whole second.
        about = (event.home, round(event.gps - BLOCK_S // 2))
        block = self._blocks(about)
        part = whole_stretch(block, event.gps)
        tiles = self._tiles((about, part.start, part.stop))
        first_s = part.start / block.sample_rate_hz
        event_s = float(event.gps - block.start_gps) - first_s + shift_s
        room_s = min(event_s, tiles.duration_s - event_s)
        windows = [w for w in WINDOWS if margin(w) <= room_s]
        if not windows:
            lost = f"; {block.lost}" if block.lost else ""
            raise GspyError(no_room(min(WINDOWS)) + lost)
        return scan_tiles(tiles, event_s=event_s, windows=windows)

    def _read(self, block: _Block) -> Strain:
        return self._archive.block(*block)

    def _tile(self, stretch: _Stretch) -> Tiles:
        block, first, last = stretch
        strain = self._blocks(block)
        first_s = first / strain.sample_rate_hz
        middle_s, reach_s = BLOCK_S / 2 - first_s, 1 + max(WINDOWS)
        whitened = whiten_strain(
            strain.samples[first:last], sample_rate_hz=strain.sample_rate_hz
        )
        keep_s = (middle_s - reach_s, middle_s + reach_s)
        return tile_planes(whitened, whitened.planes, keep_s=keep_s)


def whole_stretch(strain: Strain, gps: Decimal) -> slice:
    """Find the longest stretch about an event that has no gap."""
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


def no_room(window_s: float) -> str:
    """Say why an event has no picture of this length."""
    even = "even " if window_s == min(WINDOWS) else ""
    return (
        f"too near the edge of the strain, or a gap: {even}the {window_s} s window "
        f"needs {margin(window_s):g} s on either side of the event"
    )
