import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from conftest import SIDE, draw_figure, tiny_card, viridis_like
from glitch_pictures import draw_class_folders

from gspy_cli.callbacks import ignore
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.glitches import fuse_views
from gspy_cli.labels import CLASSES
from gspy_cli.model import Model, load_model
from gspy_cli.predict import classify
from gspy_cli.results import Origin, Prediction
from gspy_cli.samples import Sample
from gspy_cli.training import export, familiarity
from gspy_cli.training.architectures import ARCHITECTURES, build_network
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.data import read_dataset
from gspy_cli.training.examples import Dataset
from gspy_cli.training.run import Run, write_plan
from gspy_cli.training.strangers import KINDS, levels_of, strangers_of
from gspy_cli.viridis import VIRIDIS
from gspy_cli.writers import Columns


def judging(score: float) -> Model:
    """Give a model to which every picture is as familiar as `score`."""

    def judge(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.tile(np.float32([0.9, 0.05, 0.05]), (len(pictures), 1))
        return rows, np.full(len(pictures), score, np.float32)

    def only(pictures: np.ndarray) -> np.ndarray:
        return judge(pictures)[0]

    return Model(tiny_card(unfamiliar_below=0.5), only, "cpu", judge)


def status_of(model: Model, figure: np.ndarray, **settings: float) -> dict:
    (result,) = classify([Sample(Origin("a.png"), lambda: figure)], model)
    return Columns(model.card.classes, "tiny", **settings).row(result)


def test_what_a_model_finds_strange_keeps_its_label_and_is_marked():
    row = status_of(judging(0.4), draw_figure())
    assert (row["status"], row["ml_label"], row["error"]) == (
        "unfamiliar",
        "Blip",
        None,
    )
    assert status_of(judging(0.5), draw_figure())["status"] == "ok"


def test_what_is_unfamiliar_has_no_confident_label():
    row = status_of(judging(0.4), draw_figure(), min_confidence=0.5)
    assert (row["status"], row["confident_label"]) == ("unfamiliar", None)


def test_what_is_named_none_of_the_above_is_no_stranger():
    classes = ("None_of_the_Above", "Blip", "Whistle")
    card = tiny_card(classes=classes, unfamiliar_below=0.5)
    rows = np.float32([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]])
    strange = np.float32([0.4, 0.4])
    model = replace(judging(0.4), card=card, judge=lambda _: (rows, strange))
    found = classify([Sample(Origin("a.png"), draw_figure)] * 2, model)
    assert [one.familiar for one in found] == [True, False]


def test_another_colour_map_is_unfamiliar_whatever_the_score():
    plot = Sample(Origin("a.png"), lambda: draw_figure())
    (seen,) = classify([plot], judging(1.0))
    assert isinstance(seen, Prediction)
    assert seen.familiar
    grey = draw_figure()
    grey[..., :] = grey.mean(axis=-1, keepdims=True).astype(np.uint8)
    from gspy_cli.predict import _score

    shown = np.stack([viridis_like(SIDE, SIDE), grey[80:112, 120:152]])
    assert [known for _, known in _score(shown, judging(1.0))] == [True, False]


@pytest.mark.parametrize(("strange", "familiar"), [(1, True), (2, False), (3, False)])
def test_a_glitch_is_familiar_where_most_views_are(strange: int, familiar: bool):
    scores = {"Blip": 0.8, "Whistle": 0.2}
    views = tuple(
        Prediction(Origin(f"{i}.png"), "Blip", 0.8, scores, familiar=i >= strange)
        for i in range(4)
    )
    answer = fuse_views(views).answer
    assert isinstance(answer, Prediction)
    assert answer.familiar is familiar


def test_levels_are_read_back_from_every_colour_of_viridis():
    wrong = levels_of(VIRIDIS[None])[0].astype(int) - np.arange(256)
    assert abs(wrong).max() <= 1  # three steps of the map are hardly any


def test_every_kind_of_stranger_is_a_picture_of_its_own():
    pictures = np.stack([viridis_like(64, 64, seed) for seed in range(40)])
    made = strangers_of(pictures, seed=3)
    assert made.shape == pictures.shape
    assert made.dtype == np.uint8
    assert not any((a == b).all() for a, b in zip(made, pictures, strict=True))
    assert (made == strangers_of(pictures, seed=3)).all()
    for kind in KINDS:
        one = kind(pictures[0], np.random.default_rng(0))
        assert one.shape == (64, 64, 3)


