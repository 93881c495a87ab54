"""What training lowers: a network and its loss, in each phase of a recipe."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from gspy_cli.training.architectures import Normalise
from gspy_cli.training.autoencoder import Autoencoder
from gspy_cli.training.recipes import Recipe

AUXILIARY_WEIGHT = 0.4
"""Weight of Inception's auxiliary head (torchvision's reference training)."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch's place in the recipe; `number` counts from 0 within its phase."""

    phase: str
    number: int
    length: int


def plan(recipe: Recipe) -> list[Epoch]:
    """List a recipe's epochs: reconstruction first, where there is any."""
    first, then = recipe.reconstruct_epochs, recipe.epochs
    return [
        *(Epoch("reconstruct", i, first) for i in range(first)),
        *(Epoch("classify", i, then) for i in range(then)),
    ]


class Objective(nn.Module):
    """A network with its loss in one phase, `reconstruct` or `classify`."""

    def __init__(
        self, model: nn.Module, normalise: Normalise, recipe: Recipe, phase: str
    ) -> None:
        super().__init__()
        self.model = model
        self.normalise = normalise
        self.recipe = recipe
        self.phase = phase

    @property
    def encoder_is_frozen(self) -> bool:
        """Say whether only the classifier behind the autoencoder trains."""
        return self.recipe.freeze_encoder and self.phase == "classify"

    def choose_weights(self) -> None:
        """Let only those weights train that this phase's loss depends on."""
        if not isinstance(self.model, Autoencoder):
            return
        reconstructs = self.phase == "reconstruct" or self.recipe.reconstruction_weight
        self.model.encoder.requires_grad_(not self.encoder_is_frozen)
        self.model.decoder.requires_grad_(bool(reconstructs))
        self.model.picture.requires_grad_(bool(reconstructs))
        self.model.classifier.requires_grad_(self.phase == "classify")

    def train(self, mode: bool = True) -> "Objective":
        """Switch to training; a frozen encoder keeps its batch statistics."""
        super().train(mode)
        if self.encoder_is_frozen:
            self.model.get_submodule("encoder").eval()
        return self

    def forward(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss and the logits (B, K) of pixels (B, S, S, 3), labels (B,)."""
        pictures = self.normalise(pixels)
        if isinstance(self.model, Autoencoder):
            return self.autoencoder_loss(self.model, pictures, labels)
        output = self.model(pictures)
        if isinstance(output, tuple):  # Inception, with its auxiliary head
            logits, auxiliary = output
            extra = AUXILIARY_WEIGHT * self.class_loss(auxiliary, labels)
            return self.class_loss(logits, labels) + extra, logits
        return self.class_loss(output, labels), output

    def autoencoder_loss(
        self, model: Autoencoder, pictures: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give the reconstruction's error, the classifier's, or both."""
        latent = model.encode(pictures)
        logits = model.classifier(latent)
        weight = (
            1.0 if self.phase == "reconstruct" else self.recipe.reconstruction_weight
        )
        loss = torch.zeros((), device=pictures.device)
        if weight:
            loss = loss + weight * mse_loss(model.decode(latent).float(), pictures)
        if self.phase == "classify":
            loss = loss + self.class_loss(logits, labels)
        return loss, logits

    def class_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Give the cross-entropy; labels are smoothed in training only."""
        smoothing = self.recipe.label_smoothing if self.training else 0.0
        return cross_entropy(logits.float(), labels, label_smoothing=smoothing)
