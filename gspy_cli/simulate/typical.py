"""What a picture must show for volunteers to give it its class."""

import numpy as np

from gspy_cli.strain.qtransform import QScan

SHARP, BROAD = (5.7, 11.3), (22.6, 45.3)
TYPICAL_QS = {
    "1080Lines": (45.3,),
    "1400Ripples": BROAD,
    "Air_Compressor": (11.3, 22.6, 45.3),
    "Blip": (5.7,),
    "Blip_Low_Frequency": (5.7,),
    "Chirp": SHARP,
    "Fast_Scattering": SHARP,
    "Helix": SHARP,
    "Koi_Fish": SHARP,
    "Light_Modulation": (5.7, 11.3, 22.6),
    "Low_Frequency_Burst": SHARP,
    "Low_Frequency_Lines": BROAD,
    "Paired_Doves": SHARP,
    "Power_Line": (11.3, 22.6, 45.3),
    "Repeating_Blips": (5.7,),
    "Scattered_Light": BROAD,
    "Scratchy": SHARP,
    "Tomte": (5.7,),
    "Violin_Mode": BROAD,
    "Wandering_Line": BROAD,
}
"""The Qs at which a class has its known shape; draws with another are drawn again."""

# Gravity Spy takes Omicron's triggers of this SNR and more (Zevin et al. 2017). A tile
# of these classes is as loud in the picture; others last or repeat, and raise what
# their own rows are divided by.
LEAST_SNR = 7.5
AS_LOUD_AS_FOUND = ("Blip", "Chirp", "Tomte")
# A glitch of these whose pictures look like nothing would be labelled No_Glitch.
# Whitening and row averages hide what lasts.
NEVER_EMPTY = (
    "1080Lines",
    "Light_Modulation",
    "Low_Frequency_Burst",
    "Low_Frequency_Lines",
    "None_of_the_Above",
    "Paired_Doves",
    "Power_Line",
    "Scattered_Light",
    "Scratchy",
    "Wandering_Line",
)
# Brighter than all but a few pixels of noise in any era, and how much of a plot that
# takes to be noticed: 10 ms over half an octave, in a window of 4 s. A cell's width on
# its own (2 ms) is lost when pictures are made smaller. Short bursts of high frequency
# are seen in the short windows only, in reality too.
BRIGHT, NOTICED_SHARE, NOTICED_WINDOWS = 16.0, 1.5e-4, 2


def is_typical(label: str, scan: QScan) -> bool:
    """Tell whether a picture shows the class as Gravity Spy knows it."""
    if label in TYPICAL_QS and round(scan.q, 1) not in TYPICAL_QS[label]:
        return False
    if label in AS_LOUD_AS_FOUND and scan.snr < LEAST_SNR:
        return False
    return label not in NEVER_EMPTY or shows_something(scan)


def shows_something(scan: QScan) -> bool:
    """Tell whether the pictures of two windows have something brighter than noise."""
    bright = (energies > BRIGHT for energies in scan.energies.values())
    lasting = (cells[:, 1:] & cells[:, :-1] for cells in bright)
    noticed = sum(np.mean(cells) > NOTICED_SHARE for cells in lasting)
    return bool(noticed >= NOTICED_WINDOWS)
