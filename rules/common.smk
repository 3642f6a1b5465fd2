"""Configuration, its validation, and the functions that give most rules their inputs, params and resources.

Needs: `config`, config/datasets.yaml, config/backbones.yaml, config/published.yaml and config/schemas/.
Makes: no file.
"""

import json
import os
import sys
from pathlib import Path

# The library, for this file; scripts find it by themselves because it lies beside them.
# `current_basedir` is this folder also where another workflow uses this one as a module.
BASE = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(BASE / "scripts"))

from lexome import (
    adapted,
    agreementplan,
    alignplan,
    batching,
    embedplan,
    ensembleplan,
    foldplan,
    plan,
    presence,
    scoreplan,
    settings,
    tagplan,
    tagtextplan,
    textsources,
    workflow_code,
)

# No stage but download may reach a model hub, here or on a cluster node.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
# A loading bar and a table of unused heads for every job would bury the progress lines.
os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}

CONFIG_FOLDER = BASE / "config"
for path in workflow.overwrite_configfiles or [CONFIG_FOLDER / "config.yaml"]:
    settings.load_yaml(path)  # Snakemake keeps the last of two equal keys in silence
config["studies"] = foldplan.expand_folds(config.get("studies") or {})
registries = plan.load_registries(CONFIG_FOLDER, config)
plan.check_workflow(config, registries, CONFIG_FOLDER / "schemas")

# Studies that are off are left out from here on. Jobs in processes of their own go by what the main process found: a
# file that came in between does not change their minds.
if workflow.is_main_process or "LEXOME_OFF" not in os.environ:
    mirror = os.environ.get("LEXOME_MIRROR") or config.get("mirror")
    off = presence.studies_off(config["studies"], registries["datasets"], mirror)
    for why in off.values():
        print(f"lexome: {why}", file=sys.stderr)
    os.environ["LEXOME_OFF"] = ",".join(off)
off = os.environ["LEXOME_OFF"].split(",")
config["studies"] = presence.without(config["studies"], off)
presence.check_corpora(config["studies"], registries["backbones"], off)


envvars:
    "LEXOME_OFF",


# Scripts find here what does not decide an output's content (addresses, citations, batch sizes): unlike `params`, an
# edit to it reruns nothing.
config["registries"] = registries
studies = config["studies"]
datasets, backbones, published = (
    registries["datasets"],
    registries["backbones"],
    registries["published"],
)


def any_of(names):
    """A wildcard constraint: exactly one of these names."""
    return "|".join(sorted(re.escape(str(name)) for name in names)) or "(?!)"


wildcard_constraints:
    study=any_of(studies),
    split=any_of(split for study in studies.values() for split in study["splits"]),
    model=any_of(model for study in studies.values() for model in study["models"]),
    backbone=any_of(backbones),
    dataset=any_of(datasets),
    ontology=any_of(plan.ontologies(studies)),
    folds=any_of(
        name for study in studies.values() for name in foldplan.fold_sets(study)
    ),
    seed=r"\d+",
    shard=r"\d+",


def code(script):
    """A hash of the library modules that a script imports: an edit to one of them reruns the rule."""
    return workflow_code.library_hash(BASE / "scripts" / f"{script}.py")


def grow_memory(base):
    """Memory in MB: `base`, doubled with every retry."""

    def memory(wildcards, attempt):
        return base * 2 ** (attempt - 1)

    return memory


def runs_of(wildcards):
    """Every run of one study's split: (model, seed)."""
    return plan.runs(studies[wildcards.study], config["seeds"], wildcards.split)


def run_files(name):
    """An input function: the file `name` of every run of a (study, split)."""

    def files(wildcards):
        return [
            f"results/{wildcards.study}/{wildcards.split}/{model}/seed{seed}/{name}"
            for model, seed in runs_of(wildcards)
        ]

    return files


def backbone_folder(backbone):
    """Where a backbone lies: the user's own folder, or the one that the workflow downloads or adapts."""
    if "adapt" in backbones[backbone]:
        return f"{adapted.FOLDER}/{backbone}"
    return backbones[backbone].get("path") or f"resources/backbones/{backbone}"


def report_source(name):
    """A part of the report's page that ships with the workflow."""
    return f"{BASE}/resources/report/{name}"


# Download


def file_content(wildcards):
    """What decides the content of a file of a dataset."""
    spec = settings.file_spec(
        datasets, f"resources/data/{wildcards.dataset}/{wildcards.file}"
    )
    return {key: spec.get(key) for key in ("sha256", "unpack")}


def backbone_content(wildcards):
    """What decides the content of a backbone: its files, or how it is initialised."""
    spec = backbones[wildcards.backbone]
    return spec.get("init") or {
        file["name"]: file["sha256"] for file in settings.backbone_files(spec)
    }


