"""A page in headless Chromium: open it, do something in it, see what came of it."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here")


def evaluate(page: Path, script: str, folder: Path) -> Any:
    """Open a page, run the body of a function in it, and give what it returns.

    An error on the page fails the test. The page is copied into `folder`, with the
    script in it; it may load nothing over the network.
    """
    errors = '<script>onerror = text => { document.title = "ERROR " + text }</script>'
    run = (
        '<script>addEventListener("load", () => { const found = (() => {'
        f"{script}"
        '})(); const given = document.createElement("pre"); given.id = "given";'
        "given.textContent = JSON.stringify(found); document.body.append(given) })"
        "</script>"
    )
    copy = folder / "page.html"
    text = page.read_text(encoding="utf-8")
    copy.write_text(text.replace("<title>", errors + run + "<title>", 1))
    dom = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/user",
            "--dump-dom", copy.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert "<title>ERROR" not in dom, dom[:300]
    return json.loads(unescape(re.search(r'<pre id="given">(.*?)</pre>', dom)[1]))
