"""The training set's download, from a server on this machine that breaks off."""

import errno
import hashlib
import io
import json
import os
import tarfile
import threading
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from gspy_cli.errors import GspyError
from gspy_cli.training.data import read_dataset
from gspy_cli.training.download import (
    METADATA,
    PICTURES,
    default_data,
    get_gravity_spy,
    pieces,
)
from gspy_cli.whole import alone_in


def tar_of(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


TABLE = (
    b"ifo,gravityspy_id,label,sample_type\n"
    b"H1,abc,Blip,train\nL1,def,Whistle,validation\n"
)
NOISE = np.random.default_rng(0).bytes(100_000)
ARCHIVE = tar_of(
    {
        "TrainingSet/Blip/H1_abc_spectrogram_0.5.png": NOISE,
        "TrainingSet/Whistle/L1_def_spectrogram_0.5.png": b"b",
    }
)


class Zenodo(ThreadingHTTPServer):
    """Serve a record; each answer ends after `limit` bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {METADATA: TABLE, PICTURES: ARCHIVE}
        self.checksums = {n: hashlib.md5(c).hexdigest() for n, c in self.files.items()}
        self.limit = 10**9
        self.resumes = True
        self.starts: list[tuple[str, int]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def record(self) -> bytes:
        files = [
            {
                "key": name,
                "size": len(content),
                "checksum": f"md5:{self.checksums[name]}",
                "links": {"self": f"{self.address}/{name}"},
            }
            for name, content in self.files.items()
        ]
        return json.dumps({"files": files}).encode()


class Handler(BaseHTTPRequestHandler):
    server: Zenodo

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        if name == "record":
            return self.answer(200, self.server.record(), 10**9)
        if name not in self.server.files:
            return self.answer(200, b"no record", 10**9)
        start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        start = start if self.server.resumes else 0
        self.server.starts.append((name, start))
        content = self.server.files[name][start:]
        return self.answer(206 if start else 200, content, self.server.limit)

    def answer(self, status: int, content: bytes, limit: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:limit])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def zenodo():
    server = Zenodo()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get_from(record, folder, **options):
    if not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python cannot unpack safely")
    return get_gravity_spy(folder, record=record, **options)


def get(zenodo, folder, **options):
    return get_from(f"{zenodo.address}/record", folder, **options)


def test_the_training_set_is_downloaded_unpacked_and_readable(zenodo, tmp_path):
    found = read_dataset(get(zenodo, tmp_path))
    assert [(e.path.name, e.label, e.split) for e in found.examples] == [
        ("H1_abc_spectrogram_0.5.png", "Blip", "train"),
        ("L1_def_spectrogram_0.5.png", "Whistle", "validation"),
    ]
    assert found.examples[0].path.read_bytes() == NOISE


def test_a_connection_that_breaks_off_is_taken_up_where_it_ended(zenodo, tmp_path):
    zenodo.limit = 15_000
    get(zenodo, tmp_path)
    starts = [start for name, start in zenodo.starts if name == PICTURES]
    assert starts == [0, 15_000, 30_000, 45_000, 60_000, 75_000, 90_000]
    assert (tmp_path / PICTURES).read_bytes() == ARCHIVE


def test_a_network_that_is_gone_for_a_while_is_tried_again(
    zenodo, tmp_path, monkeypatch
):
    read, gone = HTTPResponse.read1, iter([True])

    def read1(answer, count):
        if next(gone, False):
            raise OSError(errno.EHOSTUNREACH, "No route to host")
        return read(answer, count)

    monkeypatch.setattr(HTTPResponse, "read1", read1)
    get(zenodo, tmp_path)
    assert (tmp_path / PICTURES).read_bytes() == ARCHIVE


def test_a_download_that_was_stopped_goes_on(zenodo, tmp_path):
    (tmp_path / f"{PICTURES}.part").write_bytes(ARCHIVE[:70_000])
    get(zenodo, tmp_path)
    assert (PICTURES, 70_000) in zenodo.starts
    assert (tmp_path / PICTURES).read_bytes() == ARCHIVE


def test_a_server_that_cannot_resume_starts_again(zenodo, tmp_path):
    zenodo.resumes = False
    (tmp_path / f"{PICTURES}.part").write_bytes(b"something else")
    get(zenodo, tmp_path)
    assert (tmp_path / PICTURES).read_bytes() == ARCHIVE


def test_what_is_there_is_not_downloaded_again(zenodo, tmp_path):
    get(zenodo, tmp_path)
    zenodo.starts.clear()
    get(zenodo, tmp_path)
    assert zenodo.starts == []


def test_a_file_that_is_not_whole_is_downloaded_again(zenodo, tmp_path):
    (tmp_path / METADATA).write_bytes(TABLE[:20])
    get(zenodo, tmp_path)
    assert (tmp_path / METADATA).read_bytes() == TABLE


def test_no_more_is_written_than_a_file_is_long():
    assert list(pieces(io.BytesIO(b"cdefgh"), 3)) == [b"cde"]


def test_progress_counts_bytes_to_the_end(zenodo, tmp_path):
    reports = []
    get(zenodo, tmp_path, on_progress=lambda *report: reports.append(report))
    done = [done for name, done, _ in reports if name == PICTURES]
    assert done == sorted(done)
    assert done[-1] == len(ARCHIVE)


def test_a_server_that_sends_nothing_more_ends_with_advice(zenodo, tmp_path):
    zenodo.limit = 0
    with pytest.raises(GspyError, match=r"after 0 of .* run the same command again"):
        get(zenodo, tmp_path)


def test_a_damaged_download_is_removed(zenodo, tmp_path):
    zenodo.checksums[PICTURES] = "0" * 32
    with pytest.raises(GspyError, match=r"came damaged: run the same command again"):
        get(zenodo, tmp_path)
    assert not list(tmp_path.glob(f"{PICTURES}*"))


@pytest.mark.parametrize("name", ["../outside.png", "/tmp/outside.png"])
def test_an_archive_that_reaches_outside_is_not_unpacked(zenodo, tmp_path, name):
    content = tar_of({"good.png": b"a", name: b"b"})
    zenodo.files[PICTURES] = content
    zenodo.checksums[PICTURES] = hashlib.md5(content).hexdigest()
    if name.startswith("/"):  # the filter takes the slash away: it lands inside
        get(zenodo, tmp_path / "set")
        assert (tmp_path / "set" / "pictures" / name.lstrip("/")).exists()
        return
    with pytest.raises(GspyError, match=r"is not safe or not whole"):
        get(zenodo, tmp_path / "set")
    assert not (tmp_path / "set" / "pictures").exists()
    assert not list(tmp_path.rglob("outside.png"))


def test_a_python_that_cannot_unpack_safely_downloads_nothing(
    zenodo, tmp_path, monkeypatch
):
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    with pytest.raises(GspyError, match=r"^Python 3\.11\.4 or later is needed"):
        get_gravity_spy(tmp_path, record=f"{zenodo.address}/record")
    assert zenodo.starts == []


def test_no_network_is_an_error(tmp_path):
    with pytest.raises(
        GspyError, match=r"cannot reach .*: try again with an internet connection"
    ):
        get_from("http://127.0.0.1:9/record", tmp_path)


def test_an_address_without_a_record_is_an_error(zenodo, tmp_path):
    with pytest.raises(GspyError, match="is no Zenodo record"):
        get_from(f"{zenodo.address}/else", tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_two_downloads_into_one_folder_cannot_mix(zenodo, tmp_path):
    with (
        alone_in(tmp_path),
        pytest.raises(GspyError, match=r"another gspy is writing"),
    ):
        get(zenodo, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [0, 4000])
def test_an_archive_with_damage_within_is_one_line(zenodo, tmp_path, place):
    pixels = np.random.default_rng(0).integers(0, 4, 80_000, np.uint8).tobytes()
    content = bytearray(tar_of({"a.png": pixels}))
    content[place : place + 4] = b"\xff" * 4
    zenodo.files[PICTURES] = bytes(content)
    zenodo.checksums[PICTURES] = hashlib.md5(content).hexdigest()
    with pytest.raises(GspyError, match=r"is not safe or not whole"):
        get(zenodo, tmp_path)
    assert not list(tmp_path.glob("*pictures*"))


def test_a_full_disk_is_one_line_and_leaves_no_half_unpacked(
    zenodo, tmp_path, monkeypatch
):
    def full(self, path, **options):
        path.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(GspyError, match=r"cannot write .*: No space left"):
        get(zenodo, tmp_path)
    assert not list(tmp_path.glob("*pictures*"))


def test_without_any_data_both_remedies_are_named(tmp_path):
    with pytest.raises(GspyError, match=r"gspy data get gravity-spy.*gspy simulate"):
        default_data(tmp_path)


def test_downloaded_data_are_the_default(tmp_path):
    (tmp_path / "gravity-spy").mkdir()
    (tmp_path / "gravity-spy" / METADATA).touch()
    assert default_data(tmp_path)[0] == tmp_path / "gravity-spy" / METADATA
