"""Pictures sorted into folders: none lost, none overwritten, stopped or not."""

import errno
import filecmp
import os
import subprocess
from pathlib import Path

import pytest
from conftest import TINY_CLASSES, draw_figure
from PIL import Image
from running import GSPY, gspy, rows

from gspy_cli.errors import GspyError
from gspy_cli.writers import sorting
from gspy_cli.writers.sorting import place

pytestmark = pytest.mark.usefixtures("use_tiny_model")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sorted_pictures(folder: Path) -> dict[str, str]:
    """Give the class folder of each sorted picture."""
    return {path.name: path.parent.name for path in folder.glob("*/*")}


@pytest.mark.parametrize("link", ["copy", "hard", "sym"])
def test_each_picture_lies_in_its_classs_folder(figures: Path, tmp_path: Path, link):
    (figures / "broken.png").write_bytes(b"")
    target = tmp_path / "new" / "sorted"
    code, out, _ = gspy("classify", figures, "--sort-into", target, "--link", link)
    assert (code, out) == (1, "")
    table = rows((target / "labels.csv").read_text())
    expected = {Path(r["path"]).name: r["ml_label"] for r in table if r["ml_label"]}
    assert len(expected) == 3
    assert sorted_pictures(target) == expected
    for path in target.glob("*/*"):
        source = figures / path.name
        assert path.read_bytes() == source.read_bytes()
        assert path.samefile(source) == (link != "copy")
        assert path.is_symlink() == (link == "sym")


def test_sorting_again_changes_nothing(figures: Path, tmp_path: Path):
    target = tmp_path / "sorted"
    gspy("classify", figures, "--sort-into", target)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    code, _, err = gspy("classify", figures, "--sort-into", target)
    assert (code, err.split("; ")[1][:20]) == (0, "3 done before (tiny,")
    (target / "labels.csv").write_bytes(b"")  # as after a kill before the rows
    gspy("classify", figures, "--sort-into", target)
    assert {path.name for path in before} == {p.name for p in target.rglob("*")}
    pictures = {path: time for path, time in before.items() if path.suffix == ".png"}
    assert pictures == {path: path.stat().st_mtime_ns for path in pictures}


def test_a_folder_is_sorted_in_place(figures: Path):
    ask = "classify", figures, "--sort-into", figures
    assert gspy(*ask)[0] == 0
    code, _, err = gspy(*ask)
    assert (code, "; 3 done before (tiny," in err) == (0, True)


