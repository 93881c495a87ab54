"""Several processes train as one."""

import csv
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from glitch_pictures import (
    CLASSES,
    QUICK,
    draw_class_folders,
    quick_config,
    tiny_network_known,
)
from safetensors.torch import load_file
from torch import nn

from gspy_cli import device
from gspy_cli.errors import GspyError
from gspy_cli.training import batchnorm, fit, hardware
from gspy_cli.training.batches import Batch, evaluation_steps, training_steps
from gspy_cli.training.distributed import World, process_group, watching_ranks
from gspy_cli.training.reports import Reports
from gspy_cli.training.train import resume, train

pytestmark = pytest.mark.usefixtures("tiny_network")

PLAIN = replace(QUICK, optimizer="sgd", lr=0.05, scheduler="constant")
"""Steps in proportion to the gradient: Adam would blow rounding up to whole steps."""


def train_as_rank(rank: int, port: int, config, queue, dies: bool) -> None:
    """Train as one of two processes; rank 1 may kill itself in the second epoch."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # `run_two` holds it
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    if dies and rank == 1:
        die_in_second_epoch()
    epochs = []
    with tiny_network_known():
        try:
            done = train(config, reports=Reports(on_epoch=epochs.append))
            queue.put((rank, str(done.path), len(epochs)))
        except GspyError as error:
            queue.put((rank, str(error), len(epochs)))


def die_in_second_epoch() -> None:
    def validate(run, *rest, original=fit.validate):
        if len(run.history) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(run, *rest)

    fit.validate = validate


def run_two(config, *, dies: bool = False) -> dict[int, tuple[str, int]]:
    """Run two processes to their end; give what each one put."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("forkserver")  # imports torch but once
    context.set_forkserver_preload(["gspy_cli.training.train"])
    queue = context.Queue()
    ranks = [
        context.Process(
            target=train_as_rank, args=(rank, store.port, config, queue, dies)
        )
        for rank in range(2)
    ]
    for process in ranks:
        process.start()
    answers = [queue.get(timeout=120) for _ in range(1 if dies else 2)]
    for process in ranks:
        process.join(timeout=120)
    return {rank: (text, epochs) for rank, text, epochs in answers}


@pytest.fixture
def data(tmp_path):
    return draw_class_folders(tmp_path / "data", dict.fromkeys(CLASSES, 5))


def test_two_processes_train_as_one_with_the_doubled_batch(data, tmp_path):
    alone = train(quick_config(data, tmp_path, replace(PLAIN, batch_size=8)))
    config = quick_config(data, tmp_path, replace(PLAIN, batch_size=4), name="two")
    answers = run_two(config)
    path = tmp_path / "runs" / "two-001"
    assert answers == {0: (str(path), 2), 1: (str(path), 0)}  # rank 0 alone reports
    ours = load_file(path / "last.safetensors")
    theirs = load_file(alone.path / "last.safetensors")
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-5)
    for mine, other in zip(rows(path), rows(alone.path), strict=True):
        for score in ("train_loss", "validation_loss", "validation_accuracy"):
            assert float(mine[score]) == pytest.approx(float(other[score]), rel=1e-3)


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "results.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_lost_process_ends_the_run_with_advice_and_a_checkpoint(data, tmp_path):
    config = quick_config(data, tmp_path, replace(PLAIN, epochs=3))
    message, epochs = run_two(config, dies=True)[0]
    path = tmp_path / "runs" / "tiny-001"
    assert "another process of this training is gone: start all" in message
    assert f"--resume {path}" in message
    assert epochs == 1
    assert [row.epoch for row in resume(path).history] == [1, 2, 3]


def test_torchruns_sigterm_is_advice_for_as_long_as_a_training_runs():
    before = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises(GspyError, match="again with --resume runs/a-001"),
        watching_ranks(World(1, 2), Path("runs/a-001")),
    ):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_process_lost_before_there_is_a_run_is_advice(monkeypatch):
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    with (
        pytest.raises(GspyError, match=r"is gone: start all of them again$"),
        process_group(World(0, 2), torch.device("cpu")),
    ):
        raise RuntimeError("[gloo/pair.cc:561] Connection closed by peer")


