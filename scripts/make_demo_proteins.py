"""Make the demo's sequences: the proteins of a FASTA file that an annotation file says enough about.

Run by hand, from the repository root; resources/demo/README.md has the command that made the file there.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from lexome.annotations import EXPERIMENTAL, HIGH_THROUGHPUT, map_terms, read_gaf
from lexome.errors import LexomeError
from lexome.fasta import read_fasta, write_fasta
from lexome.ontology import check_ontology, read_obo

# Everything that somebody saw in an experiment or vouched for: a study may then choose fewer codes.
EVIDENCE = (*EXPERIMENTAL, *HIGH_THROUGHPUT, "TAS", "IC")


def make_demo_proteins(
    fasta: str,
    gaf: str,
    obo: str,
    out: str,
    evidence: Iterable[str] = EVIDENCE,
    aspect: str = "molecular_function",
    taxon: int = 9606,
    max_length: int | None = None,
) -> int:
    """Write the proteins of `fasta` that `gaf` annotates with `aspect`, sorted by id; return their number.

    Parameters
    ----------
    fasta, gaf, obo
        Sequences, annotations (GAF 2.1 or 2.2) and ontology, plain or gzip.
    out
        FASTA to write, gzip if it ends in `.gz`; the ids alone, no descriptions.
    evidence, taxon
        As in `lexome.annotations.read_gaf`.
    aspect
        Namespace that at least one annotation of the protein must have, as the ontology says.
    max_length
        Longest sequence, in residues; None for all.

    Raises
    ------
    LexomeError
        On malformed input, or if no protein is left.
    """
    terms = read_obo(obo)
    check_ontology(terms, obo)
    pairs, _ = read_gaf(gaf, evidence, taxon=taxon)
    pairs, _ = map_terms(pairs, terms)
    annotated = set(pairs["id"][pairs["term"].isin(terms["id"][terms["namespace"] == aspect])])
    proteins, _ = read_fasta(fasta)
    proteins = proteins[proteins["id"].isin(annotated)]
    if max_length is not None:
        proteins = proteins[proteins["length"] <= max_length]
    if proteins.empty:
        raise LexomeError(f"{fasta}: no protein with an annotation in {gaf}; do they use the same ids?")
    write_fasta(out, proteins[["id", "sequence"]].sort_values("id"))
    return len(proteins)


def main() -> None:
    """Read the command line, make the file, and print its size and sha256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fasta", required=True, help="sequences, e.g. human Swiss-Prot")
    parser.add_argument("--gaf", required=True, help="annotations, GAF 2.1 or 2.2")
    parser.add_argument("--obo", required=True, help="ontology")
    parser.add_argument("--out", required=True, help="FASTA to write; .gz makes gzip")
    parser.add_argument("--evidence", nargs="+", default=EVIDENCE, metavar="CODE", help="default: %(default)s")
    parser.add_argument("--aspect", default="molecular_function", help="default: %(default)s")
    parser.add_argument("--taxon", type=int, default=9606, help="default: %(default)s")
    parser.add_argument("--max-length", type=int, metavar="RESIDUES", help="default: no limit")
    arguments = parser.parse_args()
    try:
        number = make_demo_proteins(**vars(arguments))
    except LexomeError as error:
        sys.exit(f"error: {error}")
    content = Path(arguments.out).read_bytes()
    print(f"{number} proteins, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
