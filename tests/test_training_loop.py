"""What one step and one epoch of training do, and what is noted of them."""

import math
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from glitch_pictures import CLASSES, quick_config
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim import SGD, Adam, AdamW

from gspy_cli.callbacks import ignore
from gspy_cli.training import batches, fit, loop, pictures
from gspy_cli.training.architectures import Normalise, build_network
from gspy_cli.training.batches import Batch, Pictures, Step
from gspy_cli.training.config import TrainConfig
from gspy_cli.training.examples import Dataset, Example
from gspy_cli.training.hardware import Machine
from gspy_cli.training.history import EpochRow
from gspy_cli.training.loop import Trainee, make_optimizer, update_average
from gspy_cli.training.objective import Epoch, Objective
from gspy_cli.training.recipes import MODERN, PAPER, PAPER_CAE, learning_rate
from gspy_cli.training.reports import Reports
from gspy_cli.training.run import Run, describe_data, trained_on
from gspy_cli.training.search import write_comparison
from gspy_cli.training.tally import PassScores

CPU = Machine(torch.device("cpu"))
EPOCH = Epoch("classify", 3, 25)


def row(**known) -> EpochRow:
    values = dict.fromkeys((f.name for f in fields(EpochRow)), math.nan)
    return EpochRow(**(values | {"epoch": 1, "phase": "classify"} | known))


def run_of(config: TrainConfig, *history: EpochRow, pictures: int = 1) -> Run:
    examples = tuple(
        Example(Path(f"H1_{i}.png"), "Blip", f"H1_{i}", None, "train")
        for i in range(pictures)
    )
    return Run(Path("run-001"), config, Dataset(examples, CLASSES), history)


