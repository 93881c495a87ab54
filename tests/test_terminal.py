"""What a person at a terminal sees, and a pipe does not."""

import io
import os
import re
import shlex
import signal
import struct
import subprocess
from itertools import chain, islice, repeat
from pathlib import Path

import pytest
from conftest import tiny_card
from glitch_pictures import draw_class_folders
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from running import GSPY, gspy, rows

from gspy_cli.cli import models_screen, results_screen, tables
from gspy_cli.cli.countdown import Countdown
from gspy_cli.cli.hints import after_classify, after_evaluate, command
from gspy_cli.cli.inputs import Given
from gspy_cli.cli.progress import progress_on, stages
from gspy_cli.cli.running import RowTally
from gspy_cli.cli.strain import Events
from gspy_cli.cli.wanted import Format, Wanted
from gspy_cli.labels import DESCRIPTIONS
from gspy_cli.model_folder import WEIGHTS, ModelFolder
from gspy_cli.results import Failure, Glitch, Origin, Prediction
from gspy_cli.wording import counted, reason
from gspy_cli.writers import Columns

pty = pytest.importorskip("pty")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

HIDES, SHOWS = "\x1b[?25l", "\x1b[?25h"  # the cursor


@pytest.fixture(autouse=True)
def use_tiny_model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSPY_MODEL", str(tiny_model))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLUMNS", raising=False)


