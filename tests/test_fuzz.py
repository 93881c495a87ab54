"""Whatever a file holds, a reader gives an answer or the error that says so."""

import io
import json
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import tiny_card, viridis_like, write_tiny_model
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from gspy_cli import journal
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError, PictureError
from gspy_cli.figure import read_figure
from gspy_cli.graph import check_graph
from gspy_cli.image import network_input
from gspy_cli.sources import from_paths
from gspy_cli.strain.files import list_series, read_samples
from gspy_cli.training.data import read_dataset
from gspy_cli.writers import Columns
from gspy_cli.writers.file_formats import csv_format

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
quick = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
edits = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=8)), max_size=4)
ends = st.one_of(st.just(1.0), st.floats(0, 1))


def changed(content: bytes, changes: list[tuple[float, bytes]], end: float) -> bytes:
    """Overwrite some bytes of a good file, or cut it short."""
    damaged = bytearray(content[: round(end * len(content))])
    for place, new in changes:
        at = int(place * len(damaged))
        damaged[at : at + len(new)] = new
    return bytes(damaged)


def picture(form: str) -> bytes:
    stream = io.BytesIO()
    figure = Image.fromarray(viridis_like(64, 64))
    figure.convert("P" if form == "GIF" else "RGB").save(stream, form)
    return stream.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_picture_is_pixels_or_a_reason(form):
    whole = picture(form)

    @quick
    @given(edits, ends)
    def attempt(changes, end):
        try:
            pixels = read_figure(io.BytesIO(changed(whole, changes, end)))
            small = network_input(pixels, height=8, width=8)
        except PictureError:
            return
        assert pixels.shape[2] == 3
        assert small.shape == (8, 8, 3)

    attempt()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("margin", "frame"), [(0, 0), (2, 9)])
def test_a_picture_far_longer_than_wide_shows_no_plot(margin, frame, turned):
    figure = np.full((20 + 2 * margin, 600 + 2 * margin, 3), 255, np.uint8)
    plot = figure[margin : margin + 20, margin : margin + 600]
    plot[:] = 0
    inside = slice(frame, 20 - frame), slice(frame, 600 - frame)
    plot[inside] = np.tile(viridis_like(20, 300), (1, 2, 1))[inside]
    with pytest.raises(PictureError, match="no plot found"):
        network_input(figure.swapaxes(0, 1) if turned else figure, height=8, width=8)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = sorted(json.loads(tiny_card().to_json()))


@quick
@given(st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3))
def test_a_card_with_odd_values_is_a_card_or_an_error(values):
    text = json.dumps(json.loads(tiny_card().to_json()) | values)
    try:
        card = ModelCard.from_json(text, origin="card.json")
    except GspyError:
        return
    height, width = card.input_size
    assert min(height, width) > 0
    assert all(x > 0 for x in (*card.std, card.temperature))
    assert len(card.mean) == len(card.std) == 3
    again = ModelCard.from_json(card.to_json(), origin="again")
    assert again.to_json() == card.to_json()


@quick
@given(st.binary(max_size=60) | json_values.map(lambda v: json.dumps(v).encode()))
@example(b"[" * 100_000)
def test_any_bytes_as_a_card_are_an_error(content):
    with pytest.raises(GspyError, match=r"card\.json is not a gspy model card"):
        ModelCard.from_json(content, origin="card.json")


CELLS = st.sampled_from(
    ["file", "label", "split", "window", "glitch", "gravityspy_id", "sample_type",
     "Blip", "a.png", "train", "4.0", "nan", ",", "\n", "\r", '"', "\0", "é", ""]
)  # fmt: skip


@quick
@given(st.lists(CELLS, max_size=25).map(",".join).map(str.encode) | st.binary())
@example(b"file,label\na.png\n")
@example(b"file,label\n\0,Blip\n")
@example(b"file,label\n" + b"a" * 300 + b",Blip\n")
@example(b'file,label\n"' + b"a" * 200_000 + b'",Blip\n')
@example(b"gravityspy_id,label,sample_type\na,Blip\n")
def test_any_table_of_labels_is_a_data_set_or_an_error(tmp_path, content):
    (tmp_path / "a.png").write_bytes(b"")
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    try:
        dataset = read_dataset(table)
    except GspyError:
        return
    assert all(e.path.exists() and e.label for e in dataset.examples)


@quick
@given(
    st.binary(max_size=60) | json_values.map(lambda v: json.dumps(v).encode()),
    st.binary(min_size=1, max_size=60),
)
@example(b"[" * 100_000, b"path\n")
def test_any_journal_is_refused_and_nothing_is_lost(tmp_path, noted, rows):
    output = tmp_path / "out.csv"
    output.write_bytes(rows)
    output.with_name("out.csv.journal").write_bytes(noted)
    records = csv_format(Columns(("Blip",), "tiny")).records
    with (
        pytest.raises(GspyError, match=r"--overwrite|journal is no journal of gspy"),
        journal.hold(output, overwrite=False) as held,
    ):
        journal.take_up(held, run={"model": "tiny"}, records=records, overwrite=False)
    assert output.read_bytes() == rows


@quick
@given(st.text(alphabet="a\0\n é?*\ud800", max_size=20))
@example("a" * 300)
@example("\0")
@example("a/" * 3000)
def test_any_text_as_a_path_is_a_result(path):
    sample = next(iter(from_paths([path])))
    with pytest.raises(PictureError):
        sample.load()


@quick
@given(edits, ends)
def test_a_damaged_graph_is_checked_or_refused(tiny_model, changes, end):
    content = changed(tiny_model.read_bytes(), changes, end)
    with suppress(GspyError):
        check_graph(content, origin="model.onnx")


@quick
@given(st.binary(max_size=400))
def test_any_bytes_as_a_graph_are_refused(content):
    with pytest.raises(GspyError, match=r"model\.onnx is"):
        check_graph(content, origin="model.onnx")


@quick
@given(edits, ends)
def test_damaged_strain_is_strain_or_an_error(tmp_path, changes, end):
    whole, path = tmp_path / "whole.hdf5", tmp_path / "strain.hdf5"
    if not whole.exists():
        with h5py.File(whole, "w") as file:
            data = file.create_dataset("H1:GDS", data=np.zeros(64))
            data.attrs["x0"], data.attrs["dx"] = 1000.0, 1 / 16
    path.write_bytes(changed(whole.read_bytes(), changes, end))
    try:
        read = [read_samples(series, 0, 64) for series in list_series(path)]
    except GspyError:
        return
    assert all(samples.ndim == 1 for samples in read)


def test_the_good_files_of_these_tests_are_good(tmp_path: Path):
    check_graph(write_tiny_model(tmp_path).read_bytes(), origin="model.onnx")
    assert ModelCard.from_json(tiny_card().to_json(), origin="card") == tiny_card()
    for form in FORMATS:
        assert read_figure(io.BytesIO(picture(form))).shape == (64, 64, 3)
