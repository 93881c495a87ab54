"""Ctrl-C is never lost, wherever in the process it strikes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import gspy, until

from gspy_cli import predict
from gspy_cli.model import load_model
from gspy_cli.samples import Sample, sample_of

PRELUDE = """
import os, signal, sys
from gspy_cli.cli import app
from gspy_cli.cli.app import main

def press():
    os.kill(os.getpid(), signal.SIGINT)

def command():
    {body}

import typer
from gspy_cli.cli import devices
devices.devices = command
sys.argv = ["gspy", "devices"]
main()
"""


def end_of(body: str) -> tuple[int, str]:
    """Run a command with some body as a process; give exit code and stderr."""
    body = "\n    ".join(body.strip().splitlines())
    run = subprocess.run(
        [sys.executable, "-c", PRELUDE.format(body=body)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return run.returncode, run.stderr


def test_it_ends_a_command_with_one_line():
    code, err = end_of("press()\nsys.exit(7)")
    assert (code, err) == (130, "gspy: interrupted\n")


def test_before_the_command_is_there_it_ends_the_process_silently(tmp_path: Path):
    press = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "typer.py").write_text(press)
    where = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    run = subprocess.run(
        [sys.executable, "-m", "gspy_cli", "devices"],
        env=os.environ | {"PYTHONPATH": where},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (-signal.SIGINT, "")


def test_in_a_destructor_it_is_not_lost():
    body = """
class Passing:
    def __del__(self):
        press()
Passing()
while True:  # a signal just before signal.pause() would leave it waiting
    pass"""
    code, err = end_of(body)
    assert (code, err) == (130, "gspy: interrupted\n")


def test_what_swallows_it_does_not_make_the_run_a_success():
    body = """
try:
    press()
except BaseException:
    pass"""
    assert end_of(body) == (130, "")


def test_the_second_ends_a_command_that_does_not_stop():
    body = """
try:
    press()
finally:
    press()
    sys.exit(7)"""
    assert end_of(body) == (130, "")


def test_a_process_that_was_started_to_ignore_it_goes_on():
    body = "press()\nsys.exit(7)"
    script = PRELUDE.format(body="\n    ".join(body.splitlines()))
    run = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, script],
        check=False, timeout=60,
    )  # fmt: skip
    assert run.returncode == 7


def test_among_pending_batches_it_stops_the_run(tiny_model: Path, figures: Path):
    def samples() -> Iterator[Sample]:
        for path in figures.iterdir():
            yield sample_of(str(path))
        raise KeyboardInterrupt

    model = load_model(str(tiny_model), device="cpu")
    results = predict.classify(samples(), model, batch_size=1, workers=2)
    with pytest.raises(KeyboardInterrupt):
        list(results)


def press(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("step", "ask"),
    [
        ("gspy_cli.model.begin_loading", "classify figures -o labels.csv"),
        ("gspy_cli.cli.inputs.Given.groups", "classify figures --sort-into sorted"),
        ("gspy_cli.cli.export._loaded", "export tiny -o x.onnx"),
        ("gspy_cli.model.add_to_registry", "models add tiny/model.onnx"),
    ],
)
@pytest.mark.usefixtures("figures", "use_tiny_model")
def test_where_nothing_is_finished_nothing_is_said_to_be_kept(
    step, ask, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(step, press)
    assert gspy(*ask.split()) == (130, "", "gspy: interrupted\n")
    assert not Path("labels.csv").exists()


def test_what_was_simulated_is_said_to_be_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("gspy_cli.simulate.figures.write_figures", press)
    said = "gspy: interrupted; what was finished is kept\n"
    assert gspy("simulate", "-n", 1, "-o", tmp_path / "x") == (130, "", said)


@pytest.mark.slow
def test_it_ends_simulating_processes_without_a_word(tmp_path: Path):
    arguments = ["-n", "960", "-o", tmp_path / "x", "--inputs", "32", "-j", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "gspy_cli", "simulate", *arguments],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as run:  # fmt: skip
        until(run, lambda: list(tmp_path.glob("x/parts/*.csv")))
        os.killpg(run.pid, signal.SIGINT)
        _, err = run.communicate()
    assert (run.returncode, err) == (
        130,
        "gspy: interrupted; what was finished is kept\n",
    )
