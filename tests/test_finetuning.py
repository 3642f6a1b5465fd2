"""Fine-tuning: both engines learn the same, go on after an interruption, and leave a model that loads."""

import dataclasses
import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from lexome import finetuning
from lexome.errors import LexomeError
from lexome.finetuning import ENGINES, build_classifier, fine_tune, read_examples, trim
from lexome.native_loop import predict
from lexome.runtime import write_json
from lexome.settings import check, load_yaml
from tiny_bert import SIGNS, TRAINING, make_backbone, make_study

SETTINGS = {"kind": "fine_tune", "backbone": "tiny", "engine": "native", "freeze": 0, "training": TRAINING}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("finetuning")


@pytest.fixture(scope="module")
def backbone(folder):
    return make_backbone(folder / "bert")


@pytest.fixture(scope="module")
def study(folder, backbone):
    return make_study(folder / "tokens", backbone)


def settings_of(engine="native", freeze=0, **training):
    return SETTINGS | {"engine": engine, "freeze": freeze, "training": TRAINING | training}


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
@pytest.mark.parametrize("engine", ENGINES)
def test_learns_and_leaves_a_model_that_loads(engine, task, backbone, tmp_path, monkeypatch, capfd):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    monkeypatch.chdir(tmp_path)
    data = make_study(tmp_path / "tokens", backbone, task)
    run = fine_tune(data, settings_of(engine, epochs=5), 1, tmp_path / "run" / "model", 0)
    # A guess reaches 1/3 or 2/3, telling one class from the two others .6 or .8.
    assert average_precision_score(data.valid.targets, run.valid) > 0.9
    assert run.valid.shape == (40, 3)
    if task == "multi_class":
        np.testing.assert_allclose(run.test.sum(axis=1), 1, atol=1e-5)
    figures = {"multi_class": "valid_accuracy", "multi_label": "valid_label_auprc"}
    for epoch, record in enumerate(run.history[:-1], 1):
        assert record["epoch"] == epoch
        assert record["step"] == 12 * epoch
        assert {"train_loss", "valid_loss", figures[task]} <= set(record)
        assert not any("eval_" in name or "per_second" in name for name in record)
    assert run.history[-1] == {"event": "best", "epoch": 5}

    # Nothing else is left behind, and nothing is printed.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "tokens"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"model", run.checkpoints.name}
    assert capfd.readouterr().out == ""

    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "model")
    assert model.config.id2label == dict(enumerate(SIGNS))
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    chances = torch.softmax if task == "multi_class" else lambda logits, dim: torch.sigmoid(logits)
    with torch.inference_mode():
        batch = tokenizer(data.test.texts, truncation=True, padding=True, return_tensors="pt")
        again = chances(model(**batch).logits, dim=1).numpy()
    np.testing.assert_allclose(again, run.test, atol=1e-5)
    size = sum(weights.numel() for weights in model.parameters())
    parts = (data.train, data.valid, data.test)
    lengths = [len(tokenizer(text, truncation=False)["input_ids"]) for part in parts for text in part.texts]
    cut = np.mean(np.array(lengths) > TRAINING["max_length"])
    assert 0 < cut < 1
    assert run.cost == {"parameters": size, "trained_parameters": size, "device": "cpu", "cut": pytest.approx(cut)}


@pytest.mark.parametrize("grouped", [False, True])
def test_engines_agree_without_dropout(grouped, study, tmp_path):
    """The same first weights, batches, schedule, decay and clipping: what is left is rounding."""
    data = dataclasses.replace(study, backbone=str(make_backbone(tmp_path / "sober", dropout=0.0)))
    settings = [
        settings_of(engine, weight_decay=0.1, monitor="valid_loss", group_by_length=grouped) for engine in ENGINES
    ]
    runs = [fine_tune(data, each, 3, tmp_path / each["engine"] / "model", 0) for each in settings]
    np.testing.assert_allclose(runs[0].test, runs[1].test, atol=1e-3)
    assert len(runs[0].history) == len(runs[1].history) == 4
    for one, two in zip(*(run.history for run in runs), strict=True):
        assert one == pytest.approx(two, abs=1e-3)


