"""What `interpret` of a study may ask for, checked before anything runs."""

from collections.abc import Mapping

from lexome.scoreplan import DNA_RULES
from lexome.tasks import TEXT_RULES

EXPLAINED_KINDS = {"texts": "fine_tune", "DNA": "network"}  # kinds of models that are looked into
# Keys of `interpret` that only studies of texts, or only those of DNA, have, and those that the latter need.
TEXT_ONLY = ("shown",)
DNA_ONLY = ("scored", "references", "discovery", "motif_file", "matrices")
DNA_NEEDS = ("scored", "references")


def check_interpret(study: Mapping, seeds: list[int], where: str) -> list[str]:
    """Mistakes of the entry, one line each; none where the study has none."""
    entry = study.get("interpret")
    if not entry:
        return []
    rule = study["prepare"]["rule"]
    if rule not in (*TEXT_RULES, *DNA_RULES):
        return [f"{where}.interpret: only texts and binding to DNA are explained; leave the key out"]
    what, other = ("DNA", "texts") if rule in DNA_RULES else ("texts", "DNA")
    foreign = TEXT_ONLY if what == "DNA" else DNA_ONLY
    mistakes = [f"{where}.interpret.{key}: only studies of {other} have it" for key in foreign if key in entry]
    if what == "DNA":
        mistakes += [f"{where}.interpret.{key}: missing" for key in DNA_NEEDS if key not in entry]
        mistakes += _check_matrices(study, entry, f"{where}.interpret")
    kind = EXPLAINED_KINDS[what]
    able = [name for name, model in study["models"].items() if model["kind"] == kind]
    if entry["model"] not in able:
        known = f"there are {', '.join(able)}" if able else "there is none; set `interpret: null`"
        return [*mistakes, f"{where}.interpret.model: {entry['model']!r} is no model of the kind {kind} here; {known}"]
    trained = study["models"][entry["model"]].get("seeds", seeds)
    if entry["seed"] not in trained:
        mistakes.append(f"{where}.interpret.seed: {entry['model']} is trained with {', '.join(map(str, trained))}")
    return mistakes


def _check_matrices(study: Mapping, entry: Mapping, where: str) -> list[str]:
    if "matrices" in entry and "motif_file" not in entry:
        return [f"{where}.motif_file: missing (matrices needs it)"]
    factors = study["prepare"].get("factors", [])
    strangers = [name for name in entry.get("matrices", {}) if name not in factors]
    return [f"{where}.matrices: {name!r} is no factor here; there are {', '.join(factors)}" for name in strangers]
