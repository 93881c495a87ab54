"""A sense of the familiar for an exported graph: what is a glitch of a known kind.

A small head on the network's embedding learns to tell simulated glitches, and the run's
own of classes that are not simulated, from strangers made of them (outlier exposure,
Hendrycks et al. 2019, arXiv:1812.04606). It becomes the graph's third output,
`familiarity` (N,), from 0 to 1.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from gspy_cli.callbacks import OnNote, Progress, Stages, ignore
from gspy_cli.card import ModelCard
from gspy_cli.errors import GspyError
from gspy_cli.labels import CLASSES
from gspy_cli.training.cache import open_pixels
from gspy_cli.training.data import examples_of
from gspy_cli.training.export import with_card, write_graph
from gspy_cli.training.simulated import read_simulated
from gspy_cli.training.strangers import strangers_of
from gspy_cli.wording import counted

Embeddings = NDArray[np.float32]  # (N, D)

FLAGGED = 0.01  # of simulated pictures held out
GLITCHES = 2400  # of four pictures each: enough for all classes
OWN = 400  # pictures of a class that is not simulated: as many as each of 24 has
HELD_OUT = 4  # one glitch of a class in so many sets the threshold
HIDDEN, EPOCHS, BATCH = 64, 12, 128


def add_familiarity(
    path: Path,
    card: ModelCard,
    directory: Path,
    *,
    run: Path | None = None,
    cache: Path | None = None,
    stages: Stages = ignore,
    on_note: OnNote = ignore,
) -> ModelCard:
    """Give an exported file its third output, learnt from simulated glitches.

    Those of classes that the model does not know are left out. Of classes that are not
    simulated, what `run` trained on is learnt; `on_note` hears of those that it has no
    pictures of, which so are strange to the model.
    The card gets `unfamiliar_below`, which one in a hundred of the
    simulated pictures held out do not reach.

    Raises
    ------
    GspyError
        There are fewer than two glitches of the model's classes, or see
        `read_simulated`.
    """
    pictures, labels = read_simulated(directory, card.input_size[0])
    rows = _some_glitches(labels, card, directory)
    there = {CLASSES[i] for i in labels[rows]}
    lacking = [name for name in card.classes if name not in there]
    real: dict[str, NDArray[np.uint8]] = {}
    if run is not None and lacking:
        reading = partial(stages, "reading pictures")
        try:
            real = own_pictures(run, lacking, card.input_size[0], cache, reading)
        except GspyError as error:
            on_note(f"the run's own pictures are not used: {error}")
        lacking = [name for name in lacking if name not in real]
    if lacking:
        on_note(
            f"{directory} has no {', '.join(lacking)}: "
            "pictures of these may be called unfamiliar"
        )
    content = path.read_bytes()
    held_out = np.repeat(some_of_each_class(labels[rows[::4]]), 4)
    taught = np.concatenate([pictures[rows[~held_out]], *real.values()])
    graph = with_head(content, learnt_head(content, taught, stages))
    familiar = answers(
        graph.SerializeToString(), "familiarity", pictures[rows[held_out]]
    )
    card = replace(card, unfamiliar_below=float(np.quantile(familiar, FLAGGED)))
    return write_graph(path, with_card(graph, card), card)


def own_pictures(
    run: Path,
    classes: Collection[str],
    size: int,
    cache: Path | None,
    on_progress: Progress,
) -> dict[str, NDArray[np.uint8]]:
    """Give some of what a run trained on of these classes, (N, S, S, 3) each.

    Raises
    ------
    GspyError
        A picture of the run is gone, or the cache cannot be written.
    """
    own = [e for e in examples_of(run, ignore) if e.split == "train"]
    of_each = ([e for e in own if e.label == name] for name in classes)
    wanted = [
        e for rows in of_each for e in Random(0).sample(rows, min(len(rows), OWN))
    ]
    pixels, failures = open_pixels(
        [e.path for e in wanted], size=size, folder=cache, on_progress=on_progress
    )
    labels = [e.label for i, e in enumerate(wanted) if i not in failures]
    return {
        name: pixels.rows([i for i, label in enumerate(labels) if label == name])
        for name in sorted(set(labels))
    }


def _some_glitches(
    labels: NDArray[np.int64], card: ModelCard, directory: Path
) -> NDArray[np.intp]:
    """Choose rows of glitches that a model knows, a glitch's four windows together."""
    known = np.array([name in card.classes for name in CLASSES])[labels[::4]]
    glitches = np.random.default_rng(0).permutation(np.flatnonzero(known))[:GLITCHES]
    if len(glitches) < 2:
        raise GspyError(
            f"{directory} holds {counted(len(glitches), 'glitch')} of the model's "
            f"classes ({', '.join(card.classes)}): simulate two or more of them"
        )
    rows = 4 * np.sort(glitches)[:, None] + np.arange(4)
    return rows.reshape(-1).astype(np.intp)


