"""One waveform function per glitch class, all with the same signature."""

from collections.abc import Callable

import numpy as np

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.waveform import Waveform
from gspy_cli.simulate.waveforms import (
    blips,
    fish,
    lines,
    loud,
    low_blips,
    others,
    scatter,
    sweeps,
    wandering,
)

WAVEFORMS: dict[str, Callable[[np.random.Generator, Clock], Waveform]] = {
    "1080Lines": lines.line_1080,
    "1400Ripples": lines.ripples_1400,
    "Air_Compressor": lines.air_compressor,
    "Blip": blips.blip,
    "Blip_Low_Frequency": low_blips.blip_low_frequency,
    "Chirp": sweeps.chirp,
    "Extremely_Loud": loud.extremely_loud,
    "Fast_Scattering": scatter.fast_scattering,
    "Helix": blips.helix,
    "Koi_Fish": fish.koi_fish,
    "Light_Modulation": loud.light_modulation,
    "Low_Frequency_Burst": scatter.low_frequency_burst,
    "Low_Frequency_Lines": lines.low_frequency_lines,
    "No_Glitch": others.no_glitch,
    "None_of_the_Above": others.none_of_the_above,
    "Paired_Doves": sweeps.paired_doves,
    "Power_Line": lines.power_line,
    "Repeating_Blips": blips.repeating_blips,
    "Scattered_Light": scatter.scattered_light,
    "Scratchy": scatter.scratchy,
    "Tomte": low_blips.tomte,
    "Violin_Mode": lines.violin_mode,
    "Wandering_Line": wandering.wandering_line,
    "Whistle": sweeps.whistle,
}
