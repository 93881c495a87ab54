"""What a training run calls while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from gspy_cli.callbacks import OnNote, Progress, ignore
from gspy_cli.training.hardware import Machine
from gspy_cli.training.run import Run


@dataclass(frozen=True, slots=True)
class Reports:
    """What to call while a run goes on; rank 0 alone reports.

    `on_decode` and `on_batch` get how many of how many are done, `on_start` the run,
    the network and the machine, `on_note` a warning of one line, `on_epoch` the run so
    far: its `history[-1]` is the epoch that just ended.
    """

    on_decode: Progress = ignore
    on_start: Callable[[Run, nn.Module, Machine], None] = ignore
    on_note: OnNote = ignore
    on_batch: Progress = ignore
    on_epoch: Callable[[Run], None] = ignore


SILENT = Reports()
