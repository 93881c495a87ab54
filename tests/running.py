"""gspy as tests run it, and what it prints."""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gspy_cli.cli import app

GSPY = [sys.executable, "-m", "gspy_cli"]
needs_named_pipes = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="this system has no named pipes"
)


def gspy(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
    """Run the command in this process; give exit code, stdout and stderr."""
    run = CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)
    if run.exception and not isinstance(run.exception, SystemExit):
        raise run.exception
    return run.exit_code, run.stdout, run.stderr


def without_a_home(home: Path) -> dict[str, str]:
    """Give an environment with a new home, and without what gspy sets in it."""
    places = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    environment = os.environ | places
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    return environment


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def line_count(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def until(process: subprocess.Popen, condition: Callable[[], object]) -> None:
    """Wait for what a process does; it fails if the process ends without that."""
    while not condition():
        assert process.poll() is None or condition()
        time.sleep(0.001)  # leaves the core to the process


def killing(event: str, end: str) -> str:
    """Give a sitecustomize.py: Python is killed at an event on a path with that end."""
    return f"""
import os, sys

def kill(event, arguments):
    if event == {event!r} and str(arguments[0]).endswith({end!r}):
        os.kill(os.getpid(), 9)

sys.addaudithook(kill)
"""
