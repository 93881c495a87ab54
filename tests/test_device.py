import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi import onnxruntime_inference_collection as sessions
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail, Fail
from packaging.requirements import Requirement

from gspy_cli import device
from gspy_cli.errors import GspyError
from gspy_cli.model import load_model
from gspy_cli.session import begin

ROOT = Path(__file__).parents[1]


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "nvidia_gpus", lambda: ("A100", "H100"))


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "nvidia_gpus", lambda: ())
    monkeypatch.setattr(device.sys, "platform", "linux")


@pytest.mark.usefixtures("no_gpu")
def test_auto_is_the_cpu_where_there_is_no_gpu():
    assert device.choose("auto") == "cpu"
    assert device.providers("auto") == ["CPUExecutionProvider"]
    assert device.torch_device("auto") == "cpu"


@pytest.mark.usefixtures("two_gpus")
def test_auto_is_the_first_gpu():
    assert device.choose("auto") == "cuda:0"
    assert device.choose("cuda") == "cuda:0"
    assert device.choose("cuda:1") == "cuda:1"


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_is_passed_to_onnx_runtime_by_its_number(monkeypatch):
    monkeypatch.setattr(
        "onnxruntime.get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    assert device.providers("cuda:1") == [
        ("CUDAExecutionProvider", {"device_id": 1}),
        "CPUExecutionProvider",
    ]


@pytest.mark.usefixtures("two_gpus")
def test_cuda_is_loaded_before_a_session_begins_on_a_gpu(monkeypatch):
    def start(*_, providers):
        begun.extend(providers)
        return SimpleNamespace(disable_fallback=lambda: None)

    begun = []
    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: there)
    monkeypatch.setattr("onnxruntime.preload_dlls", lambda: begun.append("CUDA"))
    monkeypatch.setattr("onnxruntime.InferenceSession", start)
    begin(b"", Path("model.onnx"), "cuda:1")
    assert begun == ["CUDA", *device.providers("cuda:1")]


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_without_its_provider_is_an_error_only_when_named(monkeypatch):
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    assert device.providers("auto") == ["CPUExecutionProvider"]
    with pytest.raises(GspyError, match="install onnxruntime-gpu or use --device cpu"):
        device.providers("cuda")


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("error", [RuntimeError, AssertionError])
def test_a_gpu_that_torch_cannot_use_is_an_error_only_when_named(monkeypatch, error):
    monkeypatch.setattr("torch.zeros", failing_with(error))
    assert device.torch_device("auto") == "cpu"
    with pytest.raises(GspyError, match=r"this torch .* cannot use 'cuda:0'; install"):
        device.torch_device("cuda")


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_whose_memory_is_taken_can_be_used_by_torch(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("torch.zeros", failing_with(torch.OutOfMemoryError))
    assert device.torch_device("auto") == "cuda:0"


def failing_with(error: type[Exception]) -> Callable[..., None]:
    def fail(*_, **__) -> None:
        raise error

    return fail


def test_an_apple_gpu_is_not_told_to_install_nvidias_runtime(monkeypatch):
    monkeypatch.setattr(device, "available", lambda: {"mps": "Apple GPU", "cpu": ""})
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    with pytest.raises(GspyError, match=r"\(CoreML.* is missing\); use --device cpu"):
        device.providers("mps")


@pytest.mark.usefixtures("two_gpus")
def test_a_missing_device_is_an_error_that_names_the_others():
    with pytest.raises(GspyError, match="available: cuda:0, cuda:1, cpu"):
        device.choose("cuda:7")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "", "cpu:0"])
def test_a_name_that_is_no_device_is_an_error(name):
    with pytest.raises(GspyError, match="is not a device; use auto, cpu"):
        device.choose(name)


def test_the_cpu_is_used_without_a_look_for_others(monkeypatch):
    def crash():
        raise OSError("the driver is broken")

    monkeypatch.setattr(device, "nvidia_gpus", crash)
    assert device.choose("cpu") == "cpu"


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_that_cannot_be_used_leaves_standard_output_to_the_rows(
    figures, tiny_model, monkeypatch
):
    from running import gspy

    def create_on_cpu(session, providers, *how):
        session._fallback_providers = ["CPUExecutionProvider"]
        if providers != session._fallback_providers:
            raise RuntimeError("no libcudnn.so.9")
        create(session, providers, *how)

    session = sessions.InferenceSession
    create = session._create_inference_session
    monkeypatch.setattr(session, "_create_inference_session", create_on_cpu)
    prints = compile("print('Failed to load libcublasLt.so.13')", "", "eval")
    loads = FunctionType(prints, vars(onnxruntime))
    monkeypatch.setattr(onnxruntime, "preload_dlls", loads)
    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    code, out, _ = gspy("classify", figures, "--model", tiny_model)
    assert (code, out[:5]) == (0, "path,")
    assert "print" not in vars(onnxruntime) | vars(sessions)


