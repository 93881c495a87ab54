"""Runs that are stopped: nothing lost, nothing doubled, the same bytes in the end."""

import errno
import hashlib
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from conftest import ODD, draw_figure, tiny_card, write_tiny_model
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from running import gspy, killing, line_count, until
from running import rows as read_rows

from gspy_cli import journal, run_note
from gspy_cli.errors import ChangedError, GspyError
from gspy_cli.predict import FEW
from gspy_cli.results import Failure, Origin, key_of
from gspy_cli.whole import lock
from gspy_cli.writers import Columns, csv_header, csv_line, json_line
from gspy_cli.writers.file_formats import csv_format, json_format

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.usefixtures("use_tiny_model")

COLUMNS = Columns(("Blip", "Whistle"), "tiny")
CSV, JSON = csv_format(COLUMNS).records, json_format(COLUMNS).records


@pytest.fixture(params=["csv", "jsonl"])
def whole(request, odd_folder: Path, tmp_path: Path, use_tiny_model) -> Path:
    output = tmp_path / f"whole.{request.param}"
    assert gspy("classify", odd_folder, "-o", output)[0] == 1
    return output


def run(folder: Path, output: Path, *more: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "gspy_cli", "classify", "-b", "1", "-q", *more]
    return subprocess.Popen(
        [*command, str(folder), "-o", str(output)], stderr=subprocess.PIPE, **options
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_journal_that_goes_before_it_is_held_is_made_anew(tmp_path, monkeypatch):
    output = tmp_path / "out.csv"
    output.touch()

    def lock_late(number: int, path: Path) -> None:
        monkeypatch.undo()
        journal.forget(output)  # the run before ends
        lock(number, path)

    monkeypatch.setattr(journal, "lock", lock_late)
    with journal.hold(output, overwrite=False):
        with (
            pytest.raises(GspyError, match="another gspy is writing"),
            journal.hold(output, overwrite=False),
        ):
            pass
        assert output.exists()


def test_a_finished_run_has_nothing_left_to_do(odd_folder, whole):
    before = whole.read_bytes()
    _, _, err = gspy("classify", odd_folder, "-o", whole)
    assert whole.read_bytes() == before
    assert err.startswith(f"0 classified, 0 failed, 0/s; {ODD} done before")


def test_failures_of_an_earlier_run_still_count(odd_folder, whole, tmp_path):
    code, _, err = gspy("classify", odd_folder, "-o", whole)
    assert code == 1
    assert f"{ODD} done before, 1 failed before; --overwrite reads all anew (" in err
    good = sorted(odd_folder.iterdir())[0]
    output = tmp_path / f"good{whole.suffix}"
    for _ in range(2):
        code, _, err = gspy("classify", good, "-o", output)
        assert (code, "failed before" in err) == (0, False)


def kill_at(process: subprocess.Popen, output: Path, rows: int) -> None:
    until(process, lambda: line_count(output) >= rows)
    process.kill()


def test_a_run_killed_at_any_moment_is_completed_to_the_same_bytes(
    odd_folder, whole, tmp_path
):
    rng = random.Random(0)
    for trial in range(2):
        output = tmp_path / f"killed-{trial}{whole.suffix}"
        rows = rng.randrange(1, ODD)
        with run(odd_folder, output) as process:
            kill_at(process, output, rows)
        gspy("classify", odd_folder, "-o", output)
        assert output.read_bytes() == whole.read_bytes()


def test_where_a_picture_crashed_a_run_the_same_command_passes_it(figures, tmp_path):
    (figures / "A crash.png").write_bytes(b"")  # the first
    (tmp_path / "sitecustomize.py").write_text(killing("open", "crash.png"))
    output, page = tmp_path / "out.csv", tmp_path / "page.html"
    with_crash = {"env": os.environ | {"PYTHONPATH": str(tmp_path)}}
    for code in (-9, 1):
        with run(figures, output, "--gallery", str(page), **with_crash) as process:
            assert process.wait() == code
    first, *rest = read_rows(output.read_text())
    assert first["error"] == "the picture crashes the program that decodes it"
    assert [row["status"] for row in rest] == ["ok"] * 3
    assert page.read_text().count("<img") == 3


@pytest.fixture(scope="module")
def many(odd_folder: Path, tmp_path_factory) -> Path:
    """Give a folder of enough pictures that other processes read the last ones."""
    many = tmp_path_factory.mktemp("links")
    paths = [path for path in sorted(odd_folder.iterdir()) if "\n" not in path.name]
    for number, path in zip(range(FEW + 60), itertools.cycle(paths)):
        (many / f"{number:03} {path.name}").hardlink_to(path)
    return many


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("count", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_kills_at_random_rows_lose_and_double_nothing(many, tmp_path, suffix, count):
    whole, output = tmp_path / f"whole{suffix}", tmp_path / f"killed{suffix}"
    gspy("classify", many, "-o", whole)
    rng = random.Random(2)
    for rows in sorted(rng.choices(range(FEW + 60), k=count)):
        with run(many, output) as process:
            kill_at(process, output, rows)
    gspy("classify", many, "-o", output)
    assert output.read_bytes() == whole.read_bytes()


def test_an_interrupted_run_ends_with_130_and_is_completed(many, tmp_path):
    whole, output = tmp_path / "whole.csv", tmp_path / "stopped.csv"
    gspy("classify", many, "-o", whole)
    with run(Path("-"), output, stdin=subprocess.PIPE, text=True) as process:
        process.stdin.write("".join(f"{path}\n" for path in sorted(many.iterdir())))
        process.stdin.flush()  # and stays open, so that the run cannot end
        until(process, lambda: line_count(output) >= FEW)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130, err
    assert whole.read_bytes().startswith(output.read_bytes())
    gspy("classify", many, "-o", output)
    assert output.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("no_readers")
def test_a_torn_end_is_cut_off_wherever_it_was_torn(odd_folder, whole):
    content = whole.read_bytes()
    rng = random.Random(1)
    for end in [1, *rng.sample(range(len(content)), 8), len(content) - 1]:
        whole.write_bytes(content[:end])
        gspy("classify", odd_folder, "-o", whole)
        assert whole.read_bytes() == content


@pytest.mark.usefixtures("no_readers")
def test_garbage_after_a_power_loss_is_cut_off(odd_folder, whole):
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2] + b"\0" * 4096)
    gspy("classify", odd_folder, "-o", whole)
    assert whole.read_bytes() == content