def interrupt_second_epoch(study, settings, folder, monkeypatch):
    """A training that is stopped while it judges its second epoch."""
    calls, figures = [], finetuning.FIGURES["multi_class"]

    def stop(targets, chances):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return figures(targets, chances)

    with monkeypatch.context() as patch:
        patch.setitem(finetuning.FIGURES, "multi_class", stop)
        with pytest.raises(KeyboardInterrupt):
            fine_tune(study, settings, 5, folder, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_repeats_by_seed_and_goes_on_after_an_interruption(engine, study, tmp_path, monkeypatch):
    settings = settings_of(engine, epochs=2, group_by_length=True)
    whole = fine_tune(study, settings, 5, tmp_path / "whole" / "model", 0)
    other = fine_tune(study, settings, 6, tmp_path / "other" / "model", 0)
    interrupt_second_epoch(study, settings, tmp_path / "broken" / "model", monkeypatch)
    left = [path.name for path in (tmp_path / "broken").iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".checkpoints-")

    resumed = fine_tune(study, settings, 5, tmp_path / "broken" / "model", 0)
    # What the run leaves is not all on disk yet: whoever writes the rest removes the checkpoints.
    assert {path.name for path in (tmp_path / "broken").iterdir()} == {"model", resumed.checkpoints.name}
    np.testing.assert_allclose(resumed.test, whole.test, atol=0 if engine == "native" else 1e-6)
    assert [record.get("valid_loss") for record in resumed.history] == pytest.approx(
        [record.get("valid_loss") for record in whole.history]
    )
    assert not np.allclose(whole.test, other.test, atol=1e-4)


def test_refuses_checkpoints_of_another_run(study, tmp_path):
    parts = (study.train, study.valid)
    examples = read_examples(study.tokens, parts, study.task, 12, [2, 3])
    run = finetuning.identity(study, examples, SETTINGS, 0)
    checkpoints = finetuning.open_checkpoints(tmp_path / "model", run)
    assert finetuning.open_checkpoints(tmp_path / "model", run) == checkpoints
    for other in (run | {"seed": 1}, run | {"settings": settings_of(epochs=9)}):
        assert finetuning.open_checkpoints(tmp_path / "model", other) != checkpoints

    fewer = dataclasses.replace(study, train=make_shorter(study.train))
    with pytest.raises(LexomeError, match=r"other train; delete this folder"):
        fine_tune(fewer, SETTINGS, 0, tmp_path / "model", 0)
    write_json(checkpoints / "run.json", run | {"settings": settings_of(learning_rate=1.0)})
    with pytest.raises(LexomeError, match="other settings"):
        fine_tune(study, SETTINGS, 0, tmp_path / "model", 0)


def make_shorter(part):
    return dataclasses.replace(part, ids=part.ids[:-8], targets=part.targets[:-8], texts=part.texts[:-8])


@pytest.mark.parametrize("engine", ENGINES)
def test_frozen_layers_do_not_move(engine, study, backbone, tmp_path):
    from transformers import AutoModel, AutoModelForSequenceClassification

    run = fine_tune(study, settings_of(engine, freeze=1, epochs=1, weight_decay=0.5), 0, tmp_path / "model", 0)
    before = AutoModel.from_pretrained(backbone).state_dict()
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    after = model.base_model.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    frozen = {name for name in before if name.startswith(("embeddings.", "encoder.layer.0."))}
    assert frozen
    assert frozen <= same
    assert {"encoder.layer.1.attention.self.query.weight", "pooler.dense.weight"} <= set(before) - same
    held = sum(part.numel() for name, part in model.base_model.named_parameters() if name in frozen)
    assert run.cost["trained_parameters"] == run.cost["parameters"] - held


def test_a_protein_backbone_is_tuned_too(tiny_backbone, tmp_path):
    from lexome.runs import Part, RunData
    from lexome.tokens import load_tokenizer, tokenise

    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), rng.integers(5, 12))) for _ in range(90)]
    ids = [f"p{i}" for i in range(90)]
    tokenise(ids, sequences, load_tokenizer(tiny_backbone), 20).save_to_disk(str(tmp_path / "tokens"))
    targets = np.array([["W" in s, "K" in s] for s in sequences], dtype=np.uint8)
    parts = [
        Part(ids[rows], targets[rows], None, sequences[rows]) for rows in (slice(60), slice(60, 75), slice(75, 90))
    ]
    labels = [{"id": "W"}, {"id": "K"}]
    data = RunData(*parts, labels, "multi_label", str(tmp_path / "tokens"), str(tiny_backbone))
    run = fine_tune(data, settings_of(epochs=4, freeze=1), 0, tmp_path / "model", 0)
    assert run.history[-2]["train_loss"] < run.history[0]["train_loss"]
    assert run.test.shape == (15, 2)


LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["query", "attention.output.dense"]}


@pytest.mark.parametrize("engine", ENGINES)
def test_adapters_learn_and_become_plain_weights(engine, study, backbone, tmp_path):
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    settings = settings_of(engine, epochs=6, learning_rate=0.03, weight_decay=0.1) | {"lora": LORA}
    run = fine_tune(study, settings, 1, tmp_path / "run" / "model", 0)
    assert average_precision_score(study.valid.targets, run.valid) > 0.7
    # Two layers, A and B of two matrices each, 16 wide; the head of three classes.
    assert run.cost["trained_parameters"] == 2 * 2 * 2 * 4 * 16 + 3 * 16 + 3
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "model")
    assert run.cost["parameters"] == sum(weights.numel() for weights in model.parameters())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    with torch.inference_mode():
        batch = tokenizer(study.test.texts, truncation=True, padding=True, return_tensors="pt")
        again = torch.softmax(model(**batch).logits, dim=1).numpy()
    np.testing.assert_allclose(again, run.test, atol=1e-5)
    assert {path.name for path in (tmp_path / "run" / "model").iterdir()} >= {"config.json", "model.safetensors"}
    assert not list((tmp_path / "run" / "model").glob("adapter*"))
    before, after = AutoModel.from_pretrained(backbone).state_dict(), model.base_model.state_dict()
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    layers = [f"encoder.layer.{layer}.attention" for layer in range(2)]
    assert moved == {f"{layer}.{name}.weight" for layer in layers for name in ("self.query", "output.dense")}
    for name in moved:  # what was added has the rank of the adapters
        assert torch.linalg.matrix_rank(after[name] - before[name], atol=1e-5) <= 4


@pytest.mark.parametrize("engine", ENGINES)
def test_adapters_go_on_after_an_interruption(engine, study, tmp_path, monkeypatch):
    settings = settings_of(engine, epochs=2, monitor="valid_loss") | {"lora": LORA}
    whole = fine_tune(study, settings, 5, tmp_path / "whole" / "model", 0)
    interrupt_second_epoch(study, settings, tmp_path / "broken" / "model", monkeypatch)
    resumed = fine_tune(study, settings, 5, tmp_path / "broken" / "model", 0)
    np.testing.assert_allclose(resumed.test, whole.test, atol=0 if engine == "native" else 1e-6)
    losses = [[record.get("valid_loss") for record in run.history] for run in (resumed, whole)]
    assert losses[0] == pytest.approx(losses[1])


def test_adapters_are_trained_alike_by_both_engines(study, tmp_path):
    data = dataclasses.replace(study, backbone=str(make_backbone(tmp_path / "sober", dropout=0.0)))
    runs = [
        fine_tune(data, settings_of(engine, weight_decay=0.1) | {"lora": LORA}, 3, tmp_path / engine / "model", 0)
        for engine in ENGINES
    ]
    np.testing.assert_allclose(runs[0].test, runs[1].test, atol=1e-3)


