"""Configuration, its validation, and the functions that give rules their inputs, params and resources.

Needs: `config`, config/datasets.yaml, config/backbones.yaml, config/published.yaml and config/schemas/.
Makes: no file.
"""

import os
import sys
from pathlib import Path

# The library, for this file; scripts find it by themselves because it lies beside them.
# `current_basedir` is this folder also where another workflow uses this one as a module.
BASE = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(BASE / "scripts"))

from lexome import plan, settings, workflow_code

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
registries = plan.load_registries(CONFIG_FOLDER, config)
plan.check_workflow(config, registries, CONFIG_FOLDER / "schemas")

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
    """Every run of one study: (model, seed)."""
    return plan.runs(studies[wildcards.study], config["seeds"])


def run_files(name):
    """An input function: the file `name` of every run of a (study, split)."""

    def files(wildcards):
        return [
            f"results/{wildcards.study}/{wildcards.split}/{model}/seed{seed}/{name}"
            for model, seed in runs_of(wildcards)
        ]

    return files


def backbone_folder(backbone):
    """Where a backbone lies: the user's own folder, or the one that the download stage makes."""
    return backbones[backbone].get("path") or f"resources/backbones/{backbone}"


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
            for path in [getattr(input, key)]
            if path and plan.is_downloaded(path)
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


# Tokenise


def split_files(wildcards):
    """The assignments of all splits of a study."""
    names = studies[wildcards.study]["splits"]
    return [f"results/{wildcards.study}/splits/{split}.parquet" for split in names]


def backbone_files(wildcards):
    """The folder of the backbone in the wildcards."""
    return backbone_folder(wildcards.backbone)


def max_tokens(wildcards):
    """Tokens that the backbone takes, special tokens included."""
    return backbones[wildcards.backbone]["max_tokens"]


# Embed


def embedding_settings(wildcards):
    """Layers and pooling of a backbone."""
    entry = backbones[wildcards.backbone]["embedding"]
    return {key: entry[key] for key in ("layers", "pooling")}


def embedding_memory(wildcards, attempt):
    """Memory in MB of an embedding job: twice the backbone's weights in float32 and room for a batch."""
    return int(3000 + 8e-6 * backbones[wildcards.backbone]["parameters"]) * 2 ** (
        attempt - 1
    )


def shard_count(wildcards):
    """Embedding jobs of a study."""
    return studies[wildcards.study]["shards"]


def shard_files(suffix):
    """An input function: one file of every shard of a study's embeddings."""

    def files(wildcards):
        folder = f"results/{wildcards.study}/embeddings/{wildcards.backbone}/shards"
        return [f"{folder}/{shard}.{suffix}" for shard in range(shard_count(wildcards))]

    return files


# Train


def model_settings(wildcards):
    """The entry of a model in the config."""
    return studies[wildcards.study]["models"][wildcards.model]


def fine_tuned(wildcards):
    """Whether a model trains its backbone on (and so has an engine) or reads frozen embeddings, if anything."""
    return "engine" in model_settings(wildcards)


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
    """Index, manifest and shards of a model's embeddings; nothing for a model that reads none."""
    folder = embeddings_folder(wildcards)
    if folder is None:
        return []
    shards = [f"{folder}/shards/{shard}.npy" for shard in range(shard_count(wildcards))]
    return [f"{folder}/index.parquet", f"{folder}/manifest.json", *shards]


def tuned_tokens(wildcards):
    """The tokens that a fine-tuned model reads; nothing for other models."""
    backbone = model_settings(wildcards).get("backbone")
    folder = f"results/{wildcards.study}/tokens/{backbone}"
    return folder if fine_tuned(wildcards) else []


def tuned_backbone(wildcards):
    """The backbone that a fine-tuned model starts from; nothing for other models."""
    if fine_tuned(wildcards):
        return backbone_folder(model_settings(wildcards)["backbone"])
    return []


def training_gpus(wildcards):
    """GPUs of a training: fine-tuning gains from one, small networks do not."""
    return int(fine_tuned(wildcards))


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
    return studies[wildcards.study].get("contrasts", [])


# Report


def model_names(wildcards):
    """Models of a study, in the order of the config."""
    return list(studies[wildcards.study]["models"])


def run_names(wildcards):
    """Runs of a study as `model/seed<k>`, in the order of `run_files`."""
    return [f"{model}/seed{seed}" for model, seed in runs_of(wildcards)]


def run_models(wildcards):
    """The model of each run, in the order of `run_files`."""
    return [model for model, seed in runs_of(wildcards)]


def headline(wildcards):
    """Metrics of a study that are shown first."""
    return studies[wildcards.study]["headline"]


