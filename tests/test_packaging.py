"""What is built and installed: the right files, and each extra enough for its job.

An environment here is a new one into which only what an install of gspy with one extra
would bring is linked, so nothing is downloaded, but for the one of the lowest versions.
"""

import re
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata, util
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
JUNK = re.compile(r"__pycache__|\.pyc$|_cache/|(^|/)(runs|site|dist|build|shared)/")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(util.find_spec("hatchling") is None, reason="hatchling needed"),
    pytest.mark.skipif(sys.platform == "win32", reason="links need a right there"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Build the sdist and, from that, the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_the_wheel_holds_the_package_and_its_model_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    names = set(ZipFile(wheel).namelist())
    source = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "gspy_cli").rglob("*")
        if path.is_file() and not JUNK.search(path.as_posix())
    }
    models = {
        f"gspy_cli/{path.relative_to(ROOT)}"
        for path in (ROOT / "models").rglob("*")
        if path.is_file()
    }
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == source | models
    assert any(name.endswith("licenses/LICENSE") for name in about)
    assert wheel.stat().st_size < 15_000_000


def test_the_sdist_holds_what_git_tracks_and_no_caches(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split("\n")  # fmt: skip
    if len(tracked) > 1:
        assert names - {"PKG-INFO"} <= set(tracked)
    assert not [name for name in names if JUNK.search(name)]
    for needed in ("LICENSE", "README.md", "CITATION.cff", "SECURITY.md"):
        assert needed in names
    for folder in ("gspy_cli", "models", "tests", "docs", "benchmarks"):
        assert any(name.startswith(f"{folder}/") for name in names), folder


def requirements(wheel: Path) -> list[Requirement]:
    """Read what a wheel requires."""
    with ZipFile(wheel) as files:
        (name,) = (n for n in files.namelist() if n.endswith(".dist-info/METADATA"))
        text = files.read(name).decode()
    lines = re.findall(r"^Requires-Dist: (.+)$", text, re.MULTILINE)
    return [Requirement(line) for line in lines]


def holds(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return not marker or any(marker.evaluate({"extra": e}) for e in extras | {""})


def brought_by(wheel: Path, extra: str) -> set[str]:
    """Name the distributions that an install with an extra brings; gspy's excepted."""
    found: set[str] = set()
    wanted = [(requirement, {extra}) for requirement in requirements(wheel)]
    while wanted:
        requirement, extras = wanted.pop()
        if not holds(requirement, extras):
            continue
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        found.add(name)
        try:
            more = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed here")
        wanted += [(Requirement(line), set(requirement.extras)) for line in more]
    return found


def new_environment(folder: Path) -> Path:
    home = folder / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    return home


@pytest.fixture
def installed(built, tmp_path):
    """Give a function that installs gspy with one extra; it gives the Python."""

    def install(extra: str) -> Path:
        (wheel,) = built.glob("*.whl")
        home = new_environment(tmp_path)
        (packages,) = home.glob("lib/python*/site-packages")
        ZipFile(wheel).extractall(packages)
        for name in brought_by(wheel, extra):
            distribution = metadata.distribution(name)
            for top in {file.parts[0] for file in distribution.files or ()} - {".."}:
                link = packages / top
                if not link.exists():
                    link.symlink_to(Path(str(distribution.locate_file(top))).resolve())
        return home / "bin" / "python"

    return install


def run(python: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    words = [str(argument) for argument in arguments]
    return subprocess.run(
        [python, "-I", "-m", "gspy_cli", *words],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def labelled(folder: Path) -> Path:
    """Lay the examples out as a data set of two classes, six glitches each."""
    examples = sorted(EXAMPLES.glob("*.png"))[:2]
    for example, label in zip(examples, ("Chirp", "Scattered_Light"), strict=True):
        (folder / label).mkdir(parents=True)
        for i in range(6):
            copy = folder / label / f"H1_{label}{i}_spectrogram_1.0.png"
            copy.write_bytes(example.read_bytes())
    return folder


def test_the_base_install_classifies_and_says_what_the_rest_needs(installed, tmp_path):
    python = installed("")
    found = run(python, tmp_path, "classify", EXAMPLES)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count(",ok,") == 6
    assert run(python, tmp_path, "models").returncode == 0
    for command, extra in (
        (["simulate", "-o", "x"], "strain"),
        (["qscan", "x.hdf5", "--gps", "1"], "strain"),
        (["train", "--data", "x"], "train"),
        (["export", "x"], "train"),
        (["evaluate", "efficientnet_lite0", "-o", "x"], "report"),
        (["classify", EXAMPLES, "-o", "x.parquet"], "report"),
        (["classify", EXAMPLES, "--cluster", "tcp://localhost:1"], "cluster"),
    ):
        refused = run(python, tmp_path, *command)
        assert refused.returncode == 2, refused
        assert f"pip install 'gspy-cli[{extra}]'" in refused.stderr, refused.stderr


def test_the_strain_extra_simulates_and_scans(installed, tmp_path):
    python = installed("strain")
    run(
        python,
        tmp_path,
        "simulate",
        "-n",
        1,
        "--classes",
        "Blip",
        "--strain",
        "-o",
        "s",
    )
    (strain,) = tmp_path.glob("s/**/*.h*5")
    (figure,) = tmp_path.glob("s/**/*_1.0.png")
    assert run(python, tmp_path, "classify", figure).returncode == 0
    asked = run(python, tmp_path, "qscan", strain, "--gps", 1)
    assert (asked.returncode, "Traceback" in asked.stderr) == (1, False), asked.stderr


def test_the_report_extra_writes_a_report_and_parquet(installed, tmp_path):
    python = installed("report")
    data = labelled(tmp_path / "data")
    arguments = ("--data", data, "--split", "all", "-o", "report")
    scored = run(python, tmp_path, "evaluate", "efficientnet_lite0", *arguments)
    assert scored.returncode == 0, scored.stderr
    assert (tmp_path / "report" / "index.html").is_file()
    assert run(python, tmp_path, "classify", EXAMPLES, "-o", "x.parquet").stdout == ""
    assert (tmp_path / "x.parquet").stat().st_size


def test_the_train_extra_trains_and_exports(installed, tmp_path):
    python = installed("train")
    trained = run(
        python, tmp_path, "train", "--data", labelled(tmp_path / "data"), "--epochs", 1,
        "--image-size", 32, "--no-pretrained", "--device", "cpu", "-q", "--name", "one",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    exported = run(python, tmp_path, "export", "runs/train/one-001", "-o", "m.onnx")
    assert exported.returncode == 0, exported.stderr
    named = run(python, tmp_path, "classify", EXAMPLES, "--model", "m.onnx")
    assert named.returncode == 0, named.stderr


def test_the_cluster_extra_classifies_on_a_cluster(installed, tmp_path):
    script = f"""
from distributed import LocalCluster
from gspy_cli.cli import app
with LocalCluster(1, processes=False, protocol="tcp", dashboard_address=None) as there:
    app(["classify", "-q", {str(EXAMPLES)!r}, "--cluster", there.scheduler_address])
"""
    found = subprocess.run(
        [installed("cluster"), "-I", "-c", script],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.stdout.count(",ok,") == 6, found.stderr


def install_lowest(wheel: Path, folder: Path) -> Path:
    """Install a wheel and the lowest versions that it allows; give the Python."""
    python = new_environment(folder) / "bin" / "python"
    lowest = [
        f"{requirement.name}=={bound.version}"
        for requirement in requirements(wheel)
        if holds(requirement, set())
        for bound in requirement.specifier
        if bound.operator == ">="
    ]
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-compile")
    done = subprocess.run(
        [*pip, "--only-binary", ":all:", wheel, *lowest],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and "connection broken by" in done.stderr:
        pytest.skip(f"no network: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="numpy 2.0 has no wheel for it")
def test_the_lowest_versions_answer_as_those_here(built, tmp_path):
    pictures = shutil.copytree(EXAMPLES, tmp_path / "pictures")
    name = min(pictures.glob("*.png"))
    loud = np.asarray(Image.open(name).convert("RGB")).copy()
    loud[61:540, 400:674] = 253, 231, 37  # viridis's yellow, as loud glitches have it
    Image.fromarray(loud).save(pictures / "loud.png")
    script = f"""
from pathlib import Path
from gspy_cli import load_model
from gspy_cli.figure import find_plot, read_figure
for path in sorted(Path({str(pictures)!r}).glob("*.png")):
    (answer,) = load_model(device="cpu").classify(path)
    print(path.name, answer.label, find_plot(read_figure(path)))
"""
    (wheel,) = built.glob("*.whl")
    here, lowest = (
        subprocess.run(
            [python, "-I", "-c", script], capture_output=True, text=True, check=False
        )
        for python in (sys.executable, install_lowest(wheel, tmp_path))
    )
    assert lowest.stdout == here.stdout, lowest.stderr
    assert lowest.stdout.count("Box(") == 7
