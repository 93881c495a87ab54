"""Pictures that arrive while gspy watches; no test waits on a clock."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import draw_figure
from PIL import Image
from running import GSPY, gspy, line_count, rows, until

from gspy_cli import sources, watching
from gspy_cli.results import WINDOWS
from gspy_cli.watching import GLITCH_S, SETTLED_S, arrivals

pytestmark = pytest.mark.usefixtures("use_tiny_model")

NOW = 1_000_000_000.0  # s since 1970


def watch(folder: Path, *steps: Callable[[], None], **options) -> list[list[str]]:
    """Watch a folder; each look that finds nothing takes the next step."""
    remaining = list(steps)

    def wait() -> None:
        if not remaining:
            raise KeyboardInterrupt
        remaining.pop(0)()

    asked = {"recursive": False, "per_glitch": False, "clock": lambda: NOW} | options
    found = []
    with suppress(KeyboardInterrupt):
        for arrived in arrivals([str(folder)], wait=wait, **asked):
            found += [[Path(s.origin.path).name for s in group] for group in arrived]
    return found


def write(path: Path, content: bytes, *, age_s: float = 0) -> None:
    path.write_bytes(content)
    os.utime(path, (NOW - age_s, NOW - age_s))


@pytest.fixture(scope="module")
def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(draw_figure(150, 200)).save(stream, "PNG")
    return stream.getvalue()


def test_what_is_there_and_what_arrives_comes_once(tmp_path: Path, png: bytes):
    write(tmp_path / "b.png", png)
    write(tmp_path / "notes.txt", b"")
    found = watch(
        tmp_path,
        lambda: write(tmp_path / "a.png", png),
        lambda: None,
        lambda: write(tmp_path / "c.png", png),
    )
    assert found == [["b.png"], ["a.png"], ["c.png"]]


def test_a_round_is_short_however_much_is_there(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(watching, "ROUND", 2)
    monkeypatch.setattr(watching, "_is_whole", lambda *_: True)
    for number in range(5):
        write(tmp_path / f"{number}.png", b"")
    asked = {"recursive": False, "per_glitch": False, "wait": pytest.fail}
    coming = arrivals([str(tmp_path)], **asked)
    assert [len(next(coming)) for _ in range(3)] == [2, 2, 1]


def test_a_half_written_picture_is_waited_for(tmp_path: Path, png: bytes):
    found = watch(
        tmp_path,
        lambda: write(tmp_path / "a.png", png[:1000]),
        lambda: write(tmp_path / "b.png", png),
        lambda: write(tmp_path / "a.png", png[:-1]),
        lambda: write(tmp_path / "a.png", png),
    )
    assert found == [["b.png"], ["a.png"]]


def test_a_jpeg_has_its_own_end(tmp_path: Path):
    path = tmp_path / "a.jpg"
    Image.fromarray(draw_figure(100, 140)).save(path)
    content = path.read_bytes()
    path.unlink()
    half = watch(tmp_path, lambda: write(path, content[:-1]))
    assert half == []
    assert watch(tmp_path, lambda: write(path, content)) == [["a.jpg"]]


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float) -> Callable[[], None]:
        def step() -> None:
            self.now += seconds

        return step


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
@pytest.mark.parametrize("age_s", [-3600, 0, 3600])
def test_a_picture_left_alone_is_taken_as_it_is_whatever_its_servers_clock_says(
    tmp_path: Path, name: str, age_s: float
):
    path, clock = tmp_path / name, Clock()
    later = clock.later(SETTLED_S - 1)

    def rewritten() -> None:
        later()
        write(path, b"GIF89a more", age_s=age_s - 1)

    def longer() -> None:
        later()
        write(path, b"GIF89a more, at once", age_s=age_s - 1)

    write(path, b"GIF89a", age_s=age_s)
    assert watch(tmp_path, later, rewritten, later, longer, later, clock=clock) == []
    assert watch(tmp_path, later, later, clock=clock) == [[name]]


def test_a_picture_that_is_being_written_is_waited_for_by_a_clock_behind(
    tmp_path: Path, png: bytes
):
    def write_late(content: bytes) -> Callable[[], None]:
        return lambda: write(tmp_path / "a.png", content, age_s=2 * SETTLED_S)

    found = watch(
        tmp_path,
        *(write_late(png[:end]) for end in (100, 1000, -1)),
        lambda: write(tmp_path / "b.png", png, age_s=2 * SETTLED_S),
        write_late(png),
    )
    assert found == [["b.png"], ["a.png"]]


def test_each_file_is_looked_at_once_however_many_rounds_there_are(
    tmp_path: Path, monkeypatch, png: bytes
):
    looked, is_whole = [], watching._is_whole

    def look(path: str, ages) -> bool:
        looked.append(Path(path).name)
        return is_whole(path, ages)

    monkeypatch.setattr(watching, "_is_whole", look)
    monkeypatch.setattr(watching, "ROUND", 2)
    pictures = [f"{number}.png" for number in range(7)]
    for name in pictures:
        write(tmp_path / name, png)
    assert watch(tmp_path) == [[name] for name in pictures]
    assert looked == pictures


def test_folders_in_the_folder_are_watched_when_asked(tmp_path: Path, png: bytes):
    def step() -> None:
        (tmp_path / "day").mkdir()
        write(tmp_path / "day" / "a.png", png)

    assert watch(tmp_path, step, recursive=True) == [["a.png"]]
    assert watch(tmp_path) == []


def test_a_folder_that_goes_away_for_a_while_is_waited_for(tmp_path: Path, png: bytes):
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()

    def back() -> None:
        away.rename(folder)
        write(folder / "a.png", png)

    assert watch(folder, lambda: folder.rename(away), back) == [["a.png"]]


def view(glitch: str, window: float) -> str:
    return f"{glitch}_spectrogram_{window}.png"


def test_a_glitch_waits_for_its_windows(tmp_path: Path, png: bytes):
    def step(*names: str) -> Callable[[], None]:
        return lambda: [write(tmp_path / n, png) for n in names]

    clock = Clock()
    whole = [view("H1_a", window) for window in (0.5, 1.0, 2.0, 4.0)]
    found = watch(
        tmp_path,
        step(*whole[:3], "alone.png"),
        step(view("L1_b", 1.0), view("L1_b", 2.0), view("L1_c", 1.0)),
        clock.later(GLITCH_S - 1),
        step(whole[3], view("L1_c", 2.0)),
        clock.later(2),  # since the first of L1_c is too long, since its last not
        step("last.png"),
        per_glitch=True,
        clock=clock,
    )
    lone = [view("L1_b", 1.0), view("L1_b", 2.0)]
    assert found == [["alone.png"], whole, lone, ["last.png"]]


def test_a_glitch_waits_until_each_of_its_windows_is_whole(tmp_path: Path, png: bytes):
    whole = [view("H1_a", window) for window in (0.5, 1.0, 2.0, 4.0)]
    for name in whole[:3]:
        write(tmp_path / name, png)
    write(tmp_path / whole[3], png[:-1])
    clock = Clock()
    steps = clock.later(SETTLED_S - 1), lambda: write(tmp_path / whole[3], png)
    assert watch(tmp_path, *steps[:1], per_glitch=True, clock=clock) == []
    assert watch(tmp_path, *steps, per_glitch=True, clock=clock) == [whole]


def test_a_link_that_leads_nowhere_keeps_no_glitch_waiting(tmp_path: Path, png: bytes):
    there = [view("H1_a", window) for window in (0.5, 1.0, 2.0)]
    for name in there:
        write(tmp_path / name, png)
    (tmp_path / view("H1_a", 4.0)).symlink_to("gone")
    clock = Clock()
    step = clock.later(GLITCH_S + 1)
    assert watch(tmp_path, step, per_glitch=True, clock=clock) == [there]


def test_pictures_of_a_glitch_that_waits_are_not_opened(
    tmp_path: Path, monkeypatch, png: bytes
):
    opened, has_end = [], watching._has_end

    def look(path: str) -> bool:
        opened.append(Path(path).name)
        return has_end(path)

    monkeypatch.setattr(watching, "_has_end", look)
    whole = [view("H1_a", window) for window in (0.5, 1.0, 2.0, 4.0)]
    for name in whole[:3]:
        write(tmp_path / name, png)
    last = tmp_path / whole[3]
    steps = lambda: None, lambda: write(last, png), lambda: None
    assert watch(tmp_path, *steps, per_glitch=True) == [whole]
    assert opened == whole


def test_what_was_taken_is_asked_nothing_more(tmp_path: Path, monkeypatch, png: bytes):
    asked, is_folder = [], sources._is_folder
    folder = tmp_path / "new"
    folder.mkdir()

    def ask(entry: os.DirEntry[str]) -> bool:
        asked.append(entry.name)
        return is_folder(entry)

    monkeypatch.setattr(sources, "_is_folder", ask)
    write(folder / "a.png", png)
    steps = lambda: None, lambda: write(folder / "b.png", png), lambda: None
    assert watch(folder, *steps) == [["a.png"], ["b.png"]]
    assert asked == ["a.png", "b.png"]


def test_what_was_taken_or_went_is_forgotten(tmp_path: Path, monkeypatch, png: bytes):
    class Ages(watching._Ages):
        def __init__(self, clock: Callable[[], float]) -> None:
            super().__init__(clock)
            made.append(self)

    def renamed() -> None:
        (tmp_path / "b.tmp.png").rename(tmp_path / "b.png")
        write(tmp_path / "b.png", png)

    made, clock = [], Clock()
    monkeypatch.setattr(watching, "_Ages", Ages)
    write(tmp_path / "a.gif", b"GIF89a")
    write(tmp_path / "b.tmp.png", png[:-1])
    later, half = clock.later(SETTLED_S + 1), tmp_path / "c.png"
    steps = renamed, later, lambda: write(half, png[:-1]), lambda: None
    assert watch(tmp_path, *steps, clock=clock) == [["b.png"], ["a.gif"]]
    assert {*made[0]._before, *made[0]._now} == {str(half)}


def test_a_picture_that_went_and_came_again_is_waited_for_anew(tmp_path: Path):
    path, clock = tmp_path / "a.gif", Clock()
    later = clock.later(SETTLED_S - 1)
    write(path, b"GIF89a")

    def again() -> None:
        later()
        write(path, b"GIF89a")

    assert watch(tmp_path, later, path.unlink, again, later, clock=clock) == []


def test_only_pictures_of_a_known_end_are_opened_to_look_for_it(
    tmp_path: Path, monkeypatch
):
    opened, has_end = [], watching._has_end

    def look(path: str) -> bool:
        opened.append(Path(path).name)
        return has_end(path)

    monkeypatch.setattr(watching, "_has_end", look)
    for name in ("a.gif", "b.JPG", "c.webp"):
        write(tmp_path / name, b"GIF89a")
    assert watch(tmp_path, lambda: None) == []
    assert opened == ["b.JPG", "b.JPG"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ctrl_c_ends_a_watch_with_all_rows_written(
    tmp_path: Path, figures: Path, suffix: str
):
    folder, output = tmp_path / "new", tmp_path / f"out.{suffix}"
    growing = output if suffix == "csv" else tmp_path / "out.parquet.part"
    folder.mkdir()
    command = [*GSPY, "classify", str(folder), "--watch", "-o", str(output)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr.readline() == "gspy: watching; Ctrl-C ends it\n"
        for picture in sorted(figures.iterdir()):
            picture.rename(folder / picture.name)
        until(run, lambda: line_count(growing) >= 4)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate()
    assert run.returncode == 130
    assert err.startswith("3 classified, 0 failed, ")
    assert "Traceback" not in err
    if suffix == "csv":
        assert len(rows(output.read_text())) == 3
    else:
        from pyarrow import parquet

        assert parquet.read_table(output).num_rows == 3


def test_rows_are_printed_as_they_come_with_one_header(
    tmp_path: Path, figures: Path, monkeypatch
):
    pictures, printed = sorted(figures.iterdir()), []
    folder = tmp_path / "new"
    folder.mkdir()

    def step(_seconds: float) -> None:
        printed.append(sys.stdout.buffer.getvalue().count(b".png"))
        if not pictures:
            raise KeyboardInterrupt
        picture = pictures.pop()
        picture.rename(folder / picture.name)

    monkeypatch.setattr("time.sleep", step)
    code, out, _ = gspy("classify", folder, "--watch", "-f", "csv")
    assert code == 130
    assert (len(rows(out)), printed) == (3, [0, 1, 2, 3])
    assert out.count("ml_label") == 1


@pytest.mark.parametrize(
    ("options", "count"), [([], 4), (["-r"], 5), (["--per-glitch"], 1)]
)
def test_a_watch_too_looks_into_folders_and_at_glitches_only_when_asked(
    tmp_path: Path, png: bytes, monkeypatch, options, count
):
    def end(_seconds: float) -> None:
        raise KeyboardInterrupt

    inner = tmp_path / "day" / "inner"
    inner.mkdir(parents=True)
    write(inner / "a.png", png)
    for window in WINDOWS:
        write(inner.parent / f"H1_a_spectrogram_{window}.png", png)
    monkeypatch.setattr("time.sleep", end)
    _, out, _ = gspy("classify", inner.parent, "--watch", "-f", "csv", *options)
    assert len(rows(out)) == count


def test_what_was_sorted_is_not_read_through_a_link(
    tmp_path: Path, figures: Path, monkeypatch
):
    target, looks = tmp_path / "sorted", []
    target.mkdir()
    (figures / "link").symlink_to(target)

    def look(_seconds: float) -> None:
        looks.append(len(rows((target / "labels.csv").read_text())))
        if len(looks) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", look)
    ask = "classify", figures, "--watch", "-r", "--sort-into", target
    assert gspy(*ask)[0] == 130
    assert looks == [3, 3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.png"], "--watch takes folders; a.png is none"),
        ([], "--watch takes folders"),
        ([".", "--files-from", "list.txt"], "--watch takes folders"),
        ([".", "-t", "1"], "--watch takes pictures; leave --gps and --triggers out"),
    ],
)
def test_only_folders_of_pictures_are_watched(arguments, said, monkeypatch):
    def end(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", end)
    assert gspy("classify", *arguments, "--watch") == (2, "", f"gspy: {said}\n")