def garbled(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:9], b"garbled" + lines[9][-9:], *lines[10:]])


def unquoted(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:9], b'"' + lines[9], *lines[10:]])


def widened(content: bytes) -> bytes:
    if content.startswith(b"{"):
        return content.replace(b"{", b'{"seen": true, ')
    return content.replace(b"path", b"path,seen", 1).replace(b'.png",', b'.png",yes,')


CHANGES = {
    "BOM": lambda content: b"\xef\xbb\xbf" + content,
    "semicolons": lambda content: content.replace(b",", b";"),
    "a column more": widened,
    "a garbled row": garbled,
    "a quote more": unquoted,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_another_program_changed_is_refused_and_stays(odd_folder, whole, change):
    if change == "BOM" and whole.suffix == ".jsonl":
        pytest.skip("it reads the same")
    changed = CHANGES[change](whole.read_bytes())
    whole.write_bytes(changed)
    code, _, err = gspy("classify", odd_folder, "-o", whole)
    assert (code, err.count("\n"), whole.read_bytes()) == (2, 1, changed)
    assert err.startswith(f"gspy: {whole} was changed by another program: ")
    assert "; give another -o, or --overwrite" in err


@pytest.mark.parametrize(
    ("added", "said"), [('"', "a row in it has no end"), ('"a"', "row 5 is not as")]
)
def test_a_quote_more_does_not_swallow_the_rows_after_it(added: str, said: str):
    failures = (Failure(Origin(f"{number}.png"), "broken") for number in range(20))
    lines = [csv_header(COLUMNS), *(csv_line(each, COLUMNS) for each in failures)]
    lines[5] = added + lines[5]
    with pytest.raises(ChangedError, match=said):
        list(CSV(line.encode() for line in lines))


def test_a_window_without_its_decimals_is_the_same_window(figures, tmp_path):
    output = tmp_path / "labels.csv"
    gspy("classify", figures, "-o", output)
    output.write_text(output.read_text().replace(",1.0,", ",1,"))
    _, _, err = gspy("classify", figures, "-o", output)
    assert err.startswith("0 classified, 0 failed, 0/s; 3 done before")


def test_a_full_disk_is_one_line_and_the_next_run_completes(
    odd_folder, whole, tmp_path
):
    output = tmp_path / f"full{whole.suffix}"
    half = whole.stat().st_size // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (half, half))

    with run(odd_folder, output, preexec_fn=limit) as process:
        err = process.stderr.read().decode()
    assert process.returncode == 2
    assert err == f"gspy: cannot write {output}: File too large\n"
    gspy("classify", odd_folder, "-o", output)
    assert output.read_bytes() == whole.read_bytes()


def test_a_disk_too_full_for_the_journal_is_the_same_line(odd_folder, tmp_path):
    output = tmp_path / "out.csv"
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (10, 10))
    with run(odd_folder, output, preexec_fn=limit) as process:
        err = process.stderr.read().decode()
    assert process.returncode == 2
    assert err == f"gspy: cannot write {output}: File too large\n"


