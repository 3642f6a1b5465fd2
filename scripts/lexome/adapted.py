"""Adapted backbones in a config: what they inherit, what they rest on, which models must tell of them."""

import json
from collections.abc import Mapping
from pathlib import Path

from lexome.errors import LexomeError

INHERITED = ("licence", "citation", "kind", "max_tokens", "parameters", "embedding")
FOLDER = "results/backbones"
# Subsets of a split whose texts are judged on.
JUDGED = ("valid", "test")
# Rules of `prepare` that keep the whole sequences which examples are cut from (results/<study>/sources.parquet).
SOURCED = ("species",)
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
            if told and WORD not in model.split("_"):
                mistakes.append(
                    f"studies.{study}.models.{model}: its backbone {told[0]} has seen texts that are judged on "
                    f"({WORD}: true); put the word {WORD!r} into the model's name ({model}_{WORD}), so that every "
                    "table says so"
                )
            for name in used:
                mistakes += _check_folder(name, backbones[name])
    return list(dict.fromkeys(mistakes))


def _check_folder(name: str, entry: Mapping) -> list[str]:
    """Adaptations that a folder of the user's tells of, whose texts nobody knows."""
    return [
        f"backbones.{name}.path: {entry['path']} was adapted to texts, and {seen['corpus']}, which holds them, is not "
        f"there; copy it from beside the folder where {seen['name']} was made, or adapt a backbone here (`adapt`)"
        for seen in adaptations(entry.get("path"))
        if not seen[WORD] and not Path(seen["corpus"]).is_file()
    ]


def _check_entry(name: str, entry: Mapping, studies: Mapping[str, Mapping]) -> list[str]:
    where, corpus, training = f"backbones.{name}.adapt", entry["adapt"]["corpus"], entry["adapt"]["training"]
    mistakes = []
    if training["max_length"] > entry["max_tokens"]:
        mistakes.append(f"{where}.training.max_length: {name} takes {entry['max_tokens']} tokens")
    needed = corpus.get("chunk", 0) // 6 + 1
    if training["max_length"] < needed:
        mistakes.append(
            f"{where}.training.max_length: {training['max_length']} tokens do not hold pieces of {corpus['chunk']} "
            f"letters (`chunk`): give {needed} (6-mers and one in front), and 5 more for what a gene's end leaves over"
        )
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
    whole = takes_sources(corpus)
    if whole and studies[corpus["study"]]["prepare"]["rule"] not in SOURCED:
        able = [name for name, study in studies.items() if study["prepare"]["rule"] in SOURCED]
        mistakes.append(
            f"{where}.corpus.part: the examples of {corpus['study']} were not cut from sources; take `examples`"
            + (f" or one of {', '.join(able)}" if able else "")
        )
    if "left_out" in corpus["subsets"] and not whole and not splits[corpus["split"]].get("sizes"):
        mistakes.append(f"{where}.corpus.subsets: nothing is left out of {corpus['split']}, which has no `sizes`")
    return mistakes


def takes_sources(corpus: Mapping) -> bool:
    """Whether a corpus is made of the whole sequences that a study's examples were cut from."""
    return corpus.get("part", "examples") == "sources"


def is_transductive(entry: Mapping) -> bool:
    """Whether a backbone may have seen texts, without labels, that models are judged on."""
    return bool(entry.get("adapt", {}).get(WORD, False)) or any(seen[WORD] for seen in adaptations(entry.get("path")))


def adaptations(folder: str | Path | None) -> list[dict]:
    """What a folder in Hugging Face format was adapted to, as the `lexome.json` in it tells, the last time first.

    Returns
    -------
    list of dict
        `name` (of the backbone that was made), `transductive`, `files` (that the texts were prepared from), and
        `corpus`: the path that the file with the texts has where it was not moved away from the folder. Empty where the
        folder holds no `lexome.json`, tells of no adaptation, or is None.
    """
    record = folder and Path(folder) / "lexome.json"
    if not record or not record.is_file():
        return []
    about = json.loads(record.read_text(encoding="utf-8"))
    told = about.get("adapted", [])
    if not told and str(about.get("source", "")).startswith("adapted from"):
        told = [{"name": about["name"], WORD: False, "files": []}]
    names = [Path(folder).name, *(entry["name"] for entry in told[1:])]
    places = (str(Path(folder).with_name(f"{name}.corpus.parquet")) for name in names)
    return [{**entry, "corpus": place} for entry, place in zip(told, places, strict=False)]


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
        As `exposure.check_unseen` takes them: `backbone`, `path`, `match_ids`, `match_groups`. Empty for what is not
        adapted, here or (see `adaptations`) before; what may have seen judged texts is left out.
    """
    if not name:
        return []
    *above, root = chain(backbones, name)
    own = set(prepared[study])
    corpora = []
    for adapted in above:
        if not is_transductive(backbones[adapted]):
            source = backbones[adapted]["adapt"]["corpus"].get("study")
            shared = own.intersection(prepared.get(source, ()))
            path = f"{FOLDER}/{adapted}.corpus.parquet"
            same = {"match_ids": source == study or bool(shared), "match_groups": source == study}
            corpora.append({"backbone": adapted, "path": path} | same)
    for seen in adaptations(backbones[root].get("path")):
        if not seen[WORD]:
            shared = own.intersection(seen["files"])
            same = {"match_ids": bool(shared), "match_groups": False}
            corpora.append({"backbone": root, "path": seen["corpus"]} | same)
    return corpora


def corpus_files(backbones: Mapping[str, Mapping], used: list[str]) -> list[str]:
    """Files of texts that these backbones, or what they rest on, are adapted to."""
    entries = [backbones[part] for name in used for part in chain(backbones, name)[:-1]]
    return sorted({entry["adapt"]["corpus"]["file"] for entry in entries if "file" in entry["adapt"]["corpus"]})
