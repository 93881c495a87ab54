"""Check an exported file: that it is whole, and that it is of its run."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from gspy_cli import model_folder, registry
from gspy_cli.errors import CheckError
from gspy_cli.model import Model, load_model
from gspy_cli.training.export import (
    TOLERANCE,
    Deployed,
    batches,
    check_parity,
    check_pictures,
    read_network,
)
from gspy_cli.wording import counted


def check_file(path: Path, source: Path | None) -> str:
    """Check an exported file, and against its run if given; say what was found.

    Raises
    ------
    GspyError
        The file is no model of gspy, or there is no such run.
    CheckError
        It is not whole, or does not answer as its run does.
    """
    content = model_folder.read(registry.find(str(path)))
    model = load_model(str(path), device="cpu")
    if fault := fault_of(model, content):
        raise CheckError(f"{path} {fault}: export the model again")
    card = model.card
    classes = counted(len(card.classes), "class")
    found = f"{path}: a whole model of gspy, {card.architecture}, {classes}"
    if source is None:
        return found
    return f"{found}; {compared(path, source, model=model, content=content)}"


def fault_of(model: Model, content: bytes) -> str:
    """Say what a graph that loads lacks of what every export has; nothing if whole."""
    graph = onnx.load_from_string(content)
    values = {entry.key: entry.value for entry in graph.metadata_props}
    if values.get("classes") != "\n".join(model.card.classes):
        return "has other 'classes' in its metadata than in its card"
    if "embedding" not in {output.name for output in graph.graph.output}:
        return "lacks the output 'embedding'"
    weights = map(numpy_helper.to_array, graph.graph.initializer)
    if not all(np.isfinite(each).all() for each in weights):
        return "has weights that are not finite"  # a later layer may hide them
    for batch in batches(check_pictures(model.card.input_size)):
        answers = model.score(batch)
        sums_to_1 = np.allclose(answers.sum(axis=1), 1, atol=TOLERANCE)
        if not (sums_to_1 and (answers >= 0).all()):
            return f"gives no probabilities for a batch of {len(batch)}"
    return ""


def compared(path: Path, source: Path, *, model: Model, content: bytes) -> str:
    """Say how far a file's answers are from its run's, where both are float32."""
    card = model.card
    network, trained = read_network(source)
    if (card.architecture, card.classes) != (trained.architecture, trained.classes):
        raise CheckError(f"{path} is not of {source}: other classes or network")
    if parts := card.scores.get("accuracy_by_precision"):
        right = ", ".join(f"{kind} {part:.4f}" for kind, part in parts.items())
        return (
            f"of less precision, so not compared with the weights of {source}: of the "
            f"pictures it was tried on it named right {right}"
        )
    pictures = check_pictures(card.input_size)
    try:
        largest = check_parity(Deployed(network, card), content, pictures)
    except CheckError as error:
        raise CheckError(f"{path} is not of {source}'s weights: {error}") from None
    return f"differs from {source} by {largest:.1g} at most"
