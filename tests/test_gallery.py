"""The page of pictures: whole in itself, and it does what its buttons say."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from chromium import needs_chromium
from conftest import draw_figure
from PIL import Image
from running import GSPY, gspy, needs_named_pipes, rows

from gspy_cli.results import Failure, Glitch, Origin, Prediction, Trigger
from gspy_cli.samples import Plot, Sample, unusable
from gspy_cli.writers import Columns, gallery

pytestmark = pytest.mark.usefixtures("use_tiny_model")

# of viridis, each of another class for the tiny model
COLOURS = {"a": (253, 231, 37), "b": (33, 145, 140), "c <i>&\n.x": (68, 1, 84)}
SHOWN = "[...document.querySelectorAll('figure')].filter(f => !f.hidden)"
NAMES = f"return {SHOWN}.map(f => JSON.parse(f.dataset.key)[0].split('/').pop())"
CHANGE = "form.dispatchEvent(new Event('input')); "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of pictures that the tiny model is more and less sure of."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, (name, colour) in enumerate(COLOURS.items()):
        figure = draw_figure(seed=seed)
        figure[200:350, 150:600] = colour
        Image.fromarray(figure).save(folder / f"{name}.png")
    (folder / "d.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def page(folder: Path, tmp_path: Path) -> Path:
    output = tmp_path / "page.html"
    code, out, _ = gspy("classify", folder, "--gallery", output)
    assert (code, out) == (1, "")
    return output


def confidences(folder: Path) -> dict[str, tuple[str, float]]:
    lines = gspy("classify", folder, "-f", "jsonl")[1].splitlines()
    found = [json.loads(line) for line in lines]
    return {
        Path(row["path"]).name: (row["ml_label"], row["ml_confidence"] or 0)
        for row in found
    }


@needs_chromium
def test_the_page_shows_every_picture_by_class(folder, page, chromium):
    counted = chromium.show(
        page,
        body=f"return [{SHOWN}.map(f => [f.dataset.label,"
        "f.querySelectorAll('img').length,"
        "f.querySelector('img')?.naturalWidth, f.querySelector('a')?.href]),"
        "[...document.querySelectorAll('h2')].map(h => h.textContent)]",
    )
    figures, headings = counted
    expected = sorted(label or "failed" for label, _ in confidences(folder).values())
    assert [label for label, *_ in figures] == expected
    assert [width for _, count, width, _ in figures if count] == [gallery.WIDTH] * 3
    links = {Path(link).name for *_, link in figures if link}
    assert links == {"a.png", "b.png", "c%20%3Ci%3E%26%0A.x.png"}
    assert headings == [f"{n} {expected.count(n)}" for n in dict.fromkeys(expected)]


@needs_chromium
@pytest.mark.parametrize(("order", "sign"), [("most", -1), ("least", 1)])
def test_it_sorts_by_confidence(folder, page, chromium, order, sign):
    script = f"const form = document.forms[0]; form.order.value = '{order}';"
    shown = chromium.show(page, body=script + CHANGE + NAMES)
    known = confidences(folder)
    assert [known[name][1] for name in shown] == sorted(
        (confidence for _, confidence in known.values()), key=lambda c: sign * c
    )


@needs_chromium
def test_it_filters_by_class_by_confidence_and_by_name(folder, page, chromium):
    known = confidences(folder)
    label, sure = known["a.png"]
    script = f"""
    const form = document.forms[0];
    const names = () => {{ {NAMES} }};
    const found = [];
    form.label.value = "{label}"; {CHANGE} found.push(names().sort());
    form.label.value = ""; form.least.value = {100 * sure:.0f} - 1;
    {CHANGE} found.push(names().sort());
    form.least.value = 0; form.words.value = "<I>"; {CHANGE} found.push(names());
    found.push(document.getElementById("count").textContent);
    return found;"""
    by_class, by_confidence, by_name, count = chromium.show(page, body=script)
    assert by_class == sorted(n for n, (given, _) in known.items() if given == label)
    least = round(100 * sure) / 100 - 0.01
    assert by_confidence == sorted(n for n, (_, c) in known.items() if c >= least)
    assert (by_name, count) == (["c <i>&\n.x.png"], "1 of 4 shown")


def test_the_page_asks_for_nothing_outside_itself(page):
    text = page.read_text()
    assert "default-src 'none'" in text
    assert set(re.findall(r'src="(.{5})', text)) == {"data:"}
    assert "http" not in re.sub(r'http-equiv|href="[^"]*"', "", text)


def test_a_picture_on_another_drive_has_its_whole_address(
    folder, tmp_path, monkeypatch
):
    def refuse(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", refuse)
    page = tmp_path / "page.html"
    gspy("classify", folder / "a.png", "--gallery", page)
    assert f'<a href="{(folder / "a.png").as_uri()}">' in page.read_text()


@pytest.mark.parametrize(
    ("name", "link"), [("a b#?.png", "a%20b%23%3F.png"), ("\udcff.png", "%FF.png")]
)
def test_a_link_has_the_bytes_of_the_files_name(name: str, link: str):
    assert gallery._link(f"/x/{name}", "/x/y") == f"../{link}"


@needs_named_pipes
def test_pictures_that_can_be_read_once_are_shown(figures, tmp_path):
    pipe, shown = tmp_path / "pipe.png", tmp_path / "page.html"
    os.mkfifo(pipe)
    content = min(figures.iterdir()).read_bytes()
    Thread(target=pipe.write_bytes, args=(content,), daemon=True).start()
    command = [*GSPY, "classify", "-q", "/dev/stdin", pipe, "--gallery", shown]
    run = subprocess.run(command, input=content, check=False, timeout=60)
    assert run.returncode == 0
    assert shown.read_text().count("data:image/webp;base64") == 2


@needs_named_pipes
def test_a_pipe_that_a_list_names_is_read_once(figures, tmp_path):
    pipe, page = tmp_path / "pipe.png", tmp_path / "page.html"
    os.mkfifo(pipe)
    first, second, *_ = sorted(figures.iterdir())
    content = second.read_bytes()
    Thread(target=pipe.write_bytes, args=(content,), daemon=True).start()
    command = [*GSPY, "classify", "-q", "-", "--gallery", page]
    run = subprocess.run(
        command, input=f"{first}\n{pipe}\n".encode(), check=False, timeout=60
    )
    assert run.returncode == 0
    assert page.read_text().count("<figure ") == 2
    assert page.read_text().count("data:image/webp;base64") == 1


def test_a_torn_page_is_completed_to_the_same_bytes(folder, page):
    content = page.read_bytes()
    body = content.index(b"<main>\n")
    for end in (10, body, body + 300, len(content) - 5):
        page.write_bytes(content[:end])
        gspy("classify", folder, "--gallery", page)
        assert page.read_bytes() == content
    code, _, err = gspy("classify", folder, "--gallery", page)
    assert (code, "1 failed before" in err) == (1, True)


@pytest.mark.parametrize("key", ["5", "[[]]", "x", "[" * 99_999])
def test_a_line_whose_key_is_none_is_no_row(key: str):
    line = f'<figure data-key="{key}" data-status="ok"></figure>\n'
    assert gallery._key(line.encode()) is None


def test_a_full_page_takes_no_more_and_says_so(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "LIMIT", 2)
    page, table = tmp_path / "page.html", tmp_path / "out.csv"
    for done in ("classified", "done before"):
        _, _, err = gspy("classify", folder, "--gallery", page, "-o", table)
        assert re.search(rf"\b[34] {done}", err)
        assert "page takes" not in err
        assert page.read_text().count("<figure ") == 2
        assert len(rows(table.read_text().replace("c <i>&\n", "c"))) == 4
    assert "the page stops at 2 rows" in page.read_text()


@pytest.mark.parametrize(("per_glitch", "limit"), [(False, 5000), (True, 1250)])
def test_a_page_of_glitches_has_room_for_their_four_windows(per_glitch, limit):
    columns = Columns(("Blip",), "tiny", per_glitch=per_glitch)
    assert gallery.gallery_format(columns, Path("page.html")).limit == limit


def test_pictures_that_a_full_page_does_not_take_were_not_done_before(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(gallery, "LIMIT", 2)
    page = tmp_path / "page.html"
    _, _, err = gspy("classify", folder, "--gallery", page)
    assert err.split("/s; ")[1].startswith("2 more than the page takes (tiny")
    _, _, err = gspy("classify", folder, "--gallery", page)
    assert "; 2 done before; 2 more than the page takes (" in err


@needs_chromium
def test_a_class_whose_name_is_markup_is_shown_as_it_is(tmp_path: Path, chromium):
    label, page = "<i>Blip", tmp_path / "page.html"
    form = gallery.gallery_format(Columns((label, "Tomte"), "tiny"), page)
    sample = unusable(Origin("a.png"), "gone")
    row = Prediction(sample.origin, label, 0.9, {label: 0.9, "Tomte": 0.1})
    page.write_text(form.header + form.line(row, (sample,)))
    body = "return [...document.querySelectorAll('h2')].map(h => h.textContent)"
    assert chromium.show(page, body=body) == ["<i>Blip 1"]


@needs_chromium
def test_the_views_of_a_glitch_share_a_figure(figures: Path, tmp_path: Path, chromium):
    page = tmp_path / "page.html"
    assert gspy("classify", figures, "--per-glitch", "--gallery", page)[0] == 0
    shown = chromium.show(
        page,
        body=f"return {SHOWN}"
        ".map(f => [f.querySelectorAll('img').length, f.className])",
    )
    assert shown == [[3, "views"]]


def figure_of(row, group, **options) -> str:
    columns = Columns(("Blip", "Tomte"), "tiny", **options)
    return gallery.gallery_format(columns, Path("page.html")).line(row, group)


def caption_of(row, group, **options) -> str:
    return re.sub("<[^>]*>", "|", figure_of(row, group, **options))


def named_blip(origin: Origin, *, familiar: bool = True) -> Prediction:
    scores = {"Blip": 0.9, "Tomte": 0.1}
    return Prediction(origin, "Blip", 0.9, scores, familiar=familiar)


def test_events_of_one_file_are_told_apart_by_their_times():
    home = Origin("H1.gwf", "H1", window=0.5)
    first, second = (
        replace(home, trigger=Trigger(t)) for t in (1126259462.4, 1126259470.25)
    )
    plot = Plot(np.zeros((8, 8, 3), np.uint8), first.trigger)
    shown = figure_of(named_blip(first), (Sample(first, lambda: plot),))
    assert shown.count("H1 at 1126259462.400, 0.5 s") == 3  # title, alt and caption
    unknown = replace(second, ifo=None)
    failed = caption_of(Failure(unknown, "a gap"), (unusable(unknown, "a gap"),))
    assert "||H1.gwf at 1126259470.250, 0.5 s||a gap|" in failed
    none = Failure(replace(second, window=None), "a gap")
    of_both = caption_of(Glitch((none, none), none), (unusable(second, ""),) * 2)
    assert "||H1 at 1126259470.250, 2 views||a gap|" in of_both


def test_what_is_not_sure_says_so_in_its_caption():
    origin = Origin("a.png", "L1", "ab", 0.5)
    sample = unusable(origin, "gone")
    unfamiliar = caption_of(named_blip(origin, familiar=False), (sample,))
    assert "|Blip 90.0%||unfamiliar||a.png|" in unfamiliar
    unsure = caption_of(named_blip(origin), (sample,), min_confidence=0.99)
    assert "||uncertain||" in unsure
    assert "|Blip 90.0%||a.png|" in caption_of(named_blip(origin), (sample,))
    views = named_blip(origin), Failure(replace(origin, window=1.0), "no picture")
    glitch = Glitch(views, named_blip(replace(origin, window=None)))
    group = sample, Sample(origin, lambda: pytest.fail("it may crash its decoder"))
    partial = caption_of(glitch, group, per_glitch=True)
    assert "||partial: 1.0 s: no picture||L1 ab, 2 views|" in partial