def on_terminal(
    *arguments: object, columns: int = 80, pipe: bool = False, code: int = 0
):
    """Run the command on a terminal; give what that shows, and what a pipe got."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        [*GSPY, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipe else side,
        stderr=side,
        env=dict(os.environ),  # readline sets COLUMNS where only C sees it
        text=True,
    ) as run:
        os.close(side)
        shown = b""
        while piece := read(main):
            shown += piece
        piped = run.stdout.read() if run.stdout else ""
    os.close(main)
    assert run.returncode == code, shown
    return shown.decode(), piped


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the command has ended
        return b""


def test_a_table_is_followed_by_what_comes_next(figures: Path):
    shown, _ = on_terminal("classify", figures)
    assert "3 classified, 0 failed" in shown
    assert "next: add -o labels.csv to keep the labels" in shown


def test_a_pipe_gets_the_rows_alone_and_the_terminal_the_progress(figures: Path):
    shown, piped = on_terminal("classify", figures, pipe=True)
    assert len(rows(piped)) == 3
    assert "next:" not in piped
    assert "\x1b" not in piped
    assert "classifying" in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert re.search(r"3/[3?]", plain)  # the last row may come before the inputs' count


def test_who_asks_for_quiet_sees_nothing(figures: Path, tmp_path: Path):
    shown, _ = on_terminal("classify", figures, "-q", "-o", tmp_path / "labels.csv")
    assert shown == ""


def test_who_has_failures_in_a_file_is_told_where_the_reasons_are(figures, tmp_path):
    output = tmp_path / "labels.csv"
    shown, _ = on_terminal("classify", figures, "missing.png", "-o", output, code=1)
    assert "3 classified, 1 failed" in shown
    assert "next: the reasons are in" in shown


def test_who_sorts_is_told_where_the_labels_are(figures, tmp_path):
    shown, _ = on_terminal("classify", figures, "--sort-into", tmp_path / "sorted")
    assert "next: look into" in shown


def test_a_stopped_run_says_what_it_leaves():
    said = Wanted(files=(Path("labels.csv"),)).after_stop()
    assert said.endswith("the same command goes on from there")
    said = Wanted(files=(Path("labels.csv"),), overwrite=True).after_stop()
    assert said.endswith("the same command without --overwrite goes on from there")
    assert Wanted(form=Format.TABLE).after_stop().startswith("nothing is kept")
    assert Wanted(form=Format.CSV).after_stop() == "what was printed stands"


def test_without_colour_nothing_is_coloured(figures: Path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shown, _ = on_terminal("classify", figures, "--min-confidence", "1")
    assert not re.search(r"\x1b\[[\d;]*3[0-8]", shown)


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_of_a_table_is_wider_than_the_terminal(figures: Path, columns: int):
    shown, _ = on_terminal("classify", figures, "--top-k", "3", columns=columns)
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
    table = plain[plain.index(" in ") :].split("3 classified")[0]
    assert max(map(len, table.splitlines())) <= columns


def test_names_and_numbers_of_models_are_whole_on_any_terminal():
    _, piped = on_terminal("models", pipe=True, columns=40)
    shipped = next(row for row in piped.splitlines() if row.startswith("efficientnet"))
    name, *_, accuracy = shipped.split()
    for columns in (40, 60, 120):
        shown, _ = on_terminal("models", columns=columns)
        plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
        column = "".join(line[:12].strip() for line in plain.splitlines()[1:3])
        assert name in (column if columns == 40 else plain)
        assert accuracy in plain
        assert "…" not in plain


@pytest.mark.parametrize("terminal", ["", "1"])
def test_numbers_of_a_table_are_whole_on_any_terminal(terminal, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", terminal)
    table = Table("name", box=None)
    table.add_column("numbers", no_wrap=True)
    table.columns[0].overflow = "fold"
    table.add_row("efficientnet_lite0", "0.758-1.000 and more of them")
    tables.show(table)
    assert "0.758-1.000 and more of them" in capsys.readouterr().out


def test_a_countdown_counts_down_from_what_is_not_done_already():
    countdown = Countdown(lambda: range(10), lambda: 4)
    assert list(countdown(range(6))) == list(range(6))
    countdown._counting.join()
    assert countdown._total() == 6


def test_inputs_that_cannot_be_had_twice_are_not_counted():
    countdown = Countdown(lambda: None, lambda: 0)
    assert list(countdown("abc")) == ["a", "b", "c"]
    assert countdown._total() is None


def test_a_countdown_that_is_left_early_gives_the_cursor_back(monkeypatch):
    screen = io.StringIO()
    bar = Progress(console=Console(file=screen, force_terminal=True))
    monkeypatch.setattr("gspy_cli.cli.progress.progress_on", lambda _: bar)
    with Countdown(lambda: None, lambda: 0) as countdown:
        assert list(islice(countdown(range(9)), 4)) == [0, 1, 2, 3]
    assert screen.getvalue().rindex(SHOWS) > screen.getvalue().rindex(HIDES)


def test_who_watches_into_a_file_sees_the_work(figures: Path, tmp_path: Path):
    main, side = pty.openpty()
    words = "classify", figures, "--watch", "-o", tmp_path / "labels.csv"
    with subprocess.Popen([*GSPY, *map(str, words)], stdin=side, stderr=side) as run:
        os.close(side)
        shown = b""
        while b"classifying" not in shown:
            shown += read(main)
        run.send_signal(signal.SIGINT)
        while piece := read(main):
            shown += piece
    os.close(main)
    assert run.returncode == 130
    assert b"3 classified, 0 failed" in shown


@pytest.mark.parametrize(
    ("path", "options", "model", "said"),
    [
        ("x.png", {}, None, "gspy classify x.png --explain why.png"),
        ("-x.png", {}, None, "gspy classify ./-x.png --explain why.png"),
        ("x.png", {}, "m", "gspy classify x.png -m m --explain why.png"),
        ("x.png", {"files": "-o.csv"}, None, "gspy evaluate ./-o.csv --data DIR, if"),
        ("x.png", {"files": "o.csv", "form": "jsonl"}, None, "None"),
    ],
)
def test_what_comes_next_can_be_given_as_it_is(
    path, options, model, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path(path).touch()
    tally = RowTally()
    tally.classified = 1
    files = tuple(Path(name) for name in options.get("files", "").split())
    form = Format(options.get("form", "csv")) if files else Format.TABLE
    wanted = Wanted(files=files, form=form)
    hint = after_classify(Given((path,)), wanted, tally, model)
    assert str(hint).startswith(said)


def test_after_scores_come_a_report_an_export_or_the_report_that_is_there(tmp_path):
    (tmp_path / WEIGHTS).touch()
    run, page = str(tmp_path), Path("report/report.html")
    assert after_evaluate([run], None).startswith("add -o report/ ")
    export = f"gspy export {shlex.quote(run)} -o model.onnx"
    assert after_evaluate([run], page) == export
    for models in (["a name"], [run, run]):
        assert after_evaluate(models, page) == f"open {page} in a browser"


def test_a_scan_is_of_the_same_detector_and_channel():
    events = Events(times=("1", "2"), ifo="L1", channel="L1:DARM")
    tally = RowTally()
    tally.classified = 2
    given = Given(("a b.gwf",), events=events)
    asked = "gspy qscan 'a b.gwf' --gps 1 --gps 2 --ifo L1 --channel L1:DARM -o scans/"
    assert after_classify(given, Wanted(form=Format.TABLE), tally) == asked


@pytest.mark.parametrize(
    ("paths", "files_from"), [(("-", "a.gwf"), None), (("a.gwf",), Path("list.txt"))]
)
def test_of_strain_in_a_list_no_scan_is_offered(paths, files_from):
    tally = RowTally()
    tally.classified = 4
    given = Given(paths, files_from, events=Events(times=("1",)))
    said = after_classify(given, Wanted(form=Format.TABLE), tally)
    assert said is not None
    assert "qscan" not in said


@pytest.mark.parametrize(
    ("folder", "words"),
    [("my runs/a", ["my runs/a"]), ("-runs", ["./-runs"]), ("it's", ["it's"])],
)
def test_a_folder_of_any_name_is_one_word_of_what_comes_next(folder, words):
    said = command("gspy", "train", "--resume", Path(folder))
    assert shlex.split(said) == ["gspy", "train", "--resume", *words]


def test_a_label_is_folded_not_cut(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        results_screen, "Console", lambda: Console(file=screen, width=60)
    )
    scores = {"Scattered_Light": 0.9, "Low_Frequency_Burst": 0.1}
    rows = [
        Prediction(Origin(f"{n}/{'long' * 9}.png"), "Scattered_Light", 0.9, scores)
        for n in range(2)
    ]
    columns = Columns(tuple(scores), "tiny", top_k=2)
    results_screen.show_results(rows, columns, iter)
    shown = screen.getvalue()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 60


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("no route\nto host"), "no route"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_is_said_in_one_line_even_without_a_text(error, said):
    assert reason(error) == said


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "glitch", "1 glitch"),
        (2, "glitch", "2 glitches"),
        (0, "picture", "0 pictures"),
        (3, "class", "3 classes"),
    ],
)
def test_one_is_no_plural(number: int, noun: str, said: str):
    assert counted(number, noun) == said


def test_what_is_not_sure_is_marked_in_a_table_and_as_it_comes(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, width=80)
    monkeypatch.setattr(results_screen, "Console", lambda: console)
    scores = {"Blip": 0.94, "Tomte": 0.06}
    rows = [
        Prediction(Origin("d/a.png"), "Blip", 0.94, scores),
        Prediction(Origin("d/b.png"), "Tomte", 0.6, {"Blip": 0.4, "Tomte": 0.6}),
        Prediction(Origin("d/c.png"), "Blip", 0.94, scores, familiar=False),
        Failure(Origin("d/e.png"), "no picture"),
    ]
    columns = Columns(tuple(scores), "tiny", top_k=2, min_confidence=0.9)
    results_screen.show_results(rows, columns, iter)
    results_screen.show_arrivals(rows, columns)
    assert [line.rstrip() for line in screen.getvalue().splitlines()] == [
        " in d   label               confidence  next likeliest",
        " a.png  Blip                     94.0%  Tomte 6.0%",
        " b.png  Tomte?                   60.0%  Blip 40.0%",
        " c.png  Blip? (unfamiliar)       94.0%  Tomte 6.0%",
        " e.png  failed: no picture",
        "Blip                  94.0%  Tomte 6.0%  d/a.png",
        "Tomte?                60.0%  Blip 40.0%  d/b.png",
        "Blip? (unfamiliar)    94.0%  Tomte 6.0%  d/c.png",
        "failed: no picture    d/e.png",
    ]


def shown_of(row, columns: Columns, monkeypatch, width: int = 80) -> str:
    """Give what a single row looks like, colours as rich's escapes."""
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, no_color=False)
    monkeypatch.setattr(results_screen, "Console", lambda: console)
    results_screen.show_results([row], columns, iter)
    return screen.getvalue()


