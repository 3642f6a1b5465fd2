"""Variants are read, placed in their windows and scored: what breaks a site lowers the logit, whatever the strand."""

import gzip

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome import variants as module
from lexome.convnets import ConvNetwork, architecture, save_network
from lexome.dna import encode, reverse_complement
from lexome.dnamodels import fit_length
from lexome.errors import LexomeError
from lexome.variants import (
    TABLE,
    Scorer,
    allele_windows,
    effects,
    score_substitutions,
    score_variants,
    substitution_table,
    substitutions,
    unknown_share,
    unknown_stretches,
    variant_windows,
    write_effects,
)
from lexome.vcf import COLUMNS, read_vcf, reasons, same_contig, trim
from planted import SITES, save_planted

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
DNA = st.text("ACGT", max_size=12)


def write_vcf(path, *records, header=HEADER, pack=None):
    text = header + "".join("\t".join(record.split()) + "\t.\t.\t.\n" for record in records)
    path.write_bytes(pack(text.encode()) if pack else text.encode())
    return path


def table_of(*rows):
    """Variants given as `chrom pos ref alt`."""
    cells = [row.split() for row in rows]
    made = [(at, "v", c, int(p), r, a if a != "-" else "") for at, (c, p, r, a) in enumerate(cells)]
    return pd.DataFrame(made, columns=COLUMNS)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted") / "model"
    save_planted(folder)
    return Scorer(folder)


def random_dna(n, seed=0):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), n))


# Reading


def blocks(data):
    """bgzip's form: several gzip members one after the other."""
    return b"".join(gzip.compress(data[at : at + 60]) for at in range(0, len(data), 60))


@pytest.mark.parametrize("pack", [None, gzip.compress, blocks])
def test_records_become_variants(tmp_path, pack):
    path = write_vcf(tmp_path / "v.vcf", "chr1 5 rs1 a g,T", "chr1 9 . AC A", "2 7 x GT CA", pack=pack)
    variants, skipped = read_vcf(path)
    assert skipped.empty
    assert list(variants.itertuples(index=False, name=None)) == [
        (3, "rs1", "chr1", 5, "A", "G"),
        (3, "rs1", "chr1", 5, "A", "T"),
        (4, "chr1:9:AC>A", "chr1", 9, "AC", "A"),
        (5, "x", "2", 7, "GT", "CA"),
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("1 5 . A .", "no ALT allele"),
        ("1 5 . A *", "ALT is *"),
        ("1 5 . A <DEL>", "symbolic allele"),
        ("1 5 . A <NON_REF>", "symbolic allele"),
        ("1 5 . A G]17:198982]", "breakend"),
        ("1 5 . A [13:123457[C", "breakend"),
        ("1 5 . A .C", "breakend"),
        ("1 5 . A c.", "breakend"),
        ("1 5 . A a", "ALT is REF"),
        ("1 5 . R A", "REF is no sequence"),
        ("1 5 . A N", "ALT is no sequence"),
        ("1 0 . A G", "position 0"),
    ],
)
def test_what_names_no_sequence_is_skipped_with_its_reason(tmp_path, record, reason):
    variants, skipped = read_vcf(write_vcf(tmp_path / "v.vcf", record, "1 8 . C G"))
    assert variants["pos"].tolist() == [8]
    assert skipped["line"].tolist() == [3]
    assert skipped["reason"].str.startswith(reason).all()
    assert reasons(skipped) == f"1 x {reason}"


