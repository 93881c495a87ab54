"""Recipes, the order of pictures, the autoencoder's phases and searches."""

import csv
import itertools
import math
import weakref
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from glitch_pictures import (
    CLASSES,
    QUICK,
    SIDE,
    draw_class_folders,
    quick_config,
)
from safetensors.torch import load_file
from torch._inductor.exc import TritonMissing
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gspy_cli import device
from gspy_cli.errors import DivergedError, GspyError
from gspy_cli.evaluation.subjects import subjects_of
from gspy_cli.training import fit, hardware
from gspy_cli.training.architectures import Normalise, build_network
from gspy_cli.training.batches import training_steps
from gspy_cli.training.checkpoint import load_tensors
from gspy_cli.training.config import TrainConfig, config_json, read_config
from gspy_cli.training.curves import draw_latent
from gspy_cli.training.distributed import ALONE, World
from gspy_cli.training.hardware import Machine, autocast_type, fits, out_of_memory
from gspy_cli.training.objective import Objective, plan
from gspy_cli.training.recipes import (
    MODERN,
    MODERN_CAE,
    PAPER,
    PAPER_CAE,
    learning_rate,
    recipe_for,
)
from gspy_cli.training.reports import Reports
from gspy_cli.training.run import STATE
from gspy_cli.training.scoring import load_run
from gspy_cli.training.search import is_search, resume_search, search
from gspy_cli.training.tally import ScoreTally
from gspy_cli.training.train import train

pytestmark = pytest.mark.usefixtures("tiny_network")

