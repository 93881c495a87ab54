"""Processes that read pictures: the same inputs, and no crash spreads."""

import errno
import io
import os
import pickle
import signal
import subprocess
import sys
import weakref
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from conftest import SIDE
from running import GSPY, rows
from test_predict import MODEL, figure_sample

from gspy_cli import predict, readers
from gspy_cli.cli.inputs import Given
from gspy_cli.errors import GspyError, PictureError
from gspy_cli.readers import Input, Readers, attempt, fit_to_size
from gspy_cli.results import Origin, Prediction
from gspy_cli.samples import PictureFile, Sample
from gspy_cli.sources import from_paths

resource = pytest.importorskip("resource")
SIZE = (SIDE, SIDE)


class Crash:
    """A picture on which the decoder crashes."""

    def __call__(self) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGKILL)


class CrashingFile(PictureFile):
    """A file that is such a picture."""

    __slots__ = ()

    def __call__(self) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_was_read_before_a_failure_is_let_go() -> None:
    class Scan:
        pass

    def load() -> np.ndarray:
        scan = Scan()
        scans.append(weakref.ref(scan))
        raise PictureError("no room")

    scans: list[weakref.ref[Scan]] = []
    failed = attempt(load)
    assert (str(failed), scans[0]()) == ("no room", None)


@pytest.fixture(scope="module")
def two():
    team = Readers(2)
    yield team
    team.close()


def files_in(folder: Path) -> list[PictureFile]:
    return [PictureFile(str(path)) for path in sorted(folder.iterdir())]


def read_here(files: list[PictureFile]) -> list[Input]:
    return [fit_to_size(attempt(file), SIZE) for file in files]


def same(inputs, expected) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(inputs, expected, strict=True))


def test_another_process_reads_the_same_inputs(two, figures):
    (figures / "broken.png").write_bytes(b"no picture")
    inputs = two.read(files_in(figures), SIZE)
    *rest, refused = sorted(inputs, key=lambda given: isinstance(given, PictureError))
    assert str(refused) == "not a picture in a format that can be read"
    good = [file for file in files_in(figures) if "broken" not in file.path]
    assert same(rest, read_here(good))


def test_a_picture_that_crashes_its_reader_fails_alone(two, figures):
    good = files_in(figures)
    inputs = two.read([good[0], Crash(), *good[1:]], SIZE)
    refused = inputs.pop(1)
    assert str(refused) == "the picture crashes the program that decodes it"
    assert same(inputs, read_here(good))


def test_a_reader_that_was_killed_is_replaced(two, figures):
    for _ in range(2):
        reader = two._free.get()
        reader._process.kill()
        two._free.put(reader)
    good = files_in(figures)
    assert same(two.read(good, SIZE), read_here(good))


def test_a_reader_that_waits_for_a_picture_is_ended_too(figures):
    pipe = figures / "pipe.png"
    os.mkfifo(pipe)
    team = Readers(1)

    def wait() -> None:
        with pytest.raises(GspyError):
            team.read([PictureFile(str(pipe))], SIZE)

    thread = Thread(target=wait, daemon=True)
    thread.start()
    with pipe.open("wb"):  # once the reader has opened it
        team.close()
        thread.join(20)
    assert not thread.is_alive()
    assert team._all[0]._process.poll() is not None


def test_readers_that_cannot_start_are_one_clear_error(monkeypatch, figures):
    monkeypatch.setattr(readers, "__name__", "gspy_cli.no_such_module")
    team = Readers(1)
    with pytest.raises(GspyError, match="cannot start a process to read pictures"):
        team.read(files_in(figures), SIZE)
    team.close()


def test_a_machine_without_room_for_a_process_is_the_same_error(monkeypatch):
    def refuse(*_args, **_options):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(readers.subprocess, "Popen", refuse)
    said = r"cannot start a process .* \(Resource temporarily unavailable\); is there"
    with pytest.raises(GspyError, match=said):
        Readers(1)


def test_readers_that_started_go_on_without_those_that_cannot(monkeypatch, figures):
    start, tried = readers._start, []

    def start_two():
        tried.append(len(tried))
        if len(tried) > 2:
            raise GspyError("no more")
        return start()

    monkeypatch.setattr(readers, "_start", start_two)
    with closing(Readers(5)) as team:
        team.grow(5)
        assert (team.count, len(tried)) == (2, 3)
        good = files_in(figures)
        assert same(team.read(good, SIZE), read_here(good))


