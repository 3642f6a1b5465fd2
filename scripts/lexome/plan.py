"""What a config asks for: its registries, its checks beyond the schemas, and the files that follow from it."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lexome.adapted import chain, check_adapted, corpus_files, resolve
from lexome.agreementplan import agreement_files, check_agreement
from lexome.alignplan import check_align
from lexome.annotateplan import check_annotate
from lexome.chosenrun import Service, check_run, run_settings, studies_of
from lexome.convertplan import check_convert
from lexome.embedplan import check_embedding, vector_poolings
from lexome.ensembleplan import check_ensembles
from lexome.errors import LexomeError
from lexome.foldplan import check_folds, models_of
from lexome.interpretplan import check_interpret
from lexome.mapsplan import check_curve, check_maps
from lexome.proteinplan import check_protein
from lexome.scoreplan import DNA_RULES, check_score
from lexome.settings import check, file_spec, load_yaml
from lexome.tagplan import BACKBONED, check_tagging
from lexome.tagtextplan import check_tag, check_text, one_text
from lexome.tasks import TAGGING_RULES, TEXT_RULES, check_task

DATA_FOLDER = "resources/data"
BACKBONE_FILES = ("config.json", "model*.safetensors")
TEXT_KINDS = ("tfidf", "fine_tune", "head")  # kinds of models that predictors.py can use on a new text
READS = Service(
    key="classify",
    examples="texts",
    rules=TEXT_RULES,
    kinds=TEXT_KINDS,
    misfit="reads sequences, not texts",
    unable="reads no text",
    missing="say which run reads the text, as in config/config.yaml",
)
# What the examples of a prepare rule are, as a backbone's `kind` says it.
READ_BY = {
    **dict.fromkeys((*TEXT_RULES, *TAGGING_RULES), "text"),
    **dict.fromkeys(DNA_RULES, "dna"),
    "protein_function": "protein",
    "species": "dna",
}
# Keys of `prepare` entries whose values are paths, or (`files`) mappings that end in paths.
PREPARE_FILES = (
    *("ontology", "annotations", "sequences", "taxonomy", "file"),
    *("motifs", "background", "genome", "blacklist", "files", "codon_usage"),
    *("archive", "targets"),
)


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
    registries["backbones"] = resolve(registries["backbones"])
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
        misfits = _check_variant(study["prepare"], "rule", rules, f"{where}.prepare")
        wanted = study.get("enabled", True) is True
        mistakes += _check_files(study, registries["datasets"], where, wanted)
        for model_name, model in study["models"].items():
            at = f"{where}.models.{model_name}"
            misfits += _check_variant(model, "kind", kinds, at)
            mistakes += _check_backbone(model, registries["backbones"], at, study["prepare"]["rule"])
        mistakes += misfits or check_task(study, where) + check_tagging(study, config["seeds"], where)
        for split, entry in study["splits"].items():
            if abs(sum(entry["fractions"].values()) - 1) > 1e-9:
                mistakes.append(f"{where}.splits.{split}.fractions: must sum to 1, found {entry['fractions']}")
            if entry["leakage"]["distant"] > entry["leakage"]["near"]:
                mistakes.append(f"{where}.splits.{split}.leakage.distant: must not exceed `near`")
        mistakes += check_folds(study, where) + check_agreement(study, where)
        mistakes += [] if misfits else check_align(study, where) + check_ensembles(study, where)
        if study.get("published") and study["published"] not in registries["published"]:
            known = ", ".join(registries["published"])
            mistakes.append(f"{where}.published: {study['published']!r} is not known; there are {known}")
        mistakes += check_interpret(study, config["seeds"], where)
        mistakes += check_curve(name, config["studies"], where)
        mistakes += [] if misfits else check_maps(study, config["seeds"], where)
        if ("shards" in study) == ("shard_sequences" in study):
            mistakes.append(
                f"{where}.shards: give either `shards`, jobs that embedding is dealt out to, or `shard_sequences`, "
                "distinct sequences of a job"
            )
        if study["trivial"] not in study["models"]:
            mistakes.append(
                f"{where}.trivial: {study['trivial']!r} is not among its models: {', '.join(study['models'])}"
            )
        strangers = {model for pair in study.get("contrasts", []) for model in pair} - set(study["models"])
        if strangers:
            known = ", ".join(study["models"])
            mistakes.append(f"{where}.contrasts: {', '.join(sorted(strangers))} is not among its models: {known}")
        unknown = sorted(set(study.get("beside", [])) - set(config["studies"]))
        if unknown:
            known = ", ".join(config["studies"])
            mistakes.append(f"{where}.beside: {', '.join(unknown)} is not known; there are {known}")
    for name, backbone in registries["backbones"].items():
        mistakes += _check_init(backbone, f"backbones.{name}") + check_embedding(backbone, f"backbones.{name}")
    mistakes += check_adapted(config["studies"], registries["backbones"])
    for path in corpus_files(registries["backbones"], used_backbones(config["studies"])) if not mistakes else []:
        mistakes += _check_file(path, registries["datasets"], "backbones, adapt.corpus.file")
    mistakes += check_text(config) + check_run(config, READS) + check_tag(config) + check_score(config)
    mistakes += check_convert(config) + check_protein(config) + check_annotate(config)
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


def _check_files(study: Mapping, datasets: Mapping, where: str, wanted: bool) -> list[str]:
    """Files of a study; those of the user must exist if the study is `wanted` in any case."""
    named = [(path, f"prepare.{key}") for key in PREPARE_FILES for path in file_paths(study["prepare"].get(key))]
    mistakes = []
    for path, key in named + _motif_files(study) + agreement_files(study):
        # Annotated documents may lie in a folder.
        if key.endswith(".archive") and Path(path).is_dir():
            continue
        if wanted or is_downloaded(path):
            mistakes += _check_file(path, datasets, f"{where}.{key}")
    return mistakes


def file_paths(value: object) -> list[str]:
    """The paths in a value of a `prepare` entry: a path, or a mapping or list that ends in paths."""
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [path for part in value for path in file_paths(part)]


def _check_file(path: str, datasets: Mapping, where: str) -> list[str]:
    if is_downloaded(path):
        try:
            file_spec(datasets, path)
        except LexomeError as error:
            return [f"{where}: {error}"]
    elif not Path(path).is_file():
        return [f"{where}: no file {path}; give the path from the folder you run snakemake in"]
    return []


def _check_backbone(model: Mapping, backbones: Mapping, where: str, rule: str) -> list[str]:
    if "backbone" not in model:
        return []
    if model["backbone"] not in backbones:
        return [f"{where}.backbone: {model['backbone']!r} is not known; there are {', '.join(backbones)}"]
    backbone = backbones[model["backbone"]]
    reads = READ_BY.get(rule, backbone["kind"])
    if backbone["kind"] != reads:
        able = ", ".join(name for name, entry in backbones.items() if entry["kind"] == reads)
        return [
            f"{where}.backbone: {model['backbone']} reads {backbone['kind']}, but the examples are {reads}; "
            f"choose one of {able}"
        ]
    root = chain(backbones, model["backbone"])[-1]
    if "path" in backbones[root]:
        folder = backbones[root]["path"]
        lacking = " and no ".join(name for name in BACKBONE_FILES if not any(Path(folder).glob(name)))
        if lacking:
            mend = f"`path` of {root} is given from the folder you run snakemake in"
            return [f"{where}.backbone: no {lacking} in {folder}; {mend}"]
    embedded = backbone["embedding"]["layers"]
    absent = sorted(set(model.get("layers", [])) - set(embedded))
    if absent:
        return [f"{where}.layers: {absent} are not embedded; `embedding: layers` of {model['backbone']} has {embedded}"]
    if model["kind"] in ("fine_tune", *BACKBONED):
        # They read tokens; what is embedded does not matter.
        return []
    known = vector_poolings(backbone)
    if not known:
        return [f"{where}.backbone: `embedding: pooling` of {model['backbone']} has no mean and no cls; add one"]
    if model.get("pooling", known[0]) not in known:
        mend = f"`embedding: pooling` of {model['backbone']} has {', '.join(known)}"
        return [f"{where}.pooling: {model['pooling']} is not embedded; {mend}"]
    return []


def _check_init(backbone: Mapping, where: str) -> list[str]:
    """Sizes of a backbone with random weights that do not fit each other."""
    init = backbone.get("init")
    if not init:
        return []
    mistakes = []
    # Positions are rotated in pairs of numbers.
    even = 1 if init["architecture"] == "bert" else 2
    if init["hidden"] % (even * init["heads"]):
        mistakes.append(
            f"{where}.init.hidden: {init['hidden']} has to be a multiple of {even * init['heads']} with "
            f"{init['heads']} heads"
        )
    absent = [layer for layer in backbone["embedding"]["layers"] if layer > init["layers"]]
    if absent:
        mistakes.append(f"{where}.embedding.layers: {absent} are not there; `init` has {init['layers']}")
    if backbone["max_tokens"] > init["positions"]:
        mistakes.append(
            f"{where}.max_tokens: {backbone['max_tokens']} are more than the {init['positions']} `positions`"
        )
    return mistakes


def known_motifs(study: Mapping) -> tuple[str | None, dict[str, str]]:
    """The file of the motifs that an explained study's factors are known to bind, and the matrix of each in it.

    `interpret` may name them; simulated sequences were made with them. Without any: None and no matrices.
    """
    entry, prepare = study.get("interpret") or {}, study["prepare"]
    if "motif_file" in entry:
        return entry["motif_file"], dict(entry.get("matrices", {}))
    if not prepare.get("motifs"):
        return None, {}
    matrices = prepare["matrices"]
    return prepare["motifs"], {name: matrices[name] for name in prepare["factors"] if name in matrices}


def _motif_files(study: Mapping) -> list[tuple[str, str]]:
    """Files of motifs that a study's models and explanations read, and the keys that name them."""
    models = [(model, f"models.{name}") for name, model in study.get("models", {}).items()]
    entries = [*models, (study.get("interpret") or {}, "interpret")]
    return [(path, f"{key}.motif_file") for entry, key in entries for path in file_paths(entry.get("motif_file"))]


