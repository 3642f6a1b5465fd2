"""What `snakemake annotate` and `putative` are asked for: checks of the config, the run, where results go."""

import re
from collections.abc import Mapping

from lexome.alignplan import PROTEIN_RULES
from lexome.chosenrun import Service, check_run, run_settings
from lexome.filestart import result_name, start_of

ANNOTATES = Service(
    key="annotate",
    examples="proteins",
    rules=PROTEIN_RULES,
    kinds=("head", "sequence_search"),  # read new sequences through a backbone, or search for them
    misfit="is not of proteins",
    unable="is no head on a frozen backbone and no sequence search of {study}",
    missing="say which run annotates proteins",
)
DEFAULTS = {"probability": 0.1, "submission": None}
PUTATIVE = {"probability": 0.9}
# Of a header that leaves them out.
SUBMISSION = {"author": "lexome", "model": 1, "keywords": ["machine learning"]}
SUFFIXES = re.compile(r"\.(fasta|fa|faa|fas|pep|txt)$", flags=re.IGNORECASE)


def check_annotate(config: Mapping) -> list[str]:
    """Mistakes in the keys `query`, `annotate` and `putative`, one line each."""
    mistakes = _check_query(config["query"]) if config.get("query") else []
    mistakes += check_run(config, ANNOTATES)
    for key in ("annotate", "putative"):
        value = (config.get(key) or {}).get("probability", 0.5)
        if not 0 <= float(value) < 1:
            mistakes.append(f"{key}.probability: {value} is no probability below 1; give one such as 0.5")
    return mistakes


def _check_query(path: str) -> list[str]:
    """Whether the file is there and begins as FASTA does: before anything is trained for it."""
    start, mistakes = start_of("query", path, 64)  # blank lines may come first
    if not mistakes and start.lstrip()[:1] != b">":
        mistakes = [f"query: {path}, line 1: a FASTA file begins with a line `>name`"]
    return mistakes


def annotate_settings(config: Mapping) -> dict:
    """The entry `annotate` with its defaults: `study`, `split`, `model`, `seed`, `probability`, `submission`.

    Raises
    ------
    LexomeError
        If the config does not say which run, or the study is off.
    """
    entry = DEFAULTS | dict(run_settings(config, ANNOTATES))
    entry["probability"] = float(entry["probability"])
    if entry["submission"]:
        entry["submission"] = SUBMISSION | dict(entry["submission"])
    return entry


def putative_settings(config: Mapping) -> dict:
    """The entry `putative` with its default: `probability`, from which on a prediction is told."""
    return {"probability": float((PUTATIVE | dict(config.get("putative") or {}))["probability"])}


def query_name(path: str) -> str:
    """The name of a file's results: the file's, without suffixes and without signs that are awkward in paths."""
    return result_name(path, SUFFIXES, "query")


def annotated_run(config: Mapping) -> str:
    """Where all goes that the run says of proteins."""
    run = config.get("annotate")
    if not run:
        return "results/interpret"
    return f"results/{run['study']}/{run['split']}/interpret/{run['model']}/seed{run['seed']}"


def annotated_folder(config: Mapping, sample: str) -> str:
    """Where the annotations go; `sample` is the FASTA that is read where the config names no file."""
    return f"{annotated_run(config)}/annotate/{query_name(config.get('query') or sample)}"
