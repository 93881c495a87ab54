"""Sources of labelled pictures, classes and splits."""

import csv
import errno
import os
import re
import shutil
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED, tiny_card
from glitch_pictures import draw_class_folders

from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.evaluation.answer_tables import OURS
from gspy_cli.evaluation.selection import select
from gspy_cli.labels import CLASSES
from gspy_cli.results import COLUMN
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.data import read_dataset, read_examples
from gspy_cli.training.examples import Dataset, Example, identical
from gspy_cli.training.run import read_run
from gspy_cli.training.splits import check_classes, folds, split_dataset
from gspy_cli.training.train import dataset_of
from gspy_cli.writers import Columns


def example(label: str, glitch: str, view: int = 0, split: str = "") -> Example:
    return Example(Path(f"{glitch}_{view}.png"), label, glitch, None, split)


def dataset(examples: list[Example]) -> Dataset:
    return Dataset(tuple(examples), tuple(sorted({e.label for e in examples})))


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_folders_name_classes_and_files_name_glitches_and_windows(tmp_path):
    draw_class_folders(tmp_path, {"Whistle": 1, "Blip": 1})
    (tmp_path / "Whistle" / "H1_Whistle0_spectrogram_x.png").touch()
    found = read_dataset(tmp_path)
    assert found.classes == ("Blip", "Whistle")
    assert [(e.label, e.glitch, e.window) for e in found.examples] == [
        ("Blip", "H1_Blip0", 0.5),
        ("Blip", "H1_Blip0", 1.0),
        ("Whistle", "H1_Whistle0", 0.5),
        ("Whistle", "H1_Whistle0", 1.0),
        ("Whistle", "H1_Whistle0", None),
    ]


def test_split_folders_give_their_splits(tmp_path):
    for split in ("train", "validation", "test"):
        draw_class_folders(tmp_path / split, {"Blip": 1, "Whistle": 1})
    found = read_dataset(tmp_path)
    assert {e.split for e in found.examples} == {"train", "validation", "test"}
    assert found.classes == ("Blip", "Whistle")


def test_folders_may_have_other_names_and_others_beside_and_in_them(tmp_path):
    for split in ("train", "valid", "_old", ".cache"):
        draw_class_folders(tmp_path / split, {"Blip": 1, "Whistle": 1})
    (tmp_path / "valid" / "Blip" / "a.PNG").touch()
    (tmp_path / "valid" / "Blip" / "more").mkdir()
    (tmp_path / "README").touch()
    found = read_dataset(tmp_path)
    assert {e.split for e in found.examples} == {"train", "validation"}
    assert "a.PNG" in {e.path.name for e in found.part("validation")}


def test_a_window_keeps_only_its_pictures(tmp_path):
    draw_class_folders(tmp_path, {"Whistle": 1, "Blip": 1})
    assert {e.window for e in read_dataset(tmp_path, window=1.0).examples} == {1.0}


def test_a_window_that_no_picture_has_is_an_error(tmp_path):
    draw_class_folders(tmp_path, {"Whistle": 1, "Blip": 1})
    with pytest.raises(GspyError, match=r"no 4.0 s pictures .* leave --window out"):
        read_dataset(tmp_path, window=4.0)


def test_aliases_count_as_their_class(tmp_path):
    draw_class_folders(tmp_path, {"Crown": 1, "Koi Fish": 1})
    assert read_dataset(tmp_path).classes == ("Fast_Scattering", "Koi_Fish")


def test_a_picture_in_two_classes_is_told_and_in_neither(tmp_path):
    draw_class_folders(tmp_path, {"Blip": 2, "Whistle": 2, "Crown": 1})
    one, other, again, alias = (
        *(tmp_path / "Blip" / f"H1_Blip0_spectrogram_{w}.png" for w in ("0.5", "1.0")),
        *(tmp_path / name / "a.png" for name in ("Whistle", "Fast_Scattering")),
    )
    alias.parent.mkdir()
    shutil.copy(one, again)
    shutil.copy(other, one.with_name("b.png"))
    shutil.copy(tmp_path / "Crown" / "H1_Crown0_spectrogram_0.5.png", alias)
    notes = []
    found = dataset_of(TrainConfig(tmp_path), notes.append)
    assert notes == [
        f"1 picture left out, in two classes at once: {one} (Blip) = {again} (Whistle)"
    ]
    left_out = {e.path for e in read_dataset(tmp_path).examples} - {
        e.path for e in found.examples
    }
    assert left_out == {one, again}


