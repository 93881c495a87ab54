"""Where models lie: those that gspy ships, and the user's own."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.home import data_home
from gspy_cli.whole import remove_left, whole_file
from gspy_cli.wording import command, did_you_mean

DEFAULT_MODEL = "efficientnet_lite0"
WEIGHTS = "best.safetensors"
"""The best weights of a training run, in its folder."""
RESERVED = ("default", "add", "list", "remove", "show")
"""Names that no model can have: a file beside the models' folders, subcommands."""
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
MAX_BYTES = 2**31  # protobuf's own limit for one file


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with a model in it: one of the registry, or a training run's."""

    path: Path

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.path / "model.onnx"

    def is_exported(self) -> bool:
        """Tell whether there is an ONNX file, not older than a run's weights."""
        weights = self.path / WEIGHTS
        return self.graph.is_file() and not (
            weights.is_file() and self.graph.stat().st_mtime < weights.stat().st_mtime
        )

    def card_of(self, graph: Path) -> ModelCard | None:
        """Give the card of one of this folder's ONNX files, where it has its own.

        A training run's card has no checksum: it describes the weights, not a graph.

        Raises
        ------
        GspyError
            The card cannot be read, or is none.
        """
        if graph != self.graph or not (self.path / "card.json").is_file():
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
        card_path = self.path / "card.json"
        return ModelCard.from_json(read(card_path), origin=str(card_path))

    def no_graph(self) -> GspyError:
        """Make the error of a folder that has a card and no graph."""
        return GspyError(f"{self.graph} is missing; add the model again")

    def holds(self, graph: bytes, card: ModelCard) -> bool:
        """Tell whether a model is here; a kill may have left it without its card."""
        card_path, text = self.path / "card.json", card.to_json().encode()
        return (
            self.graph.is_file()
            and self.graph.read_bytes() == graph
            and (not card_path.exists() or card_path.read_bytes() == text)
        )

    def fill(self, graph: bytes, card: ModelCard) -> None:
        """Write both files, or leave what is there; a folder left empty is removed.

        A kill may leave a graph with no card beside it, never with another's.
        """
        card_path = self.path / "card.json"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            remove_left(self.path)
            with (
                whole_file(card_path) as card_part,
                _kept(card_path),
                whole_file(self.graph) as graph_part,  # the first to take its place
            ):
                _write(card_part, card.to_json().encode())
                _write(graph_part, graph)
                card_path.unlink(missing_ok=True)
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


def user_path(text: str) -> Path:
    """Give a path, ~ being the user's own folder; nobody has ~nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def user_models() -> Path:
    """Give the folder of the user's own models.

    Raises
    ------
    GspyError
        There is no home folder.
    """
    return data_home() / "models"


def shipped_models() -> Path:
    """Give the folder of the models that gspy ships, in a wheel or a checkout."""
    package = Path(__file__).parent
    in_wheel = package / "models"
    return in_wheel if in_wheel.is_dir() else package.parent / "models"


def _readable() -> list[Path]:
    """List the folders of models that can be entered, the user's own first."""
    return [*_users(), shipped_models()]


def _users() -> list[Path]:
    """Give the user's folder, or nothing where there is none that can be entered."""
    with suppress(GspyError):
        if os.access(user_models(), os.X_OK):
            return [user_models()]
    return []


def installed() -> Iterator[ModelFolder]:
    """List the registry; a user's model hides a shipped one of the same name."""
    seen = set()
    for root in _readable():
        for card in sorted(root.glob("*/card.json")):
            if _is_name(card.parent.name) and card.parent.name not in seen:
                seen.add(card.parent.name)
                yield ModelFolder(card.parent)


def default_name() -> str:
    """Name the model that is used when none is asked for.

    Raises
    ------
    GspyError
        It cannot be told, as the user's own choice may not be read.
    """
    return os.environ.get("GSPY_MODEL") or _users_default() or DEFAULT_MODEL


def _users_default() -> str | None:
    """Read which model the user chose, if any; in a closed home there is none."""
    try:
        note = user_models() / "default"
    except GspyError:
        return None
    try:
        return note.read_text(encoding="utf-8").strip()
    except OSError as error:
        home = user_path("~")
        is_closed = note.is_relative_to(home) and not os.access(home, os.X_OK)
        if error.errno in ABSENT or is_closed:
            return None
        raise GspyError(
            f"cannot read {note}: {error.strerror}; name a model with -m"
        ) from None


