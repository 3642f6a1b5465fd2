"""Tables of bound sequences and peaks on a genome are read as they are meant, or refused with file and line."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome import peaks
from lexome.errors import LexomeError

DEEPBIND = "FoldID\tEventID\tseq\tBound\nA\tseq_00002_peak\tACGTACGT\t1\nA\tseq_00002_shuf\tacgtacgt\t0\n"
GUE = "sequence,label\nACGT,1\nACNT,0\n"
# chr1: 40 letters, every place told by its neighbours; chr2 has unknown and masked letters.
CHR1 = "ACGTTGCATCAGGATCCTTAAGCGCGATATCTGAGACCAT"
CHR2 = "NNNNacgtacgtRTTTGGGGCCCCAAAA"
NONE_DROPPED = dict.fromkeys(("contig", "edge", "blacklist", "unknown", "repeated", "ignored"), 0)


def refused(function, path, text):
    path.write_text(text)
    with pytest.raises(LexomeError) as caught:
        function(path)
    return str(caught.value)


def test_deepbind_tables_are_read(tmp_path):
    path = tmp_path / "ELK1_B.seq.gz"
    path.write_bytes(gzip.compress(DEEPBIND.encode()))
    table = peaks.read_deepbind(path)
    assert table.to_dict("list") == {
        "name": ["seq_00002_peak", "seq_00002_shuf"],
        "sequence": ["ACGTACGT", "ACGTACGT"],
        "bound": [True, False],
    }


def test_gue_tables_are_read(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(GUE)
    table = peaks.read_labelled(path)
    assert table["sequence"].tolist() == ["ACGT", "ACNT"]
    assert table["bound"].tolist() == [True, False]
    assert table["name"].is_unique


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("FoldID", "Fold", "line 1: the columns must be FoldID, EventID, seq, Bound"),
        ("acgtacgt\t0", "acgtacgt", "line 3: 3 fields, the first line has 4"),
        ("\t0\n", "\t2\n", "line 3: Bound is '2'; it must be 0 or 1"),
        ("acgtacgt", "acgt-cgt", "line 3: '-' at position 5"),
        ("acgtacgt", "acgtacg", "line 3: 7 nucleotides, the sequences above have 8"),
        ("_shuf", "_peak", "line 3: seq_00002_peak stands on line 2 already"),
    ],
)
def test_faulty_tables_name_the_line(tmp_path, old, new, message):
    text = refused(peaks.read_deepbind, tmp_path / "t.seq", DEEPBIND.replace(old, new))
    assert f"t.seq, {message}" in text


def test_tables_without_rows_are_refused(tmp_path):
    assert "no sequence" in refused(peaks.read_labelled, tmp_path / "t.csv", "sequence,label\n")


def test_bed_and_narrow_peak(tmp_path):
    path = tmp_path / "p.bed"
    path.write_text("track name=x\n#c\n\nchr1\t10\t20\nchr2 0 5 name\nchr1\t3\t4\r\n")
    table = peaks.read_bed(path)
    assert table.drop(columns="line").to_numpy().tolist() == [
        ["chr1", 10, 20, 15],
        ["chr2", 0, 5, 2],
        ["chr1", 3, 4, 3],
    ]
    assert table["line"].tolist() == [4, 5, 6]
    rest = "\tp\t0\t.\t1\t2\t3\t"
    path.write_text(f"chr1\t10\t20{rest}7\nchr1\t10\t20{rest}-1\n")
    assert peaks.read_bed(path)["centre"].tolist() == [17, 15]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t1\t5\nchr1\t5\n", "line 2: 2 columns"),
        ("chr1\tone\t5\n", "line 1: start must be a whole number, found 'one'"),
        ("chr1\t5\t5\n", "line 1: start 5 and end 5"),
        ("chr1\t-1\t5\n", "line 1: start -1 and end 5"),
        ("chr1\t1\t5\tp\t0\t.\t1\t2\t3\t4\n", "line 1: a summit 4 from the start of a peak of 4"),
        ("chr1\t1\t5\tp\t0\t.\t1\t2\t3\tx\n", "line 1: the summit (column 10 of narrowPeak) must be a whole number"),
        ("# nothing\n", "no interval in the file"),
    ],
)
def test_faulty_bed_files_name_the_line(tmp_path, text, message):
    assert f"p.bed{',' if 'line' in message else ':'} {message}" in refused(peaks.read_bed, tmp_path / "p.bed", text)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 12)), max_size=6),
    st.lists(st.integers(0, 60), min_size=1, max_size=6),
    st.integers(1, 8),
)
def test_overlaps_agree_with_sets_of_places(intervals, starts, width):
    table = pd.DataFrame([(a, a + n) for a, n in intervals], columns=["start", "end"])
    covered = {place for a, n in intervals for place in range(a, a + n)}
    expected = [not covered.isdisjoint(range(start, start + width)) for start in starts]
    assert peaks.overlaps(np.array(starts), width, table).tolist() == expected


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(f">chr1 first\n{CHR1[:25]}\n{CHR1[25:]}\n>chr2\n{CHR2}\n>chr3\nACGT\n".encode()))
    return path


def bed(path, *rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return str(path), peaks.read_bed(path)


def test_windows_stand_about_the_centre_and_edges_are_left_out(tmp_path, genome):
    one = bed(
        tmp_path / "one.bed", ("chr1", 10, 15), ("chr1", 11, 14), ("chr1", 0, 5), ("chr1", 36, 39), ("chr1", 2, 5)
    )
    two = bed(tmp_path / "two.bed", ("chr1", 10, 15), ("chr2", 20, 23))
    windows, pool, dropped = peaks.peak_windows({"ONE": one, "TWO": two}, genome, 6)
    # Centres 12, 12 again, 2, 37, 3; a window of 6 begins 3 before: 3 is the first that fits, 37 the last.
    assert windows.to_numpy().tolist() == [
        ["ONE", "chr1", 0, CHR1[:6]],
        ["ONE", "chr1", 9, CHR1[9:15]],
        ["ONE", "chr1", 34, CHR1[34:]],
        ["TWO", "chr1", 9, CHR1[9:15]],
        ["TWO", "chr2", 18, "GGCCCC"],
    ]
    assert dropped == NONE_DROPPED | {"edge": 1, "repeated": 1}
    assert pool.empty


def test_the_last_window_of_a_chromosome_is_kept(tmp_path, genome):
    one = bed(tmp_path / "one.bed", ("chr1", 37, 38), ("chr1", 38, 39))
    windows, _, dropped = peaks.peak_windows({"ONE": one}, genome, 6)
    assert windows["sequence"].tolist() == [CHR1[34:]]
    assert dropped["edge"] == 1


def test_blacklisted_and_unknown_windows_are_left_out(tmp_path, genome):
    one = bed(
        tmp_path / "one.bed", ("chr1", 10, 11), ("chr1", 20, 21), ("chr1", 30, 31), ("chr2", 6, 7), ("chr2", 21, 22)
    )
    # The first interval ends where the window of 10 begins; the second one reaches into that of 20.
    _, barred = bed(tmp_path / "black.bed", ("chr1", 3, 7), ("chr1", 22, 24), ("chr1", 1, 2))
    windows, _, dropped = peaks.peak_windows({"ONE": one}, genome, 6, barred)
    assert windows[["chromosome", "start"]].to_numpy().tolist() == [["chr1", 7], ["chr1", 27], ["chr2", 18]]
    assert dropped == NONE_DROPPED | {"blacklist": 1, "unknown": 1}


def test_random_windows_touch_no_peak_and_no_blacklisted_place(tmp_path):
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("ACGT"), 3000))
    genome = tmp_path / "g.fa"
    genome.write_text(f">chr1\n{text[:2900]}{'N' * 100}\n")
    one = bed(tmp_path / "one.bed", *[("chr1", at, at + 40) for at in range(100, 2000, 200)])
    _, barred = bed(tmp_path / "black.bed", ("chr1", 2200, 2500))
    windows, pool, _ = peaks.peak_windows({"ONE": one}, genome, 20, barred, pool=6, seed=1)
    assert len(windows) == 10
    assert len(pool) == 60
    assert not pool["start"].duplicated().any()
    taken = set(range(2200, 2500)).union(*(range(at, at + 40) for at in range(100, 2000, 200)))
    for start, sequence in zip(pool["start"], pool["sequence"], strict=True):
        assert taken.isdisjoint(range(start, start + 20))
        assert sequence == (text[:2900] + "N" * 100)[start : start + 20]
        assert sequence.count("N") < 2
    again = peaks.peak_windows({"ONE": one}, genome, 20, barred, pool=6, seed=1)[1]
    assert again.equals(pool)
    assert not peaks.peak_windows({"ONE": one}, genome, 20, barred, pool=6, seed=2)[1].equals(pool)


def test_peaks_off_the_genome_are_named(tmp_path, genome):
    one = bed(tmp_path / "one.bed", ("chr1", 10, 11), ("1", 20, 21))
    message = r"one\.bed, line 2: no chromosome '1' in .*which has chr1, chr2, chr3; so it is with 1 of 2 peaks"
    with pytest.raises(LexomeError, match=message):
        peaks.peak_windows({"ONE": one}, genome, 6)
    one = bed(tmp_path / "one.bed", ("chr1", 10, 11), ("chr1", 20, 41))
    with pytest.raises(LexomeError, match=r"one\.bed, line 2: the peak ends at 41, chr1 of .* has 40 nucleotides"):
        peaks.peak_windows({"ONE": one}, genome, 6)


def test_a_window_as_wide_as_its_interval_is_the_interval(tmp_path, genome):
    for width in (10, 11):
        one = bed(tmp_path / "one.bed", ("chr1", 20, 20 + width))
        windows, _, _ = peaks.peak_windows({"ONE": one}, genome, width)
        assert windows[["start", "sequence"]].to_numpy().tolist() == [[20, CHR1[20 : 20 + width]]]
    (tmp_path / "wide.bed").write_text("chr1\t300\t500\n")
    assert peaks.read_bed(tmp_path / "wide.bed")["centre"].tolist() == [300 + 200 // 2]


def test_few_peaks_on_contigs_that_the_genome_lacks_are_counted(tmp_path, genome):
    rows = [("chrUn", 1, 9), ("chr1", 10, 11), ("chr1", 20, 21)]
    one, two = bed(tmp_path / "one.bed", *rows), bed(tmp_path / "two.bed", *rows[1:])
    windows, _, dropped = peaks.peak_windows({"ONE": one, "TWO": two}, genome, 6)
    assert windows["factor"].tolist() == ["ONE", "ONE", "TWO", "TWO"]
    assert dropped == NONE_DROPPED | {"contig": 1}
    # All of one factor's, though not half of all together.
    three = bed(tmp_path / "three.bed", ("chrUn", 1, 9))
    with pytest.raises(LexomeError, match=r"three\.bed, line 1: .* so it is with 1 of 1 peaks"):
        peaks.peak_windows({"ONE": one, "TWO": two, "THREE": three}, genome, 6)


def test_blacklists_of_other_chromosomes_are_told_or_refused(tmp_path, genome):
    one = bed(tmp_path / "one.bed", ("chr1", 10, 11))
    # chr3 is of the genome, though without a peak: it counts as known.
    _, barred = bed(tmp_path / "b.bed", ("chr3", 0, 2), ("chr9", 0, 5), ("chr9", 7, 9), ("chrM", 0, 5))
    assert peaks.peak_windows({"ONE": one}, genome, 6, barred)[2] == NONE_DROPPED | {"ignored": 3}
    _, barred = bed(tmp_path / "b.bed", ("1", 0, 5), ("2", 0, 5))
    with pytest.raises(LexomeError, match=r"blacklist: no interval is on a chromosome of .*; the blacklist has 1, 2"):
        peaks.peak_windows({"ONE": one}, genome, 6, barred)


def test_genomes_are_checked(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">a\nACGU\n>a\nA\n")
    with pytest.raises(LexomeError, match="'a' has none or repeats"):
        list(peaks.chromosomes(path))
    path.write_text("")
    with pytest.raises(LexomeError, match="no FASTA record"):
        list(peaks.chromosomes(path))