def test_a_class_whose_pictures_are_all_of_another_too_is_refused(tmp_path):
    draw_class_folders(tmp_path, {"Blip": 1, "Whistle": 1})
    shutil.copytree(tmp_path / "Blip", tmp_path / "Tomte")
    with pytest.raises(GspyError, match="class Blip is empty"):
        check_classes(dataset_of(TrainConfig(tmp_path)))


def test_only_files_of_one_size_are_read_to_find_copies(tmp_path, monkeypatch):
    files = [tmp_path / name for name in "abc"]
    for file, content in zip(files, ("one", "two", "three"), strict=True):
        file.write_text(content)
    read, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: read.append(path) or read_bytes(path)
    )
    identical([Example(file, "Blip", file.name) for file in files])
    assert read == files[:2]


def test_an_unknown_class_is_an_error_that_names_the_nearest(tmp_path):
    draw_class_folders(tmp_path, {"koifsh": 1, "Blip": 1})
    with pytest.raises(GspyError, match=r"'koifsh'; did you mean 'Koi_Fish'\? "):
        read_dataset(tmp_path)


def test_classes_that_gravity_spy_does_not_know_are_the_folder_names(tmp_path):
    draw_class_folders(tmp_path, {"cats": 1, "ants": 1})
    assert read_dataset(tmp_path).classes == ("ants", "cats")


def test_sorted_names_are_gravity_spys_order():
    assert tuple(sorted(CLASSES)) == CLASSES


def test_own_classes_keep_every_folder_name(tmp_path):
    draw_class_folders(tmp_path, {"Crown": 1, "Blip": 1, "cats": 1})
    found = read_dataset(tmp_path, own_classes=True)
    assert found.classes == ("Blip", "Crown", "cats")


def test_an_empty_class_folder_is_an_error(tmp_path):
    draw_class_folders(tmp_path, {"Blip": 1, "Whistle": 1})
    (tmp_path / "Tomte").mkdir()
    with pytest.raises(GspyError, match=r"class Tomte is empty: .*remove"):
        read_dataset(tmp_path)


def test_class_folders_that_lie_too_deep_are_to_be_moved(tmp_path):
    draw_class_folders(tmp_path / "train" / "train", {"Blip": 1, "Whistle": 1})
    with pytest.raises(GspyError, match="train/train holds folders and no picture"):
        read_dataset(tmp_path)


def test_a_file_that_is_no_text_is_no_table(tmp_path):
    table = tmp_path / "trainingset.h5"
    table.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))
    with pytest.raises(GspyError, match="h5 is no text: give a CSV with file and"):
        read_dataset(table)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_source_without_pictures_is_an_error(tmp_path, name):
    with pytest.raises(GspyError, match=r"does not exist|no class folders"):
        read_dataset(tmp_path / name)


