"""Exported graphs of less precision, and what they lose on labelled pictures."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from gspy_cli.callbacks import OnNote, Progress, Stages, ignore
from gspy_cli.card import ModelCard
from gspy_cli.errors import CheckError, GspyError
from gspy_cli.model import load_model
from gspy_cli.training.cache import open_pixels
from gspy_cli.training.data import examples_of, in_words_of
from gspy_cli.training.export import export_run, with_card, write_graph
from gspy_cli.training.quantise import to_fp16, to_int8
from gspy_cli.training.shards import MappedPixels
from gspy_cli.wording import counted

MOST_LOST = 0.005  # of the accuracy, 1 is all
CALIBRATION = 256  # pictures that calibrate 8-bit ranges
BATCH = 32


@dataclass(frozen=True, slots=True)
class Labelled:
    """N pictures, class indices (N,), and which were trained on (N,)."""

    pictures: MappedPixels
    labels: NDArray[np.int64]
    trained: NDArray[np.bool_]


def read_labelled(
    source: Path,
    card: ModelCard,
    cache: Path | None,
    *,
    stages: Stages = ignore,
    on_note: OnNote = ignore,
) -> Labelled:
    """Read pictures for a card's network: a run's own, or a data set's.

    `on_note` as in `read_dataset`.
    """
    examples = in_words_of(examples_of(source, on_note), card.classes)
    known = [example for example in examples if example.label in card.classes]
    pixels, failures = open_pixels(
        [example.path for example in known],
        size=card.input_size[0],
        folder=cache,
        on_progress=partial(stages, "reading pictures"),
    )
    kept = [example for i, example in enumerate(known) if i not in failures]
    if not kept:
        raise GspyError(f"{source} has no pictures of the model's classes; give --data")
    return Labelled(
        pixels,
        np.array([card.classes.index(e.label) for e in kept]),
        np.array([e.split in ("train", "") for e in kept]),
    )


def export_variant(
    source: Path,
    path: Path,
    precision: str,
    *,
    data: Path,
    cache: Path | None,
    force: bool,
    changes: Mapping[str, Any],
    opset: int,
    stages: Stages,
    on_note: OnNote,
) -> ModelCard:
    """Export a run as fp16 or int8; its card gets both accuracies on labelled data.

    `on_note` as in `read_dataset`.

    Raises
    ------
    CheckError
        Accuracy falls by more than half a point; nothing is written.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "exported.onnx"
        card = export_run(source, exported, changes=changes, opset=opset)
        content = exported.read_bytes()
    labelled = read_labelled(data, card, cache, stages=stages, on_note=on_note)
    smaller = (
        to_fp16(content)
        if precision == "fp16"
        else to_int8(
            content, _some(labelled), on_progress=partial(stages, "calibrating")
        )
    )
    graph = onnx.load_from_string(smaller)
    before = accuracy(content, labelled, partial(stages, "scoring fp32"))
    scoring = partial(stages, f"scoring {precision}")
    after = accuracy(with_card(graph, card), labelled, scoring)
    if before - after > MOST_LOST and not force:
        raise CheckError(
            f"{precision} loses {100 * (before - after):.1f} points of accuracy "
            f"({before:.4f} to {after:.4f} on "
            f"{counted(len(labelled.labels), 'picture')}); "
            "--force writes it anyway"
        )
    both = {"fp32": round(before, 4), precision: round(after, 4)}
    scored = replace(card, scores={**card.scores, "accuracy_by_precision": both})
    return write_graph(path, with_card(graph, scored), scored)


def accuracy(content: bytes, data: Labelled, on_progress: Progress) -> float:
    """Give the part of the pictures that an exported graph names right."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "variant.onnx"
        path.write_bytes(content)
        score = load_model(str(path), device="cpu").score
    right, count = 0, len(data.labels)
    for i in range(0, count, BATCH):
        rows = range(i, min(i + BATCH, count))
        named = score(data.pictures.rows(rows)).argmax(axis=1)
        right += int((named == data.labels[rows]).sum())
        on_progress(rows.stop, count)
    return right / count


def _some(data: Labelled) -> NDArray[np.uint8]:
    """Choose pictures to calibrate on, evenly from those trained on, if any."""
    rows = np.flatnonzero(data.trained | ~data.trained.any())
    return data.pictures.rows(rows[:: max(1, len(rows) // CALIBRATION)])
