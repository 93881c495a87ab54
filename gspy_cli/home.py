"""The user's own folders: ~, of what is kept, and of what can be made again."""

from collections.abc import Callable
from pathlib import Path

from gspy_cli.errors import GspyError


def data_home() -> Path:
    """Give the folder of what is kept: models, data sets.

    Raises
    ------
    GspyError
        There is no home folder.
    """
    import platformdirs

    return _find(platformdirs.user_data_path, "XDG_DATA_HOME")


def cache_home() -> Path:
    """Give the folder of what can be made again: decoded pictures, open strain.

    Raises
    ------
    GspyError
        There is no home folder.
    """
    import platformdirs

    return _find(platformdirs.user_cache_path, "XDG_CACHE_HOME")


def user_path(text: str) -> Path:
    """Give a path, ~ being the user's own folder; nobody has ~nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _find(path: Callable[..., Path], variable: str) -> Path:
    try:
        return path("gspy", appauthor=False)
    except RuntimeError:
        raise GspyError(
            f"no home folder: set HOME or {variable} to a folder that you can write"
        ) from None
