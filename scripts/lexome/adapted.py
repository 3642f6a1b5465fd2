"""Adapted backbones in a config: what they inherit, what they rest on, which models must tell of them."""

from collections.abc import Mapping

from lexome.errors import LexomeError

INHERITED = ("licence", "citation", "kind", "max_tokens", "parameters", "embedding")
FOLDER = "results/backbones"
# Subsets of a split whose texts are judged on.
JUDGED = ("valid", "test")
WORD = "transductive"


def resolve(backbones: Mapping[str, Mapping]) -> dict[str, dict]:
    """Give every adapted backbone what it does not say itself from the one that it is made of.

    Raises
    ------
    LexomeError
        If a base is not known, or backbones are adapted from each other in a circle.
    """
    resolved: dict[str, dict] = {}

    def entry(name: str, above: tuple[str, ...]) -> dict:
        if name in above:
            circle = " from ".join([*above[above.index(name) :], name])
            raise LexomeError(f"backbones.{name}.adapt.backbone: adapted in a circle ({circle})")
        if name not in resolved:
            own = dict(backbones[name])
            if "adapt" in own:
                base = own["adapt"]["backbone"]
                if base not in backbones:
                    known = ", ".join(other for other in backbones if other != name)
                    raise LexomeError(f"backbones.{name}.adapt.backbone: {base!r} is not known; there are {known}")
                inherited = entry(base, (*above, name))
                own = {key: inherited[key] for key in INHERITED} | own
            resolved[name] = own
        return resolved[name]

    return {name: entry(name, ()) for name in backbones}


def chain(backbones: Mapping[str, Mapping], name: str) -> list[str]:
    """A backbone, the one that it is adapted from, and so on to one that is not adapted."""
    names = [name]
    while "adapt" in backbones[names[-1]]:
        names.append(backbones[names[-1]]["adapt"]["backbone"])
    return names


def check_adapted(studies: Mapping[str, Mapping], backbones: Mapping[str, Mapping]) -> list[str]:
    """Mistakes of adapted backbones that no schema sees, one line each."""
    mistakes: list[str] = []
    for name, entry in backbones.items():
        if "adapt" in entry:
            mistakes += _check_entry(name, entry, studies)
    for study, settings in studies.items():
        for model, own in settings["models"].items():
            used = chain(backbones, own["backbone"]) if own.get("backbone") in backbones else []
            told = [name for name in used if is_transductive(backbones[name])]
            if told and WORD not in model:
                mistakes.append(
                    f"studies.{study}.models.{model}: its backbone {told[0]} has seen texts that are judged on "
                    f"({WORD}: true); put {WORD!r} into the model's name, so that every table says so"
                )
    return mistakes


def _check_entry(name: str, entry: Mapping, studies: Mapping[str, Mapping]) -> list[str]:
    where, corpus, training = f"backbones.{name}.adapt", entry["adapt"]["corpus"], entry["adapt"]["training"]
    mistakes = []
    if training["max_length"] > entry["max_tokens"]:
        mistakes.append(f"{where}.training.max_length: {name} takes {entry['max_tokens']} tokens")
    if "study" not in corpus:
        return mistakes
    if corpus["study"] not in studies:
        return [*mistakes, f"{where}.corpus.study: {corpus['study']!r} is not known; there are {', '.join(studies)}"]
    splits = studies[corpus["study"]]["splits"]
    if corpus["split"] not in splits:
        return [
            *mistakes,
            f"{where}.corpus.split: {corpus['study']} has no split {corpus['split']!r}; it has {', '.join(splits)}",
        ]
    judged = [subset for subset in corpus["subsets"] if subset in JUDGED]
    if judged and not is_transductive(entry):
        mistakes.append(
            f"{where}.corpus.subsets: {' and '.join(judged)} texts are judged on; leave them out, or write "
            f"`{WORD}: true` and {WORD!r} in the name of every model that uses {name}"
        )
    if "left_out" in corpus["subsets"] and not splits[corpus["split"]].get("sizes"):
        mistakes.append(f"{where}.corpus.subsets: nothing is left out of {corpus['split']}, which has no `sizes`")
    return mistakes


def is_transductive(entry: Mapping) -> bool:
    """Whether a backbone may have seen texts, without labels, that models are judged on."""
    return bool(entry.get("adapt", {}).get("transductive", False))


def corpora_of(
    backbones: Mapping[str, Mapping], name: str | None, study: str, prepared: Mapping[str, list[str]]
) -> list[dict]:
    """The corpora that a model must not be judged on.

    Parameters
    ----------
    name
        The model's backbone, or None.
    study
        The model's study.
    prepared
        Files that each study is prepared from. Ids of two studies that share a file mean the same examples.

    Returns
    -------
    list of dict
        As `exposure.check_unseen` takes them: `backbone`, `path`, `match_ids`. Empty for what is not adapted; what may
        have seen judged texts is left out.
    """
    corpora = []
    for adapted in chain(backbones, name)[:-1] if name else []:
        if not is_transductive(backbones[adapted]):
            source = backbones[adapted]["adapt"]["corpus"].get("study")
            shared = set(prepared.get(source, ())) & set(prepared[study])
            path = f"{FOLDER}/{adapted}.corpus.parquet"
            corpora.append({"backbone": adapted, "path": path, "match_ids": source == study or bool(shared)})
    return corpora


def corpus_files(backbones: Mapping[str, Mapping], used: list[str]) -> list[str]:
    """Files of texts that these backbones, or what they rest on, are adapted to."""
    entries = [backbones[part] for name in used for part in chain(backbones, name)[:-1]]
    return sorted({entry["adapt"]["corpus"]["file"] for entry in entries if "file" in entry["adapt"]["corpus"]})
