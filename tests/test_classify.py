"""`gspy classify` as a user runs it: a real process where that matters."""

import errno
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SHARED, draw_figure, png
from PIL import Image
from running import GSPY, gspy, line_count, rows, until, without_a_home

from gspy_cli.cli.app import UNUSABLE

pytestmark = pytest.mark.usefixtures("use_tiny_model")


def test_a_folder_gives_one_csv_row_a_picture(figures: Path):
    code, out, err = gspy("classify", figures)
    assert code == 0
    assert [Path(row["path"]).name for row in rows(out)] == [
        f"H1_abcDEF1234_spectrogram_{w}.png" for w in ("0.5", "1.0", "2.0")
    ]
    assert {row["status"] for row in rows(out)} == {"ok"}
    assert {row["gravityspy_id"] for row in rows(out)} == {"abcDEF1234"}
    assert err.startswith("3 classified, 0 failed, ")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_the_suffix_of_the_output_is_its_format(figures: Path, tmp_path: Path, suffix):
    output = tmp_path / f"out.{suffix}"
    code, out, _ = gspy("classify", figures, "-o", output)
    _, expected, _ = gspy("classify", figures, "--format", suffix)
    assert (code, out) == (0, "")
    assert output.read_text() == expected


def test_an_output_of_unknown_format_is_refused(figures: Path, tmp_path: Path):
    outputs = "-o", tmp_path / "out.csv", "-o", tmp_path / "out.xyz"
    code, _, err = gspy("classify", figures, *outputs)
    assert (code, list(tmp_path.glob("out.*"))) == (2, [])
    assert "end it in .csv, .jsonl or .parquet" in err


def test_an_output_is_not_replaced_unasked(figures: Path, tmp_path: Path):
    output = tmp_path / "out.csv"
    output.write_text("precious\n")
    code, _, err = gspy("classify", figures, "-o", output)
    assert (code, output.read_text()) == (2, "precious\n")
    assert [path.name for path in tmp_path.glob("out.csv*")] == ["out.csv"]
    assert "--overwrite replaces it" in err
    assert gspy("classify", figures, "-o", output, "--overwrite")[0] == 0
    assert len(rows(output.read_text())) == 3


def test_a_table_shows_each_picture_and_its_label(figures: Path):
    picture = min(figures.iterdir())
    (figures / "x").mkdir()
    picture.rename(figures / "x" / picture.name)
    code, out, _ = gspy("classify", figures, "-r", "-f", "table", "--top-k", "2")
    assert code == 0
    assert out.count("H1_abcDEF1234") == 3
    assert out.count(f"x/{picture.name}") == 1
    assert "next likeliest" in out


def test_there_are_no_more_ranks_than_classes(figures: Path):
    _, out, _ = gspy("classify", min(figures.iterdir()), "-f", "csv", "--top-k", "9")
    (row,) = rows(out)
    assert row["ml_label_3"]
    assert "ml_label_4" not in row


def test_a_name_gives_the_terminal_no_orders(figures: Path):
    picture = min(figures.iterdir())
    odd = picture.rename(figures / "red\x1b[31m.png")
    for paths in ([odd], [figures], ["gone\x1b.png"]):
        _, out, _ = gspy("classify", *paths, "-f", "table")
        assert "\x1b" not in out
        assert "\\x1b" in out
    _, _, err = gspy("classify", figures, "-o", "\x1b.xyz")
    assert err.startswith("gspy: cannot tell the format of \\x1b.xyz")


def test_one_picture_shows_bars(figures: Path):
    path = next(figures.iterdir())
    code, out, err = gspy("classify", path, "--format", "table")
    assert (code, err) == (0, "")
    assert "━" in out
    assert sum(name in out for name in ("Blip", "Koi_Fish", "Whistle")) == 3


def broken_files(folder: Path) -> dict[str, str]:
    """Make every kind of bad input; give each one's reason."""
    whole = folder / "whole.png"
    Image.fromarray(draw_figure()).save(whole)
    (folder / "truncated.png").write_bytes(whole.read_bytes()[:5000])
    whole.unlink()
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("just some text\n")
    (folder / "no pictures").mkdir()
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("RGB", (800, 600), "white").save(folder / "white.png")
    (folder / "huge.png").write_bytes(png(30_000, 30_000))
    return {
        "truncated.png": "cut short",
        "empty.png": "empty",
        "text.png": "not a picture",
        "no pictures": "no pictures in this folder",
        "dot.png": "no plot",
        "white.png": "no plot",
        "huge.png": "too large",
        "missing.png": "no such file",
    }


