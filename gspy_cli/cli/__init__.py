"""The `gspy` command: one file per subcommand, and what they all share.

A command's parameters are its options, so some commands are long; no other function is.
"""

import gc
import os

# numpy would start one BLAS thread a core at import; no command gains by them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Looking for garbage while modules load takes a tenth of a short run.
gc.set_threshold(100_000)

from gspy_cli.cli.app import app, main  # noqa: E402

__all__ = ["app", "main"]
