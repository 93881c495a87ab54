import pytest

from gspy_cli import device
from gspy_cli.errors import GspyError


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
def test_a_gpu_without_its_provider_is_an_error_only_when_named(monkeypatch):
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    assert device.providers("auto") == ["CPUExecutionProvider"]
    with pytest.raises(GspyError, match="install onnxruntime-gpu or use --device cpu"):
        device.providers("cuda")


@pytest.mark.usefixtures("two_gpus")
def test_a_missing_device_is_an_error_that_names_the_others():
    with pytest.raises(GspyError, match="available: cuda:0, cuda:1, cpu"):
        device.choose("cuda:7")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "", "cpu:0"])
def test_a_name_that_is_no_device_is_an_error(name):
    with pytest.raises(GspyError, match="is not a device; use auto, cpu"):
        device.choose(name)


def test_the_devices_command_names_what_is_there_and_what_is_used():
    from test_classify import gspy

    code, out, err = gspy("devices")
    assert (code, err) == (0, "")
    assert "cpu " in out
    assert "classify uses " in out
    assert "train uses " in out
