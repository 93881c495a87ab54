"""A model's folder: an ONNX file and its card, written both or neither."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.whole import whole_file

WEIGHTS = "best.safetensors"
"""The best weights of a training run, in its folder."""
MAX_BYTES = 2**31  # protobuf's own limit for one file


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with a model in it: one of the registry, or a training run's."""

    path: Path

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.path / "model.onnx"

    @property
    def card_file(self) -> Path:
        """The card as JSON."""
        return self.path / "card.json"

    def is_exported(self) -> bool:
        """Tell whether there is an ONNX file, not older than a run's weights."""
        weights = self.path / WEIGHTS
        return self.graph.is_file() and not (
            weights.is_file() and self.graph.stat().st_mtime < weights.stat().st_mtime
        )

    def card_of(self, graph: Path) -> ModelCard | None:
        """Give the card of one of this folder's ONNX files, where it has its own.

        A training run's card has no checksum: it describes the weights, not a graph.
        """
        if graph != self.graph or not self.card_file.is_file():
            return None
        card = self.card()
        return card if card.sha256 else None

    def card(self) -> ModelCard:
        """Read the folder's card.

        Raises
        ------
        GspyError
            The card cannot be read, or is none.
        """
        return ModelCard.from_json(read(self.card_file), origin=str(self.card_file))

    def no_graph(self) -> GspyError:
        """Make the error of a folder that has a card and no graph."""
        return GspyError(f"{self.graph} is missing; add the model again")

    def holds(self, graph: bytes) -> bool:
        """Tell whether a model is here; a kill may have left it without its card."""
        return self.graph.is_file() and self.graph.read_bytes() == graph

    def fill(self, graph: bytes, card: ModelCard) -> None:
        """Write both files, or leave what is there; a folder left empty is removed.

        A kill may leave a graph with no card beside it, never with another's.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (
                whole_file(self.card_file) as card_part,
                _kept(self.card_file),
                whole_file(self.graph) as graph_part,  # the first to take its place
            ):
                _write(card_part, card.to_json().encode())
                _write(graph_part, graph)
                self.card_file.unlink(missing_ok=True)
        finally:
            with suppress(OSError):
                self.path.rmdir()


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Put a file back, should it be gone when something fails."""
    content = path.read_bytes() if path.exists() else None
    try:
        yield
    except OSError:
        if content is not None and not path.exists():
            path.write_bytes(content)
        raise


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def weights_path(path: Path) -> Path:
    """Name the best weights of a run, or a checkpoint itself."""
    return path / WEIGHTS if path.is_dir() else path


def read(path: Path) -> bytes:
    """Read one of a model's files."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise GspyError(f"{path} is too large for a model")
        return path.read_bytes()
    except OSError as error:
        raise GspyError(f"cannot read {path}: {error.strerror}") from None
