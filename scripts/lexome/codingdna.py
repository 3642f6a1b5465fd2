"""Coding DNA: whole coding sequences from FASTA, one a gene, and their proteins.

A coding sequence is read from its first codon on, on the coding strand. After `lexome.fasta` has read a record (letters
other than A, C, G, T become N), these are dropped, in this order, and counted:

1. what its header calls no protein-coding gene (Ensembl's `gene_biotype:`, NCBI's `[pseudo=true]`);
2. a length that is no multiple of 3: the entry is incomplete, and where its codons start is not known;
3. a stop codon before the last one: a frame shift, another genetic code (mitochondria) or selenocysteine, and which of
   them cannot be told;
4. all transcripts of a gene but the longest (at a tie the first id), of those that `transcript_biotype:` calls
   protein-coding where there are some. Ensembl names the gene `gene:...`, NCBI `[gene=...]`, else `[locus_tag=...]`;
   without any of these each record is a gene of its own.

Kept, and counted: sequences that do not start with ATG (other starts are usual in bacteria; some entries begin late),
that do not end in a stop codon, and that hold an N.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.dna import encode
from lexome.errors import LexomeError
from lexome.fasta import read_fasta

BASES = "TCAG"  # the order in which tables of the genetic code are written
CODONS = tuple(a + b + c for a in BASES for b in BASES for c in BASES)
STOP = "*"
# The standard genetic code (NCBI's table 1).
GENETIC_CODE = dict(zip(CODONS, "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", strict=True))
STOPS = tuple(codon for codon, amino_acid in GENETIC_CODE.items() if amino_acid == STOP)
_UNKNOWN = "X"
# Records that are left out, as an error tells of them where none is left.
DROPPED = {
    "unreadable": "repeated, empty or nothing but unknown letters",
    "not_coding": "of no protein-coding gene",
    "partial_codon": "with a length that is no multiple of 3",
    "internal_stop": "with a stop codon before the last one",
}
# By the codes of `lexome.dna` (A, C, G, T, N: 0 to 4), 25 first + 5 second + third.
_AMINO_ACID = np.frombuffer(
    "".join(GENETIC_CODE.get(a + b + c, _UNKNOWN) for a in "ACGTN" for b in "ACGTN" for c in "ACGTN").encode(),
    dtype=np.uint8,
)
_GENE = re.compile(r"(?:^|\s)gene:(\S+)")
_NCBI = tuple(re.compile(rf"\[{key}=([^\]]+)\]") for key in ("gene", "locus_tag"))
_BIOTYPE = {key: re.compile(rf"(?:^|\s){key}_biotype:(\S+)") for key in ("transcript", "gene")}


def translate(sequence: str) -> str:
    """The amino acids of a coding sequence, stops as `*`, codons with an N as X.

    Parameters
    ----------
    sequence
        In upper case, A, C, G, T and N, from the first letter of a codon on; one or two letters at the end are not
        read.
    """
    whole = len(sequence) // 3 * 3
    if not whole:
        return ""
    codes = encode([sequence[:whole]])[0].reshape(-1, 3).astype(np.int64)
    return _AMINO_ACID[codes @ [25, 5, 1]].tobytes().decode("ascii")


def gene_of(name: str, description: str) -> str:
    """The gene that a FASTA header names, else the record's id."""
    if match := _GENE.search(description):
        return match[1]
    found = (pattern.search(description) for pattern in _NCBI)
    return next((match[1] for match in found if match), name)


def is_protein_coding(description: str, what: str = "gene") -> bool:
    """Whether a FASTA header says nothing against it, of the `gene` or of the `transcript`."""
    match = _BIOTYPE[what].search(description)
    return "[pseudo=true]" not in description and (match is None or match[1] == "protein_coding")


def read_coding(path: str | Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the coding sequences of one species, one a gene.

    Parameters
    ----------
    path
        FASTA of coding sequences, plain or gzip.

    Returns
    -------
    genes
        `gene` (str, unique), `sequence` (str; A, C, G, T, N; whole codons, the stop codon with them), `protein`
        (str, without the stop at its end; X where a codon holds an N); sorted by gene.
    counts
        `records`; dropped: `unreadable` (repeated, empty, or nothing but N), `not_coding`, `partial_codon`,
        `internal_stop`, `other_transcripts`; `kept`; of these: `no_start`, `no_stop`, `with_unknown`.

    Raises
    ------
    LexomeError
        If the file is malformed, holds proteins, or no sequence is left.
    """
    table, read = read_fasta(path, "dna")
    if read["unknown_residues"] > table["length"].sum() / 2:
        raise LexomeError(
            f"{path}: most of its letters are none of A, C, G, T and N; are these proteins? Name the FASTA of their "
            "coding sequences, or set `source: simulated`"
        )
    counts = {"records": read["records"], "unreadable": read["records"] - read["kept"]}
    coding = table["description"].map(is_protein_coding).astype(bool)
    counts["not_coding"] = int((~coding).sum())
    table = table[coding]
    whole = table["length"] % 3 == 0
    counts["partial_codon"] = int((~whole).sum())
    table = table[whole]
    table = table.assign(protein=table["sequence"].map(translate))
    stopped = table["protein"].str[:-1].str.contains(STOP, regex=False).astype(bool)
    counts["internal_stop"] = int(stopped.sum())
    table = table[~stopped]
    names = [gene_of(name, text) for name, text in zip(table["id"], table["description"], strict=True)]
    other = ~table["description"].map(lambda text: is_protein_coding(text, "transcript")).astype(bool)
    table = table.assign(gene=pd.Series(names, index=table.index, dtype="str"), other=other)
    table = table.sort_values(["gene", "other", "length", "id"], ascending=[True, True, False, True])
    genes = table.drop_duplicates("gene")
    counts["other_transcripts"] = len(table) - len(genes)
    counts["kept"] = len(genes)
    if genes.empty:
        dropped = ", ".join(f"{why}: {counts[key]}" for key, why in DROPPED.items() if counts[key])
        what = "1 record" if read["records"] == 1 else f"{read['records']} records"
        raise LexomeError(f"{path}: no coding sequence is left of {what} ({dropped}); are these coding sequences?")
    counts["no_start"] = int((genes["sequence"].str[:3] != "ATG").sum())
    counts["no_stop"] = int((~genes["protein"].str.endswith(STOP)).sum())
    counts["with_unknown"] = int(genes["sequence"].str.contains("N", regex=False).sum())
    genes = genes.assign(protein=genes["protein"].str.removesuffix(STOP))
    return genes[["gene", "sequence", "protein"]].reset_index(drop=True), counts