def test_only_the_unusable_allele_of_a_record_is_skipped(tmp_path):
    variants, skipped = read_vcf(write_vcf(tmp_path / "v.vcf", "1 5 . A G,*,<DEL>,T"))
    assert variants["alt"].tolist() == ["G", "T"]
    assert skipped["alt"].tolist() == ["*", "<DEL>"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"chr1\t5\t.\tA\tG\n", r"v\.vcf, line 1: not a VCF file"),
        (b"", r"v\.vcf: no line `#CHROM"),
        (b"##fileformat=VCFv4.2\n##x\n", r"v\.vcf: no line `#CHROM"),
        (b"##fileformat=VCFv4.2\n1\t5\t.\tA\tG\n", r"v\.vcf, line 2: a record before the line `#CHROM"),
        (HEADER.encode() + b"1\t5\t.\tA\n", r"v\.vcf, line 3: 4 columns, parted by tabs"),
        (HEADER.encode() + b"1 5 . A G\n", r"v\.vcf, line 3: 1 columns"),
        (HEADER.encode() + b"\n1\t1e3\t.\tA\tG\n", r"v\.vcf, line 4: POS must be a whole number, found '1e3'"),
        (b"BCF\x02\x02", r"is BCF, not VCF; convert it: bcftools view"),
        (gzip.compress(HEADER.encode() * 50, mtime=0)[:-9], r"cut off or damaged gzip"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    (tmp_path / "v.vcf").write_bytes(content)
    with pytest.raises(LexomeError, match=message):
        read_vcf(tmp_path / "v.vcf")


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "trimmed"),
    [
        (10, "A", "G", (9, "A", "G")),
        (10, "AC", "A", (10, "C", "")),
        (10, "A", "AT", (10, "", "T")),
        (10, "ACT", "AGT", (10, "C", "G")),
        (10, "CAA", "CA", (10, "A", "")),
        (10, "ACG", "TCA", (9, "ACG", "TCA")),
    ],
)
def test_alleles_are_trimmed_to_what_differs(pos, ref, alt, trimmed):
    assert trim(pos, ref, alt) == trimmed


@given(DNA, DNA, DNA, DNA)
def test_trimmed_alleles_make_the_same_sequence(before, ref, alt, after):
    start, old, new = trim(len(before) + 1, ref, alt)
    whole = before + ref + after
    assert whole[start : start + len(old)] == old
    assert whole[:start] + new + whole[start + len(old) :] == before + alt + after
    assert not (old and new) or (old[0] != new[0] and old[-1] != new[-1])


def test_names_of_chromosomes():
    assert same_contig("chr1") == same_contig("1") == same_contig("Chr1")
    assert same_contig("chrM") == same_contig("MT") == same_contig("chrMT")
    assert same_contig("chr1") != same_contig("chr11")


# Windows


