"""Random backbones load like published ones and repeat by seed."""

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from lexome.initialisation import ESM_VOCABULARY, initialise

INIT = {"architecture": "esm", "layers": 2, "hidden": 16, "heads": 2, "intermediate": 32, "positions": 64}


def test_loads_with_its_language_model_head(tiny_backbone):
    model = AutoModelForMaskedLM.from_pretrained(tiny_backbone, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone, local_files_only=True)
    ids = tokenizer("MKV", return_tensors="pt")
    assert ids["input_ids"].tolist() == [[0, 20, 15, 7, 2]]
    assert model(**ids).logits.shape == (1, 5, len(ESM_VOCABULARY))
    assert (tiny_backbone / "model.safetensors").exists()


def test_repeats_by_seed(tmp_path):
    weights = []
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        initialise(INIT | {"seed": seed}, tmp_path / name)
        model = AutoModelForMaskedLM.from_pretrained(tmp_path / name, local_files_only=True)
        weights.append(model.esm.embeddings.word_embeddings.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
