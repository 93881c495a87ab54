"""`gspy classify --explain`: a picture of what an answer rests on."""

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gspy_cli.errors import GspyError, PictureError
from gspy_cli.home import user_path
from gspy_cli.model_folder import WEIGHTS
from gspy_cli.whole import whole_file, writing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gspy_cli.cli.inputs import Given
    from gspy_cli.model import Model


def check(given: "Given", output: Path) -> None:
    """Refuse what cannot be explained, before anything is read."""
    from gspy_cli.samples import STREAMS

    path, *more = given.paths or ("-",)
    file = Path(path)
    strange = path == "-" or path.startswith(STREAMS) or file.is_dir() or file.is_fifo()
    if more or strange or given.files_from or given.events:
        raise GspyError(
            "--explain takes one picture: gspy classify x.png --explain y.png"
        )
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise GspyError(f"--explain {output}: end it in .png or .jpg")
    if output.is_dir() or not output.parent.is_dir():
        raise GspyError(f"--explain {output}: name a file in a folder that is there")


def write(path: str, model: "Model", source: str | None, output: Path) -> None:
    """Explain the answer to one picture."""
    from gspy_cli.explain import Explanation, draw_explanation
    from gspy_cli.figure import read_pixels
    from gspy_cli.image import network_input

    height, width = model.card.input_size
    try:
        plot = network_input(read_pixels(Path(path)), height=height, width=width)
    except PictureError as error:
        typer.echo(f"{output}: nothing drawn; {path}: {error}", err=True)
        return
    probabilities = model.score(plot[None])[0]
    index = int(probabilities.argmax())
    heat, method = find_heat(plot, model, source, index)
    label, confidence = model.card.classes[index], float(probabilities[index])
    sheet = draw_explanation(Explanation(plot, label, confidence, heat, method))
    form = "PNG" if output.suffix.lower() == ".png" else "JPEG"
    with writing(output), whole_file(output.resolve()) as part:
        sheet.save(part, form)
        if output.exists():
            shutil.copymode(output, part)
    typer.echo(f"{output}: {method}", err=True)


def find_heat(
    plot: "NDArray[np.uint8]", model: "Model", source: str | None, index: int
) -> "tuple[NDArray[np.float64], str]":
    """Map what counts: by gradients where there are weights and torch."""
    from gspy_cli.explain import occlusion_map

    weights = find_weights(source)
    if weights and importlib.util.find_spec("torch"):
        from gspy_cli.training.gradcam import gradcam

        return gradcam(weights, plot, index), "what speaks for it (Grad-CAM)"
    return occlusion_map(plot, model, index), "what it needs (occlusion)"


def find_weights(source: str | None) -> Path | None:
    """Find the weights of a run, or a checkpoint; a graph alone has no gradients."""
    path = user_path(source or "")
    if source and path.suffix == ".safetensors":
        return path
    inside = path / WEIGHTS
    return inside if source and inside.is_file() else None
