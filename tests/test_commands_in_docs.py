"""Every command that the documentation shows does what it is shown for."""

import csv
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from commands import MADE, ROOT, TUTORIAL, all_commands, blocks, commands, not_run
from strain_files import gwosc_file, noise
from typer.testing import CliRunner

from gspy_cli.cli import app

RUN = sorted({*all_commands()} - not_run().keys() - {*commands(MADE)})
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.png"))
TRUTH = dict(
    re.findall(r"`(\S+\.png)` \| (\w+)", (ROOT / "docs/examples/README.md").read_text())
)


def gspy(command: str, *, glitches: int = 1) -> str:
    """Run a command with so many glitches, one epoch, small pictures; give stdout."""
    fewer = re.sub(r" -n (\d+)", lambda n: f" -n {min(int(n[1]), glitches)}", command)
    fewer = re.sub(r"--epochs \d+", "--epochs 1", fewer)
    fewer = re.sub(r"--image-size \d+", "--image-size 32", fewer)
    run = CliRunner().invoke(app, shlex.split(fewer)[1:])
    if run.exception and not isinstance(run.exception, SystemExit):
        raise run.exception
    assert run.exit_code == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Follow the tutorial from top to bottom; give the folder it was done in."""
    folder = tmp_path_factory.mktemp("tutorial")
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in commands(TUTORIAL):
            gspy(command, glitches=6)
    return folder


@pytest.fixture
def reader(
    learner: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Stand where a reader stands who has what the pages name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    lay_out(tmp_path, learner)
    command = request.node.callspec.params["command"]
    if "--data labels.csv" in command:
        write_labels(tmp_path)
    elif command.startswith("gspy evaluate labels.csv"):
        gspy("gspy classify figures/ -r -o labels.csv")
    elif command == "gspy models remove mine":
        gspy("gspy models add model.onnx --name mine")


def lay_out(folder: Path, learner: Path) -> None:
    """Put the files and folders there that the pages speak of."""
    (folder / "mine").symlink_to(learner / "mine")
    shutil.copy(learner / "mine.onnx", folder / "model.onnx")
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    shutil.copy(EXAMPLES[0], folder / "glitch.png")
    for example in EXAMPLES:
        (folder / "figures" / TRUTH[example.name]).mkdir(parents=True)
        shutil.copy(example, folder / "figures" / TRUTH[example.name])
    shutil.copy(EXAMPLES[1], folder / "figures")
    (folder / "list.txt").write_text("glitch.png\n")
    strain = gwosc_file(folder, noise(32, blips_s=(16.4,)), ifo="H1")
    gwosc = "H-H1_GWOSC_4KHZ"
    files = (f"{gwosc}.hdf5", f"{gwosc}_R1-1126259447-32.hdf5", "strain.hdf5")
    for name in (*files, "frames/one.hdf5", "strain/one.hdf5"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).hardlink_to(strain)
    strain.unlink()
    (folder / "triggers.csv").write_text("event_time\n1126259462.4\n")


def write_labels(folder: Path) -> None:
    """Write a table that says what each picture is, and in which split."""
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label", "split"])
        for path in sorted((folder / "mine").glob("*/*.png")):
            table.writerow([path, path.parent.name, "test"])


@pytest.mark.parametrize("command", RUN)
@pytest.mark.usefixtures("reader")
def test_a_command_that_is_shown_works(command: str):
    gspy(command)


@pytest.mark.parametrize("command", all_commands())
def test_a_command_names_options_that_exist(command: str):
    words = shlex.split(command)[1:]
    group = typer.main.get_command(app)
    while hasattr(group, "commands") and words and not words[0].startswith("-"):
        below = group.get_command(None, words[0])
        if below is None:
            break
        group, words = below, words[1:]
    known = {name for parameter in group.params for name in parameter.opts}
    given = {word for word in words if re.match(r"--?[a-z]", word)}
    known |= {name for parameter in group.params for name in parameter.secondary_opts}
    assert given <= known | {"--help", "-h"}


def test_what_no_test_runs_is_shown_somewhere():
    assert set(not_run()) <= set(all_commands())


@pytest.mark.parametrize("page", [ROOT / "README.md", TUTORIAL], ids=lambda p: p.name)
def test_the_labels_shown_for_the_examples_are_those_given(
    page: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    given = dict(
        (row["path"].rpartition("/")[2], row["ml_label"])
        for row in csv.DictReader(
            gspy("gspy classify docs/examples -f csv").splitlines()
        )
    )
    shown = re.findall(
        r"(\S+_spectrogram_\S+\.png) +(\w+) +\d", "\n".join(blocks(page))
    )
    assert dict(shown[: len(given)]) == given  # later tables are another model's
