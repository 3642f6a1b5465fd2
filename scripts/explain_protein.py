"""Look at what a run predicts of a protein, residue by residue: tokens, masked residues, every substitution."""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from lexome import residues
from lexome.bootstrap import stream
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS, read_fasta
from lexome.predictors import load_predictor
from lexome.proteineffects import (
    BLURRED,
    along_blosum,
    logits,
    mean_drop,
    position_table,
    replaced_together,
    saturate,
    standing_together,
    stretch,
    substitution_table,
)
from lexome.proteinplan import is_file
from lexome.runs import read_predictions
from lexome.runtime import progress, read_json, write_json, write_tsv
from lexome.shingles import nearest, shingles

log = logging.getLogger(__name__)
SHORT = 200  # residues of the protein that is taken where none is named
MASKED = 6  # positions whose expected residues are shown, where none are named


def explain_protein(
    fasta: str | None,
    examples_path: str,
    assignment_path: str,
    labels_path: str,
    predictions_path: str,
    model_folder: str,
    backbone_folder: str,
    settings: Mapping,
    model: Mapping,
    backbone: Mapping,
    bootstrap: Mapping,
    k: int,
    gpus: int,
    tokens_path: str,
    masked_path: str,
    substitutions_path: str,
    positions_path: str,
    explained_path: str,
) -> None:
    """Write `tokens.tsv`, `masked.tsv`, `substitutions.tsv`, `positions.tsv` and `explained.json`.

    Parameters
    ----------
    fasta
        The user's file with one protein; None for a protein of the study.
    settings
        Of `proteinplan.protein_settings`.
    model, backbone
        Entries of the run's model and of its backbone.
    bootstrap
        `replicates`, `level`, `seed`.
    k
        Letters of the pieces by which the nearest training protein is found.
    """
    labels = read_json(labels_path)
    examples = pd.read_parquet(examples_path).merge(pd.read_parquet(assignment_path)[["id", "subset"]], how="left")
    examples["subset"] = examples["subset"].fillna("left out")
    protein = find_protein(fasta, settings["sequence"], examples, labels["labels"], predictions_path)
    sequence, level = protein["sequence"], bootstrap["level"]
    train = examples[examples["subset"] == "train"]
    counts = shingles([sequence, *train["sequence"]], k)
    (near,), (at,) = nearest(counts[:1], counts[1:])
    protein |= {"nearest": float(near), "nearest_id": str(train["id"].iloc[at]) if at >= 0 else None, "k": k}
    log.info("%s: %d residues, %s; nearest training protein %.2f", *protein_told(protein), near)

    predictor = load_predictor(model_folder, model, backbone_folder, backbone, labels["task"], gpus)
    # Special tokens count, too; a backbone that reads long proteins in windows has no limit.
    extra = predictor.count([sequence])[0] - len(sequence)
    readable = len(sequence) if predictor.limit is None else predictor.limit - extra
    places = stretch(sequence, settings["positions"], settings["longest"], readable, protein["id"])
    before = predictor([sequence])[0]
    chosen = choose_terms(settings["terms"], labels["labels"], before)
    terms = [labels["labels"][at] for at in chosen]
    shares = residues.background(train["sequence"])

    with progress(total=19 * len(places), unit="mutant", desc=protein["id"]) as bar:
        effects, reference, cost = saturate(predictor, sequence, places, chosen, report=bar.update)
    cost |= {"per_second": cost["mutants"] / max(cost["seconds"], 1e-9)}
    log.info("%(mutants)d mutants, %(residues)d residues, %(seconds).1f s, %(per_second).1f mutants a second", cost)
    print(
        f"{protein['id']}: {cost['mutants']:,} mutants in {cost['seconds']:,.1f} s ({cost['per_second']:,.0f} a second)"
    )
    ids = [term["id"] for term in terms]
    write_tsv(substitutions_path, substitution_table(effects, reference, sequence, places, ids))
    positions = position_table(effects, sequence, places, ids)
    write_tsv(positions_path, positions)

    drops, scores = mean_drop(effects), residues.blosum_vectors()
    rng = stream(bootstrap["seed"], protein["id"], "substitutions")
    joint = replaced_together(predictor, sequence, places, drops, chosen, reference, shares, rng, level)
    checks = []
    for term, own, drop, lost in zip(ids, effects, drops, joint, strict=True):
        checks += [
            {"term": term, "check": "joint", **lost},
            {"term": term, "check": "together", **standing_together(drop, rng, level)},
            {"term": term, "check": "blosum", **along_blosum(own, sequence, places, scores, rng, level)},
        ]

    masked, reason, told = explain_masked(
        backbone_folder,
        sequence,
        places,
        drops[0],
        settings["masked"],
        shares,
        backbone,
        bootstrap,
        protein["id"],
        gpus,
    )
    write_tsv(masked_path, masked)
    tokens, silhouettes = explain_tokens(backbone_folder, bootstrap)
    write_tsv(tokens_path, tokens)
    write_json(
        explained_path,
        {
            "protein": protein,
            "first": int(places[0]) + 1,
            "last": int(places[-1]) + 1,
            "terms": [
                {
                    "id": term["id"],
                    "name": term["name"],
                    "probability": float(before[at]),
                    "logit": float(logits(before[at])),
                    "blurred": bool(abs(logits(before[at])) > BLURRED),
                    "prior": term["n_train"] / max(len(train), 1),
                    "true": term["id"] in protein["true"] if protein["true"] is not None else None,
                }
                for at, term in zip(chosen, terms, strict=True)
            ],
            "cost": cost,
            "checks": [nothing_missing(row) for row in checks],
            "tokens": silhouettes,
            "masked": {
                "reason": reason,
                "scores": told,
                "shown": shown_positions(masked, settings["masked"], positions),
            },
            "level": level,
        },
    )


