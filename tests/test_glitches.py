"""The windows of a glitch together: grouped by name, answered as one."""

import csv
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY_CLASSES, draw_figure
from PIL import Image
from running import gspy

from gspy_cli import glitches
from gspy_cli.glitches import fuse
from gspy_cli.results import Failure, Origin, Prediction
from gspy_cli.samples import Sample, sample_of
from gspy_cli.writers import Columns


def named(glitch: str, window: float, folder: str = "x") -> str:
    return f"{folder}/{glitch}_spectrogram_{window}.png"


def grouped(paths: list[str]) -> list[list[str]]:
    return [[s.origin.path for s in members] for members in glitches.group(paths)]


def test_views_come_together_by_window_in_order_of_first_appearance():
    given = [
        named("H1_b", 1.0), named("L1_a", 0.5), named("H1_b", 0.5, "y"),
        named("H1_a", 2.0), named("L1_a", 4.0), named("H1_b", 4.0),
    ]  # fmt: skip
    assert grouped(given) == [
        [named("H1_b", 0.5, "y"), named("H1_b", 1.0), named("H1_b", 4.0)],
        [named("L1_a", 0.5), named("L1_a", 4.0)],
        [named("H1_a", 2.0)],
    ]


def test_a_picture_without_a_glitchs_name_is_a_glitch_of_its_own():
    given = ["x/a.png", named("H1_a", 8.0), "x/b.png", named("H1_a", 1.0), "x/a.png"]
    expected = [["x/a.png"], ["x/a.png"], [named("H1_a", 8.0)], ["x/b.png"]]
    assert grouped(given) == [*expected, [named("H1_a", 1.0)]]


def test_a_second_picture_of_a_window_is_another_row():
    given = [named("H1_a", 1.0), named("H1_a", 1.0, "y"), named("H1_a", 2.0)]
    assert grouped(given) == [[given[0], given[2]], [given[1]]]


def test_pictures_of_one_name_are_looked_at_a_few_times_however_many_they_are():
    class Counted(Sample):
        """A sample that counts how often it is looked at."""

        looks = 0

        def __init__(self) -> None:
            """Leave the fields empty: only the origin is asked for."""

        @property
        def origin(self) -> Origin:
            Counted.looks += 1
            return Origin("event/H1_a_spectrogram_1.0.png", "H1", "a", 1.0)

    given = [Counted() for _ in range(200)]
    assert list(glitches.group(given)) == [(sample,) for sample in given]
    assert Counted.looks <= 3 * len(given)


def test_events_that_failed_keep_their_places():
    trigger = [
        Sample(Origin("t.csv", None, "e1"), lambda: None),
        Sample(Origin("a.h5", "H1", "e2", 1.0), lambda: None),
        Sample(Origin("t.csv", None, "e3"), lambda: None),
    ]
    assert list(glitches.group(trigger)) == [(s,) for s in trigger]


def test_a_sample_that_is_no_file_keeps_its_place():
    sample = Sample(Origin("empty folder"), lambda: None)
    assert next(glitches.group([sample]))[0] is sample


def prediction(window: float, *scores: float) -> Prediction:
    by_class = dict(zip(TINY_CLASSES, scores, strict=True))
    best = max(by_class, key=by_class.get)
    origin = Origin(named("H1_a", window), "H1", "a", window)
    return Prediction(origin, best, by_class[best], by_class)


def failure(window: float) -> Failure:
    return Failure(
        Origin(named("H1_a", window), "H1", "a", window), "the file is empty"
    )


def test_the_answer_is_the_fusion_of_the_views():
    views = (prediction(0.5, 0.7, 0.2, 0.1), prediction(1.0, 0.3, 0.6, 0.1))
    glitch = glitches.fuse_views(views)
    expected = fuse(np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]))
    np.testing.assert_allclose(list(glitch.answer.scores.values()), expected)
    assert glitch.answer.label == "Blip"
    assert glitch.answer.origin == Origin(named("H1_a", 0.5), "H1", "a")


def test_a_failed_view_has_no_voice_and_the_row_says_so():
    good = prediction(1.0, 0.1, 0.8, 0.1)
    row = Columns(TINY_CLASSES, "tiny", per_glitch=True).row(
        glitches.fuse_views((failure(0.5), good, failure(4.0)))
    )
    assert row == {
        "gravityspy_id": "a", "ifo": "H1", "n_views": 1,
        "ml_label": "Koi_Fish", "ml_confidence": 0.8,
        "Blip": 0.1, "Koi_Fish": 0.8, "Whistle": 0.1,
        "Filename1": named("H1_a", 0.5), "Filename2": named("H1_a", 1.0),
        "Filename3": None, "Filename4": named("H1_a", 4.0),
        "status": "partial",
        "error": "0.5, 4.0 s: the file is empty",
        "model_name": "tiny",
    }  # fmt: skip


def test_a_glitch_of_which_every_view_failed_has_failed():
    columns = Columns(TINY_CLASSES, "tiny", per_glitch=True)
    row = columns.row(glitches.fuse_views((failure(0.5), failure(1.0))))
    assert (row["status"], row["n_views"], row["ml_label"]) == ("failed", 0, None)
    assert row["error"] == "0.5, 1.0 s: the file is empty"
    alone = columns.row(glitches.fuse_views((Failure(Origin("x.png"), "it is gone"),)))
    assert (alone["Filename1"], alone["error"]) == ("x.png", "it is gone")


