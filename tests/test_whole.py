"""A file is written whole or not at all; what cannot be written is named."""

import os
import re
import time

import pytest

from gspy_cli.errors import GspyError
from gspy_cli.simulate.claim import claim
from gspy_cli.whole import alone_in, remove_left, whole_file, writing


def test_what_was_written_takes_the_files_place(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_takes_the_others_place(tmp_path, monkeypatch):
    path, synced, sync = tmp_path / "a.txt", [], os.fsync
    path.write_text("old")

    def note(number: int) -> None:
        sync(number)
        synced.append((os.pread(number, 10, 0), path.read_text()))

    monkeypatch.setattr("os.fsync", note)
    with whole_file(path) as part:
        part.write_text("new")
    assert synced == [(b"new", "old")]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def break_off() -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as one, whole_file(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"


def test_what_kills_have_left_goes_when_it_is_a_day_old(tmp_path):
    names = {
        ".a.txt.0a1b2c3d.part": 25,
        ".b.txt.0a1b2c3d.part": 25,
        ".a.txt.1a1b2c3d.part": 23,
        ".a.txt.part": 25,
        "a.0a1b2c3d.part": 25,
    }
    for name, hours in names.items():
        written = time.time() - hours * 3600
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (written, written))
    remove_left(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*[*names][2:]}


def test_nothing_beside_a_file_is_touched(tmp_path):
    beside = tmp_path / ".mine.0a1b2c3d.part"
    beside.touch()
    os.utime(beside, (0, 0))
    with whole_file(tmp_path / "a.txt") as part:
        part.touch()
    assert set(tmp_path.iterdir()) == {tmp_path / "a.txt", beside}


def test_what_a_killed_simulation_left_of_its_plan_goes(tmp_path):
    (tmp_path / ".plan.json.part").write_text("half")
    claim(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_a_folder_that_cannot_be_held_is_named_with_the_reason(tmp_path):
    with (
        pytest.raises(GspyError, match=r"cannot write .*/none: No such file"),
        alone_in(tmp_path / "none"),
    ):
        pass


def test_what_cannot_be_written_is_named_with_the_reason(tmp_path):
    path = tmp_path / "none" / "out.csv"
    message = f"cannot write {path}: No such file or directory"
    with pytest.raises(GspyError, match=f"^{re.escape(message)}$"), writing(path):
        path.touch()


def test_a_pipe_that_nobody_reads_is_no_output_that_cannot_be_written(tmp_path):
    with pytest.raises(BrokenPipeError), writing(tmp_path):
        raise BrokenPipeError
