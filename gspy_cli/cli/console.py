"""The console of tables and bars: rich's, with two of its ways mended."""

import os
from typing import Any

import rich.console


class Console(rich.console.Console):
    """Lets a closed pipe end the command, and takes no size of 0 from COLUMNS."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        environment = dict(os.environ)
        for name in ("COLUMNS", "LINES"):
            if not environment.get(name, "").strip("0"):
                environment.pop(name, None)
        super().__init__(**options, _environ=environment)

    def on_broken_pipe(self) -> None:
        """Leave it to the app, which ends the command as for other output."""
        raise BrokenPipeError