def test_results_return_to_the_groups_they_came_from():
    paths = [named("H1_a", w) for w in (0.5, 1.0)] + ["x.png", named("L1_b", 2.0)]
    groups = list(glitches.group(paths))

    def classify(samples):
        for sample in samples:
            yield Failure(sample.origin, sample.origin.path)

    found = list(glitches.classify_groups(groups, classify))
    assert [members for members, _ in found] == groups
    assert [[r.reason for r in results] for _, results in found] == [
        paths[:2], paths[2:3], paths[3:],
    ]  # fmt: skip


def test_groups_are_taken_as_they_are_needed():
    endless = ((sample_of(f"{n}.png"),) for n in iter(int, 1))

    def classify(samples):
        return (Failure(sample.origin, "x") for sample in samples)

    assert len(list(islice(glitches.classify_groups(endless, classify), 3))) == 3


@pytest.fixture
def folder(tmp_path: Path, tiny_model: Path, monkeypatch) -> Path:
    """Give a folder of two glitches with four views, one broken, and a lone picture."""
    monkeypatch.setenv("GSPY_MODEL", str(tiny_model))
    folder = tmp_path / "views"
    for number, window in enumerate((0.5, 1.0, 2.0, 4.0)):
        inner = folder / str(window)
        inner.mkdir(parents=True)
        for name in ("H1_a", "L1_b"):
            figure = draw_figure(150, 200, seed=number)
            Image.fromarray(figure).save(inner / Path(named(name, window)).name)
    (folder / "2.0" / Path(named("L1_b", 2.0)).name).write_bytes(b"")
    Image.fromarray(draw_figure(150, 200)).save(folder / "alone.png")
    return folder


def test_one_row_a_glitch_with_gravity_spys_columns(folder: Path, tmp_path: Path):
    output = tmp_path / "out.csv"
    code, _, err = gspy("classify", folder, "-r", "--per-glitch", "-o", output)
    assert code == 1
    assert err.startswith("3 glitches classified, 0 failed, ")
    assert ", 1 with a failed view (tiny, cpu)" in err
    with output.open(newline="") as table:
        found = list(csv.DictReader(table))
    told = [
        (row["gravityspy_id"], row["ifo"], row["n_views"], row["status"])
        for row in found
    ]
    assert told == [
        ("a", "H1", "4", "ok"), ("b", "L1", "3", "partial"), ("", "", "1", "ok"),
    ]  # fmt: skip
    for place, window in enumerate((0.5, 1.0, 2.0, 4.0), start=1):
        expected = folder / str(window) / Path(named("H1_a", window)).name
        assert found[0][f"Filename{place}"] == str(expected)


@pytest.mark.usefixtures("no_readers")
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_stopped_run_goes_on_by_glitch(folder: Path, tmp_path: Path, suffix: str):
    output = tmp_path / f"out.{suffix}"
    gspy("classify", folder, "-r", "--per-glitch", "-o", output)
    content = output.read_bytes()
    for end in range(0, len(content), 97):
        output.write_bytes(content[:end])
        gspy("classify", folder, "-r", "--per-glitch", "-o", output)
        assert output.read_bytes() == content
    _, _, err = gspy("classify", folder, "-r", "--per-glitch", "-o", output)
    assert err.startswith("0 glitches classified, 0 failed, 0/s; 3 done before")
    code, _, err = gspy("classify", folder, "-r", "-o", output)
    assert code == 2
    assert err.endswith("was made with --per-glitch; --overwrite replaces it\n")


def test_a_glitch_that_gained_a_view_gets_a_new_row(folder: Path, tmp_path: Path):
    output = tmp_path / "out.jsonl"
    late = folder / "4.0" / Path(named("H1_a", 4.0)).name
    content = late.read_bytes()
    late.unlink()
    gspy("classify", folder, "-r", "--per-glitch", "-o", output)
    late.write_bytes(content)
    gspy("classify", folder, "-r", "--per-glitch", "-o", output)
    found = [json.loads(line) for line in output.read_text().splitlines()]
    views = [row["n_views"] for row in found if row["gravityspy_id"] == "a"]
    assert views == [3, 4]


def test_a_table_names_each_glitch(folder: Path):
    _, out, _ = gspy("classify", folder, "-r", "--per-glitch", "-f", "table")
    lines = [line.split()[:5] for line in out.splitlines()]
    assert ["H1", "a", "4", "of", "4"] in lines
    assert ["L1", "b", "3", "of", "4"] in lines


def test_one_view_is_its_own_answer():
    np.testing.assert_allclose(fuse(np.array([[0.2, 0.5, 0.3]])), [0.2, 0.5, 0.3])


def test_fusing_is_the_normalised_geometric_mean():
    views = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    expected = np.sqrt([0.16, 0.07, 0.01])
    np.testing.assert_allclose(fuse(views), expected / expected.sum())


def test_a_view_that_is_wholly_sure_does_not_make_the_rest_undefined():
    fused = fuse(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert fused == pytest.approx([0.5, 0.5])


def test_a_very_sure_view_outweighs_a_sure_one():
    fused = fuse(np.array([[0.9999, 0.0001], [0.03, 0.97]]))
    assert fused[0] == pytest.approx(0.946, abs=0.001)