SCORES = {"Blip": 0.94, "Tomte": 0.06}
GREEN, YELLOW = "\x1b[1;32m", "\x1b[1;33m"


@pytest.mark.parametrize(
    ("least", "familiar", "said"),
    [
        (None, True, f"{GREEN}Blip\x1b"),
        (0.9, True, f"{GREEN}Blip\x1b"),
        (0.99, True, f"{YELLOW}Blip?\x1b"),
        (None, False, f"{YELLOW}Blip?\x1b"),
    ],
)
def test_one_picture_whose_label_is_uncertain_is_marked(
    least, familiar, said, monkeypatch
):
    row = Prediction(Origin("a.png"), "Blip", 0.94, SCORES, familiar=familiar)
    columns = Columns(tuple(SCORES), "tiny", min_confidence=least)
    shown = shown_of(row, columns, monkeypatch)
    assert said in shown
    assert ("unfamiliar: like no glitch" in shown) != familiar
    assert DESCRIPTIONS["Blip"] in shown


def test_one_glitch_that_was_seen_in_part_tells_why(monkeypatch):
    origins = [Origin(f"{w}.png", "L1", "ab", w) for w in (0.5, 1.0)]
    answer = Prediction(origins[0], "Blip", 0.94, SCORES)
    row = Glitch((answer, Failure(origins[1], "no picture")), answer)
    columns = Columns(tuple(SCORES), "tiny", per_glitch=True)
    shown = shown_of(row, columns, monkeypatch)
    assert f"{YELLOW}Blip?\x1b" in shown
    assert "\x1b[31mfailed: 1.0 s: no picture\x1b" in shown


