"""The loop learns, keeps the best epoch, and repeats by seed."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from lexome.errors import LexomeError
from lexome.heads import Head
from lexome.training import OBJECTIVES, SCHEDULES, fit, predict

CPU = torch.device("cpu")
SETTINGS = {
    "learning_rate": 0.02,
    "weight_decay": 0.0,
    "batch_size": 16,
    "epochs": 60,
    "patience": 60,
    "monitor": "valid_loss",
}


def problem(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(-(x @ np.array([[2.0, -1.0], [0.0, 1.0], [0.5, 0.0]]) - 0.3)))
    return x, (rng.random((n, 2)) < chance).astype(np.uint8)


def train(settings=SETTINGS, seed=0, score=lambda targets, probabilities: {}, hidden=()):
    torch.manual_seed(seed)
    model = Head(3, 2, hidden)
    return model, fit(model, problem(600, 1), problem(300, 2), settings, seed, CPU, score, OBJECTIVES["multi_label"])


def test_linear_head_reaches_logistic_regression():
    model, history = train()
    x, y = problem(600, 1)
    x_new, _ = problem(500, 3)
    ours = predict(model, torch.from_numpy(x_new), OBJECTIVES["multi_label"])
    for label in range(2):
        theirs = LogisticRegression(C=1e6).fit(x, y[:, label]).predict_proba(x_new)[:, 1]
        assert np.corrcoef(ours[:, label], theirs)[0, 1] > 0.99
    assert history[1]["valid_loss"] < history[0]["valid_loss"]


def test_repeats_by_seed():
    (a, first), (b, second), (_, other) = train(seed=1), train(seed=1), train(seed=2)
    assert first == second
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert first != other


def test_keeps_the_weights_of_the_best_epoch_and_stops():
    seen = []

    def score(targets, probabilities):
        seen.append(probabilities.copy())
        return {"figure": [0.1, 0.5, 0.9, 0.4, 0.3, 0.2, 0.1][len(seen) - 1]}

    model, history = train(SETTINGS | {"monitor": "valid_figure", "patience": 3}, score=score)
    assert [record["epoch"] for record in history] == [0, 1, 2, 3, 4, 5, 2]
    assert history[-1] == {"event": "best", "epoch": 2}
    np.testing.assert_array_equal(
        predict(model, torch.from_numpy(problem(300, 2)[0]), OBJECTIVES["multi_label"]), seen[2]
    )


def test_divergence_and_an_undefined_monitor_are_refused():
    with pytest.raises(LexomeError, match="learning_rate"):
        fast = SETTINGS | {"learning_rate": 1e30}
        parts, objective = (problem(600, 1), problem(300, 2)), OBJECTIVES["multi_label"]
        fit(Head(3, 2, [8]), *parts, fast, 0, CPU, lambda targets, probabilities: {}, objective)
    with pytest.raises(LexomeError, match="undefined"):
        train(SETTINGS | {"monitor": "valid_figure"}, score=lambda targets, probabilities: {"figure": float("nan")})


def test_unknown_monitor_is_named():
    with pytest.raises(KeyError, match="valid_nothing"):
        train(SETTINGS | {"monitor": "valid_nothing"})


def test_a_head_of_classes_reaches_multinomial_logistic_regression():
    def classes(n, seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, 3)).astype(np.float32)
        logits = x @ np.array([[2.0, -1.0, 0.0], [0.0, 1.0, -1.0], [0.5, 0.0, 1.0]]) + rng.gumbel(size=(n, 3))
        return x, np.eye(3, dtype=np.uint8)[logits.argmax(axis=1)]

    torch.manual_seed(0)
    model, objective = Head(3, 3), OBJECTIVES["multi_class"]
    (x, y), valid, (x_new, y_new) = classes(800, 1), classes(300, 2), classes(500, 3)
    history = fit(model, (x, y), valid, SETTINGS, 0, CPU, lambda targets, probabilities: {}, objective)
    ours = predict(model, torch.from_numpy(x_new), objective)
    theirs = LogisticRegression(C=1e6).fit(x, y.argmax(axis=1)).predict_proba(x_new)
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-5)
    assert np.abs(ours - theirs).mean() < 0.03
    loss = -np.log(predict(model, torch.from_numpy(valid[0]), objective)[valid[1] == 1]).mean()
    best = history[-1]["epoch"]
    assert history[best]["valid_loss"] == pytest.approx(loss, rel=1e-4)
    assert (ours.argmax(axis=1) == y_new.argmax(axis=1)).mean() > 0.55


def test_the_cosine_falls_from_one_to_zero():
    factors = [SCHEDULES["cosine"](step, 8) for step in range(9)]
    assert (factors[0], factors[4], factors[8]) == (1, pytest.approx(0.5), 0)
    assert factors == sorted(factors, reverse=True)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.zeros(1)], lr=1.0), T_max=8)
    for factor in factors:
        assert theirs.get_last_lr()[0] == pytest.approx(factor, abs=1e-12)
        theirs.optimizer.step()
        theirs.step()


def test_the_schedule_is_that_of_the_settings():
    """With the rate at 0 nothing moves: the last step of the cosine changes the weights least."""
    rates = []

    class Spy(torch.optim.AdamW):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Spy)
        train(SETTINGS | {"schedule": "cosine", "epochs": 2, "batch_size": 100})
    assert rates == pytest.approx([0.02 * SCHEDULES["cosine"](step, 12) for step in range(12)])


def test_augmentation_changes_training_alone_and_repeats_by_seed():
    seen = []

    def augment(x, generator):
        seen.append((len(x), torch.rand(1, generator=generator).item()))
        return torch.zeros_like(x)

    histories = []
    for _ in range(2):
        torch.manual_seed(0)
        arguments = problem(600, 1), problem(300, 2), SETTINGS | {"epochs": 2, "batch_size": 256}, 0, CPU
        model = Head(3, 2)
        before = model.layers[-1].weight.detach().clone()
        histories.append(fit(model, *arguments, lambda *_: {}, OBJECTIVES["multi_label"], augment=augment))
    assert [n for n, _ in seen] == 2 * [256, 256, 88, 256, 256, 88]
    assert seen[:6] == seen[6:]
    assert histories[0] == histories[1]
    # Of features that are all 0 only the intercepts learn.
    assert torch.equal(model.layers[-1].weight, before)
    assert histories[0][1]["train_loss"] != histories[0][2]["train_loss"]


def test_a_batch_without_known_labels_is_no_division_by_zero():
    loss, logits, targets = OBJECTIVES["multi_label"].loss, torch.randn(4, 2), torch.ones(4, 2)
    assert loss(logits, targets, torch.zeros(4, 2)) == 0
    known = torch.tensor([[1.0, 0.0]] * 4)
    torch.testing.assert_close(loss(logits, targets, known), loss(logits[:, :1], targets[:, :1], None))
    with pytest.raises(ValueError, match="no unknown labels"):
        OBJECTIVES["multi_class"].loss(logits, targets, known)


def test_the_loss_of_labels_is_their_binary_cross_entropy():
    model, history = train()
    x, y = problem(300, 2)
    p = predict(model, torch.from_numpy(x), OBJECTIVES["multi_label"]).astype(float)
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert history[history[-1]["epoch"]]["valid_loss"] == pytest.approx(expected, rel=1e-4)
