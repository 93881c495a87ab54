import csv
import io
import json

from gspy_cli.results import Failure, Origin, Prediction
from gspy_cli.writers import Columns, csv_header, csv_line, json_line

CLASSES = ("Blip", "Koi_Fish", "Whistle")
GOOD = Prediction(
    Origin("a b.png", "H1", "abc", 0.5),
    "Koi_Fish",
    0.7,
    {"Blip": 0.1, "Koi_Fish": 0.7, "Whistle": 0.2},
)
BAD = Failure(Origin('odd,"name".png'), "the file is empty")


def csv_text(results, columns: Columns) -> str:
    return csv_header(columns) + "".join(csv_line(r, columns) for r in results)


def test_csv_has_gravity_spys_columns_and_a_row_for_each_result():
    text = csv_text([GOOD, BAD], Columns(CLASSES, "tiny"))
    assert text == (
        "path,gravityspy_id,ifo,window,ml_label,ml_confidence,"
        "Blip,Koi_Fish,Whistle,status,error,model_name\n"
        "a b.png,abc,H1,0.5,Koi_Fish,0.7,0.1,0.7,0.2,ok,,tiny\n"
        '"odd,""name"".png",,,,,,,,,failed,the file is empty,tiny\n'
    )


def test_json_lines_hold_the_same_cells_as_csv():
    columns = Columns(CLASSES, "tiny", top_k=2, min_confidence=0.9)
    rows = [json.loads(json_line(r, columns)) for r in (GOOD, BAD)]
    table = csv.DictReader(io.StringIO(csv_text([GOOD, BAD], columns)))
    for row, cells in zip(rows, table, strict=True):
        shown = {k: "" if v is None else str(v) for k, v in row.items()}
        assert shown == cells


def test_top_k_adds_the_next_likeliest_classes():
    row = Columns(CLASSES, "tiny", top_k=3).row(GOOD)
    assert (row["ml_label_2"], row["ml_confidence_2"]) == ("Whistle", 0.2)
    assert (row["ml_label_3"], row["ml_confidence_3"]) == ("Blip", 0.1)


def test_an_uncertain_result_keeps_its_best_guess():
    sure = Columns(CLASSES, "tiny", min_confidence=0.7).row(GOOD)
    unsure = Columns(CLASSES, "tiny", min_confidence=0.71).row(GOOD)
    assert (sure["confident_label"], sure["status"]) == ("Koi_Fish", "ok")
    assert (unsure["confident_label"], unsure["status"]) == (None, "uncertain")
    assert unsure["ml_label"] == "Koi_Fish"


def test_probabilities_have_six_digits():
    third = Prediction(Origin("a.png"), "Blip", 1 / 3, dict.fromkeys(CLASSES, 1 / 3))
    row = Columns(CLASSES, "tiny", top_k=2).row(third)
    numbers = {name: cell for name, cell in row.items() if isinstance(cell, float)}
    assert numbers == dict.fromkeys([*CLASSES, "ml_confidence", "ml_confidence_2"],
                                    0.333333)  # fmt: skip


def test_a_line_break_in_a_name_stays_in_its_cell():
    odd = Failure(Origin("two\nlines\r.png"), "broken")
    text = csv_text([odd], Columns(CLASSES, "tiny"))
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["path"] == "two\nlines\r.png"
