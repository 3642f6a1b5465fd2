"""Heads on words: a chain against every path, published weights, and balance that finds rare labels."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from lexome.tagheads import HEADS, Chain, MultiLabel, SingleLabel, class_weights
from lexome.tagschemes import forbidden, label_names

VALUES = ["A", "B"]


def chain(schema, seed=0):
    torch.manual_seed(seed)
    head = Chain(4, VALUES, {"schema": schema}, 0.0)
    start, steps = map(torch.from_numpy, forbidden(head.names))
    with torch.no_grad():
        for weights, never in ((head.chain.start_transitions, start), (head.chain.transitions, steps)):
            weights[~never] = torch.randn(weights.shape)[~never]
        head.chain.end_transitions.copy_(torch.randn(len(head.names)))
    return head


def worth(head, logits, path):
    """Score of a path by hand."""
    crf = head.chain
    total = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    total = total + sum(logits[at, label] for at, label in enumerate(path))
    return (total + sum(crf.transitions[a, b] for a, b in pairwise(path))).item()


@pytest.mark.parametrize("schema", ["plain", "bio"])
@pytest.mark.parametrize("length", [1, 3, 4])
def test_chain_equals_the_enumeration_of_all_paths(schema, length):
    head, logits = chain(schema), torch.randn(length, 3 if schema == "plain" else 5)
    paths = list(product(range(len(head.names)), repeat=length))
    scores = np.array([worth(head, logits, path) for path in paths])
    total = np.logaddexp.reduce(scores)

    gold = max((path for path in paths if scores[paths.index(path)] > -1000), key=lambda path: path)
    loss, size = head.loss(logits, torch.tensor(gold), [length])
    assert loss.item() == pytest.approx(total - scores[paths.index(gold)], abs=1e-4)
    assert size.item() == length

    marginals = np.zeros((length, len(head.names)))
    for path, score in zip(paths, scores, strict=True):
        marginals[range(length), path] += np.exp(score - total)
    np.testing.assert_allclose(head.probabilities(logits), marginals, atol=1e-5)

    best = paths[int(scores.argmax())]
    theirs = head.chain.decode(logits[None], torch.ones(1, length, dtype=torch.bool))[0]
    assert theirs == list(best)
    assert [run[1] for run in head.runs(logits)] == [
        at
        for at, label in enumerate(best)
        if label
        and ((schema == "bio" and head.names[label][0] == "B") or (schema == "plain" and best[at - 1 : at] != (label,)))
    ]


def test_chain_of_several_documents_is_the_sum_over_them():
    head, logits = chain("bio"), torch.randn(9, 5)
    labels = torch.tensor([0, 1, 2, 0, 3, 4, 4, 0, 1])
    one = [
        head.loss(part, told, [len(part)])[0]
        for part, told in zip(logits.split([4, 5]), labels.split([4, 5]), strict=True)
    ]
    torch.testing.assert_close(head.loss(logits, labels, [4, 0, 5])[0], sum(one))


def test_chain_keeps_forbidden_steps_impossible_through_training():
    head = chain("bio")
    optimiser = torch.optim.SGD(head.parameters(), lr=1.0)
    for _ in range(5):
        head.loss(head.layers(torch.randn(6, 4)), torch.tensor([0, 1, 2, 2, 0, 3]), [6])[0].backward()
        optimiser.step()
    start, steps = forbidden(head.names)
    assert (head.chain.start_transitions.detach().numpy()[start] < -9000).all()
    assert (head.chain.transitions.detach().numpy()[steps] < -9000).all()


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6))
def test_weights_of_classes(counts):
    counts = torch.tensor(counts).float()
    assert class_weights(counts, 0.0).tolist() == pytest.approx([1.0] * len(counts))
    even = class_weights(counts, 1.0) * (1 + counts)
    torch.testing.assert_close(even, even[0].expand(len(even)))
    half = class_weights(counts, 0.5)
    assert half.mean().item() == pytest.approx(1)
    assert half[0].item() / half[1].item() == pytest.approx(((1 + counts[1]) / (1 + counts[0])).item() ** 0.5, rel=1e-4)


def test_single_label_loss_is_the_weighted_log_loss():
    head = SingleLabel(4, VALUES, {"schema": "plain", "balance": 0.5}, 0.0)
    targets = np.array([0, 0, 0, 0, 1, 2])
    head.count([targets[:3], targets[3:]])
    logits = torch.randn(6, 3)
    loss, size = head.loss(logits, torch.from_numpy(targets), [6])
    weights = (1 / (1 + np.array([4, 1, 1]))) ** 0.5
    oracle = log_loss(targets, logits.softmax(1).numpy(), sample_weight=weights[targets], labels=[0, 1, 2])
    assert (loss / size).item() == pytest.approx(oracle, rel=1e-5)


def test_single_label_never_predicts_what_iob2_forbids():
    head = SingleLabel(4, VALUES, {"schema": "bio"}, 0.0)
    # Word by word the best labels are I-A, I-B: as a sequence they are impossible, and B-A, I-A is likeliest.
    logits = torch.tensor([[-9.0, 0.9, 1.0, -9.0, -9.0], [-9.0, 0.0, 0.9, 0.0, 1.0]])
    assert head.runs(logits) == [("A", 0, 2)]


def test_weights_of_labels_that_do_not_exclude_each_other():
    head = MultiLabel(4, VALUES, {"schema": "plain", "balance": 1.0}, 0.0)
    targets = np.zeros((10, 2), dtype=np.float32)
    targets[:1, 0] = targets[:5, 1] = 1
    head.count([targets])
    assert head.weights.tolist() == pytest.approx([10 / 2, 6 / 6])
    logits = torch.zeros(10, 2)
    loss, size = head.loss(logits, torch.from_numpy(targets), [10])
    assert (loss / size).item() == pytest.approx(np.log(2) * (5 * 1 + 9 + 1 * 5 + 5) / 20, rel=1e-5)


@pytest.mark.parametrize("kind", HEADS)
def test_balance_finds_more_of_what_is_rare(kind):
    rng = np.random.default_rng(0)
    rare = rng.random(1500) < 0.04
    words = torch.tensor(rng.normal(size=(1500, 1)) + 1.5 * rare[:, None]).float()
    recall = {}
    for balance in (0.0, 1.0):
        torch.manual_seed(0)
        head = HEADS[kind](1, ["A"], {"schema": "plain", "balance": balance}, 0.0)
        targets = rare[:, None].astype(np.float32) if kind == "multi_label" else rare.astype(np.int64)
        sizes = [30] * 50
        head.count(np.split(targets, 50))
        optimiser = torch.optim.Adam(head.parameters(), lr=0.1)
        for _ in range(40):
            loss, size = head.loss(head.layers(words), torch.from_numpy(targets), sizes)
            optimiser.zero_grad()
            (loss / size).backward()
            optimiser.step()
        assert all(weights.grad is not None and weights.grad.abs().sum() > 0 for weights in head.layers.parameters())
        found = np.zeros(1500, dtype=bool)
        for start, part in zip(range(0, 1500, 30), words.split(30), strict=True):
            with torch.no_grad():
                for _, first, behind in head.runs(head.layers(part)):
                    found[start + first : start + behind] = True
        recall[balance] = found[rare].mean()
    assert recall[0.0] < 0.3
    assert recall[1.0] > 0.6


def test_names_say_what_a_head_can_tell():
    assert SingleLabel(4, VALUES, {"schema": "bio"}, 0.0).names == label_names(VALUES, "bio")
    assert MultiLabel(4, VALUES, {"schema": "bio"}, 0.0).names == label_names(VALUES, "bio", outside=False)