def checksums(*keys):
    """A function for params: the registered sha256 of each of these input files that the download stage makes."""

    def expected(wildcards, input):
        paths = [
            path
            for key in keys
            for path in plan.file_paths(getattr(input, key))
            if plan.is_downloaded(path)
        ]
        sums = {
            path: settings.file_spec(datasets, path)["sha256"]
            for path in map(str, paths)
        }
        return {path: sha256 for path, sha256 in sums.items() if sha256}

    return expected


# Prepare


def prepare_settings(wildcards):
    """The `prepare` entry of a study."""
    return studies[wildcards.study]["prepare"]


def prepare_file(key):
    """An input function: one file of a study's `prepare` entry, nothing where it is null."""

    def file(wildcards):
        return prepare_settings(wildcards).get(key) or []

    return file


def loose_files(archive, *definitions):
    """The XML files of an archive that is a folder, and the definitions that are files: an edit to one reruns the rule."""
    inside = (
        Path(archive).rglob("*.[xX][mM][lL]")
        if archive and Path(archive).is_dir()
        else []
    )
    own = [path for path in definitions if path and Path(path).is_file()]
    return [*map(str, sorted(inside)), *own]


def prepare_loose(wildcards):
    """The files of a study of annotated documents that do not lie in one file."""
    entry = prepare_settings(wildcards)
    return loose_files(entry["archive"], entry["definition"], entry["values"])


def prepare_tables(wildcards):
    """The files of all factors of a study's `prepare` entry."""
    return plan.file_paths(prepare_settings(wildcards).get("files"))


def prepare_targets(wildcards):
    """The files of the official test proteins of a study; nothing where it has none."""
    return plan.file_paths(prepare_settings(wildcards).get("targets"))


def ontology_source(wildcards):
    """The OBO file of an ontology."""
    return plan.ontologies(studies)[wildcards.ontology]


def ontology_table(wildcards):
    """The parsed ontology of a study."""
    name = plan.ontology_name(prepare_settings(wildcards)["ontology"])
    return f"results/ontologies/{name}.parquet"


# Split


def split_settings(wildcards):
    """The entry of a split in the config."""
    return studies[wildcards.study]["splits"][wildcards.split]


def split_clusters(wildcards):
    """The clusters whose proteins a split keeps together; nothing for the other methods."""
    entry = split_settings(wildcards)
    if entry["method"] != "cluster":
        return []
    return f"results/{wildcards.study}/clusters/{alignplan.cluster_name(entry)}.parquet"


# Align


def every_cluster_set():
    """The names of the clusters that the splits of all studies need."""
    return {
        name for study in studies.values() for name in alignplan.cluster_sets(study)
    }


def cluster_settings(wildcards):
    """How proteins are clustered."""
    return alignplan.cluster_sets(studies[wildcards.study])[wildcards.clusters]


def search_settings(wildcards):
    """How the training proteins of a split are searched."""
    return alignplan.search_settings(split_settings(wildcards))


def nearest_identities(wildcards):
    """The nearest training identity of a split's valid and test proteins; nothing for studies of something else."""
    proteins = alignplan.of_proteins(studies[wildcards.study])
    table = f"results/{wildcards.study}/splits/{wildcards.split}.identity.parquet"
    return table if proteins else []


# Tokenise


def split_files(wildcards):
    """The assignments of all splits of a study."""
    names = studies[wildcards.study]["splits"]
    return [f"results/{wildcards.study}/splits/{split}.parquet" for split in names]


def backbone_files(wildcards):
    """The folder of the backbone in the wildcards."""
    return backbone_folder(wildcards.backbone)


def max_tokens(wildcards):
    """Tokens that examples are cut to; None where longer ones are read in windows."""
    entry = backbones[wildcards.backbone]
    return None if embedplan.takes_windows(entry) else entry["max_tokens"]


# Train


def model_settings(wildcards):
    """The entry of a model in the config, with the pooling of the embeddings, or the search of the hits, that it reads.

    Without its seeds: another seed in the list trains that one, not all of them anew.
    """
    entry = dict(studies[wildcards.study]["models"][wildcards.model])
    entry.pop("seeds", None)
    if alignplan.reads_hits(entry):
        # What a saved model needs to search for new proteins as it was trained to.
        return {"search": search_settings(wildcards)} | entry
    if "layers" not in entry:
        return entry
    return {
        "pooling": embedplan.vector_poolings(backbones[entry["backbone"]])[0]
    } | entry


def fine_tuned(wildcards):
    """Whether a model trains its backbone on (in an engine, or for entities and links) or reads frozen embeddings."""
    entry = model_settings(wildcards)
    return "engine" in entry or entry["kind"] in tagplan.BACKBONED


def embedding_backbone(wildcards):
    """The frozen backbone whose embeddings a model reads, or None."""
    return None if fine_tuned(wildcards) else model_settings(wildcards).get("backbone")


def embedding_parameters(wildcards):
    """Parameters of that backbone, which using the model takes; 0 for other models."""
    backbone = embedding_backbone(wildcards)
    return backbones[backbone]["parameters"] if backbone else 0


