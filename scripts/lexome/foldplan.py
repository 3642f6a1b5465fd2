"""Cross-validation in a config: one entry of `splits` that stands for all folds, and which models a split trains."""

from collections.abc import Mapping

from lexome.errors import LexomeError

METHOD = "folds"
MAX_FOLDS = 20  # as in the schema, which refuses what is left as it is


def expand_folds(studies: Mapping) -> dict:
    """Studies in which every split of the method `folds` is one split a fold: `cv` becomes `cv1`, `cv2`, ...

    A split that names its `fold` stands for that one alone. What is no study or split is left for the schema to refuse.

    Raises
    ------
    LexomeError
        If a study has a split of such a name already.
    """
    return {
        name: study | {"splits": _expand(study["splits"], f"studies.{name}.splits")}
        if isinstance(study, dict) and isinstance(study.get("splits"), dict)
        else study
        for name, study in studies.items()
    }


def _expand(splits: Mapping, where: str) -> dict:
    expanded = {}
    for name, entry in splits.items():
        whole = isinstance(entry, dict) and entry.get("method") == METHOD and "fold" not in entry
        if not whole or entry.get("folds") not in range(2, MAX_FOLDS + 1):
            parts = {name: entry}
        else:
            parts = {f"{name}{fold}": entry | {"fold": fold} for fold in range(1, entry["folds"] + 1)}
        twice = sorted(set(parts) & (set(expanded) | set(splits) - {name}))
        if twice:
            raise LexomeError(f"config, {where}.{twice[0]}: {name} has a fold of this name; choose another")
        expanded |= parts
    return expanded


def fold_sets(study: Mapping) -> dict[str, list[str]]:
    """Names of the cross-validations of a study, with their splits in the order of the folds; whole ones only."""
    sets: dict[str, dict[int, str]] = {}
    for split, entry in study["splits"].items():
        if entry["method"] == METHOD and split.endswith(str(entry["fold"])):
            sets.setdefault(split.removesuffix(str(entry["fold"])), {})[entry["fold"]] = split
    return {
        name: [splits[fold] for fold in sorted(splits)]
        for name, splits in sets.items()
        if name and len(splits) == study["splits"][next(iter(splits.values()))]["folds"]
    }


def models_of(study: Mapping, split: str) -> list[str]:
    """Models that are trained on a split, in the order of the config."""
    wanted = study["splits"][split].get("models")
    return [name for name in study["models"] if wanted is None or name in wanted]


def check_folds(study: Mapping, where: str) -> list[str]:
    """Mistakes in the folds of a study and in the models of its splits, one line each.

    Parameters
    ----------
    study
        Its entry in the config, expanded, which fits the schemas.
    where
        The path of its key.
    """
    mistakes = []
    for split, entry in study["splits"].items():
        at = f"{where}.splits.{split}"
        foreign = [key for key in ("folds", "fold", "only_train") if key in entry and entry["method"] != METHOD]
        mistakes += [f"{at}.{key}: only the method {METHOD} has it" for key in foreign]
        if entry["method"] == METHOD and "folds" not in entry:
            mistakes.append(f"{at}.folds: missing; say how many there are")
        elif entry["method"] == METHOD and entry.get("fold", 1) > entry["folds"]:
            mistakes.append(f"{at}.fold: {entry['fold']} of {entry['folds']} folds; they count from 1")
        mistakes += _check_models(study, split, at) if "models" in entry else []
    return mistakes


def _check_models(study: Mapping, split: str, at: str) -> list[str]:
    chosen = study["splits"][split]["models"]
    strangers = [name for name in chosen if name not in study["models"]]
    if strangers:
        return [f"{at}.models: no {strangers[0]!r} among the study's models: {', '.join(study['models'])}"]
    needed = {study["trivial"]: "the trivial model"}
    needed |= {study["models"][name].get("tagger"): f"the tagger of {name}" for name in chosen}
    if study.get("interpret"):
        needed[study["interpret"]["model"]] = "explained by `interpret`"
    needed |= {name: "mapped by `maps`" for name, _ in (study.get("maps") or {}).get("of", [])}
    return [f"{at}.models: lacks {name}, {why}" for name, why in needed.items() if name and name not in chosen]
