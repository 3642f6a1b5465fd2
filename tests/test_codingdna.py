"""Coding sequences are read, checked, translated and made; their genes are clustered and their windows drawn."""

import itertools
import re
from collections import Counter

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.cdswindows import draw_windows
from lexome.codingdna import CODONS, GENETIC_CODE, STOPS, gene_of, read_coding, translate
from lexome.codonusage import back_translate, read_usage, simulate_coding
from lexome.dna import reverse_complement
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS
from lexome.geneclusters import cluster_proteins

DNA = st.text("ACGT", max_size=120)


def test_the_genetic_code_is_the_standard_one():
    table = CodonTable.unambiguous_dna_by_id[1]
    assert {codon: aa for codon, aa in GENETIC_CODE.items() if aa != "*"} == table.forward_table
    assert sorted(STOPS) == sorted(table.stop_codons)


@given(st.text("ACGTN", max_size=120))
def test_translation_equals_biopython(sequence):
    sequence = sequence[: len(sequence) // 3 * 3]
    found, known = translate(sequence), str(Seq(sequence).translate())
    for codon, ours, theirs in zip(re.findall("...", sequence), found, known, strict=True):
        assert ours == ("X" if "N" in codon else theirs)  # Biopython resolves GCN, here an N leaves the codon open


@pytest.mark.parametrize(
    ("name", "description", "gene"),
    [
        ("ENST1.4", "cds chromosome:GRCh38:13:1:9:-1 gene:ENSG1.10 gene_biotype:protein_coding", "ENSG1.10"),
        ("lcl|NC_1_cds_2", "[gene=Su(var)2-10] [locus_tag=Dmel_CG8068]", "Su(var)2-10"),
        ("lcl|NC_1_cds_3", "[locus_tag=b0001] [protein=thr operon]", "b0001"),
        ("YLL056C", "", "YLL056C"),
    ],
)
def test_genes_of_headers(name, description, gene):
    assert gene_of(name, description) == gene


RECORDS = {
    "t1 gene:A transcript_biotype:protein_coding": "ATGAAATAA",
    "t2 gene:A transcript_biotype:protein_coding": "ATGAAAGGGTAA",
    "t3 gene:A transcript_biotype:nonsense_mediated_decay": "ATGAAAGGGCCCTAA",
    "t4 gene:B": "GTGAAANNNaaa",
    "t5 gene:C": "ATGAAATA",
    "t6 gene:D": "ATGTGAAAATAA",
    "t7 gene:E gene_biotype:polymorphic_pseudogene": "ATGAAATAA",
    "t8 [gene=F] [pseudo=true]": "ATGAAATAA",
    "t9": "NNN",
}


def fasta(path, records):
    path.write_text("".join(f">{header}\n{sequence}\n" for header, sequence in records.items()))
    return path


def test_coding_sequences_are_checked_and_counted(tmp_path):
    genes, counts = read_coding(fasta(tmp_path / "c.fa", RECORDS))
    assert genes.to_dict("records") == [
        {"gene": "A", "sequence": "ATGAAAGGGTAA", "protein": "MKG"},
        {"gene": "B", "sequence": "GTGAAANNNAAA", "protein": "VKXK"},
    ]
    dropped = {"unreadable": 1, "not_coding": 2, "partial_codon": 1, "internal_stop": 1, "other_transcripts": 2}
    assert counts == {"records": 9, **dropped, "kept": 2, "no_start": 1, "no_stop": 1, "with_unknown": 1}


def test_no_coding_sequence_left_is_an_error(tmp_path):
    why = re.escape("left of 1 record (with a length that is no multiple of 3: 1); are these coding sequences?")
    with pytest.raises(LexomeError, match=f"no coding sequence is {why}"):
        read_coding(fasta(tmp_path / "c.fa", {"a": "ATGA"}))


def test_proteins_are_not_taken_for_coding_sequences_nor_these_for_proteins(tmp_path):
    proteins = fasta(tmp_path / "p.fa", {"a": "MKVLAAGIVGLCARR", "b": "MSTNPKPQRKTK"})
    with pytest.raises(LexomeError, match=r"p\.fa: most of its letters are none of A, C, .*`source: simulated`"):
        read_coding(proteins)
    usage = read_usage(usage_table(tmp_path / "u.tsv", usage_lines()))["x"]
    with pytest.raises(LexomeError, match=r"c\.fa: most of its sequences have no letters but .*`source: cds`"):
        simulate_coding(fasta(tmp_path / "c.fa", {"a": "ATGAAATAA"}), usage, np.random.default_rng(0))


def usage_lines(species="x", weight=lambda codon: 1):
    return [f"{species}\t{codon}\t{GENETIC_CODE[codon]}\t{weight(codon)}" for codon in CODONS]


def usage_table(path, lines):
    path.write_text("\n".join(["species\tcodon\tamino_acid\tfrequency", *lines]) + "\n")
    return path


def test_codon_usage_is_normalised_within_each_amino_acid(tmp_path):
    lines = [line.replace("T", "U") for line in usage_lines(weight=lambda codon: 3 if codon.endswith("C") else 1)]
    # Amino acid T became U with the codons.
    lines = [re.sub(r"\tU\t", "\tT\t", line) for line in lines]
    usage = read_usage(usage_table(tmp_path / "u.tsv", lines))["x"]
    assert dict(zip(*usage["F"], strict=True)) == {"TTT": 0.25, "TTC": 0.75}
    assert {codon for codons, _ in usage.values() for codon in codons} == set(CODONS)
    assert all(shares.sum() == pytest.approx(1) for _, shares in usage.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines, "x\tTTX\tF\t1"], "line 66: 'TTX' is no codon"),
        (lambda lines: [lines[0].replace("\tF\t", "\tL\t"), *lines[1:]], "line 2: TTT codes for F"),
        (lambda lines: [lines[0].replace("\t1", "\t-1"), *lines[1:]], "line 2: `frequency` is '-1'"),
        (lambda lines: [lines[0].replace("\t1", "\tnan"), *lines[1:]], "line 2: `frequency` is 'nan'"),
        (lambda lines: [*lines, lines[3]], "line 66: TTG of x is there twice"),
        (lambda lines: lines[1:], "x has no line for TTT"),
        (lambda lines: [re.sub(r"\tM\t1", "\tM\t0", line) for line in lines], "x writes M with no codon"),
    ],
)
def test_faulty_codon_usage(tmp_path, change, message):
    with pytest.raises(LexomeError, match=re.escape(message)):
        read_usage(usage_table(tmp_path / "u.tsv", change(usage_lines())))


