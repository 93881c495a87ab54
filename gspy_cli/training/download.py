"""Download the Gravity Spy training set: resumable, checked, safely unpacked.

Gravity Spy's training set v1.1 (Bahaadini et al. 2018), Zenodo 1476551, CC BY 4.0.
"""

import hashlib
import json
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from gspy_cli.callbacks import Stages, ignore
from gspy_cli.errors import GspyError
from gspy_cli.home import data_home
from gspy_cli.whole import alone_in, writing

RECORD = "https://zenodo.org/api/records/1476551"
METADATA = "trainingset_v1d1_metadata.csv"
PICTURES = "trainingsetv1d1.tar.gz"
CHUNK = 1 << 20  # bytes
ATTEMPTS = 5
"""Tries in a row without a new byte before a download is given up."""
TIMEOUT_S = 60.0
BROKEN = (URLError, HTTPException, ConnectionError, TimeoutError)
DAMAGED = (tarfile.TarError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a Zenodo record; `size` in bytes, `md5` in hexadecimal."""

    name: str
    url: str
    size: int
    md5: str


def data_folder() -> Path:
    """Name the folder that data sets lie in."""
    return data_home() / "data"


def default_data(root: Path | None = None) -> tuple[Path, str]:
    """Choose the data to train on when none are named; say in a line which.

    Raises
    ------
    GspyError
        Nothing is downloaded.
    """
    root = root if root is not None else data_folder()
    downloaded = root / "gravity-spy" / METADATA
    if downloaded.exists():
        return downloaded, f"training on the Gravity Spy training set in {root}"
    raise GspyError(
        "no data to train on: run gspy data get gravity-spy, or give a folder of "
        "class folders with --data (gspy simulate makes one)"
    )


def get_gravity_spy(
    folder: Path, *, record: str = RECORD, on_progress: Stages = ignore
) -> Path:
    """Download and unpack the training set; give its table, to be used as `--data`.

    What is there already stays; a broken download goes on where it stopped.

    Raises
    ------
    GspyError
        It cannot be had or written, or another process downloads into the folder.
    """
    if not hasattr(tarfile, "data_filter"):
        raise GspyError(
            "Python 3.11.4 or later is needed to unpack the training set safely: "
            "install gspy in one"
        )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder):
            files = {remote.name: remote for remote in list_files(record)}
            if missing := {METADATA, PICTURES} - files.keys():
                names = ", ".join(sorted(missing))
                raise GspyError(f"{record} has no {names}: see its page")
            for name in (METADATA, PICTURES):
                download(files[name], folder / name, on_progress=on_progress)
            unpack(folder / PICTURES, folder / "pictures")
    return folder / METADATA


def list_files(record: str) -> list[RemoteFile]:
    """Ask Zenodo for a record's files."""
    try:
        with urlopen(record, timeout=TIMEOUT_S) as answer:
            values: dict[str, Any] = json.load(answer)
        return [
            RemoteFile(
                entry["key"],
                entry["links"]["self"],
                entry["size"],
                entry["checksum"].removeprefix("md5:"),
            )
            for entry in values["files"]
        ]
    except (OSError, HTTPException) as error:
        raise GspyError(
            f"cannot reach {record} ({error}): try again with an internet connection"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise GspyError(f"{record} is no Zenodo record: mend the address") from None


def download(remote: RemoteFile, path: Path, *, on_progress: Stages) -> None:
    """Fetch a file, going on after breaks, and check it before it gets its name."""
    if path.exists() and path.stat().st_size == remote.size:
        return
    part = path.with_name(path.name + ".part")
    part.touch()
    idle = 0
    while (have := part.stat().st_size) < remote.size:
        problem = fetch(remote, part, on_progress=on_progress)
        idle = 0 if part.stat().st_size > have else idle + 1
        if idle == ATTEMPTS:
            raise GspyError(
                f"{remote.name} broke off after {have} of {remote.size} bytes "
                f"({problem}): run the same command again to go on from there"
            )
    if checksum(part) != remote.md5:
        part.unlink()
        raise GspyError(f"{remote.name} came damaged: run the same command again")
    part.replace(path)


def fetch(remote: RemoteFile, part: Path, *, on_progress: Stages) -> str:
    """Add to a part of a file until the connection ends; say what ended it."""
    have = part.stat().st_size
    request = Request(remote.url, headers={"Range": f"bytes={have}-"})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            have = have if answer.status == 206 else 0
            with part.open("ab" if have else "wb") as file:
                for piece in pieces(answer, remote.size - have):
                    have += file.write(piece)
                    on_progress(remote.name, have, remote.size)
    except BROKEN as error:
        return str(error) or type(error).__name__
    return "connection closed"


def pieces(answer: HTTPResponse, size: int) -> Iterator[bytes]:
    """Read an answer piece by piece, no more than `size` bytes."""
    while size:
        try:
            piece = answer.read1(CHUNK)[:size]
        except OSError as error:  # a route or a network that is gone, among others
            raise ConnectionError(str(error)) from None
        if not piece:
            return
        size -= len(piece)
        yield piece


def checksum(path: Path) -> str:
    """Give a file's MD5, which is what Zenodo states."""
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.md5(usedforsecurity=False)
        ).hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive into a new folder; nothing may land outside it."""
    if folder.exists():
        return
    half = folder.with_name(f".{folder.name}.part")
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(half, filter="data")
        half.replace(folder)
    except DAMAGED as error:
        raise GspyError(
            f"{archive} is not safe or not whole ({error}): "
            "remove it and download again"
        ) from None
    finally:
        shutil.rmtree(half, ignore_errors=True)
