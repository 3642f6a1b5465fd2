"""A bad record is told and the next one is read; what is good is what `read_fasta` makes of it."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.errors import LexomeError
from lexome.fasta import read_fasta
from lexome.proteinrecords import Protein, in_chunks, read_proteins

ODD = (
    b""">sp|P12345|NAME first
MKv-l
xJ*
>bad
MK1
>
MK
>stop
MK*MK
>empty
>nothing
XXX

>P12345 again
MKVLXX
>P12345
MKV
>\xff\xfe latin
MKT
>dna
"""
    + b"ACGT" * 20
)


def collect(path):
    notes = []
    return list(read_proteins(path, notes.append)), notes


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_bad_record_is_told(tmp_path, pack):
    (tmp_path / "a").write_bytes(pack(ODD))
    proteins, notes = collect(tmp_path / "a")
    assert [protein.id for protein in proteins] == ["P12345", "\ufffd\ufffd", "dna"]
    assert proteins[0].sequence == "MKVLXX"
    found = [(note.record, note.line, note.what) for note in notes]
    skipped = [(2, 4), (3, 6), (4, 8), (5, 10), (6, 11), (7, 14), (8, 16)]
    assert [own[:2] for own in found if own[2] == "skipped"] == skipped
    assert [own[:2] for own in found if own[2] == "mended"] == [(1, 1)]
    assert [own[:2] for own in found if own[2] == "noted"] == [(1, 1), (10, 20)]
    reasons = {note.record: note.reason for note in notes}
    assert "'1' is no letter" in reasons[2]
    assert "with the same sequence" in reasons[7]
    assert "record 1" in reasons[7]
    assert "another sequence" in reasons[8]
    assert "looks like DNA" in reasons[10]


@pytest.mark.parametrize(("content", "message"), [("MK\n>a\nMK\n", "line 1: text before"), ("\n\n", "no FASTA record")])
def test_files_that_are_no_fasta(tmp_path, content, message):
    (tmp_path / "a").write_text(content)
    with pytest.raises(LexomeError, match=message):
        collect(tmp_path / "a")


def test_a_file_that_is_cut_off(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(ODD * 50)[:-30])
    with pytest.raises(LexomeError, match="cut off or damaged"):
        collect(tmp_path / "a.gz")


@given(st.lists(st.text("ACDEFGHIKLMNPQRSTVWYBZUOXacx\n", min_size=1), min_size=1, max_size=6))
def test_good_files_are_read_as_by_the_other_reader(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("fasta") / "a.fa"
    path.write_text("".join(f">p{at} x\n{text}\n" for at, text in enumerate(texts)))
    table, _ = read_fasta(path)
    proteins, _ = collect(path)
    assert [tuple(protein) for protein in proteins] == list(zip(table["id"], table["sequence"], strict=True))


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 5), st.integers(1, 40))
def test_chunks_are_bounded_and_lose_nothing(lengths, most, residues):
    proteins = [Protein(str(at), "M" * length) for at, length in enumerate(lengths)]
    chunks = list(in_chunks(iter(proteins), most, residues))
    assert [protein for chunk in chunks for protein in chunk] == proteins
    for chunk in chunks:
        assert 1 <= len(chunk) <= most
        assert len(chunk) == 1 or sum(len(protein.sequence) for protein in chunk) <= residues
