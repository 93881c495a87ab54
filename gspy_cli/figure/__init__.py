"""Read a picture and find the plot in it."""

from gspy_cli.figure.plot import Box, find_plot
from gspy_cli.figure.reading import read_figure

__all__ = ["Box", "find_plot", "read_figure"]