TINY_CAE = replace(PAPER_CAE, epochs=1, reconstruct_epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    return draw_class_folders(root, dict.fromkeys(CLASSES, 3))


def test_the_page_on_training_has_each_field_of_each_recipe():
    page = Path(__file__).parents[1] / "docs" / "training.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    told = [line.split(" | ")[:5] for line in lines if line.startswith("| `--")]
    recipes = [asdict(r) for r in (PAPER, MODERN, PAPER_CAE, MODERN_CAE)]
    names = [name for name in recipes[0] if name != "name"]
    options = [f"| `--{name.replace('_', '-')}`" for name in names]
    cells = [[in_words(recipe[name]) for recipe in recipes] for name in names]
    assert sorted(told) == sorted(
        [o, *row] for o, row in zip(options, cells, strict=True)
    )


def in_words(value: float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:g}"


def test_the_papers_recipe():
    assert (PAPER.optimizer, PAPER.lr, PAPER.epochs, PAPER.batch_size) == (
        "adam", 1e-3, 25, 32,
    )  # fmt: skip
    rates = [learning_rate(PAPER, float(epoch), 25) for epoch in range(25)]
    expected = [1e-3] * 7 + [1e-4] * 7 + [1e-5] * 7 + [1e-6] * 4
    np.testing.assert_allclose(rates, expected)


def test_the_papers_autoencoder():
    recipe = recipe_for("cae", "paper")
    assert (recipe.optimizer, recipe.lr, recipe.weight_decay, recipe.batch_size) == (
        "adam", 0.01, 0.01, 16,
    )  # fmt: skip


def test_the_paper_is_the_default_for_its_seven_networks():
    assert recipe_for("vgg16") == PAPER
    assert recipe_for("cae") == MODERN_CAE


def test_a_cosine_warms_up_and_falls_to_nothing():
    rates = [learning_rate(MODERN, e / 10, 25) for e in range(250)]
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(MODERN.lr)
    assert top == 10 * MODERN.warmup_epochs
    assert rates == sorted(rates[:top]) + sorted(rates[top:], reverse=True)
    assert rates[-1] < MODERN.lr / 100
    assert (rates[0], rates[10]) == (MODERN.lr / 100, MODERN.lr / 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "--epochs"),
        ({"lr": 0.0}, "--lr"),
        ({"lr": math.nan}, "--lr nan: give a number above 0"),
        ({"batch_size": 1}, "--batch-size 1: give 2 or more"),
        ({"weight_decay": -1.0}, "--weight-decay -1.0: give 0 or more"),
        ({"warmup_epochs": math.nan}, "--warmup-epochs"),
        ({"label_smoothing": 2.0}, "--label-smoothing"),
        ({"balance": 1.1}, "--balance"),
        ({"ema_decay": 1.0}, "--ema-decay"),
        ({"patience": -1}, "--patience"),
        ({"reconstruct_epochs": -1}, "--reconstruct-epochs"),
        ({"reconstruction_weight": math.inf}, "--reconstruction-weight"),
        ({"scheduler": "x"}, "--scheduler must be one of constant, cosine, step"),
        ({"optimizer": "x"}, "--optimizer must be one of adam, adamw, sgd"),
    ],
)
def test_a_recipe_refuses_what_cannot_be(change, message):
    with pytest.raises(GspyError, match=message):
        replace(PAPER, **change)


def test_a_recipe_takes_the_ends_of_what_it_may_be():
    replace(PAPER, epochs=1, batch_size=2, label_smoothing=1.0, balance=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "--seed -1: give 0 or more"),
        ({"seed": 2**64}, "of 64 bits at most"),
        ({"name": "../evil"}, "--name ../evil: give a name"),
        ({"name": ".."}, "--name"),
        ({"recipe": replace(PAPER, freeze_encoder=True)}, "--freeze-encoder is for"),
        ({"recipe": PAPER_CAE}, "--reconstruct-epochs is for the autoencoder"),
        ({"validation": 0.5, "test": 0.5}, "--test are fractions that leave some"),
        ({"validation": -0.1}, "--test are fractions that leave some"),
        ({"real_share": 1.5}, "--real-share is a part, from 0 to 1"),
        ({"amp": "x"}, "--amp x: use auto, bf16, fp16 or off"),
    ],
)
def test_a_configuration_refuses_what_cannot_be(change, message):
    with pytest.raises(GspyError, match=message):
        TrainConfig(Path("data"), **change)


def test_an_unknown_recipe_is_an_error():
    with pytest.raises(GspyError, match="unknown recipe 'x': use paper or modern"):
        recipe_for("alexnet", "x")


def test_a_configuration_survives_its_file(tmp_path):
    places = {"weights": tmp_path, "output": tmp_path / "runs"}
    config = TrainConfig(tmp_path, "cae", MODERN_CAE, window=2.0, **places)
    file = tmp_path / "config.json"
    file.write_text(config_json(config, CLASSES))
    assert read_config(file) == (config, CLASSES)


def steps(labels, **changes):
    options = {"batch_size": 8, "balance": 0.0, "seed": 0, "epoch": 0, "world": ALONE}
    return training_steps(np.asarray(labels), **(options | changes))


def test_an_epoch_shows_each_picture_once_in_batches_of_even_size():
    found = steps(np.zeros(33, int))
    assert sorted(np.concatenate([s.indices for s in found])) == list(range(33))
    assert [len(s.indices) for s in found] == [7, 7, 7, 6, 6]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9])
def test_no_step_has_a_picture_alone(count):
    found = steps(np.zeros(count, int), batch_size=2)
    assert {len(step.indices) for step in found} <= {2, 3}


def test_every_step_of_every_process_has_its_own_seed():
    worlds = [World(rank, 2) for rank in range(2)]
    found = [
        step.torch_seed()
        for seed, epoch, world in itertools.product((0, 1), (0, 1), worlds)
        for step in steps(np.zeros(33, int), seed=seed, epoch=epoch, world=world)
    ]
    assert len(set(found)) == len(found) == 24


@pytest.mark.parametrize(("balance", "rare"), [(0.0, 10), (0.5, 25), (1.0, 50)])
def test_balance_draws_rare_classes_more_often(balance, rare):
    labels = np.repeat([0, 1], [90, 10])
    drawn = np.concatenate([s.indices for s in steps(labels, balance=balance)])
    assert len(drawn) == 100
    assert (labels[drawn] == 1).sum() == pytest.approx(rare, abs=1)
    assert set(drawn) >= set(range(90, 100))


def test_scores_are_those_of_the_confusion_matrix():
    tally = ScoreTally()
    logits = torch.eye(3)[torch.tensor([0, 0, 1, 1, 1])]
    labels = torch.tensor([0, 0, 0, 1, 1])
    tally.add(torch.tensor(2.0), logits[:4], labels[:4])
    tally.add(torch.tensor(7.0), logits[4:], labels[4:])
    scores = tally.scores("classify", ALONE)
    assert scores.loss == 3.0
    assert scores.accuracy == 0.8
    assert scores.macro_f1 == pytest.approx(0.8)  # of the two classes that occur


def test_phases_follow_each_other():
    phases = [epoch.phase for epoch in plan(replace(PAPER_CAE, epochs=2))]
    assert phases == ["reconstruct"] * 25 + ["classify"] * 2


@pytest.mark.parametrize(
    ("recipe", "phase", "parts"),
    [
        (PAPER_CAE, "reconstruct", {"encoder", "decoder", "picture"}),
        (PAPER_CAE, "classify", {"classifier"}),
        (MODERN_CAE, "classify", {"encoder", "decoder", "picture", "classifier"}),
    ],
)
def test_each_phase_trains_its_own_part(recipe, phase, parts):
    torch.manual_seed(0)
    model = build_network("cae", 3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    objective = Objective(model, Normalise("cae"), recipe, phase)
    objective.choose_weights()
    pixels = torch.randint(0, 256, (2, 256, 256, 3), dtype=torch.uint8)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.1)
    objective.train()(pixels, torch.tensor([0, 1]))[0].backward()
    optimizer.step()
    after = model.state_dict()
    changed = {k.split(".")[0] for k in after if not torch.equal(after[k], before[k])}
    assert changed == parts
    assert model.encoder.training == ("encoder" in parts)
    # processes side by side wait for the gradient of every weight that trains
    for weight in model.parameters():
        assert weight.requires_grad == (weight.grad is not None)


def test_the_autoencoder_draws_its_pictures_and_resumes_its_phases(
    data, tmp_path, monkeypatch
):
    shown = []
    draw = "gspy_cli.training.latent.draw_reconstructions"
    monkeypatch.setattr(draw, lambda inputs, _: shown.append(len(inputs)) or b"drawn")
    config = quick_config(data, tmp_path, TINY_CAE, architecture="cae")
    done = train(config)
    assert [row.phase for row in done.history] == ["reconstruct", "classify"]
    first = done.history[0]
    assert np.isnan([first.validation_accuracy, first.temperature]).all()
    assert done.best.phase == "classify"
    names = {p.name for p in done.path.glob("*.png")}
    assert names == {"curves.png", "latent.png", "reconstructions-002.png"}
    assert shown == [len(done.dataset.part("validation"))]  # each once


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_map_of_the_latent_takes_any_number_of_pictures(number):
    latent = np.random.default_rng(0).normal(size=(number, 4)).astype(np.float32)
    labels = np.arange(number) % 3
    assert len(draw_latent(latent, labels, CLASSES)) > 1000


def test_a_search_trains_each_batch_size_and_compares(data, tmp_path, monkeypatch):
    drawn = []
    draw = "gspy_cli.training.search.draw_comparison"
    monkeypatch.setattr(draw, lambda runs: drawn.append([*runs]) or b"drawn")
    recipe = replace(QUICK, epochs=1)
    found = search(
        quick_config(data, tmp_path, recipe),
        batch_sizes=(4, 8),
        rates=(0.1, 0.01),
    )
    assert found.path.name == "tiny-search-001"
    with (found.path / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], row["batch_size"], row["lr"]) for row in rows] == [
        (f"batch-{size}-lr-{rate}-001", size, rate)
        for size in ("4", "8") for rate in ("0.01", "0.1")
    ]  # fmt: skip
    assert [f"{run}-001" for run in drawn[-1]] == [row["run"] for row in rows]
    assert (found.path / "comparison.png").read_bytes() == b"drawn"
    assert found.runs[0].best.score() == max(run.best.score() for run in found.runs)


def test_a_search_goes_on_after_a_rate_that_diverges(data, tmp_path):
    config = quick_config(data, tmp_path, replace(QUICK, epochs=1))
    found = search(config, rates=(1e30, 0.01))
    assert found.diverged == ("batch-8-lr-1e+30",)
    assert [run.config.recipe.lr for run in found.runs] == [0.01]
    assert [s.name for s in subjects_of(str(found.path), "cpu")] == [
        "batch-8-lr-0.01-001"
    ]
    with pytest.raises(DivergedError, match="try smaller rates"):
        search(config, rates=(1e30, 1e31))


def test_a_search_that_was_stopped_goes_on_to_the_same_weights(data, tmp_path):
    recipe = replace(QUICK, epochs=2)
    config = quick_config(data, tmp_path, recipe)
    whole = search(config, batch_sizes=(4, 8, 16))

    def stop(run):
        if run.config.recipe.batch_size == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(config, batch_sizes=(4, 8, 16), reports=Reports(on_epoch=stop))
    folder = whole.path.with_name("tiny-search-002")
    assert is_search(folder)
    assert not is_search(folder / "batch-8-lr-0.01-001")
    epochs = []
    found = resume_search(folder, reports=Reports(on_epoch=epochs.append))
    trained = [(run.config.recipe.batch_size, len(run.history)) for run in epochs]
    assert trained == [(8, 2), (16, 1), (16, 2)]
    assert [r.path.name for r in found.runs] == [r.path.name for r in whole.runs]
    for one, other in zip(found.runs, whole.runs, strict=True):
        last = (run.path / "last.safetensors" for run in (one, other))
        ours, theirs = map(load_file, last)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


class Hungry(torch.nn.Module):
    """Run out of memory at batches of more than a few pictures."""

    def __init__(self, few=5):
        super().__init__()
        self.few = few

    def forward(self, pixels, labels):
        if len(pixels) > self.few:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.zeros((), requires_grad=True), labels


def test_a_batch_that_fits_is_named_when_memory_runs_out():
    machine = Machine(torch.device("cpu"))
    assert fits(Hungry(), 5, 8, machine)
    assert not fits(Hungry(), 6, 8, machine)
    message = out_of_memory(Hungry(), 32, 8, machine)
    assert message.endswith("does not fit into the memory of cpu: use --batch-size 4")
    message = out_of_memory(Hungry(1), 32, 8, machine)
    assert message == "cpu has too little free memory"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shape mismatch"), False),
    ],
)
def test_lack_of_memory_is_told_from_other_errors(error, told):
    expected = GspyError if told else RuntimeError
    with (
        pytest.raises(expected) as caught,
        hardware.told_of_memory(torch.device("cpu")),
    ):
        raise error
    assert ("use a smaller --batch-size" in str(caught.value)) is told


def test_no_room_for_the_validation_is_one_line(monkeypatch, data, tmp_path):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fit, "evaluate", full)
    with pytest.raises(
        GspyError, match="cpu has too little free memory: use a smaller"
    ):
        train(quick_config(data, tmp_path))


def test_what_torch_lacks_to_compile_is_named():
    with pytest.raises(GspyError, match=r"--compile does not work here \(.*riton"):
        hardware.check_compiled(TritonMissing(None))


def test_a_batch_fits_only_with_what_the_optimiser_keeps(monkeypatch):
    taken = []

    def take(weight):
        taken.append(weight.nbytes)
        if sum(taken) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.empty(weight.shape)

    class Fitting(Hungry):
        def __init__(self, number):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(number))

    monkeypatch.setattr(torch, "zeros_like", take)
    machine = Machine(torch.device("cpu"))
    assert fits(Fitting(1), 2, 8, machine)
    taken.clear()
    assert not fits(Fitting(2), 2, 8, machine)


def test_of_several_processes_none_tries_a_smaller_batch_by_itself():
    machine = Machine(torch.device("cpu"), world=World(1, 2))
    message = out_of_memory(torch.nn.Module(), 32, 8, machine)
    assert message.endswith("the memory of cpu: use --batch-size 16")


NO_MEMORY = [
    torch.OutOfMemoryError("Allocation on device 0 would exceed allowed memory."),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.50 GB, max: 20.40 GB)"),
]


@pytest.mark.parametrize("error", NO_MEMORY)
def test_running_out_of_memory_ends_with_advice(data, tmp_path, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(fit, "train_epoch", refuse)
    with pytest.raises(GspyError, match=r"a batch of 8 .*: use --batch-size 4"):
        train(quick_config(data, tmp_path))


@pytest.mark.parametrize("error", NO_MEMORY)
def test_a_smaller_batch_may_run_out_of_memory_too(error, monkeypatch):
    def refuse(*_):
        raise error

    monkeypatch.setattr(Hungry, "forward", refuse)
    assert not fits(Hungry(), 2, 8, Machine(torch.device("cpu")))


def test_what_does_not_compile_names_the_remedy(data, tmp_path, monkeypatch):
    compiler = torch.compile

    def refuse(*_):
        raise RuntimeError("No working C++ compiler found\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(torch, "compile", lambda m: compiler(m, backend=refuse))
    with pytest.raises(GspyError, match=r"\(No working C\+\+ compiler found\): leave"):
        train(quick_config(data, tmp_path, compile=True))


def test_a_step_that_does_not_fit_is_let_go_before_smaller_ones_are_tried(
    data, tmp_path, monkeypatch
):
    step = []

    def refuse(*_, **__):
        activations = torch.zeros(1)
        step.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fit, "train_epoch", refuse)
    monkeypatch.setattr(fit, "out_of_memory", lambda *_: f"it is {step[0]()}")
    with pytest.raises(GspyError, match="it is None"):
        train(quick_config(data, tmp_path))


class NoDoubles(TorchDispatchMode):
    """Stand for Apple's GPUs, which know no 64-bit floats."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            assert getattr(tensor, "dtype", None) != torch.float64, function
        return found


class AppleGPU(TorchFunctionMode):
    """Let the CPU stand for Apple's GPU: every tensor says that it is there.

    What is copied there has to wait: its memory is not pinned.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function == torch.Tensor.device.__get__:
            return torch.device("mps:0")
        if function is torch.device:
            return function(*args)
        options = {name: self.real(value) for name, value in (kwargs or {}).items()}
        assert not (options.get("non_blocking") and args[0].ndim)
        return function(*map(self.real, args), **options)

    def real(self, value):
        names_a_device = isinstance(value, str | torch.device)
        return "cpu" if names_a_device and str(value).startswith("mps") else value


@pytest.fixture
def apple_gpu(monkeypatch):
    monkeypatch.setattr(device, "available", lambda: {"mps": "Apple GPU", "cpu": ""})
    with AppleGPU():
        yield


@pytest.mark.usefixtures("apple_gpu")
def test_training_and_validation_need_no_64_bit_floats(data, tmp_path):
    with NoDoubles():
        done = train(quick_config(data, tmp_path, device="auto", amp="fp16"))
    assert done.best.temperature > 0
    assert load_tensors(done.path / STATE)[1]["scaler"] != "{}"


@pytest.mark.usefixtures("apple_gpu")
def test_an_apple_gpu_gets_pictures_channel_by_channel(data, tmp_path, monkeypatch):
    found = []

    def normalise(layer, pictures):
        found.append(pictures.is_contiguous())
        return plain(layer, pictures)

    plain = torch.nn.BatchNorm2d.forward
    monkeypatch.setattr(torch.nn.BatchNorm2d, "forward", normalise)
    done = train(quick_config(data, tmp_path, device="mps"))
    load_run(done.path, device="mps").score(np.zeros((2, SIDE, SIDE, 3), np.uint8))
    assert found
    assert all(found)


@pytest.mark.parametrize(
    ("name", "bfloat16", "amp", "expected"),
    [
        ("cpu", True, "auto", torch.bfloat16),
        ("cpu", False, "auto", None),
        ("cpu", True, "off", None),
        ("cpu", False, "bf16", torch.bfloat16),
        ("mps", False, "auto", torch.float16),
        ("cuda:0", False, "auto", torch.bfloat16),
        ("cuda:1", False, "auto", torch.float16),
    ],
)
def test_mixed_precision_is_used_where_the_processor_has_it(
    monkeypatch, name, bfloat16, amp, expected
):
    def capability(gpu):
        return (8, 0) if gpu.index == 0 else (7, 5)

    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", capability)
    assert autocast_type(torch.device(name), amp) == expected


def test_mixed_precision_trains(data, tmp_path):
    done = train(quick_config(data, tmp_path, amp="bf16"))
    assert load_file(done.path / "last.safetensors")["8.weight"].dtype == torch.float32
    assert done.history[-1].train_loss > 0


def test_a_loss_that_explodes_names_the_remedy(data, tmp_path):
    recipe = replace(QUICK, optimizer="sgd", lr=1e30)
    with pytest.raises(GspyError, match="no longer a number: try a smaller --lr"):
        train(quick_config(data, tmp_path, recipe))


def test_reports_come_in_order(data, tmp_path):
    events = []
    reports = Reports(
        on_decode=lambda done, total: events.append("decode"),
        on_start=lambda run, model, machine: events.append("start"),
        on_batch=lambda done, total: events.append(f"{done}/{total}"),
        on_epoch=lambda run: events.append(f"epoch {run.history[-1].epoch}"),
    )
    train(quick_config(data, tmp_path, replace(QUICK, epochs=1)), reports=reports)
    assert events == ["decode", "start", "0/1", "1/1", "epoch 1"]
