"""k-mers are counted as a loop counts them; motifs and compositions tell what they can, and no more."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

import lexome.dnamodels
from lexome.dna import reverse_complement
from lexome.dnamodels import fit_length, kmer_columns, kmer_counts, kmer_shares, motif_scores
from lexome.errors import LexomeError
from lexome.models import KINDS
from lexome.predictors import load_predictor
from lexome.runs import Part, RunData
from lexome.runtime import read_json, write_json
from lexome.settings import check, load_yaml

MEME = """MEME version 4

ALPHABET= ACGT

MOTIF M1.1 first
letter-probability matrix: alength= 4 w= 5 nsites= 100
{}

MOTIF M2.1 second
letter-probability matrix: alength= 4 w= 6 nsites= 100
{}
"""
SITES = {"F1": "TGACC", "F2": "GGATAC"}
REGRESSION = {"C": 1.0, "max_iter": 500}
SETTINGS = {
    "composition": {"kind": "composition", "reverse_complement": True, **REGRESSION},
    "kmer": {"kind": "kmer", "k": 3, "reverse_complement": True, **REGRESSION},
    "pwm": {"kind": "pwm", "motifs": {"F1": ["M1.1"], "F2": ["M2.1"]}, **REGRESSION},
}


@pytest.fixture
def motif_file(tmp_path):
    def rows(site):
        return "\n".join(" ".join("0.97" if c == letter else "0.01" for c in "ACGT") for letter in site)

    path = tmp_path / "motifs.meme"
    path.write_text(MEME.format(*map(rows, SITES.values())))
    return str(path)


def make_study(measured=False):
    """Sequences of 36 to 40 nucleotides, each with the site of either factor, on either strand, or without."""
    rng = np.random.default_rng(0)
    parts = []
    for n in (400, 150, 150):
        texts = ["".join(rng.choice(list("ACGT"), size)) for size in rng.integers(36, 41, n)]
        targets = (rng.random((n, 2)) < 0.5).astype(np.uint8)
        for row, label in zip(*np.nonzero(targets), strict=True):
            site = SITES[f"F{label + 1}"]
            site = site if rng.random() < 0.5 else reverse_complement(site)
            at = rng.integers(0, 10) + 18 * label
            texts[row] = texts[row][:at] + site + texts[row][at + len(site) :]
        known = np.eye(2, dtype=bool)[rng.integers(2, size=n)] if measured else None
        parts.append(
            Part([f"e{at}" for at in range(n)], targets if known is None else targets * known, None, texts, known)
        )
    truth = parts[2].targets
    parts[2] = dataclasses.replace(parts[2], targets=None, known=None)
    return RunData(*parts, [{"id": "F1"}, {"id": "F2"}], "multi_label"), truth


def settings_of(kind, motif_file):
    return SETTINGS[kind] | ({"motif_file": motif_file} if kind == "pwm" else {})


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text("ACGTN", max_size=12), max_size=6),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 200),
    st.integers(1, 4),
)
def test_kmers_are_counted_as_by_a_loop(sequences, k, both, block, step):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexome.dnamodels, "BLOCK", block)
        counts = kmer_counts(sequences, k, both, step).toarray()
    names, _ = kmer_columns(k, both)
    assert counts.shape == (len(sequences), len(names))
    for row, sequence in zip(counts, sequences, strict=True):
        expected = Counter()
        for at in range(0, len(sequence) - k + 1, step):
            kmer = sequence[at : at + k]
            if "N" not in kmer:
                expected[min(kmer, reverse_complement(kmer)) if both else kmer] += 1
        assert dict(zip(names, row.tolist(), strict=True)) == {name: expected[name] for name in names}


def test_columns_of_both_strands():
    assert kmer_columns(1, True)[0] == ["A", "C"]
    # 64 3-mers make 32 pairs; of 16 2-mers four are their own reverse complements.
    assert [len(kmer_columns(k, True)[0]) for k in (2, 3)] == [10, 32]
    sequences = ["ACGTTGCAN", "GGGATC"]
    other = [reverse_complement(sequence) for sequence in sequences]
    np.testing.assert_array_equal(kmer_counts(sequences, 3, True).toarray(), kmer_counts(other, 3, True).toarray())
    assert (kmer_counts(sequences, 3, False) != kmer_counts(other, 3, False)).nnz


def test_a_step_of_three_counts_codons():
    """The frame alone tells these classes apart: all 3-mers of either are those of the other."""
    counts = kmer_counts(["ATGAAAC", "AATGAAA", "ATGNAAGGG"], 3, False, 3).toarray()
    names, _ = kmer_columns(3, False)
    found = [{names[at]: row[at] for at in np.flatnonzero(row)} for row in counts]
    assert found == [{"ATG": 1, "AAA": 1}, {"AAT": 1, "GAA": 1}, {"ATG": 1, "GGG": 1}]


def test_codons_are_a_model_that_knows_the_frame(tmp_path, request):
    rng = np.random.default_rng(1)
    classes, parts = [rng.integers(2, size=n) for n in (300, 40, 100)], []
    for of in classes:
        # AGC in the frame of the class between random letters: the shares of all 3-mers differ little.
        texts = [
            "".join(rng.choice(list("ACGT"), 1 + c)) + "AGC" * 8 + "".join(rng.choice(list("ACGT"), 2 - c)) for c in of
        ]
        parts.append(Part([f"e{at}" for at in range(len(of))], np.eye(2, dtype=np.uint8)[of], None, texts))
    parts[2] = dataclasses.replace(parts[2], targets=None)
    data = RunData(*parts, [{"id": "a"}, {"id": "b"}], "multi_class")
    chosen = SETTINGS["kmer"] | {"reverse_complement": False, "step": 3}
    run = KINDS["kmer"](data, chosen, 0, tmp_path / "m", 0)
    assert (run.test.argmax(axis=1) == classes[2]).all()
    np.testing.assert_allclose(load_predictor(tmp_path / "m", chosen)(data.test.texts), run.test, atol=1e-6)
    # A model saved before there were steps counts at every position.
    about = read_json(tmp_path / "m" / "config.json")
    assert about.pop("step") == 3
    write_json(tmp_path / "m" / "config.json", about)
    assert not np.allclose(load_predictor(tmp_path / "m", chosen)(data.test.texts), run.test, atol=1e-3)
    schema = load_yaml(request.config.rootpath / "config/schemas/models.schema.yaml")["kmer"]
    check(chosen, schema, "models")
    for wrong in ({"reverse_complement": True}, {"step": 2}):
        with pytest.raises(LexomeError):
            check(chosen | wrong, schema, "models")
    with pytest.raises(LexomeError, match="reverse_complement: false"):
        KINDS["kmer"](data, chosen | {"reverse_complement": True}, 0, tmp_path / "n", 0)


def test_shares_do_not_tell_the_length():
    shares = kmer_shares(["ACAC" * 5, "AC" * 30, "NNNN"], 1, False).toarray()
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]])


def test_lengths_are_made_one_around_the_middle(caplog):
    assert fit_length(["ACGTA", "AC", "ACG", ""], 4) == ["ACGT", "NACN", "ACGN", "NNNN"]
    assert "1 of 4 sequences were cut" in caplog.text
    assert fit_length(["AACCGGTT"], 4) == ["CCGG"]


def test_motif_scores_equal_a_loop_over_windows_and_strands():
    rng = np.random.default_rng(0)
    log_odds = [rng.normal(size=(width, 4)) for width in (3, 6)]
    sequences = ["".join(rng.choice(list("ACGTN"), size)) for size in (3, 8, 12, 12)]
    found = motif_scores(sequences, log_odds)
    for row, sequence in zip(found, sequences, strict=True):
        for score, matrix in zip(row, log_odds, strict=True):
            width = len(matrix)
            starts = range(len(sequence) - width + 1)
            windows = [s[at : at + width] for s in (sequence, reverse_complement(sequence)) for at in starts]
            bits = [sum(0 if c == "N" else matrix[i]["ACGT".index(c)] for i, c in enumerate(w)) for w in windows]
            assert score == pytest.approx(max(bits, default=matrix.min(axis=1).sum()), rel=1e-5)


def test_kmer_regression_equals_scikit_learn(tmp_path):
    data, _ = make_study()
    run = KINDS["kmer"](data, SETTINGS["kmer"], 0, tmp_path / "m", 0)
    scaler = StandardScaler().fit(kmer_shares(data.train.texts, 3, True).toarray())
    x, new = (scaler.transform(kmer_shares(part.texts, 3, True).toarray()) for part in (data.train, data.test))
    for label in range(2):
        theirs = LogisticRegression(C=1.0, max_iter=500).fit(x, data.train.targets[:, label]).predict_proba(new)[:, 1]
        np.testing.assert_allclose(run.test[:, label], theirs, atol=0.01)


def test_each_kind_tells_what_it_can(tmp_path, motif_file):
    data, truth = make_study()
    areas = {}
    for kind in SETTINGS:
        run = KINDS[kind](data, settings_of(kind, motif_file), 0, tmp_path / kind, 0)
        assert run.valid.shape == run.test.shape == (150, 2)
        assert run.history == []
        areas[kind] = roc_auc_score(truth, run.test, average=None)
    assert areas["pwm"].min() > 0.95
    assert (areas["kmer"] < areas["pwm"]).all()
    assert (areas["composition"] < areas["kmer"]).all()


@pytest.mark.parametrize("kind", SETTINGS)
def test_comes_back_from_disk_and_reads_either_strand(kind, tmp_path, motif_file):
    data, _ = make_study()
    chosen = settings_of(kind, motif_file)
    run = KINDS[kind](data, chosen, 0, tmp_path / "model", 0)
    predictor = load_predictor(tmp_path / "model", chosen)
    np.testing.assert_allclose(predictor(data.test.texts), run.test, atol=1e-6)
    other = predictor([reverse_complement(sequence) for sequence in data.test.texts])
    np.testing.assert_allclose(other, run.test, atol=1e-6)
    np.testing.assert_allclose(predictor(data.test.texts[:1]), run.test[:1], atol=1e-6)
    assert predictor([]).shape == (0, 2)
    assert predictor(["ACG"]).shape == (1, 2)


@pytest.mark.parametrize("kind", SETTINGS)
def test_unknown_labels_and_test_labels_teach_nothing(kind, tmp_path, motif_file):
    data, _ = make_study(measured=True)
    train = data.train
    targets = np.where(train.known, train.targets, 1).astype(np.uint8)
    other = dataclasses.replace(
        data,
        train=dataclasses.replace(train, targets=targets),
        test=dataclasses.replace(data.test, targets=np.ones((150, 2), dtype=np.uint8)),
    )
    first, second = (KINDS[kind](d, settings_of(kind, motif_file), 0, tmp_path / "m", 0) for d in (data, other))
    np.testing.assert_array_equal(first.test, second.test)
    # One label alone, of the examples that it is known of.
    rows = np.flatnonzero(train.known[:, 1])
    alone = Part([train.ids[at] for at in rows], train.targets[rows, 1:], None, [train.texts[at] for at in rows])
    valid = dataclasses.replace(data.valid, targets=data.valid.targets[:, 1:], known=data.valid.known[:, 1:])
    single = dataclasses.replace(data, train=alone, valid=valid, labels=data.labels[1:])
    if kind == "pwm":  # others scale their features by all examples
        third = KINDS[kind](single, settings_of(kind, motif_file), 0, tmp_path / "s", 0)
        np.testing.assert_allclose(third.test[:, 0], first.test[:, 1], atol=0.02)


def test_kinds_of_classes(tmp_path, motif_file):
    data, _ = make_study()
    classes = {
        name: dataclasses.replace(part, targets=np.stack([part.targets[:, 0], 1 - part.targets[:, 0]], axis=1))
        for name, part in (("train", data.train), ("valid", data.valid))
    }
    data = dataclasses.replace(data, **classes, task="multi_class")
    run = KINDS["kmer"](data, SETTINGS["kmer"], 0, tmp_path / "m", 0)
    np.testing.assert_allclose(run.test.sum(axis=1), 1, atol=1e-5)
    with pytest.raises(LexomeError, match="multi_class"):
        KINDS["pwm"](data, settings_of("pwm", motif_file), 0, tmp_path / "p", 0)


def test_a_label_without_a_motif_is_named(tmp_path, motif_file):
    data, _ = make_study()
    with pytest.raises(LexomeError, match="motifs: none for F2"):
        KINDS["pwm"](data, settings_of("pwm", motif_file) | {"motifs": {"F1": ["M1.1"]}}, 0, tmp_path / "p", 0)


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_schema_takes_these_settings(kind, request, motif_file):
    schema = load_yaml(request.config.rootpath / "config/schemas/models.schema.yaml")[kind]
    check(settings_of(kind, motif_file), schema, kind)
    with pytest.raises(LexomeError, match="max_itre: unknown key; did you mean max_iter"):
        check(settings_of(kind, motif_file) | {"max_itre": 3}, schema, kind)


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_valid_chooses_among_several_penalties(task, tmp_path):
    data, _ = make_study()
    if task == "multi_class":
        parts = [dataclasses.replace(part, targets=one_class(part)) for part in (data.train, data.valid)]
        labels = [{"id": name} for name in ("F1", "F2", "none")]
        data = dataclasses.replace(data, train=parts[0], valid=parts[1], labels=labels, task=task)
    errors = {}
    for strength in (1e-6, 0.1, 1e4):
        run = KINDS["kmer"](data, SETTINGS["kmer"] | {"C": strength}, 0, tmp_path / str(strength), 0)
        truth = data.valid.targets
        if task == "multi_class":
            errors[strength] = (run.valid.argmax(axis=1) != truth.argmax(axis=1)).sum()
        else:
            errors[strength] = -np.log(np.where(truth == 1, run.valid, 1 - run.valid)).sum()
    chosen = KINDS["kmer"](data, SETTINGS["kmer"] | {"C": list(errors)}, 0, tmp_path / "several", 0)
    best = min(errors, key=errors.get)
    assert read_json(tmp_path / "several" / "config.json")["C"] == best
    one = KINDS["kmer"](data, SETTINGS["kmer"] | {"C": best}, 0, tmp_path / "one", 0)
    np.testing.assert_array_equal(chosen.test, one.test)
    bare = dataclasses.replace(data, valid=Part([], data.valid.targets[:0], None, []))
    with pytest.raises(LexomeError, match="C: there is no valid example to choose"):
        KINDS["kmer"](bare, SETTINGS["kmer"] | {"C": list(errors)}, 0, tmp_path / "bare", 0)


def one_class(part):
    """The first site of each example as its class, the last class where it has none."""
    targets = np.column_stack([part.targets, part.targets.sum(axis=1) == 0]).astype(np.uint8)
    return np.eye(3, dtype=np.uint8)[targets.argmax(axis=1)]
