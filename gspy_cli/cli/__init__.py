"""The `gspy` command: one file per subcommand, and what they all share."""

import os

# numpy would start one BLAS thread a core at import; no command uses them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from gspy_cli.cli.app import app, main

__all__ = ["app", "main"]
