"""The cache of decoded pictures."""

import os
import pickle
import re
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_figure
from glitch_pictures import draw_class_folders
from PIL import Image

from gspy_cli import figure, image
from gspy_cli.errors import GspyError
from gspy_cli.training import cache, shards
from gspy_cli.training.cache import open_pixels
from gspy_cli.training.shards import find_shard

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def paths(tmp_path):
    root = draw_class_folders(tmp_path / "data", {"Blip": 3, "Whistle": 2})
    return sorted(root.rglob("*.png"))


@pytest.fixture
def decoded(monkeypatch):
    """List the pictures that are decoded from now on."""
    names = []

    def decode(path, size, original=cache.decode):
        names.append(path.name)
        return original(path, size)

    monkeypatch.setattr(cache, "decode", decode)
    return names


def test_the_cache_gives_what_the_one_preprocessing_gives(tmp_path):
    path = tmp_path / "whole.png"
    Image.fromarray(draw_figure()).save(path)
    pixels, failures = open_pixels([path], size=48, folder=tmp_path / "cache")
    expected = image.network_input(figure.read_figure(path), height=48, width=48)
    np.testing.assert_array_equal(pixels.rows([0]), expected[None])
    assert failures == {}


def test_a_picture_is_decoded_once(tmp_path, paths, decoded):
    for _ in range(2):
        open_pixels(paths, size=16, folder=tmp_path / "cache")
    assert sorted(decoded) == sorted(p.name for p in paths)


def test_a_longer_list_decodes_only_what_is_new(tmp_path, paths, decoded):
    open_pixels(paths[:7], size=16, folder=tmp_path / "cache")
    first = len(decoded)
    together, _ = open_pixels(paths[::-1], size=16, folder=tmp_path / "cache")
    assert sorted(decoded[first:]) == sorted(p.name for p in paths[7:])
    fresh, _ = open_pixels(paths[::-1], size=16, folder=tmp_path / "other")
    every = range(len(paths))
    np.testing.assert_array_equal(together.rows(every), fresh.rows(every))


def test_a_changed_file_is_decoded_again(tmp_path, paths):
    before, _ = open_pixels(paths, size=16, folder=tmp_path / "cache")
    old = before.rows([0, 1])
    Image.fromarray(draw_figure(120, 160, seed=9)).save(paths[0])
    after, _ = open_pixels(paths, size=16, folder=tmp_path / "cache")
    new = after.rows([0, 1])
    assert (new[0] != old[0]).any()
    np.testing.assert_array_equal(new[1], old[1])


def test_another_file_of_as_many_bytes_has_another_key(tmp_path):
    keys = set()
    for changed in (1, 2):
        (tmp_path / "a.png").write_bytes(b"as many")
        os.utime(tmp_path / "a.png", ns=(0, changed * 10**9))
        keys.add(cache.key(tmp_path / "a.png"))
    assert len(keys) == 2


def test_another_size_or_another_preprocessing_is_another_cache(
    tmp_path, paths, decoded, monkeypatch
):
    open_pixels(paths, size=16, folder=tmp_path / "cache")
    large, _ = open_pixels(paths, size=24, folder=tmp_path / "cache")
    assert large.rows([0]).shape == (1, 24, 24, 3)
    monkeypatch.setattr(cache, "preprocessing", lambda: "changed")
    open_pixels(paths, size=16, folder=tmp_path / "cache")
    assert len(decoded) == 3 * len(paths)


def test_pictures_that_other_code_decoded_go_when_unused_for_a_month(tmp_path, paths):
    root = tmp_path / "cache"
    names = {
        "16x16-0123456789ab": 31,
        "24x24-0123456789ab": 31,
        "16x16-ba9876543210": 29,
        cache.shard_folder(root, 16).name: 31,
        cache.shard_folder(root, 24).name: 31,
        "mine-0123456789ab": 31,
    }
    for name, days in names.items():
        (root / name).mkdir(parents=True)
        (root / name / "a.npy").touch()
        used = time.time() - days * 86_400
        os.utime(root / name, (used, used))
    open_pixels(paths, size=16, folder=root)
    assert {path.name for path in root.iterdir()} == set([*names][2:])
    assert cache.shard_folder(root, 16).stat().st_mtime > time.time() - 86_400


