"""The table, the words and the picture of an adaptation."""

import itertools
import json

import pytest

from lexome.adaptationfigures import adaptation_curve
from lexome.adaptationtables import adaptation_note, adaptation_rows, baseline_title, speed_note
from lexome.throughput import describe_speed, peak, token_flops
from plot_adaptation import plot_adaptation


def figure(value, width=0.1):
    return {"value": value, "low": value - width, "high": value + width}


TOLD = {
    "base": "nt",
    "corpus": {"study": "s", "split": "random", "subsets": ["train", "left_out"], "part": "sources", "chunk": 768},
    "transductive": False,
    "mask": 0.15,
    "head": "kept",
    "random_weights": True,
    "texts": {"train": 90, "valid": 10},
    "perplexity": {"valid": {"texts": 10, "before": figure(4000), "after": figure(900), "ratio": figure(0.225)}},
    "accuracy": {"valid": {"before": figure(0.2), "after": figure(0.5), "difference": figure(0.3)}},
    "baselines": {
        name: {"perplexity": figure(value), "accuracy": figure(0.4), "ratio": figure(0.9), "difference": figure(0.05)}
        for name, value in {"unigram": 3000, "bigram": 2500, "markov5_left": 2000, "codon_markov5": 1000}.items()
    },
    "speed": {
        "tokens": 1000, "seconds": 2.0, "tokens_per_second": 500.0, "flops_per_token": 6e6, "flops_per_second": 3e9,
        "device_name": "cpu", "utilisation": None,
    },
}  # fmt: skip


def test_a_row_for_the_model_and_every_baseline():
    rows = adaptation_rows(TOLD)
    assert [row["name"] for row in rows] == [
        "after",
        "random weights, bias at token shares",
        "how common tokens are",
        "pairs of tokens, from both sides",
        "Markov chain over 5 nucleotides, from the left",
        "Markov chain over 5 nucleotides, one for each place of a codon, from both sides",
    ]
    assert rows[0] == {
        "name": "after",
        "perplexity": "900.0 [899.9–900.1]",
        "accuracy": "0.500 [0.400–0.600]",
        "ratio": "",
        "difference": "",
    }
    assert rows[1]["difference"] == "+0.300 [+0.200 to +0.400]"
    assert rows[-1]["ratio"] == "0.900 [0.800–1.000]"
    assert adaptation_rows({key: value for key, value in TOLD.items() if key != "accuracy"}) == []
    assert baseline_title("another") == "another"


def test_random_weights_and_sources_are_said():
    note = adaptation_note(TOLD)
    assert "before (random weights)," in note
    assert "(whole sequences in pieces of 768 letters, train and left out of s, random split;" in note
    assert "random weights" not in adaptation_note(TOLD | {"random_weights": False})


def test_speed_is_told_where_it_is_known():
    assert speed_note({}) == ""
    note = speed_note(TOLD)
    assert note == "Trained on 1,000 tokens in 2.0 s (cpu): 500 tokens a second, 6e+06 FLOP each, 3e+09 FLOP/s."
    assert speed_note({"speed": TOLD["speed"] | {"utilisation": 0.314}}).endswith(", 31.4% of its dense bfloat16 peak.")


def test_the_curve_is_drawn_with_its_baselines(tmp_path):
    history = [
        {"epoch": 1, "stage": "head", "step": 3, "train_loss": 9.0, "valid_loss": 9.0, "curve": [[3, 9.0]]},
        {"epoch": 2, "stage": "all", "step": 4, "train_loss": 8.0, "valid_loss": 7.5, "curve": [[2, 8.5], [4, 7.5]]},
        {"epoch": 3, "stage": "all", "step": 8, "train_loss": 7.0, "valid_loss": 6.8},
    ]
    (tmp_path / "h.jsonl").write_text("".join(json.dumps(record) + "\n" for record in history))
    (tmp_path / "a.json").write_text(json.dumps(TOLD))
    plot_adaptation(tmp_path / "h.jsonl", tmp_path / "a.json", tmp_path / "curve.svg")
    assert "pairs of tokens, from both sides" in (tmp_path / "curve.svg").read_text()


def test_names_of_levels_do_not_lie_on_each_other():
    near = {"unigram": 1756.2, "bigram": 1755.9, "bigram_left": 1757.5, "markov5_left": 2028, "markov5": 2084}
    told = TOLD | {"baselines": {name: {"perplexity": figure(value)} for name, value in near.items()}}
    drawn = adaptation_curve([{"stage": "all", "step": 9, "train_loss": 8.0, "valid_loss": 7.9}], told)
    drawn.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in drawn.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == 5
    assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("name", "flops"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA GeForce GTX 1080", None),
    ],
)
def test_peaks_go_by_the_name_of_the_card(name, flops):
    assert peak(name) == flops


def test_operations_of_a_token_are_those_of_the_formula():
    """BERT of 2 layers, width 16: counted by hand from its shapes."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    model = BertForMaskedLM(config)
    layer = 4 * (16 * 16 + 16) + (16 * 32 + 32) + (32 * 16 + 16) + 2 * 2 * 16
    norm = 2 * 16  # of the embeddings
    head = (16 * 16 + 16) + 2 * 16 + 50 * 16 + 50  # transform, norm, tied decoder, bias
    told = token_flops(model, model.cls, 10.0, 0.15)
    assert told["weights"] == pytest.approx(2 * layer + norm + 0.15 * head)
    assert told["flops"] == pytest.approx(6 * told["weights"] + 12 * 2 * 16 * 10)
    assert token_flops(model, None, 10.0, 0.15)["weights"] == 2 * layer + norm + head
    speed = describe_speed({"seconds": 0.0, "tokens": 0}, told, torch.device("cpu"))
    assert (speed["tokens_per_second"], speed["utilisation"]) == (0.0, None)