def test_a_table_gives_label_split_glitch_and_window(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "H1_x_spectrogram_2.0.png").touch()
    table = write_csv(
        tmp_path / "t.csv",
        [
            ["file", "label", "split", "glitch", "window"],
            ["a.png", "Blip", "val", "g1", "4.0"],
            ["H1_x_spectrogram_2.0.png", "Tomte", "training", "", ""],
        ],
    )
    assert read_dataset(table).examples == (
        Example(tmp_path / "a.png", "Blip", "g1", 4.0, "validation"),
        Example(tmp_path / "H1_x_spectrogram_2.0.png", "Tomte", "H1_x", 2.0, "train"),
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_table_may_come_through_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((tmp_path / "t.csv").write_text, "file,label\na.png,Blip\n")
        (tmp_path / "a.png").touch()
        (found,) = read_examples(tmp_path / "t.csv")
    assert (found.path.name, found.label) == ("a.png", "Blip")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_of_semicolons_or_tabs_is_one_of_commas(tmp_path, mark):
    (tmp_path / "a, b.png").touch()
    rows = ['"file"', '"label"', "split"], ["a, b.png", "Blip", "test"]
    table = tmp_path / "t.csv"
    table.write_text("".join(mark.join(row) + "\r\n" for row in rows))
    (found,) = read_examples(table)
    assert (found.path.name, found.label, found.split) == ("a, b.png", "Blip", "test")


def test_a_table_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.png").touch()
    table = tmp_path / "t.csv"
    table.write_text("file,label\na.png,Blip\n", encoding="utf-8-sig")
    assert [e.label for e in read_dataset(table).examples] == ["Blip"]


METADATA = ["event_time", "ifo", "gravityspy_id", "label", "sample_type"]


def test_gravity_spys_metadata_finds_its_pictures_and_their_splits(tmp_path):
    draw_class_folders(tmp_path / "TrainingSet", {"Blip": 1, "Whistle": 1})
    table = write_csv(
        tmp_path / "trainingset_v1d1_metadata.csv",
        [
            METADATA,
            ["1.0", "H1", "Blip0", "Blip", "train"],
            ["2.0", "H1", "Whistle0", "Whistle", "validation"],
        ],
    )
    found = read_dataset(table, on_note=pytest.fail)
    assert [(e.label, e.split) for e in found.examples] == [
        *[("Blip", "train")] * 2,
        *[("Whistle", "validation")] * 2,
    ]


def test_glitches_of_gravity_spys_metadata_without_a_picture_are_told_of(tmp_path):
    draw_class_folders(tmp_path / "TrainingSet", {"Blip": 1, "Whistle": 1})
    rows = [["1.0", "H1", f"Blip{n}", "Blip", "train"] for n in range(3)]
    rows.append(["2.0", "H1", "Whistle0", "Whistle", "validation"])
    table = write_csv(tmp_path / "t.csv", [METADATA, *rows])
    notes: list[str] = []
    assert len(read_dataset(table, on_note=notes.append).examples) == 4
    assert notes == [f"2 of 4 glitches have no picture under {tmp_path}"]
    assert notes[0] in select(table, ("Blip", "Whistle")).notes


def test_a_class_of_gravity_spys_metadata_without_a_picture_is_told_or_refused(
    tmp_path,
):
    draw_class_folders(tmp_path / "TrainingSet", {"Blip": 1, "Whistle": 1})
    classes = ("Blip", "Whistle", "Tomte")
    rows = [["1.0", "H1", f"{name}0", name, "train"] for name in classes]
    table = write_csv(tmp_path / "t.csv", [METADATA, *rows])
    with pytest.raises(
        GspyError, match=r"no picture of Tomte under .*: put them there"
    ):
        read_dataset(table, every_class=True)
    told = f"1 of 3 glitches have no picture under {tmp_path}, all of Tomte among them"
    assert told in select(table, classes).notes
    table = write_csv(tmp_path / "t.csv", [METADATA, rows[2]])
    with pytest.raises(GspyError, match="no picture of Tomte under"):
        read_dataset(table)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["picture", "class"], ["a.png", "Blip"]], "no columns file and label"),
        ([["file", "label"], ["b.png", "Blip"]], "b.png does not exist"),
        ([["file", "label"], ["a.png", ""]], "without a file or a label"),
        ([["file", "label"], ["", "Blip"]], "without a file or a label"),
        ([METADATA, ["1.0", "H1"]], "without a name or a label"),
        ([METADATA, ["1.0", "H1", "abc"]], "without a name or a label"),
        ([METADATA, ["1.0", "H1", "abc", "", "train"]], "without a name or a label"),
        ([METADATA, ["1.0", "H1", "", "Blip", "train"]], "without a name or a label"),
        ([["file", "label", "split"], ["a.png", "Blip", "x"]], "split 'x' is not"),
        ([["file", "label", "window"], ["a.png", "Blip", "x"]], "window 'x' is not"),
    ],
)
def test_a_bad_table_is_an_error_that_says_where(tmp_path, rows, message):
    (tmp_path / "a.png").touch()
    with pytest.raises(GspyError, match=message):
        read_dataset(write_csv(tmp_path / "t.csv", rows))


def test_a_quote_that_never_ends_is_an_error_of_one_line(tmp_path):
    (tmp_path / "a.png").touch()
    table = tmp_path / "t.csv"
    table.write_text('file,label\na.png,"Blip\n' + 99 * "a.png,Blip\n")
    with pytest.raises(GspyError, match=r"t.csv is not a CSV table \(unexpected end"):
        read_dataset(table)


@pytest.mark.parametrize("name", ["Blip", "table.csv"])
def test_data_that_may_not_be_read_are_named(tmp_path, monkeypatch, name):
    draw_class_folders(tmp_path, {"Blip": 1, "Whistle": 1})
    table = write_csv(tmp_path / "table.csv", [["file", "label"]])

    def refuse(path, *_, **__):
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return originals[path.suffix](path)

    originals = {"": Path.iterdir}
    monkeypatch.setattr(Path, "iterdir", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    source = table if name == table.name else tmp_path
    with pytest.raises(GspyError, match=rf"cannot read .*{name} \(Permission denied"):
        read_dataset(source)


def test_a_class_that_is_not_named_in_utf_8_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    table = tmp_path / "t.csv"
    table.write_bytes(b"file,label\na.png,Caf\xe9\n")
    with pytest.raises(GspyError, match=r"'Caf.udce9' is not named in UTF-8"):
        read_dataset(table)


@pytest.mark.parametrize(
    "cut",
    [
        lambda lines: lines[:3],
        lambda lines: [*lines[:-1], lines[-1].partition(",Whistle")[0] + ",Whi"],
        lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0]],
    ],
)
def test_a_run_without_its_whole_list_of_pictures_cannot_go_on(trained, tmp_path, cut):
    run = shutil.copytree(trained[0], tmp_path / "run")
    table = run / "split.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(cut(lines)))
    said = f"{table} is missing or damaged: put it back as it was"
    with pytest.raises(GspyError, match=re.escape(said)):
        read_run(run)
    table.unlink()
    with pytest.raises(GspyError, match=re.escape(said)):
        read_run(run)