def test_codon_usage_needs_its_columns(tmp_path):
    path = tmp_path / "u.tsv"
    path.write_text("species\tcodon\tfrequency\n")
    with pytest.raises(LexomeError, match="line 1: no column amino_acid"):
        read_usage(path)


def test_a_damaged_line_of_codon_usage_is_named(tmp_path):
    with pytest.raises(LexomeError, match="line 66"):
        read_usage(usage_table(tmp_path / "u.tsv", [*usage_lines(), "x\tTTT"]))


@settings(max_examples=25)
@given(st.lists(st.text(AMINO_ACIDS, max_size=30), min_size=1, max_size=8), st.integers(0, 3))
def test_back_translation_says_the_protein_again(proteins, seed):
    usage = {aa: ([c for c in CODONS if GENETIC_CODE[c] == aa], None) for aa in (*AMINO_ACIDS, "*")}
    usage = {aa: (codons, np.full(len(codons), 1 / len(codons))) for aa, (codons, _) in usage.items()}
    made = back_translate(proteins, usage, np.random.default_rng(seed))
    assert [str(Seq(sequence).translate()) for sequence in made] == [protein + "*" for protein in proteins]
    assert made == back_translate(proteins, usage, np.random.default_rng(seed))


def test_simulated_codons_follow_the_usage(tmp_path):
    lines = usage_lines(weight=lambda codon: {"CTG": 8, "TTA": 0}.get(codon, 1))
    usage = read_usage(usage_table(tmp_path / "u.tsv", lines))["x"]
    path = fasta(tmp_path / "p.fa", {"b": "M" + "L" * 6000, "a": "MU", "c": "MK"})
    genes, counts = simulate_coding(path, usage, np.random.default_rng(0))
    assert counts == {"records": 3, "unreadable": 0, "odd_residues": 1, "kept": 2}
    assert genes["gene"].tolist() == ["b", "c"]
    assert [translate(sequence) for sequence in genes["sequence"]] == [p + "*" for p in genes["protein"]]
    found = Counter(re.findall("...", genes["sequence"][0][3:-3]))
    assert found["TTA"] == 0
    assert found["CTG"] / 6000 == pytest.approx(8 / 12, abs=0.03)


@settings(max_examples=40)
@given(
    st.lists(st.text("ACDX", max_size=14), min_size=1, max_size=9),
    st.integers(1, 4),
    st.sampled_from([0.1, 0.3, 0.5, 1.0]),
    st.integers(1, 4),
)
def test_clusters_equal_a_naive_graph(proteins, k, share, block):
    kmers = [{p[i : i + k] for i in range(len(p) - k + 1) if "X" not in p[i : i + k]} for p in proteins]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(proteins)))
    for a, b in itertools.combinations(range(len(proteins)), 2):
        both = len(kmers[a] & kmers[b])
        if both and both >= share * min(len(kmers[a]), len(kmers[b])) - 1e-9:
            graph.add_edge(a, b)
    expected = {place: min(part) for part in nx.connected_components(graph) for place in part}
    assert cluster_proteins(proteins, k, share, block).tolist() == [expected[i] for i in range(len(proteins))]


