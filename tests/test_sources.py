import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from running import needs_named_pipes

from gspy_cli import sources
from gspy_cli.cli.inputs import Given
from gspy_cli.errors import GspyError, PictureError
from gspy_cli.results import Origin
from gspy_cli.samples import Stream, describe, read_first, sample_of


def paths(samples) -> list[str]:
    return [sample.origin.path for sample in samples]


@pytest.mark.parametrize(
    ("name", "ifo", "identifier", "window"),
    [
        ("H1_0PgqDFdHPl_spectrogram_0.5.png", "H1", "0PgqDFdHPl", 0.5),
        (
            "L1_1238652972.764159918_spectrogram_4.0.png",
            "L1",
            "1238652972.764159918",
            4.0,
        ),
        ("golden_Chirp_chirp-2_spectrogram_2.0.png", None, "golden_Chirp_chirp-2", 2.0),
        ("bul_00d18635.jpg", None, None, None),
        ("H1_x_spectrogram_1.0_copy.png", None, None, None),
        ("H1_x_spectrogram.png", None, None, None),
        ("H1_x_spectrogram_1.0..png", None, None, None),
        ("H1_x_spectrogram_1.0.png/", None, None, None),
        ("H1_x.y_spectrogram_1.0.jpeg", "H1", "x.y", 1.0),
        ("H1_x_spectrogram_1.", "H1", "x", 1.0),
        (".png", None, None, None),
        ("", None, None, None),
    ],
)
def test_a_gravity_spy_name_tells_detector_id_and_window(name, ifo, identifier, window):
    path = f"some folder/{name}"
    assert describe(path) == Origin(path, ifo, identifier, window)


