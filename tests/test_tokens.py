"""Tokens of examples: ids, lengths, and truncation that is never silent."""

import json
import logging
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.errors import LexomeError
from lexome.initialisation import ESM_VOCABULARY, NUCLEOTIDE_VOCABULARY
from lexome.tokens import encoder, kmer_length, load_tokenizer, tokenise


def test_ids_and_lengths(tiny_backbone):
    tokens = tokenise(["a", "b"], ["MKV", "BXU"], load_tokenizer(tiny_backbone), max_tokens=10)
    assert tokens["id"][:] == ["a", "b"]
    assert tokens["input_ids"][:] == [[0, 20, 15, 7, 2], [0, 25, 24, 26, 2]]
    assert tokens["length"][:] == [5, 5]
    assert tokens["truncated"][:] == [False, False]


def test_truncation_is_marked_and_said(tiny_backbone, caplog):
    with caplog.at_level(logging.WARNING):
        tokens = tokenise(["a", "b"], ["M" * 8, "M" * 9], load_tokenizer(tiny_backbone), max_tokens=10)
    assert tokens["truncated"][:] == [False, True]
    assert tokens["length"][:] == [10, 10]
    assert "1 of 2" in caplog.text


def test_folder_without_a_tokenizer(tmp_path):
    with pytest.raises(LexomeError, match="tokenizer"):
        load_tokenizer(tmp_path)


@given(st.lists(st.text("ACDEFGHIKLMNPQRSTVWYBZXUO.-", min_size=1, max_size=40), min_size=1, max_size=4))
def test_look_up_equals_the_tokenizer(tiny_backbone, texts):
    tokenizer = load_tokenizer(tiny_backbone)
    assert encoder(tokenizer)(texts) == tokenizer(texts)["input_ids"]


def test_every_unknown_residue_is_a_token(tiny_backbone):
    assert encoder(load_tokenizer(tiny_backbone))(["MJJK"]) == [[0, 20, 3, 3, 15, 2]]


@pytest.fixture(scope="module")
def nucleotides(tiny_nucleotide_transformer):
    return load_tokenizer(tiny_nucleotide_transformer)


DNA = st.one_of(st.text("ACGTN", max_size=40), st.text("ACGT", max_size=40), st.text("ACGTNNNN", max_size=20))


@given(st.lists(DNA, min_size=1, max_size=4))
def test_kmers_are_looked_up_as_the_tokenizer_finds_them(nucleotides, texts):
    assert encoder(nucleotides)(texts) == nucleotides(texts)["input_ids"]


@given(st.text("ACGTN", max_size=60))
def test_kmers_by_hand(nucleotides, text):
    """The published handling, written down once more: parts between Ns, six letters at a time, then single ones."""
    tokens = []
    for at, part in enumerate(text.split("N")):
        tokens += ["N"] if at else []
        whole = len(part) // 6 * 6
        tokens += [part[i : i + 6] for i in range(0, whole, 6)] + list(part[whole:])
    ids = encoder(nucleotides)([text])[0]
    assert nucleotides.convert_ids_to_tokens(ids) == ["<cls>", *tokens]
    assert "".join(tokens) == text


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("ATGGTAGCTACATCATCT", [3, 506, 3662, 1567]),
        ("", [3]),
        ("ATCG", [3, 4102, 4103, 4104, 4105]),
        ("ATCGAT" + "A", [3, 439, 4102]),
        ("ATCGANATCGATA", [3, 4102, 4103, 4104, 4105, 4102, 4106, 439, 4102]),
        ("NN", [3, 4106, 4106]),
        # Other letters break a run as N does, each an unknown token of its own.
        ("ATCGATRYATCGAT", [3, 439, 0, 0, 439]),
    ],
)
def test_kmer_edges(nucleotides, text, ids):
    assert encoder(nucleotides)([text]) == [ids]


def test_unknown_letters_of_dna_are_counted(nucleotides, caplog):
    with caplog.at_level(logging.WARNING):
        encoder(nucleotides)(["ACGT", "ACGTNN"])
        assert not caplog.text
        encoder(nucleotides)(["ACGTRR", "ACGT", "WACGT"])
    assert "3 letters of 3 sequences" in caplog.text


@pytest.mark.parametrize("text", ["ACGTACGTa", "acgt", "ACn", "ACGTAC<mask>"])
def test_lower_case_dna_is_refused(nucleotides, text):
    with pytest.raises(LexomeError, match=r"sequence 2 of 2 \(.*\) has '[a-z]', lower case, at \d+: .* upper case"):
        encoder(nucleotides)(["ACGT", text])


def test_cut_dna_keeps_its_first_tokens(nucleotides):
    tokens = tokenise(["a", "b"], ["ACGTAC" * 9 + "A", "ACGTAC" * 4], nucleotides, max_tokens=5)
    assert tokens["truncated"][:] == [True, False]
    assert tokens["input_ids"][0] == encoder(nucleotides)(["ACGTAC" * 4])[0] == tokens["input_ids"][1]


def test_kmer_vocabularies_are_known(tiny_backbone, nucleotides):
    class Named:
        def __init__(self, tokens):
            self.tokens = tokens

        def get_vocab(self):
            return {token: at for at, token in enumerate(self.tokens)}

    threes = [a + b + c for a in "ATCG" for b in "ATCG" for c in "ATCG"]
    assert kmer_length(nucleotides) == kmer_length(Named(NUCLEOTIDE_VOCABULARY)) == 6
    assert kmer_length(Named(["<unk>", *threes, *"ATCGN"])) == 3
    assert kmer_length(Named(["<unk>", *threes[:-1], *"ATCGN"])) is None
    assert kmer_length(Named([*threes[:-1], "AUG", *"ATCG"])) is None
    assert kmer_length(Named([*threes, *"ATC"])) is None
    assert kmer_length(Named([*threes, "ATGG", *"ATCG"])) is None
    assert kmer_length(Named(ESM_VOCABULARY)) is kmer_length(load_tokenizer(tiny_backbone)) is None


@pytest.mark.parametrize("eos", ["none named", None, "<eos>"])
def test_published_tokenizers_add_no_end(tiny_nucleotide_transformer, tmp_path, eos):
    """Some tokenizer files say that there is no end, some say nothing; one that names it is believed."""
    folder = tmp_path / "published"
    shutil.copytree(tiny_nucleotide_transformer, folder)
    settings = {"cls_token": "<cls>", "mask_token": "<mask>", "pad_token": "<pad>", "unk_token": "<unk>"}
    settings |= {"tokenizer_class": "EsmTokenizer", "model_max_length": 2048}
    settings |= {} if eos == "none named" else {"eos_token": eos}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    # As some published folders: no type of model, but names of Python code, which is not there.
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoConfig": "esm_config.EsmConfig"}}))
    tokenizer = load_tokenizer(folder)
    assert encoder(tokenizer)(["ATGGTAGCTACATCATCT"])[0] == [3, 506, 3662, 1567] + [4] * (eos == "<eos>")
    tokenizer.save_pretrained(tmp_path / "again")
    assert load_tokenizer(tmp_path / "again").eos_token == (eos if eos == "<eos>" else None)