FIGURES = {
    "frequencies": "How common the labels are",
    "lengths": "How long the examples are",
    "curves": "Training and validation curves",
    "predicted": "What the best model predicts",
    "per_label": "Label by label",
    "best": "The best predicted labels",
    "comparison": "All models",
}


# Of a study whose examples are texts, before any split.
TEXT_FIGURES = {
    "balance": "How common the classes are",
    "word_counts": "How many words the texts have",
    "word_clouds": "The words of each class",
    "connected_terms": "The most connected terms of the ontology",
}


def study_figures(study):
    """Figures of a study as a whole, in the order of the report."""
    names = []
    if study in plan.text_studies(studies):
        names += ["balance", "word_counts", "word_clouds"]
    if study in plan.ontology_studies(studies):
        names += ["connected_terms"]
    return [
        {
            "path": f"results/{study}/figures/{name}.svg",
            "title": TEXT_FIGURES[name],
            "caption": report_source(f"{name}.rst"),
        }
        for name in names
    ]


def figure(name):
    """A figure of a (study, split), with its caption for Snakemake's own report."""
    return report(
        f"results/{{study}}/{{split}}/figures/{name}.svg",
        caption=f"../resources/report/{name}.rst",
        category="{study}",
        labels={"split": "{split}", "what": FIGURES[name].lower()},
    )


def report_source(name):
    """A part of the report's page that ships with the workflow."""
    return f"{BASE}/resources/report/{name}"


def report_inputs(wildcards):
    """Every file that the report reads."""
    files = {}
    for study, entry in studies.items():
        files[f"{study}_prepare"] = [
            f"results/{study}/{name}.json" for name in ("prepare", "labels", "audit")
        ]
        files[f"{study}_figures"] = [entry["path"] for entry in study_figures(study)]
        for split in entry["splits"]:
            folder = f"results/{study}/splits/{split}"
            files[f"{study}_{split}_split"] = [
                f"{folder}.parquet",
                f"{folder}.labels.json",
                f"{folder}.leakage.json",
            ]
            files[f"{study}_{split}"] = [
                f"results/{study}/{split}/{name}.tsv"
                for name in ("comparison", "differences", "costs")
            ]
            files[f"{study}_{split}_figures"] = [
                path for path, name in figure_files(study, split)
            ]
    return files


def figure_files(study, split):
    """Path and name of every figure of a (study, split), in the order of the report."""
    trained = any("training" in model for model in studies[study]["models"].values())
    names = [name for name in FIGURES if name != "curves" or trained]
    return [(f"results/{study}/{split}/figures/{name}.svg", name) for name in names]


def report_structure(wildcards):
    """What the report says of each study, and the files in which it stands."""
    structure = {}
    for study, entry in studies.items():
        splits = {}
        for split in entry["splits"]:
            folder = f"results/{study}/splits/{split}"
            splits[split] = {
                "comparison": f"results/{study}/{split}/comparison.tsv",
                "differences": f"results/{study}/{split}/differences.tsv",
                "costs": f"results/{study}/{split}/costs.tsv",
                "leakage": f"{folder}.leakage.json",
                "assignment": f"{folder}.parquet",
                "split_labels": f"{folder}.labels.json",
                "figures": [
                    {
                        "path": path,
                        "title": FIGURES[name],
                        "caption": report_source(f"{name}.rst"),
                    }
                    for path, name in figure_files(study, split)
                ],
            }
        structure[study] = {
            "title": entry["title"],
            "summary": entry["summary"],
            "prepare": f"results/{study}/prepare.json",
            "labels": f"results/{study}/labels.json",
            "audit": f"results/{study}/audit.json",
            "figures": study_figures(study),
            "files": plan.own_files(entry),
            "datasets": [
                {"name": name, **datasets[name]} for name in plan.used_datasets(entry)
            ],
            "backbones": [
                {"name": name, **backbones[name]}
                for name in plan.used_backbones({study: entry})
            ],
            "trivial": entry["trivial"],
            "headline": entry["headline"],
            "models": list(entry["models"]),
            "splits": splits,
        }
    return structure


def resolved_config(wildcards):
    """The config as it was run."""
    return {key: value for key, value in config.items() if key != "registries"}


def print_summary():
    """Say where the report is and how good the models are, after a run that made the report."""
    summary = Path("results/summary.txt")
    newest = max(
        (path.stat().st_mtime for path in Path("results").glob("*/*/comparison.tsv")),
        default=0,
    )
    # A run of a part may have left the report behind.
    if (
        summary.exists()
        and summary.stat().st_mtime >= newest
        and "download" not in sys.argv
    ):
        print(
            f"Report: {Path('results/report.html').resolve()}",
            summary.read_text().strip(),
            sep="\n",
        )