def test_another_process_is_sent_no_pixels_and_reads_the_same_rows(tmp_path, paths):
    pixels, _ = open_pixels(paths, size=64, folder=tmp_path / "cache")
    every = range(len(paths))
    rows = pixels.rows(every)
    sent = pickle.dumps(pixels)
    assert len(sent) < rows[0].nbytes
    np.testing.assert_array_equal(pickle.loads(sent).rows(every), rows)


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="this system does not list them")
def test_few_of_many_shards_are_open_at_a_time(tmp_path, paths, monkeypatch):
    every = range(len(paths))
    expected = open_pixels(paths, size=16, folder=tmp_path / "one")[0].rows(every)
    monkeypatch.setattr(cache, "SHARD", 1)
    monkeypatch.setattr(shards, "MAPPED", 2)
    pixels, _ = open_pixels(paths, size=16, folder=tmp_path / "many")
    np.testing.assert_array_equal(pixels.rows(every), expected)
    files = [os.path.realpath(link) for link in OPEN_FILES.iterdir()]
    assert sum(str(tmp_path / "many") in file for file in files) == 2


def test_decoded_pictures_that_are_gone_are_named(tmp_path, paths):
    pixels, _ = open_pixels(paths, size=16, folder=tmp_path / "cache")
    (shard,) = pixels.shards.files
    shard.path.unlink()
    with pytest.raises(GspyError, match=re.escape(f"{shard.path} (No such file")):
        pixels.rows([0])


@pytest.mark.parametrize("shard", [1, 256])
def test_unreadable_pictures_are_named_and_the_others_kept(
    tmp_path, paths, monkeypatch, shard
):
    monkeypatch.setattr(cache, "SHARD", shard)
    paths[1].write_bytes(b"not a picture")
    Image.fromarray(np.full((200, 200, 3), 255, np.uint8)).save(paths[3])
    paths[4].unlink()
    pixels, failures = open_pixels(paths, size=16, folder=tmp_path / "cache")
    assert failures.keys() == {1, 3, 4}
    assert "plot" in failures[3]
    good = [p for i, p in enumerate(paths) if i not in failures]
    alone, _ = open_pixels(good, size=16, folder=tmp_path / "other")
    every = range(len(good))
    np.testing.assert_array_equal(pixels.rows(every), alone.rows(every))


def test_what_a_kill_has_left_of_a_shard_goes(tmp_path, paths):
    left = cache.shard_folder(tmp_path, 16) / ".shard.npy.0a1b2c3d.part"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (0, 0))
    open_pixels(paths, size=16, folder=tmp_path)
    assert not left.exists()


def test_a_shard_that_has_no_room_says_so(tmp_path, paths):
    resource = pytest.importorskip("resource", reason="this system has no such limits")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(GspyError, match=r"cannot write .*npy \(File too large\)"):
            open_pixels(paths, size=16, folder=tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_half_written_shard_does_not_count(tmp_path, paths, decoded):
    open_pixels(paths, size=16, folder=tmp_path / "cache")
    for index in (tmp_path / "cache").rglob("*.json"):
        index.unlink()  # as after a kill between the pixels and their keys
    open_pixels(paths, size=16, folder=tmp_path / "cache")
    assert len(decoded) == 2 * len(paths)


def test_shards_that_hold_nothing_wanted_are_not_opened(tmp_path, paths, monkeypatch):
    opened = []

    def spy(path):
        opened.append(path)
        return find_shard(path)

    monkeypatch.setattr(cache, "SHARD", 1)
    monkeypatch.setattr(cache, "find_shard", spy)
    open_pixels(paths, size=16, folder=tmp_path)
    opened.clear()
    open_pixels(paths[:1], size=16, folder=tmp_path)
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("suffix", "kept"), [(".npy", None), (".npy", 900), (".npy", 0), (".json", 20)]
)
def test_what_is_damaged_is_decoded_again(tmp_path, paths, decoded, suffix, kept):
    every = range(len(paths))
    before = open_pixels(paths, size=16, folder=tmp_path / "cache")[0].rows(every)
    (file,) = (tmp_path / "cache").rglob(f"*{suffix}")
    content = file.read_bytes()
    file.unlink()
    if kept is not None:
        file.write_bytes(content[:kept])
    after = open_pixels(paths, size=16, folder=tmp_path / "cache")[0].rows(every)
    np.testing.assert_array_equal(after, before)
    assert len(decoded) == 2 * len(paths)
