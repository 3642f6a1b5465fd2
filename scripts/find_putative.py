"""Find putative functions: what a run is sure of in valid and test proteins, and no annotation says."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.bootstrap import stream
from lexome.judgedpairs import load_judged
from lexome.proteinannotation import judged_terms
from lexome.proteinevidence import find_evidence, tool_of
from lexome.putative import candidates, header, putative_table
from lexome.runtime import atomic, job, read_json, write_json
from lexome.scorecalibration import calibration_check, cross_fitted, fit, precision_above

log = logging.getLogger(__name__)


def find_putative(
    files: Mapping[str, str],
    ontology_path: str,
    settings: Mapping,
    search: Mapping,
    relations: Sequence[str],
    bootstrap: Mapping,
    threads: int,
    table_path: str,
    summary_path: str,
) -> None:
    """Write `putative.tsv` (comment lines, then a row a candidate, `putative.COLUMNS`) and `putative.json`.

    Probabilities of test come from a calibration on valid; those of valid from calibrations on other valid proteins.

    Parameters
    ----------
    files
        `examples`, `study_labels`, `assignment`, `split_labels` and `predictions` of the run.
    settings
        `probability`: from which on a prediction is told; `run`: `study`, `split`, `model`, `seed`.
    search, relations
        As in `annotate_proteins`.
    bootstrap
        `replicates`, `level`, `seed`.
    """
    threshold = settings["probability"]
    terms = judged_terms(read_json(files["split_labels"])["labels"], pd.read_parquet(ontology_path), relations)
    train, valid, test = load_judged(files, terms)
    rng = stream(bootstrap["seed"], "putative")
    calibration = fit(valid.scores[valid.known], valid.truth[valid.known])
    parts = {
        "valid": (valid, cross_fitted(valid.scores, valid.truth, valid.known, valid.groups, rng)),
        "test": (test, calibration(test.scores)),
    }
    tool, tables, precision = tool_of(search), [], {}
    for subset, (judged, probabilities) in parts.items():
        precision[subset] = precision_above(
            probabilities,
            judged.truth,
            judged.known,
            judged.groups,
            threshold,
            bootstrap["replicates"],
            bootstrap["level"],
            rng,
        )
        places = np.unique(candidates(judged, probabilities, threshold)[0])
        evidence = find_evidence([judged.sequences[at] for at in places], train, search, tool, threads)
        about = (subset, judged, probabilities, threshold, terms, evidence, places, train)
        tables.append(putative_table(*about))
    table = pd.concat([own for own in tables if len(own)] or tables[:1], ignore_index=True)
    order = ["probability", "score", "protein", "term"]
    table = table.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    with atomic(table_path) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        handle.writelines(f"{line}\n" for line in header(threshold, precision, bootstrap["level"], tool))
        table.to_csv(handle, sep="\t", index=False, float_format="%.3g")
    own = test.scores[test.known]
    told = {
        "run": settings["run"],
        "probability": threshold,
        "candidates": len(table),
        "most_specific": int((table["implied_by"] == "").sum()),
        "proteins": int(table["protein"].nunique()),
        "subsets": table["subset"].value_counts().to_dict(),
        "evidence": table["evidence"].value_counts().to_dict(),
        "with_annotated_ancestor": int((table["annotated_ancestor"] != "").sum()),
        "precision": precision,
        "level": bootstrap["level"],
        "calibration": calibration_check(own, parts["test"][1][test.known], test.truth[test.known]),
        "nearest_by": tool,
    }
    write_json(summary_path, told)
    line = f"{len(table):,} putative functions of {told['proteins']:,} proteins, probability {threshold:g} and more"
    log.info(line)
    print(line)


if __name__ == "__main__":
    with job(snakemake):
        names = ("examples", "study_labels", "assignment", "split_labels", "predictions")
        find_putative(
            {name: snakemake.input[name] for name in names},
            snakemake.input.ontology,
            snakemake.params.settings,
            snakemake.params.search,
            snakemake.params.relations,
            snakemake.params.bootstrap,
            snakemake.threads,
            snakemake.output.table,
            snakemake.output.summary,
        )
