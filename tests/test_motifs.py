"""Motifs are read as they were written, found where they lie, and drawn with the affinity that is asked for."""

import gzip
import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome import motifs
from lexome.dna import encode, reverse_complement
from lexome.errors import LexomeError

MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

MOTIF MA0001.1 ONE
letter-probability matrix: alength= 4 w= 2 nsites= 10 E= 0
0.5 0.5 0.0 0.0
0.1 0.2 0.3 0.4
URL https://example.org

MOTIF two
letter-probability matrix: alength= 4 w= 1
 1 0 0 0
"""
COUNTS = np.array([[18, 1, 1, 0], [0, 0, 20, 0], [2, 14, 2, 2], [19, 0, 1, 0], [5, 5, 5, 5]], dtype=float)
MOTIF = motifs.Motif("MA0001.1", "ONE", COUNTS)


@pytest.fixture
def jaspar(tmp_path):
    """A database with the tables of JASPAR: MA0001 in two versions, cells in no order."""
    path = tmp_path / "release#1.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE MATRIX (ID, COLLECTION, BASE_ID, VERSION, NAME)")
        database.execute("CREATE TABLE MATRIX_DATA (ID, row, col, val)")
        rows = [(7, "CORE", "MA0001", 1, "One"), (8, "CORE", "MA0001", 2, "ONE"), (9, "CORE", "MA0003", 1, "BAD")]
        database.executemany("INSERT INTO MATRIX VALUES (?, ?, ?, ?, ?)", rows)
        cells = [
            (key, "ACGT"[c], p + 1, COUNTS[p, c] + key) for key in (7, 8) for c in (3, 1, 0, 2) for p in (4, 0, 2, 1, 3)
        ]
        database.executemany("INSERT INTO MATRIX_DATA VALUES (?, ?, ?, ?)", [*cells, (9, "A", 2, 1.0)])
    database.close()
    return path


def test_meme_file_is_read(tmp_path):
    path = tmp_path / "m.meme.gz"
    path.write_bytes(gzip.compress(MEME.encode()))
    one, two = motifs.read_meme(path)
    assert (one.id, one.name, len(one)) == ("MA0001.1", "ONE", 2)
    assert one.counts == pytest.approx(np.array([[5, 5, 0, 0], [1, 2, 3, 4]]))
    assert (two.id, two.name, two.counts.tolist()) == ("two", "two", [[20, 0, 0, 0]])
    assert motifs.read_motifs(path, ["two"])["two"].consensus() == "A"
    with pytest.raises(LexomeError, match=r"no motif MA0009\.1; the file has MA0001\.1, two"):
        motifs.read_motifs(path, ["MA0009.1"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MEME version 4", "other", "line 1: not in MEME format"),
        ("ALPHABET= ACGT", "ALPHABET= ACDE", "line 3: the alphabet must be ACGT"),
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.3 0.9", "line 10: expected four probabilities"),
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.7", "line 10: expected four probabilities"),
        ("w= 2", "w= 3", "line 8: MA0001.1 has 2 rows, `w=` says 3"),
        ("MOTIF two", "MOTIF MA0001.1", "line 13: a MOTIF line needs an id"),
        ("MOTIF two\n", "", "line 13: a matrix without a MOTIF line"),
    ],
)
def test_faulty_meme_files_name_the_line(tmp_path, old, new, message):
    path = tmp_path / "m.meme"
    path.write_text(MEME.replace(old, new))
    with pytest.raises(LexomeError, match=message):
        motifs.read_meme(path)


def test_jaspar_matrices_are_read_by_id_and_version(jaspar):
    found = motifs.read_motifs(jaspar, ["MA0001.2", "MA0001.1"])
    assert list(found) == ["MA0001.2", "MA0001.1"]
    assert found["MA0001.2"].name == "ONE"
    assert (found["MA0001.2"].counts == COUNTS + 8).all()
    assert (found["MA0001.1"].counts == COUNTS + 7).all()


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ("CTCF", "'CTCF' is no JASPAR matrix id"),
        ("MA0001.3", r"no matrix MA0001\.3; of MA0001 this release has MA0001\.1, MA0001\.2"),
        ("MA0002.1", "this release has none"),
        ("MA0003.1", r"MA0003\.1: the matrix is empty or incomplete"),
    ],
)
def test_matrices_that_are_not_there_are_named(jaspar, matrix, message):
    with pytest.raises(LexomeError, match=message):
        motifs.read_jaspar(jaspar, [matrix])


def test_a_collection_has_the_latest_core_matrices_of_its_species(jaspar):
    with sqlite3.connect(jaspar) as database:
        database.execute("CREATE TABLE MATRIX_ANNOTATION (ID, TAG, VAL)")
        others = [(10, "CORE", "MA0004", 1, "Fly"), (11, "UNVALIDATED", "UN0001", 1, "Guess")]
        database.executemany("INSERT INTO MATRIX VALUES (?, ?, ?, ?, ?)", others)
        groups = [(7, "vertebrates"), (8, "vertebrates"), (10, "insects"), (11, "vertebrates")]
        rows = [(key, "tax_group", group) for key, group in groups] + [(10, "comment", "vertebrates")]
        database.executemany("INSERT INTO MATRIX_ANNOTATION VALUES (?, ?, ?)", rows)
        cells = [(10, letter, 1, 5.0) for letter in "ACGT"]
        database.executemany("INSERT INTO MATRIX_DATA VALUES (?, ?, ?, ?)", cells)
    database.close()
    found = motifs.read_collection(jaspar)
    assert list(found) == ["MA0001.2"]
    assert (found["MA0001.2"].counts == COUNTS + 8).all()
    assert list(motifs.read_collection(jaspar, "insects")) == ["MA0004.1"]
    with pytest.raises(LexomeError, match="no matrix of plants in the collection CORE; there are insects, vertebrates"):
        motifs.read_collection(jaspar, "plants")


def test_the_collection_of_a_meme_file_is_all_of_it(tmp_path, jaspar):
    path = tmp_path / "m.meme"
    path.write_text(MEME)
    assert list(motifs.read_collection(path)) == ["MA0001.1", "two"]
    # A database of another kind: the table of annotations is missing.
    with pytest.raises(LexomeError, match="not a JASPAR database"):
        motifs.read_collection(jaspar)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "x.sqlite"
    path.write_bytes(motifs.SQLITE + b"garbage" * 40)
    with pytest.raises(LexomeError, match="not a JASPAR database"):
        motifs.read_motifs(path, ["MA0001.1"])
    with pytest.raises(LexomeError, match="no such file"):
        motifs.read_motifs(tmp_path / "absent", ["MA0001.1"])


def test_log_odds_by_hand():
    background = (0.3, 0.2, 0.2, 0.3)
    expected = np.log2((COUNTS[0, 1] + 2 * 0.2) / 22 / 0.2)
    assert MOTIF.log_odds(background, pseudocount=2)[0, 1] == pytest.approx(expected)
    assert MOTIF.probabilities(background).sum(axis=1) == pytest.approx(1)
    # Where all letters are alike nothing is told.
    assert MOTIF.log_odds()[4] == pytest.approx(0)
    assert MOTIF.consensus() == "AGCAA"


@given(st.lists(st.text("ACGTN", min_size=9, max_size=9), min_size=1, max_size=4))
def test_scan_agrees_with_sums_by_hand(sequences):
    bits = MOTIF.log_odds()

    def score(window):
        return sum(0 if letter == "N" else bits[i, "ACGT".index(letter)] for i, letter in enumerate(window))

    found = motifs.scan(encode(sequences), bits)
    assert found.shape == (len(sequences), 2, 5)
    for row, sequence in enumerate(sequences):
        windows = [sequence[at : at + 5] for at in range(5)]
        assert found[row, 0] == pytest.approx([score(window) for window in windows], abs=1e-4)
        assert found[row, 1] == pytest.approx([score(reverse_complement(window)) for window in windows], abs=1e-4)


def test_a_planted_site_is_found_on_either_strand():
    bits = MOTIF.log_odds()
    site = MOTIF.consensus()
    sequences = ["TTTT" + site + "TTT", "TTTTTT" + reverse_complement(site) + "T"]
    score, start, strand = motifs.best_site(encode(sequences), bits)
    assert start.tolist() == [4, 6]
    assert strand.tolist() == [1, -1]
    assert score == pytest.approx(bits.max(axis=1).sum(), rel=1e-5)
    assert motifs.score_sites(encode([site]), bits) == pytest.approx(score[0], rel=1e-5)
    with pytest.raises(LexomeError, match="shorter than the motif"):
        motifs.best_site(encode(["ACG"]), bits)


def test_sites_have_the_affinity_that_is_asked_for():
    rng = np.random.default_rng(0)
    background = np.array([0.3, 0.2, 0.2, 0.3])
    bits = MOTIF.log_odds(background)
    best = bits.max(axis=1).sum()
    for affinity in (0.3, 0.6, 0.9):
        sites = motifs.sample_sites(MOTIF, np.full(4000, affinity), rng, background)
        assert motifs.score_sites(sites, bits).mean() / best == pytest.approx(affinity, abs=0.03)
    sites = motifs.sample_sites(MOTIF, np.ones(50), rng, background)
    assert motifs.score_sites(sites, bits) == pytest.approx(best)
    # What no tilt can give is the background.
    sites = motifs.sample_sites(MOTIF, np.full(4000, -9.0), rng, background)
    assert np.bincount(sites[:, 1], minlength=4) / 4000 == pytest.approx(background, abs=0.03)


def test_a_motifs_own_affinity_gives_the_motif():
    """At tilt 1 letters come as the motif has them, whatever the background."""
    background = np.array([0.1, 0.4, 0.4, 0.1])
    bits, probabilities = MOTIF.log_odds(background), MOTIF.probabilities(background)
    own = (probabilities * bits).sum() / bits.max(axis=1).sum()
    sites = motifs.sample_sites(MOTIF, np.full(6000, own), np.random.default_rng(1), background)
    shares = np.stack([(sites == letter).mean(axis=0) for letter in range(4)], axis=1)
    assert shares == pytest.approx(probabilities, abs=0.03)


def test_information_by_hand():
    bits = motifs.information(np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [0.5, 0.25, 0.25, 0]]))
    assert bits == pytest.approx([2, 1, 0, 0.5])
