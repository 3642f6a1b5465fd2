"""The Nucleotide Transformer gives the numbers of the public reference implementation, from weights with its names."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, EsmConfig
from transformers.models.esm.modeling_esm import EsmModel

from lexome import embedding
from lexome.finetuning import build_classifier, freeze
from lexome.masked_lm import find_head, load_masked_lm
from lexome.nucleotide_transformer import NucleotideTransformerForMaskedLM, load_config, load_model

FIXTURES = Path(__file__).parent / "fixtures" / "nucleotide_transformer"
LAYERS, WIDTH, HEADS, INNER, VOCABULARY = 3, 32, 4, 40, 4107
PAD = 1
# What the published folders say of their models, beside the sizes.
PUBLISHED = {
    "model_type": "esm",
    "architectures": ["EsmForMaskedLM", "EsmForTokenClassification", "EsmForSequenceClassification"],
    "auto_map": {
        "AutoConfig": "esm_config.EsmConfig",
        "AutoModelForMaskedLM": "modeling_esm.EsmForMaskedLM",
        "AutoModelForSequenceClassification": "modeling_esm.EsmForSequenceClassification",
    },
    "add_bias_fnn": False,
    "attention_probs_dropout_prob": 0.0,
    "emb_layer_norm_before": False,
    "esmfold_config": None,
    "hidden_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "is_folding_model": False,
    "mask_token_id": 2,
    "max_position_embeddings": 2050,
    "pad_token_id": PAD,
    "position_embedding_type": "rotary",
    "tie_word_embeddings": False,
    "token_dropout": False,
    "torch_dtype": "float32",
    "transformers_version": "4.32.0.dev0",
    "use_cache": False,
    "vocab_list": None,
    "vocab_size": VOCABULARY,
}


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights as the published checkpoints have them."""
    square = {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"}
    shapes = {
        "esm.embeddings.word_embeddings.weight": (VOCABULARY, WIDTH),
        "lm_head.decoder.weight": (VOCABULARY, WIDTH),
        "lm_head.bias": (VOCABULARY,),
        "lm_head.dense.weight": (WIDTH, WIDTH),
        "lm_head.dense.bias": (WIDTH,),
    }
    norms = ["esm.encoder.emb_layer_norm_after", "lm_head.layer_norm"]
    for layer in range(LAYERS):
        prefix = f"esm.encoder.layer.{layer}."
        shapes |= {f"{prefix}{name}.weight": (WIDTH, WIDTH) for name in square}
        shapes |= {f"{prefix}{name}.bias": (WIDTH,) for name in square}
        shapes[f"{prefix}intermediate.dense.weight"] = (2 * INNER, WIDTH)
        shapes[f"{prefix}output.dense.weight"] = (WIDTH, INNER)
        norms += [f"{prefix}attention.LayerNorm", f"{prefix}LayerNorm"]
    return shapes | {f"{name}.{part}": (WIDTH,) for name in norms for part in ("weight", "bias")}


def hashed(shape: tuple[int, ...], n: int) -> np.ndarray:
    """Numbers in [-.5, .5) that look random and follow from whole numbers only."""
    values = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(1 + 1000003 * n)
    for factor, shift in ((2654435761, 16), (2246822519, 13)):
        values = (values * np.uint64(factor)) & np.uint64(2**32 - 1)
        values ^= values >> np.uint64(shift)
    return (values.astype(np.float64) / 2**32 - 0.5).reshape(shape)


def made_up_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """The weights that the reference implementation was run with."""
    weights = {}
    for n, (name, shape) in enumerate(sorted(shapes.items())):
        values = hashed(shape, n)
        if len(shape) == 2:
            values = values * np.sqrt(12 / WIDTH)
        else:
            is_scale = name.removesuffix(".weight").lower().endswith(("norm", "norm_after")) and "bias" not in name
            values = 0.2 * values + is_scale
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights


def published_weights() -> dict[str, torch.Tensor]:
    return made_up_weights(published_shapes())


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder as the published ones are, without tokenizer."""
    folder = tmp_path_factory.mktemp("published") / "tiny"
    folder.mkdir()
    sizes = {
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "layer_norm_eps": 1e-5,
    }
    (folder / "config.json").write_text(json.dumps(PUBLISHED | sizes))
    frequencies = 1 / 10000 ** (torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS))
    rotary = {
        f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq": frequencies.clone()
        for layer in range(LAYERS)
    }
    positions = {"esm.embeddings.position_embeddings.weight": torch.ones(2050, WIDTH)}
    save_file(published_weights() | rotary | positions, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def read_numbers(name: str) -> dict[str, np.ndarray]:
    with np.load(FIXTURES / name) as file:
        return {key: file[key].astype(np.int64 if file[key].dtype.kind == "i" else np.float32) for key in file}


@pytest.fixture(scope="module")
def expected():
    return read_numbers("v2.npz")


def test_equals_the_reference(published, expected):
    """Rows are padded, one holds the cls token alone, some hold masked and unknown tokens."""
    ids = torch.from_numpy(expected["input_ids"])
    real = ids != PAD
    assert real.sum(dim=1).tolist() == [14, 9, 5, 2, 1, 12]
    model = load_model(AutoModelForMaskedLM, published, attn_implementation="eager").eval()
    with torch.inference_mode():
        output = model(ids, attention_mask=real.long(), output_hidden_states=True, output_attentions=True)
    for layer in range(LAYERS):
        states = output.hidden_states[layer + 1][real]
        np.testing.assert_allclose(states, expected["hidden_states"][layer][real], atol=1e-5, err_msg=str(layer))
        pairs = (real[:, :, None] & real[:, None, :])[:3]
        weights = output.attentions[layer][:3].permute(0, 2, 3, 1)[pairs]
        np.testing.assert_allclose(weights, expected["attention"][layer].transpose(0, 2, 3, 1)[pairs], atol=1e-5)
    logits = output.logits[real]
    np.testing.assert_allclose(logits[:, expected["columns"]], expected["logits"][real], atol=1e-5)
    np.testing.assert_allclose(logits.double().logsumexp(dim=1), expected["log_sum_exp"][real], atol=1e-5)


def test_padding_and_kind_of_attention_change_nothing(published, expected):
    model = load_model(AutoModel, published).eval()
    assert model.config._attn_implementation == "sdpa"
    ids = torch.from_numpy(expected["input_ids"])
    for row in ids:
        alone = row[row != PAD][None]
        with torch.inference_mode():
            states = model(alone).last_hidden_state[0]
        at = (ids == row).all(dim=1).nonzero()[0, 0]
        np.testing.assert_allclose(states, expected["hidden_states"][-1][at][: alone.shape[1]], atol=1e-5)


def test_published_weights_fill_the_model(published):
    """Every published weight has its place, and nothing that the masked-language model uses is left random."""
    _, report = load_model(AutoModelForMaskedLM, published, output_loading_info=True)
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    assert all("contact_head" in name for name in report["missing_keys"])
    model, new_head = load_masked_lm(published)
    assert isinstance(model, NucleotideTransformerForMaskedLM)
    assert not new_head
    own = model.state_dict()
    for name, weights in published_weights().items():
        assert torch.equal(own[name], weights), name


def test_head_at_masked_places_only(published, expected):
    model, _ = load_masked_lm(published)
    ids = torch.from_numpy(expected["input_ids"])
    assert find_head(model, {"input_ids": ids, "attention_mask": (ids != PAD).long()}) is model.lm_head


@pytest.mark.parametrize("kept", [{"model_type": "esm"}, {}])
def test_configurations_of_the_gated_family_are_known_by_their_key(published, tmp_path, kept):
    values = json.loads((published / "config.json").read_text())
    del values["model_type"]
    shutil.copytree(published, tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text(json.dumps(values | kept))
    config = load_config(tmp_path / "m", problem_type="single_label_classification")
    assert type(config).__name__ == "NucleotideTransformerConfig"
    assert config.problem_type == "single_label_classification"
    assert config.hidden_size == WIDTH
    assert not hasattr(config, "auto_map")


def test_version_1_is_plain_esm(tmp_path):
    """Learnt positions, tokens dropped out and an ordinary feed-forward block: the class of transformers reads it."""
    expected, inner, vocabulary, layers = read_numbers("v1.npz"), 48, 4105, 2
    shapes = {"esm.embeddings.position_embeddings.weight": (32, WIDTH)}
    for name, shape in published_shapes().items():
        if name.startswith("esm.encoder.layer.2."):
            continue
        shapes[name] = tuple(vocabulary if size == VOCABULARY else size for size in shape)
    for layer in range(layers):
        prefix = f"esm.encoder.layer.{layer}."
        shapes |= {f"{prefix}intermediate.dense.weight": (inner, WIDTH), f"{prefix}intermediate.dense.bias": (inner,)}
        shapes |= {f"{prefix}output.dense.weight": (WIDTH, inner), f"{prefix}output.dense.bias": (WIDTH,)}
    config = {
        "model_type": "esm",
        "vocab_size": vocabulary,
        "pad_token_id": PAD,
        "mask_token_id": 2,
        "hidden_size": WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "intermediate_size": inner,
        "max_position_embeddings": 32,
        "position_embedding_type": "absolute",
        "layer_norm_eps": 1e-5,
        "token_dropout": True,
        "emb_layer_norm_before": False,
        "tie_word_embeddings": False,
    }
    folder = tmp_path / "v1"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file(made_up_weights(shapes), folder / "model.safetensors", metadata={"format": "pt"})
    assert type(load_config(folder)) is EsmConfig
    assert type(embedding.load_backbone(folder, torch.device("cpu"))) is EsmModel
    ids = torch.from_numpy(expected["input_ids"])
    real = ids != PAD
    model, new_head = load_masked_lm(folder)
    assert not new_head
    with torch.inference_mode():
        output = model.eval()(ids, attention_mask=real.long(), output_hidden_states=True)
    for layer in range(layers):
        states = output.hidden_states[layer + 1][real]
        np.testing.assert_allclose(states, expected["hidden_states"][layer][real], atol=1e-5, err_msg=str(layer))
    logits = output.logits[real]
    np.testing.assert_allclose(logits[:, expected["columns"]], expected["logits"][real], atol=1e-5)
    np.testing.assert_allclose(logits.double().logsumexp(dim=1), expected["log_sum_exp"][real], atol=1e-5)


def test_saved_models_load_by_the_auto_classes(published, tmp_path):
    load_model(AutoModelForMaskedLM, published).save_pretrained(tmp_path / "saved")
    assert type(AutoConfig.from_pretrained(tmp_path / "saved")).__name__ == "NucleotideTransformerConfig"
    for auto in (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification):
        model = auto.from_pretrained(tmp_path / "saved", local_files_only=True)
        trunk = model.base_model
        weights = published_weights()["esm.encoder.layer.2.intermediate.dense.weight"]
        assert torch.equal(trunk.encoder.layer[2].intermediate.dense.weight, weights)
        assert trunk.encoder.layer[0].output.dense.bias is None


def test_classifier_keeps_the_trunk_and_freezes_its_layers(published):
    model = build_classifier(published, ["human", "mouse"], "multi_class")
    assert model.config.num_labels == 2
    assert model.config.id2label == {0: "human", 1: "mouse"}
    trunk = model.base_model.state_dict()
    for name, weights in published_weights().items():
        if name.startswith("esm."):
            assert torch.equal(trunk[name.removeprefix("esm.")], weights), name
    freeze(model, 2)
    layers = model.base_model.encoder.layer
    assert [layer.intermediate.dense.weight.requires_grad for layer in layers] == [False, False, True]
    assert not model.base_model.embeddings.word_embeddings.weight.requires_grad
    assert model.classifier.dense.weight.requires_grad


def test_weights_of_another_block_are_refused(published, tmp_path):
    """A checkpoint without gating does not fit, and is not loaded halfway."""
    shutil.copytree(published, tmp_path / "m")
    weights = published_weights()
    for layer in range(LAYERS):
        name = f"esm.encoder.layer.{layer}.intermediate.dense.weight"
        weights[name] = weights[name][:INNER].clone()
    save_file(weights, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RuntimeError, match="mismatch"):
        load_model(AutoModel, tmp_path / "m")
