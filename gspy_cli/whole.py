"""Write a file whole or not at all, and say why one cannot be written."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gspy_cli.errors import GspyError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; at the end it takes the place of `path`.

    If anything goes wrong, the old file stands as it was and nothing is left beside it.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file or folder that cannot be written, and why.

    Raises
    ------
    GspyError
        It cannot be.
    """
    try:
        yield
    except BrokenPipeError:  # of a standard stream
        raise
    except OSError as error:
        raise GspyError(f"cannot write {path}: {error.strerror or error}") from None