@pytest.mark.parametrize(
    ("files", "most"), [(1024, 496), (36, 2), (10, 1), (-1, sys.maxsize)]
)
def test_readers_leave_files_for_the_rest_of_a_run(monkeypatch, files, most):
    monkeypatch.setattr("os.sysconf", lambda _: files)
    assert readers._most() == most


def test_more_workers_than_files_may_be_open_lose_no_row(figures, tiny_model):
    limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (40, 40))
    command = [*GSPY, "classify", "-q", "-m", tiny_model, "--workers", "40"]
    found = subprocess.run(
        [*command, *[figures] * 25],
        preexec_fn=limit, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [row["status"] for row in rows(found.stdout)] == ["ok"] * 75


def test_no_module_of_the_current_folder_takes_the_place_of_a_readers(
    figures, tmp_path, monkeypatch
):
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    good = files_in(figures)
    expected = read_here(good)
    monkeypatch.setattr("sys.path", ["", *sys.path])
    with closing(Readers(1)) as team:
        assert same(team.read(good, SIZE), expected)


def test_an_answer_that_breaks_off_is_no_answer():
    pictures = [np.arange(48, dtype=np.uint8).reshape(4, 4, 3), PictureError("empty")]
    pipe = io.BytesIO()
    readers._send(pictures, pipe)
    whole = pipe.getvalue()
    picture, error = readers._receive(io.BytesIO(whole))
    assert np.array_equal(picture, pictures[0])
    assert str(error) == "empty"
    for end in range(len(whole)):
        with pytest.raises((EOFError, pickle.UnpicklingError)):
            readers._receive(io.BytesIO(whole[:end]))


def test_a_reader_ends_when_its_parent_is_gone():
    process = readers._start()
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()


def test_ctrl_c_is_nothing_to_a_reader(two, figures):
    while_it_starts = two._all[0]._process.pid
    assert os.getpgid(while_it_starts) != os.getpgid(0)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-m", readers.__name__], **pipes) as process:
        pickle.dump((files_in(figures), SIZE), process.stdin)
        process.stdin.flush()
        readers._receive(process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.communicate() == (b"", b"")
    assert process.returncode == 0


def test_a_long_run_gives_the_same_whoever_reads(figures, monkeypatch):
    paths = [str(path) for path in sorted(figures.iterdir())] * 3
    expected = list(predict.classify(from_paths(paths), MODEL))
    monkeypatch.setattr(predict, "FEW", 2)
    for workers in (1, 2):
        results = predict.classify(
            from_paths(paths), MODEL, batch_size=2, workers=workers
        )
        assert list(results) == expected


@pytest.mark.parametrize("batch_size", [2, 100])
def test_readers_that_were_begun_change_nothing_and_can_be_used_again(
    two, figures, batch_size
):
    samples = list(from_paths(map(str, sorted(figures.iterdir()))))
    samples.insert(1, figure_sample(0))  # no other process can read it
    expected = list(predict.classify(samples, MODEL))
    for _ in range(2):
        results = predict.classify(
            samples, MODEL, batch_size=batch_size, workers=1, readers=two
        )
        assert list(results) == expected


@pytest.mark.parametrize("count", [1, 10])
def test_among_a_few_pictures_too_one_that_crashes_fails_alone(
    two, figures, monkeypatch, count
):
    samples = list(from_paths(sorted(map(str, figures.iterdir())) * 4))[:count]
    samples[0] = Sample(Origin("crash.png"), CrashingFile("crash.png"))
    monkeypatch.setattr(predict, "PictureFile", (PictureFile, CrashingFile))
    first, *rest = predict.classify(samples, MODEL, batch_size=4, readers=two)
    assert first.reason == "the picture crashes the program that decodes it"
    assert [type(result) for result in rest] == [Prediction] * (count - 1)


def test_readers_are_begun_for_more_than_a_few_pictures(figures, monkeypatch):
    count = len(list(figures.iterdir()))
    for few, least, begun in ((count, 0, 3), (count + 1, 0, 0), (count + 1, 1, 1)):
        monkeypatch.setattr(predict, "FEW", few)
        team = Given((str(figures),)).begin_reading(3, least=least)
        assert team.count == begun
        team.close()
    alone = Given((str(min(figures.iterdir())),))
    assert alone.begin_reading(2, least=0) is None
    with closing(alone.begin_reading(2, least=1)) as team:
        assert team.count == 1
