"""Hold windows that the workflow draws from coding sequences against an earlier sample of the same genes.

    python benchmarks/species_windows.py --windows windows60_2000per_species_genesplit.tsv.gz --cds FOLDER

The sample has the published form: 2,000 in-frame windows of 60 nucleotides a species; genes are disjoint between its
train and test. Ours are drawn from the FASTA files that it was made of, and split by families of genes into halves.
Both are told by their form, by where in their genes they start, by what is alike in train and test, and by the accuracy
of logistic regression on 3-mers.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lexome.cdswindows import draw_windows
from lexome.codingdna import read_coding
from lexome.dna import encode
from lexome.geneclusters import cluster_proteins
from lexome.overlaps import overlapping
from lexome.splits import stratified_split

SPECIES = ("athaliana", "dmelanogaster", "ecoli", "hsapiens", "mmusculus", "scerevisiae")


def draw(folder: Path, share: float) -> tuple[pd.DataFrame, dict[tuple[str, str], int]]:
    """Our windows (`species`, `gene`, `start`, `sequence`, `subset`) and the length of each gene."""
    genes = {name: read_coding(folder / f"{name}.cds.fasta.gz")[0] for name in SPECIES}
    windows, _ = draw_windows(genes, 60, True, 2000, 0)
    whole = pd.concat([table.assign(species=name) for name, table in genes.items()], ignore_index=True)
    names = zip(whole["species"], whole["gene"], strict=True)
    family = dict(zip(names, cluster_proteins(whole["protein"].tolist(), 5, share), strict=True))
    key = list(zip(windows["species"], windows["gene"], strict=True))
    groups = [str(family[one]) for one in key]
    halves = {"train": 0.5, "valid": 0.0, "test": 0.5}
    subset = stratified_split(groups, pd.factorize(windows["species"])[0], halves, 0)
    lengths = dict(zip(zip(whole["species"], whole["gene"], strict=True), whole["sequence"].str.len(), strict=True))
    return windows.assign(subset=subset), lengths


def counts(sequences: pd.Series) -> np.ndarray:
    """Counts of 3-mers: float64, shape (n, 64)."""
    codes = encode(sequences.tolist()).astype(np.int64)
    kmers = 16 * codes[:, :-2] + 4 * codes[:, 1:-1] + codes[:, 2:]
    return np.stack([np.bincount(row, minlength=64) for row in kmers]).astype(float)


def describe(windows: pd.DataFrame, lengths: dict[tuple[str, str], int]) -> dict[str, float]:
    """Figures of one sample."""
    train, test = (windows[windows["subset"] == name] for name in ("train", "test"))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(counts(train["sequence"]), train["species"])
    key = zip(windows["species"], windows["gene"], strict=True)
    room = np.array([lengths.get(one, 0) - 60 for one in key], dtype=float)
    known = room > 0
    return {
        "windows": len(windows),
        "nucleotides": sorted(set(windows["sequence"].str.len())),
        "in_frame": float((windows["start"] % 3 == 0).mean()),
        "equal": int(windows["sequence"].duplicated().sum()),
        "genes": int(windows.groupby("species")["gene"].nunique().sum()),
        "median_place": round(float(np.median(windows["start"][known] / room[known])), 3),
        "in_first_100_codons": round(float((windows["start"] < 300).mean()), 3),
        "test_sharing_30_nucleotides_with_train": int(
            overlapping(test["sequence"].tolist(), train["sequence"].tolist()).sum()
        ),
        "accuracy_3mers": round(float(model.score(counts(test["sequence"]), test["species"])), 3),
    }


def main() -> None:
    """Read the command line and print the figures of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", required=True, help="the earlier sample: sp, gene, off, seq, split")
    parser.add_argument("--cds", required=True, type=Path, help="folder of <species>.cds.fasta.gz")
    parser.add_argument("--share", type=float, default=0.1, help="`clusters: share` of families, default: %(default)s")
    parser.add_argument("--json", help="write the figures here, too")
    arguments = parser.parse_args()
    ours, lengths = draw(arguments.cds, arguments.share)
    names = {"sp": "species", "off": "start", "seq": "sequence", "split": "subset"}
    earlier = pd.read_csv(arguments.windows, sep="\t").rename(columns=names)
    # The sample names Arabidopsis genes by transcript (AT3G46440.1).
    plain = earlier["gene"].str.replace(r"^(AT.G\d+)\.\d+$", r"\1", regex=True)
    figures = {"ours": describe(ours, lengths), "earlier": describe(earlier.assign(gene=plain), lengths)}
    for key in figures["ours"]:
        print(f"{key:45}{figures['ours'][key]!s:>10}{figures['earlier'][key]!s:>12}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
