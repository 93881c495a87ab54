"""What long work calls with how far it is, and with what it notes."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Takes how much is done, and of how much."""
Stages = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and of how much."""
OnNote = Callable[[str], None]
"""Takes a warning of one line."""


def ignore(*_: object) -> None:
    """Take a report and do nothing."""
