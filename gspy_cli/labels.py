"""The glitch classes, as Gravity Spy names and orders them."""

import re
from collections.abc import Collection

DESCRIPTIONS = {
    "1080Lines": "a dotted line near 1080 Hz (Hanford, late 2016)",
    "1400Ripples": "a short bright dash near 1500 Hz (Livingston, O1)",
    "Air_Compressor": "a flat fat bar near 50 Hz: air compressors switching (Hanford)",
    "Blip": "a millisecond pulse that draws a teardrop, 30 to 500 Hz",
    "Blip_Low_Frequency": "a squat blip below about 100 Hz (O3)",
    "Chirp": "an upward sweep: a compact binary merger or an injected one",
    "Extremely_Loud": "a transient that saturates much of the picture",
    "Fast_Scattering": "a row of small arches, 20 to 50 Hz: scattered light, fast (O3)",
    "Helix": "a chain of rings, 60 to 400 Hz (Livingston, O1)",
    "Koi_Fish": "a loud blip with fins at 30 to 60 Hz",
    "Light_Modulation": "bright spikes on a low-frequency mass (Hanford, O1)",
    "Low_Frequency_Burst": "a hump on the bottom edge, 10 to 30 Hz",
    "Low_Frequency_Lines": "a thin horizontal line at 10 to 20 Hz",
    "No_Glitch": "detector noise, no transient seen",
    "None_of_the_Above": "a transient that fits no other class",
    "Paired_Doves": "short S-shaped streaks, 20 to 95 Hz, about 1.2 s apart (Hanford)",
    "Power_Line": "a thin stripe at 60 Hz, the US mains frequency",
    "Repeating_Blips": "blips that repeat, often every 0.25 or 0.5 s",
    "Scattered_Light": "stacked shallow arches below 100 Hz: light scattered back",
    "Scratchy": "a row of many small peaks, 70 to 300 Hz",
    "Tomte": "a triangle like a gnome's hat, 15 to 200 Hz",
    "Violin_Mode": "short dashes near 500, 1000, 1500 Hz: suspension fibres ringing",
    "Wandering_Line": "a line whose frequency wanders for seconds",
    "Whistle": "a U, V or W above 150 Hz: a radio-frequency beat note",
}

CLASSES = tuple(DESCRIPTIONS)
"""The 24 classes in index order: the 22 of O1 and O2, and two that O3 added."""

NONE = "None_of_the_Above"
"""The class of what is a glitch, but of no kind that has a name."""

ALIASES = {
    "70HzLine": NONE,
    "High_Freq_Burst": NONE,
    "High_Frequency_Burst": NONE,
    "Pizzicato": NONE,
    "Crown": "Fast_Scattering",
}
"""Names that volunteers use, and the class that each counts as."""


def class_of(label: str, classes: Collection[str]) -> str:
    """Give the class that a label names, however it is spelled, or by an alias.

    Capitals, spaces, hyphens and underscores do not matter, but between classes that
    differ in nothing else. A label that names no class stays as it is.
    """
    if label in classes:
        return label
    meant = {_letters(name): one for name, one in ALIASES.items()}
    meant |= {_letters(one): one for one in classes}
    return meant.get(_letters(label), label)


def _letters(label: str) -> str:
    return re.sub(r"[\s_-]", "", label).casefold()
