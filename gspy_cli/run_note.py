"""What a run was asked for, as an output notes it; another run is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

from gspy_cli.errors import GspyError


def check(noted: bytes, run: Mapping[str, object], path: Path) -> None:
    """Refuse an output whose note, `noted`, is of another run than this one.

    Raises
    ------
    GspyError
        It was made by a run of another kind, or by something else.
    """
    try:
        before = dict(json.loads(noted))
    except (ValueError, TypeError, RecursionError):
        raise GspyError(
            f"{path} was not made by gspy classify; --overwrite replaces it"
        ) from None
    if before != run:
        raise GspyError(f"{path} {_difference(before, run)}; --overwrite replaces it")


def _difference(noted: Mapping[str, object], run: Mapping[str, object]) -> str:
    for name, wanted in run.items():
        if name in noted and noted[name] != wanted:
            return _unlike(name, noted[name], wanted)
    return "was made by another version of gspy"


def _unlike(name: str, before: object, wanted: object) -> str:
    """Say in what two runs differ; of long lists, only that."""
    option = f"--{name.replace('_', '-')}"
    match before, wanted:
        case list(), list():
            words = [f"without {c}" for c in wanted if c not in before]
            words += [f"with {c}" for c in before if c not in wanted]
            return f"was made with other {name} ({', '.join(words[:3]) or 'order'})"
        case bool(), bool():
            return f"was made {'with' if before else 'without'} {option}"
        case None, _:
            return f"was made without {option}"
        case _, None:
            return f"was made with {option} {before}"
        case _:
            return f"was made with {name} {before}, this run has {wanted}"
