"""A report in a real browser: it renders, sorts, filters and fits a phone."""

import json
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from chromium import needs_chromium
from conftest import TINY_CLASSES, draw_figure
from matplotlib.figure import Figure
from PIL import Image
from running import gspy

from gspy_cli.evaluation import figures
from gspy_cli.evaluation.comparison import Contender
from gspy_cli.evaluation.misclassifications import Misclassification
from gspy_cli.metrics import wilson_interval
from gspy_cli.training import curves
from gspy_cli.training.answers import Answers
from gspy_cli.training.examples import Example

SHOWN = (
    "[...document.querySelectorAll('.error')].filter(e => e.offsetParent)"
    ".map(e => e.dataset.label + ' as ' + e.dataset.named)"
)
CLASS_TABLE = "[...document.querySelectorAll('h2')].find(h => h.textContent ==="
CLASS_TABLE += " 'Class by class').nextElementSibling.nextElementSibling"


def answers(folder: Path) -> Path:
    """Draw eight glitches, three named wrong; one name would break a careless page."""
    rows = [["file", "label", "glitch", *TINY_CLASSES]]
    for i in range(8):
        label = "Koi_Fish" if i in (1, 3, 5, 6, 7) else "Blip"
        name = f"H1_a<b>&{i}_spectrogram_{('0.5', '4.0')[i // 4]}.png"
        Image.fromarray(draw_figure(120, 160, seed=i)).save(folder / name)
        named = {0: "Koi_Fish", 3: "Blip", 5: "Blip"}.get(i, label)
        scores = [0.02 + (0.84 + 0.01 * i) * (named == c) for c in TINY_CLASSES]
        scores = np.array(scores) / sum(scores)
        rows.append([name, label, f"a<b>&{i}", *map(str, scores)])
    table = folder / "answers.csv"
    table.write_text("\n".join(map(",".join, rows)) + "\n")
    return table


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    code, _, err = gspy("evaluate", answers(folder), "-o", folder / "report")
    assert code == 0, err
    return folder / "report" / "index.html"


@needs_chromium
@pytest.mark.parametrize("width", [1200, 390])
def test_a_report_renders_without_complaint_and_fits(report, chromium, width):
    chromium.complaints.clear()
    chromium.open(report, width=width)
    drawn = "[...document.images].map(i => i.complete && i.naturalWidth > 0)"
    assert chromium.run(f"{drawn}.every(Boolean) && document.images.length") == 9
    assert chromium.run("document.documentElement.scrollWidth") <= width
    assert chromium.run("document.querySelector('main').offsetWidth") > 0.8 * width
    assert chromium.complaints == []


@needs_chromium
def test_on_paper_no_column_is_cut_off(report, chromium):
    chromium.open(report, width=718)  # of A4 within its margins
    edge = "Math.max(...[...document.querySelectorAll('.wide table')]"
    edge += ".map(e => e.getBoundingClientRect().right))"
    chromium.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert chromium.run(edge) < 718
    finally:
        chromium.call("Emulation.setEmulatedMedia", media="")


@needs_chromium
def test_a_click_on_a_heading_sorts_and_undefined_stays_last(report, chromium):
    chromium.open(report, width=1200)
    click = f"{CLASS_TABLE}.querySelectorAll('th button')[3].click()"
    order = f"[...{CLASS_TABLE}.querySelectorAll('tbody td:first-child')]"
    order += ".map(c => c.textContent)"
    chromium.run(click)  # by recall: Blip 2 of 3, Koi_Fish 3 of 5, Whistle undefined
    assert chromium.run(order) == ["Blip", "Koi_Fish", "Whistle"]
    chromium.run(click)
    assert chromium.run(order) == ["Koi_Fish", "Blip", "Whistle"]
    head = f"{CLASS_TABLE}.querySelectorAll('th')[3].ariaSort"
    assert chromium.run(head) == "ascending"