def classify_settings(config: Mapping) -> Mapping:
    """Which run classifies texts: `study`, `split`, `model` and `seed`.

    Raises
    ------
    LexomeError
        If the config does not say, the study is off, or there are several texts.
    """
    one_text(config)
    return run_settings(config, READS)


def text_name(path: str) -> str:
    """The name of a text's results: its file's, without suffix and without signs that are awkward in paths."""
    return re.sub(r"[^\w.-]+", "-", PurePosixPath(path).stem).strip(".-") or "text"


def classified_folder(config: Mapping, sample: str) -> str:
    """Where the classified text goes; `sample` is the text that is read where the config names none."""
    run = config.get("classify")
    folder = f"results/{run['study']}/{run['split']}/classified" if run else "results/classified"
    return f"{folder}/{text_name(config.get('text') or sample)}"


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
    return [path for key in PREPARE_FILES for path in file_paths(study["prepare"].get(key))]


def study_files(study: Mapping) -> list[str]:
    """Every file that a study reads: those that it is prepared from, motifs, and those of annotators; each once."""
    others = [*_motif_files(study), *agreement_files(study)]
    return list(dict.fromkeys([*prepare_files(study), *(path for path, _ in others)]))


def downloaded_files(studies: Mapping) -> list[str]:
    """Every file that the download stage makes for these studies."""
    paths = {path for study in studies.values() for path in study_files(study)}
    return sorted(path for path in paths if is_downloaded(path))