@pytest.mark.parametrize("path", ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/3"])
def test_what_this_process_alone_has_open_is_read_by_it(path: str):
    assert isinstance(sample_of(path).load, Stream)


def test_a_folder_gives_its_pictures_sorted_and_nothing_else(tmp_path: Path):
    for name in ("b.PNG", "a.jpg", "notes.txt", "c.gif", "._a.jpg"):
        (tmp_path / name).touch()
    assert not sources.at_least(4, [str(tmp_path)])
    names = [Path(path).name for path in paths(sources.from_paths([str(tmp_path)]))]
    assert names == ["a.jpg", "b.PNG", "c.gif"]


def test_folders_in_a_folder_are_opened_only_when_asked(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.png").touch()
    (tmp_path / "a.png").touch()
    flat = paths(sources.from_paths([str(tmp_path)]))
    deep = paths(sources.from_paths([str(tmp_path)], recursive=True))
    assert [Path(path).name for path in flat] == ["a.png"]
    assert [Path(path).name for path in deep] == ["a.png", "b.png"]


def test_pictures_are_counted_no_further_than_asked():
    def two() -> Iterator[str]:
        yield from ("a.png", "b.png")
        raise AssertionError

    assert sources.at_least(2, two())


def test_pictures_are_counted_as_they_are_searched(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    for name in ("a.png", "b.JPG", "notes.txt", "inner/c.png"):
        (tmp_path / name).touch()
    folder = str(tmp_path)
    assert sources.at_least(2, [folder])
    assert not sources.at_least(3, [folder])
    assert sources.at_least(3, [folder], recursive=True)
    (tmp_path / "up").symlink_to(tmp_path)
    assert not sources.at_least(4, [folder], recursive=True)
    assert sources.at_least(4, [folder, "x.png", "y.png"])
    assert not sources.at_least(1, [])


def test_a_folder_without_pictures_is_one_failing_sample(tmp_path: Path):
    (sample,) = sources.from_paths([str(tmp_path)])
    assert sample.origin.path == str(tmp_path)
    with pytest.raises(PictureError, match="no pictures in this folder; --recursive"):
        sample.load()


def test_strain_in_a_folder_is_known_by_its_suffix(tmp_path: Path):
    (tmp_path / "H1.HDF5").touch()
    (sample,) = sources.from_paths([str(tmp_path)])
    with pytest.raises(PictureError, match="no pictures in this folder, but strain"):
        sample.load()


def test_a_folder_that_cannot_be_read_costs_its_own_row(tmp_path: Path, monkeypatch):
    locked, scan = tmp_path / "locked", os.scandir
    for folder in (locked, tmp_path / "open"):
        folder.mkdir()
        (folder / "a.png").touch()

    def look(folder: str):
        if folder == str(locked):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", look)
    given = [str(tmp_path)]
    failed, read = sources.from_paths(given, recursive=True)
    assert paths([failed, read]) == [str(locked), str(tmp_path / "open" / "a.png")]
    with pytest.raises(PictureError, match="cannot read this folder: Permission de"):
        failed.load()
    assert sources.at_least(1, given, recursive=True)
    assert not sources.at_least(2, given, recursive=True)


def test_an_entry_that_the_file_system_cannot_tell_is_a_file(
    tmp_path: Path, monkeypatch
):
    class Stale:
        """An entry of a folder on a server that has forgotten it."""

        name, path = "a.png", str(tmp_path / "a.png")

        def is_symlink(self) -> bool:
            return False

        def is_dir(self) -> bool:
            raise OSError(116, "Stale file handle")

        is_file = is_dir

    monkeypatch.setattr(sources, "_inside", lambda *_: [Stale()])
    assert paths(sources.from_paths([str(tmp_path)])) == [Stale.path]


def test_a_link_to_a_folder_above_does_not_loop(tmp_path: Path):
    (tmp_path / "a.png").touch()
    (tmp_path / "up").symlink_to(tmp_path)
    found = paths(sources.from_paths([str(tmp_path)], recursive=True))
    assert [Path(path).name for path in found] == ["a.png"]


def test_a_linked_folder_is_searched_and_each_folder_once(tmp_path: Path):
    given, elsewhere = tmp_path / "given", tmp_path / "elsewhere"
    given.mkdir()
    elsewhere.mkdir()
    (elsewhere / "a.png").touch()
    for name in ("first", "second"):
        (given / name).symlink_to(elsewhere)
    assert paths(sources.from_paths([str(given)], recursive=True)) == [
        str(given / "first" / "a.png")
    ]


def test_folders_on_two_disks_may_have_one_number(tmp_path: Path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").touch()
    disks = {str(tmp_path / name): name for name in ("", "a", "b")}
    with monkeypatch.context() as patch:
        patch.setattr(
            os, "stat", lambda path: SimpleNamespace(st_dev=disks[path], st_ino=2)
        )
        found = list(sources.walk_folder(str(tmp_path), recursive=True, apart=None))
    assert found == [str(tmp_path / name / "x.png") for name in "ab"]


def test_folders_may_be_nested_as_deep_as_paths_may_be_long(tmp_path: Path):
    deepest = tmp_path
    for _ in range(1200):
        deepest /= "d"
        deepest.mkdir()
    picture = deepest / "a.png"
    picture.touch()
    folder = str(tmp_path)
    assert paths(sources.from_paths([folder], recursive=True)) == [str(picture)]
    assert sources.at_least(1, [folder], recursive=True)
    picture.unlink()
    while deepest != tmp_path:  # what takes test folders away calls itself
        deepest.rmdir()
        deepest = deepest.parent


@needs_named_pipes
def test_in_a_folder_only_files_are_taken_and_a_given_pipe_is_read_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    found = paths(sources.from_paths([str(tmp_path)]))
    assert [Path(path).name for path in found] == ["gone.png"]
    (pipe,) = sources.from_paths([str(tmp_path / "pipe.png")])
    assert isinstance(pipe.load, Stream)


def test_a_list_keeps_spaces_and_skips_empty_lines():
    lines = ["my figure.png\n", "\n", " b[1].png \r\n"]
    assert list(sources.listed(lines)) == ["my figure.png", " b[1].png "]


def test_a_name_that_no_file_can_have_keeps_its_row():
    assert paths(sources.from_paths(["a\0b"])) == ["a\0b"]


def test_names_of_a_list_keep_their_bytes(tmp_path: Path):
    (tmp_path / "list.txt").write_bytes(b"caf\xe9.png\n")
    (name,) = sources.listed(sources.read_list(tmp_path / "list.txt"))
    assert os.fsencode(name) == b"caf\xe9.png"


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path: Path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.png\n")
    assert list(sources.listed(sources.read_list(tmp_path / "list.txt"))) == ["a.png"]


@pytest.mark.parametrize("given", [Given(("-",)), Given((), Path("-"))])
def test_a_list_on_stdin_is_read_as_it_comes_and_once(
    given: Given, tmp_path: Path, monkeypatch
):
    def lines() -> Iterator[str]:
        yield "a.png\n"
        raise AssertionError

    (tmp_path / "-").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", lines())
    assert next(given.names()) == "a.png"
    assert given.again(per_glitch=False) is None


def test_a_list_that_is_no_regular_file_is_not_read_twice():
    assert Given((), Path(os.devnull)).again(per_glitch=False) is None


def test_names_of_a_list_are_not_asked_for_one_by_one(tmp_path: Path, monkeypatch):
    folder, asked, ask = tmp_path / "day.png", [], os.stat
    folder.mkdir()
    for name in ("a.png", "b.JPG"):
        (folder / name).touch()
    given = [str(folder), *(f"{number}.png" for number in range(50))]
    (tmp_path / "list.txt").write_text("\n".join(given[1:]))

    def look(path, **options):
        asked.append(path)
        return ask(path, **options)

    monkeypatch.setattr("os.stat", look)
    inside = [str(folder / name) for name in ("a.png", "b.JPG")]
    all_given = Given((str(folder),), tmp_path / "list.txt")
    assert list(all_given.names()) == [*inside, *given[1:]]
    assert set(asked) == {str(folder)}
    assert list(sources.names(given, recursive=False, alone=())) == given
    with pytest.raises(PictureError, match="this is a folder; give it as an argument"):
        sample_of(given[0]).load()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux alone has it")
def test_a_disk_that_fails_is_told_from_a_damaged_picture(tmp_path: Path):
    (tmp_path / "a.png").symlink_to("/proc/self/mem")  # nothing is at its beginning
    with pytest.raises(PictureError, match=r"^cannot be read: input/output error$"):
        sample_of(str(tmp_path / "a.png")).load()


def test_a_list_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(GspyError, match=r"cannot read the list .*none\.txt: No such"):
        sources.read_list(tmp_path / "none.txt")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux alone has it")
def test_a_list_that_cannot_be_read_to_its_end_is_an_error():
    lines = sources.read_list(Path("/proc/self/mem"))
    with pytest.raises(GspyError, match=r"cannot read the list .*: Input/output error"):
        next(lines)


def test_a_sample_loads_the_pixels_of_its_picture(tmp_path: Path):
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "a.png")
    (sample,) = sources.from_paths([str(tmp_path / "a.png")])
    pixels = sample.load()
    assert pixels.shape == (3, 4, 3)
    assert (pixels == (1, 2, 3)).all()


def test_reading_the_first_now_changes_nothing(tmp_path: Path):
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    given = [str(tmp_path / "a.png"), str(tmp_path / "none.png"), "other.png"]
    samples = list(read_first(sources.from_paths(given)))
    assert paths(samples) == given
    assert samples[0].load().shape == (3, 4, 3)
    first = read_first(sources.from_paths(["none.png"]))
    with pytest.raises(PictureError, match="no such file"):
        next(first).load()
    assert list(read_first([])) == []