@pytest.fixture
def an_apple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "available", lambda: {"mps": "Apple GPU", "cpu": "arm"})


@pytest.mark.parametrize(
    ("machine", "provider", "said"),
    [
        ("two_gpus", "CUDA", "CUDA or cuDNN cannot be used"),
        ("an_apple", "CoreML", "Core ML cannot be used"),
        ("two_gpus", "CPU", "this ONNX Runtime is built without CUDA"),
        ("an_apple", "CPU", "this ONNX Runtime is built without Core ML"),
    ],
)
def test_the_devices_command_says_why_classify_uses_the_cpu(
    request, monkeypatch, machine, provider, said
):
    from running import gspy

    request.getfixturevalue(machine)
    used = load_model(device="cpu")
    monkeypatch.setattr("gspy_cli.model.load_model", lambda: used)
    there = [f"{provider}ExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: there)
    _, out, _ = gspy("devices")
    version = onnxruntime.__version__
    assert f"classify uses cpu (ONNX Runtime {version}): {said}\n" in out


@pytest.mark.parametrize(
    ("machine", "name", "said"),
    [
        ("two_gpus", "cuda", "are CUDA and cuDNN installed?"),
        ("an_apple", "mps", "Core ML cannot be loaded"),
    ],
)
def test_a_named_device_that_does_not_start_is_an_error_with_the_reason(
    request, monkeypatch, tiny_model, machine, name, said
):
    request.getfixturevalue(machine)
    on_cpu = device.providers("cpu")
    monkeypatch.setattr(device, "providers", lambda _device: on_cpu)
    with pytest.raises(GspyError, match=rf"\({re.escape(said)}\); use --device cpu"):
        load_model(str(tiny_model), device=name)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("error", [Fail, EPFail])
def test_a_gpu_that_has_no_kernels_is_an_error_only_when_named(
    tiny_model, monkeypatch, error
):
    class OnGpu:
        """What runs a session, but cannot."""

        def __init__(self, runs):
            self.runs = runs

        def __getattr__(self, name):
            return getattr(self.runs, name)

        def run(self, *_):
            raise error("no kernel image is available for execution on the device")

    def start(graph, path, name):
        session = begin(graph, path, "cpu")
        if name != "cpu":
            session._sess = OnGpu(session._sess)
            gpu = ["CUDAExecutionProvider", "CPUExecutionProvider"]
            session.get_providers = lambda: gpu
        return session

    monkeypatch.setattr("gspy_cli.session.begin", start)
    loaded = load_model(str(tiny_model), device="auto")
    height, width = loaded.card.input_size
    assert loaded.device == "cpu"
    assert len(loaded.score(np.zeros((2, height, width, 3), np.uint8))) == 2
    with pytest.raises(
        GspyError, match=r"on .cuda. \(no kernel .*\); use --device cpu"
    ):
        load_model(str(tiny_model), device="cuda")


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("machine", ["x86_64", "AMD64", "ARM64", "aarch64", "arm64"])
def test_every_machine_gets_one_onnx_runtime(system, machine):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    here = {"sys_platform": system, "platform_machine": machine}
    found = [
        wanted.name
        for wanted in map(Requirement, project["dependencies"])
        if wanted.name.startswith("onnxruntime") and wanted.marker.evaluate(here)
    ]
    with_gpu = (system, machine) in {("linux", "x86_64"), ("win32", "AMD64")}
    assert found == ["onnxruntime-gpu" if with_gpu else "onnxruntime"]


def test_the_devices_command_names_what_is_there_and_what_is_used():
    from running import gspy

    code, out, err = gspy("devices")
    assert (code, err) == (0, "")
    assert "cpu " in out
    assert "classify uses " in out
    assert "train uses " in out


def test_the_devices_command_shows_a_terminal_that_it_is_at_work(monkeypatch):
    from running import gspy

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "starting" in gspy("devices")[2]