def genes_of(**sequences):
    return {
        species: pd.DataFrame({"gene": [f"g{i}" for i in range(len(own))], "sequence": own})
        for species, own in sequences.items()
    }


def drawn_dna(seed, n, length):
    return ["".join(row) for row in np.random.default_rng(seed).choice(list("ACGT"), size=(n, length))]


@pytest.mark.parametrize("in_frame", [True, False])
def test_windows_are_of_their_place_and_cover_the_whole_gene(in_frame):
    genes = genes_of(a=drawn_dna(0, 3, 90), b=drawn_dna(1, 5, 60))
    length = 30
    places = {"a": 3 * (21 if in_frame else 61), "b": 5 * (11 if in_frame else 31)}
    windows, counts = draw_windows(genes, length, in_frame, min(places.values()), 0)
    for row in windows.itertuples():
        whole = genes[row.species].set_index("gene")["sequence"][row.gene]
        assert row.sequence == whole[row.start : row.start + length]
    assert {species: found["places"] for species, found in counts.items()} == places
    # As many as `b` has: each of its places once, the first and the last of every gene among them.
    starts = windows[windows["species"] == "b"].groupby("gene")["start"].agg(list)
    assert all(own == list(range(0, 31, 3 if in_frame else 1)) for own in starts)
    assert counts["b"]["overlapping"] == 5 * (len(starts.iloc[0]) - 1)
    again, _ = draw_windows({"b": genes["b"], "a": genes["a"]}, length, in_frame, min(places.values()), 0)
    key = ["species", "gene", "start"]
    pd.testing.assert_frame_equal(
        again.sort_values(key, ignore_index=True), windows.sort_values(key, ignore_index=True)
    )


def test_starts_are_uniform():
    genes = genes_of(a=drawn_dna(2, 200, 330))
    windows, _ = draw_windows(genes, 30, True, 6000, 1)
    seen = np.bincount(windows["start"] // 3, minlength=101)
    assert len(seen) == 101
    # 200 genes x 101 places, 6,000 of them: 59.4 of each place, standard deviation 6.5.
    assert seen.min() > 59.4 - 5 * 6.5
    assert seen.max() < 59.4 + 5 * 6.5


def test_equal_windows_are_kept_once_or_not_at_all():
    shared, own = drawn_dna(3, 2, 12)
    genes = genes_of(a=[shared, own, reverse_complement(own), *drawn_dna(4, 5, 12)], b=[shared, *drawn_dna(5, 6, 12)])
    met = Counter()
    for seed in range(20):
        windows, counts = draw_windows(genes, 12, True, 6, seed)
        assert sorted(windows["species"].value_counts()) == [6, 6]
        assert len({own, reverse_complement(own)} & set(windows["sequence"])) <= 1
        assert (windows["sequence"] == shared).sum() <= 1
        # Only what was drawn for both counts: the other species' place may never have come up.
        if counts["a"]["shared"] or counts["b"]["shared"]:
            assert counts["a"]["shared"] == counts["b"]["shared"] == 1
            assert shared not in set(windows["sequence"])
            met["shared"] += 1
        met["repeated"] += counts["a"]["repeated"]
    assert met["shared"]
    assert met["repeated"]


def test_windows_with_unknown_letters_are_passed_over_and_too_few_are_an_error():
    genes = genes_of(a=["ACGTACGTAN" + "ACGGTTCATTCA", "ACG"], b=drawn_dna(6, 1, 60))
    windows, counts = draw_windows(genes, 12, False, 1, 0)
    assert windows["sequence"].tolist()[0] == "ACGGTTCATTCA"
    with pytest.raises(LexomeError, match=r"a: 1 different windows of 12 nucleotides without N in 11 places"):
        draw_windows(genes, 12, False, 2, 0)
    assert counts["a"]["unknown"] <= 10


@settings(max_examples=30)
@given(st.lists(DNA, min_size=1, max_size=6), st.lists(DNA, min_size=1, max_size=6), st.integers(0, 9))
def test_no_two_windows_are_equal_on_either_strand(first, second, seed):
    genes = genes_of(a=first, b=second)
    try:
        windows, _ = draw_windows(genes, 5, False, 4, seed)
    except LexomeError:
        return
    seen = [min(s, reverse_complement(s)) for s in windows["sequence"]]
    assert len(set(seen)) == len(seen) == 8
    assert not windows.duplicated(["species", "gene", "start"]).any()
