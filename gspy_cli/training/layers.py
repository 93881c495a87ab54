"""The layers of a network: replaced, or watched while they answer."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


def replace_layers(
    model: nn.Module, new: Callable[[nn.Module], nn.Module]
) -> nn.Module:
    """Put what `new` gives of each layer in its place."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            setattr(module, name, new(child))
    return model


@contextmanager
def watched(layers: Iterable[nn.Module], note: Any) -> Iterator[None]:  # noqa: ANN401
    """Call `note(layer, inputs, output)` whenever a layer has answered."""
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