def trainee_of(model: nn.Module, average: nn.Module | None = None) -> Trainee:
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return Trainee(model, average, make_optimizer(model, PAPER), scaler)


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("adam", Adam, {}),
        ("adamw", AdamW, {}),
        ("sgd", SGD, {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_an_optimiser_is_what_the_recipe_asks_for(name, kind, more):
    recipe = replace(PAPER, optimizer=name, lr=0.1, weight_decay=0.2)
    made = make_optimizer(nn.Linear(2, 2), recipe)
    assert type(made) is kind
    asked = {"lr": 0.1, "weight_decay": 0.2, **more}
    assert {key: made.param_groups[0][key] for key in asked} == asked


def test_a_process_weighs_as_its_share_of_the_pictures():
    moved = []
    for share in (1.0, 1.5):
        model = nn.Linear(1, 1)
        nn.init.zeros_(model.weight)
        plain = SGD(model.parameters(), lr=1.0)
        trainee = replace(trainee_of(model), optimizer=plain)
        batch = Batch(torch.ones(2, 1), torch.ones(2), share, 0)
        for _ in range(2):  # the second forgets the first's gradient
            loop.take_step(trainee, lambda x, y, m=model: (m(x).mean(), y), CPU, batch)
        moved.append(model.weight.item())
    assert moved == [-2.0, -3.0]


@pytest.mark.parametrize(("step", "mean"), [(0, 0.9), (10**6, 0.01)])
def test_the_mean_of_the_weights_follows_fast_only_at_first(step, mean):
    model, average = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.ones_(model.weight)
    nn.init.zeros_(average.weight)
    trainee = trainee_of(model, average)
    update_average(trainee, replace(PAPER, ema_decay=0.99), step)
    assert trainee.result is average
    assert average.weight.item() == pytest.approx(mean)


def test_each_step_has_its_own_learning_rate_seed_and_number(monkeypatch):
    rates, seeds, numbers = [], [], []

    def take_step(trainee, *_):
        rates.append(trainee.optimizer.param_groups[0]["lr"])
        seeds.append(torch.initial_seed())
        return torch.tensor(0.0), torch.zeros(1, 2), torch.tensor([0])

    monkeypatch.setattr(loop, "take_step", take_step)
    monkeypatch.setattr(loop, "update_average", lambda *last: numbers.append(last[-1]))
    objective = nn.Identity().eval()  # as validation leaves it
    loop.train_epoch(
        trainee_of(nn.Linear(1, 1)),
        objective,
        CPU,
        recipe=MODERN,
        epoch=EPOCH,
        batches=[Batch(None, None, 1.0, seed) for seed in (5, 6)],
        on_batch=ignore,
    )
    assert rates == [learning_rate(MODERN, progress, 25) for progress in (3, 3.5)]
    assert seeds == [5, 6]
    assert numbers == [6, 7]  # after three epochs of two steps
    assert objective.training


def test_labels_are_smoothed_in_training_only():
    logits, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    recipe = replace(PAPER, label_smoothing=0.1)
    objective = Objective(nn.Identity(), nn.Identity(), recipe, "classify")
    plain = cross_entropy(logits, labels)
    assert objective.eval()(logits, labels)[0] == plain
    # a twentieth of the label is the other class's, whose logit is 2 less
    torch.testing.assert_close(objective.train()(logits, labels)[0], plain + 0.1)


def test_the_auxiliary_head_weighs_four_tenths():
    class Two(nn.Module):
        def forward(self, pictures):
            return pictures, -pictures

    logits, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    loss, answer = Objective(Two(), nn.Identity(), PAPER, "classify")(logits, labels)
    expected = cross_entropy(logits, labels) + 0.4 * cross_entropy(-logits, labels)
    torch.testing.assert_close(loss, expected)
    assert answer is logits


def test_the_reconstruction_is_alone_at_first_and_has_its_weight_in_the_joint_loss():
    torch.manual_seed(0)
    model, normalise = build_network("cae", 3), Normalise("cae")
    pixels = torch.randint(0, 256, (1, 256, 256, 3), dtype=torch.uint8)
    label = torch.tensor([0])
    recipes = (replace(PAPER_CAE, reconstruction_weight=w) for w in (0.0, 1.0, 3.0))
    phases = ("reconstruct", "classify", "classify")
    with torch.no_grad():
        alone, one, three = (
            Objective(model, normalise, recipe, phase).eval()(pixels, label)[0]
            for recipe, phase in zip(recipes, phases, strict=True)
        )
        pictures = normalise(pixels)
        error = mse_loss(model.decode(model.encode(pictures)), pictures)
    torch.testing.assert_close(alone, error)
    torch.testing.assert_close(three - one, 2 * error)


@pytest.mark.parametrize(("foreign", "share"), [(0, ""), (1, ""), (4, "20%")])
def test_one_picture_in_ten_may_have_other_colours(
    tmp_path, monkeypatch, foreign, share
):
    monkeypatch.setattr(pictures, "are_viridis", lambda rows: rows >= foreign)
    run = run_of(TrainConfig(tmp_path), pictures=20)
    note = pictures.note_of_colours(run, SimpleNamespace(rows=np.asarray))
    assert note.startswith(share)
    assert bool(note) == bool(share)


def drawn(
    config: TrainConfig, number: int = 0, weights: np.ndarray | None = None
) -> tuple[list[list[int]], dict]:
    """Give an epoch's steps, of nine pictures, and how these are loaded."""
    pictures = Pictures(None, np.arange(9), np.repeat([0, 1], [8, 1]), weights)
    run = run_of(config, *[row()] * number)
    settings = {"epoch": EPOCH, "machine": CPU, "reports": Reports()}
    with (
        mock.patch.object(fit, "train_epoch"),
        mock.patch.object(fit, "load") as load,
    ):
        fit.one_epoch(run, trainee_of(nn.Linear(1, 1)), pictures, **settings)
    steps = [step.indices.tolist() for step in load.call_args.args[1]]
    return steps, load.call_args.kwargs


def test_each_epoch_and_each_seed_has_its_own_order(tmp_path):
    config = TrainConfig(tmp_path)
    asked = ((config, 0), (config, 1), (replace(config, seed=1), 0))
    orders = [drawn(*each)[0][0] for each in asked]
    assert all(sorted(order) == list(range(9)) for order in orders)
    assert len(set(map(tuple, orders))) == 3


def test_an_epoch_is_drawn_and_loaded_as_asked(tmp_path):
    recipe = replace(PAPER, balance=1.0, batch_size=3, augment=True)
    config = TrainConfig(tmp_path, recipe=recipe, workers=2)
    steps, loaded = drawn(config)
    assert [len(step) for step in steps] == [3, 3, 3]
    assert sum(step.count(8) for step in steps) in (4, 5)  # half: the rarer class
    assert loaded == {"augmented": True, "workers": 2, "pinned": False}
    assert drawn(config, weights=np.eye(9)[5])[0] == [[5, 5, 5]] * 3


@pytest.mark.parametrize("asked", [{}, {"augmented": True}])
def test_a_batch_has_its_steps_share_and_seed_and_varies_if_asked(asked):
    black = SimpleNamespace(rows=lambda rows: np.zeros((len(rows), 8, 8, 3), np.uint8))
    step = Step(np.arange(2), (1, 2), share=0.8)
    pictures = Pictures(black, np.arange(3), np.arange(3))
    (batch,) = batches.load(pictures, [step], **asked)
    assert (batch.share, batch.seed) == (0.8, step.torch_seed())
    assert bool(batch.pixels.any()) == bool(asked)


def test_no_more_processes_load_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(batches, "available_cores", lambda: 1)
    pictures = Pictures(None, np.arange(3), np.zeros(3, int))
    assert batches.load(pictures, [Step(np.arange(3))], workers=99).num_workers == 1


def test_the_mean_of_the_weights_is_what_is_validated(tmp_path, monkeypatch):
    judged = []
    monkeypatch.setattr(fit, "evaluate", lambda objective, *_: judged.append(objective))
    model, average = nn.Linear(1, 1), nn.Linear(1, 1)
    pictures = Pictures(None, np.arange(1), np.zeros(1, int))
    run = run_of(TrainConfig(tmp_path))
    fit.validate(run, trainee_of(model, average), pictures, EPOCH, CPU)
    assert judged[0].model is average


def test_another_seed_begins_with_other_weights(tmp_path, tiny_network):
    configs = [quick_config(tmp_path, tmp_path, seed=seed) for seed in (0, 0, 1)]
    one, again, other = (
        fit.new_trainee(run_of(config), CPU, None).model[-1].weight
        for config in configs
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("number", [16, 32])
def test_half_precision_alone_scales_its_gradients(tmp_path, tiny_network, number):
    types = {16: torch.float16, 32: None}
    machine = Machine(torch.device("cpu"), types[number])
    run = run_of(quick_config(tmp_path, tmp_path))
    assert fit.new_trainee(run, machine, None).scaler.is_enabled() == (number == 16)


def test_the_autoencoder_is_looked_into_every_five_epochs_and_at_the_end(
    tmp_path, monkeypatch
):
    looks = []
    monkeypatch.setattr(
        fit, "look_inside", lambda run, *_: looks.append(len(run.history))
    )
    recipe = replace(PAPER_CAE, reconstruct_epochs=4, epochs=8)
    config = TrainConfig(tmp_path, "cae", recipe)
    trainee = trainee_of(build_network("cae", 3))
    for number in range(1, 13):
        fit.look(run_of(config, *[row()] * number), trainee, None, CPU)
    assert looks == [5, 10, 12]


def test_a_row_has_the_rate_of_its_epoch_and_the_pictures_a_second(tmp_path):
    made = fit.make_row(
        run_of(TrainConfig(tmp_path)),
        replace(EPOCH, number=7),
        trained=PassScores(1.0),
        judged=PassScores(2.0),
        pictures=10,
        seconds=2.0,
    )
    assert made.lr == learning_rate(PAPER, 7.0, 25) < PAPER.lr
    assert (made.pictures_per_second, made.seconds) == (5.0, 2.0)
    assert (made.train_loss, made.validation_loss) == (1.0, 2.0)


def test_of_epochs_as_accurate_the_one_of_lower_loss_is_best():
    low, high = (row(validation_accuracy=0.5, validation_loss=x) for x in (1.0, 2.0))
    better = row(validation_accuracy=0.6, validation_loss=3.0)
    assert max(high, low, key=EpochRow.score) is low
    assert max(row(), low, better, row(), key=EpochRow.score) is better


def test_a_card_tells_the_share_of_simulated_pictures(tmp_path):
    config = TrainConfig(tmp_path, simulated=tmp_path, real_share=0.25)
    told = describe_data(run_of(config).dataset, config)
    assert told.endswith("and simulated inputs, 75% of those drawn")


@pytest.mark.parametrize(("share", "is_known"), [(0.25, True), (0.0, False)])
def test_what_is_never_drawn_was_not_trained_on(tmp_path, share, is_known):
    config = TrainConfig(tmp_path, simulated=tmp_path, real_share=share)
    assert (trained_on(run_of(config)) != "-") == is_known


def test_a_search_tells_the_scores_of_the_best_epoch_and_the_seconds_of_all(tmp_path):
    rows = [
        row(epoch=i, train_loss=i, validation_accuracy=1 / i, seconds=float(i))
        for i in (1, 2)
    ]
    write_comparison(tmp_path, [run_of(TrainConfig(tmp_path), *rows)])
    names, cells = (tmp_path / "comparison.csv").read_text().splitlines()
    told = dict(zip(names.split(","), cells.split(","), strict=True))
    assert (told["best_epoch"], told["train_loss"], told["seconds"]) == ("1", "1", "3")