def test_a_run_goes_on_whatever_became_of_its_card(trained, tmp_path):
    run = shutil.copytree(trained[0], tmp_path / "run")
    before = read_run(run)
    (run / "card.json").write_text("{")
    assert len(before.seen_before.split()) > 1
    assert read_run(run).seen_before == before.seen_before


def test_no_glitch_is_in_two_splits_and_every_class_is_in_train():
    rng = np.random.default_rng(0)
    examples = [
        example(f"c{c}", f"{c}-{g}", view)
        for c in range(5)
        for g in range(1 + 4 * c)
        for view in range(rng.integers(1, 5))
    ]
    found = split_dataset(dataset(examples), validation=0.15, test=0.15, seed=3)
    parts = defaultdict(set)
    for e in found.examples:
        parts[e.glitch].add(e.split)
    assert all(len(splits) == 1 for splits in parts.values())
    assert {e.label for e in found.part("train")} == set(found.classes)


def test_a_split_is_stratified():
    examples = [
        example(c, f"{c}{i}")
        for c, n in (("a", 100), ("b", 18), ("c", 3), ("d", 2))
        for i in range(n)
    ]
    found = split_dataset(dataset(examples), validation=0.2, test=0.1, seed=0)
    shares = {
        (split, label): sum(e.label == label for e in found.part(split))
        for split in ("train", "validation", "test")
        for label in "abcd"
    }
    assert shares == {
        ("train", "a"): 70, ("validation", "a"): 20, ("test", "a"): 10,
        ("train", "b"): 12, ("validation", "b"): 4, ("test", "b"): 2,  # rounded
        ("train", "c"): 1, ("validation", "c"): 1, ("test", "c"): 1,
        ("train", "d"): 1, ("validation", "d"): 1, ("test", "d"): 0,
    }  # fmt: skip


def test_a_split_that_is_not_wanted_gets_nothing():
    examples = [example(c, f"{c}{i}") for c in "ab" for i in range(5)]
    found = split_dataset(dataset(examples), validation=0.01, test=0.0, seed=0)
    assert [len(found.part(s)) for s in ("train", "validation", "test")] == [8, 2, 0]


def test_a_split_depends_on_the_seed_and_not_on_the_order_of_the_files():
    examples = [example(c, f"{c}{i}") for c in "ab" for i in range(20)]
    first, reverse, other = (
        {e.glitch: e.split for e in split_dataset(
            dataset(given), validation=0.2, test=0.2, seed=seed
        ).examples}
        for given, seed in ((examples, 0), (examples[::-1], 0), (examples, 1))
    )  # fmt: skip
    assert first == reverse
    assert first != other


def test_given_splits_stay():
    examples = [
        example(c, f"{c}{s}", split=s) for c in "ab" for s in ("train", "validation")
    ]
    found = split_dataset(dataset(examples), validation=0.5, test=0.1, seed=0)
    assert found.examples == tuple(examples)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([example("a", "1")], "only one class, a"),
        ([example("a", "1"), example("b", "1", 1)], "glitch 1 is in two classes"),
        (
            [
                example("a", "1", 0, "train"),
                example("a", "1", 1, "validation"),
                example("b", "2", 0, "train"),
            ],
            "glitch 1 is in two splits, train and validation: put all",
        ),
        (
            [example("a", "1", 0, "train"), example("b", "2")],
            "2_0.png has no split, but others do",
        ),
        (
            [example("a", "1", 0, "train"), example("b", "2", 0, "validation")],
            "class b has no training picture",
        ),
        (
            [example("a", "1", 0, "train"), example("b", "2", 0, "train")],
            "no validation pictures",
        ),
        (
            [example(name, name) for name in ("glitch", "path", "thunder")],
            "columns of their own named glitch, path: give",
        ),
    ],
)
def test_bad_data_is_an_error_with_a_remedy(examples, message):
    with pytest.raises(GspyError, match=message):
        split_dataset(dataset(examples), validation=0.1, test=0.1, seed=0)


