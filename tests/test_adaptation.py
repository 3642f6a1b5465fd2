"""Adaptation: perplexity falls and is as defined, a killed job ends like a whole one, later stages load the result."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoModel, AutoModelForMaskedLM

import adapt_backbone as script
from lexome import adaptation, native_loop
from lexome.adapted import adaptations
from lexome.embedding import load_backbone
from lexome.errors import LexomeError
from lexome.finetuning import build_classifier
from lexome.masked_lm import batches, find_head, load_masked_lm, masked_logits, measure, read_corpus
from lexome.perplexity import describe_masked, perplexity
from lexome.tokens import load_tokenizer
from tiny_bert import FILLERS, make_backbone

CPU = torch.device("cpu")
BOOTSTRAP = {"replicates": 200, "level": 0.95, "seed": 0}
SETTINGS = {
    "mask": 0.15,
    "head_epochs": 1,
    "head_learning_rate": 0.01,
    "epochs": 2,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "batch_size": 16,
    "warmup_ratio": 0.1,
    "max_length": 12,
    "seed": 3,
}


def adapt(*arguments):
    """To the end, as the script does."""
    about, history, checkpoints = adaptation.adapt(*arguments)
    shutil.rmtree(checkpoints)
    return about, history


def accuracy(sums):
    """Share of the masked tokens that are told."""
    _, n, right = sums.sum(axis=0)
    return right / n


def texts(words, n=120, seed=0):
    """Texts that repeat one word: the others tell what is masked."""
    rng = np.random.default_rng(seed)
    rows = [[words[rng.integers(len(words))]] * rng.integers(4, 13) for _ in range(n)]
    subset = np.array(["train"] * (n - n // 4) + ["valid"] * (n // 4))
    return pd.DataFrame({"text": rows, "subset": subset, "id": [f"e{i}" for i in range(n)]})


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A trunk with a pooler and no masked-language head, like MiniLM."""
    return make_backbone(tmp_path_factory.mktemp("adaptation") / "bert")


@pytest.fixture(scope="module")
def corpus():
    return texts(FILLERS).assign(text=lambda table: table["text"].map(" ".join))


@pytest.fixture(scope="module")
def adapted(bert, corpus, tmp_path_factory):
    """A whole, learnt adaptation."""
    folder = tmp_path_factory.mktemp("adapted") / "mine"
    settings = SETTINGS | {"epochs": 12, "learning_rate": 0.02}
    return folder, *adapt(corpus, bert, settings, BOOTSTRAP, folder, 0)


def test_perplexity_falls_where_there_is_something_to_learn(adapted):
    _, about, history = adapted
    assert about["head"] == "new"
    assert about["texts"] == {"train": 90, "valid": 30}
    for subset in ("train", "valid"):
        told = about["perplexity"][subset]
        assert told["texts"] == 30
        assert told["after"]["value"] < 0.7 * told["before"]["value"]
        assert told["before"]["value"] < 32  # 28 tokens: the new head was not left at random
        assert told["ratio"]["value"] == pytest.approx(told["after"]["value"] / told["before"]["value"])
        assert told["ratio"]["high"] < 1
        for figure in (told[name] for name in ("before", "after", "ratio")):
            assert figure["low"] < figure["value"] < figure["high"]
    assert [record["stage"] for record in history] == ["head", *["all"] * 12]
    assert [record["epoch"] for record in history] == list(range(1, 14))
    assert [record["step"] for record in history] == [6, *range(6, 73, 6)]
    assert math.exp(history[0]["valid_loss"]) == pytest.approx(about["perplexity"]["valid"]["before"]["value"])
    assert math.exp(history[-1]["valid_loss"]) == pytest.approx(about["perplexity"]["valid"]["after"]["value"])


