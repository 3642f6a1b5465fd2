"""Ensembles in a config: what they may name, and which runs they read."""

from collections.abc import Mapping, Sequence


def check_ensembles(study: Mapping, where: str) -> list[str]:
    """Mistakes of ensembles that no schema sees, one line each."""
    mistakes = []
    for name, entry in study["models"].items():
        if entry["kind"] != "ensemble":
            continue
        at = f"{where}.models.{name}.members"
        unknown = [member for member in entry["members"] if member not in study["models"]]
        if unknown:
            mistakes.append(f"{at}: {unknown[0]!r} is not known; there are {', '.join(study['models'])}")
        nested = [m for m in entry["members"] if study["models"].get(m, {}).get("kind") == "ensemble"]
        if nested:
            mistakes.append(f"{at}: {nested[0]} is an ensemble itself; name its members")
        for split, settings in study["splits"].items():
            trained = settings.get("models")
            absent = [m for m in entry["members"] if trained is not None and name in trained and m not in trained]
            mistakes += [f"{at}: {member} is not trained on the split {split}" for member in absent]
    return mistakes


def member_seed(study: Mapping, seeds: Sequence[int], member: str, seed: int) -> int:
    """The seed of a member's run: the ensemble's own where the member has it, else the member's first."""
    trained = study["models"][member].get("seeds", seeds)
    return seed if seed in trained else trained[0]