@needs_chromium
def test_the_gallery_of_errors_can_be_filtered(report, chromium):
    chromium.open(report, width=1200)
    assert chromium.run(SHOWN) == [
        "Koi_Fish as Blip", "Koi_Fish as Blip", "Blip as Koi_Fish",
    ]  # fmt: skip
    choose = (
        "(name, value) => { const f = document.querySelector('.filters');"
        "f.elements[name].value = value;"
        "f.dispatchEvent(new Event('input')); }"
    )
    chromium.run(f"({choose})('label', 'Koi_Fish')")
    assert chromium.run(SHOWN) == ["Koi_Fish as Blip"] * 2
    chromium.run(f"({choose})('window', '4')")
    assert chromium.run(SHOWN) == ["Koi_Fish as Blip"]
    assert chromium.run("document.getElementById('shown').textContent") == "1"
    chromium.run(f"({choose})('confidence', '1')")
    assert chromium.run(SHOWN) == []
    chromium.run("document.querySelector('.filters button').click()")
    chromium.run("new Promise(done => setTimeout(done))")
    assert len(chromium.run(SHOWN)) == 3


@needs_chromium
def test_a_comparison_renders_and_leads_to_each_report(
    report, chromium, tmp_path, monkeypatch
):
    for name in ("draw_confusion", "draw_reliability", "draw_errors"):  # not looked at
        monkeypatch.setattr(figures, name, lambda *_, **__: b"")
    table = report.parents[1] / "answers.csv"
    code, _, err = gspy("evaluate", table, table, "-o", tmp_path)
    assert code == 0, err
    chromium.complaints.clear()
    chromium.open(tmp_path / "index.html", width=390)
    links = chromium.run("[...document.links].map(a => a.getAttribute('href'))")
    assert links == ["1-answers-1/index.html", "2-answers-2/index.html"]
    assert all((tmp_path / link).exists() for link in links)
    assert chromium.run("document.documentElement.scrollWidth") <= 390
    assert chromium.complaints == []


def test_a_page_needs_no_other_file_and_escapes_names(report):
    page = report.read_text()
    assert "a<b>" not in page
    assert "a&lt;b&gt;&amp;0_spectrogram_0.5.png" in page
    for reference in ("http://", "https://", 'src="/', "<link", "url("):
        assert reference not in page, reference


def test_the_numbers_of_a_page_stand_below_their_names(report):
    page = report.read_text()
    assert "3 pictures, 3 of them with a confidence of 0.9 or more" in page
    line = re.search('<td class="text">pictures</td>(.*?)</tr>', page)
    cells = list(map(float, re.findall('data-value="(.*?)"', line[1])))
    heads = re.findall('<th scope="col">(.*?)</th>', page)[1 : len(cells) + 1]
    told = json.loads((report.parent / "metrics.json").read_text())["pictures"]
    told |= dict(zip(("from", "to"), told["interval"], strict=True))
    told |= {"number": told["count"], "top_2": told["top_2_accuracy"]}
    told["_log_p"] = told["negative_log_likelihood"]
    numbers = [told[re.sub(r"\W", "_", head.lower())] for head in heads]
    assert cells == pytest.approx(numbers, rel=1e-4)


def test_all_files_of_a_report_are_there(report):
    assert sorted(path.name for path in report.parent.iterdir()) == [
        "confusion.csv", "confusion.png", "confusion_normalised.png", "errors.png",
        "index.html", "metrics.json", "per_class.csv", "predictions.csv",
        "reliability.png",
    ]  # fmt: skip
    json.loads((report.parent / "metrics.json").read_text())


LONG = "A_class_of_my_own_whose_name_is_really_long"  # 43 characters


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Collect the figures that are drawn, instead of their files."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    return figures


def assert_whole(figure: Figure) -> None:
    """Check that all that is drawn in a figure lies inside it."""
    figure.draw_without_rendering()
    inside, page = figure.get_tightbbox(), figure.bbox_inches.padded(0.01)
    assert page.contains(*inside.min), inside
    assert page.contains(*inside.max), inside


def contenders(*names: str) -> list[Contender]:
    scores = SimpleNamespace(accuracy=0.9, interval=(0.85, 0.94))
    card = SimpleNamespace(parameters=3_000_000)
    return [
        Contender(
            SimpleNamespace(
                subject=SimpleNamespace(name=name, card=card), glitch_scores=scores
            )
        )
        for name in names
    ]


