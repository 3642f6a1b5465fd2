"""Compare the embeddings of two groups of proteins, such as extracellular ones and those of the plasma membrane."""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from lexome.annotations import read_cafa_terms, read_gaf
from lexome.embedding_store import read_embeddings
from lexome.fasta import AMINO_ACIDS
from lexome.maps import centre
from lexome.proteingroups import compare, pick, read_ids, related, term_ids, tsne
from lexome.proteinplan import TERM
from lexome.runtime import write_json, write_parquet, write_tsv

log = logging.getLogger(__name__)
COMPOSITION = "composition"


def map_proteins(
    examples_path: str,
    assignment_path: str,
    embeddings_folder: str,
    ontology_path: str | None,
    annotations_path: str | None,
    settings: Mapping,
    prepare: Mapping,
    model: Mapping,
    bootstrap: Mapping,
    map_path: str,
    scores_path: str,
    counts_path: str,
) -> None:
    """Write `groups.parquet` (a row a protein and kind of vectors), `groups.tsv` (figures) and `groups.json` (counts).

    Parameters
    ----------
    ontology_path, annotations_path
        Needed where a group is a term.
    settings
        `groups` (name -> GO term or file of ids) and `evidence` of `proteinplan.protein_settings`.
    prepare
        Entry of the study: `format` and `taxon` of the annotations.
    model
        `layers` and `pooling` of the embeddings.
    """
    groups = settings["groups"]
    wanted = {name: source for name, source in groups.items() if TERM.fullmatch(source)}

    def annotations() -> pd.DataFrame:
        if prepare["format"] == "gaf":
            return read_gaf(annotations_path, settings["evidence"], taxon=prepare.get("taxon"))[0]
        return read_cafa_terms(annotations_path)[0]

    terms = pd.read_parquet(ontology_path) if wanted else pd.DataFrame()
    found = term_ids(annotations, terms, wanted)
    ids = {name: found[name] if name in found else read_ids(source) for name, source in groups.items()}
    examples = pd.read_parquet(examples_path, columns=["id", "sequence", "group"])
    assignment = pd.read_parquet(assignment_path)
    # The split's groups are clusters where it was made of clusters; proteins that it left out have their own.
    assigned = examples["id"].map(assignment.set_index("id")["group"].astype(str))
    examples["group"] = assigned.fillna(examples["group"].astype(str))
    table, counts = pick(ids, examples)
    names = list(groups)
    classes = table["species"].map(names.index).to_numpy()
    relatives = related(table["sequence"], table["group"])
    largest = np.bincount(relatives)
    log.info("%d proteins in %d groups of relatives, the largest of %d", len(table), len(largest), largest.max())
    embedded = read_embeddings(embeddings_folder, table["id"].tolist(), model["layers"], model["pooling"])
    vectors = {"embeddings": embedded, COMPOSITION: composition(table["sequence"])}
    scores, predicted = compare(vectors, classes, relatives, bootstrap, " against ".join(names))
    for row in scores.itertuples():
        log.info("%s %s = %.4g (chance %.4g)", row.vectors, row.metric, row.value, row.chance)
    maps = []
    for title, own in vectors.items():
        x, y = tsne(centre(own)[0], bootstrap["seed"]).T
        part = table[["id", "species"]].assign(group=relatives, vectors=title, x=x, y=y)
        maps.append(part.assign(predicted=[names[at] for at in predicted[title]]))
    write_parquet(map_path, pd.concat(maps, ignore_index=True))
    write_tsv(scores_path, scores)
    told = {"groups": counts, "sources": groups, "relatives": len(largest), "largest": int(largest.max())}
    write_json(counts_path, told | {"n": len(table), "evidence": settings["evidence"] if wanted else []})


def composition(sequences: pd.Series) -> np.ndarray:
    """Share of each amino acid in each sequence: float32, shape (n, 20)."""
    counts = np.array([[sequence.count(letter) for letter in AMINO_ACIDS] for sequence in sequences], dtype=np.float32)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        map_proteins(
            snakemake.input.examples,
            snakemake.input.assignment,
            snakemake.params.embeddings,
            snakemake.input.get("ontology"),
            snakemake.input.get("annotations"),
            snakemake.params.settings,
            snakemake.params.prepare,
            snakemake.params.model,
            snakemake.params.bootstrap,
            snakemake.output.map,
            snakemake.output.scores,
            snakemake.output.counts,
        )