def some_of_each_class(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose one glitch in `HELD_OUT` of those with these labels (N,), class by class.

    What is chosen never is all that a class of two or more has.
    """
    chosen = np.zeros(len(labels), np.bool_)
    chosen[np.argsort(labels, kind="stable")[::HELD_OUT]] = True
    return chosen


def learnt_head(
    content: bytes, taught: NDArray[np.uint8], stages: Stages
) -> nn.Sequential:
    """Train a head for a graph on pictures (N, S, S, 3) and strangers made of them."""
    strange = strangers_of(taught[::2])
    known, strangers = (
        answers(content, "embedding", pictures, partial(stages, what))
        for what, pictures in (("glitches", taught), ("strangers", strange))
    )
    return fit_head(known, strangers)


def answers(
    content: bytes,
    output: str,
    pictures: NDArray[np.uint8],
    on_progress: Progress = ignore,
) -> NDArray[np.float32]:
    """Give one output of an exported graph for pictures (N, H, W, 3)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = []
    for i in range(0, len(pictures), BATCH):
        batch = np.ascontiguousarray(pictures[i : i + BATCH])
        found.append(session.run([output], {"image": batch})[0])
        on_progress(min(i + BATCH, len(pictures)), len(pictures))
    return np.concatenate(found)


def fit_head(known: Embeddings, strangers: Embeddings) -> nn.Sequential:
    """Train a head (N, D) -> (N, 1) that is positive for the known."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-3
        both = (np.concatenate([known, strangers]) - mean) / spread
        inputs = torch.from_numpy(both.astype(np.float32))
        is_known = (torch.arange(len(inputs)) < len(known)).float()
        shares = is_known / len(known) + (1 - is_known) / len(strangers)
        hidden = nn.Linear(inputs.shape[1], HIDDEN)
        head = nn.Sequential(hidden, nn.ReLU(), nn.Linear(HIDDEN, 1))
        _train(head, inputs, is_known, shares * len(inputs) / 2)
    with torch.no_grad():  # the head takes embeddings as they are
        hidden.weight /= torch.from_numpy(spread)
        hidden.bias.sub_(hidden.weight @ torch.from_numpy(mean))
    return head.eval()


def _train(
    head: nn.Sequential,
    inputs: torch.Tensor,
    is_known: torch.Tensor,
    weights: torch.Tensor,
) -> None:
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=1e-2)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(inputs)), BATCH):
            shown = nn.functional.dropout(inputs[rows], 0.1)
            loss = nn.functional.binary_cross_entropy_with_logits(
                head(shown)[:, 0], is_known[rows], weight=weights[rows]
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()


def with_head(content: bytes, head: nn.Sequential) -> onnx.ModelProto:
    """Put a head behind an exported graph's embedding, as output `familiarity`."""
    model = onnx.load_from_string(content)
    graph = model.graph
    tensors = {
        f"familiarity.{name}": value.detach().numpy()
        for name, value in head.state_dict().items()
    }
    graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in tensors.items())
    graph.initializer.append(numpy_helper.from_array(np.array([1]), "familiarity.axes"))
    first, second = list(tensors)[:2], list(tensors)[2:]
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Gemm", ["embedding", *first], "familiarity.hidden", {"transB": 1}),
        ("Relu", ["familiarity.hidden"], "familiarity.active", {}),
        ("Gemm", ["familiarity.active", *second], "familiarity.logit", {"transB": 1}),
        ("Sigmoid", ["familiarity.logit"], "familiarity.column", {}),
        ("Squeeze", ["familiarity.column", "familiarity.axes"], "familiarity", {}),
    ]
    graph.node.extend(
        helper.make_node(kind, taken, [given], **settings)
        for kind, taken, given, settings in steps
    )
    graph.output.append(
        helper.make_tensor_value_info("familiarity", TensorProto.FLOAT, ["N"])
    )
    return model
