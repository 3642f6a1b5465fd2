"""What `snakemake tag_text` is asked for: checks of the config, the runs that tag, link and name, where results go."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lexome.chosenrun import Service, check_run, check_split, run_settings
from lexome.errors import LexomeError
from lexome.foldplan import models_of
from lexome.tagplan import NETWORKS, TAGGERS, finds_entities, finds_links, tagger_seed
from lexome.tasks import TAGGING_RULES
from lexome.texts import read_text
from lexome.textsources import is_many, source_name, text_files

TAGS = Service(
    key="tag",
    examples="texts with entities",
    rules=TAGGING_RULES,
    kinds=(*TAGGERS, *NETWORKS),
    misfit="does not look for entities",
    unable="finds no entities in a text",
    missing="say which run finds entities in the text",
)
NAMES = TAGS._replace(key="tag.concepts", missing="say which run names concepts")
# The models that a linker is held against, by their kind.
PLAIN_LINKERS = ("link_nearest", "link_all")


def check_tag(config: Mapping) -> list[str]:
    """Mistakes in the key `tag`, one line each."""
    if not config.get("tag"):
        return []
    mistakes = _check_tagger(config, TAGS) + _check_tagger(_within(config), NAMES)
    return mistakes or _check_linker(config)


def check_text(config: Mapping) -> list[str]:
    """Mistakes in the text, folder of texts or file of documents that the config names: before anything is trained."""
    text = config.get("text")
    if not text:
        return []
    if not Path(text).exists():
        return [f"text: no file {text}; give the path from the folder you run snakemake in"]
    braces = next((name for name in (text, *text_files(text)) if set("{}") & set(name)), None)
    if braces:
        return [f"text: {braces}: Snakemake takes braces in a path for wildcards; rename the file"]
    try:
        if is_many(text):
            from lexome.tagged import read_texts  # which needs what the workflow itself can do without

            read_texts(text)
        else:
            read_text(text)
    except LexomeError as error:
        return [f"text: {error}"]
    return []


def one_text(config: Mapping) -> None:
    """Refuse several texts where one is read.

    Raises
    ------
    LexomeError
        With the target that reads several.
    """
    if config.get("text") and is_many(config["text"]):
        raise LexomeError(
            f"config, text: {config['text']} holds several texts, and classify_text reads one; tag_text reads several"
        )


def _within(config: Mapping) -> dict:
    """The config with the run that names concepts among its keys."""
    return {**config, NAMES.key: config["tag"].get("concepts")}


def _check_tagger(config: Mapping, service: Service) -> list[str]:
    run, mistakes, key = config[service.key], check_run(config, service), f"{service.key}.model"
    study = config["studies"].get(run["study"]) if run else None
    if study is None or study["prepare"]["rule"] not in service.rules:
        return mistakes
    # A network is of one kind, whether it has a head for entities or not.
    able = [name for name, model in study["models"].items() if model["kind"] in service.kinds and finds_entities(model)]
    if run["model"] in able:
        return mistakes
    what = service.unable if run["model"] in study["models"] else f"is not a model of {run['study']}"
    mend = f"choose one of {', '.join(able)}" if able else "there is none"
    return [line for line in mistakes if not line.startswith(key)] + [f"{key}: {run['model']!r} {what}; {mend}"]


def _check_linker(config: Mapping) -> list[str]:
    run = config["tag"]
    linker, study = run.get("linker"), config["studies"][run["study"]]
    if not linker:
        return []
    able = [name for name, model in study["models"].items() if finds_links(model)]
    if linker not in able:
        what = "links nothing" if linker in study["models"] else f"is not a model of {run['study']}"
        mend = f"choose one of {', '.join(able)}" if able else "there is none; leave the key out"
        return [f"tag.linker: {linker!r} {what}; {mend}"]
    seeds = study["models"][linker].get("seeds", config["seeds"])
    if len(seeds) > 1 and int(run["seed"]) not in seeds:
        known = ", ".join(map(str, seeds))
        return [f"tag.linker: {linker} is not trained with seed {run['seed']}; there are {known}"]
    return check_split(study, run["split"], linker, "tag.linker")


def tag_settings(config: Mapping) -> list[dict]:
    """The runs that read a text, in the order in which they do.

    Returns
    -------
    list of dict
        `role` (tagger, linker, concepts), `study`, `split`, `model` and `seed`; `before`: the run (as such a dict,
        without a role) whose entities it reads, of a model that only names those of another, or None; and `beside`: the
        run that it is held against, or None.

    Raises
    ------
    LexomeError
        If the config does not say, or a study is off.
    """
    tag = run_settings(config, TAGS)
    runs = [_run(config, tag, "tagger")]
    if tag.get("linker"):
        seeds = config["studies"][tag["study"]]["models"][tag["linker"]].get("seeds", config["seeds"])
        seed = seeds[0] if len(seeds) == 1 else tag["seed"]
        runs.append(_run(config, {**tag, "model": tag["linker"], "seed": seed}, "linker"))
    if tag.get("concepts"):
        runs.append(_run(config, run_settings(_within(config), NAMES), "concepts"))
    return runs


def _run(config: Mapping, run: Mapping, role: str) -> dict:
    study, own = config["studies"][run["study"]], {key: run[key] for key in ("study", "split", "model", "seed")}
    tagger = study["models"][run["model"]].get("tagger")
    before = None
    if tagger and role != "linker":
        before = {**own, "model": tagger, "seed": tagger_seed(study, config["seeds"], run["model"], run["seed"])}
    plain = study["trivial"]
    if role == "linker":
        kinds = {name: study["models"][name]["kind"] for name in models_of(study, run["split"])}
        plain = next((name for kind in PLAIN_LINKERS for name in kinds if kinds[name] == kind), None)
    beside = None
    if plain and plain != run["model"]:
        beside = {**own, "model": plain, "seed": study["models"][plain].get("seeds", config["seeds"])[0]}
    return {"role": role, **own, "before": before, "beside": beside}


def tagged_folder(config: Mapping, sample: str) -> str:
    """Where the tagged text goes; `sample` is the text that is read where the config names none."""
    run = config.get("tag")
    folder = f"results/{run['study']}/{run['split']}/tagged" if run else "results/tagged"
    return f"{folder}/{source_name(config.get('text') or sample)}"


def models_in_turn(runs: Sequence[Mapping], role: str) -> list[Mapping]:
    """The runs of a role in the order in which they read a text: the one whose entities another names goes first."""
    return [one for run in runs if run["role"] == role for one in (run["before"], run) if one]