def simulated(folder: Path, classes: Sequence[int]) -> Path:
    """Draw a glitch of each class of these numbers, the same in every set."""
    folder.mkdir()
    views = [[viridis_like(64, 64, 4 * n + i) for i in range(4)] for n in classes]
    np.save(folder / "inputs.npy", np.array(views))
    np.save(folder / "labels.npy", np.array(classes))
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelCard]:
    import torch

    path = tmp_path_factory.mktemp("model") / "m.onnx"
    torch.manual_seed(0)
    name = "mobilenet_v2"
    network = build_network(name, len(CLASSES)).eval()
    found = ARCHITECTURES[name]
    card = tiny_card(
        architecture=name,
        classes=CLASSES,
        input_size=(64, 64),
        mean=found.mean,
        std=found.std,
    )
    shown = np.stack([viridis_like(64, 64)])
    return path, export.export_model(network, card, path, pictures=shown)


@pytest.fixture(scope="module")
def exported(plain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("familiar")
    path = Path(shutil.copy(plain[0], folder))
    familiarity.add_familiarity(path, plain[1], simulated(folder / "sim", range(20)))
    return path


def test_classes_that_the_model_does_not_know_do_not_become_familiar(plain, tmp_path):
    own = range(0, 20, 4)
    card = replace(plain[1], classes=tuple(CLASSES[i] for i in own))
    given = []
    for name, classes in (("all", range(20)), ("own", own)):
        path = Path(shutil.copy(plain[0], tmp_path / f"{name}.onnx"))
        directory = simulated(tmp_path / name, classes)
        given.append(familiarity.add_familiarity(path, card, directory))
    assert given[0].unfamiliar_below == given[1].unfamiliar_below
    assert given[0].sha256 == given[1].sha256


def test_classes_that_are_not_simulated_are_told_of(plain, tmp_path):
    card = replace(plain[1], classes=(*CLASSES[:3], "Thunder"))
    path, notes = Path(shutil.copy(plain[0], tmp_path)), []
    directory = simulated(tmp_path / "sim", range(2))
    familiarity.add_familiarity(path, card, directory, on_note=notes.append)
    assert notes == [
        f"{directory} has no Air_Compressor, Thunder: pictures of these may be called "
        "unfamiliar"
    ]


@pytest.fixture
def own_run(tmp_path: Path) -> Path:
    """Give a run of Blip and a class of its own: seven pictures to train on, and three.

    One of the seven cannot be read.
    """
    data, counts = tmp_path / "mine", {"Blip": 2, "Thunder": 10}
    draw_class_folders(data, counts, windows=("0.5",))
    found = read_dataset(data, own_classes=True).examples
    splits = 9 * ["train"] + ["validation", "test", "test"]
    rows = tuple(replace(e, split=s) for e, s in zip(found, splits, strict=True))
    run = Run(tmp_path / "run", TrainConfig(data), Dataset(rows, tuple(counts)))
    run.path.mkdir()
    write_plan(run)
    found[2].path.write_bytes(b"no picture")
    return run.path


def test_what_a_run_trained_on_of_classes_not_simulated_is_known(
    plain, own_run, tmp_path, monkeypatch
):
    taught, notes = [], []

    def fit_head(known, strangers, original=familiarity.fit_head):
        taught.append(len(known))
        return original(known, strangers)

    monkeypatch.setattr(familiarity, "fit_head", fit_head)
    path = Path(shutil.copy(plain[0], tmp_path))
    sets = simulated(tmp_path / "sim", range(4))
    card = replace(plain[1], classes=(*CLASSES[:4], "Thunder"))
    add = partial(familiarity.add_familiarity, path, card, sets, run=own_run)
    add(cache=tmp_path / "cache", on_note=notes.append)
    assert (taught, notes) == ([12 + 6], [])
    assert [*(tmp_path / "cache").rglob("*.npy")]
    shutil.rmtree(tmp_path / "mine")
    shutil.copy(plain[0], path)
    add(cache=tmp_path / "cache", on_note=notes.append)
    assert taught[1] == 12
    reason, note = notes
    assert reason.startswith("the run's own pictures are not used: ")
    assert "does not exist: mend its row in" in reason
    assert note == f"{sets} has no Thunder: pictures of these may be called unfamiliar"


def test_a_run_teaches_no_more_pictures_of_a_class_than_are_enough(
    own_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(familiarity, "OWN", 3)
    own = ["Blip", "Thunder"]
    found = familiarity.own_pictures(own_run, own, 64, tmp_path, ignore)
    assert len(found["Blip"]) == 2
    assert 2 <= len(found["Thunder"]) <= 3  # one of the run's cannot be read


def test_one_in_a_hundred_of_what_was_not_taught_is_unfamiliar(
    plain, tmp_path, monkeypatch
):
    shown = {}

    def fit_head(known, strangers, original=familiarity.fit_head):
        shown["taught"] = len(known)
        return original(known, strangers)

    def answers(content, output, pictures, *_, original=familiarity.answers):
        shown[output] = pictures
        even = np.linspace(0, 1, len(pictures))
        return original(content, output, pictures) if output == "embedding" else even

    monkeypatch.setattr(familiarity, "fit_head", fit_head)
    monkeypatch.setattr(familiarity, "answers", answers)
    path = Path(shutil.copy(plain[0], tmp_path))
    sets = simulated(tmp_path / "sim", range(20))
    card = familiarity.add_familiarity(path, plain[1], sets)
    assert shown["taught"] == 60
    held_out = shown["familiarity"].reshape(5, 4, 64, 64, 3)  # whole glitches
    inputs = np.load(sets / "inputs.npy")
    assert all((inputs == views).all(axis=(1, 2, 3, 4)).any() for views in held_out)
    assert card.unfamiliar_below == pytest.approx(0.01)


@pytest.mark.parametrize("number", [48, 96, 240, 2400])
def test_every_class_is_taught_and_in_large_sets_held_out(number: int):
    labels = np.arange(number) % 24
    held_out = familiarity.some_of_each_class(labels)
    assert held_out.sum() == number / 4
    assert set(labels[~held_out]) == set(labels)
    assert number < 96 or set(labels[held_out]) == set(labels)


@pytest.mark.parametrize(("known", "number"), [(CLASSES, 1), (("Thunder",), 0)])
def test_too_few_simulated_glitches_are_refused(plain, tmp_path, known, number):
    card = replace(plain[1], classes=known)
    classes = range(3) if number == 0 else range(1)
    directory = simulated(tmp_path / "sim", classes)
    with pytest.raises(GspyError, match=f"{number} glitch(es)? of the model's classes"):
        familiarity.add_familiarity(plain[0], card, directory)


def test_a_head_takes_embeddings_of_any_mean_and_spread():
    rng = np.random.default_rng(0)
    known, strangers = (
        (1000 + 50 * rng.normal(place, 1, (400, 3))).astype(np.float32)
        for place in (-2, 2)
    )
    head = familiarity.fit_head(known, strangers)
    assert (head(torch.from_numpy(known)) > 0).float().mean() > 0.8
    assert (head(torch.from_numpy(strangers)) > 0).float().mean() < 0.01


def test_the_known_and_the_strange_count_alike_however_many_there_are_of_each():
    rng = np.random.default_rng(0)
    known, strangers = (
        rng.normal(place, 1, (number, 3)).astype(np.float32)
        for place, number in ((-0.5, 2000), (0.5, 250))
    )
    head = familiarity.fit_head(known, strangers)
    let_in, kept_out = (
        (sign * head(torch.from_numpy(found)) > 0).float().mean()
        for sign, found in ((1, known), (-1, strangers))
    )
    assert abs(let_in - kept_out) < 0.1


def test_the_graph_tells_strangers_from_its_own(exported: Path):
    model = load_model(str(exported), device="cpu")
    assert model.judge is not None
    own = np.stack([viridis_like(64, 64, seed) for seed in range(100, 130)])
    ramp = np.linspace(0, 255, 64).astype(int)
    ramps = np.stack([np.tile(VIRIDIS[np.roll(ramp, i)], (64, 1, 1)) for i in range(9)])
    probabilities, scores = model.judge(own)
    np.testing.assert_allclose(probabilities, model.score(own), atol=1e-6)
    assert (scores >= model.card.unfamiliar_below).mean() > 0.8
    assert (model.judge(ramps)[1] < model.card.unfamiliar_below).mean() > 0.8


def test_the_third_output_passes_the_check_of_foreign_graphs(exported: Path):
    from gspy_cli.graph import check_graph

    check_graph(exported.read_bytes(), origin="m.onnx")
    names = [output.name for output in onnx.load(exported).graph.output]
    assert names == ["probabilities", "embedding", "familiarity"]


def test_no_file_tells_the_checksum_of_another(exported: Path):
    (own,) = (e.value for e in onnx.load(exported).metadata_props if e.key == "card")
    assert ModelCard.from_json(own, origin="m.onnx").sha256 == ""


def test_a_card_that_promises_what_the_graph_lacks_is_refused(tiny_model: Path):
    import hashlib

    card = tiny_card(
        unfamiliar_below=0.5,
        sha256=hashlib.sha256(tiny_model.read_bytes()).hexdigest(),
    )
    (tiny_model.parent / "card.json").write_text(card.to_json())
    with pytest.raises(GspyError, match="lacks the output 'familiarity'"):
        load_model(str(tiny_model), device="cpu")