def test_the_result_is_a_backbone(adapted, bert, corpus):
    folder, about, _ = adapted
    model, new_head = load_masked_lm(folder)
    assert not new_head
    tokenizer = load_tokenizer(folder)
    assert tokenizer.get_vocab() == load_tokenizer(bert).get_vocab()
    # What was measured is what was saved.
    data = read_corpus(corpus, tokenizer, SETTINGS, model.config.vocab_size)
    after = measure(model, None, data, data.valid, CPU)
    assert perplexity(after) == pytest.approx(about["perplexity"]["valid"]["after"]["value"], rel=1e-4)
    assert accuracy(after) == about["accuracy"]["valid"]["after"]["value"]
    before, trunk = load_backbone(bert, CPU).state_dict(), load_backbone(folder, CPU).state_dict()
    assert before.keys() == trunk.keys()
    moved = {name for name in before if not torch.equal(before[name], trunk[name])}
    assert moved == {name for name in before if not name.startswith("pooler.")}
    build_classifier(folder, ["a", "b"], "multi_class")
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]


def test_an_adapted_backbone_is_adapted_again(adapted, corpus, tmp_path):
    folder, about, _ = adapted
    again, history = adapt(corpus, folder, SETTINGS | {"epochs": 1}, BOOTSTRAP, tmp_path / "twice", 0)
    assert again["head"] == "kept"
    assert [record["stage"] for record in history] == ["all"]
    told = again["perplexity"]["valid"]["before"]["value"]
    assert told == pytest.approx(about["perplexity"]["valid"]["after"]["value"], rel=1e-4)


class Killed(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_killed_adaptation_ends_like_a_whole_one(bert, corpus, tmp_path, monkeypatch, epoch):
    """Killed after the epoch of the head, and in the middle of those after it."""
    whole = adapt(corpus, bert, SETTINGS, BOOTSTRAP, tmp_path / "whole" / "mine", 0)
    save, done = native_loop.save_checkpoint, []

    def save_and_die(folder, number, state):
        save(folder, number, state)
        done.append(number)
        if number == epoch:
            raise Killed

    monkeypatch.setattr(native_loop, "save_checkpoint", save_and_die)
    folder = tmp_path / "killed" / "mine"
    with pytest.raises(Killed):
        adapt(corpus, bert, SETTINGS, BOOTSTRAP, folder, 0)
    assert not folder.exists()
    torch.manual_seed(99)
    resumed = adapt(corpus, bert, SETTINGS, BOOTSTRAP, folder, 0)
    assert done == [1, 2]  # nothing was done twice
    for about, _ in (resumed, whole):
        assert about.pop("speed")["tokens"] == 2 * about["tokens"]["train"]
    assert resumed == whole
    for path in (tmp_path / "whole" / "mine").iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes(), path.name
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]