def answers_of(classes: tuple[str, ...]) -> Answers:
    examples = [Example(Path(f"{c}.png"), c, c) for c in classes]
    return Answers(tuple(examples), np.eye(len(classes)) * 0.9 + 0.01, classes)


def test_seven_models_and_more_are_told_apart(drawn):
    figures.draw_size(contenders(*"abcdefgh"))
    lines = [bars.lines[0] for bars in drawn[0].axes[0].containers]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 8
    assert len({line.get_markersize() for line in lines}) == 8  # all at one place


def test_one_model_has_nobody_to_be_compared_in_size_with():
    assert figures.draw_size(contenders("a")) is None


@pytest.mark.parametrize("name", ["a", LONG, 3 * LONG])
def test_a_legend_below_is_inside_the_figure(name: str, drawn):
    figures.draw_size(contenders(*(f"{i}{name}" for i in range(8))))
    history = [SimpleNamespace(epoch=1, validation_loss=0.1, validation_accuracy=0.9)]
    curves.draw_comparison({f"{i}{name}": history for i in range(9)})
    for figure in drawn:
        assert_whole(figure)
        height = figure.axes[0].get_window_extent().height
        assert height > 2 * figure.dpi  # inches
        assert not any(axes.get_legend() for axes in figure.axes)


@pytest.mark.parametrize("number", [2, 3, 24])
def test_a_confusion_matrix_has_room_beside_long_names(number: int, drawn):
    classes = tuple(f"{LONG}{i}" for i in range(number))
    figures.draw_confusion(answers_of(classes), normalised=False)
    assert_whole(drawn[0])
    assert drawn[0].axes[0].get_window_extent().width > 1.2 * drawn[0].dpi  # inches


@pytest.mark.parametrize("normalised", [False, True])
def test_a_confusion_matrix_has_a_row_for_each_true_class(normalised: bool, drawn):
    examples = tuple(Example(Path(f"{i}"), "Blip", f"{i}") for i in range(5))
    scores = np.array([[0.9, 0.1]] * 2 + [[0.1, 0.9]] * 3)
    answers = Answers(examples, scores, ("Blip", "Tomte"))
    figures.draw_confusion(answers, normalised=normalised)
    (axes,) = drawn[0].axes
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    numbers = (".40", ".60") if normalised else ("2", "3")
    assert shown == {(0, 0): numbers[0], (1, 0): numbers[1]}  # column, row
    shades = (0.4, 0.6) if normalised else (2 / 3, 1)
    np.testing.assert_allclose(axes.images[0].get_array(), [shades, (0, 0)])


def labelled(label: str) -> Example:
    return Example(Path("a.png"), label, "a")


def test_a_long_title_of_an_error_stays_over_its_picture(drawn, monkeypatch):
    error = Misclassification(labelled(LONG), LONG, 0.94, "b.png")
    monkeypatch.setattr(figures, "read_plot", lambda _: np.zeros((4, 5, 3)))
    figures.draw_errors([error] * 3)
    assert_whole(drawn[0])
    widths = [axes.get_window_extent().width for axes in drawn[0].axes]
    titles = [axes.title.get_window_extent().width for axes in drawn[0].axes]
    assert max(titles) < max(widths)


def test_an_error_has_a_word_where_no_picture_is_typical(drawn, monkeypatch):
    error = Misclassification(labelled("Blip"), "Tomte", 0.94, None)
    monkeypatch.setattr(figures, "read_plot", lambda _: np.zeros((4, 5, 3)))
    figures.draw_errors([error])
    shown = [(len(a.images), a.get_title()) for a in drawn[0].axes if a.get_title()]
    assert shown == [(1, "true Blip\nnamed Tomte 0.94"), (0, "no right\nTomte to show")]