def downloaded_corpora(studies: Mapping, backbones: Mapping) -> list[str]:
    """Files of texts, for adapting the backbones of these studies, that the download stage makes."""
    return [path for path in corpus_files(backbones, used_backbones(studies)) if is_downloaded(path)]


def downloaded_backbones(studies: Mapping, backbones: Mapping) -> list[str]:
    """Names of the backbones that these studies start from; an adapted one is made of another."""
    return sorted({chain(backbones, name)[-1] for name in used_backbones(studies)})


def used_datasets(study: Mapping) -> list[str]:
    """Names of the datasets that a study reads."""
    return sorted({PurePosixPath(path).parts[2] for path in study_files(study) if is_downloaded(path)})


def own_files(study: Mapping) -> list[str]:
    """The files of a study that the user or the repository brings, rather than the download stage."""
    return [path for path in study_files(study) if not is_downloaded(path)]


def used_backbones(studies: Mapping) -> list[str]:
    """Names of the backbones that the models of these studies need."""
    models = (model for study in studies.values() for model in study["models"].values())
    return sorted({model["backbone"] for model in models if "backbone" in model})


def runs(study: Mapping, seeds: list[int], split: str | None = None) -> list[tuple[str, int]]:
    """Every run of a study, or of one of its splits: (model, seed), in the order of the config."""
    names = study["models"] if split is None else models_of(study, split)
    return [(name, seed) for name in names for seed in study["models"][name].get("seeds", seeds)]


def studies_by_rule(studies: Mapping, rule: str) -> list[str]:
    """Names of the studies that `prepare_<rule>` makes examples for."""
    return studies_of(studies, (rule,))


def text_studies(studies: Mapping) -> list[str]:
    """Names of the studies whose examples are texts of few classes, which are drawn one by one."""
    return [name for name in studies_of(studies, TEXT_RULES) if not studies[name]["prepare"].get("slim")]


def ontology_studies(studies: Mapping) -> list[str]:
    """Names of the studies whose texts come from an ontology, variants of another study aside."""
    prepares = {name: studies[name]["prepare"] for name in text_studies(studies)}
    return [name for name, entry in prepares.items() if entry.get("ontology") and not entry["opening_words"]]