@pytest.mark.parametrize("architecture", ["esm", "nucleotide_transformer"])
def test_adapters_of_other_architectures(architecture, tmp_path):
    from lexome.initialisation import initialise
    from lexome.runs import Part, RunData
    from lexome.tokens import load_tokenizer, tokenise

    init = {"architecture": architecture, "layers": 2, "hidden": 16, "heads": 2, "intermediate": 32, "positions": 32}
    initialise(init | {"seed": 0}, tmp_path / "backbone")
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 36 if architecture != "esm" else 10)) for _ in range(40)]
    ids = [f"e{i}" for i in range(40)]
    tokenise(ids, texts, load_tokenizer(tmp_path / "backbone"), 20).save_to_disk(str(tmp_path / "tokens"))
    targets = np.eye(2, dtype=np.uint8)[rng.integers(2, size=40)]
    parts = [Part(ids[rows], targets[rows], None, texts[rows]) for rows in (slice(24), slice(24, 32), slice(32, 40))]
    labels = [{"id": "a"}, {"id": "b"}]
    data = RunData(*parts, labels, "multi_class", str(tmp_path / "tokens"), str(tmp_path / "backbone"))
    settings = settings_of(epochs=1) | {"lora": LORA | {"targets": ["query", "value"]}}
    run = fine_tune(data, settings, 0, tmp_path / "model", 0)
    model = build_classifier(tmp_path / "backbone", ["a", "b"], "multi_class")
    head = sum(part.numel() for part in model.parameters()) - sum(
        part.numel() for part in model.base_model.parameters()
    )
    assert run.cost["trained_parameters"] == head + 2 * 2 * 2 * 4 * 16
    assert run.cost["parameters"] == sum(part.numel() for part in model.parameters())
    trunk = finetuning.load_backbone(tmp_path / "model", CPU).state_dict()
    same = finetuning.load_backbone(tmp_path / "backbone", CPU).state_dict()
    # A pooler that no weights are stored of is drawn anew at every loading.
    names = [name for name in same if not name.startswith("pooler.")]
    moved = {name for name in names if not torch.equal(same[name], trunk[name])}
    assert len(moved) == 4
    assert all(name.endswith(("query.weight", "value.weight")) for name in moved)


def test_adapters_that_do_not_fit_are_named(study, tmp_path):
    with pytest.raises(LexomeError, match="no linear layer 'quary'; there are query, key, value, dense"):
        fine_tune(study, SETTINGS | {"lora": LORA | {"targets": ["quary"]}}, 0, tmp_path / "a" / "model", 0)
    with pytest.raises(LexomeError, match="set `freeze: 0`"):
        fine_tune(study, settings_of(freeze=1) | {"lora": LORA}, 0, tmp_path / "b" / "model", 0)


def test_a_foreign_head_is_left_out(backbone, tmp_path):
    """A backbone that comes as a classifier of as many classes gives its trunk alone."""
    torch.manual_seed(0)
    first = build_classifier(backbone, SIGNS, "multi_class")
    first.save_pretrained(tmp_path / "classifier")
    torch.manual_seed(1)
    second = build_classifier(tmp_path / "classifier", SIGNS, "multi_class")
    assert not torch.equal(first.classifier.weight, second.classifier.weight)
    for one, two in zip(first.base_model.parameters(), second.base_model.parameters(), strict=True):
        assert torch.equal(one, two)
    assert all(weights.requires_grad for weights in second.parameters())


def test_bad_requests_are_named(study, tmp_path):
    with pytest.raises(LexomeError, match="has 2 layers"):
        fine_tune(study, settings_of(freeze=3), 0, tmp_path / "a" / "model", 0)
    unknown = dataclasses.replace(study, test=dataclasses.replace(study.test, ids=["nobody"]))
    with pytest.raises(LexomeError, match="nobody"):
        fine_tune(unknown, SETTINGS, 0, tmp_path / "b" / "model", 0)


