"""The keys `maps` and `curve` of a study: checks of the config beyond its schema."""

import itertools
from collections.abc import Mapping, Sequence

MAP_RULES = ("species",)  # prepare rules whose examples are DNA of one class each
VECTOR_KINDS = ("head", "fine_tune")  # as runvectors.KINDS, where nothing heavy may be imported
TRAIN_SIZE = "sizes.train"  # the setting in which splits of a study may differ
FEWEST_COMPARED = 3  # classes; two have a single pair


def check_maps(study: Mapping, seeds: Sequence[int], where: str) -> list[str]:
    """Mistakes in a study's `maps`, one line each; none where it has none.

    Parameters
    ----------
    study
        Its entry in the config, which fits the schemas.
    seeds
        The config's seeds.
    where
        The path of its key.
    """
    entry, where = study.get("maps"), f"{where}.maps"
    if not entry:
        return []
    rule = study["prepare"]["rule"]
    if rule not in MAP_RULES:
        return [f"{where}: only studies of {', '.join(MAP_RULES)} are mapped, not of {rule}; leave the key out"]
    models, mistakes = study["models"], []
    able = [name for name, model in models.items() if model["kind"] in VECTOR_KINDS]
    for at, (model, seed) in enumerate(entry["of"]):
        if model not in able:
            what = (
                f"has no vectors (kind {models[model]['kind']})" if model in models else "is not a model of this study"
            )
            mend = f"choose of {', '.join(able)}" if able else "there is no head and no fine_tune model"
            mistakes.append(f"{where}.of[{at}]: {model!r} {what}; {mend}")
            continue
        trained = models[model].get("seeds", seeds)
        if seed not in trained:
            known = ", ".join(map(str, trained))
            mistakes.append(f"{where}.of[{at}]: {model} is not trained with seed {seed}; there are {known}")
    return mistakes + _check_distances(study, f"{where}.distances")


def _check_distances(study: Mapping, where: str) -> list[str]:
    """Every pair of species has one time."""
    given, species = study["maps"].get("distances"), list(study["prepare"]["species"])
    if given is None:
        return []
    if len(species) < FEWEST_COMPARED:
        return [f"{where}: {len(species)} species have too few pairs to compare; set null"]
    named = [(first, second) for first, others in given.items() for second in others]
    strangers = sorted({name for pair in named for name in pair} - set(species))
    mistakes = [f"{where}: {name!r} is no species here; there are {', '.join(species)}" for name in strangers]
    mistakes += [
        f"{where}.{name}.{name}: a species has no distance to itself" for name, other in named if name == other
    ]
    pairs = [frozenset(pair) for pair in named]
    twice = [pair for pair in named if pair[0] != pair[1] and pairs.count(frozenset(pair)) > 1]
    if twice:
        mistakes.append(f"{where}: {' and '.join(twice[0])} are given twice; once is enough, in either order")
    lacking = [pair for pair in itertools.combinations(species, 2) if frozenset(pair) not in pairs]
    if lacking:
        told = ", ".join("-".join(pair) for pair in lacking)
        mistakes.append(f"{where}: missing {told}; every pair has a time, or set null")
    return mistakes


def check_curve(name: str, studies: Mapping[str, Mapping], where: str) -> list[str]:
    """Mistakes in a study's `curve`, one line each: it draws studies `beside` it, or its splits, by a number."""
    study = studies[name]
    entry, where = study.get("curve"), f"{where}.curve"
    if not entry:
        return []
    if entry["key"] == TRAIN_SIZE:
        sizes = [at for *_, at in _sized_splits(study)]
        told = f"{where}.key: {TRAIN_SIZE} draws the splits of this study that have it, which need two different sizes"
        return [] if len(set(sizes)) > 1 else [told]
    beside = [other for other in study.get("beside", []) if other in studies]
    if len(beside) < 2 or name not in beside:
        return [f"{where}: `beside` has to name this study and others, which are drawn as one curve"]
    mistakes, values = [], {}
    for other in beside:
        value = studies[other]["prepare"].get(entry["key"])
        if isinstance(value, bool) or not isinstance(value, int | float):
            mistakes.append(f"{where}.key: studies.{other}.prepare has no number {entry['key']!r}")
        else:
            values[other] = value
    if not mistakes and len(set(values.values())) < len(values):
        told = ", ".join(f"{other} {value}" for other, value in values.items())
        mistakes.append(f"{where}.key: {entry['key']} has to differ between the studies beside: {told}")
    return mistakes


def mapped_studies(studies: Mapping[str, Mapping]) -> list[str]:
    """Names of the studies that are mapped."""
    return [name for name, study in studies.items() if study.get("maps")]


def compared_studies(studies: Mapping[str, Mapping]) -> list[str]:
    """Names of those whose errors are compared with distances."""
    return [name for name in mapped_studies(studies) if studies[name]["maps"].get("distances")]


def curve_studies(studies: Mapping[str, Mapping]) -> list[str]:
    """Names of the studies that are drawn as a curve with others, of which one more at least is on."""
    return [
        name
        for name, study in studies.items()
        if study.get("curve") and (study["curve"]["key"] == TRAIN_SIZE or len(_on(study, studies)) > 1)
    ]


def curve_entries(name: str, studies: Mapping[str, Mapping]) -> list[dict]:
    """`study`, `split`, and `at` (the value of the setting) of every split of the studies of a curve that are on.

    Splits of one study have `panel` beside, what stands for the split in the figure.
    """
    key = studies[name]["curve"]["key"]
    if key == TRAIN_SIZE:
        return [
            {"study": name, "split": split, "at": at, "panel": method}
            for split, method, at in _sized_splits(studies[name])
        ]
    return [
        {"study": other, "split": split, "at": studies[other]["prepare"][key]}
        for other in _on(studies[name], studies)
        for split in studies[other]["splits"]
    ]


def curve_models(name: str, studies: Mapping[str, Mapping]) -> list[str]:
    """Models of those studies, each once, this study's first."""
    order = [name, *(_on(studies[name], studies) if studies[name]["curve"]["key"] != TRAIN_SIZE else ())]
    return list(dict.fromkeys(model for other in order for model in studies[other]["models"]))


def _sized_splits(study: Mapping) -> list[tuple[str, str, int]]:
    """Name, method and training examples of the splits of a study that say how many they draw."""
    return [
        (split, entry["method"], entry["sizes"]["train"])
        for split, entry in study["splits"].items()
        if "train" in entry.get("sizes", {})
    ]


def _on(study: Mapping, studies: Mapping[str, Mapping]) -> list[str]:
    return [other for other in study.get("beside", []) if other in studies]
