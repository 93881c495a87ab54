"""Where models lie: those that gspy ships, and the user's own."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.home import data_home, user_path
from gspy_cli.model_folder import ModelFolder
from gspy_cli.whole import whole_file
from gspy_cli.wording import command, did_you_mean

DEFAULT_MODEL = "efficientnet_lite0"
RESERVED = ("default", "add", "list", "remove", "show")
"""Names that no model can have: a file beside the models' folders, subcommands."""
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


def user_models() -> Path:
    """Give the folder of the user's own models."""
    return data_home() / "models"


def shipped_models() -> Path:
    """Give the folder of the models that gspy ships, in a wheel or a checkout."""
    package = Path(__file__).parent
    in_wheel = package / "models"
    return in_wheel if in_wheel.is_dir() else package.parent / "models"


def _readable() -> list[Path]:
    """List the folders of models that can be entered, the user's own first."""
    with suppress(GspyError):
        if os.access(user_models(), os.X_OK):
            return [user_models(), shipped_models()]
    return [shipped_models()]


def installed() -> Iterator[ModelFolder]:
    """List the registry; a user's model hides a shipped one of the same name."""
    seen = set()
    for root in _readable():
        files = (*root.glob("*/card.json"), *root.glob("*/model.onnx"))
        for path in sorted({file.parent for file in files}):
            if _is_name(path.name) and path.name not in seen:
                seen.add(path.name)
                yield ModelFolder(path)


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


def new_folder(name: str, *, force: bool) -> ModelFolder:
    """Name the folder of a new model of the user's own."""
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
    is_there = folder.graph.exists() or folder.card_file.exists()
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
    folder = ModelFolder(path)
    if folder.is_exported():
        return folder.graph
    if path.is_file():
        return path
    if folder.graph.is_file():
        raise GspyError(
            f"{folder.graph} is older than the run's weights; "
            "'gspy export' makes a new one"
        )
    raise GspyError(_no_such_model(wanted))


def _is_name(wanted: str) -> bool:
    return not wanted.startswith(".") and Path(wanted).name == wanted


def _no_such_model(wanted: str) -> str:
    folders = {folder.path.name: folder for folder in installed()}
    if wanted in folders:
        return str(folders[wanted].no_graph())
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