def test_targets_rows_and_cuts(study, caplog):
    with caplog.at_level(logging.WARNING):
        train, _, test = read_examples(study.tokens, (study.train, study.valid, study.test), "multi_class", 9, [2, 3])
    assert train.targets.tolist() == study.train.targets.argmax(axis=1).tolist()
    assert test.targets is None
    for row, text in zip(train.rows, study.train.texts, strict=True):
        assert row[-1] == 3
        assert len(row) == min(9, len(text.split()) + 2)
    assert "were cut to 9 tokens" in caplog.text


@given(st.lists(st.integers(4, 30), max_size=20), st.integers(3, 25), st.booleans())
def test_trim_keeps_the_start_and_a_final_special_token(middle, max_length, ended):
    row = np.array([2, *middle, 3] if ended else [2, *middle])
    cut = trim(row, max_length, [2, 3])
    assert len(cut) == min(len(row), max_length)
    body = len(cut) - 1 if ended else len(cut)
    np.testing.assert_array_equal(cut[:body], row[:body])
    if ended:
        assert cut[-1] == 3


def test_never_sees_test_labels(study, tmp_path):
    planted = dataclasses.replace(
        study, test=dataclasses.replace(study.test, targets=np.eye(3, dtype=np.uint8)[[0] * 32])
    )
    settings = settings_of(epochs=1)
    plain, other = (fine_tune(data, settings, 0, tmp_path / "model", 0) for data in (study, planted))
    np.testing.assert_array_equal(plain.test, other.test)
    assert plain.history == other.history


def test_dropout_is_off_when_predicting(study, backbone):
    model = build_classifier(backbone, SIGNS, "multi_class").train()
    (part,) = read_examples(study.tokens, [study.test], "multi_class", 12, [2, 3])
    np.testing.assert_array_equal(predict(model, part, 0, CPU), predict(model, part, 0, CPU))


def test_schema_takes_the_settings_and_refuses_a_typo(request):
    schema = load_yaml(request.config.rootpath / "config/schemas/models.schema.yaml")["fine_tune"]
    check(SETTINGS, schema, "models")
    check(SETTINGS | {"lora": LORA}, schema, "models")
    with pytest.raises(LexomeError, match="freeze: 2 is not known; values: 0"):
        check(SETTINGS | {"freeze": 2, "lora": LORA}, schema, "models")
    for wrong in (
        SETTINGS | {"lora": {"rank": 8}},
        SETTINGS | {"engine": "tensorflow"},
        SETTINGS | {"training": TRAINING | {"patience": 2}},
    ):
        with pytest.raises(LexomeError):
            check(wrong, schema, "models")


def test_readings_that_are_cut_are_counted(tmp_path, caplog):
    """Three letters less are two tokens more: nine 6-mers and three letters in place of ten 6-mers."""
    from lexome.initialisation import initialise
    from lexome.native_loop import Examples
    from lexome.runs import Part
    from lexome.tokens import encoder, load_tokenizer

    init = {"layers": 1, "hidden": 8, "heads": 1, "intermediate": 8, "positions": 32, "seed": 0}
    initialise({"architecture": "nucleotide_transformer", **init}, tmp_path / "nt")
    tokenizer = load_tokenizer(tmp_path / "nt")
    parts = [Part([name], None, None, ["ACGTAC" * 10]) for name in ("train", "valid", "test")]
    examples = [Examples([np.array(row) for row in encoder(tokenizer)(part.texts)], None) for part in parts]
    readings = {"shifts": [0, 3], "mask": 0.0}
    assert [part.cut for part in finetuning.read_again(examples, parts, tokenizer, readings, 13, 0)] == [0, 0, 0]
    with caplog.at_level(logging.WARNING):
        read = finetuning.read_again(examples, parts, tokenizer, readings, 11, 0)
    assert [part.cut for part in read] == [1, 1, 1]
    assert "3 of 3 examples were cut to 11 tokens in a reading" in caplog.text
