"""Trouble with the folder that a command writes to, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gspy_cli.errors import GspyError


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Put into a user's words why a folder cannot be written."""
    try:
        yield
    except BrokenPipeError:  # of a standard stream
        raise
    except OSError as error:
        reason = error.strerror or error
        raise GspyError(f"cannot write to {folder}: {reason}") from None
