"""What `snakemake look_inside_protein` is asked for: checks of the config, the run, the protein, where results go."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lexome.alignplan import PROTEIN_RULES
from lexome.chosenrun import Service, check_run, run_settings

EXPLAINS = Service(
    key="protein",
    examples="proteins",
    rules=PROTEIN_RULES,
    kinds=("head",),  # reads stored embeddings, and new sequences through its backbone
    misfit="is not of proteins",
    unable="is no head on a frozen backbone of {study}",
    missing="say which run the protein is looked at with",
)
DEFAULTS = {
    "sequence": None,
    "structure": None,
    "chain": None,
    "terms": 3,
    "positions": None,
    "longest": 400,
    "masked": None,
    "groups": {"extracellular": "GO:0005576", "plasma membrane": "GO:0005886"},
    # Experimental, without the high-throughput ones: mass spectrometry of vesicles finds what happens to be in a cell.
    "evidence": ["EXP", "IDA", "IPI", "IMP", "IGI", "IEP", "TAS", "IC"],
}
MOST_MASKED = 12  # positions in a picture
TERM = re.compile(r"GO:\d{7}")
FASTA_SUFFIX = re.compile(r"\.(fasta|fa|faa|fas|seq|txt)(\.gz)?$", flags=re.IGNORECASE)


def check_protein(config: Mapping) -> list[str]:
    """Mistakes in the key `protein`, one line each; none where the config has none."""
    if not config.get("protein"):
        return []
    mistakes = check_run(config, EXPLAINS)
    entry = DEFAULTS | dict(config["protein"])
    for key in ("sequence", "structure"):
        named = entry[key] and (key == "structure" or is_file(entry[key]))
        if named and not Path(entry[key]).is_file():
            mistakes.append(f"protein.{key}: no file {entry[key]}; give the path from the folder you run snakemake in")
        elif named and set("{}") & set(entry[key]):
            mistakes.append(f"protein.{key}: {entry[key]}: Snakemake takes braces in a path for wildcards; rename it")
    if entry["positions"]:
        first, last = (int(at) for at in entry["positions"])
        if not 1 <= first <= last:
            mistakes.append(f"protein.positions: {[first, last]} is no stretch; give the first and the last, from 1")
    masked = entry["masked"] or []
    if len(masked) > MOST_MASKED:
        mistakes.append(f"protein.masked: {len(masked)} positions; a picture has room for {MOST_MASKED}")
    return mistakes + _check_groups(config, entry)


def _check_groups(config: Mapping, entry: Mapping) -> list[str]:
    if not entry["groups"]:
        return []
    mistakes = []
    if len(entry["groups"]) != 2:
        mistakes.append(f"protein.groups: {len(entry['groups'])} given; two are compared")
    prepare = config["studies"].get(entry["study"], {}).get("prepare", {})
    for name, source in entry["groups"].items():
        if TERM.fullmatch(source):
            if prepare.get("rule") in PROTEIN_RULES and not prepare.get("annotations"):
                mend = "give a file with an id a line"
                mistakes.append(
                    f"protein.groups.{name}: {entry['study']} has no annotations to find {source} in; {mend}"
                )
        elif not Path(source).is_file():
            mistakes.append(f"protein.groups.{name}: {source!r} is neither a GO term nor a file with an id a line")
    return mistakes


def is_file(sequence: str) -> bool:
    """Whether `sequence` names a FASTA file rather than a protein of the study."""
    return Path(sequence).is_file() or "/" in sequence or bool(FASTA_SUFFIX.search(sequence))


def protein_settings(config: Mapping) -> dict:
    """The entry with its defaults; numbers as such, which nested ones of the command line are not.

    Raises
    ------
    LexomeError
        If the config does not say which run, or the study is off.
    """
    entry = DEFAULTS | dict(run_settings(config, EXPLAINS))
    entry["longest"] = int(entry["longest"])
    for key in ("positions", "masked"):
        entry[key] = [int(at) for at in entry[key]] if entry[key] else None
    terms = entry["terms"]
    entry["terms"] = list(terms) if isinstance(terms, list | tuple) else int(terms)
    entry["groups"] = dict(entry["groups"] or {})
    entry["evidence"] = list(entry["evidence"])
    return entry


def group_files(entry: Mapping) -> list[str]:
    """The user's lists of ids among the groups of `protein_settings`."""
    return [source for source in entry["groups"].values() if not TERM.fullmatch(source)]


def protein_name(sequence: str | None) -> str:
    """The name of a protein's results: its id or its file's, without signs that are awkward in paths."""
    if not sequence:
        return "surest"
    bare = FASTA_SUFFIX.sub("", PurePosixPath(sequence).name) if is_file(sequence) else sequence
    return re.sub(r"[^\w.-]+", "-", bare).strip(".-") or "protein"


def run_folder(config: Mapping) -> str:
    """Where all that is seen inside the run goes."""
    run = config.get("protein")
    if not run:
        return "results/interpret"
    return f"results/{run['study']}/{run['split']}/interpret/{run['model']}/seed{run['seed']}"


def protein_folder(config: Mapping) -> str:
    """Where the protein's results go."""
    return f"{run_folder(config)}/proteins/{protein_name((config.get('protein') or {}).get('sequence'))}"
