"""The gallery of a page: errors beside typical pictures, with filters."""

import json
from collections.abc import Iterator, Sequence
from html import escape

from gspy_cli.evaluation.fragments import heading, paragraph
from gspy_cli.evaluation.misclassifications import Misclassification, thumbnails
from gspy_cli.wording import counted

MOST = 200
"""Errors in a page, the most confident ones: about 15 kB each."""

SURE = 0.9


def errors_section(errors: Sequence[Misclassification]) -> Iterator[str]:
    """Show the errors and what to filter them by."""
    yield heading("Pictures named wrong")
    if not errors:
        yield paragraph("None.")
        return
    sure = sum(error.confidence >= SURE for error in errors)
    shown = errors[:MOST]
    more = len(errors) - len(shown)
    yield paragraph(
        f"{counted(len(errors), 'picture')}, {sure} of them with a confidence "
        f"of {SURE} or more. "
        "Each stands beside a picture that was rightly given the same name."
        + (f" The {MOST} most confident are here, all in predictions.csv." * bool(more))
    )
    yield filters(shown)
    pictures = thumbnails([error.typical for error in shown if error.typical])
    numbers = {example: i for i, example in enumerate(pictures)}
    own = thumbnails([error.example for error in shown])
    yield '<div class="gallery">'
    for error in shown:
        number = numbers[error.typical] if error.typical else None
        yield item(error, own[error.example], number)
    yield "</div>"
    data = json.dumps(list(pictures.values()))
    yield f'<script type="application/json" id="typical">{data}</script>'


def filters(errors: Sequence[Misclassification]) -> str:
    """Offer true class, name given, window and least confidence to choose."""
    windows = sorted({window_text(error) for error in errors})
    choices = (
        select("true class", "label", sorted({e.example.label for e in errors})),
        select("named", "named", sorted({e.named for e in errors})),
        select("window, s", "window", windows),
    )
    return (
        f'<form class="filters">{"".join(choices)}'
        '<label>confidence at least <output name="least">0.00</output>'
        '<input type="range" name="confidence" min="0" max="1" step="0.05" value="0">'
        '</label><button type="reset">show all</button>'
        f'<span class="faint"><span id="shown">{len(errors)}</span> of {len(errors)} '
        "shown</span></form>"
    )


def select(title: str, name: str, values: Sequence[str]) -> str:
    """Offer values to choose one of, or all."""
    options = "".join(f"<option>{escape(value)}</option>" for value in values)
    return (
        f'<label>{title}<select name="{name}"><option value="">all</option>'
        f"{options}</select></label>"
    )


def window_text(error: Misclassification) -> str:
    """Write a picture's window; ? where it is not known."""
    return f"{error.example.window:g}" if error.example.window else "?"


def item(error: Misclassification, picture: str, typical: int | None) -> str:
    """Show one error; `typical` is the number of the picture beside it."""
    label, named = escape(error.example.label), escape(error.named)
    beside = (
        f'<img data-typical="{typical}" alt="a typical {named}">'
        if typical is not None
        else '<p class="faint">no picture is rightly named so</p>'
    )
    window = window_text(error)
    length = "" if window == "?" else f", {window} s"
    return (
        f'<div class="error" data-label="{label}" data-named="{named}" '
        f'data-window="{window}" data-confidence="{error.confidence:.4f}">'
        f'<div class="pair"><figure><img src="{picture}" alt="{label}">'
        f'<figcaption>true <b class="true">{label}</b>{length}<br>'
        f'named <b class="named">{named}</b> {error.confidence:.2f}</figcaption>'
        f"</figure><figure>{beside}<figcaption>a typical <b>{named}</b></figcaption>"
        f'</figure></div><p class="file">{escape(error.example.path.name)}</p></div>'
    )
