"""Variants of a VCF file (VCF 4.x, plain or gzip), one a pair of REF and ALT, and their alleles on a genome.

Only what scoring needs is read: CHROM, POS, ID, REF and ALT; genotypes, FILTER and INFO are passed over.
"""

import re
from pathlib import Path

import pandas as pd

from lexome.errors import LexomeError
from lexome.fasta import open_binary, open_text

COLUMNS = ["line", "id", "chrom", "pos", "ref", "alt"]
SKIPPED = [*COLUMNS, "reason"]
_LETTERS = re.compile(r"[ACGTN]+")
_BREAKEND = re.compile(r"[\[\]]|^\.[ACGTN]+$|^[ACGTN]+\.$")


def read_vcf(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The variants of a VCF file.

    Alleles become upper case; a record with several ALT alleles becomes as many variants.

    Returns
    -------
    variants : pandas.DataFrame
        `line`, `id` (`chrom:pos:ref>alt` where the record has none), `chrom`, `pos` (from 1), `ref`, `alt`, in file
        order.
    skipped : pandas.DataFrame
        The same columns and `reason`: what names no sequence (`.`, `*`, `<DEL>`, breakends), what changes nothing, and
        alleles with letters other than A, C, G, T.

    Raises
    ------
    LexomeError
        If the file is no VCF, or a record has too few columns or a position that is none; with file and line.
    """
    rows: list[tuple] = []
    skipped: list[tuple] = []
    _refuse_bcf(path)
    with open_text(path) as handle:
        header = False
        for line, text in enumerate(handle, 1):
            text = text.rstrip("\r\n")
            if line == 1 and not text.startswith("##fileformat=VCF"):
                raise LexomeError(f"{path}, line 1: not a VCF file, whose first line is `##fileformat=VCFv4.2`")
            header = header or text.startswith("#CHROM\t")
            if text.startswith("#") or not text.strip():
                continue
            where = f"{path}, line {line}"
            if not header:
                raise LexomeError(f"{where}: a record before the line `#CHROM POS ID ...`; is the header cut off?")
            fields = text.split("\t", 5)
            if len(fields) < 5:
                raise LexomeError(f"{where}: {len(fields)} columns, parted by tabs; a record has at least 5")
            chrom, place, name, ref, alts = (field.strip() for field in fields[:5])
            if not re.fullmatch(r"\d+", place):
                raise LexomeError(f"{where}: POS must be a whole number, found {place!r}")
            pos, ref = int(place), ref.upper()
            for alt in alts.split(","):
                alt = alt if alt.startswith("<") else alt.upper()
                label = f"{chrom}:{pos}:{ref}>{alt}" if name in (".", "") else name
                row = (line, label, chrom, pos, ref, alt)
                reason = _fault(pos, ref, alt)
                if reason:
                    skipped.append((*row, reason))
                else:
                    rows.append(row)
    if not header:
        raise LexomeError(f"{path}: no line `#CHROM POS ID REF ALT ...`; the file is cut off")
    return pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame(skipped, columns=SKIPPED)


def _refuse_bcf(path: str | Path) -> None:
    with open_binary(path) as handle:
        if handle.read(3) == b"BCF":
            raise LexomeError(f"{path}: is BCF, not VCF; convert it: bcftools view -Oz -o variants.vcf.gz {path}")


def _fault(pos: int, ref: str, alt: str) -> str:
    """Why a pair of alleles cannot be scored, "" if it can."""
    if alt in (".", ""):
        return "no ALT allele: nothing changes"
    if alt == "*":
        return "ALT is *: the allele is deleted by a variant upstream"
    if alt.startswith("<"):
        return "symbolic allele: the file does not tell its sequence"
    if _BREAKEND.search(alt):
        return "breakend: the file does not tell its sequence"
    if pos == 0:
        return "position 0: before the first nucleotide"
    for name, allele in (("REF", ref), ("ALT", alt)):
        if not _LETTERS.fullmatch(allele) or "N" in allele:
            return f"{name} is no sequence: letters other than A, C, G, T"
    return "ALT is REF: nothing changes" if ref == alt else ""


def trim(pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Where two alleles differ: without the letters that they end and then begin with alike.

    An indel's alleles share the letter before it; without it the change of a deletion is `ref` to nothing.

    Returns
    -------
    start : int
        0-based, of the first letter that differs.
    ref, alt : str
        What is left; one of them may be empty.
    """
    end = 0
    while end < min(len(ref), len(alt)) and ref[-1 - end] == alt[-1 - end]:
        end += 1
    ref, alt = ref[: len(ref) - end], alt[: len(alt) - end]
    begin = 0
    while begin < min(len(ref), len(alt)) and ref[begin] == alt[begin]:
        begin += 1
    return pos - 1 + begin, ref[begin:], alt[begin:]


def same_contig(name: str) -> str:
    """What the names of a chromosome have in common: chr1 and 1, chrM, M and MT."""
    bare = re.sub(r"^chr", "", name, flags=re.IGNORECASE)
    return "MT" if bare.upper() in ("M", "MT") else bare


def reasons(skipped: pd.DataFrame) -> str:
    """The kinds of reasons, which stand before the colon, with how many rows each has: `3 x breakend; 1 x N`."""
    kinds = skipped["reason"].str.split(":").str[0].value_counts()
    return "; ".join(f"{n} x {kind}" for kind, n in kinds.items())
