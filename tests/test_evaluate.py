"""`gspy evaluate`: numbers, warnings and errors."""

import csv
import errno
import json
import os
import shutil
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED, TINY_CLASSES, tiny_card, write_tiny_model
from glitch_pictures import draw_class_folders
from running import gspy, rows
from sklearn.metrics import balanced_accuracy_score, f1_score

from gspy_cli import registry
from gspy_cli.callbacks import ignore
from gspy_cli.errors import DivergedError, GspyError
from gspy_cli.evaluation import evaluation, figures, report
from gspy_cli.evaluation.answer_tables import answers_of, read_answers
from gspy_cli.evaluation.judgement import judge
from gspy_cli.evaluation.misclassifications import find_errors
from gspy_cli.evaluation.reference import read_reference
from gspy_cli.evaluation.scores import calibration, most_confused, score, score_windows
from gspy_cli.evaluation.selection import choose_split, seen_in_training, select
from gspy_cli.model import Model
from gspy_cli.training.answers import Answers
from gspy_cli.training.data import read_dataset
from gspy_cli.training.examples import Example, fingerprints
from gspy_cli.training.history import note_of_stop, noting_divergence

pytestmark = pytest.mark.usefixtures("tiny_network")


FEW = {"Blip": 4, "Koi_Fish": 3, "Whistle": 3}