def test_each_bad_input_has_its_own_row_and_reason(tmp_path: Path, figures: Path):
    reasons = broken_files(tmp_path)
    good = sorted(figures.iterdir())[0]
    paths = [p for name in reasons for p in (tmp_path / name, good)]
    code, out, err = gspy("classify", *paths)
    assert code == 1
    assert [row["path"] for row in rows(out)] == [str(path) for path in paths]
    for row, reason in zip(rows(out)[::2], reasons.values(), strict=True):
        assert row["status"] == "failed"
        assert reason in row["error"].lower()
    assert {row["status"] for row in rows(out)[1::2]} == {"ok"}
    assert err.startswith("8 classified, 8 failed")


@pytest.mark.skipif(
    getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read everything"
)
def test_a_picture_without_permission_is_a_failed_row(figures: Path):
    path = next(figures.iterdir())
    path.chmod(0)
    code, out, _ = gspy("classify", path)
    assert code == 1
    assert "permission" in rows(out)[0]["error"].lower()


def test_names_with_spaces_brackets_and_accents_pass_unchanged(tmp_path: Path):
    names = ["my glitch.png", "[bold]x[dim].png", "Schöne Störung №1.png", "a,b.png"]
    for name in names:
        Image.fromarray(draw_figure()).save(tmp_path / name)
    paths = [tmp_path / name for name in names]
    code, out, _ = gspy("classify", *paths)
    assert code == 0
    assert [Path(row["path"]).name for row in rows(out)] == names
    _, table, _ = gspy("classify", *paths, "--format", "table")
    joined = table.replace("\n", "")
    assert all(name.split()[-1] in joined for name in names)