def test_an_error_of_one_process_is_not_the_loss_of_another():
    with (
        pytest.raises(RuntimeError, match="shapes"),
        watching_ranks(World(0, 2), Path()),
    ):
        raise RuntimeError("shapes do not match")


def test_each_process_talks_through_its_own_gpu(monkeypatch):
    told = []
    monkeypatch.setattr(torch.cuda, "set_device", told.append)
    monkeypatch.setattr(
        dist, "init_process_group", lambda *how, timeout, **more: told.append(more)
    )
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    mine = torch.device("cuda:1")
    with process_group(World(rank=3, size=4, local_rank=1), mine):
        assert told == [mine, {"device_id": mine}]


def test_a_process_without_a_gpu_is_told_so(monkeypatch):
    monkeypatch.setattr(device, "available", lambda: {"cuda:0": "one", "cpu": "x"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device, "torch_computes_on", lambda _: True)
    monkeypatch.setattr(hardware, "autocast_type", lambda *_: None)
    machine = hardware.find_machine("auto", "auto", World(0, 2, local_rank=0))
    assert machine.device == torch.device("cuda:0")
    with pytest.raises(GspyError, match="'cuda:1' is not on this machine; available"):
        hardware.find_machine("auto", "auto", World(1, 2, local_rank=1))


@pytest.mark.parametrize(
    ("asked", "gpus", "computes", "own"),
    [
        ("auto", 2, True, "cuda:1"),
        ("cuda", 2, True, "cuda:1"),
        ("cuda:0", 2, True, "cuda:0"),
        ("auto", 2, False, "cpu"),
        ("auto", 1, False, "cuda:1"),
        ("auto", 0, False, "auto"),
    ],
)
def test_a_process_takes_its_own_gpu_where_that_computes(
    monkeypatch, asked, gpus, computes, own
):
    monkeypatch.setattr(device, "available", lambda: {"cuda:0": "one", "cpu": "x"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(device, "torch_computes_on", lambda _: computes)
    assert hardware.own_device(asked, World(1, 2, local_rank=1)) == own


def test_several_processes_leave_an_apple_gpu_alone(monkeypatch):
    monkeypatch.setattr(device, "available", lambda: {"mps": "Apple GPU", "cpu": ""})
    monkeypatch.setattr(device, "torch_computes_on", lambda _: True)
    two = World(0, 2)
    assert hardware.find_machine("auto", "off", World()).device.type == "mps"
    assert hardware.find_machine("auto", "off", two).device.type == "cpu"
    with pytest.raises(GspyError, match="several processes cannot train on 'mps'"):
        hardware.find_machine("mps", "off", two)


def test_a_batch_that_a_gpu_copies_keeps_its_share_and_seed(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    pinned = Batch(torch.ones(2), torch.ones(2), share=0.8, seed=7).pin_memory()
    assert (pinned.share, pinned.seed) == (0.8, 7)


def test_statistics_of_one_process_are_those_of_torch(monkeypatch):
    monkeypatch.setattr(batchnorm, "sum_of", lambda values: values)
    torch.manual_seed(0)
    theirs = nn.BatchNorm2d(3, eps=0.01, momentum=0.3)
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    ours = batchnorm.shared(theirs)
    x = 7 + 2 * torch.randn(4, 3, 5, 6)
    for training in (True, False):
        torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_the_processes_share_each_step_without_overlap():
    labels = np.arange(23) % 3
    options = {"balance": 0.0, "seed": 1, "epoch": 2}
    one = training_steps(labels, batch_size=8, world=World(), **options)
    two = [
        training_steps(labels, batch_size=4, world=World(rank, 2), **options)
        for rank in range(2)
    ]
    for whole, *parts in zip(one, *two, strict=True):
        together = [i for part in parts for i in part.indices]
        assert sorted(together) == sorted(whole.indices)
        assert sum(part.share for part in parts) == pytest.approx(2)


def test_the_processes_share_the_evaluation_without_overlap():
    parts = [evaluation_steps(11, batch_size=2, world=World(r, 3)) for r in range(3)]
    together = [i for steps in parts for step in steps for i in step.indices]
    assert together == list(range(11))