@pytest.fixture(autouse=True)
def undrawn(monkeypatch) -> None:
    """Let no figure be drawn, which takes time."""
    for name in ("draw_confusion", "draw_reliability", "draw_errors", "draw_size"):
        monkeypatch.setattr(figures, name, lambda *_, **__: b"drawn")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Draw ten glitches of two windows in class folders."""
    return draw_class_folders(tmp_path / "data", FEW)


@pytest.fixture
def table(data: Path, tmp_path: Path) -> Path:
    """Write answers: all right but those to three pictures of Whistle0 and Koi_Fish0.

    Whistle0's two views are both named Blip, one of Koi_Fish0's is, weakly.
    """
    path = tmp_path / "answers.csv"
    answers = {e.path: certain(e.label, 0.9) for e in read_dataset(data).examples}
    answers |= dict.fromkeys(data.glob("Whistle/*Whistle0_*"), certain("Blip", 0.95))
    answers[data / "Koi_Fish/H1_Koi_Fish0_spectrogram_0.5.png"] = certain("Blip", 0.5)
    write_answers(path, answers)
    return path


def certain(label: str, confidence: float) -> list[float]:
    rest = (1 - confidence) / 2
    return [confidence if name == label else rest for name in TINY_CLASSES]


def write_answers(path: Path, answers: dict[Path, list[float]]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "ml_label", *TINY_CLASSES, "status", "error"])
        for picture, scores in answers.items():
            label = TINY_CLASSES[int(np.argmax(scores))]
            rows.writerow([picture, label, *scores, "ok", ""])


def evaluated(*arguments: object, out: Path) -> dict:
    code, _, err = gspy("evaluate", *arguments, "-o", out)
    assert code == 0, err
    return json.loads((out / "metrics.json").read_text())


def test_scores_are_per_picture_per_window_and_per_glitch(data, table, tmp_path):
    found = evaluated(table, "--data", data, out=tmp_path / "report")
    assert (found["pictures"]["right"], found["pictures"]["count"]) == (17, 20)
    assert (found["glitches"]["right"], found["glitches"]["count"]) == (9, 10)
    assert found["windows"]["0.5"]["right"] == 8
    assert found["windows"]["1.0"]["right"] == 9
    assert found["most_confused"][0] == ["Whistle", "Blip", 2]


def test_the_tables_agree_with_the_metrics(data, table, tmp_path):
    report = tmp_path / "report"
    found = evaluated(table, "--data", data, out=report)
    by_class = {
        row["class"]: row for row in rows((report / "per_class.csv").read_text())
    }
    assert by_class["Whistle"]["glitches_right"] == "2"
    assert float(by_class["Whistle"]["recall"]) == pytest.approx(4 / 6, abs=1e-5)
    of_glitches = {
        "glitch_precision": 1,
        "glitch_recall": 2 / 3,
        "glitch_recall_low": 0.20766,
        "glitch_recall_high": 0.93851,
        "glitch_f1": 4 / 5,
    }
    for name, value in of_glitches.items():
        assert float(by_class["Whistle"][name]) == pytest.approx(value, abs=1e-5), name
    mean = np.mean([float(row["f1"]) for row in by_class.values()])
    assert mean == pytest.approx(found["pictures"]["macro_f1"], abs=1e-5)
    counts = rows((report / "confusion.csv").read_text())
    assert [row["Blip"] for row in counts] == ["8", "1", "2"]
    predictions = rows((report / "predictions.csv").read_text())
    assert sum(row["right"] == "False" for row in predictions) == 3
    assert sum(row["glitch_ml_label"] != row["label"] for row in predictions) == 2


def test_a_reports_own_predictions_can_be_evaluated_again(data, table, tmp_path):
    first = evaluated(table, "--data", data, out=tmp_path / "first")
    again = evaluated(tmp_path / "first" / "predictions.csv", out=tmp_path / "again")
    for level in ("pictures", "glitches"):
        for name, value in first[level].items():
            assert again[level][name] == pytest.approx(value), name
    (tmp_path / "first" / "scores.json").touch()  # as of folds; their runs are gone
    assert gspy("evaluate", tmp_path / "first")[0] == 0


def test_a_table_of_gspy_classify_gives_the_models_own_scores(
    data, tiny_model, tmp_path
):
    labels = tmp_path / "labels.csv"
    gspy("classify", data, "-r", "-m", tiny_model, "-o", labels, "--top-k", 2)
    of_table = evaluated(labels, "--data", data, out=tmp_path / "table")
    of_model = evaluated(tiny_model, "--data", data, out=tmp_path / "model")
    assert of_table["pictures"]["right"] == of_model["pictures"]["right"]
    assert of_table["glitches"]["calibration_error"] == pytest.approx(
        of_model["glitches"]["calibration_error"], abs=1e-5
    )


def test_a_table_of_glitches_gives_the_same_glitch_scores(data, tiny_model, tmp_path):
    pictures, glitches = tmp_path / "labels.csv", tmp_path / "glitches.csv"
    outputs = ["-m", tiny_model, "-o"]
    gspy("classify", data, "-r", *outputs, pictures)
    gspy("classify", data, "-r", "--per-glitch", *outputs, glitches)
    first = evaluated(pictures, "--data", data, out=tmp_path / "first")
    again = evaluated(glitches, "--data", data, out=tmp_path / "again")
    for name, value in first["glitches"].items():
        assert again["glitches"][name] == pytest.approx(value, abs=1e-4), name
    assert again["pictures"]["count"] == first["pictures"]["count"]
    assert any("counts with the answer of its glitch" in n for n in again["notes"])


def test_classes_without_examples_are_shown_as_undefined(data, table, tmp_path):
    shutil.rmtree(data / "Whistle")
    _, out, err = gspy("evaluate", table, "--data", data, "-o", tmp_path / "report")
    assert "no examples, so no recall and no F1: Whistle" in err
    row = rows((tmp_path / "report" / "per_class.csv").read_text())[2]
    assert (row["class"], row["recall"], row["f1"], row["pictures"]) == (
        "Whistle", "", "", "0",
    )  # fmt: skip
    page = (tmp_path / "report" / "index.html").read_text()
    assert '<td data-value="">&ndash;</td>' in page
    assert "nan" not in out.lower()


def test_one_example_is_enough_and_said_to_be_few(data, table, tmp_path):
    for path in [*data.glob("*/*")]:
        if path.name != "H1_Blip0_spectrogram_0.5.png":
            path.unlink()
    for folder in ("Koi_Fish", "Whistle"):
        (data / folder).rmdir()
    code, _, err = gspy("evaluate", table, "--data", data, "-o", tmp_path / "r")
    assert code == 0
    assert "one glitch only, so scores of 0 or 1: Blip" in err
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["calibration"] is (
        None
    )


def test_labels_that_the_model_lacks_are_left_out_and_named(data, table):
    (data / "Tomte").mkdir()
    for path in data.glob("Whistle/*"):
        path.rename(data / "Tomte" / path.name)
    (data / "Whistle").rmdir()
    code, out, err = gspy("evaluate", table, "--data", data)
    assert code == 0
    assert "6 pictures left out, with labels that the model does not know" in err
    assert "Tomte (6)" in err
    assert "pictures      14" in out


def test_a_label_that_no_model_knows_is_left_out_and_an_alias_is_read(data):
    draw_class_folders(data, {"Thunder": 1})
    examples = select(data, ("Blip", "Koi_Fish", "Whistle")).examples
    assert len(examples) == 20
    (data / "Blip").rename(data / "Crown")
    found = select(data, ("Fast_Scattering", "Whistle"))
    assert sum(e.label == "Fast_Scattering" for e in found.examples) == 8
    assert any("Thunder (2)" in note for note in found.notes)


def test_data_with_foreign_labels_alone_are_refused(data, table):
    for name in FEW:
        (data / name).rename(data / f"My{name}")
    code, _, err = gspy("evaluate", table, "--data", data)
    assert (code, err.count("\n")) == (2, 1)
    assert "has only labels that the model does not know (MyBlip, MyKoi_Fish" in err


def test_a_picture_without_an_answer_is_named_and_exits_1(data, table):
    draw_class_folders(data, {"Blip": 5})
    code, out, err = gspy("evaluate", table, "--data", data)
    assert code == 1
    assert "H1_Blip4_spectrogram_0.5.png: not in answers.csv" in err
    assert "pictures      20" in out


@pytest.fixture
def numbered(data: Path) -> Path:
    """Give each class pictures of the same names: 0.png, 1.png and so on."""
    for folder in data.iterdir():
        for number, path in enumerate(sorted(folder.iterdir())):
            path.rename(folder / f"{number}.png")
    return data


def test_no_picture_gets_the_answer_of_another_of_the_same_name(numbered, tmp_path):
    table = tmp_path / "answers.csv"
    blips = sorted((numbered / "Blip").iterdir())
    write_answers(table, dict.fromkeys(blips, certain("Blip", 0.9)))
    code, out, err = gspy("evaluate", table, "--data", numbered)
    assert (code, "no answer: 7 more" in err) == (1, True)
    assert "pictures       8     1.000" in out


def test_a_row_found_by_its_path_answers_for_no_other_picture(data, table):
    blip = next((data / "Blip").iterdir())
    blip = blip.rename(blip.with_name("new.png"))
    write_answers(table, {blip: certain("Blip", 0.9)})
    shutil.copy(blip, data / "Koi_Fish" / "new.png")
    code, out, _ = gspy("evaluate", table, "--data", data)
    assert (code, "pictures       1     1.000" in out) == (1, True)


@pytest.mark.parametrize(
    ("rows", "pictures", "found"),
    [
        (["a/x.png"], ["c/x.png"], 1),
        (["a/x.png", "b/x.png"], ["c/x.png"], 0),
        (["a/x.png"], ["c/x.png", "d/x.png"], 0),
    ],
)
def test_a_file_name_tells_a_picture_if_one_row_and_one_picture_have_it(
    rows, pictures, found, tmp_path
):
    table = tmp_path / "answers.csv"
    write_answers(table, dict.fromkeys(rows, certain("Blip", 0.9)))
    examples = [Example(Path(name), "Blip", name) for name in pictures]
    assert len(answers_of(read_answers(table), examples).answers) == found


@pytest.mark.parametrize("column", ["path", "file"])
def test_a_table_is_read_from_any_folder(column, numbered, tmp_path, monkeypatch):
    table = tmp_path / "answers.csv"
    pictures = [path.relative_to(tmp_path) for path in numbered.glob("*/*")]
    write_answers(table, dict.fromkeys(pictures, certain("Blip", 0.9)))
    table.write_text(table.read_text().replace("path", column, 1))
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    code, out, _ = gspy("evaluate", "../answers.csv", "--data", "../data")
    assert (code, "pictures      20" in out) == (0, True)


def test_a_link_to_nothing_is_named_and_exits_1(data, tiny_model):
    (data / "Blip" / "H1_gone_spectrogram_0.5.png").symlink_to("nothing")
    code, out, err = gspy("evaluate", tiny_model, "--data", data)
    assert (code, "H1_gone_spectrogram_0.5.png: " in err) == (1, True)
    assert "pictures      20" in out


def test_an_unreadable_picture_is_named_and_exits_1(data, tiny_model, tmp_path):
    (data / "Blip" / "H1_bad_spectrogram_0.5.png").write_text("no picture")
    labels = tmp_path / "labels.csv"
    gspy("classify", data, "-r", "-m", tiny_model, "-o", labels)
    for subject in (tiny_model, labels):
        code, out, err = gspy("evaluate", subject, "--data", data)
        assert code == 1
        assert "H1_bad_spectrogram_0.5.png: not a picture" in err
        assert "pictures      20" in out


def test_a_report_names_files_of_any_name(data, tiny_model, tmp_path):
    name = os.fsdecode(b"H1_\xe9_spectrogram_0.5.png")
    try:
        (data / "Blip" / name).write_text("no picture")
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    assert gspy("evaluate", tiny_model, "--data", data, "-o", tmp_path / "r")[0] == 1
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert name in json.dumps(metrics, ensure_ascii=False)


def test_tables_of_files_of_any_name_are_read_back(tmp_path, tiny_model):
    data = draw_class_folders(tmp_path / "data", {"Blip": 2, "Whistle": 2})
    picture = data / "Blip" / "H1_Blip0_spectrogram_0.5.png"
    try:
        picture.rename(data / "Blip" / os.fsdecode(b"bad\xff\xfe.png"))
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    labels, report = tmp_path / "labels.csv", tmp_path / "report"
    gspy("classify", data, "-r", "-m", tiny_model, "-o", labels)
    first = evaluated(labels, "--data", data, out=report)
    again = evaluated(report / "predictions.csv", out=tmp_path / "again")
    assert first["pictures"]["count"] == again["pictures"]["count"] == 8


def test_a_row_about_no_picture_is_left_out(data, table):
    commas = table.read_text().splitlines()[0].count(",")
    with table.open("a") as file:
        file.write("," * commas + "\n")
    assert gspy("evaluate", table, "--data", data)[0] == 0


def test_a_row_about_what_no_file_can_be_called_is_left_out(data, table):
    row = table.read_text().splitlines()[1]
    with table.open("a") as file:
        file.write(f"\0{row}\n")
    assert gspy("evaluate", table, "--data", data)[0] == 0


@pytest.mark.parametrize(
    ("score", "wrong"),
    [("0.95", "0.45"), ("0.95,0.025000000000000022", "1.95,-0.975")],
)
def test_probabilities_that_do_not_sum_to_1_are_refused(data, table, score, wrong):
    assert score in table.read_text()
    table.write_text(table.read_text().replace(score, wrong))
    code, _, err = gspy("evaluate", table, "--data", data)
    assert (code, err.count("\n")) == (2, 1)
    assert "are not probabilities that sum to 1" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense", "--data", "."], "no model 'nonsense'"),
        (["none.csv"], "cannot read none.csv: No such file or directory\n"),
        (["{table}"], "has no labelled pictures of its own: give them with --data"),
        (["{table}", "--data", "none"], "none does not exist"),
        (
            ["{table}", "--data", "{data}", "--split", "test"],
            "has no splits; leave --split out",
        ),
        (["{parquet}", "--data", "{data}"], "give its -o a .csv too"),
        (["{table}", "--data", "{data}", "--window", "4"], "no 4.0 s pictures"),
        (["{table}", "--data", "{data}", "-o", "{table}"], "give a folder"),
        (["{bare}", "--data", "{data}"], "has no rows: classify some pictures first"),
        (["{table}", "--data", "{data}", "--reference", "{empty}"], "has no column"),
        (
            ["{table}", "--data", "{data}", "--reference", "none.csv"],
            "cannot read the reference none.csv: No such file or directory\n",
        ),
        (["{table}", "--data", "{void}"], "no class folders"),
        (
            [registry.DEFAULT_MODEL, "--data", "{data}", "--device", "cuda:99"],
            "device 'cuda:99' is not on this machine",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    data, table, tmp_path, arguments, message
):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "void").mkdir()
    places = {"table": table, "data": data, "empty": tmp_path / "empty.csv"}
    places["void"], places["parquet"] = tmp_path / "void", tmp_path / "a.parquet"
    places["parquet"].touch()
    places["bare"] = tmp_path / "bare.csv"
    places["bare"].write_text(table.read_text().partition("\n")[0])
    code, out, err = gspy("evaluate", *(a.format(**places) for a in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("names", ["", "path,ml_label,Blip", "name,ml_label,A,B"])
def test_a_table_without_pictures_or_classes_is_none_of_answers(names, tmp_path):
    (tmp_path / "a.csv").write_text(names)
    with pytest.raises(GspyError, match=r"a\.csv is no table of answers"):
        read_answers(tmp_path / "a.csv")


def test_without_matplotlib_a_report_is_refused_and_scores_are_not(
    data, table, tmp_path, monkeypatch
):
    from gspy_cli.cli import options

    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None)
    code, _, err = gspy("evaluate", table, "--data", data, "-o", tmp_path / "r")
    assert (code, "pip install 'gspy-cli[report]'" in err) == (2, True)
    assert gspy("evaluate", table, "--data", data)[0] == 0


def split_folders(data: Path) -> Path:
    """Put Blip0, Koi_Fish0 and Whistle0 into a test split, the rest into train."""
    root = data.parent / "split"
    for path in data.glob("*/*.png"):
        part = "test" if "0_spectrogram" in path.name else "train"
        target = root / part / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return root


def test_the_test_split_is_the_default(data, table):
    root = split_folders(data)
    _, out, err = gspy("evaluate", table, "--data", root)
    assert "split, test" in out
    assert "pictures       6" in out
    rest = [Example(root, "Blip", s, None, s) for s in ("train", "validation")]
    assert choose_split(rest, None, root) == "validation"
    assert "several splits" not in err
    _, out, _ = gspy("evaluate", table, "--data", root, "--split", "all")
    assert "pictures      20" in out


def test_a_glitch_in_two_splits_is_named(data, table):
    root = split_folders(data)
    name = "Blip/H1_Blip1_spectrogram_0.5.png"
    shutil.copy(root / "train" / name, root / "test" / name)
    (root / "validation" / "Blip").mkdir(parents=True)  # is not judged by
    other = "Blip/H1_Blip2_spectrogram_0.5.png"
    shutil.copy(root / "train" / other, root / "validation" / other)
    _, _, err = gspy("evaluate", table, "--data", root)
    assert "1 glitch in several splits, so scores are too good: H1_Blip1" in err
    assert "1 picture there more than once: H1_Blip1_spectrogram_0.5.png = " in err


def test_a_split_has_the_names_that_readers_of_data_take(data):
    root = split_folders(data)
    (root / "test").rename(root / "Val")
    for name, count in {"val": 6, "valid": 6, "validation": 6, "training": 14}.items():
        assert len(select(root, TINY_CLASSES, split=name).examples) == count
    with pytest.raises(GspyError, match="no split 'test'; give train, validation or"):
        select(root, TINY_CLASSES, split="test")


def test_a_window_leaves_the_split_and_what_is_said_of_it_as_they_are(data, table):
    """The views of Blip0 stand in two splits; of test, there are views of 1 s alone."""
    root = split_folders(data)
    for path in (root / "test").glob("*/*_0.5.png"):
        path.rename(root / "train" / path.parent.name / path.name)
    shared = "3 glitches in several splits, so scores are too good"
    for window in ([], ["--window", 1]):
        code, out, err = gspy("evaluate", table, "--data", root, *window)
        assert (code, "split, test" in out, shared in err) == (0, True, True)
    code, out, err = gspy("evaluate", table, "--data", root, "--window", 0.5)
    assert (code, out) == (2, "")
    assert f"no 0.5 s pictures in the test split of {root}" in err


def test_the_same_picture_under_another_name_is_found(data):
    copy = data / "Blip" / "H1_other_spectrogram_0.5.png"
    shutil.copy(data / "Blip" / "H1_Blip0_spectrogram_0.5.png", copy)
    (note,) = (n for n in select(data, TINY_CLASSES).notes if "more than once" in n)
    assert "H1_Blip0_spectrogram_0.5.png = H1_other_spectrogram_0.5.png" in note


def test_of_many_copies_a_few_are_named(data):
    for number in range(8):
        shutil.copy(
            data / "Blip" / "H1_Blip0_spectrogram_0.5.png",
            data / "Blip" / f"H1_other{number}_spectrogram_0.5.png",
        )
    (note,) = (n for n in select(data, TINY_CLASSES).notes if "more than once" in n)
    assert note.count(" = ") == 4
    assert note.endswith(" and 4 more")


def test_of_what_is_left_out_no_more_is_told(data):
    assert select(data, TINY_CLASSES).notes == ()
    for folder in ("Thunder", "_aside"):
        (data / folder).mkdir()
        for name in ("1.png", "2.png"):
            (data / folder / name).write_bytes(b"the same")
    assert select(data, TINY_CLASSES).notes == (
        f"left out of {data}, as names begin with '_': _aside",
        "2 pictures left out, with labels that the model does not know: Thunder (2)",
    )


def test_one_glitch_of_two_classes_is_refused(data, table):
    name = "H1_Blip0_spectrogram_2.0.png"
    shutil.copy(data / "Blip" / "H1_Blip0_spectrogram_0.5.png", data / "Whistle" / name)
    code, _, err = gspy("evaluate", table, "--data", data)
    assert (code, "glitch H1_Blip0 is in two classes" in err) == (2, True)


def test_one_picture_is_spoken_of_as_one(data, tiny_model, tmp_path):
    (picture,) = [
        e for e in read_dataset(data).examples if "Blip0_spectrogram_1" in e.path.name
    ]
    lone = tmp_path / "lone" / "Blip" / picture.path.name
    lone.parent.mkdir(parents=True)
    shutil.copy(picture.path, lone)
    reference, empty = tmp_path / "gravityspy.csv", tmp_path / "none.csv"
    reference.write_text("gravityspy_id,ml_label\nBlip0,Tomte\n")
    write_answers(empty, {Path("other.png"): certain("Blip", 0.9)})
    model = with_card(tiny_model, trained_on=fingerprints([picture]))
    ask = ("--data", lone.parents[1], "--reference", reference)
    _, out, err = gspy("evaluate", model, *ask)
    assert "THE MODEL HAS TRAINED ON THIS PICTURE, so its scores there" in err
    assert "0 of 1 glitch with the same label" in " ".join(out.split())
    _, _, err = gspy("evaluate", empty, *ask)
    assert f"none answers none of 1 picture of {lone.parents[1]} (" in err


def with_card(model: Path, **changes: object) -> Path:
    sha = json.loads((model.parent / "card.json").read_text())["sha256"]
    card = tiny_card(sha256=sha, **changes)
    (model.parent / "card.json").write_text(card.to_json())
    return model


@pytest.mark.parametrize("renamed", [False, True])
def test_a_model_that_has_trained_on_the_pictures_says_so(
    data, tiny_model, tmp_path, renamed
):
    """Other pictures of the same glitches, or the same with no glitch in the name."""
    if renamed:
        for i, path in enumerate(sorted(data.glob("*/*"))):
            path.rename(path.with_name(f"{i}.png"))
    examples = read_dataset(data).examples
    trained = [e for e in examples if e.label == "Blip"]
    model = with_card(tiny_model, trained_on=fingerprints(trained))
    moved = data.rename(tmp_path / "elsewhere")
    _, _, err = gspy("evaluate", model, "--data", moved)
    assert "THE MODEL HAS TRAINED ON 8 OF THESE 20 PICTURES" in err


def test_training_is_known_by_the_files_whatever_a_table_or_a_folder_calls_them(data):
    (data / "Blip" / "7.png").write_bytes(b"7")
    examples = [e for e in read_dataset(data).examples if e.label == "Blip"]
    taught = [e for e in examples if e.window != 1.0]  # another view is the same glitch
    in_table = [replace(e, glitch=f"row {i}") for i, e in enumerate(taught)]
    card = tiny_card(trained_on=fingerprints(in_table))
    moved = (data / "Blip").rename(data / "Tomte")
    elsewhere = [replace(e, path=moved / e.path.name) for e in examples]
    assert seen_in_training(card, elsewhere) == elsewhere


def test_a_model_that_began_with_unknown_weights_says_so(data, tiny_model):
    model = with_card(tiny_model, trained_on="? 01234567")
    _, _, err = gspy("evaluate", model, "--data", data)
    assert "whether the model has trained on these pictures is not known" in err


def test_a_model_that_has_not_trained_on_them_says_nothing(data, tiny_model):
    model = with_card(tiny_model, trained_on="-")
    assert "trained" not in gspy("evaluate", model, "--data", data)[2].lower()
    model = with_card(tiny_model)
    assert (
        "has trained on these pictures is not known"
        in (gspy("evaluate", model, "--data", data)[2])
    )


def test_the_shipped_model_knows_that_it_trained_on_the_real_figures():
    if not SHARED.is_dir():
        pytest.skip("the real figures are not here")
    from gspy_cli.model import find_card

    examples = read_dataset(SHARED / "real").examples
    assert len(seen_in_training(find_card("efficientnet_lite0"), examples)) == 528


def test_models_are_compared_glitch_by_glitch(data, table, tmp_path):
    better = tmp_path / "better.csv"
    examples = read_dataset(data).examples[::-1]  # its rows are in another order
    write_answers(better, {e.path: certain(e.label, 0.9) for e in examples})
    code, out, _ = gspy(
        "evaluate", better, table, "--data", data, "-o", tmp_path / "report"
    )
    assert code == 0
    first, second = rows((tmp_path / "report" / "comparison.csv").read_text())
    assert (first["glitches right"], second["glitches right"]) == ("1", "0.9")
    assert (second["only the first right"], second["only this right"]) == ("1", "0")
    assert float(second["McNemar's p"]) == 1.0
    assert max(map(len, out.splitlines())) <= 80
    for name in ("1-better", "2-answers"):
        assert (tmp_path / "report" / name / "index.html").exists()


def test_models_are_compared_on_the_pictures_that_all_have_answered(
    data, table, tmp_path
):
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("\n".join(table.read_text().splitlines()[:-4]) + "\n")
    code, out, err = gspy("evaluate", table, fewer, "--data", data)
    assert code == 1
    assert "16 pictures of 8 glitches" in out
    assert "answers: 4 pictures left out: another model has no answer" in err


def write_certain(path: Path, data: Path, named: dict[str, str]) -> Path:
    """Write a table that gives the pictures of each class folder one name."""
    classes = sorted(set(named.values()))
    lines = [f"path,{','.join(classes)}"]
    for picture in sorted(data.rglob("*.png")):
        own = named[picture.parent.name]
        lines.append(",".join([str(picture), *(f"{c == own:d}" for c in classes)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_class_that_one_model_has_is_no_alias_in_a_comparison(tmp_path):
    names = {name: name for name in ("Blip", "Crown", "Fast_Scattering", "Whistle")}
    data = draw_class_folders(tmp_path / "data", dict.fromkeys(names, 2))
    own = write_certain(tmp_path / "own.csv", data, names)
    other = {**names, "Crown": "Fast_Scattering"}
    theirs = write_certain(tmp_path / "theirs.csv", data, other)
    for tables in ((own, theirs), (theirs, own)):
        code, _, err = gspy("evaluate", *tables, "--data", data, "-o", tmp_path / "r")
        assert code == 0
        assert "4 pictures left out, with labels that not every model knows: Crown" in (
            err
        )
        compared = rows((tmp_path / "r" / "comparison.csv").read_text())
        assert [row["glitches right"] for row in compared] == ["1", "1"]


def test_models_without_a_common_class_are_not_compared(data, table, tmp_path):
    names = {"Blip": "a", "Koi_Fish": "b", "Whistle": "a"}
    other = write_certain(tmp_path / "other.csv", data, names)
    code, _, err = gspy("evaluate", table, other, "--data", tmp_path / "missing")
    assert (code, err.count("\n")) == (2, 1)
    assert "answers and other have no class in common: evaluate them one by one" in err


@pytest.mark.parametrize("terminal", ["", "1"])
def test_no_score_is_cut_off_where_there_is_little_room(
    data, table, terminal, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", terminal)
    for subjects in ([table], [table, table]):
        code, out, _ = gspy("evaluate", *subjects, "--data", data)
        assert (code, "…" in out) == (0, False)


def test_agreement_with_gravity_spys_labels_is_by_class(data, table, tmp_path):
    reference = tmp_path / "gravityspy.csv"
    lines = ["gravityspy_id,ifo,ml_label,ml_confidence"]
    lines += [f"Blip{i},H1,Blip,0.99" for i in range(4)]
    lines += ["Whistle0,H1,Blip,0.7", "Koi_Fish1,H1,Crown,0.6", "other,L1,Tomte,1"]
    lines += ["Koi_Fish2,H1,Koi Fish,1", "Koi_Fish2,H1,Koi_Fish,1"]
    reference.write_text("\n".join(lines) + "\n")
    found = evaluated(
        table, "--data", data, "--reference", reference, out=tmp_path / "report"
    )["reference"]
    assert (found["glitches"], found["agree"]) == (7, 6)
    assert (found["not_in_reference"], found["theirs_right"]) == (3, 5)
    assert found["ours_right"] == 6
    labels = {row["label"]: (row["agree"], row["glitches"]) for row in found["classes"]}
    assert labels == {"Blip": (5, 5), "Fast_Scattering": (0, 1), "Koi_Fish": (1, 1)}
    page = (tmp_path / "report" / "index.html").read_text()
    assert "6 of ours and 5 of theirs are right" in page
    _, out, _ = gspy("evaluate", table, "--data", data, "--reference", reference)
    assert "6 of 7 glitches with the same label, 0.857" in " ".join(out.split())
    assert "ours 6, theirs 5" in " ".join(out.split())


def test_a_reference_has_the_labels_of_a_model_of_own_classes(tmp_path):
    data = draw_class_folders(tmp_path / "data", {"Blip": 1, "Pizzicato": 1})
    reference, table = tmp_path / "gravityspy.csv", tmp_path / "answers.csv"
    reference.write_text("gravityspy_id,ml_label\nBlip0,Blip\nPizzicato0,Pizzicato\n")
    rows = ["path,ml_label,Blip,Pizzicato,status,error"]
    for picture in data.rglob("*.png"):
        label = picture.parent.name
        rows.append(f"{picture},{label},{label == 'Blip':d},{label != 'Blip':d},ok,")
    table.write_text("\n".join(rows) + "\n")
    found = evaluated(
        table, "--data", data, "--reference", reference, out=tmp_path / "report"
    )["reference"]
    assert (found["agree"], found["ours_right"], found["theirs_right"]) == (2, 2, 2)


def test_a_reference_tells_of_a_glitch_what_it_has_a_label_for(tmp_path):
    reference = tmp_path / "gravityspy.csv"
    reference.write_text("gravityspy_id,ml_label\na,Blip\nb,\na,Blip\nc")
    assert read_reference(reference, {"a", "b", "c"}, TINY_CLASSES) == {"a": "Blip"}


def test_a_reference_that_names_a_glitch_twice_is_refused(tmp_path):
    reference = tmp_path / "gravityspy.csv"
    reference.write_text("gravityspy_id,ml_label\na,Blip\nb,Blip\na,Tomte\n")
    with pytest.raises(GspyError, match="a twice, Blip and Tomte; give one row a gl"):
        read_reference(reference, {"a"}, TINY_CLASSES)
    assert read_reference(reference, {"b"}, TINY_CLASSES) == {"b": "Blip"}


def test_a_reference_without_the_glitches_is_refused(data, table, tmp_path):
    reference = tmp_path / "gravityspy.csv"
    reference.write_text("gravityspy_id,ml_label\nother,Blip\n")
    code, _, err = gspy("evaluate", table, "--data", data, "--reference", reference)
    assert (code, "holds none of 10 glitches" in err) == (2, True)


def test_two_subjects_of_one_name_are_told_apart(data, tiny_model, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    second = write_tiny_model(other, scale=0.1)
    report = tmp_path / "report"
    models = (tiny_model, second)
    _, out, _ = gspy("evaluate", *models, "--data", data, "-o", report)
    assert "tiny-1" in out
    assert "tiny-2" in out
    page = (report / "index.html").read_text()
    assert "Accuracy per glitch against parameters." in page
    compared = rows((report / "comparison.csv").read_text())
    sizes = [path.stat().st_size / 1e6 for path in models]
    assert [float(row["MB"]) for row in compared] == pytest.approx(sizes, rel=1e-5)


def test_a_model_is_timed_by_its_scoring_alone(data):
    seen, alive = [], []  # the batches; which of them are in memory later on

    def score(pictures):
        alive.append([batch() is not None for batch in seen])
        seen.append(weakref.ref(pictures))
        return np.tile(np.float32([0.9, 0.05, 0.05]), (len(pictures), 1))

    def look(pictures):
        raise AssertionError("nobody asked what is familiar")

    model = Model(tiny_card(unfamiliar_below=0.5), score, "cpu", look)
    examples = read_dataset(data).examples
    judged = judge(model, examples, batch_size=4, progress=ignore)
    assert len(judged.answers) == 20
    assert judged.rate > 0
    assert alive[4][:3] == [True, False, False]  # the first will be scored again


def drawn_answers() -> Answers:
    """Draw 2000 pictures of 1000 glitches with answers that are twice too modest."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2000, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = [TINY_CLASSES[rng.choice(3, p=row)] for row in true]
    modest = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    examples = tuple(
        Example(Path(f"{i}.png"), label, str(i // 2), 0.5)
        for i, label in enumerate(labels)
    )
    return Answers(examples, modest, TINY_CLASSES)


def test_the_scores_of_answers_agree_with_scikit_learn():
    answers = drawn_answers()
    truth, named, found = answers.truth, answers.named, score(answers)
    assert found.macro_f1 == pytest.approx(f1_score(truth, named, average="macro"))
    weighted = f1_score(truth, named, average="weighted")
    assert found.weighted_f1 == pytest.approx(weighted)
    balanced = balanced_accuracy_score(truth, named)
    assert found.balanced_accuracy == pytest.approx(balanced)


def test_the_temperature_that_answers_want_is_found():
    answers = drawn_answers()
    suited = calibration(answers)
    assert suited.temperature == pytest.approx(0.5, rel=0.1)
    assert suited.error_cross_fitted < score(answers).calibration_error / 2
    np.testing.assert_allclose(suited.cross_fitted.sum(axis=1), 1)


def test_a_glitch_is_of_the_same_half_in_every_folder():
    from gspy_cli.evaluation.scores import half_of

    assert len({half_of(f"{folder}/H1_abcDEF1234") for folder in "abcdefgh"}) == 1


def test_the_glitches_of_one_half_do_not_choose_their_own_temperature():
    """Spoil the labels of one half: only the other half's temperature changes."""
    from gspy_cli.evaluation.scores import half_of

    answers = drawn_answers()
    halves = np.array([half_of(e.glitch) for e in answers.examples])
    spoilt = tuple(
        Example(e.path, "Blip" if half else e.label, e.glitch)
        for e, half in zip(answers.examples, halves, strict=True)
    )
    before = calibration(answers).cross_fitted
    after = calibration(Answers(spoilt, answers.probabilities, TINY_CLASSES))
    np.testing.assert_array_equal(before[halves == 1], after.cross_fitted[halves == 1])
    assert not np.allclose(before[halves == 0], after.cross_fitted[halves == 0])


def test_windows_that_nobody_knows_have_no_line():
    answers = drawn_answers()
    examples = tuple(Example(e.path, e.label, e.glitch) for e in answers.examples)
    unknown = Answers(examples, answers.probabilities, answers.classes)
    assert list(score_windows(answers)) == [0.5]
    assert score_windows(unknown) == {}


def test_an_error_stands_beside_the_surest_right_answer_of_its_window_if_any():
    blips = [("Blip", 0.5), ("Blip", 1.0), ("Blip", 0.5)]
    whistles = [("Whistle", 0.5), ("Whistle", 4.0), ("Whistle", 0.5)]
    examples = [
        Example(Path(f"{i}"), label, str(i), window)
        for i, (label, window) in enumerate(blips + whistles)
    ]
    scores = [[0.6, 0.2, 0.2], [0.9, 0, 0.1], [0.5, 0.3, 0.2]]
    scores += [[0.7, 0.3, 0], [0.8, 0.2, 0], [0, 1, 0]]
    answers = Answers(tuple(examples), np.array(scores), TINY_CLASSES)
    errors = find_errors(answers)
    assert [(e.example, e.named, e.confidence, e.typical) for e in errors] == [
        (examples[5], "Koi_Fish", 1.0, None),
        (examples[4], "Blip", 0.8, examples[1]),
        (examples[3], "Blip", 0.7, examples[0]),
    ]
    assert most_confused(answers) == [
        ("Whistle", "Blip", 2),
        ("Whistle", "Koi_Fish", 1),
    ]


def test_a_report_asks_each_question_of_the_answers_once(
    data, table, tmp_path, monkeypatch
):
    asked = []
    works = ["calibration", "find_errors", "score_classes", "score_windows"]
    for name in works:
        work = getattr(evaluation, name)

        def counting(*answers, name=name, work=work):
            asked.append(name)
            return work(*answers)

        monkeypatch.setattr(evaluation, name, counting)
    evaluated(table, "--data", data, out=tmp_path / "report")
    assert sorted(asked) == works


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """Note each time that the true classes of answers are looked up: of how many."""
    noted = []
    truth = Answers.truth.fget
    spy = property(lambda answers: noted.append(len(answers)) or truth(answers))
    monkeypatch.setattr(Answers, "truth", spy)
    return noted


def test_errors_are_found_in_one_pass_over_the_answers(asked):
    assert len(find_errors(drawn_answers())) > 200
    assert asked == [2000]


def test_predictions_are_listed_in_one_pass_over_the_answers(asked, data, table):
    from gspy_cli.evaluation import evaluation, outputs, subjects

    (subject,) = subjects.find_subjects([str(table)], device="cpu")
    chosen = evaluation.selection_for([subject], data, split=None, window=None)
    done = evaluation.evaluate(
        subject, chosen, batch_size=1, progress=lambda *counts: None
    )
    assert len([*outputs.prediction_rows(done)]) == 20
    assert asked == [20]
    told, suited = outputs.metrics(done)["calibration"], done.calibration
    assert told["calibration_error_cross_fitted"] == suited.error_cross_fitted


def test_a_report_keeps_no_figure_of_an_earlier_one(data, table, tmp_path):
    report = tmp_path / "report"
    evaluated(table, "--data", data, out=report)
    assert (report / "errors.png").exists()
    right = {e.path: certain(e.label, 0.9) for e in read_dataset(data).examples}
    write_answers(table, right)
    (report / "curves.png").touch()
    evaluated(table, "--data", data, out=report)
    assert not {"errors.png", "curves.png"} & {p.name for p in report.iterdir()}


def test_a_report_leaves_nothing_of_an_earlier_one_and_all_that_is_not_its_own(
    data, table, tmp_path
):
    def listing(folder: Path, number: int) -> set[str]:
        assert gspy("evaluate", *[table] * number, "--data", data, "-o", folder)[0] == 0
        return {str(path.relative_to(folder)) for path in folder.rglob("*")}

    report = tmp_path / "report"
    fresh = {n: listing(tmp_path / f"fresh{n}", n) for n in (1, 2)}
    listing(report, 3)
    for number in (2, 1, 2):
        assert listing(report, number) == fresh[number]
    (report / "1-answers-1" / "mine.csv").touch()
    (report / "2-answers-2" / "index.html").write_text("My own page")
    kept = {"1-answers-1", "1-answers-1/mine.csv", "2-answers-2"}
    kept |= {f"2-answers-2/{name}" for name in fresh[1]}
    assert listing(report, 1) == fresh[1] | kept


def test_a_report_stays_where_an_earlier_ones_name_is_the_same_but_for_its_case(
    data, table, tmp_path
):
    report, upper = tmp_path / "report", tmp_path / "upper" / "ANSWERS.csv"
    upper.parent.mkdir()
    shutil.copy(table, upper)
    new = report / "1-answers-1"
    for path in (upper, table):
        assert gspy("evaluate", path, path, "--data", data, "-o", report)[0] == 0
        with suppress(FileExistsError):  # as where the file system ignores case
            new.symlink_to("1-ANSWERS-1")
    assert (new / "index.html").exists()


@pytest.mark.parametrize("earlier", [False, True])
def test_a_full_disk_leaves_a_report_as_it_was_and_can_be_mended(
    data, table, tmp_path, monkeypatch, earlier
):
    report, better = tmp_path / "report", tmp_path / "better.csv"
    right = {e.path: certain(e.label, 0.9) for e in read_dataset(data).examples}
    write_answers(better, right)
    if earlier:
        evaluated(table, "--data", data, out=report)
    before = {p: p.read_bytes() for p in report.glob("*")}
    write = Path.write_text

    def full(path, text, **options):
        write(path, "", **options)
        if "index.html" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, text, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        code, _, err = gspy("evaluate", better, "--data", data, "-o", report)
    assert code == 2
    assert err.endswith(f"gspy: cannot write {report}: No space left on device\n")
    assert {p: p.read_bytes() for p in report.iterdir()} == before
    assert evaluated(better, "--data", data, out=report)["pictures"]["right"] == 20
    assert not (report / "errors.png").exists()


def test_a_full_disk_leaves_the_reports_of_several_models_as_they_were(
    data, table, tmp_path, monkeypatch
):
    report, better = tmp_path / "report", tmp_path / "better.csv"
    right = {e.path: certain(e.label, 0.9) for e in read_dataset(data).examples}
    write_answers(better, right)
    ask = ["evaluate", table, better, "--data", data, "-o", report]
    assert gspy(*ask)[0] == 0
    before = {p: p.read_bytes() for p in report.rglob("*") if p.is_file()}
    right.popitem()
    write_answers(better, right)
    write, pages = Path.write_text, []

    def full(path, text, **options):
        if "index.html" in path.name:
            pages.append(path)
        if len(pages) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, text, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        assert gspy(*ask)[0] == 2
    assert {p: p.read_bytes() for p in report.rglob("*") if p.is_file()} == before


def test_the_longest_name_of_a_list_can_be_read(data, table, tmp_path):
    columns = table.read_text().partition("\n")[0].count(",")
    with table.open("a", newline="") as file:
        csv.writer(file).writerow(["x" * 200_000, *["0"] * columns])
    assert gspy("evaluate", table, "--data", data)[0] in (0, 1)


def test_a_page_tells_of_a_report_until_all_of_it_is_gone(
    data, table, tmp_path, monkeypatch
):
    report, gone, left = tmp_path / "report", [], []
    assert gspy("evaluate", table, table, "--data", data, "-o", report)[0] == 0
    unlink, replace_by = Path.unlink, Path.replace

    def remove(path, **options):
        gone.append(path.relative_to(report).as_posix())
        unlink(path, **options)

    def put(part, path):
        if path == report / "index.html":
            left.extend(p.name for p in report.iterdir() if p.suffix != ".part")
        return replace_by(part, path)

    page = (report / "index.html").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", remove)
        patch.setattr(Path, "replace", put)
        evaluated(table, "--data", data, out=report)
    assert sorted(left) == sorted(path.name for path in report.iterdir())
    for name in ("1-answers-1", "2-answers-2"):
        files = [path for path in gone if path.startswith(name)]
        assert files[-1] == f"{name}/index.html"
    (report / "index.html").write_bytes(page)  # as a kill just before would leave it
    evaluated(table, "--data", data, out=report)


def test_what_a_killed_report_has_left_goes(data, table, tmp_path):
    left = [tmp_path / "report" / f".{n}.0a1b2c3d.part" for n in ("index.html", "a")]
    left[0].parent.mkdir()
    for path in left:
        path.touch()
    os.utime(left[0], (0, 0))  # the other may be of a run that goes on
    evaluated(table, "--data", data, out=tmp_path / "report")
    assert [path.exists() for path in left] == [False, True]


def test_a_report_leaves_pictures_where_there_is_no_report(data, table, tmp_path):
    report = tmp_path / "report"
    report.mkdir()
    (report / "curves.png").touch()
    evaluated(table, "--data", data, out=report)
    assert (report / "curves.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["{here}/predictions.csv", "--data", "{data}"],
        ["{linked}", "--data", "{data}"],
        ["{table}", "--data", "{here}"],
        ["{table}", "--data", "{here}/predictions.csv"],
        ["{table}", "--data", "{data}", "--reference", "{here}/predictions.csv"],
    ],
)
def test_a_report_never_takes_the_place_of_what_it_reads(
    data, table, tmp_path, arguments
):
    here, linked = data / "Blip", tmp_path / "linked.csv"
    answers = Path(shutil.copy(table, here / "predictions.csv"))
    linked.symlink_to(answers)
    before = sorted(here.iterdir())
    places = {"here": here, "linked": linked, "data": data, "table": table}
    given = [a.format(**places) for a in arguments]
    code, out, err = gspy("evaluate", *given, "-o", here)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is read there; name another" in err
    assert sorted(here.iterdir()) == before
    assert answers.read_bytes() == table.read_bytes()


def test_a_report_never_removes_what_it_reads(data, table, tmp_path):
    report = tmp_path / "report"
    assert gspy("evaluate", table, table, "--data", data, "-o", report)[0] == 0
    answers = report / "2-answers-2" / "predictions.csv"
    code, _, err = gspy("evaluate", answers, "--data", data, "-o", report)
    assert (code, "is read there; name another" in err) == (2, True)
    assert answers.exists()


def test_a_report_never_takes_the_place_of_a_foreign_page(data, table, tmp_path):
    report = tmp_path / "report"
    evaluated(table, "--data", data, out=report)
    evaluated(table, "--data", data, out=report)
    (report / "index.html").write_text("<h1>My own</h1>")
    code, _, err = gspy("evaluate", table, "--data", data, "-o", report)
    assert (code, "index.html is no report of gspy; name another" in err) == (2, True)
    assert (report / "index.html").read_text() == "<h1>My own</h1>"


def test_a_report_may_have_the_name_of_its_model(
    data, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "shipped_models", lambda: tmp_path / "shipped")
    shutil.copytree(tiny_model.parent, tmp_path / "shipped" / "tiny")
    for _ in range(2):
        evaluated("tiny", "--data", data, out=Path("tiny"))


def test_a_folder_that_is_no_subject_says_what_it_is(data, table, tmp_path):
    report, folds = tmp_path / "report", tmp_path / "folds"
    gspy("evaluate", table, table, "--data", data, "-o", report)
    (folds / "fold-001").mkdir(parents=True)
    (folds / "fold-001" / "config.json").touch()
    wrong = {
        report: "holds a comparison but no runs: give the models, or the predictions",
        report / "1-answers-1": "is a folder, but no finished run and no model\n",
        folds: f"no model; it goes on with gspy train --resume {folds}\n",
    }
    for folder, message in wrong.items():
        code, out, err = gspy("evaluate", table, folder, "--data", data)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_a_run_is_evaluated_on_its_own_test_split(trained, tmp_path, monkeypatch):
    path, _ = trained
    monkeypatch.setattr(report, "draw_curves", lambda history: b"%d" % len(history))
    code, out, err = gspy("evaluate", path, "-o", tmp_path / "report")
    assert (code, err.count("TRAINED")) == (0, 0)
    assert "split.csv, test" in out
    epochs = len(rows((path / "results.csv").read_text()))
    assert (tmp_path / "report" / "curves.png").read_bytes() == b"%d" % epochs
    assert "<h2>Training</h2>" in (tmp_path / "report" / "index.html").read_text()


def test_a_run_that_is_evaluated_on_what_it_trained_on_says_so(trained):
    path, data = trained
    _, _, err = gspy("evaluate", path, "--data", data)
    part = sum(e.split == "train" for e in read_dataset(path / "split.csv").examples)
    assert f"THE MODEL HAS TRAINED ON {part} OF THESE 48 PICTURES" in err


def test_a_run_says_where_its_epoch_was_chosen_on_the_pictures(trained, tmp_path):
    path, data = trained
    split = ("--data", path / "split.csv", "--split", "validation")
    note = "the best epoch was chosen on the validation split"
    listed = rows((path / "split.csv").read_text())
    number = sum(row["split"] == "validation" for row in listed)
    for subject in (path, path / "best.safetensors"):
        _, _, err = gspy("evaluate", subject, *split)
        assert f"{note}, all of these {number} pictures" in err
    assert note not in gspy("evaluate", path / "last.safetensors", *split)[2]
    shutil.copy(path / "best.safetensors", tmp_path)
    (tmp_path / "split.csv").write_text("split,file,label,glitch\nvalidation\n")
    copied = gspy("evaluate", tmp_path / "best.safetensors", *split)
    assert copied[0] == 0
    assert note not in copied[2]
    (tmp_path / "split.csv").unlink()
    assert gspy("evaluate", tmp_path / "best.safetensors", *split)[0] == 0
    assert f"{note}, {number} of these 48" in gspy("evaluate", path, "--data", data)[2]
    other = tmp_path / "validation"
    for row in listed[::4]:
        (other / row["label"]).mkdir(parents=True, exist_ok=True)
        name = Path(row["file"]).name.replace("H1_", "L1_")
        shutil.copy(row["file"], other / row["label"] / name)
    assert note not in gspy("evaluate", path, "--data", tmp_path)[2]


@pytest.fixture
def stopped(trained, tmp_path):
    """Give a run that was stopped after the second of six epochs, the best so far."""
    run = shutil.copytree(trained[0], tmp_path / "my run")
    config = json.loads((run / "config.json").read_text())
    config["recipe"] |= {"epochs": 6, "patience": 1}
    (run / "config.json").write_text(json.dumps(config))
    (run / "results.csv").write_text(
        "epoch,phase,validation_accuracy\n1,classify,0.5\n2,classify,0.75\n"
    )
    return run


@pytest.mark.parametrize(
    "ask",
    [
        "evaluate RUN",
        "export RUN -o RUN.onnx",
        "models add RUN",
        "classify RUN/curves.png -m RUN",
    ],
)
def test_a_run_that_was_stopped_says_so(ask, stopped, registry):
    words = [word.replace("RUN", str(stopped)) for word in ask.split()]
    follow = f"gspy train --resume '{stopped}' goes on"
    note = f"note: {stopped} stopped after epoch 2 of 6; {follow}"
    assert note in gspy(*words)[2].splitlines()


def test_a_run_that_is_finished_says_nothing_of_a_stop(stopped, trained):
    with (stopped / "results.csv").open("a") as file:
        file.write("3,classify,0.25\n")  # patience ends here
    for run in (stopped, trained[0]):
        assert "stopped" not in gspy("evaluate", run)[2]


def test_a_run_that_diverged_is_not_said_to_go_on(stopped):
    note = note_of_stop(stopped)
    with pytest.raises(DivergedError), noting_divergence(stopped):
        raise DivergedError
    told = f"{stopped} stopped after epoch 2 of 6: the loss was no longer a number"
    assert note_of_stop(stopped) == told
    with noting_divergence(stopped):
        assert note_of_stop(stopped) == note


def test_a_note_of_a_stop_needs_no_more_than_can_be_read(stopped, monkeypatch):
    assert "stopped after" in note_of_stop(stopped)
    (stopped / "config.json").write_text("[]")
    assert note_of_stop(stopped) == ""

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert note_of_stop(stopped) == ""


def test_a_run_and_its_export_give_the_same_scores(trained, tmp_path, monkeypatch):
    from gspy_cli.evaluation import subjects

    path, data = shutil.copytree(trained[0], tmp_path / "run"), trained[1]
    of_run = evaluated(path, "--data", data, out=tmp_path / "report")
    gspy("export", path, "-o", path / "model.onnx")
    monkeypatch.setattr(subjects, "load_run", None)  # which would need torch
    of_graph = evaluated(path, "--data", data, out=tmp_path / "report")
    assert of_run["pictures"]["negative_log_likelihood"] == pytest.approx(
        of_graph["pictures"]["negative_log_likelihood"], rel=1e-4
    )
    assert of_run["model"]["parameters"] == of_graph["model"]["parameters"]


def test_a_run_without_torch_asks_for_an_export(trained, monkeypatch):
    from gspy_cli.evaluation import subjects

    monkeypatch.setattr(subjects.importlib.util, "find_spec", lambda name: None)
    code, _, err = gspy("evaluate", trained[0])
    assert (code, err.count("\n")) == (2, 1)
    assert "export it where torch is (gspy export) and give the .onnx" in err


def test_the_folder_of_a_k_fold_scoring_is_evaluated_as_held_out(tmp_path, monkeypatch):
    draw_class_folders(tmp_path / "data", dict.fromkeys(TINY_CLASSES, 4))
    monkeypatch.chdir(tmp_path)  # the table must name the pictures for any folder
    code, _, _ = gspy(
        *("train", "--data", "data", "--arch", "tiny", "--no-pretrained", "-q"),
        *("--epochs", 1, "-o", tmp_path / "runs", "--cache", tmp_path / "cache"),
        *("--device", "cpu", "--amp", "off", "--folds", 2),
    )
    assert code == 0
    folds = tmp_path / "runs" / "tiny-folds-001"
    found = evaluated(folds, out=tmp_path / "report")
    scores = json.loads((folds / "scores.json").read_text())
    assert found["model"]["held_out"] is True
    assert found["glitches"]["accuracy"] == scores["fold_accuracy_per_glitch"]
    assert found["pictures"]["accuracy"] == scores["fold_accuracy_per_picture"]
    assert found["pictures"]["calibration_error"] == pytest.approx(
        scores["calibration_error"], abs=1e-5
    )
    assert not any("TRAINED" in note for note in found["notes"])
    table = folds / "fold-001" / "split.csv"
    code, _, err = gspy("evaluate", folds, "--data", table, "--split", "validation")
    assert (code, "best epoch" in err) == (0, False)
    gspy("evaluate", folds, folds, "-o", tmp_path / "both")
    assert not (tmp_path / "both" / "curves.png").exists()  # of which fold?
    assert (tmp_path / "both" / f"1-{folds.name}-1" / "curves.png").exists()


def test_folds_that_began_with_weights_trained_on_the_pictures_say_so(
    trained, tmp_path
):
    path, data = trained
    gspy(
        *("train", "--data", data, "--arch", "tiny", "--weights", path, "-q"),
        *("--epochs", 1, "-o", tmp_path / "runs", "--cache", tmp_path / "cache"),
        *("--device", "cpu", "--amp", "off", "--folds", 2),
    )
    _, _, err = gspy("evaluate", tmp_path / "runs" / "tiny-folds-001")
    part = sum(e.split == "train" for e in read_dataset(path / "split.csv").examples)
    assert f"THE MODEL HAS TRAINED ON {part} OF THESE 48 PICTURES" in err


def test_a_search_is_all_its_runs(data, tmp_path):
    gspy(
        *("train", "--data", data, "--arch", "tiny", "--no-pretrained", "-q"),
        *("--epochs", 1, "-o", tmp_path / "runs", "--cache", tmp_path / "cache"),
        *("--device", "cpu", "--amp", "off", "-b", "4,8"),
    )
    code, out, _ = gspy(
        *("evaluate", tmp_path / "runs" / "tiny-search-001"),
        *("--data", data, "-o", tmp_path / "report"),
    )
    assert code == 0
    assert out.count("batch-") >= 2
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Validation loss and accuracy by epoch." in page
    assert "Accuracy per glitch against parameters." in page


@pytest.mark.parametrize("work", ["selection_for", "evaluate"])
def test_who_stops_it_is_told_that_nothing_is_written(work, table, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, work, stop)
    code, out, err = gspy("evaluate", table, "--data", table.parent / "data")
    assert (code, out, err) == (130, "", "gspy: interrupted; nothing is written yet\n")