@pytest.mark.parametrize("width", [30, 40, 80])
def test_the_bars_of_one_picture_stand_beside_their_numbers(width, monkeypatch):
    row = Prediction(Origin("a.png"), "Blip", 0.94, SCORES)
    shown = shown_of(row, Columns(tuple(SCORES), "tiny"), monkeypatch, width)
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()
    assert [line.split()[-1] for line in lines[-2:]] == ["94.0%", "6.0%"]
    assert ("━" in shown) == (width > 30)


@pytest.mark.parametrize(("top_k", "bars"), [(1, 3), (4, 4)])
def test_one_picture_has_three_bars_or_as_many_as_asked(top_k, bars, monkeypatch):
    scores = dict(zip("ABCDE", (0.4, 0.3, 0.15, 0.1, 0.05), strict=True))
    row = Prediction(Origin("a.png"), "A", 0.4, scores)
    shown = shown_of(row, Columns(tuple(scores), "tiny", top_k), monkeypatch)
    assert shown.count("%") == 1 + bars


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("what", ["classifying", "evaluating efficientnet_lite0-run-1"])
def test_a_bar_is_one_line_with_room_for_ctrl_c(what: str, width: int):
    times = chain([0.0, 10.0], repeat(20.0))
    progress = progress_on(Console(force_terminal=True, width=width))
    progress.get_time = lambda: next(times)
    task = progress.add_task(what, total=123456, before=500)
    for done in (1000, 2000):
        progress.update(task, completed=done)
    screen = io.StringIO()
    Console(file=screen, width=width).print(*progress.get_renderables())
    (line,) = screen.getvalue().splitlines()
    assert len(line) <= width - 2
    assert line.endswith("2000/123456 75/s 0:20:15 left")