def test_checkpoints_stay_until_everything_is_written(bert, corpus, tmp_path, monkeypatch):
    corpus.assign(group=corpus["text"]).to_parquet(tmp_path / "c.parquet")
    (tmp_path / "c.json").write_text('{"counts": []}')
    entry = {"backbone": "bert", "corpus": {"file": "a.txt"}}
    inputs = (tmp_path / "c.parquet", tmp_path / "c.json", bert, SETTINGS, entry, ["a.csv"], BOOTSTRAP, 0)
    outputs = [tmp_path / "out" / name for name in ("mine", "mine.json", "mine.jsonl")]
    with monkeypatch.context() as patch:
        patch.setattr(script, "write_json", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            script.adapt_backbone(*inputs, *outputs)
    shutil.rmtree(outputs[0])  # as Snakemake does
    monkeypatch.setattr(native_loop, "save_checkpoint", lambda *_: pytest.fail("trained from the start"))
    script.adapt_backbone(*inputs, *outputs)
    assert sorted(path.name for path in outputs[0].parent.iterdir()) == ["mine", "mine.json", "mine.jsonl"]
    assert json.loads(outputs[1].read_text())["transductive"] is False


def test_a_backbone_tells_what_it_was_adapted_to(bert, corpus, tmp_path):
    short = SETTINGS | {"epochs": 1}
    adapt(corpus, bert, short, BOOTSTRAP, tmp_path / "one", 0, True, ["a.csv"])
    adapt(corpus, tmp_path / "one", short, BOOTSTRAP, tmp_path / "two", 0)
    moved = tmp_path / "moved"
    (tmp_path / "two").rename(moved)
    assert adaptations(bert) == adaptations(None) == []
    assert adaptations(moved) == [
        {"name": "two", "transductive": False, "files": [], "corpus": f"{moved}.corpus.parquet"},
        {"name": "one", "transductive": True, "files": ["a.csv"], "corpus": f"{tmp_path}/one.corpus.parquet"},
    ]


def test_checkpoints_of_other_texts_are_refused(bert, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(native_loop, "save_checkpoint", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        adapt(corpus, bert, SETTINGS, BOOTSTRAP, tmp_path / "mine", 0)
    with pytest.raises(LexomeError, match="a run with other corpus; delete"):
        adapt(corpus.assign(text="w1 w2 w3"), bert, SETTINGS, BOOTSTRAP, tmp_path / "mine", 0)


def naive_perplexity(model, data, places):
    """One text at a time, all logits, natural log of the softmax by hand."""
    total, n, right = 0.0, 0, 0
    for place in places:
        ids, chosen = data.masker(data.rows[place], int(place))
        with torch.no_grad():
            logits = model(input_ids=torch.tensor(ids)[None]).logits[0].double().numpy()
        for at in chosen:
            shifted = logits[at] - logits[at].max()
            total -= shifted[data.rows[place][at]] - math.log(np.exp(shifted).sum())
            n += 1
            right += max(range(len(logits[at])), key=lambda token, row=logits[at]: row[token]) == data.rows[place][at]
    return math.exp(total / n), n, right / n


@pytest.mark.parametrize("kind", ["bert", "esm"])
def test_perplexity_is_what_its_definition_says(kind, bert, tiny_backbone, corpus):
    torch.manual_seed(0)
    base = bert if kind == "bert" else tiny_backbone
    table = corpus if kind == "bert" else texts("LAGVSERTIDPKQNFYMHWC").assign(text=lambda t: t["text"].map("".join))
    model, _ = load_masked_lm(base)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(6)  # far from uniform, or every mistake would give the same number
    data = read_corpus(table, load_tokenizer(base), SETTINGS, model.config.vocab_size)
    inputs, where, truth = data.batch(data.valid[:5], 1, CPU)
    head = find_head(model, inputs)
    assert head is not None
    sums = measure(model, head, data, data.valid, CPU, size=7)
    expected, n, right = naive_perplexity(model, data, data.valid)
    assert perplexity(sums) == pytest.approx(expected, rel=1e-4)
    assert accuracy(sums) == pytest.approx(right)
    assert right < 1
    assert sums[:, 1].sum() == n
    assert abs(expected - model.config.vocab_size) > 3
    np.testing.assert_allclose(measure(model, None, data, data.valid, CPU), sums, rtol=1e-4)
    whole = masked_logits(model, None, inputs, where)
    torch.testing.assert_close(masked_logits(model, head, inputs, where), whole, rtol=1e-4, atol=1e-4)
    assert functional.cross_entropy(whole, truth).isfinite()


def test_proteins_are_adapted_to_as_well(tiny_backbone, tmp_path):
    """With a checkpoint that has its head, no epoch goes to the head alone."""
    table = texts("LAGVSERTIDPKQNFYMHWC").assign(text=lambda t: t["text"].map("".join))
    about, history = adapt(table, tiny_backbone, SETTINGS | {"epochs": 4}, BOOTSTRAP, tmp_path / "esm", 0)
    assert about["head"] == "kept"
    assert [record["stage"] for record in history] == ["all"] * 4
    assert about["perplexity"]["valid"]["ratio"]["high"] < 1
    assert about["cut"] == sum(len(text) > 10 for text in table["text"]) > 0
    AutoModel.from_pretrained(tmp_path / "esm")


def test_seeds_decide_everything(bert, corpus, tmp_path):
    runs = []
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        adapt(corpus, bert, SETTINGS | {"epochs": 1, "seed": seed}, BOOTSTRAP, tmp_path / name / "mine", 0)
        runs.append((tmp_path / name / "mine" / "model.safetensors").read_bytes())
    assert runs[0] == runs[1] != runs[2]


def test_every_text_comes_once_an_epoch(bert, corpus):
    data = read_corpus(corpus, load_tokenizer(bert), SETTINGS, 28)
    parts = batches(data, 16, 3, 1)
    assert sorted(np.concatenate(parts)) == data.train.tolist()
    assert [place for part in batches(data, 16, 3, 2) for place in part] != list(np.concatenate(parts))
    # Like with like: less padding than in batches drawn at random.
    spread = [np.ptp([len(data.rows[place]) for place in part]) for part in parts]
    assert np.mean(spread) < np.ptp([len(row) for row in data.rows]) / 2


def test_a_new_head_needs_an_epoch_of_its_own(bert, corpus, tmp_path):
    with pytest.raises(LexomeError, match="set `head_epochs` to 1"):
        adapt(corpus, bert, SETTINGS | {"head_epochs": 0}, BOOTSTRAP, tmp_path / "mine", 0)


def test_masks_that_hit_nothing_are_told(tiny_backbone, tmp_path):
    table = pd.DataFrame({"text": ["M", "K"], "subset": ["train", "valid"]})
    with pytest.raises(LexomeError, match="no token of the texts held out is masked"):
        adapt(table, tiny_backbone, SETTINGS | {"mask": 1e-9}, BOOTSTRAP, tmp_path / "mine", 0)


def test_what_no_masked_language_model_reads_is_refused(bert, tmp_path):
    from transformers import GPT2Config, GPT2Model

    GPT2Model(GPT2Config(vocab_size=28, n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path)
    with pytest.raises(LexomeError, match="no masked-language model"):
        load_masked_lm(tmp_path)


def test_a_trunk_without_its_weights_is_refused(bert, tmp_path):
    model = AutoModelForMaskedLM.from_pretrained(bert)
    weights = model.state_dict()
    del weights["bert.encoder.layer.1.output.dense.weight"]
    model.save_pretrained(tmp_path, state_dict=weights)
    assert "bert.encoder.layer.1.output.dense.weight" not in load_file(tmp_path / "model.safetensors")
    with pytest.raises(LexomeError, match=r"lack bert\.encoder\.layer\.1\.output\.dense\.weight"):
        load_masked_lm(tmp_path)


def test_intervals_are_paired():
    """Texts that differ much, all of them better by the same factor: the ratio is sure, its parts are not."""
    n = np.random.default_rng(0).integers(5, 15, 60)
    losses = np.random.default_rng(1).uniform(1, 5, 60) * n
    right = np.random.default_rng(2).integers(0, n // 2)
    before = np.stack([losses, n, right], axis=1)
    after = before + np.stack([-0.5 * n, np.zeros(60), 0.25 * n], axis=1)
    told = describe_masked(before, after, BOOTSTRAP, "x", baselines={"unigram": before})
    spread, hits = told["perplexity"], told["accuracy"]
    assert spread["ratio"]["value"] == pytest.approx(math.exp(-0.5))
    assert spread["ratio"]["high"] - spread["ratio"]["low"] < 1e-9
    old = spread["before"]
    assert old["low"] < 0.95 * old["value"] < 1.05 * old["value"] < old["high"]
    assert hits["before"]["value"] == pytest.approx(right.sum() / n.sum())
    assert hits["before"]["low"] < hits["before"]["value"] < hits["before"]["high"]
    assert hits["difference"]["low"] == pytest.approx(0.25) == pytest.approx(hits["difference"]["high"])
    assert spread["masked_tokens"] == hits["masked_tokens"] == n.sum()
    # The model beside a baseline that is as good as it was before.
    unigram = told["baselines"]["unigram"]
    assert unigram["perplexity"] == spread["before"]
    assert unigram["ratio"] == spread["ratio"]
    assert unigram["difference"] == hits["difference"]
    json.dumps(told, allow_nan=False)


def test_texts_of_a_group_are_drawn_together():
    """Ten groups of six equal texts are worth ten texts, not sixty."""
    one = np.stack([np.random.default_rng(1).uniform(1, 5, 10), np.ones(10), np.zeros(10)], axis=1)
    many = np.repeat(one, 6, axis=0)
    groups = np.repeat(np.arange(10), 6)
    wide, narrow = (describe_masked(many, many, BOOTSTRAP, "x", part)["perplexity"] for part in (groups, None))
    width = {name: told["before"]["high"] - told["before"]["low"] for name, told in (("w", wide), ("n", narrow))}
    assert width["w"] > 1.8 * width["n"]


def test_speed_baselines_and_curve_are_told(adapted):
    _, about, history = adapted
    speed = about["speed"]
    assert speed["tokens"] == 12 * about["tokens"]["train"]
    assert speed["tokens_per_second"] == pytest.approx(speed["tokens"] / speed["seconds"])
    assert speed["flops_per_second"] == pytest.approx(speed["flops_per_token"] * speed["tokens_per_second"])
    assert (speed["device_name"], speed["peak_flops_per_second"], speed["utilisation"]) == ("cpu", None, None)
    # Texts repeat one word: whoever sees a neighbour knows it, and counts alone say more than how common words are.
    spread = {name: told["perplexity"]["value"] for name, told in about["baselines"].items()}
    assert list(spread) == ["unigram", "bigram_left", "bigram"]
    assert spread["bigram"] < spread["bigram_left"] < spread["unigram"] < 28
    hits = {name: told["accuracy"]["value"] for name, told in about["baselines"].items()}
    assert hits["bigram"] > hits["bigram_left"] > 0.5 > hits["unigram"]
    for record in history:
        steps = [step for step, _ in record["curve"]]
        assert steps == sorted(set(steps))
        assert steps[-1] == record["step"]
        assert len(steps) == 6
    # The mean over an epoch lies between its parts.
    losses = [loss for _, loss in history[-1]["curve"]]
    assert min(losses) < history[-1]["train_loss"] < max(losses)


def test_random_weights_need_no_head_of_their_own(tmp_path):
    from initialise_backbone import initialise_backbone

    init = {"architecture": "esm", "layers": 1, "hidden": 8, "heads": 2, "intermediate": 8, "positions": 32, "seed": 0}
    initialise_backbone("fresh", {"init": init, "licence": "none"}, tmp_path / "fresh")
    table = texts("LAGVSERTIDPKQNFYMHWC").assign(text=lambda t: t["text"].map("".join))
    once = SETTINGS | {"epochs": 1, "head_epochs": 0}
    about, history = adapt(table, tmp_path / "fresh", once, BOOTSTRAP, tmp_path / "mine", 0)
    assert about["random_weights"]
    assert about["head"] == "kept"
    assert [record["stage"] for record in history] == ["all"]
    again, _ = adapt(table, tmp_path / "mine", once, BOOTSTRAP, tmp_path / "twice", 0)
    assert not again["random_weights"]


def test_random_heads_begin_with_the_shares_of_the_tokens(tiny_nucleotide_transformer):
    dna = pd.DataFrame(
        {"subset": ["train"] * 3 + ["valid"], "text": ["ATGATG" * 3, "ATGATGCCCCCC", "ATG", "TTTTTT" * 9]}
    )
    model, _ = load_masked_lm(tiny_nucleotide_transformer)
    before = {name: part.clone() for name, part in model.state_dict().items()}
    tokenizer = load_tokenizer(tiny_nucleotide_transformer)
    data = read_corpus(dna, tokenizer, SETTINGS | {"max_length": 64}, model.config.vocab_size)
    adaptation.start_at_shares(model, data)
    assert [name for name, part in model.state_dict().items() if not torch.equal(part, before[name])] == [
        "lm_head.bias"
    ]
    shares = model.lm_head.bias.exp()
    assert shares.sum().item() == pytest.approx(1)
    vocabulary = tokenizer.get_vocab()
    # Three times ATGATG and once more in the second text, each counted once more than it is there; none of valid.
    expected = {"ATGATG": 5, "CCCCCC": 2, "A": 2, "TTTTTT": 1, "N": 1}
    for token, count in expected.items():
        assert shares[vocabulary[token]].item() == pytest.approx(count / (4107 + 11))


def test_mean_losses_of_running_sums():
    sums = [(2, 6.0, 3), (4, 6.0, 3), (5, 10.0, 5)]
    assert adaptation.mean_losses(sums) == [[2, 2.0], [5, 2.0]]


def test_identity_knows_the_base(bert, adapted, corpus):
    data = read_corpus(corpus, load_tokenizer(bert), SETTINGS, 28)
    one, two = (adaptation.identity("mine", base, corpus, data, SETTINGS) for base in (bert, adapted[0]))
    assert [key for key in one if one[key] != two[key]] == ["backbone"]
