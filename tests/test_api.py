"""gspy from Python gives what the command line gives."""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw_figure
from PIL import Image
from running import without_a_home

import gspy_cli
from gspy_cli import Failure, GspyError, Prediction, load_model
from gspy_cli.figure import read_figure
from gspy_cli.model import load_model as load
from gspy_cli.predict import classify
from gspy_cli.results import Origin
from gspy_cli.sources import from_paths


def test_paths_folders_and_arrays_give_the_same_results(tiny_model, figures):
    model = load_model(tiny_model)
    paths = sorted(figures.iterdir())
    expected = list(classify(from_paths([str(figures)]), load(str(tiny_model))))
    assert list(model.classify(paths)) == expected
    assert list(load_model(os.fsencode(tiny_model)).classify(paths)) == expected
    assert list(model.classify(map(str, paths))) == expected
    assert list(model.classify(figures)) == expected
    assert list(model.classify(np.array(list(map(str, paths))))) == expected
    found = sorted(os.scandir(bytes(figures)), key=lambda entry: entry.name)
    assert list(model.classify(found)) == expected
    by_array = list(model.classify(read_figure(path) for path in paths))
    assert [r.scores for r in by_array] == [r.scores for r in expected]
    assert [r.origin.path for r in by_array] == ["array 0", "array 1", "array 2"]


def test_a_notebook_and_its_home_stay_as_they_were(tiny_model, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import csv, sys, gspy_cli; before = csv.field_size_limit(); "
        "gspy_cli.load_model(sys.argv[1]); assert csv.field_size_limit() == before"
    )
    subprocess.run(
        [sys.executable, "-c", code, tiny_model],
        env=without_a_home(home),
        check=True,
    )
    assert list(home.rglob("*")) == []


def test_one_picture_needs_no_list(tiny_model, figures):
    model = load_model(str(tiny_model))
    path = sorted(figures.iterdir())[0]
    (by_path,) = model.classify(path)
    (by_name,) = model.classify(str(path))
    (by_array,) = model.classify(read_figure(path))
    assert by_path == by_name
    assert by_path.scores == by_array.scores
    assert isinstance(by_path, Prediction)


def test_a_stack_of_figures_is_several_pictures(tiny_model):
    stack = np.stack([draw_figure(seed=seed) for seed in range(3)])
    results = list(load_model(str(tiny_model)).classify(stack))
    assert [type(result) for result in results] == [Prediction] * 3


def test_an_array_may_be_filled_anew_once_it_is_given(tiny_model):
    stack = np.stack([draw_figure(seed=seed) for seed in range(3)])

    def refilled():
        one = np.empty_like(stack[0])
        for figure in stack:
            one[:] = figure
            yield one

    model = load_model(tiny_model)
    scores = [result.scores for result in model.classify(refilled())]
    assert scores == [result.scores for result in model.classify(stack)]
    assert scores[0] != scores[1] != scores[2]


def test_what_is_no_figure_fails_alone(tiny_model):
    good = draw_figure()
    wrong = [good / 255, good[..., 0], np.zeros((4, 4, 3), np.uint8)]
    results = list(load_model(str(tiny_model)).classify([*wrong, good, "none.png"]))
    assert [type(r) for r in results] == [Failure] * 3 + [Prediction, Failure]
    assert results[0].reason == (
        "a figure is an array of uint8 with the shape (height, width, 3), not of "
        "float64 with the shape (600, 800, 3)"
    )


def test_what_alone_is_no_figure_fails_once(tiny_model):
    model = load_model(str(tiny_model))
    grey, picture = draw_figure()[..., 0], Image.fromarray(draw_figure())
    arrays = grey, np.zeros(1000), np.zeros(()), np.array("a.png"), np.array([b"a.png"])
    file = BytesIO(b"several\nlines\n")
    for pictures in (*arrays, picture, [picture], b"a.png", bytearray(9), file):
        (result,) = model.classify(pictures)
        assert isinstance(result, Failure)
        assert result.reason.startswith("a figure is an array of uint8 with the shape")


def test_a_picture_of_another_library_fails_once(tiny_model):
    tensor = torch.from_numpy(draw_figure())
    for pictures in (tensor, tensor[..., 0], tensor[0, 0, 0]):
        (result,) = load_model(tiny_model).classify(pictures)
        assert isinstance(result, Failure)
        assert result.reason.endswith("not a Tensor")


def test_an_empty_name_is_said_to_be_one(tiny_model):
    (result,) = load_model(tiny_model).classify("")
    assert result == Failure(Origin(""), "an empty file name")


@pytest.mark.parametrize("number", [0, -1, 8.0, float("nan"), "8"])
@pytest.mark.parametrize("option", ["workers", "batch_size"])
def test_what_is_no_count_is_refused_at_once(tiny_model, option, number):
    model = load_model(str(tiny_model))
    options = {option: number}
    with pytest.raises(GspyError, match="are whole numbers of 1 or more"):
        model.classify(draw_figure(), **options)


def test_a_missing_model_is_an_error_that_says_so():
    with pytest.raises(GspyError, match="no_such_model"):
        load_model("no_such_model")


def test_the_package_alone_imports_nothing():
    code = "import sys, gspy_cli; print(sorted(m for m in sys.modules if 'gspy' in m))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "['gspy_cli']\n"
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = gspy_cli.no_such_name


def test_all_public_names_are_there():
    assert all(getattr(gspy_cli, name) for name in gspy_cli.__all__)
    assert {"__version__", *gspy_cli.__all__} <= set(dir(gspy_cli))
    assert Path(gspy_cli.__file__).with_name("py.typed").exists()
