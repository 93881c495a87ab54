"""Run gspy as `python -m gspy_cli`."""

from gspy_cli.cli import main

main()