def test_a_second_stage_begins_at_nothing_and_its_slow_rate_has_a_decimal(monkeypatch):
    now = [0.0]
    drawn = progress_on(Console(file=io.StringIO(), force_terminal=True))
    drawn.get_time = lambda: now[0]
    monkeypatch.setattr("gspy_cli.cli.progress.progress_on", lambda *_, **__: drawn)
    with stages("reading", quiet=False) as show:
        now[0] = 90.0
        show("reading", 9, 9)
        show("scoring", 0, 100)
        now[0] = 100.0
        show("scoring", 25, 100)
        screen = io.StringIO()
        Console(file=screen, width=80).print(*drawn.get_renderables())
    assert re.search(r"^scoring .* 25/100 2\.5/s ", screen.getvalue())


def test_a_bar_goes_when_the_work_is_done():
    assert progress_on(Console(force_terminal=True)).live.transient


@pytest.mark.parametrize("number", [1, 2])
def test_scores_of_files_of_any_name_give_the_terminal_no_orders(number, tmp_path):
    data = draw_class_folders(tmp_path / "red\x1b[31m", {"Blip": 2, "Whistle": 2})
    min(data.rglob("*.png")).write_bytes(b"no picture")
    for name in ("a\x1b.csv", "b\x1b.csv")[:number]:
        gspy("classify", data, "-r", "-o", tmp_path / name)
    answers = sorted(tmp_path.glob("*.csv"))
    code, out, err = gspy("evaluate", *answers, "--data", data)
    assert (code, "\x1b" in out + err) == (1, False)
    assert "a\\x1b" in out
    assert "red\\x1b[31m" in err


def test_a_bar_of_any_name_gives_the_terminal_no_orders():
    progress = progress_on(Console(force_terminal=True))
    progress.add_task("evaluating \x1b[31m", total=1)
    screen = io.StringIO()
    Console(file=screen, width=80).print(*progress.get_renderables())
    assert "evaluating \\x1b[31m" in screen.getvalue()


def test_a_terminal_that_cannot_move_its_cursor_gets_no_bar(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert progress_on(Console(force_terminal=True)).disable


def test_only_classes_keep_their_underscores_in_a_card(capsys):
    scores = {"glitches": 8, "right_glitches_per_class": {"Koi_Fish": "8 of 8"}}
    models_screen.show_card(tiny_card(scores={"strain_glitches": scores}))
    shown = capsys.readouterr().out
    assert "right glitches per class:" in shown
    assert "Koi_Fish: 8 of 8" in shown
    scores = {"by_view": {"fold_accuracy_per_glitch": 0.5}}
    models_screen.show_card(tiny_card(scores=scores))
    assert "fold accuracy per glitch: 0.500" in capsys.readouterr().out


def test_a_row_of_models_has_the_accuracy_in_folds_of_its_own_data(tiny_model, capsys):
    folder = ModelFolder(tiny_model.parent)
    os.truncate(folder.graph, 12_340_000)
    scores = {"fold_accuracy_per_glitch": 0.75}
    card = tiny_card(parameters=4_567_890, scores=scores)
    folder.card_file.write_text(card.to_json())
    models_screen.show_models([folder], "tiny")
    heading, row, said = capsys.readouterr().out.splitlines()
    assert heading.split() == [*models_screen.HEADINGS]
    assert row == "tiny*  mean_colour         3       4.6 M  12.3 MB     0.750"
    assert "in folds, on data that 'gspy models NAME' names" in said
