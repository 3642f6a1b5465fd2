"""Random backbones load like published ones and repeat by seed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from lexome.initialisation import BERT_VOCABULARY, ESM_VOCABULARY, NUCLEOTIDE_VOCABULARY, compose_kmers, initialise
from lexome.nucleotide_transformer import NucleotideTransformerConfig

INIT = {"architecture": "esm", "layers": 2, "hidden": 16, "heads": 2, "intermediate": 32, "positions": 64}


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backbones") / "bert"
    initialise(INIT | {"architecture": "bert", "seed": 0}, folder)
    return folder


def test_loads_with_its_language_model_head(tiny_backbone):
    model = AutoModelForMaskedLM.from_pretrained(tiny_backbone, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone, local_files_only=True)
    ids = tokenizer("MKV", return_tensors="pt")
    assert ids["input_ids"].tolist() == [[0, 20, 15, 7, 2]]
    assert model(**ids).logits.shape == (1, 5, len(ESM_VOCABULARY))
    assert (tiny_backbone / "model.safetensors").exists()


def test_bert_reads_letters(tiny_bert):
    model = AutoModelForMaskedLM.from_pretrained(tiny_bert, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert, local_files_only=True)
    ids = tokenizer("Été: H2O", return_tensors="pt")
    tokens = tokenizer.convert_ids_to_tokens(ids["input_ids"][0])
    assert tokens == ["[CLS]", "e", "##t", "##e", ":", "h", "##2", "##o", "[SEP]"]
    assert model(**ids).logits.shape == (1, 9, len(BERT_VOCABULARY))
    assert tokenizer.model_max_length == 64
    trunk = AutoModel.from_pretrained(tiny_bert, local_files_only=True)
    assert trunk(**ids).last_hidden_state.shape == (1, 9, 16)


def test_nucleotide_transformer_reads_six_letters_at_a_time(tiny_nucleotide_transformer):
    model = AutoModelForMaskedLM.from_pretrained(tiny_nucleotide_transformer, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tiny_nucleotide_transformer, local_files_only=True)
    ids = tokenizer("ATGGTAGCTACATCATCT", return_tensors="pt")
    assert ids["input_ids"].tolist() == [[3, 506, 3662, 1567]]
    assert type(model.config) is NucleotideTransformerConfig
    assert len(NUCLEOTIDE_VOCABULARY) == len(set(NUCLEOTIDE_VOCABULARY)) == 4107
    assert model(**ids).logits.shape == (1, 4, 4107)
    assert tokenizer.model_max_length == 64
    assert tokenizer.eos_token is None
    # Unlike the published models, for want of data: one table of tokens for reading and telling.
    assert torch.equal(model.lm_head.decoder.weight, model.base_model.embeddings.word_embeddings.weight)


def test_kmers_of_like_parts_begin_alike():
    composed = compose_kmers(NUCLEOTIDE_VOCABULARY, 400, 0.05, seed=0)
    named = {NUCLEOTIDE_VOCABULARY[at]: vector for at, vector in composed.items()}
    assert set(named) == {token for token in NUCLEOTIDE_VOCABULARY if len(token) == 6 and token.isalpha()}
    assert torch.stack(list(named.values())).std().item() == pytest.approx(0.05, rel=0.05)

    def likeness(one, other):
        return torch.cosine_similarity(named[one], named[other], dim=0).item()

    # Of 8 parts, ATGGCA and ATGGCC share 6 (5 letters and a codon); ATGGCA and ATGTTG 4 (3 letters and a codon).
    assert likeness("ATGGCA", "ATGGCC") == pytest.approx(6 / 8, abs=0.12)
    assert likeness("ATGGCA", "ATGTTG") == pytest.approx(4 / 8, abs=0.12)
    assert likeness("ATGGCA", "CCCTTT") == pytest.approx(0, abs=0.15)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_bert_knows_every_character_of_ascii(tiny_bert, text):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert, local_files_only=True)
    tokens = tokenizer.tokenize(text)
    assert tokenizer.unk_token not in tokens
    assert "".join(token.removeprefix("##") or "##" for token in tokens) == "".join(text.lower().split())


@pytest.mark.parametrize("architecture", ["esm", "bert", "nucleotide_transformer"])
def test_repeats_by_seed(tmp_path, architecture):
    weights = []
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        initialise(INIT | {"architecture": architecture, "seed": seed}, tmp_path / name)
        model = AutoModelForMaskedLM.from_pretrained(tmp_path / name, local_files_only=True)
        weights.append(model.base_model.embeddings.word_embeddings.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
