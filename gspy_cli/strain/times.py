"""GPS times, as numbers and as dates; exact to the nanosecond."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from gspy_cli.errors import GspyError

GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
MAX_GPS = 10**10  # the year 2296
LEAP_SECONDS_GPS = (
    *(46828800, 78364801, 109900802, 173059203, 252028804, 315187205, 346723206),
    *(393984007, 425520008, 457056009, 504489610, 551750411, 599184012, 820108813),
    *(914803214, 1025136015, 1119744016, 1167264017),
)
"""GPS time of each leap second (IERS Bulletin C; none since 2016)."""
CLOCK = re.compile(r"(?<=\d[^\d+-])\d\d(:?)\d\d\1(\d\d)(?:[.,](\d+))?")
"""The time of day in a date, to the second: its colon, second and fraction."""


def gps_time(text: str) -> Decimal:
    """Turn GPS seconds or a UTC date, as 2015-09-14T09:50:45.4, into GPS seconds.

    They are rounded to the nanosecond. A date and its time are parted by T or a space.

    Raises
    ------
    GspyError
        The text is neither.
    """
    try:
        gps = Decimal(text)
    except InvalidOperation:
        gps = _from_date(text)
    if not (gps.is_finite() and 0 <= gps < MAX_GPS):
        raise GspyError(f"'{text}' is no GPS time; give seconds since 1980-01-06")
    return round(gps, 9).normalize() + 0  # without an exponent


def _from_date(text: str) -> Decimal:
    date, fraction, leaps = text, Decimal(0), False
    if clock := CLOCK.search(text):
        fraction, leaps = Decimal(f"0.{clock[3] or 0}"), clock[2] == "60"
        second = "59" if leaps else clock[2]  # no datetime is in a leap second
        date = text[: clock.start(2)] + second + text[clock.end() :]
    try:
        if "." in date or "," in date:  # a fraction of a minute or of an hour
            raise ValueError
        gps = _from_datetime(datetime.fromisoformat(date)) + leaps
        if leaps and gps not in LEAP_SECONDS_GPS:
            raise ValueError
    except ValueError:
        raise GspyError(
            f"'{text}' is no time; give GPS seconds or a UTC date such as "
            "2015-09-14T09:50:45.4"
        ) from None
    return gps + fraction


def _from_datetime(date: datetime) -> int:
    """Give whole GPS seconds."""
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    elapsed = (date - GPS_EPOCH) // timedelta(seconds=1)
    for leap in LEAP_SECONDS_GPS:
        elapsed += elapsed >= leap
    return elapsed
