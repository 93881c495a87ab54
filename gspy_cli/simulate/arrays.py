"""Arrays in files, whole or not at all."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gspy_cli.whole import whole_file


def save(path: Path, array: NDArray[Any]) -> None:
    """Write `.npy`; only one process may write the file."""
    content = BytesIO()  # numpy, writing to a file, tells of a full disk without errno
    np.save(content, array)
    with whole_file(path, alone=True) as part:
        part.write_bytes(content.getbuffer())
