"""Amino acids in a backbone: classes beside permutations, the plane, masked residues one by one."""

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from lexome import residues
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS
from lexome.tokens import load_tokenizer

BOOTSTRAP = {"replicates": 200, "level": 0.9, "seed": 0}


@pytest.fixture(scope="session")
def masked_backbone(tiny_backbone, tmp_path_factory):
    """The tiny encoder with a masked-language head."""
    from transformers import EsmConfig, EsmForMaskedLM

    folder = tmp_path_factory.mktemp("backbones") / "masked"
    torch.manual_seed(0)
    config = EsmConfig.from_pretrained(tiny_backbone)
    model = EsmForMaskedLM(config)
    torch.nn.init.normal_(model.lm_head.bias)
    model.save_pretrained(folder)
    load_tokenizer(tiny_backbone).save_pretrained(folder)
    return folder


def test_every_amino_acid_has_one_class():
    assert sorted("".join(residues.CLASSES.values())) == sorted(AMINO_ACIDS)
    codes = residues.class_codes()
    assert [list(residues.CLASSES)[code] for code in codes] == [residues.CLASS_OF[letter] for letter in AMINO_ACIDS]


def test_blosum_is_the_published_table():
    scores = residues.blosum_vectors()
    at = AMINO_ACIDS.index
    assert (scores == scores.T).all()
    assert (scores[at("W"), at("W")], scores[at("D"), at("E")], scores[at("C"), at("E")]) == (11, 2, -4)


def test_token_vectors_are_the_weights(tiny_backbone):
    from transformers import AutoModel

    model, tokenizer = AutoModel.from_pretrained(tiny_backbone), load_tokenizer(tiny_backbone)
    found = residues.token_vectors(tiny_backbone)
    assert found.shape == (20, 16)
    for letter, own in zip(AMINO_ACIDS, found, strict=True):
        ids = torch.tensor([tokenizer.convert_tokens_to_ids(letter)])
        np.testing.assert_array_equal(own, model.embeddings.word_embeddings(ids)[0].detach().numpy())


def test_backbones_of_other_letters_are_refused(tiny_nucleotide_transformer):
    with pytest.raises(LexomeError, match=r"no token for .*D.* alone"):
        residues.token_vectors(tiny_nucleotide_transformer)


def test_silhouette_beside_permutations():
    rng = np.random.default_rng(0)
    classes = residues.class_codes()
    planted = rng.normal(size=(5, 12))[classes] * 3 + rng.normal(size=(20, 12))
    found = residues.class_silhouette(planted, classes, 0, 300)
    assert found["value"] == pytest.approx(
        silhouette_score(planted - planted.mean(axis=0), classes, metric="cosine"), abs=1e-5
    )
    assert found["value"] > found["high"] > found["chance"] > found["low"]
    assert found["p"] == pytest.approx(1 / 301)
    # Random vectors give p as often below .3 as they should.
    chances = [residues.class_silhouette(rng.normal(size=(20, 12)), classes, seed, 99)["p"] for seed in range(40)]
    assert 0.1 < np.mean(np.array(chances) < 0.3) < 0.55


def test_plane_is_that_of_scikit_learn():
    vectors = np.random.default_rng(1).normal(size=(20, 7)) * np.arange(1, 8)
    points, shares = residues.principal_plane(vectors)
    fitted = PCA(2).fit(vectors)
    np.testing.assert_allclose(np.abs(points), np.abs(fitted.transform(vectors)), atol=1e-9)
    np.testing.assert_allclose(shares, fitted.explained_variance_ratio_)
    assert (points[np.abs(points).argmax(axis=0), [0, 1]] > 0).all()


def test_background():
    shares = residues.background(["AAC", "XUA"])
    assert shares[AMINO_ACIDS.index("A")] == 0.75
    assert shares.sum() == 1
    np.testing.assert_allclose(residues.background([]), 1 / 20)


def test_masked_residues_one_by_one(masked_backbone):
    from transformers import EsmForMaskedLM

    sequence, places = "MXKVLAGWWC", [0, 1, 4, 9]
    found, reason = residues.masked_probabilities(masked_backbone, sequence, places, 64, 30)
    assert reason == ""
    model, tokenizer = EsmForMaskedLM.from_pretrained(masked_backbone).eval(), load_tokenizer(masked_backbone)
    letters = tokenizer.convert_tokens_to_ids(list(AMINO_ACIDS))
    for row, at in zip(found, places, strict=True):
        inputs = tokenizer(sequence, return_tensors="pt")
        inputs["input_ids"][0, at + 1] = tokenizer.mask_token_id
        with torch.inference_mode():
            expected = model(**inputs).logits[0, at + 1, letters].double().softmax(dim=0).numpy()
        np.testing.assert_allclose(row, expected, atol=1e-6)
        assert row.sum() == pytest.approx(1)
    assert np.ptp(found[:, 0]) > 0


def test_no_head_and_too_long_are_said(tiny_backbone, masked_backbone, tmp_path):
    from transformers import EsmModel

    EsmModel.from_pretrained(tiny_backbone).save_pretrained(tmp_path)
    load_tokenizer(tiny_backbone).save_pretrained(tmp_path)
    found, reason = residues.masked_probabilities(tmp_path, "MKV", [0], 64, 100)
    assert found is None
    assert "without the masked-language head" in reason
    found, reason = residues.masked_probabilities(masked_backbone, "MKV" * 30, [0], 64, 100)
    assert found is None
    assert "92 tokens" in reason


def test_scores_beside_the_background():
    sequence = "AAXC"
    shares = residues.background(["AAAC"])
    probabilities = np.full((4, 20), 0.01)
    probabilities[[0, 1, 3], [0, 1, 1]] = 0.81
    table = residues.masked_table(sequence, range(4), probabilities, shares)
    assert table.columns.tolist() == list(residues.MASKED_COLUMNS)
    assert len(table) == 80
    spread, right = residues.masked_scores(table, BOOTSTRAP, "one")
    # A with .81, A with .01, C with .81; the unknown residue does not count.
    assert spread["value"] == pytest.approx(math.exp(-(2 * math.log(0.81) + math.log(0.01)) / 3))
    assert spread["baseline"] == pytest.approx(math.exp(-(2 * math.log(0.75) + math.log(0.25)) / 3))
    assert spread["low"] <= spread["value"] <= spread["high"]
    assert (right["value"], right["baseline"], right["n"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert residues.masked_scores(table[:0], BOOTSTRAP, "one") == []
