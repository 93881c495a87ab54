"""Draw waveforms from elsewhere in the simulator's noise, and count their names.

Not run by itself: `fitted_spectra.py`, `gan_blips.py` and `gan_tomtes.py` import it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample

from gspy_cli.glitches import fuse
from gspy_cli.model import Model
from gspy_cli.simulate import scene
from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.dataset import scene_views
from gspy_cli.simulate.origins import Origin, draw_origin
from gspy_cli.simulate.quiet import Quiet
from gspy_cli.simulate.waveform import Waveform

SIDE = 160

Draw = Callable[[np.random.Generator, Clock], Waveform]


def in_the_middle(
    clock: Clock, shape: NDArray[np.float64], rate_hz: float
) -> NDArray[np.float64]:
    """Put a shape (n,) in the middle of a clock's times, at the clock's rate."""
    length = round(shape.size * clock.sample_rate_hz / rate_hz)
    whitened = np.zeros(clock.times_s.size)
    first = (whitened.size - length) // 2
    whitened[first : first + length] = resample(shape, length)
    return whitened


def views(
    label: str,
    waveforms: Iterable[Draw],
    *,
    seed: int,
    quiet: Quiet | None = None,
    run: str | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Draw the four windows of each waveform as a glitch of a class, (4, S, S, 3)."""

    def origin(rng: np.random.Generator, label: str) -> Origin:
        while True:
            drawn = draw_origin(rng, label)
            if run in (None, drawn.run):
                return drawn

    for index, waveform in enumerate(waveforms):
        with (
            patch.dict(scene.WAVEFORMS, {label: waveform}),
            patch.object(scene, "draw_origin", origin),
        ):
            found = scene.draw_scene(label, seed=seed, index=index, quiet=quiet)
        yield scene_views(found, height=SIDE, width=SIDE, early=False)


def count(
    title: str, label: str, glitches: Iterable[NDArray[np.uint8]], model: Model
) -> list[NDArray[np.uint8]]:
    """Print how many are named as their class, and give the others, a row each."""
    classes = model.card.classes
    pictures, fused, others = Counter[str](), Counter[str](), []
    for four in glitches:
        scores = model.score(four)
        name = classes[int(fuse(scores).argmax())]
        pictures.update(classes[best] for best in scores.argmax(axis=1))
        fused[name] += 1
        if name != label:
            others.append(np.hstack(list(four)))
    right = pictures[label] / pictures.total(), fused[label] / fused.total()
    print(
        f"{title}: {label} {right[0]:.3f} of pictures, "
        f"{right[1]:.3f} of {fused.total()} glitches"
    )
    print("   ", dict(fused.most_common()))
    return others
