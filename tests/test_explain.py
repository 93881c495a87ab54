"""`gspy classify --explain`: what an answer rests on."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import SIDE, draw_figure, tiny_card
from PIL import Image
from running import gspy

from gspy_cli.cli import explaining
from gspy_cli.explain import EDGE, PANEL, Explanation, draw_explanation, occlusion_map
from gspy_cli.model import Model, load_model

pytestmark = pytest.mark.usefixtures("tiny_network")


def spotted(size: int = SIDE) -> np.ndarray:
    """A dark plot with one bright spot in its upper left quarter."""
    plot = np.full((size, size, 3), (68, 1, 84), np.uint8)
    plot[size // 4 - 2 : size // 4 + 2, size // 4 - 2 : size // 4 + 2] = 255
    return plot


def scored(answers) -> Model:
    """A model that names Blip by a function of the pictures (N, H, W, 3)."""

    def score(pictures: np.ndarray) -> np.ndarray:
        first = answers(pictures.astype(float))
        return np.stack([first, 1 - first, 0 * first], axis=1)

    return Model(tiny_card(), score, "cpu")


def test_an_occlusion_map_is_hot_where_the_model_looks():
    upper_left = scored(lambda p: p[:, :16, :16].mean(axis=(1, 2, 3)) / 255)
    heat = occlusion_map(spotted(), upper_left, 0)
    assert heat.max() == 1
    assert heat[8, 8] > 0.9
    assert (heat[16:, 16:] == 0).all()


def test_where_no_place_counts_nothing_is_hot():
    constant = Model(
        tiny_card(), lambda p: np.full((len(p), 3), 1 / 3, np.float32), "cpu"
    )
    heat = occlusion_map(spotted(), constant, 0)
    assert (heat == 0).all()
    sheet = draw_explanation(Explanation(spotted(), "Blip", 1 / 3, heat, "occlusion"))
    right = np.asarray(sheet)[40:-20, 512:-20]
    assert (right[..., 0] == right[..., 2]).all()  # grey, no orange


def test_heat_is_orange_at_its_place():
    heat = np.zeros((SIDE, SIDE))
    heat[4:12, 4:12] = 1
    sheet = np.asarray(
        draw_explanation(Explanation(spotted(), "Blip", 0.9, heat, "occlusion"))
    )
    hot, cold = sheet[34 + 90, 504 + 120], sheet[34 + 270, 504 + 360]
    assert int(hot[0]) - int(hot[2]) > 100
    assert cold[0] == cold[2]


def test_a_place_that_speaks_against_a_label_is_not_hot():
    doubtful = scored(lambda p: 0.9 - 0.5 * p[:, 8, 8, 0] / 255)
    assert (occlusion_map(spotted(), doubtful, 0) == 0).all()


def test_heat_is_where_a_patch_of_the_background_hides_what_is_read():
    plot = spotted()
    plot[9, 21] = 255
    dark = np.array([68, 1, 84])
    reads = scored(lambda p: np.where((p[:, 9, 21] == dark).all(axis=1), 0.1, 0.9))
    heat = occlusion_map(plot, reads, 0)
    hot = np.zeros((SIDE, SIDE), bool)
    hot[6:12, 18:24] = True  # two patches of 4 pixels, 2 apart, each way
    assert ((heat > 0) == hot).all()


def test_every_place_counts_the_same_to_a_model_that_reads_them_all():
    plot = np.full((SIDE, SIDE, 3), 68, np.uint8)
    plot[::2, ::4] = 255  # its median stays dark
    heat = occlusion_map(plot, scored(lambda p: p.mean((1, 2, 3)) / 255), 0)
    assert heat[[1, -2], [1, -2]] == pytest.approx(heat[16, 16], rel=0.01)


def test_heat_is_by_how_many_times_less_likely_the_label_is():
    plot = spotted()
    plot[24, 24] = 255

    def answers(pictures: np.ndarray) -> np.ndarray:
        upper, lower = (pictures[:, at, at, 0] < 255 for at in (8, 24))
        return 0.9 * 0.1 ** (upper + 2.0 * lower)

    heat = occlusion_map(plot, scored(answers), 0)
    assert heat[8, 8] / heat[24, 24] == pytest.approx(1 / 2)


def test_a_sheet_shows_the_plot_its_title_and_the_edge_of_what_counts():
    heat = np.zeros((SIDE, SIDE))
    heat[4:12, 4:12] = 1
    plot = spotted()
    sheet = np.asarray(
        draw_explanation(Explanation(plot, "Blip", 0.9, heat, "occlusion"))
    )
    resized = np.asarray(Image.fromarray(plot).resize(PANEL))
    assert (sheet[34:394, 12:492] == resized).all()
    assert (sheet[:34, :492] < 128).any()
    assert (sheet[:34, 504:] < 128).any()
    assert (sheet[34:394, 504:984] == EDGE).all(axis=2).any()


def test_one_picture_is_classified_and_explained(figures, tiny_model, tmp_path):
    path, output = next(figures.iterdir()), tmp_path / "why.png"
    code, out, err = gspy("classify", path, "-m", tiny_model, "--explain", output)
    assert code == 0
    assert len(out.splitlines()) == 2
    assert "why.png: what it needs (occlusion)" in err
    with Image.open(output) as picture:
        assert picture.size == (996, 406)


@pytest.mark.parametrize("name", ["why.png", "why.JPG"])
def test_an_older_explanation_stays_where_there_is_no_room(
    figures, tiny_model, tmp_path, monkeypatch, name
):
    def fail(_sheet, part, form):
        Path(part).write_bytes(form.encode())
        raise OSError(28, "No space left on device")

    output = tmp_path / name
    ask = "classify", next(figures.iterdir()), "-m", tiny_model, "--explain", output
    assert gspy(*ask)[0] == 0
    before = output.read_bytes()
    monkeypatch.setattr("PIL.Image.Image.save", fail)
    code, _, err = gspy(*ask)
    assert (code, output.read_bytes()) == (2, before)
    assert err == f"gspy: cannot write {output}: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_private_explanation_stays_private(figures, tiny_model, tmp_path):
    output = tmp_path / "why.png"
    output.touch(0o600)
    gspy("classify", min(figures.iterdir()), "-m", tiny_model, "--explain", output)
    assert (output.stat().st_mode & 0o777, output.stat().st_size > 0) == (0o600, True)


def test_a_picture_that_cannot_be_read_has_no_explanation(tiny_model, tmp_path):
    (tmp_path / "x.png").touch()
    code, _, err = gspy(
        *("classify", tmp_path / "x.png", "-m", tiny_model),
        *("--explain", tmp_path / "why.png"),
    )
    assert (code, "why.png: nothing drawn\n" in err) == (1, True)
    assert not (tmp_path / "why.png").exists()


def test_a_picture_that_goes_before_it_is_drawn_is_named(tiny_model, tmp_path, capsys):
    output = tmp_path / "why.png"
    explaining.write("gone.png", load_model(str(tiny_model)), None, output)
    said = capsys.readouterr().err
    assert said == f"{output}: nothing drawn; gone.png: no such file\n"
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{figures}", "--explain", "why.png"], "--explain takes one picture"),
        (["a.png", "b.png", "--explain", "why.png"], "--explain takes one picture"),
        (["/dev/stdin", "--explain", "why.png"], "--explain takes one picture"),
        (["{one}", "--files-from", "-", "--explain", "y.png"], "takes one picture"),
        (["a.hdf5", "--gps", "1", "--explain", "why.png"], "takes one picture"),
        (["{one}", "--explain", "why.txt"], "end it in .png or .jpg"),
        (["{one}", "--explain", "no/such/why.png"], "name a file in a folder that is"),
    ],
)
def test_what_cannot_be_explained_is_refused(figures, tiny_model, arguments, message):
    places = {"figures": figures, "one": next(figures.iterdir())}
    given = [a.format(**places) for a in arguments]
    code, out, err = gspy("classify", "-m", tiny_model, *given)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_run_is_explained_by_its_gradients(trained, tmp_path):
    path, data = trained
    picture = next((data / "Blip").iterdir())
    code, out, err = gspy(
        "classify", picture, "-m", path, "--explain", tmp_path / "why.png"
    )
    assert code == 0
    assert path.name in out
    assert "why.png: what speaks for it (Grad-CAM)" in err
    assert (tmp_path / "why.png").exists()


def test_without_torch_a_run_needs_an_export(trained, monkeypatch):
    from gspy_cli.evaluation import subjects

    path, data = trained
    monkeypatch.setattr(subjects.importlib.util, "find_spec", lambda name: None)
    code, _, err = gspy("classify", next((data / "Blip").iterdir()), "-m", path)
    assert (code, "needs torch: pip install 'gspy-cli[train]'" in err) == (2, True)


def test_gradcam_of_a_class_that_reads_one_channel_is_that_channel(tmp_path: Path):
    import torch
    from torch import nn

    from gspy_cli.training.architectures import Normalise, build_network
    from gspy_cli.training.checkpoint import save_tensors
    from gspy_cli.training.gradcam import gradcam

    torch.manual_seed(0)
    network = build_network("tiny", 3).eval()
    (head,) = (m for m in network.modules() if isinstance(m, nn.Linear))
    with torch.no_grad():
        head.weight.zero_()
        head.weight[1].view(16, 3)[5] = 1
        head.weight[2].view(16, 3)[5] = -1
        head.bias[2] = 100
    card = tiny_card(architecture="tiny").to_json()
    checkpoint = tmp_path / "best.safetensors"
    save_tensors(checkpoint, network.state_dict(), {"card": card})
    plot = draw_figure(SIDE, SIDE)
    heat = gradcam(checkpoint, plot, 1)
    with torch.no_grad():
        pictures = Normalise("tiny")(torch.from_numpy(plot)[None])
        channel = nn.Sequential(*list(network)[:6])(pictures)[:, 5:6]
    whole = nn.functional.interpolate(channel, (SIDE, SIDE), mode="bilinear")[0, 0]
    np.testing.assert_allclose(heat, whole / whole.max(), atol=1e-5)
    assert not gradcam(checkpoint, plot, 2).any()  # where it speaks against a class


@pytest.mark.parametrize("name", ["\xc9clat", "E\N{COMBINING ACUTE ACCENT}clat"])
def test_a_letter_that_the_font_lacks_is_drawn_as_its_base(name: str):
    assert (title_of(name) == title_of("Eclat")).all()
    assert (title_of("\N{CJK UNIFIED IDEOGRAPH-96F7}") == title_of("?")).all()


def test_a_long_title_stays_over_its_own_picture():
    long, short = title_of("A_class_of_my_own_" * 5), title_of("Blip")
    beside = 12 + PANEL[0]
    assert (long[:, beside:] == short[:, beside:]).all()
    assert (long[:, :beside] != 255).any(axis=(0, 2))[-40:].any()


def title_of(name: str) -> np.ndarray:
    """Draw what stands above the pictures."""
    nothing = np.zeros((SIDE, SIDE))
    sheet = draw_explanation(Explanation(spotted(), name, 0.9, nothing, "occlusion"))
    return np.asarray(sheet)[:34]