def embeddings_folder(wildcards):
    """Where a model's embeddings lie; None for a model that reads none."""
    backbone = embedding_backbone(wildcards)
    return backbone and f"results/{wildcards.study}/embeddings/{backbone}"


def embeddings_files(wildcards):
    """Index and manifest of a model's embeddings, which vouch for the shards; nothing for a model that reads none."""
    folder = embeddings_folder(wildcards)
    if folder is None:
        return []
    return [f"{folder}/index.parquet", f"{folder}/manifest.json"]


def tuned_tokens(wildcards):
    """The tokens that a fine-tuned model reads; nothing for other models."""
    backbone = model_settings(wildcards).get("backbone")
    folder = f"results/{wildcards.study}/tokens/{backbone}"
    return folder if "engine" in model_settings(wildcards) else []


def tuned_backbone(wildcards):
    """The backbone that a fine-tuned model starts from; nothing for other models."""
    if fine_tuned(wildcards):
        return backbone_folder(model_settings(wildcards)["backbone"])
    return []


def seen_corpora(wildcards):
    """Corpora of the adapted backbones that a model rests on, which must not hold what it is judged on."""
    prepared = {name: plan.prepare_files(entry) for name, entry in studies.items()}
    backbone = model_settings(wildcards).get("backbone")
    return adapted.corpora_of(backbones, backbone, wildcards.study, prepared)


def corpora_files(wildcards):
    """Files of those corpora."""
    return [corpus["path"] for corpus in seen_corpora(wildcards)]


def model_motifs(wildcards):
    """The file of known motifs that a model reads; nothing for other models."""
    return model_settings(wildcards).get("motif_file", [])


def model_hits(wildcards):
    """The hits that a model carries labels over from; nothing for other models."""
    hits = f"results/{wildcards.study}/splits/{wildcards.split}.hits.parquet"
    return hits if alignplan.reads_hits(model_settings(wildcards)) else []


def members(wildcards):
    """Models whose predictions an ensemble averages; none for other models."""
    return model_settings(wildcards).get("members", [])


def member_predictions(wildcards):
    """What the members of an ensemble predict."""
    study = studies[wildcards.study]
    folder = f"results/{wildcards.study}/{wildcards.split}"
    runs = {
        name: ensembleplan.member_seed(
            study, config["seeds"], name, int(wildcards.seed)
        )
        for name in members(wildcards)
    }
    return [
        f"{folder}/{name}/seed{seed}/predictions.parquet" for name, seed in runs.items()
    ]


def tagger_predictions(wildcards):
    """What the tagger found whose entities a model links or names; nothing for models without one."""
    study, tagger = studies[wildcards.study], model_settings(wildcards).get("tagger")
    if tagger is None:
        return []
    seed = tagplan.tagger_seed(
        study, config["seeds"], wildcards.model, int(wildcards.seed)
    )
    return f"results/{wildcards.study}/{wildcards.split}/{tagger}/seed{seed}/predictions.parquet"


def model_ontology(wildcards):
    """The parsed ontology that a model reads; nothing for other models."""
    reads = model_settings(wildcards)["kind"] in tagplan.ONTOLOGICAL
    return ontology_table(wildcards) if reads else []


def training_gpus(wildcards):
    """GPUs of a training: fine-tuning and networks on DNA gain from one, heads on embeddings do not."""
    return int(fine_tuned(wildcards) or model_settings(wildcards)["kind"] == "network")


def training_runtime(wildcards):
    """Time limit of a training."""
    return "8h" if fine_tuned(wildcards) else "1h"


# Evaluate


def evaluation_settings(wildcards):
    """Bootstrap settings, and the similarity below which a test example counts as distant."""
    leakage = studies[wildcards.study]["splits"][wildcards.split]["leakage"]
    return config["bootstrap"] | {"distant": leakage["distant"]}


def published_rows(wildcards):
    """Published figures of a study."""
    rows = published.get(studies[wildcards.study].get("published"), [])
    return [
        row | {"source": "; ".join(filter(None, (row["source"], row.get("note"))))}
        for row in rows
    ]


def trivial_model(wildcards):
    """The model that every other one has to beat."""
    return studies[wildcards.study]["trivial"]


def contrasts(wildcards):
    """Further pairs of models to compare: model and reference."""
    trained = foldplan.models_of(studies[wildcards.study], wildcards.split)
    pairs = studies[wildcards.study].get("contrasts", [])
    return [pair for pair in pairs if set(pair) <= set(trained)]


def bootstrap_settings(wildcards):
    """Replicates, level and seed of the intervals."""
    return config["bootstrap"]


include: "common_runs.smk"
include: "common_backbones.smk"
include: "common_interpret.smk"
include: "common_annotate.smk"
include: "common_report.smk"
include: "common_maps.smk"
include: "common_convert.smk"
include: "common_proteins.smk"
include: "common_annotations.smk"