@pytest.mark.usefixtures("no_readers")
@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
@pytest.mark.parametrize("other", [None, b"path\n"])
def test_rows_for_a_file_that_was_removed_or_replaced_are_an_error(tmp_path, other):
    output = tmp_path / "out.csv"
    with journal.hold(output, overwrite=False) as held:
        saved = journal.take_up(
            held, run={"model": "tiny"}, records=CSV, overwrite=False
        )
        saved.write(b"path\n")
        output.unlink()
        if other:
            output.write_bytes(other)
        with pytest.raises(GspyError, match=r"cannot write .*out\.csv: it was removed"):
            saved.write(b"a.png\n")


def test_new_pictures_are_added_at_the_end(odd_folder, whole, tmp_path):
    content = whole.read_bytes()
    extra = tmp_path / "extra"
    extra.mkdir()
    Image.fromarray(draw_figure(150, 200, seed=99)).save(extra / "new.png")
    assert gspy("classify", extra, odd_folder, "-o", whole)[0] == 1
    assert whole.read_bytes().startswith(content)
    assert whole.read_bytes()[len(content) :].count(b"new.png") == 1


@pytest.mark.usefixtures("no_readers")
def test_the_same_picture_given_twice_keeps_its_two_rows(odd_folder, tmp_path):
    path = sorted(odd_folder.iterdir())[1]
    output = tmp_path / "twice.csv"
    gspy("classify", path, path, "-o", output)
    content = output.read_bytes()
    output.write_bytes(content[:-1])
    gspy("classify", path, path, "-o", output)
    assert output.read_bytes() == content


def test_two_runs_on_one_output_cannot_mix(odd_folder, tmp_path):
    output = tmp_path / "out.csv"
    command = [sys.executable, "-m", "gspy_cli", "classify", "-q", "-b", "1", "-"]
    with subprocess.Popen(
        [*command, "-o", str(output)], stdin=subprocess.PIPE, text=True
    ) as first:
        first.stdin.write(f"{sorted(odd_folder.iterdir())[1]}\n")
        first.stdin.flush()
        until(first, output.exists)
        code, _, err = gspy("classify", odd_folder, "-o", output)
        first.stdin.close()
    assert code == 2
    assert err == (
        f"gspy: another gspy is writing {output}; wait for it, or write elsewhere\n"
    )


def test_what_was_asked_for_is_on_the_disk_before_the_first_row(
    figures, tmp_path, monkeypatch
):
    output, synced, sync = tmp_path / "out.csv", [], os.fsync

    def note(number: int) -> None:
        sync(number)
        synced.append((os.pread(number, 8, 0), output.read_bytes()))

    monkeypatch.setattr("os.fsync", note)
    assert gspy("classify", figures, "-o", output)[0] == 0
    assert synced == [(b'{"model"', b"")]


