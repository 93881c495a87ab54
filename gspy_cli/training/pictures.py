"""The pictures of a run: decoded, by split, with simulated ones to train on."""

import numpy as np

from gspy_cli.figure.colours import are_viridis
from gspy_cli.training.batches import Pictures
from gspy_cli.training.cache import open_pixels
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.distributed import World, wait_for_all
from gspy_cli.training.examples import Dataset
from gspy_cli.training.reports import Reports
from gspy_cli.training.run import Run, image_size
from gspy_cli.training.shards import MappedPixels
from gspy_cli.training.simulated import with_simulated
from gspy_cli.training.splits import check_classes
from gspy_cli.wording import counted, first_few

LOOKED_AT = 128  # pictures
FOREIGN = 0.1  # of these may have other colours than viridis without a word


def open_dataset(
    config: TrainConfig, dataset: Dataset, world: World, reports: Reports
) -> tuple[Dataset, MappedPixels]:
    """Decode the pictures of all splits; leave out and report what is unreadable."""
    paths = [e.path for e in dataset.examples]
    size = image_size(config)
    if world.local_rank != 0:  # one process of each machine decodes
        wait_for_all(world)
    pixels, failures = open_pixels(
        paths, size=size, folder=config.cache, on_progress=reports.on_decode
    )
    if world.local_rank == 0:
        wait_for_all(world)
    if failures:
        named = first_few([f"{paths[i]} ({why})" for i, why in failures.items()], "; ")
        number = counted(len(failures), "picture")
        reports.on_note(f"{number} left out, which cannot be read: {named}")
    readable = (e for i, e in enumerate(dataset.examples) if i not in failures)
    kept = Dataset(tuple(readable), dataset.classes)
    check_classes(kept)
    return kept, pixels


def pictures_of(dataset: Dataset, pixels: MappedPixels, split: str) -> Pictures:
    """Give one split's pictures."""
    chosen = [i for i, e in enumerate(dataset.examples) if e.split == split]
    index = {name: i for i, name in enumerate(dataset.classes)}
    labels = [index[dataset.examples[i].label] for i in chosen]
    return Pictures(pixels, np.array(chosen, dtype=np.intp), np.array(labels, np.int64))


def training_pictures(run: Run, pixels: MappedPixels) -> Pictures:
    """Give the pictures to train on, the simulated ones with them."""
    pictures = pictures_of(run.dataset, pixels, "train")
    config = run.config
    if config.simulated is None:
        return pictures
    return with_simulated(
        pictures,
        config.simulated,
        classes=run.dataset.classes,
        size=image_size(config),
        real_share=config.real_share,
        balance=config.recipe.balance,
    )


def note_of_colours(run: Run, pixels: MappedPixels) -> str:
    """Warn where pictures to train on, some of them looked at, are not in viridis."""
    rows = pictures_of(run.dataset, pixels, "train").rows
    looked_at = pixels.rows(rows[:: max(1, len(rows) // LOOKED_AT)])
    foreign = 1 - are_viridis(looked_at).mean()
    if foreign < FOREIGN:
        return ""
    return (
        f"{foreign:.0%} of the pictures to train on are not in viridis, and "
        "augmentation paints all in it: --no-augment leaves them their colours"
    )
