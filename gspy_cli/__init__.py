"""Classify LIGO glitches by the shape they draw in a spectrogram."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gspy_cli.api import Classifier, Failure, GspyError, Prediction, load_model

__all__ = ["Classifier", "Failure", "GspyError", "Prediction", "load_model"]
__version__ = "0.1.0"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read as ONNX Runtime loads


if not TYPE_CHECKING:  # checkers would take every name for one of the package

    def __getattr__(name: str) -> object:
        """Import the interface when it is asked for: the command line does without."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from gspy_cli import api

        return getattr(api, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
