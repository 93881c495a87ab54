"""What the documentation shows is true: its code runs, its links lead somewhere."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import PAGES, ROOT
from PIL import Image
from test_imports import LEAVES, MAY_IMPORT

from gspy_cli import __version__
from gspy_cli.labels import CLASSES
from gspy_cli.model import load_model
from gspy_cli.predict import classify
from gspy_cli.registry import find
from gspy_cli.samples import sample_of

DOCS = ROOT / "docs"


def code(page: str, language: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def test_the_lines_for_the_onnx_file_alone_agree_with_gspy(tmp_path: Path):
    example = sorted((ROOT / "docs" / "examples").glob("*.png"))[0]
    script = tmp_path / "alone.py"
    script.write_text(code("docs/onnx.md", "python"))
    run = subprocess.run(
        [sys.executable, script, find(None), example],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (result,) = classify([sample_of(str(example))], load_model())
    label, confidence = run.stdout.split()
    assert label == result.label
    assert float(confidence) == pytest.approx(result.confidence, abs=0.02)


def test_the_lines_from_python_classify_the_examples():
    run = subprocess.run(
        [sys.executable, "-c", code("docs/python.md", "python")],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    *rows, last = run.stdout.splitlines()
    examples = sorted((ROOT / "docs" / "examples").glob("*.png"))
    paths = [str(path.relative_to(ROOT)) for path in examples]
    assert [row.split()[0] for row in rows] == paths
    assert last == "missing.png no such file"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path):
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_no_page_names_a_path_of_one_machine():
    for page in PAGES:
        assert not re.search(r"/(work|opt|tmp|home|root)/", page.read_text()), page


def test_the_citation_names_this_version_and_what_it_rests_on():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert text.startswith("cff-version: 1.2.0\n")
    assert re.search(r"^version: (.+)$", text, re.MULTILINE)[1] == __version__
    assert len(re.findall(r"^    doi: 10\.\d{4,}/\S+$", text, re.MULTILINE)) == 2


def made(script: str, function: str, *arguments: str) -> Any:
    return runpy.run_path(str(DOCS / "make" / script))[function](*arguments)


def test_the_site_builds_without_a_warning(tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-q",
        "-d",
        tmp_path,
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert not re.findall(
        r'<(?:script|img|link)[^>]*(?:src|href)="https?://(?!github)',
        (tmp_path / "index.html").read_text(),
    )


def test_the_reference_of_the_commands_is_fresh():
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == made(
        "cli.py", "reference"
    ), "run: python docs/make/cli.py"


def test_the_map_of_the_modules_is_fresh():
    picture = (DOCS / "pictures" / "modules.svg").read_text(encoding="utf-8")
    assert picture == made("modules.py", "draw"), "run: python docs/make/modules.py"


def test_the_architecture_page_names_every_module():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    assert MAY_IMPORT.keys() | LEAVES <= named


def test_the_gallery_shows_every_class_in_order():
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"\(gallery/(\w+)\.jpg\)", text)) == CLASSES
    assert tuple(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == (*CLASSES, "Sources")


def test_a_picture_of_the_gallery_is_what_the_simulator_draws():
    drawn = np.asarray(made("gallery.py", "strip", "Tomte"), dtype=float)
    shown = np.asarray(Image.open(DOCS / "gallery" / "Tomte.jpg"), dtype=float)
    assert np.abs(drawn - shown).mean() < 4, "run: python docs/make/gallery.py"


def test_the_gallery_is_quickly_loaded():
    sizes = [path.stat().st_size for path in (DOCS / "gallery").glob("*.jpg")]
    assert max(sizes) < 60_000
    assert sum(sizes) < 1_500_000
