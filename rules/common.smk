"""Configuration, its validation, and the functions that give rules their inputs, params and resources.

Needs: `config`, config/datasets.yaml, config/backbones.yaml, config/published.yaml and config/schemas/.
Makes: no file.
"""

import os
import sys
from pathlib import Path

# The library, for this file; scripts find it by themselves because it lies beside them.
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

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

CONFIG_FOLDER = Path(workflow.basedir) / "config"
registries = plan.load_registries(CONFIG_FOLDER, config)
plan.check_workflow(config, registries, CONFIG_FOLDER / "schemas")

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
    return workflow_code.library_hash(
        Path(workflow.basedir) / "scripts" / f"{script}.py"
    )


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


def print_summary():
    """Say where the report is and how good the models are, after a run that made the report."""
    summary = Path("results/summary.txt")
    if summary.exists() and not set(sys.argv) & {"download", "--lint"}:
        print(
            f"Report: {Path('results/report.html').resolve()}",
            summary.read_text().strip(),
            sep="\n",
        )
