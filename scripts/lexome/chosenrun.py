"""The run that serves a target of the user's: its key in the config is checked and read here."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from lexome.errors import LexomeError
from lexome.foldplan import models_of


class Service(NamedTuple):
    """What a target asks of the run that the config names for it.

    Attributes
    ----------
    key
        Of the config; its entry has `study`, `split`, `model` and `seed`.
    examples
        What the run has to read, in words: texts, DNA.
    rules, kinds
        Prepare rules of the studies, and kinds of the models, that will do.
    misfit, unable
        What is said of a study and of a model that will not; `unable` may name the `{study}`.
    missing
        What is said where the config has no such key.
    """

    key: str
    examples: str
    rules: Collection[str]
    kinds: Collection[str]
    misfit: str
    unable: str
    missing: str


def studies_of(studies: Mapping, rules: Collection[str]) -> list[str]:
    """Names of the studies that these rules prepare."""
    return [name for name, study in studies.items() if study["prepare"]["rule"] in rules]


def check_run(config: Mapping, service: Service) -> list[str]:
    """Mistakes in the entry of a service, one line each; none where the config has none."""
    key, run, studies = service.key, config.get(service.key), config["studies"]
    if not run:
        return []
    if run["study"] not in studies:
        return [f"{key}.study: {run['study']!r} is not known; there are {', '.join(studies)}"]
    study, mistakes = studies[run["study"]], []
    if study["prepare"]["rule"] not in service.rules:
        known = studies_of(studies, service.rules)
        mend = f"choose one of {', '.join(known)}" if known else f"the config has no study of {service.examples}"
        return [f"{key}.study: {run['study']!r} {service.misfit}; {mend}"]
    if run["split"] not in study["splits"]:
        known = ", ".join(study["splits"])
        mistakes.append(f"{key}.split: {run['split']!r} is not a split of {run['study']}; there are {known}")
    able = [name for name, model in study["models"].items() if model["kind"] in service.kinds]
    if run["model"] not in able:
        what = service.unable if run["model"] in study["models"] else "is not a model of {study}"
        mend = f"choose one of {', '.join(able)}" if able else "there is none"
        return [*mistakes, f"{key}.model: {run['model']!r} {what.format(study=run['study'])}; {mend}"]
    seeds = study["models"][run["model"]].get("seeds", config["seeds"])
    if int(run["seed"]) not in seeds:
        known = ", ".join(map(str, seeds))
        mistakes.append(f"{key}.seed: {run['model']} is not trained with seed {run['seed']}; there are {known}")
    return mistakes or check_split(study, run["split"], run["model"], f"{key}.split")


def check_split(study: Mapping, split: str, model: str, key: str) -> list[str]:
    """A line if a model of a study is not among those that one of its splits trains."""
    if model in models_of(study, split):
        return []
    known = [name for name in study["splits"] if model in models_of(study, name)]
    mend = f"choose one of {', '.join(known)}" if known else f"put it among the `models` of {split}"
    return [f"{key}: {model} is not trained on {split}; {mend}"]


def run_settings(config: Mapping, service: Service) -> Mapping:
    """The run of a service: `study`, `split`, `model` and `seed`.

    Raises
    ------
    LexomeError
        If the config does not say, or the study is off.
    """
    key = service.key
    if not config.get(key):
        raise LexomeError(
            f"config, {key}: missing; {service.missing}: {key}: {{study: ..., split: ..., model: ..., seed: 0}}"
        )
    # On the command line (`--config score={seed: 1}`) Snakemake reads the number as text.
    run = {**config[key], "seed": int(config[key]["seed"])}
    if run["study"] not in config["studies"]:
        known = studies_of(config["studies"], service.rules)
        others = (
            f", or choose one of {', '.join(known)}" if known else f" (so is every other study of {service.examples})"
        )
        raise LexomeError(f"config, {key}.study: {run['study']} is off; switch it on{others}")
    return run