def test_two_pictures_of_one_name_both_stay(figures: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    name = sorted(figures.iterdir())[0].name
    Image.fromarray(draw_figure(seed=7)).save(other / name)
    target = tmp_path / "sorted"
    gspy("classify", figures, other, "--sort-into", target)
    second = name.replace(".png", "-2.png")
    assert sorted(sorted_pictures(target)) == sorted([*names(figures), second])


def test_pictures_of_one_name_size_and_time_are_told_apart(tmp_path):
    for number in "12":
        picture = tmp_path / number / "a.png"
        picture.parent.mkdir()
        picture.write_text(number)
        os.utime(picture, (0, 0))
        place(picture, tmp_path / "Blip", "copy", {})
    assert names(tmp_path / "Blip") == ["a-2.png", "a.png"]


def test_the_same_picture_from_two_folders_is_sorted_once(figures, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    picture = sorted(figures.iterdir())[0]
    (other / picture.name).write_bytes(picture.read_bytes())
    target = tmp_path / "sorted"
    gspy("classify", figures, other, "--sort-into", target)
    assert sorted(sorted_pictures(target)) == names(figures)


@pytest.mark.parametrize("then", ["copy", "hard", "sym"])
def test_half_a_copy_never_has_the_pictures_name(tmp_path, monkeypatch, then):
    picture, folder = tmp_path / "a.png", tmp_path / "Blip"
    picture.write_bytes(b"whole")

    def stop(source, target):
        Path(target).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", stop)
        with pytest.raises(KeyboardInterrupt):
            place(picture, folder, "copy", {})
    assert place(picture, folder, then, {}).read_bytes() == b"whole"
    assert names(folder) == ["a.png"]


def test_a_copy_keeps_its_times_where_the_file_system_does(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    picture = tmp_path / "a.png"
    picture.write_bytes(b"111")
    os.utime(picture, (1, 1))
    assert place(picture, tmp_path / "Blip", "copy", {}).stat().st_mtime == 1
    monkeypatch.setattr("os.utime", refuse)
    copied = place(picture, tmp_path / "Whistle", "copy", {})
    assert (copied.read_bytes(), names(copied.parent)) == (b"111", ["a.png"])


@pytest.mark.parametrize("link", ["copy", "hard", "sym"])
def test_nothing_is_left_beside_a_place_that_cannot_be_taken(
    tmp_path, monkeypatch, link
):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    picture = tmp_path / "a.png"
    picture.write_bytes(b"111")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        place(picture, tmp_path / "Blip", link, {})
    assert names(tmp_path / "Blip") == []


def test_a_picture_of_the_longest_name_is_sorted(figures, tmp_path):
    (first, *_) = sorted(figures.iterdir())
    longest = first.rename(figures / f"{'a' * 251}.png")
    code, _, err = gspy("classify", figures, "--sort-into", tmp_path / "sorted")
    assert (code, err[:22]) == (0, "3 classified, 0 failed")
    assert longest.name in sorted_pictures(tmp_path / "sorted")


def test_many_pictures_of_one_name_are_told_apart_without_comparing_each(
    tmp_path, monkeypatch
):
    compared, same = [], sorting._is_same

    def compare(picture: Path, target: Path) -> bool:
        compared.append(target)
        return same(picture, target)

    monkeypatch.setattr(sorting, "_is_same", compare)
    known, picture = {}, tmp_path / "a.png"
    for size in [*range(50), 3, 40]:
        picture.write_bytes(b"x" * size)
        place(picture, tmp_path / "Blip", "copy", known)
    assert [path.name for path in compared] == ["a-4.png", "a-41.png"]
    assert len(names(tmp_path / "Blip")) == 50
    picture.write_bytes(b"x" * 40)  # as a new run does
    assert place(picture, tmp_path / "Blip", "copy", {}).name == "a-41.png"


def test_a_picture_that_went_from_its_folder_is_put_there_again(tmp_path):
    known, picture, folder = {}, tmp_path / "a.png", tmp_path / "Blip"
    for content in (b"111", b"222", b"333"):
        picture.write_bytes(content)
        place(picture, folder, "copy", known)
    (folder / "a-2.png").unlink()
    picture.write_bytes(b"222")
    assert place(picture, folder, "copy", known).read_bytes() == b"222"


def test_a_folder_that_has_a_pictures_name_stays(tmp_path):
    picture, folder = tmp_path / "a.png", tmp_path / "Blip" / "a.png"
    folder.mkdir(parents=True)
    picture.write_bytes(b"x" * folder.stat().st_size)
    assert place(picture, folder.parent, "copy", {}).name == "a-2.png"
    assert place(picture, folder.parent, "copy", {}).name == "a-2.png"


@pytest.mark.parametrize("link", ["hard", "sym"])
def test_a_link_that_is_there_is_known_without_reading(tmp_path, monkeypatch, link):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"111")
    target = place(picture, tmp_path / "Blip", link, {})
    known = {}
    place(picture, tmp_path / "Blip", link, known)
    filecmp.clear_cache()
    for name in ("builtins.open", "io.open"):
        monkeypatch.delattr(name)
    assert place(picture, tmp_path / "Blip", link, known) == target


@pytest.mark.parametrize("options", [[], ["--per-glitch"]])
def test_what_cannot_be_sorted_has_its_reason_and_the_run_goes_on(
    figures, tmp_path, monkeypatch, options
):
    (gone, *others) = names(figures)

    def copy(source: Path, target: Path) -> None:
        if source.name == gone:
            raise FileNotFoundError(2, "No such file or directory")
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr("shutil.copyfile", copy)
    target = tmp_path / "sorted"
    code, _, err = gspy("classify", figures, "--sort-into", target, *options)
    assert code == 1
    assert "1 failed" in err or "1 with a failed view" in err
    assert sorted(sorted_pictures(target)) == others
    table = rows((target / "labels.csv").read_text())
    assert table[0]["status"] == ("partial" if options else "failed")
    assert "cannot be put into" in table[0]["error"]
    assert {row["status"] for row in table[1:]} <= {"ok"}


@pytest.mark.parametrize("options", [[], ["--per-glitch"]])
def test_a_later_output_has_the_failures_of_sorting_too(figures, tmp_path, options):
    target = tmp_path / "sorted"
    target.mkdir()
    for label in TINY_CLASSES:  # no folders
        (target / label).write_text("")
    together, late = tmp_path / "together.csv", tmp_path / "late.csv"
    ask = ["classify", figures, "--sort-into", target, *options]
    for output in (together, late):
        assert gspy(*ask, "-o", output)[0] == 1
    assert {row["status"] for row in rows(late.read_text())} == {"failed"}
    assert late.read_bytes() == together.read_bytes()


def test_what_was_sorted_is_not_sorted_again_for_a_later_output(figures, tmp_path):
    target = tmp_path / "sorted"
    gspy("classify", figures, "--sort-into", target)
    taken = min(target.glob("*/*"))
    taken.unlink()
    gspy("classify", figures, "--sort-into", target, "-o", tmp_path / "late.csv")
    assert not taken.exists()


@pytest.mark.parametrize("link", ["copy", "sym", "hard"])
def test_a_stream_is_no_file_to_sort(figures, tmp_path, link):
    content = min(figures.iterdir()).read_bytes()
    command = [*GSPY, "classify", "-q", "/dev/stdin", "--link", link]
    command += ["--sort-into", tmp_path / "new"]
    run = subprocess.run(command, input=content, check=False)
    (row,) = rows((tmp_path / "new" / "labels.csv").read_text())
    assert (run.returncode, row["status"]) == (1, "failed")
    assert row["error"].endswith("it is a stream")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_ends_sorting_and_is_named(figures, tmp_path, monkeypatch, number):
    def copy(*_) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("shutil.copyfile", copy)
    target = tmp_path / "sorted"
    code, _, err = gspy("classify", figures, "--sort-into", target)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"gspy: cannot write into {target}/")
    assert err.endswith(f": {os.strerror(number)}\n")


def test_a_link_that_leads_nowhere_is_not_taken_for_the_picture(figures, tmp_path):
    picture = sorted(figures.iterdir())[0]
    folder = tmp_path / "Blip"
    folder.mkdir()
    (folder / picture.name).symlink_to(tmp_path / "gone.png")
    assert place(picture, folder, "sym", {}).name == f"{picture.stem}-2.png"


def test_a_link_to_another_drive_has_its_whole_path(figures, tmp_path, monkeypatch):
    def refuse(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", refuse)
    picture = sorted(figures.iterdir())[0]
    assert place(picture, tmp_path / "Blip", "sym", {}).readlink() == picture.resolve()


def test_who_may_not_make_links_on_windows_is_told_of_copies(
    figures, tmp_path, monkeypatch
):
    def refuse(*_):
        error = OSError(errno.EINVAL, "A required privilege is not held by the client")
        error.winerror = 1314
        raise error

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(GspyError, match=r"cannot make a sym link .*use --link copy"):
        place(sorted(figures.iterdir())[0], tmp_path / "Blip", "sym", {})


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_a_file_system_without_links_is_said_to_be(
    figures, tmp_path, monkeypatch, number
):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr("shutil.copyfile", refuse)
    picture = sorted(figures.iterdir())[0]
    with pytest.raises(GspyError, match=r"cannot make a hard link .*use --link copy"):
        place(picture, tmp_path / "Blip", "hard", {})
    with pytest.raises(OSError, match=os.strerror(number)):  # a copy is no link
        place(picture, tmp_path / "Blip", "copy", {})


def test_a_link_leads_to_its_picture_from_a_folder_that_is_a_link(figures, tmp_path):
    (tmp_path / "x" / "y" / "z").mkdir(parents=True)
    (tmp_path / "s").symlink_to(tmp_path / "x" / "y" / "z")
    picture = sorted(figures.iterdir())[0]
    target = place(picture, tmp_path / "s" / "Blip", "sym", {})
    assert target.samefile(picture)
    assert not target.readlink().is_absolute()


@pytest.mark.parametrize("link", ["copy", "hard", "sym"])
def test_a_picture_that_is_a_link_is_there_in_its_classs_folder(tmp_path, link):
    (tmp_path / "a.png").write_bytes(b"a")
    (tmp_path / "b.png").symlink_to("a.png")
    placed = place(tmp_path / "b.png", tmp_path / "Blip", link, {})
    assert placed.read_bytes() == b"a"


def test_all_views_of_a_glitch_that_could_be_read_follow_its_answer(figures, tmp_path):
    (broken, *whole), target = names(figures), tmp_path / "sorted"
    (figures / broken).write_bytes(b"")
    gspy("classify", figures, "--per-glitch", "--sort-into", target)
    (row,) = rows((target / "labels.csv").read_text())
    assert sorted_pictures(target) == dict.fromkeys(whole, row["ml_label"])


def test_a_folder_that_is_searched_is_refused(figures: Path):
    inner = figures / "sorted"
    code, _, err = gspy("classify", figures, "-r", "--sort-into", inner)
    assert code == 2
    assert err.endswith("which is searched; give --sort-into a folder elsewhere\n")
    assert not inner.exists()


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_a_listed_folder_is_not_searched_for_what_was_sorted(
    figures: Path, tmp_path: Path, source
):
    listing, inner = tmp_path / "list.txt", figures / "sorted"
    listing.write_text(f"{figures}\n")
    before = len(names(figures))
    given = ["--files-from", listing] if source == "file" else ["-"]
    for _ in range(2):
        code, _, _ = gspy(
            *("classify", *given, "-r", "--sort-into", inner),
            stdin=listing.read_text(),
        )
        assert code == 0
        assert len(rows((inner / "labels.csv").read_text())) == before


def test_another_way_of_sorting_is_refused(figures: Path, tmp_path: Path):
    target = tmp_path / "sorted"
    gspy("classify", figures, "--sort-into", target)
    code, _, err = gspy("classify", figures, "--sort-into", target, "--link", "sym")
    assert code == 2
    assert "was made with format sorted copy, this run has sorted sym" in err