@pytest.fixture
def refused(number, monkeypatch) -> None:
    """Let the system refuse every lock, with this number of an error."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
@pytest.mark.usefixtures("refused")
def test_a_lock_that_another_holds_is_told_however_the_system_says_so(
    figures, tmp_path
):
    code, _, err = gspy("classify", figures, "-o", tmp_path / "out.csv")
    assert (code, err[:29]) == (2, "gspy: another gspy is writing")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
@pytest.mark.usefixtures("refused")
def test_a_file_system_without_locks_is_written_without(figures, tmp_path):
    assert gspy("classify", figures, "-o", tmp_path / "out.csv")[0] == 0


@pytest.mark.parametrize("begin", [Path.write_text, Path.symlink_to])
@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_a_file_that_is_no_journal_is_not_written_over(
    figures, tmp_path, begin, options
):
    output, journal = tmp_path / "out.csv", tmp_path / "out.csv.journal"
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    begin(journal, "mine.txt")
    code, _, err = gspy("classify", figures, "-o", output, *options)
    assert (code, mine.read_text(), journal.read_text()[:4]) == (2, "mine", "mine")
    assert err.startswith(f"gspy: {journal} is no journal of gspy; move it away")
    assert not output.exists()


@pytest.mark.usefixtures("no_readers")
@pytest.mark.parametrize("torn", [b"", b'{"mo', b'{"model": "ti', bytes(9999)])
def test_a_journal_that_was_torn_is_written_anew(figures, tmp_path, torn):
    (tmp_path / "out.csv.journal").write_bytes(torn)
    for _ in range(2):
        assert gspy("classify", figures, "-o", tmp_path / "out.csv")[0] == 0


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_line_of_a_list_that_is_longer_than_any_name_is_a_row(tmp_path, suffix):
    (tmp_path / "list.txt").write_text("x" * 200_000)
    output = tmp_path / f"out.{suffix}"
    ask = "classify", "--files-from", tmp_path / "list.txt", "-o", output
    assert gspy(*ask)[0] == 1
    code, _, err = gspy(*ask)
    assert (code, "; 1 done before, 1 failed before" in err) == (1, True)


def test_another_model_is_refused_and_both_are_named(odd_folder, whole, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_tiny_model(other, scale=0.5)
    (other / "card.json").write_text(
        tiny_card(name="other", sha256=checksum(other)).to_json()
    )
    before = whole.read_bytes()
    code, _, err = gspy("classify", odd_folder, "-o", whole, "-m", other)
    assert (code, whole.read_bytes()) == (2, before)
    assert "was made with model tiny, this run has other" in err
    assert gspy("classify", odd_folder, "-o", whole, "-m", other, "--overwrite")[0] == 1
    assert b"other" in whole.read_bytes()


def checksum(folder: Path) -> str:
    return hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (["--top-k", 2], "with other columns (without ml_label_2,"),
        (["--per-glitch"], "without --per-glitch"),
        (["--min-confidence", 0.5], "with other columns ("),
        (["--format", "jsonl"], "with format "),
    ],
)
def test_other_options_are_refused(odd_folder, tmp_path, options, difference):
    output = tmp_path / "labels.csv"
    gspy("classify", odd_folder / "13 broken.png", "-o", output)
    before = output.read_bytes()
    code, _, err = gspy("classify", odd_folder, "-o", output, *options)
    assert (code, output.read_bytes()) == (2, before)
    assert f"was made {difference}" in err


@pytest.mark.parametrize(
    ("before", "run", "difference"),
    [
        ({"model": "a", "tiles": 9}, {"model": "a"}, "by another version of gspy;"),
        ({"model": "a"}, {"model": "a", "tiles": 9}, "by another version of gspy;"),
        ({"sure": True}, {"sure": False}, "with --sure;"),
        ({"classes": ["A", "B"]}, {"classes": ["B", "A"]}, "with other classes (order"),
        ({"classes": ["A", "B"]}, {"classes": ["B", "C"]}, "(without C, with A);"),
    ],
)
def test_what_two_runs_differ_in_is_said(before, run, difference):
    with pytest.raises(GspyError) as refused:
        run_note.check(json.dumps(before).encode(), run, Path("a"))
    assert difference in str(refused.value)


PATHS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5)


@given(PATHS)
def test_what_is_written_is_read_back_as_done(paths: list[str]):
    results = [Failure(Origin(path), "broken") for path in paths]
    table = csv_header(COLUMNS) + "".join(csv_line(r, COLUMNS) for r in results)
    lines = "".join(json_line(r, COLUMNS) for r in results)
    expected = [Origin(path) for path in paths]
    for text, records, skip in ((table, CSV, 1), (lines, JSON, 0)):
        content = text.encode("utf-8", "backslashreplace")
        found = list(records(io.BytesIO(content)))
        assert [record.key for record in found][skip:] == [key_of(o) for o in expected]
        assert all(record.failed for record in found[skip:])
        assert found[-1].end == len(content)


ODD_JSON = st.sampled_from([b"5\n", b"[" * 9999 + b"\n"])


@given(st.binary(max_size=200) | ODD_JSON, st.booleans())
def test_no_bytes_crash_the_recovery(rest: bytes, headed: bool):
    content = csv_header(COLUMNS).encode() * headed + rest
    for records in (CSV, JSON):
        ends = [0]
        with suppress(ChangedError):
            ends += [record.end for record in records(io.BytesIO(content))]
        assert ends == sorted(ends)
        assert all(end <= len(content) for end in ends)