def find_protein(
    fasta: str | None, name: str | None, examples: pd.DataFrame, labels: list[dict], predictions_path: str
) -> dict:
    """The protein: `id`, `sequence`, `source`, `subset` (of the study; None if it is not in it) and `true` (ids of its
    judged terms, None where they are not known).

    Raises
    ------
    LexomeError
        If the file holds another number of proteins than one, or the study has no such id.
    """
    if fasta:
        table, _ = read_fasta(fasta)
        if len(table) != 1:
            found = ", ".join(table["id"][:5])
            raise LexomeError(f"{fasta}: {len(table)} proteins ({found}); leave the one that is to be looked at")
        own, source = table.iloc[0], "file"
        same = examples[examples["sequence"] == own["sequence"]]
        row = same.iloc[0] if len(same) else None
    else:
        own = row = surest(examples, labels, predictions_path) if name is None else _by_id(examples, name)
        source = "surest" if name is None else "study"
    place = {label["index"]: label["id"] for label in labels}
    return {
        "id": own["id"],
        "sequence": own["sequence"],
        "length": len(own["sequence"]),
        "source": source,
        "subset": None if row is None else row["subset"],
        "same_as": None if row is None or row["id"] == own["id"] else row["id"],
        "true": None if row is None else [place[at] for at in row["labels"] if at in place],
    }


def _by_id(examples: pd.DataFrame, name: str) -> pd.Series:
    found = examples[examples["id"] == name]
    if found.empty:
        raise LexomeError(f"protein.sequence: {name!r} is neither a file nor the id of a protein of the study")
    return found.iloc[0]


def surest(examples: pd.DataFrame, labels: list[dict], predictions_path: str) -> pd.Series:
    """The short test protein with the true term that the run is surest of."""
    rows, scores = read_predictions(predictions_path)
    test = (rows["subset"] == "test").to_numpy()
    known = examples.set_index("id").loc[rows.loc[test, "id"]].reset_index()
    short = (known["length"] <= SHORT).to_numpy()
    if not short.any():
        short = (known["length"] == known["length"].min()).to_numpy()
    place = {label["index"]: at for at, label in enumerate(labels)}
    best = np.full(len(known), -1.0)
    for row in np.flatnonzero(short):
        own = [place[at] for at in known["labels"].iloc[row] if at in place]
        if own:
            best[row] = scores[test][row, own].max()
    if best.max() < 0:
        raise LexomeError("protein.sequence: no short test protein has a judged term; name a protein")
    return known.iloc[int(best.argmax())]


def protein_told(protein: Mapping) -> tuple[str, int, str]:
    """Id, length and where it stands."""
    return protein["id"], protein["length"], protein["subset"] or "not in the study"