def test_a_name_that_is_not_utf_8_does_not_spoil_the_output(tmp_path: Path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        Image.fromarray(draw_figure()).save(path)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    output = tmp_path / "out.csv"
    code, _, _ = gspy("classify", path, "-o", output)
    assert code == 0
    assert rows(output.read_text(encoding="utf-8"))[0]["path"].endswith(
        r"caf\udce9.png"
    )


def test_a_list_may_come_from_a_file_or_stdin(figures: Path, tmp_path: Path):
    listed = "\n".join([str(p) for p in sorted(figures.iterdir())] + ["", "gone.png"])
    (tmp_path / "list.txt").write_text(listed)
    from_file = gspy("classify", "--files-from", tmp_path / "list.txt")
    from_stdin = gspy("classify", "-", stdin=listed)
    assert from_file[:2] == from_stdin[:2]
    assert gspy("classify", "--files-from", "-", stdin=listed)[:2] == from_file[:2]
    assert from_file[0] == 1
    assert [row["status"] for row in rows(from_file[1])] == ["ok"] * 3 + ["failed"]


def test_a_list_without_names_is_said_to_hold_none(tmp_path: Path):
    (tmp_path / "list.txt").write_text("\n")
    code, out, err = gspy("classify", "--files-from", tmp_path / "list.txt")
    assert (code, out.count("\n"), err[:22]) == (0, 1, "0 classified, 0 failed")
    assert gspy("classify", "-q", "-")[2] == ""


def test_a_picture_may_come_through_a_pipe(figures: Path):
    picture = min(figures.iterdir())
    cat = f"cat '{picture}'"
    run = subprocess.run(
        ["bash", "-c", f"{cat} | {shlex.join(GSPY)} classify -q /dev/stdin <({cat})"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    _, expected, _ = gspy("classify", picture)
    assert [row["ml_confidence"] for row in rows(run.stdout)] == [
        rows(expected)[0]["ml_confidence"]
    ] * 2


def test_min_confidence_flags_and_drops_nothing(figures: Path):
    code, out, _ = gspy("classify", figures, "--min-confidence", "1")
    assert code == 0
    assert {row["status"] for row in rows(out)} == {"uncertain"}
    assert all(row["ml_label"] and not row["confident_label"] for row in rows(out))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classify"], "nothing to classify"),
        (["classify", "x.png", "--device", "cuda:99"], "available: "),
        (["classify", "x.png", "--device", "gpu"], "is not a device"),
        (["classify", "x.png", "-m", "nonsense"], "no model 'nonsense'"),
        (["classify", "x.png", "-m", "~no-user"], "no model '~no-user'"),
        (["classify", "--files-from", "none.txt"], "cannot read the list"),
        (["classify", "x.png", "--top-k", "0"], "--top-k"),
        (["classify", "x.png", "--min-confidence", "2"], "--min-confidence"),
        (["classify", "x.png", "--min-confidence", "nan"], "--min-confidence"),
        (["classify", "x.png", "-o", "no/such/folder/x.csv"], "cannot write"),
        (["classify", "x.png", "--link", "sym"], "--link is for --sort-into"),
        (["classify", "x.png", "--sort-into", __file__], "py: File exists"),
        (["classify", "x.h5", "-t", "1", "--workers", "2"], "two threads scan strain"),
        (["classify", "x.h5", "-t", "1", "--sort-into", "x"], "strain has none"),
        (["classify", "x.png", "--per-glitch", "--time-shift-check"], "single windows"),
        (["classify", "x.png", "--cluster", "x", "--workers", "2"], "has its own"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments, message):
    code, out, err = gspy(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "{one}", "-m", "{long}"),
        ("models", "show", "{long}"),
        ("models", "add", "{long}"),
        ("classify", "{one}", "-o", "{long}.csv"),
        ("classify", "{one}", "--explain", "{long}.png"),
        ("classify", "{long}", "--watch"),
    ],
)
def test_a_name_that_is_too_long_is_one_line(figures: Path, arguments):
    places = {"one": next(figures.iterdir()), "long": 300 * "x"}
    code, out, err = gspy(*(a.format(**places) for a in arguments))
    assert (code, out) == (2, "")
    assert re.fullmatch(r"gspy: \S+: File name too long\n", err)


@pytest.fixture
def shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that may not be searched."""
    folder, stat = tmp_path / "shut", os.stat
    folder.mkdir()

    def refuse(path, **how):
        if isinstance(path, str | os.PathLike) and folder in Path(path).parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr("os.stat", refuse)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "classify {one} -o {shut}/a.csv",
        "classify {one} -o {shut}/a.parquet",
        "classify {one} --gallery {shut}/a.html",
        "classify {one} --model {shut}/a",
        "classify {one} --explain {shut}/a.png",
        "classify {one} --sort-into {shut}/a",
        "simulate -n 1 -o {shut}/a",
        "evaluate {shut}/a",
        "export {shut}/a -o a.onnx",
        "models {shut}/a",
        "models add {shut}/a",
        "train --resume {shut}/a",
    ],
)
def test_a_folder_that_may_not_be_searched_is_one_line(command, shut, figures):
    places = {"one": min(figures.iterdir()), "shut": shut}
    code, _, err = gspy(*(word.format(**places) for word in command.split()))
    assert (code, err.count("\n")) == (2, 1)
    assert re.fullmatch(rf"gspy: .*{re.escape(str(shut))}.*\n", err)


@pytest.mark.parametrize("number", UNUSABLE)
def test_a_disk_that_fails_is_one_line(number, figures, tmp_path, monkeypatch):
    def fail(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "is_dir", fail)
    code, _, err = gspy("classify", min(figures.iterdir()), "-o", tmp_path / "a.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert os.strerror(number) in err


def test_a_reader_that_stops_early_is_no_error(figures: Path):
    many = " ".join([f"'{figures}'"] * 60)
    run = subprocess.run(
        ["bash", "-c", f"{shlex.join(GSPY)} classify -q {many} | head -2; "
         "echo ${PIPESTATUS[0]}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stderr == ""
    assert run.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize("arguments", [["models"], ["classify", "-q"]])
def test_windows_too_lets_who_has_read_enough_go(figures: Path, arguments):
    script = """
import errno, io, sys
from gspy_cli.cli import main
class Closed(io.FileIO):
    def write(self, _):
        sys.platform = "win32"
        raise OSError(errno.EINVAL, "Invalid argument")
sys.stdout = io.TextIOWrapper(io.BufferedWriter(Closed(1, "w", closefd=False)))
main()
"""
    inputs = [figures] if "classify" in arguments else []
    run = subprocess.run(
        [sys.executable, "-c", script, *arguments, *inputs],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, b"")


def test_messages_on_a_windows_console_stay_text_and_elsewhere_cannot_fail(monkeypatch):
    from gspy_cli.cli.app import _open_streams

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("sys.platform", "win32")
    for on_console in (True, False):
        console = io.TextIOWrapper(io.FileIO(2, "w", closefd=False))
        console.isatty = lambda on_console=on_console: on_console
        monkeypatch.setattr("sys.stderr", console)
        _open_streams()
        assert (sys.stderr is console) == on_console


@pytest.mark.parametrize("form", ["csv", "table"])
@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_an_output_that_takes_nothing_is_one_line(figures: Path, form, where):
    command = f"{shlex.join(GSPY)} classify -q '{figures}' -f {form} {where}"
    run = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert run.returncode == 2
    assert re.fullmatch(rb"gspy: cannot write the output: [A-Z][\w ]+\n", run.stderr)


def test_whoever_stops_reading_messages_makes_no_run_a_success(figures, tmp_path):
    command = f"{shlex.join(GSPY)} classify none.png '{figures}' -o '{tmp_path}/o.csv'"
    pipes = f"{{ {command} 2>&3; echo $?; }} 3> >(exec 0<&-)"
    run = subprocess.run(
        ["bash", "-c", pipes], capture_output=True, text=True, check=True
    )
    assert run.stdout == "1\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_messages_that_find_no_room_end_no_run(figures, tmp_path):
    command = f"{shlex.join(GSPY)} classify none.png '{figures}' -o '{tmp_path}/o.csv'"
    run = subprocess.run(["bash", "-c", f"{command} 2> /dev/full"], check=False)
    assert run.returncode == 1
    assert len(rows((tmp_path / "o.csv").read_text())) == 4


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8:strict", "ö\\udcff.png"), ("ascii", "\\xf6\\udcff.png")],
)
def test_a_list_on_stdin_may_hold_names_that_are_not_utf8(figures, encoding, shown):
    odd = os.fsdecode("ö".encode() + b"\xff.png")
    min(figures.iterdir()).rename(figures / odd)
    run = subprocess.run(
        [*GSPY, "classify", "-q", "-f", "csv", "-"],
        input=os.fsencode(f"{figures / odd}\n"),
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True, check=True,
    )  # fmt: skip
    assert f"/{shown},".encode() in run.stdout


def test_json_is_utf8_where_stdout_has_no_such_letters(figures: Path):
    named = min(figures.iterdir()).rename(figures / "ö€.png")
    run = subprocess.run(
        [*GSPY, "classify", "-q", "-f", "jsonl", str(named)],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(run.stdout)["path"] == str(named)


def test_a_picture_has_its_bars_where_stdout_has_no_such_letters(figures: Path):
    run = subprocess.run(
        [*GSPY, "classify", "-f", "table", str(min(figures.iterdir()))],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True, check=True,
    )  # fmt: skip
    assert b"???" in run.stdout


def test_closed_streams_do_not_keep_rows_from_a_file(figures: Path, tmp_path: Path):
    output = tmp_path / "out.csv"
    command = f"{shlex.join(GSPY)} classify '{figures}' -o '{output}' <&- >&- 2>&-"
    subprocess.run(["bash", "-c", command], check=True)
    assert len(rows(output.read_text())) == 3


def test_what_is_no_file_is_no_output(figures: Path):
    code, _, err = gspy("classify", figures, "-o", "/dev/null", "-f", "csv")
    assert code == 2
    assert err == "gspy: /dev/null is no file; --format csv prints instead\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("-", "- names no file; leave -o out to print"),
        ("o.csv", "o.csv is a folder; name a file in it"),
    ],
)
def test_an_output_is_a_file_of_its_own(output, said, figures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("o.csv").mkdir()
    before = sorted(tmp_path.iterdir())
    code, out, err = gspy("classify", figures, "-f", "csv", "-o", output)
    assert (code, out, err) == (2, "", f"gspy: {said}\n")
    assert sorted(tmp_path.iterdir()) == before


def test_ctrl_c_keeps_what_was_finished(figures: Path, tmp_path: Path):
    output = tmp_path / "out.csv"
    command = [*GSPY, "classify", "-", "-o", str(output), "--batch-size", "1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        paths = "".join(f"{path}\n" for path in figures.iterdir())
        run.stdin.write(paths * 10)
        run.stdin.flush()
        until(run, lambda: line_count(output) > 2)
        run.send_signal(signal.SIGINT)
        assert run.wait() == 130
        err = run.stderr.read()
    assert "interrupted; what was finished is kept, and the same command goes" in err
    assert "Traceback" not in err
    assert all(row["status"] == "ok" for row in rows(output.read_text()))


def test_version_names_the_default_model(monkeypatch):
    monkeypatch.delenv("GSPY_MODEL")
    code, out, _ = gspy("--version")
    assert code == 0
    assert out.startswith("gspy 0.")
    assert "default model: " in out


def test_the_module_runs_as_the_command_does(figures: Path):
    run = subprocess.run(
        [*GSPY, "classify", "-q", str(figures), "-f", "jsonl"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [json.loads(line)["status"] for line in run.stdout.splitlines()] == [
        "ok"
    ] * 3
    assert run.stderr == ""


def test_onnx_runtime_keeps_no_record_of_its_use(figures: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(
        [*GSPY, "classify", "-q", figures],
        env=without_a_home(home),
        capture_output=True, check=True,
    )  # fmt: skip
    assert list(home.rglob("*")) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real figures are not here")
def test_real_figures_get_the_names_of_their_classes_and_gwpy_reads_the_rows(
    tmp_path: Path, monkeypatch
):
    table_module = pytest.importorskip("gwpy.table")
    monkeypatch.delenv("GSPY_MODEL")
    shown = sorted(p for p in SHARED.glob("real/*/*") if p.suffix != ".csv")[::8]
    output = tmp_path / "out.csv"
    code, _, err = gspy("classify", *shown, "-o", output)
    assert (code, err.startswith("66 classified, 0 failed")) == (0, True)
    table = table_module.EventTable.read(output, format="ascii.csv")
    names, classes = table["ml_label"], (path.parent.name for path in shown)
    assert sum(map(str.__eq__, names, classes)) > 0.95 * 66
    assert table["status"].tolist().count("ok") > 0.95 * 66
