"""The training loop: parts of a batch, precision, compilation, states, schedules."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from wirework.data.datasets import load
from wirework.errors import DataError, SemanticError
from wirework.training.options import Options
from wirework.training.tasks import ImageTask, TextTask
from wirework.training.trainer import Trainer, parameter_groups

CPU = torch.device("cpu")
DIGITS = load("digits")


def make(model=None, **options):
    chosen = Options(**{"epochs": 2, "batch_size": 32, "train_limit": 128, "threads": 1, "seed": 1} | options)
    torch.manual_seed(chosen.seed)
    task = ImageTask(DIGITS, chosen.distortion, chosen.train_limit, CPU)
    model = model or nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return Trainer(model, task, chosen, CPU)


def trained(rounds=1, **options):
    trainer = make(**options)
    for _ in range(rounds):
        trainer.run_epoch(lambda step: None)
    return trainer


def weights(trainer):
    return torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])


def test_parts_of_a_batch_add_up_to_it():
    torch.testing.assert_close(weights(trained(accumulate=4)), weights(trained()), rtol=1e-4, atol=1e-6)


def test_a_batch_that_cannot_be_cut():
    with pytest.raises(SemanticError, match="a batch of 32 cannot be shared equally among 3 parts"):
        make(accumulate=3)


def test_bfloat16_is_near():
    exact, rough = trained(), trained(precision="bfloat16")
    assert not torch.equal(weights(exact), weights(rough))
    torch.testing.assert_close(weights(rough), weights(exact), rtol=0, atol=0.02)


def test_compiled_is_the_same(monkeypatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    torch.testing.assert_close(weights(trained(compile=True)), weights(trained()), rtol=1e-4, atol=1e-5)


def test_going_on_from_a_state_is_going_on(tmp_path):
    whole, half = trained(2, distortion="bend"), trained(1, distortion="bend")
    torch.save(half.state(), tmp_path / "state")
    again = make(distortion="bend")
    again.restore(torch.load(tmp_path / "state", weights_only=True))
    again.run_epoch(lambda step: None)
    assert torch.equal(weights(again), weights(whole))
    assert [record.test_loss for record in again.history] == [record.test_loss for record in whole.history]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_it_learns(optimizer):
    rate = 0.1 if optimizer == "sgd" else 3e-3
    trainer = trained(4, epochs=4, optimizer=optimizer, learning_rate=rate, train_limit=0)
    assert trainer.history[-1].test_accuracy > 0.85
    assert trainer.history[-1].test_loss < trainer.history[0].test_loss


def test_the_learning_rate_rises_then_falls_to_nothing():
    trainer, seen = make(warmup=0.25, learning_rate=1.0), []
    for step in range(1, 9):
        trainer.set_learning_rate(step)
        seen.append(trainer.optimizer.param_groups[0]["lr"])
    assert seen[0] == 0.5 and seen == [seen[0], *sorted(seen[1:], reverse=True)] and seen[-1] == 0
    assert math.isclose(seen[3], 0.5)
    make(warmup=0.0).set_learning_rate(1)


def test_a_number_of_steps():
    trainer = make(steps=7)
    seen = []
    trainer.run_epoch(seen.append)
    assert [step.step for step in seen] == list(range(1, 8))
    assert {step.steps for step in seen} == {7}


def test_every_held_out_image_counts_once():
    trainer = make()
    right = 0
    with torch.no_grad():
        inputs, labels = trainer.task.test_batch(torch.arange(trainer.task.held_out))
        right = (trainer.model.eval()(inputs).argmax(1) == labels).float().mean().item()
    assert trainer.test()[1] == pytest.approx(right)


def test_a_loss_that_explodes():
    with pytest.raises(DataError, match="try a smaller --learning-rate"):
        trained(optimizer="sgd", learning_rate=1e12, clip=0.0, warmup=0.0)


def test_vectors_and_positions_do_not_decay():
    model = nn.Module()
    model.pos_embed, model.weight, model.bias = (nn.Parameter(torch.ones(shape)) for shape in ((2, 2), (2, 2), (2,)))
    decaying, others = parameter_groups(model, 0.1)
    assert [decaying["weight_decay"], others["weight_decay"]] == [0.1, 0.0]
    assert len(decaying["params"]) == 1 and decaying["params"][0] is model.weight


class TestImages:
    task = ImageTask(DIGITS, "none", 0, CPU)

    def test_split_alike_in_every_class(self):
        assert self.task.examples + self.task.held_out == 1797
        test, train = (torch.from_numpy(labels).bincount() for labels in (DIGITS.test_labels, DIGITS.train_labels))
        assert ((test / (test + train) - 0.2).abs() < 0.01).all()

    def test_standardised(self):
        inputs, labels = self.task.batch(torch.arange(self.task.examples))
        assert abs(inputs.mean()) < 1e-2 and abs(inputs.std() - 1) < 1e-2
        assert inputs.shape == (1437, 1, 8, 8) and labels.dtype == torch.int64

    def test_more_than_one_round(self):
        order = self.task.order(2000, torch.Generator().manual_seed(0))
        assert sorted(order[:1437].tolist()) == list(range(1437)) and len(order) == 2000

    @pytest.mark.parametrize("how", ["bend", "shift"])
    def test_distortion(self, how):
        task = ImageTask(DIGITS, how, 0, CPU)
        plain, _ = self.task.batch(torch.arange(8))
        changed, _ = task.batch(torch.arange(8))
        assert changed.shape == plain.shape and not torch.equal(changed, plain)
        assert torch.equal(task.test_batch(torch.arange(8))[0], self.task.test_batch(torch.arange(8))[0])

    def test_distortion_without_strength_is_none(self):
        from wirework.training.tasks import bent, shifted

        images = self.task.ink(self.task.test_images[:5])
        torch.testing.assert_close(bent(images, 0, 0, 0), images, rtol=0, atol=1e-5)
        moved = shifted(images, 0)
        mirrored = (moved != images).flatten(1).any(1)
        assert torch.equal(torch.where(mirrored[:, None, None, None], moved.flip(-1), moved), images)


class TestText:
    tokens = torch.arange(100, dtype=torch.int32)

    def test_targets_are_the_tokens_after(self):
        task = TextTask(self.tokens, self.tokens, 100, 8, 0, CPU)
        numbers = task.order(5, torch.Generator().manual_seed(0))
        inputs, targets = task.batch(numbers)
        assert inputs.shape == (5, 8) and torch.equal(targets, inputs + 1)

    def test_held_out_windows_cover_the_text(self):
        task = TextTask(self.tokens, self.tokens, 100, 8, 0, CPU)
        _, targets = task.test_batch(torch.arange(task.held_out))
        assert targets.flatten().tolist() == list(range(1, 8 * task.held_out + 1)) and task.held_out == 12

    def test_the_last_window_is_reached(self):
        task = TextTask(self.tokens[:10], self.tokens, 100, 8, 0, CPU)
        assert set(task.order(50, torch.Generator().manual_seed(0)).tolist()) == {0, 1}

    def test_a_text_that_is_too_short(self):
        with pytest.raises(DataError, match="shorter than a context of 200"):
            TextTask(self.tokens, self.tokens, 100, 200, 0, CPU)