@pytest.mark.parametrize("number", [24, 60])
def test_the_latent_names_all_classes(number: int, drawn):
    classes = [f"{LONG}{i}" for i in range(number)]
    latent = np.random.default_rng(0).normal(size=(number, 3)).astype(np.float32)
    curves.draw_latent(latent, np.arange(number), classes)
    assert_whole(drawn[0])


def test_an_epoch_alone_has_a_whole_number(drawn):
    curves.draw_comparison(one_epoch("a"))
    for axes in drawn[0].axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low < tick < high] == [1]


def test_the_numbers_along_a_narrow_latent_lie_apart(drawn):
    latent = 1e-4 * np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    curves.draw_latent(latent, np.zeros(9, int), ["Blip"])
    drawn[0].draw_without_rendering()
    boxes = [label.get_window_extent() for label in drawn[0].axes[0].get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_a_reliability_counts_pictures_in_the_bins_of_the_error(drawn):
    examples = tuple(Example(Path(f"{i}.png"), "Blip", f"{i}") for i in range(2))
    scores = np.array([[0.8, 0.2], [0.78, 0.22]])
    figures.draw_reliability(Answers(examples, scores, ("Blip", "Tomte")), None)
    accuracy, number = drawn[0].axes
    (bars,) = number.patches
    assert bars.get_data().values.tolist() == [0] * 11 + [2] + [0] * 3
    line, _, (interval,) = accuracy.containers[0].lines
    assert line.get_xdata().tolist() == [0.79]
    ends = [(0.79, end) for end in wilson_interval(2, 2)]
    np.testing.assert_allclose(interval.get_segments()[0], ends)


def test_a_reliability_shows_what_another_temperature_would_do(drawn):
    suited = SimpleNamespace(cross_fitted=np.eye(2) * 0.4 + 0.3)
    figures.draw_reliability(answers_of(("Blip", "Tomte")), suited)
    says, fitted = (bars.lines[0] for bars in drawn[0].axes[0].containers)
    assert says.get_xdata().tolist() == pytest.approx([0.91])
    assert fitted.get_xdata().tolist() == pytest.approx([0.7])
    assert fitted.get_color() != says.get_color()


def test_the_legend_of_a_reliability_lies_on_no_point(drawn):
    figures.draw_reliability(answers_of(("Blip", "Tomte")), None)
    assert_whole(drawn[0])
    assert drawn[0].legends
    accuracy, _ = drawn[0].axes
    assert accuracy.get_legend() is None
    assert accuracy.get_ylim()[0] < 0


def one_epoch(*runs: str) -> dict:
    row = SimpleNamespace(epoch=1, validation_loss=0.1, validation_accuracy=0.9)
    return {run: [row] for run in runs}


def test_names_are_drawn_as_they_are(drawn, monkeypatch):
    names = ("a$_$b", "_c")  # no mathematics, and nothing for a legend to hide
    error = Misclassification(labelled(names[0]), names[1], 0.94, "b.png")
    monkeypatch.setattr(figures, "read_plot", lambda _: np.zeros((4, 5, 3)))
    figures.draw_confusion(answers_of(names), normalised=False)
    figures.draw_errors([error])
    figures.draw_size(contenders(*names))
    curves.draw_comparison(one_epoch(*names))
    curves.draw_latent(np.eye(2, dtype=np.float32), np.arange(2), names)
    for figure in drawn:
        figure.draw_without_rendering()
    for figure in drawn[2:]:
        (legend,) = figure.legends
        shown = [text.get_text().replace("\\$", "$") for text in legend.get_texts()]
        assert shown == list(names)


def test_letters_that_no_font_has_are_told_of_once_and_drawn_without_a_word(
    monkeypatch,
):
    monkeypatch.setattr(curves, "MORE_LETTERS", ())
    both = answers_of(("\N{CJK UNIFIED IDEOGRAPH-96F7}", "Blip"))
    assert figures.draw_confusion(both, normalised=False)
    (note,) = figures.note_of_letters(both.classes)
    assert note.startswith("boxes stand for \N{CJK UNIFIED IDEOGRAPH-96F7} in figures")
    assert figures.note_of_letters(["Blip", "\xc9clat"]) == []
