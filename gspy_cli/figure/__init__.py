"""Read a picture and find the plot in it."""

from gspy_cli.figure.frame import Box
from gspy_cli.figure.plot import find_plot
from gspy_cli.figure.reading import SUFFIXES, read_figure, read_pixels

__all__ = ["SUFFIXES", "Box", "find_plot", "read_figure", "read_pixels"]