def choose_terms(wanted: int | list[str], labels: list[dict], probabilities: np.ndarray) -> list[int]:
    """Columns of the named terms, or of as many likeliest ones.

    Raises
    ------
    LexomeError
        If the run does not predict a term.
    """
    if isinstance(wanted, int):
        return [int(at) for at in np.argsort(-probabilities, kind="stable")[:wanted]]
    place = {label["id"]: at for at, label in enumerate(labels)}
    unknown = [term for term in wanted if term not in place]
    if unknown:
        raise LexomeError(
            f"protein.terms: {', '.join(unknown)} is not among the {len(place)} terms that the run predicts"
        )
    return [place[term] for term in wanted]


def explain_masked(
    folder: str,
    sequence: str,
    places: np.ndarray,
    drop: np.ndarray,
    wanted: list[int] | None,
    shares: np.ndarray,
    backbone: Mapping,
    bootstrap: Mapping,
    name: str,
    gpus: int,
) -> tuple[pd.DataFrame, str, list[dict]]:
    """What is expected at every masked position, why not, and how well that fits.

    Raises
    ------
    LexomeError
        If a wanted position is beyond the protein.
    """
    if wanted and max(wanted) > len(sequence):
        raise LexomeError(f"protein.masked: {max(wanted)} is beyond the end of {name} ({len(sequence)} residues)")
    asked = sorted({*places.tolist(), *(at - 1 for at in wanted or ())})
    limits = backbone["max_tokens"], backbone["embedding"]["batch_tokens"]
    found, reason = residues.masked_probabilities(folder, sequence, asked, *limits, gpus)
    if found is None:
        log.warning("no masked residues: %s", reason)
        return residues.masked_table(sequence, [], np.empty((0, len(AMINO_ACIDS))), shares), reason, []
    table = residues.masked_table(sequence, asked, found, shares)
    return table, "", residues.masked_scores(table, bootstrap, name)


def shown_positions(masked: pd.DataFrame, wanted: list[int] | None, positions: pd.DataFrame) -> list[int]:
    """Positions whose expected residues are drawn: those named, or those that matter most to the first term."""
    if masked.empty:
        return []
    if wanted:
        return sorted(wanted)
    first = positions[positions["term"] == positions["term"].iloc[0]]
    return sorted(first.nlargest(MASKED, "mean_drop")["position"].tolist())


def explain_tokens(folder: str, bootstrap: Mapping) -> tuple[pd.DataFrame, list[dict]]:
    """The plane of the amino acids' token vectors and of BLOSUM62's rows, and their silhouettes."""
    parts, told = [], []
    vectors = {"backbone": residues.token_vectors(folder), "BLOSUM62": residues.blosum_vectors()}
    for name, own in vectors.items():
        points, shares = residues.principal_plane(own)
        table = pd.DataFrame({"vectors": name, "letter": list(AMINO_ACIDS)})
        parts.append(
            table.assign(
                **{"class": list(map(residues.CLASS_OF.get, AMINO_ACIDS)), "x": points[:, 0], "y": points[:, 1]}
            )
        )
        row = residues.class_silhouette(own, residues.class_codes(), bootstrap["seed"], level=bootstrap["level"])
        told.append({"vectors": name, **row, "shares": [float(share) for share in shares]})
    return pd.concat(parts, ignore_index=True), told


def nothing_missing(row: Mapping) -> dict:
    """A row for JSON, which has no NaN."""
    return {key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in row.items()}


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        settings = snakemake.params.settings
        explain_protein(
            settings["sequence"] if settings["sequence"] and is_file(settings["sequence"]) else None,
            snakemake.input.examples,
            snakemake.input.assignment,
            snakemake.input.labels,
            snakemake.input.predictions,
            snakemake.input.model,
            snakemake.input.backbone,
            settings,
            snakemake.params.model,
            snakemake.params.backbone,
            snakemake.params.bootstrap,
            snakemake.params.k,
            snakemake.resources.get("gpu", 0),
            snakemake.output.tokens,
            snakemake.output.masked,
            snakemake.output.substitutions,
            snakemake.output.positions,
            snakemake.output.explained,
        )
