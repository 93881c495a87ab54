"""One page of HTML with the pictures of a run, that needs nothing but itself."""

import html
import io
import json
import os
from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from gspy_cli.errors import PictureError
from gspy_cli.glitches import Group
from gspy_cli.image import network_input, resize
from gspy_cli.results import WINDOWS, Glitch, Prediction, Row, answer_of, event_name
from gspy_cli.samples import PictureFile, Plot, Sample
from gspy_cli.wording import counted
from gspy_cli.writers.columns import Cell, Columns, ranked
from gspy_cli.writers.file_formats import FileFormat
from gspy_cli.writers.lines import BAD, Found, whole_rows

LIMIT = 5_000  # pictures in a page: 16 MB
HEIGHT, WIDTH = 140, 170  # of a picture in the page, pixels
QUALITY = 70  # of WebP
EFFORT = 2  # of WebP's 0 to 6: half the time of the default 4, for 4 % more bytes


def gallery_format(columns: Columns, page: Path) -> FileFormat:
    """Give the format of a page that shows each row on a line of its own.

    HTML needs no closing tags, so that the page can be looked at while it grows.
    """
    template = files("gspy_cli.writers").joinpath("gallery.html")
    limit = LIMIT // len(WINDOWS) if columns.per_glitch else LIMIT
    head = template.read_text(encoding="utf-8")
    head = head.replace("@model@", html.escape(columns.model_name))
    head = head.replace("@limit@", str(limit))
    folder = os.path.abspath(page.parent)  # noqa: PTH100 - links stay as they are

    def line(row: Row, group: Group) -> str:
        return _figure(row, group, columns, folder)

    records = partial(whole_rows, header=head, read=_key)
    return FileFormat(head, line, records, limit=limit)


def _key(line: bytes) -> Found | None:
    """Find a figure's key, and whether an input failed; None where there is none."""
    whole = line.startswith(b"<figure ") and line.endswith(b"</figure>\n")
    parts = line.decode("utf-8", "replace").split('"', 4)
    if not whole or len(parts) < 4:
        return None
    try:
        key = tuple(json.loads(html.unescape(parts[1])))
        hash(key)
    except (ValueError, TypeError, RecursionError):
        return None
    return key, parts[3] in BAD


def _figure(row: Row, group: Group, columns: Columns, folder: str) -> str:
    answer = answer_of(row)
    key = columns.key([sample.origin for sample in group])
    cells = columns.row(row)
    data = {
        "key": json.dumps(key, ensure_ascii=False),
        "status": cells["status"],
        "label": answer.label if isinstance(answer, Prediction) else "failed",
        "confidence": answer.confidence if isinstance(answer, Prediction) else 0,
    }
    attributes = " ".join(f'data-{name}="{_text(data[name])}"' for name in data)
    results = row.views if isinstance(row, Glitch) else (answer,)
    views = "".join(
        _view(sample, folder)
        for sample, result in zip(group, results, strict=True)
        if isinstance(result, Prediction)  # others may crash what decodes them
    )
    return f"<figure {attributes}>{views}{_caption(row, group, cells)}</figure>\n"


def _caption(row: Row, group: Group, cells: Mapping[str, Cell]) -> str:
    answer = answer_of(row)
    origin = answer.origin
    note = ""
    if isinstance(answer, Prediction):
        others = [f"{label} {score:.1%}" for label, score in ranked(answer, 3)[1:]]
        title, rest = f"{answer.label} {answer.confidence:.1%}", ", ".join(others)
        if cells["status"] != "ok":
            note = ": ".join(str(cells[n]) for n in ("status", "error") if cells[n])
    else:
        title, rest = "failed", answer.reason
    name = event_name(origin, Path(origin.path).name)
    if len(group) > 1:
        glitch = f"{origin.ifo or ''} {origin.gravityspy_id}"
        name = f"{event_name(origin, glitch)}, {counted(len(group), 'view')}"
    texts = f"<b>{_text(title)}</b>"
    texts += f'<small class="note">{_text(note)}</small>' if note else ""
    texts += f"<small>{_text(name)}</small><small>{_text(rest)}</small>"
    return f"<figcaption>{texts}</figcaption>"


def _view(sample: Sample, folder: str) -> str:
    """Draw a picture small, with a link to the file; nothing where it cannot be."""
    if isinstance(sample.load, PictureFile) and not Path(sample.load.path).is_file():
        return ""  # a pipe that a list named: it can be read once
    try:
        content = b64encode(_thumbnail(sample)).decode()
    except PictureError:
        return ""
    origin = sample.origin
    title = origin.path
    if origin.trigger:
        title += f" ({event_name(origin, Path(origin.path).name)})"
    elif origin.window is not None:
        title += f" ({origin.window} s)"
    return (
        f'<a href="{_link(origin.path, folder)}"><img width="{WIDTH}" '
        f'height="{HEIGHT}" loading="lazy" alt="{_text(title)}" '
        f'title="{_text(title)}" src="data:image/webp;base64,{content}"></a>'
    )


def _link(path: str, folder: str) -> str:
    try:
        link = os.path.relpath(path, folder)
    except ValueError:  # Windows has no way from one drive to another
        return Path(path).absolute().as_uri()
    return quote(os.fsencode(link.replace(os.sep, "/")))


def _thumbnail(sample: Sample) -> bytes:
    loaded = sample.load()
    pixels = (
        resize(loaded.pixels, height=HEIGHT, width=WIDTH)
        if isinstance(loaded, Plot)
        else network_input(loaded, height=HEIGHT, width=WIDTH)
    )
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=QUALITY, method=EFFORT)
    return stream.getvalue()


def _text(value: object) -> str:
    """Escape a text for HTML, on one line."""
    return html.escape(str(value)).replace("\n", "&#10;")