def test_no_class_is_named_as_a_column_of_a_table():
    tables = [
        Columns((), "m", top_k=2, min_confidence=0.5, triggers=True, time_shifts=True),
        Columns((), "m", per_glitch=True),
    ]
    names = {*OURS, *tables[0].names(), *tables[1].names()}
    assert [name for name in sorted(names) if not COLUMN.fullmatch(name)] == []
    assert not any(COLUMN.fullmatch(name) for name in CLASSES)


@pytest.mark.parametrize("name", ["a/b", "a\\b", "a\nb", "..", "tab\t"])
def test_a_class_that_no_folder_can_be_named_is_refused(name):
    with pytest.raises(GspyError) as error:
        check_classes(dataset([example("a", "1"), example(name, "2")]))
    assert f"no folder can be named {name!r}, as" in str(error.value)


@pytest.mark.parametrize("name", ["a b", "é", "...", "a:b", 'a"b'])
def test_a_class_that_can_be_trained_can_be_in_a_card(name):
    found = dataset([example("a", "1"), example(name, "2")])
    check_classes(found)
    card = tiny_card(classes=found.classes)
    assert ModelCard.from_json(card.to_json(), origin="card") == card


def test_folds_keep_the_views_of_a_glitch_together_and_spread_every_class():
    examples = [
        example(label, f"{label}{g}", view)
        for label, count in (("rare", 2), ("some", 5), ("many", 31))
        for g in range(count)
        for view in range(4)
    ]
    fold = folds(examples, 5, seed=1)
    of_glitch = defaultdict(set)
    for e, number in zip(examples, fold, strict=True):
        of_glitch[e.glitch].add(int(number))
    assert all(len(numbers) == 1 for numbers in of_glitch.values())
    of_class = defaultdict(list)
    for glitch, numbers in of_glitch.items():
        of_class[glitch[:4]].extend(numbers)
    assert len(set(of_class["rare"])) == 2
    assert len(set(of_class["some"])) == 5
    every = [number for numbers in of_class.values() for number in numbers]
    for numbers in (of_class["many"], every):
        assert max(np.bincount(numbers)) - min(np.bincount(numbers)) <= 1


def test_two_folds_hold_each_glitch_of_a_rare_class_out_once():
    examples = [example(c, f"{c}{g}") for c in "abc" for g in range(2)]
    fold = folds(examples, 2, seed=0)
    for label in "abc":
        held_out = [f for e, f in zip(examples, fold, strict=True) if e.label == label]
        assert sorted(held_out) == [0, 1]


@pytest.mark.skipif(not SHARED.exists(), reason="the real pictures are not here")
def test_names_of_real_pictures_group_them_as_their_manifest_does():
    by_name = {e.path: e.glitch for e in read_dataset(SHARED / "real").examples}
    manifest = read_dataset(SHARED / "real" / "manifest.csv")
    assert len(manifest.classes) == 24
    pairs = {(by_name[e.path], e.glitch) for e in manifest.examples}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_folders_set_aside_by_their_names_are_told_of(tmp_path):
    draw_class_folders(tmp_path, {"Blip": 1, "_Thunder": 1, ".cache": 1})
    notes = []
    assert read_dataset(tmp_path, on_note=notes.append).classes == ("Blip",)
    assert [note.partition(", ")[2] for note in notes] == [
        "as names begin with '_': _Thunder"
    ]


def test_labels_that_look_alike_are_one_class(tmp_path):
    names = (
        "\N{LATIN CAPITAL LETTER E WITH ACUTE}clat",
        "E\N{COMBINING ACUTE ACCENT}clat",
    )
    for name in names:
        draw_class_folders(tmp_path, {name: 1})
    assert read_dataset(tmp_path).classes == (names[0],)
    pictures = sorted(tmp_path.rglob("*.png"))
    table = write_csv(
        tmp_path / "a.csv",
        [["file", "label"], *([str(p), f"{p.parent.name} "] for p in pictures)],
    )
    assert {e.label for e in read_dataset(table).examples} == {names[0]}
    assert {e.path for e in read_dataset(table).examples} == set(pictures)


def test_a_label_of_blanks_alone_is_none(tmp_path):
    table = write_csv(tmp_path / "a.csv", [["file", "label"], ["a.png", " "]])
    with pytest.raises(GspyError, match="without a file or a label"):
        read_dataset(table)
