"""The native loop: batches, schedule, best epoch, and an interrupted training that ends like a whole one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from lexome import native_loop
from lexome.finetuning import build_classifier
from lexome.native_loop import Examples, fit, linear_schedule, loss_of, pad_batch, predict
from tiny_bert import TRAINING, make_backbone

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return make_backbone(tmp_path_factory.mktemp("native") / "bert")


def examples(n, seed):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, n)
    rows = [np.array([2, *rng.integers(5, 15, rng.integers(1, 4)), *[20 + at] * 4, 3]) for at in classes]
    return Examples(rows, classes)


def train(backbone, folder, settings=TRAINING, seed=1, score=lambda logits: {}):
    torch.manual_seed(seed)
    model = build_classifier(backbone, ["a", "b"], "multi_class")
    folder.mkdir(exist_ok=True)
    return model, fit(model, examples(60, 1), examples(30, 2), settings, seed, CPU, 0, score, folder)


def equal(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_batch_is_padded_to_its_longest_row():
    batch = pad_batch([{"input_ids": [2, 7, 3], "labels": np.int64(1)}, {"input_ids": [2], "labels": np.int64(0)}], 9)
    assert batch["input_ids"].tolist() == [[2, 7, 3], [2, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]
    assert set(pad_batch([{"input_ids": [2]}], 0)) == {"input_ids", "attention_mask"}


@given(st.integers(1, 40), st.floats(0, 0.9))
def test_schedule_equals_that_of_transformers(steps, ratio):
    from transformers import get_linear_schedule_with_warmup

    warmup, _ = native_loop.warmup_steps(steps, {"batch_size": 1, "epochs": 1, "warmup_ratio": ratio})
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimiser, warmup, steps)
    for step in range(steps):
        assert linear_schedule(step, warmup, steps) == pytest.approx(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step()


def test_losses_equal_scikit_learn():
    logits = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    classes = np.arange(20) % 3
    chances = torch.softmax(torch.from_numpy(logits).double(), dim=1).numpy()
    assert loss_of(logits, classes) == pytest.approx(log_loss(classes, chances), rel=1e-5)
    labels = (logits[::-1] > 0).astype(np.float32)
    each = torch.sigmoid(torch.from_numpy(logits).double()).numpy().ravel()
    assert loss_of(logits, labels) == pytest.approx(log_loss(labels.ravel(), each), rel=1e-5)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=400), st.integers(1, 9), st.integers(1, 5), st.booleans())
def test_batches_of_an_epoch_hold_every_row_once(lengths, size, epoch, grouped):
    parts = native_loop.epoch_batches(lengths, size, 0, epoch, grouped)
    assert sorted(np.concatenate(parts)) == list(range(len(lengths)))
    # Slices of the flat order are the same batches, as the Trainer makes them.
    assert all(len(part) == size for part in parts[:-1])
    assert len(parts[-1]) <= size


def test_grouping_saves_padding_and_shuffles_the_batches():
    lengths = np.random.default_rng(0).integers(5, 100, size=403)

    def padded(grouped, epoch=1):
        return [lengths[part].max() * len(part) for part in native_loop.epoch_batches(lengths, 8, 0, epoch, grouped)]

    assert sum(padded(True)) < 1.1 * lengths.sum() < 1.5 * lengths.sum() < sum(padded(False))
    assert padded(True) != padded(True, epoch=2)
    assert padded(True)[:50] != sorted(padded(True)[:50])


def test_predictions_do_not_depend_on_the_batch(backbone):
    model, some = build_classifier(backbone, ["a", "b"], "multi_class"), examples(30, 3)
    together = predict(model, some, 0, CPU, batch_size=7)
    alone = np.concatenate([predict(model, Examples([row], None), 0, CPU) for row in some.rows])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together.dtype == np.float32


def test_learns_and_repeats_by_seed(backbone, tmp_path):
    runs = [train(backbone, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    (one, first), (two, second), (_, other) = runs
    assert equal(one, two)
    assert first == second != other
    assert [record.get("step") for record in first] == [8, 16, 24, None]
    assert first[2]["valid_loss"] < 0.45 < 0.6 < first[0]["train_loss"]
    assert first[-1] == {"event": "best", "epoch": 3}


@pytest.mark.parametrize("monitor", [None, "valid_figure"])
def test_interrupted_training_ends_like_a_whole_one(monitor, backbone, tmp_path):
    settings = TRAINING | {"epochs": 4, "monitor": monitor}
    figures = {8: 0.1, 16: 0.9, 24: 0.5, 32: 0.2}

    def scorer(stop):
        calls = iter(figures)

        def score(logits):
            step = next(calls)
            if step == stop:
                raise KeyboardInterrupt
            return {"figure": figures[step]}

        return score

    whole, history = train(backbone, tmp_path / "whole", settings, score=scorer(None))
    with pytest.raises(KeyboardInterrupt):
        train(backbone, tmp_path / "broken", settings, score=scorer(24))
    assert [path.name for path in (tmp_path / "broken").iterdir()] == ["epoch2.pt"]
    for step in (8, 16):
        del figures[step]
    again, continued = train(backbone, tmp_path / "broken", settings, score=scorer(None))
    assert continued == history
    assert continued[-1]["epoch"] == (2 if monitor else 4)
    assert equal(whole, again)


def test_keeps_the_weights_of_the_best_epoch(backbone, tmp_path):
    seen = []

    def score(logits):
        seen.append(logits)
        return {"figure": [0.5, 0.9, 0.9][len(seen) - 1]}

    model, history = train(backbone, tmp_path / "a", TRAINING | {"monitor": "valid_figure"}, score=score)
    assert history[-1] == {"event": "best", "epoch": 2}
    np.testing.assert_array_equal(predict(model, examples(30, 2), 0, CPU), seen[1])


def test_a_loss_is_the_better_the_smaller():
    assert native_loop.improves({"valid_loss": 0.1}, {"valid_loss": 0.2}, "valid_loss")
    assert not native_loop.improves({"valid_auroc": 0.1}, {"valid_auroc": 0.2}, "valid_auroc")
    assert native_loop.improves({"valid_auroc": 0.1}, None, "valid_auroc")
