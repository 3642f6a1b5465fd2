"""What a config asks for: its registries, its checks beyond the schemas, and the files that follow from it."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lexome.errors import LexomeError
from lexome.settings import check, file_spec, load_yaml

DATA_FOLDER = "resources/data"
BACKBONE_FILES = ("config.json", "model*.safetensors")
TEXT_RULES = ("go_aspect", "texts")  # prepare rules whose examples are texts
PREPARE_FILES = ("ontology", "annotations", "sequences", "taxonomy", "file")


def load_registries(folder: str | Path, config: Mapping) -> dict[str, dict]:
    """Read `datasets`, `backbones` and `published`, add the config's own entries, and check them.

    Parameters
    ----------
    folder
        With datasets.yaml, backbones.yaml, published.yaml and schemas/.
    config
        May hold `datasets` and `backbones` of its own; they may not take a name that the registry uses.
    """
    folder = Path(folder)
    registries = {}
    for name in ("datasets", "backbones", "published"):
        path = folder / f"{name}.yaml"
        schema = load_yaml(folder / "schemas" / f"{name}.schema.yaml")
        entries, own = load_yaml(path), dict(config.get(name) or {})
        check(entries, schema, str(path))
        check(own, schema, f"config, {name}")
        twice = sorted(set(entries) & set(own))
        if twice:
            raise LexomeError(f"config, {name}.{twice[0]}: {path} has this name already; choose another")
        registries[name] = entries | own
    return registries


def check_workflow(config: Mapping, registries: Mapping[str, Mapping], schemas: str | Path) -> None:
    """Check a config against its schemas, its registries and the files that it names.

    Raises
    ------
    LexomeError
        With one line a mistake: the path of the key, what is wrong, what is known.
    """
    schemas = Path(schemas)
    check(config, load_yaml(schemas / "config.schema.yaml"), "config")
    kinds = load_yaml(schemas / "models.schema.yaml")
    rules = load_yaml(schemas / "prepare.schema.yaml")
    mistakes: list[str] = []
    for name, study in config["studies"].items():
        where = f"studies.{name}"
        mistakes += _check_variant(study["prepare"], "rule", rules, f"{where}.prepare")
        mistakes += _check_files(study["prepare"], registries["datasets"], f"{where}.prepare")
        for model_name, model in study["models"].items():
            at = f"{where}.models.{model_name}"
            mistakes += _check_variant(model, "kind", kinds, at)
            mistakes += _check_backbone(model, registries["backbones"], at)
        for split, entry in study["splits"].items():
            if abs(sum(entry["fractions"].values()) - 1) > 1e-9:
                mistakes.append(f"{where}.splits.{split}.fractions: must sum to 1, found {entry['fractions']}")
            if entry["leakage"]["distant"] > entry["leakage"]["near"]:
                mistakes.append(f"{where}.splits.{split}.leakage.distant: must not exceed `near`")
        if study.get("published") and study["published"] not in registries["published"]:
            known = ", ".join(registries["published"])
            mistakes.append(f"{where}.published: {study['published']!r} is not known; there are {known}")
        if study["trivial"] not in study["models"]:
            mistakes.append(
                f"{where}.trivial: {study['trivial']!r} is not among its models: {', '.join(study['models'])}"
            )
        strangers = {model for pair in study.get("contrasts", []) for model in pair} - set(study["models"])
        if strangers:
            known = ", ".join(study["models"])
            mistakes.append(f"{where}.contrasts: {', '.join(sorted(strangers))} is not among its models: {known}")
    sources: dict[str, str] = {}
    for path in _ontology_paths(config["studies"]) if not mistakes else []:
        other = sources.setdefault(ontology_name(path), path)
        if other != path:
            mistakes.append(f"{path} and {other}: two ontologies of one name; rename one of the files")
    if mistakes:
        raise LexomeError("config:\n  " + "\n  ".join(mistakes))


def _check_variant(entry: Mapping, key: str, variants: Mapping[str, Mapping], where: str) -> list[str]:
    if entry[key] not in variants:
        return [f"{where}.{key}: {entry[key]!r} is not known; choose one of {', '.join(variants)}"]
    try:
        check(entry, variants[entry[key]], where)
    except LexomeError as error:
        return [f"{where}.{line.strip()}" for line in str(error).splitlines()[1:]]
    return []


def _check_files(prepare: Mapping, datasets: Mapping, where: str) -> list[str]:
    mistakes = []
    for key in PREPARE_FILES:
        path = prepare.get(key)
        if not isinstance(path, str):
            continue
        if is_downloaded(path):
            try:
                file_spec(datasets, path)
            except LexomeError as error:
                mistakes.append(f"{where}.{key}: {error}")
        elif not Path(path).is_file():
            mistakes.append(f"{where}.{key}: no file {path}; give the path from the folder you run snakemake in")
    return mistakes


def _check_backbone(model: Mapping, backbones: Mapping, where: str) -> list[str]:
    if "backbone" not in model:
        return []
    if model["backbone"] not in backbones:
        return [f"{where}.backbone: {model['backbone']!r} is not known; there are {', '.join(backbones)}"]
    backbone = backbones[model["backbone"]]
    if "path" in backbone:
        folder = backbone["path"]
        lacking = " and no ".join(name for name in BACKBONE_FILES if not any(Path(folder).glob(name)))
        if lacking:
            mend = f"`path` of {model['backbone']} is given from the folder you run snakemake in"
            return [f"{where}.backbone: no {lacking} in {folder}; {mend}"]
    embedded = backbone["embedding"]["layers"]
    absent = sorted(set(model.get("layers", [])) - set(embedded))
    if absent:
        return [f"{where}.layers: {absent} are not embedded; `embedding: layers` of {model['backbone']} has {embedded}"]
    return []


def is_downloaded(path: str) -> bool:
    """Whether the download stage makes this file."""
    return PurePosixPath(path).is_relative_to(DATA_FOLDER)


def ontology_name(path: str) -> str:
    """The name of a parsed ontology: its dataset's, or that of the user's own file."""
    if is_downloaded(path):
        return PurePosixPath(path).parts[2]
    stem = re.sub(r"\.(obo|obo\.gz|gz)$", "", PurePosixPath(path).name)
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem)


def _ontology_paths(studies: Mapping) -> list[str]:
    return [study["prepare"]["ontology"] for study in studies.values() if study["prepare"].get("ontology")]


def ontologies(studies: Mapping) -> dict[str, str]:
    """Parsed ontologies by name, with the OBO file of each."""
    return {ontology_name(path): path for path in _ontology_paths(studies)}


def prepare_files(study: Mapping) -> list[str]:
    """Every file that a study is prepared from."""
    return [study["prepare"][key] for key in PREPARE_FILES if study["prepare"].get(key)]


def downloaded_files(studies: Mapping) -> list[str]:
    """Every file that the download stage makes for these studies."""
    paths = {path for study in studies.values() for path in prepare_files(study)}
    return sorted(path for path in paths if is_downloaded(path))


def used_datasets(study: Mapping) -> list[str]:
    """Names of the datasets that a study is prepared from."""
    return sorted({PurePosixPath(path).parts[2] for path in prepare_files(study) if is_downloaded(path)})


def own_files(study: Mapping) -> list[str]:
    """The files of a study that the user or the repository brings, rather than the download stage."""
    return [path for path in prepare_files(study) if not is_downloaded(path)]


def used_backbones(studies: Mapping) -> list[str]:
    """Names of the backbones that the models of these studies need."""
    models = (model for study in studies.values() for model in study["models"].values())
    return sorted({model["backbone"] for model in models if "backbone" in model})


def runs(study: Mapping, seeds: list[int]) -> list[tuple[str, int]]:
    """Every run of a study: (model, seed), in the order of the config."""
    return [(name, seed) for name, model in study["models"].items() for seed in model.get("seeds", seeds)]


def studies_by_rule(studies: Mapping, rule: str) -> list[str]:
    """Names of the studies that `prepare_<rule>` makes examples for."""
    return [name for name, study in studies.items() if study["prepare"]["rule"] == rule]


def text_studies(studies: Mapping) -> list[str]:
    """Names of the studies whose examples are texts of few classes, which are drawn one by one."""
    prepares = {name: study["prepare"] for name, study in studies.items()}
    return [name for name, entry in prepares.items() if entry["rule"] in TEXT_RULES and not entry.get("slim")]


def ontology_studies(studies: Mapping) -> list[str]:
    """Names of the studies whose texts come from an ontology, variants of another study aside."""
    prepares = {name: studies[name]["prepare"] for name in text_studies(studies)}
    return [name for name, entry in prepares.items() if entry.get("ontology") and not entry["opening_words"]]
