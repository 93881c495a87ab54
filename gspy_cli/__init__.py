"""Classify LIGO glitches by the shape they draw in a spectrogram."""

__version__ = "0.1.0"
