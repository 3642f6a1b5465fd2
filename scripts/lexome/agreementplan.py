"""Which annotators of a study's texts are compared, and which settings of that fit."""

from collections.abc import Mapping
from pathlib import Path

from lexome.tasks import task_of

TASK = "tagging"


def tagging_studies(studies: Mapping) -> list[str]:
    """Names of the studies whose examples are annotated documents."""
    return [name for name, study in studies.items() if task_of(study["prepare"]) == TASK]


def linked_studies(studies: Mapping) -> list[str]:
    """Names of those whose documents are annotated for links, too."""
    return [name for name in tagging_studies(studies) if studies[name]["prepare"].get("linked")]


def agreement_studies(studies: Mapping) -> list[str]:
    """Names of those whose annotators are compared."""
    return [name for name in tagging_studies(studies) if studies[name].get("agreement")]


def agreement_archive(study: Mapping) -> str | None:
    """The archive or folder that the annotators' folders are in; None where each annotator has a file."""
    return study["agreement"].get("archive")


def agreement_definition(study: Mapping) -> str | None:
    """The definition of the tags of XML: its own, or that of the study's documents; None of JSON Lines."""
    if agreement_archive(study) is None:
        return None
    return study["agreement"].get("definition") or study["prepare"].get("definition")


def agreement_files(study: Mapping) -> list[tuple[str, str]]:
    """Files (or one folder) that the annotators' documents come from, and the keys that name them."""
    entry = study.get("agreement")
    if not entry:
        return []
    archive = agreement_archive(study)
    if archive is not None:
        return [(archive, "agreement.archive")]
    return [(path, f"agreement.annotators.{name}") for name, path in entry["annotators"].items()]


def check_agreement(study: Mapping, where: str) -> list[str]:
    """Mistakes in the `agreement` entry of a study, one line each; files are checked elsewhere."""
    entry = study.get("agreement")
    if not entry:
        return []
    at = f"{where}.agreement"
    if task_of(study["prepare"]) != TASK:
        return [f"{at}: only studies of entities and links compare annotators; leave the key out"]
    mistakes, owner = [], {}
    for name, path in entry["annotators"].items():
        if path in owner:
            mistakes.append(f"{at}.annotators.{name}: {path} is what {owner[path]} has; name the documents of {name}")
        owner.setdefault(path, name)
    if agreement_archive(study) is None:
        mistakes += [
            f"{at}.annotators.{name}: {path} is no file of JSON Lines (.jsonl); name one, or the `archive` that it is "
            "a folder of"
            for name, path in entry["annotators"].items()
            if not Path(path).name.removesuffix(".gz").endswith(".jsonl")
        ]
        if entry.get("definition"):
            mistakes.append(f"{at}.definition: JSON Lines need none; name the `archive`, or leave it out")
    elif agreement_definition(study) is None:
        mistakes.append(f"{at}.definition: missing (the tags of the XML files in `archive`)")
    return mistakes
