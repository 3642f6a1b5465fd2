"""FASTA: every documented treatment, errors with their lines, round trips."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.errors import LexomeError
from lexome.fasta import COUNTS, parse_header, read_fasta, write_fasta


def read(tmp_path: Path, text: str | bytes, alphabet: str = "protein"):
    path = tmp_path / "in.fasta"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_fasta(path, alphabet)


def only(counts: dict, **expected) -> bool:
    """These counts and no others."""
    return counts == dict.fromkeys(COUNTS, 0) | expected


def test_plain_records(tmp_path):
    table, counts = read(tmp_path, ">A first one\nMKV\nLLA\n\n>B\nMA\n")
    assert table.to_dict("list") == {
        "id": ["A", "B"],
        "sequence": ["MKVLLA", "MA"],
        "length": [6, 2],
        "description": ["first one", ""],
    }
    assert table["length"].dtype == "int32"
    assert only(counts, records=2, kept=2)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("sp|P12345|NAME_HUMAN Some protein", ("P12345", "Some protein")),
        ("tr|A0A0|X", ("A0A0", "")),
        ("P20536 sp|P20536|UNG_VACCC x", ("P20536", "sp|P20536|UNG_VACCC x")),
        ("gi|12|ref", ("gi|12|ref", "")),
        ("one\ttwo three", ("one", "two three")),
        ("", ("", "")),
    ],
)
def test_headers(header, expected):
    assert parse_header(header) == expected


@pytest.mark.parametrize(
    ("raw", "kept", "counts"),
    [
        ("mkVl", "MKVL", {"lower_case": 1}),
        ("MKV*", "MKV", {"with_stop_end": 1}),
        ("MKV**", "MKV", {"with_stop_end": 1}),
        ("MKV-\n*", "MKV", {"with_stop_end": 1, "with_gaps": 1, "gap_characters": 1}),
        ("MK*V", None, {"internal_stop": 1}),
        ("MK*V*", None, {"internal_stop": 1, "with_stop_end": 1}),
        ("M-K..V\t", "MKV", {"with_gaps": 1, "gap_characters": 3}),
        ("M K V", "MKV", {}),
        ("MBZUOX", "MBZUOX", {}),
        ("MJK?jé", "MXKXXX", {"lower_case": 1, "with_unknown": 1, "unknown_residues": 4}),
        ("", None, {"empty": 1}),
        ("--*", None, {"empty": 1, "with_gaps": 1, "gap_characters": 2, "with_stop_end": 1}),
        ("XXX", None, {"only_unknown": 1}),
        ("JX", None, {"only_unknown": 1, "with_unknown": 1, "unknown_residues": 1}),
    ],
)
def test_protein_treatment(tmp_path, raw, kept, counts):
    table, found = read(tmp_path, f">other\nMM\n>this\n{raw}\n")
    assert only(found, records=2, kept=1 + (kept is not None), **counts)
    assert table.set_index("id")["sequence"].to_dict() == {"other": "MM"} | ({"this": kept} if kept else {})


@pytest.mark.parametrize(
    ("raw", "kept", "counts"),
    [
        ("acgtN", "ACGTN", {"lower_case": 1}),
        ("ACGU", "ACGT", {"uracil": 1}),
        ("ARYT", "ANNT", {"with_unknown": 1, "unknown_residues": 2}),
        ("NNN", None, {"only_unknown": 1}),
        ("A-C", "AC", {"with_gaps": 1, "gap_characters": 1}),
    ],
)
def test_dna_treatment(tmp_path, raw, kept, counts):
    table, found = read(tmp_path, f">other\nAC\n>this\n{raw}\n", "dna")
    assert only(found, records=2, kept=1 + (kept is not None), **counts)
    assert table.set_index("id")["sequence"].to_dict() == {"other": "AC"} | ({"this": kept} if kept else {})


def test_repeats(tmp_path):
    table, counts = read(tmp_path, ">A first\nMKV\n>B\nMKV\n>A again\nmkv\n")
    assert table["id"].tolist() == ["A", "B"]
    assert table["description"].tolist() == ["first", ""]
    assert only(counts, records=3, kept=2, repeated=1, lower_case=1)


def test_one_id_with_two_sequences_names_the_lines_that_differ(tmp_path):
    with pytest.raises(LexomeError, match=r"in\.fasta, lines 3 and 9: A has two different"):
        read(tmp_path, ">C\nM\n>A\nMKV\n>A\nMKV\n>B\nM\n>A\nMKK\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no FASTA record"),
        ("\n\n", "line 1: no FASTA record"),
        ("\nMKV\n>A\nM\n", "line 2: text before the first >"),
        (">A\nM\n> \nMK\n", "line 3: a record without id"),
        (">A\nM%\n", "line 2: '%' in the sequence of A"),
        (">A\nM\n>B1\nMKV\nMK1V\n>C\nM1\n", "line 5: '1' in the sequence of B1"),
    ],
)
def test_errors_name_the_line(tmp_path, text, message):
    with pytest.raises(LexomeError, match=rf"in\.fasta, {message}"):
        read(tmp_path, text)


def test_a_stop_is_no_dna_letter(tmp_path):
    with pytest.raises(LexomeError, match=r"line 2: '\*' in the sequence of A is no dna letter"):
        read(tmp_path, ">A\nACG*\n", "dna")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("packed", [False, True])
def test_any_line_end_gzip_and_byte_order_mark(tmp_path, ends, packed):
    content = b"\xef\xbb\xbf" + ends.join([">A x", "MK", "V", ">B", "M"]).encode()
    table, counts = read(tmp_path, gzip.compress(content) if packed else content)
    assert table["sequence"].tolist() == ["MKV", "M"]
    assert only(counts, records=2, kept=2)


def test_damaged_gzip_names_the_file(tmp_path):
    with pytest.raises(LexomeError, match=r"in\.fasta: cut off or damaged gzip"):
        read(tmp_path, gzip.compress(b">A\n" + b"MKV\n" * 999, mtime=0)[:-9])


def test_no_record_left_is_an_empty_table(tmp_path):
    table, counts = read(tmp_path, ">A\n\n")
    assert table.empty
    assert table.columns.tolist() == ["id", "sequence", "length", "description"]
    assert only(counts, records=1, empty=1)


names = st.text("ABCDEFGHXYZ0123456789_", min_size=1, max_size=8)
proteins = st.text("ACDEFGHIKLMNPQRSTVWYBZUO", min_size=1, max_size=200)


@given(st.dictionaries(names, proteins, min_size=1, max_size=8), st.booleans(), st.integers(1, 90))
def test_round_trip(tmp_path_factory, sequences, packed, width):
    path = tmp_path_factory.mktemp("fasta") / ("out.fasta.gz" if packed else "out.fasta")
    table = pd.DataFrame({"id": list(sequences), "sequence": list(sequences.values()), "description": "a b"})
    write_fasta(path, table, width)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == packed
    back, counts = read_fasta(path)
    assert dict(zip(back["id"], back["sequence"], strict=True)) == sequences
    assert set(back["description"]) == {"a b"}
    assert only(counts, records=len(sequences), kept=len(sequences))


def test_gzip_is_the_same_every_time_and_everywhere(tmp_path):
    table = pd.DataFrame({"id": ["A"], "sequence": ["MKV"]})
    write_fasta(tmp_path / "a.fasta.gz", table)
    write_fasta(tmp_path / "b.fasta.gz", table)
    content = (tmp_path / "a.fasta.gz").read_bytes()
    assert content == (tmp_path / "b.fasta.gz").read_bytes()
    assert content[3:8] == bytes(5)  # no flags (no name), no time
    assert gzip.decompress(content) == b">A\nMKV\n"
