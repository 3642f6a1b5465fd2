"""Annotate proteins that a run has never seen: terms with calibrated probabilities, and what speaks for them."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.errors import LexomeError
from lexome.judgedpairs import load_judged
from lexome.proteinannotation import COLUMNS, annotation_rows, judged_terms, submission_header, submission_lines
from lexome.proteinevidence import find_evidence, tool_of
from lexome.proteinrecords import Note, in_chunks, read_proteins
from lexome.runtime import atomic, progress, read_json, write_json
from lexome.scorecalibration import calibration_check, fit

log = logging.getLogger(__name__)


def annotate_proteins(
    query: str,
    files: Mapping[str, str],
    ontology_path: str,
    model_folder: str,
    backbone_folder: str | None,
    settings: Mapping,
    model: Mapping,
    backbone: Mapping | None,
    search: Mapping,
    relations: Sequence[str],
    gpus: int,
    threads: int,
    predictions_path: str,
    annotations_path: str,
    skipped_path: str,
    summary_path: str,
) -> None:
    """Write `predictions.tsv`, `annotations.tsv`, `skipped.tsv` and `summary.json`.

    `annotations.tsv` has a row a protein and term, in the order of the file and then the most probable first:
    `protein`, `term`, `name`, `aspect` (F, P or C), `score` (of the model, no parent below its child), `probability`
    (that the term is annotated, calibrated on valid); `nearest` (the training protein of the best alignment),
    `nearest_similarity` (its identity there, or shared k-mers where summary.json says so), `covered` and
    `nearest_covered` (parts of the protein and of that one which are aligned), `nearest_has_term`; `bearer` and
    `bearer_similarity` (the first similar training protein that carries the term); `evidence` in words. Terms that are
    no labels of the split are not predicted. The calibration is of proteins such as the study's: annotated ones, and no
    longer than its longest.

    Parameters
    ----------
    query
        FASTA of proteins, plain or gzip; it is read and scored a chunk at a time.
    files
        `examples`, `study_labels`, `assignment`, `split_labels` and `predictions` of the run.
    settings
        Of `annotateplan.annotate_settings`.
    model, backbone
        Entries of the run's model and of its backbone, if it has one.
    search
        Of `alignplan.search_settings`.
    relations
        Over which terms imply others.

    Raises
    ------
    LexomeError
        If the file is no FASTA, or nothing in it can be scored.
    """
    start = time.perf_counter()
    labels = read_json(files["split_labels"])
    terms = judged_terms(labels["labels"], pd.read_parquet(ontology_path), relations)
    train, valid, test = load_judged(files, terms)
    calibration = fit(valid.scores[valid.known], valid.truth[valid.known])
    own = test.scores[test.known]
    check = calibration_check(own, calibration(own), test.truth[test.known])
    predict = load_model(model_folder, terms.ids, model, backbone_folder, backbone, labels["task"], gpus, threads)
    tool = tool_of(search)
    seen, longest_seen = set(train.sequences), max(map(len, train.sequences), default=0)
    counts: Counter = Counter()
    spent = dict.fromkeys(("predict", "search"), 0.0)
    longest = 0
    with (
        atomic(predictions_path) as submitted,
        atomic(annotations_path) as annotated,
        atomic(skipped_path) as skipped,
        open(submitted, "w", encoding="utf-8") as submission,
        open(annotated, "w", encoding="utf-8") as table,
        open(skipped, "w", encoding="utf-8") as notes,
        progress(unit="aa", desc="annotate") as bar,
    ):
        notes.write("\t".join(Note._fields) + "\n")
        table.write("\t".join(COLUMNS) + "\n")
        submission.writelines(f"{line}\n" for line in submission_header(settings["submission"]))

        def tell(note: Note) -> None:
            counts[note.what] += 1
            notes.write("\t".join(str(value).replace("\t", " ") for value in note) + "\n")

        for chunk in in_chunks(read_proteins(query, tell)):
            ids, sequences = [protein.id for protein in chunk], [protein.sequence for protein in chunk]
            began = time.perf_counter()
            scores = terms.consistent(predict(sequences))
            spent["predict"] += time.perf_counter() - began
            began = time.perf_counter()
            evidence = find_evidence(sequences, train, search, tool, threads)
            spent["search"] += time.perf_counter() - began
            submission.writelines(
                f"{line}\n" for line in submission_lines(ids, scores, terms, bool(settings["submission"]))
            )
            probabilities = calibration(scores)
            rows = annotation_rows(ids, scores, probabilities, terms, evidence, train, settings["probability"])
            for row in rows:
                counts["annotations"] += 1
                table.write("\t".join(row) + "\n")
            counts["proteins"] += len(chunk)
            counts["residues"] += sum(map(len, sequences))
            counts["in_training"] += sum(sequence in seen for sequence in sequences)
            counts["longer"] += sum(len(sequence) > longest_seen for sequence in sequences)
            counts["without_similar"] += int((np.diff(evidence.bounds) == 0).sum())
            counts["without_annotation"] += int((probabilities.max(axis=1) < settings["probability"]).sum())
            longest = max(longest, *map(len, sequences))
            bar.update(sum(map(len, sequences)))
        if settings["submission"]:
            submission.write("END\n")
        if not counts["proteins"]:
            raise LexomeError(
                f"{query}: none of its {counts['skipped']:,} records can be scored; the first ones have "
                f"{first_reasons(notes, skipped)}"
            )
    seconds = time.perf_counter() - start
    keys = ("study", "split", "model", "seed", "probability")
    told = {
        "query": Path(query).name,
        "run": {key: settings[key] for key in keys},
        "records": counts["proteins"] + counts["skipped"],
        **{name: counts[name] for name in ("proteins", "skipped", "mended", "noted", "residues")},
        "longest": longest,
        "identical_to_training": counts["in_training"],
        "longer_than_training": counts["longer"],
        "without_similar_training_protein": counts["without_similar"],
        "without_annotation": counts["without_annotation"],
        "annotations": counts["annotations"],
        "terms": len(terms.ids),
        "nearest_by": tool,
        "calibration": {
            "method": "isotonic regression over all pairs of valid",
            "fitted_on": {"pairs": int(valid.known.sum()), "labelled": int(valid.truth[valid.known].sum())},
            "test": check,
        },
        "seconds": {"all": round(seconds, 2)} | {name: round(value, 2) for name, value in spent.items()},
        "proteins_per_second": round(counts["proteins"] / max(spent["predict"] + spent["search"], 1e-9), 2),
    }
    write_json(summary_path, told)
    line = (
        f"{told['query']}: {told['proteins']:,} of {told['records']:,} records annotated "
        f"({told['residues']:,} residues, {told['proteins_per_second']:,} proteins a second), "
        f"{told['skipped']:,} skipped; calibration error on test {check['ece_before']:.4f} before, "
        f"{check['ece_after']:.4f} after"
    )
    log.info(line)
    print(line)


def load_model(
    folder: str,
    labels: Sequence[str],
    model: Mapping,
    backbone_folder: str | None,
    backbone: Mapping | None,
    task: str,
    gpus: int,
    threads: int,
) -> Callable[[Sequence[str]], np.ndarray]:
    """What a run says of new sequences: float32, shape (n, n_labels).

    Raises
    ------
    LexomeError
        If the model has other labels than its split.
    """
    if read_json(Path(folder) / "config.json")["labels"] != list(labels):
        raise LexomeError(f"{folder}: its labels are not those of the split; train this run again")
    if model["kind"] == "sequence_search":
        from lexome.transferpredictors import load_transfer

        transfer = load_transfer(folder)
        return lambda sequences: transfer.score(sequences, threads=threads)[0]
    from lexome.predictors import load_predictor

    return load_predictor(folder, model, backbone_folder, backbone, task, gpus)


def first_reasons(notes, path: Path) -> str:
    """Why the first records were left out."""
    notes.flush()
    lines = path.read_text(encoding="utf-8").splitlines()[1:4]
    return "; ".join(line.split("\t")[-1] for line in lines)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        names = ("examples", "study_labels", "assignment", "split_labels", "predictions")
        annotate_proteins(
            snakemake.input.query,
            {name: snakemake.input[name] for name in names},
            snakemake.input.ontology,
            snakemake.input.model,
            snakemake.input.backbone or None,
            snakemake.params.settings,
            snakemake.params.model,
            snakemake.params.backbone,
            snakemake.params.search,
            snakemake.params.relations,
            snakemake.resources.get("gpu", 0),
            snakemake.threads,
            snakemake.output.predictions,
            snakemake.output.annotations,
            snakemake.output.skipped,
            snakemake.output.summary,
        )