@given(st.text("ACGT", min_size=1, max_size=30), st.data(), st.integers(4, 21))
def test_the_allele_lies_in_the_middle(sequence, data, length):
    start = data.draw(st.integers(0, len(sequence)))
    end = data.draw(st.integers(start, len(sequence)))
    allele = data.draw(st.text("ACGT", max_size=4))
    window, other = allele_windows(sequence, start, end, allele, len(allele), length)
    assert window == other
    assert len(window) == length
    left, right = "N" * 40 + sequence[:start], sequence[end:] + "N" * 40
    # As many letters on the left as on the right, or one more.
    sizes = {length - len(allele) - 2 * side for side in [(length - len(allele)) // 2]}
    assert sizes <= {0, 1}
    before = (length - len(allele) + 1) // 2
    assert window == (left[len(left) - before :] + allele + right)[:length]


@given(st.text("ACGT", min_size=1, max_size=30), st.data(), st.integers(8, 21))
def test_one_flank_stays_in_each_window_of_an_indel(sequence, data, length):
    start = data.draw(st.integers(0, len(sequence)))
    end = data.draw(st.integers(start, min(start + 4, len(sequence))))
    alleles = sequence[start:end], data.draw(st.text("ACGT", max_size=4))
    span = max(map(len, alleles))
    (ref_left, ref_right), (alt_left, alt_right) = (
        allele_windows(sequence, start, end, allele, span, length) for allele in alleles
    )
    before = (length - span + 1) // 2
    after = length - span - before
    assert ref_left[:before] == alt_left[:before]
    assert ref_right[length - after :] == alt_right[length - after :]
    padded = "N" * 30 + sequence + "N" * 30
    changed = "N" * 30 + sequence[:start] + alleles[1] + sequence[end:] + "N" * 30
    for left, right, whole, size in (
        (ref_left, ref_right, padded, end - start),
        (alt_left, alt_right, changed, len(alleles[1])),
    ):
        assert left == whole[30 + start - before :][:length]
        assert right == whole[30 + start + size + after - length : 30 + start + size + after]
        assert (left == right) or size < span


def write_genome(path, **chromosomes):
    path.write_text("".join(f">{name} some words\n{sequence}\n" for name, sequence in chromosomes.items()))
    return path


def collect(variants, genome, length=10):
    """All windows by row (REF, ALT; left and right if they differ), and all faults."""
    windows, faults = {}, {}
    for rows, given_, changed, bad in variant_windows(variants, genome, length):
        for row, pairs in zip(rows.tolist(), zip(given_, changed, strict=True), strict=True):
            windows[row] = tuple(pair[0] if pair[0] == pair[1] else pair for pair in pairs)
        faults |= bad
    return windows, faults


def test_windows_come_from_the_right_chromosome(tmp_path):
    genome = write_genome(
        tmp_path / "g.fa", chr2="acgtacgtacgtacgtacgt", chr1="TTTTTGGGGGCCCCCAAAAA", MT="GATTACAGATTACA"
    )
    variants = table_of("1 8 G A", "chr2 1 A T", "chrM 14 A C", "1 20 A G", "1 11 C CT", "1 10 GC G")
    windows, faults = collect(variants, genome)
    assert faults == {}
    assert windows == {
        0: ("TTTGGGGGCC", "TTTGGAGGCC"),
        1: ("NNNNNACGTA", "NNNNNTCGTA"),
        2: ("ATTACANNNN", "ATTACCNNNN"),
        3: ("CAAAAANNNN", "CAAAAGNNNN"),
        4: (("GGGGCCCCCA", "GGGGGCCCCC"), "GGGGCTCCCC"),
        5: ("GGGGGCCCCC", ("GGGGGCCCCA", "TGGGGGCCCC")),
    }


def test_gzipped_genomes_and_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 2)
    sequence = random_dna(60)
    (tmp_path / "g.fa.gz").write_bytes(gzip.compress(f">1\n{sequence}\n".encode()))
    rows = [f"chr1 {at} {sequence[at - 1]} {'A' if sequence[at - 1] != 'A' else 'C'}" for at in range(20, 31)]
    windows, faults = collect(table_of(*rows), tmp_path / "g.fa.gz")
    assert faults == {}
    assert [windows[at][0] for at in range(11)] == [sequence[at - 6 : at + 4] for at in range(20, 31)]


def test_what_does_not_fit_the_genome_is_skipped_and_told(tmp_path):
    genome = write_genome(tmp_path / "g.fa", chr1="ACGTNACGTACGTACGTACG")
    rows = [
        "1 1 A C",
        "1 2 C A",
        "1 3 T A",
        "1 5 C A",
        "1 21 A C",
        "1 20 GA G",
        "7 1 A C",
        "1 6 ACGTAC A",
        "1 7 CGTACGT C",
    ]
    windows, faults = collect(table_of(*rows), genome)
    assert sorted(windows) == [0, 1, 7]
    kinds = {row: reason.split(":")[0] for row, reason in faults.items()}
    assert kinds == {
        2: "REF is not the genome's",
        3: "N",
        4: "past the end",
        5: "past the end",
        6: "no such chromosome",
        8: "too long",
    }
    assert faults[2].endswith("T, it has G")


def test_a_wrong_assembly_stops_at_once(tmp_path):
    genome = write_genome(tmp_path / "g.fa", chr1="A" * 200, chr2="C" * 200)
    wrong = [f"1 {at} C G" for at in range(1, 40)]
    with pytest.raises(
        LexomeError, match=r"20 of 20 REF alleles .*another assembly.*line 0, 1:1, REF C, the genome has A"
    ):
        collect(table_of(*wrong), genome)
    with pytest.raises(LexomeError, match=r"2 of 3 REF alleles"):
        collect(table_of("1 1 A C", "1 2 C G", "1 3 C G"), genome)
    # Half of them is bad, and no proof.
    assert set(collect(table_of("1 1 A C", "1 2 C G"), genome)[1]) == {1}
    with pytest.raises(LexomeError, match=r"no chromosome of the variants \(NC_1\); it has chr1, chr2"):
        collect(table_of("NC_1 1 A C"), genome)


# Scores


def test_every_substitution_comes_once():
    positions, letters = substitutions("ACNGT")
    assert positions.tolist() == [0, 0, 0, 1, 1, 1, 3, 3, 3, 4, 4, 4]
    assert letters.tolist() == [1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2]
    table = substitution_table("s", "ACNGT")
    assert table["pos"].tolist() == [1, 1, 1, 2, 2, 2, 4, 4, 4, 5, 5, 5]
    assert table["id"].iloc[-1] == "s:5:T>G"
    assert (table["ref"] != table["alt"]).all()
    rows = unknown_stretches("s", "NNACNGTN")
    assert rows["pos"].tolist() == [1, 5, 8]
    assert rows["reason"].iloc[0].startswith("N: 2 unknown")


def slow(sequence, scorer):
    """Every substitution by a sequence of its own, window by window."""
    length = scorer.length
    before, after = [], []
    for at, letter in enumerate(sequence):
        for new in "ACGT":
            if letter in ("N", new):
                continue
            pair = [sequence, sequence[:at] + new + sequence[at + 1 :]]
            if len(sequence) <= length:
                windows = fit_length(pair, length)
            else:
                windows = [("N" * length + s + "N" * length)[at + length - length // 2 :][:length] for s in pair]
            old, changed = scorer.logits(encode(windows))
            before.append(old)
            after.append(changed)
    return np.array(before), np.array(after)


@pytest.mark.parametrize(("size", "block"), [(1, 4096), (11, 4096), (30, 4096), (31, 4096), (75, 7)])
@pytest.mark.parametrize("both", [True, False])
def test_substitutions_as_by_a_loop(size, block, both, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    torch.manual_seed(size)
    layers = architecture({"architecture": "conv_transformer", "filters": 8, "heads": 2, "kernel": 5, "dense": [6]})
    save_network(ConvNetwork(2, 30, **layers), tmp_path / "m", ["a", "b"], {"task": "x", "reverse_complement": both})
    sequence = list(random_dna(size, size))
    sequence[size // 3] = "N" if size > 1 else "A"
    found = score_substitutions("".join(sequence), Scorer(tmp_path / "m"))
    assert len(found[0]) == 3 * (size - (size > 1))
    assert np.abs(found[1] - found[0]).max() > 1e-3
    for own, expected in zip(found, slow("".join(sequence), Scorer(tmp_path / "m")), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-5)


def test_nothing_but_unknown_letters(scorer):
    before, after = score_substitutions("NNNN", scorer)
    assert before.shape == after.shape == (0, 2)


@pytest.mark.parametrize("size", [30, 25, 90])
@pytest.mark.parametrize("name", list(SITES))
@pytest.mark.parametrize("strand", [1, -1])
def test_breaking_a_site_is_what_counts(scorer, size, name, strand):
    site = SITES[name] if strand > 0 else reverse_complement(SITES[name])
    at = size // 2 - 4
    sequence = "T" * at + site + "T" * (size - at - len(site))
    positions, _ = substitutions(sequence)
    before, after = score_substitutions(sequence, scorer)
    change = after - before
    own = list(SITES).index(name)
    inside = (positions >= at) & (positions < at + len(site))
    assert (change[inside, own] < -1).all()
    elsewhere = np.concatenate([change[~inside].ravel(), change[inside, 1 - own]])
    assert np.abs(elsewhere).max() < np.abs(change[inside, own]).min()


def test_the_other_strand_has_the_same_effects(scorer):
    sequence = random_dna(9, 1) + SITES["ONE"] + random_dna(13, 2)
    assert len(sequence) == scorer.length
    tables = []
    for own in (sequence, reverse_complement(sequence)):
        positions, letters = substitutions(own)
        before, after = score_substitutions(own, scorer)
        tables.append({(at, letter): row for at, letter, row in zip(positions, letters, after - before, strict=True)})
    assert np.abs(np.array(list(tables[0].values()))).max() > 1
    for (at, letter), row in tables[0].items():
        np.testing.assert_allclose(tables[1][len(sequence) - 1 - at, 3 - letter], row, atol=1e-4)


def test_variants_of_a_genome(scorer, tmp_path):
    site = SITES["TWO"]
    sequence = "T" * 40 + site + "T" * 52
    nearly = site[:3] + "T" + site[4:]
    genome = write_genome(tmp_path / "g.fa", chr1=sequence, chr2="T" * 40 + nearly + "T" * 52)
    rows = [
        f"1 44 {site[3]} T",  # breaks the site
        f"2 44 T {site[3]}",  # makes it
        f"1 43 {site[2:5]} {site[2]}",  # a deletion within it
        f"1 43 {site[2]} {site[2]}TT",  # an insertion within it
        f"1 42 {site[1:4]} TTT",  # several letters
        "1 80 T A",  # elsewhere
        "1 20 A C",  # not the genome's
    ]
    before, after, unknown, faults = score_variants(table_of(*rows), genome, scorer)
    assert set(faults) == {6}
    assert np.isnan(before[6]).all()
    assert np.isnan(unknown[6])
    # 15 letters on the left of each, 100 in all.
    assert unknown[:6].tolist() == [0] * 6
    change = (after - before)[:6, 1]
    assert (change[[0, 2, 3, 4]] < -1).all()
    assert change[1] > 1
    assert abs(change[5]) < 0.1
    window = sequence[43 - 15 : 43 + 15]
    np.testing.assert_allclose(before[0], scorer.logits(encode([window]))[0], atol=1e-5)
    changed = window[:15] + "T" + window[16:]
    np.testing.assert_allclose(after[0], scorer.logits(encode([changed]))[0], atol=1e-5)


def test_indels_are_the_mean_of_two_anchorings(scorer, tmp_path):
    """Against logits of windows cut by hand; near the start the padding is counted."""
    sequence = random_dna(12, 5) + SITES["ONE"] + random_dna(40, 6)
    genome = write_genome(tmp_path / "g.fa", chr1=sequence)
    ref = sequence[13:16]
    before, after, unknown, _ = score_variants(table_of(f"1 14 {ref} {ref[0]}"), genome, scorer)
    start, longest, length = 14, 2, scorer.length
    padded, changed = ("N" * 30 + text + "N" * 30 for text in (sequence, sequence[:start] + sequence[start + 2 :]))
    flank = (length - longest + 1) // 2
    window = padded[30 + start - flank :][:length]
    left = changed[30 + start - flank :][:length]
    right = changed[30 + start - flank - longest :][:length]
    assert right.endswith(window[flank + longest :])
    np.testing.assert_allclose(before, scorer.logits(encode([window])), atol=1e-5)
    expected = scorer.logits(encode([left, right]))
    np.testing.assert_allclose(after[0], expected.mean(axis=0), atol=1e-5)
    assert unknown[0] == pytest.approx((2 * window.count("N") + left.count("N") + right.count("N")) / (4 * length))
    assert "N" in right


@pytest.mark.parametrize("size", [11, 30, 31, 75])
def test_unknown_letters_of_substitution_windows_are_counted(size):
    sequence = list(random_dna(size, 1))
    sequence[size // 2 : size // 2 + 3] = "NNN"
    sequence = "".join(sequence)
    positions, _ = substitutions(sequence)
    if size <= 30:
        expected = [sequence.count("N") + 30 - size] * len(positions)
    else:
        padded = "N" * 30 + sequence + "N" * 30
        expected = [padded[30 + at - 15 :][:30].count("N") for at in positions]
    np.testing.assert_allclose(unknown_share(sequence, 30), np.array(expected) / 30, atol=1e-6)


def test_tables_say_the_same_in_both_forms(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 5)
    variants = table_of("1 5 A G", "1 6 C T", "2 7 G A")
    before = np.array([[0, 1], [2, -3], [0.5, 0.25]], dtype=np.float32)
    after = before - np.array([1, 2], dtype=np.float32)
    table = effects(variants, before, after, [0, 0.25, 1], ["ONE", "TWO"], "multi_label")
    assert table["unknown"].tolist() == [0, 0, 0.25, 0.25, 1, 1]
    assert table["factor"].tolist() == ["ONE", "TWO"] * 3
    assert table["effect"].tolist() == [-1, -2] * 3
    np.testing.assert_allclose(table["probability_ref"], 1 / (1 + np.exp(-before.ravel())), rtol=1e-5)
    assert write_effects([table[:2], table[2:6], table[6:]], tmp_path / "e.tsv", tmp_path / "e.parquet") == 6
    text, binary = (
        pd.read_csv(tmp_path / "e.tsv", sep="\t", dtype={"chrom": str}),
        pd.read_parquet(tmp_path / "e.parquet"),
    )
    assert list(text.columns) == list(binary.columns) == TABLE.names
    assert binary["pos"].tolist() == text["pos"].tolist() == [5, 5, 6, 6, 7, 7]
    for name in TABLE.names[6:]:
        np.testing.assert_allclose(text[name], binary[name], rtol=1e-5)
        np.testing.assert_allclose(binary[name], table[name], rtol=1e-6)


def test_probabilities_of_classes_sum_to_one():
    logits = np.array([[0.3, 2.0]], dtype=np.float32)
    table = effects(table_of("1 5 A G"), logits, logits - 1, [0], ["a", "b"], "multi_class")
    assert table["probability_ref"].sum() == pytest.approx(1)
    np.testing.assert_allclose(table["probability_ref"], table["probability_alt"], rtol=1e-5)