def cards() -> Iterator[ModelCard]:
    """Give the registry's cards, but for broken ones."""
    for folder in installed():
        with suppress(GspyError):
            yield folder.card()


def new_folder(name: str, *, force: bool) -> ModelFolder:
    """Name the folder of a new model of the user's own.

    Raises
    ------
    GspyError
        The name cannot be a folder's, or, without `force`, a model has it already.
    """
    if not _is_name(name) or name in RESERVED:
        raise GspyError(f"'{name}' cannot be a model's name; give another with --name")
    folders = [ModelFolder(d / name) for d in (user_models(), shipped_models())]
    if not force and any(folder.graph.exists() for folder in folders):
        raise GspyError(
            f"there is a model '{name}' already; give another name with --name, or put "
            "this one in its place with --force"
        )
    return folders[0]


def make_default(name: str) -> None:
    """Use this model wherever none is named."""
    with whole_file(user_models() / "default") as part:
        part.write_text(name + "\n", encoding="utf-8")


def remove(name: str) -> None:
    """Delete a model from the user's registry, or what a stopped removal left of it.

    Raises
    ------
    GspyError
        The user has no model of this name, or may not remove it.
    """
    folder = ModelFolder(user_models() / name)
    gone = user_models() / f".{name}.gone"
    is_there = folder.graph.exists() or (folder.path / "card.json").exists()
    if not (_is_name(name) and (is_there or os.path.lexists(gone))):
        raise GspyError(f"you have no model '{name}' of your own; see 'gspy models'")
    is_default = _users_default() == name
    try:
        if is_default:
            (user_models() / "default").unlink()
        _delete(gone)
        if is_there:
            folder.path.rename(gone)  # at once, or not at all
            _delete(gone)
    except OSError as error:
        if is_default and folder.graph.exists():
            with suppress(OSError):
                make_default(name)
        reason = error.strerror or error
        raise GspyError(f"cannot remove {folder.path}: {reason}") from None


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def find(name: str | None) -> Path:
    """Find a model's ONNX file by its name or path; None means the default.

    Raises
    ------
    GspyError
        There is no such model; the message names those that there are.
    """
    wanted = name or default_name()
    for root in _readable():
        folder = ModelFolder(root / wanted)
        if _is_name(wanted) and folder.graph.is_file():
            return folder.graph
    path = user_path(wanted)
    if path.is_dir() and ModelFolder(path).is_exported():
        return ModelFolder(path).graph
    if path.is_file():
        return path
    if ModelFolder(path).graph.is_file():
        raise GspyError(
            f"{ModelFolder(path).graph} is older than the run's weights; "
            "'gspy export' makes a new one"
        )
    raise GspyError(_no_such_model(wanted))


def _is_name(wanted: str) -> bool:
    return not wanted.startswith(".") and Path(wanted).name == wanted


def _no_such_model(wanted: str) -> str:
    folders = {folder.path.name: folder for folder in installed()}
    if wanted in folders:
        return str(folders[wanted].no_graph())
    if wanted.endswith((".onnx", ".safetensors", ".pth", ".pt")):
        return f"there is no file {wanted}; 'gspy models' lists what is installed"
    if (folder := user_path(wanted)).is_dir():
        return f"{wanted} is a folder, but no finished run and no model{_rest(folder)}"
    hint = did_you_mean(wanted, folders)
    there = f"{hint} installed:" if hint else "; installed:"
    return f"no model '{wanted}'{there} {', '.join(folders) or 'none'}"


def _rest(folder: Path) -> str:
    """Say how a folder of folds becomes whole."""
    begun = any(folder.glob("fold-*/config.json"))
    stopped = begun and not (folder / "scores.json").exists()
    follow = command("gspy", "train", "--resume", folder)
    return f"; it goes on with {follow}" if stopped else ""


def read(path: Path) -> bytes:
    """Read one of a model's files.

    Raises
    ------
    GspyError
        The file cannot be read, or is too large for a model.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise GspyError(f"{path} is too large for a model")
        return path.read_bytes()
    except OSError as error:
        raise GspyError(f"cannot read {path}: {error.strerror}") from None
