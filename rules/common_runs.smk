"""The functions that give the rules on many runs (folds, the register, the comparison of any runs) their inputs and params.

Needs: what rules/common.smk defines.
Makes: no file.
"""

from lexome import analysisplan, foldplan, tagplan, tasks

# Evaluate


def judged_ontology(wildcards):
    """The parsed ontology whose terms a study's labels or concepts are; nothing for other studies."""
    prepare = prepare_settings(wildcards)
    concepts = tasks.task_of(prepare) == "tagging" and prepare.get("ontology")
    return ontology_table(wildcards) if concepts or tasks.of_terms(prepare) else []


def borrowing_models(wildcards):
    """Models of a study that only link the entities of their tagger."""
    entries = studies[wildcards.study]["models"]
    return [
        name
        for name, entry in entries.items()
        if "tagger" in entry and not tagplan.finds_entities(entry)
    ]


def borrows_entities(wildcards):
    """Whether a model only links the entities of its tagger."""
    return wildcards.model in borrowing_models(wildcards)


def agreement_table(wildcards):
    """How far the annotators of a study agree; nothing for studies without two of them."""
    known = studies[wildcards.study].get("agreement")
    return f"results/{wildcards.study}/agreement.tsv" if known else []


# Register and analyse

ANALYSIS = analysisplan.analysis_folder(config)


def run_path(run, name):
    """The file or folder `name` of a run, given as a mapping."""
    return (
        f"results/{run['study']}/{run['split']}/{run['model']}/seed{run['seed']}/{name}"
    )


def with_settings(run):
    """A run with the entries of the config that made it."""
    study = studies[run["study"]]
    settings = {
        "model": study["models"][run["model"]],
        "split": study["splits"][run["split"]],
        "prepare": study["prepare"],
    }
    return run | {"settings": settings}


def all_runs(wildcards):
    """Every run of the config with its settings."""
    known = analysisplan.every_run(studies, config["seeds"])
    return [with_settings(run) for run in known]


def all_run_files(name):
    """An input function: the file `name` of every run of the config."""

    def files(wildcards):
        known = analysisplan.every_run(studies, config["seeds"])
        return [run_path(run, name) for run in known]

    return files


def analysed_runs(wildcards):
    """The runs that are compared, with their settings and what their study is called."""
    told = []
    for run in analysisplan.chosen_runs(config):
        study = studies[run["study"]]
        about = {
            "title": study["title"],
            "headline": study["headline"],
            "label_noun": tasks.NOUNS.get(study["prepare"]["rule"], ("", "label"))[1],
        }
        told.append(with_settings(run) | about)
    return told


def analysed_files(name):
    """An input function: the file `name` of every run that is compared."""

    def files(wildcards):
        return [run_path(run, name) for run in analysisplan.chosen_runs(config)]

    return files


def fold_splits(wildcards):
    """The splits of a cross-validation, in the order of the folds."""
    return foldplan.fold_sets(studies[wildcards.study])[wildcards.folds]


def fold_files(ending):
    """An input function: a file of each split of a cross-validation."""

    def files(wildcards):
        return [
            f"results/{wildcards.study}/splits/{split}.{ending}"
            for split in fold_splits(wildcards)
        ]

    return files


def fold_runs(wildcards):
    """Split, model and seed of every run of a cross-validation."""
    return [
        (split, model, seed)
        for split in fold_splits(wildcards)
        for model, seed in plan.runs(studies[wildcards.study], config["seeds"], split)
    ]


def fold_run_files(name):
    """An input function: the file `name` of every run of a cross-validation, in the order of `fold_runs`."""

    def files(wildcards):
        return [
            f"results/{wildcards.study}/{split}/{model}/seed{seed}/{name}"
            for split, model, seed in fold_runs(wildcards)
        ]

    return files


def fold_contrasts(wildcards):
    """As `contrasts`, of a cross-validation."""
    study = studies[wildcards.study]
    trained = foldplan.models_of(study, fold_splits(wildcards)[0])
    return [pair for pair in study.get("contrasts", []) if set(pair) <= set(trained)]


def fold_settings(wildcards):
    """As `evaluation_settings`, of a cross-validation."""
    leakage = studies[wildcards.study]["splits"][fold_splits(wildcards)[0]]["leakage"]
    return config["bootstrap"] | {"distant": leakage["distant"]}
