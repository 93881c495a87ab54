"""Pictures and models that tests share: all made here, none copied."""

import hashlib
import os
import signal
import struct
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, settings
from onnx import TensorProto, helper
from PIL import Image

from gspy_cli import registry as registry_module
from gspy_cli.card import ModelCard
from gspy_cli.cli.inputs import Given
from gspy_cli.viridis import VIRIDIS

# real figures and strain, beside this repository: without them their tests are skipped
SHARED = Path(__file__).parents[1].parent / "shared" / "data"
TINY_CLASSES = ("Blip", "Koi_Fish", "Whistle")
SIDE = 32
ODD = 40  # rows: more than two gzip members of 16 hold

# what a developer's own shell sets is not the tests'; typer reads some once imported,
# and hundreds of processes that keep no bytecode would each compile gspy anew
for name in (
    "FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "GSPY_MODEL",
    "PYTHONDONTWRITEBYTECODE",
):  # fmt: skip
    os.environ.pop(name, None)
os.environ["no_proxy"] = "127.0.0.1"

# test files run side by side; threads of torch that wait for a core spin meanwhile
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile(
    "gspy",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gspy")

# nohup and & have children ignore Ctrl-C; tests that send it would wait for ever
signal.signal(signal.SIGINT, signal.default_int_handler)


def viridis_like(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise on a dark picture with one bright spot: (H, W, 3) in viridis colours."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    spot = 25 * np.exp(-(x**2 + y**2) / 0.02)
    energy = rng.exponential(1.0, (height // 4 + 1, width // 4 + 1))
    energy = energy.repeat(4, axis=0).repeat(4, axis=1)[:height, :width] + spot
    return VIRIDIS[np.clip(energy * 10, 0, 255).astype(int)]


def draw_figure(height: int = 600, width: int = 800, seed: int = 0) -> np.ndarray:
    """Draw a whole figure with a frame in Gravity Spy's places: (H, W, 3)."""
    figure = np.full((height, width, 3), 255, np.uint8)
    left, right = round(0.125 * width), round(0.8425 * width)
    top, bottom = round(0.1 * height), round(0.9 * height)
    figure[top : bottom + 1, left : right + 1] = 0
    inside = viridis_like(bottom - top - 1, right - left - 1, seed)
    figure[top + 1 : bottom, left + 1 : right] = inside
    return figure


def png(width: int, height: int) -> bytes:
    """Make the start of a PNG that claims any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory):
    """Keep what gspy keeps for a user out of the developer's own folders."""
    home = tmp_path_factory.mktemp("home")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    with pytest.MonkeyPatch.context() as patch:
        if "PIP_CACHE_DIR" not in os.environ:  # what pip has loaded is loaded
            patch.setenv("PIP_CACHE_DIR", str(cache / "pip"))
        for name in ("cache", "data"):
            (home / name).mkdir()  # astropy warns of one that is not there
            patch.setenv(f"XDG_{name.upper()}_HOME", str(home / name))
        yield


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Give a page in a headless browser."""
    from chromium import browser

    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Train the tiny network on bands, each class its own; give its run and data."""
    from glitch_pictures import draw_class_folders, quick_config, tiny_network_known

    from gspy_cli.training.train import train

    root = tmp_path_factory.mktemp("trained")
    data = draw_class_folders(root / "data", dict.fromkeys(TINY_CLASSES, 8))
    with tiny_network_known():
        return train(quick_config(data, root)).path, data


@pytest.fixture(scope="module")
def tiny_network():
    """Let the architectures hold `tiny`, which trains in a second."""
    from glitch_pictures import tiny_network_known

    with tiny_network_known():
        yield


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """Give a folder with three good figures."""
    folder = tmp_path / "figures"
    folder.mkdir()
    for seed, window in enumerate(("0.5", "1.0", "2.0")):
        name = f"H1_abcDEF1234_spectrogram_{window}.png"
        Image.fromarray(draw_figure(seed=seed)).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def odd_folder(tmp_path_factory) -> Path:
    """Give a folder of `ODD` pictures with odd names; one of them is broken."""
    folder = tmp_path_factory.mktemp("odd")
    for number in range(ODD - 1):
        name = f'{number:02} "odd", name.png' if number % 5 else f"{number:02}\n.png"
        Image.fromarray(draw_figure(100, 140, seed=number)).save(folder / name)
    (folder / "13 broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """Write a real ONNX model that answers by mean colour; give its path."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    return write_tiny_model(folder)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty user registry and no shipped models."""
    monkeypatch.setattr(registry_module, "user_models", lambda: tmp_path / "user")
    monkeypatch.setattr(registry_module, "shipped_models", lambda: tmp_path / "shipped")
    monkeypatch.delenv("GSPY_MODEL", raising=False)
    return tmp_path


@pytest.fixture
def use_tiny_model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny model be the default one."""
    monkeypatch.setenv("GSPY_MODEL", str(tiny_model))


@pytest.fixture
def no_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run that goes on read here: a process of its own takes long to start."""
    monkeypatch.setattr(Given, "begin_reading", lambda *_, **__: None)


@pytest.fixture
def tilings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note each time that a scanner cuts strain into tiles."""
    from gspy_cli.strain import events

    made: list[object] = []

    def spy(*args, **how):
        made.append(how)
        return tile(*args, **how)

    tile = events.tile_planes
    monkeypatch.setattr(events, "tile_planes", spy)
    return made


def write_tiny_model(folder: Path, *, scale: float = 0.05) -> Path:
    weights = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32) * scale
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(
                "image", TensorProto.UINT8, ["N", SIDE, SIDE, 3]
            )
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    content = model.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    card = tiny_card(sha256=hashlib.sha256(content).hexdigest())
    (folder / "card.json").write_text(card.to_json())
    return folder / "model.onnx"


def tiny_card(**changes: object) -> ModelCard:
    values = {
        "name": "tiny",
        "architecture": "mean_colour",
        "classes": TINY_CLASSES,
        "input_size": (SIDE, SIDE),
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "parameters": 9,
    }
    return ModelCard(**(values | changes))
