"""The functions that give the rules of classifying texts and scoring variants their inputs and params.

Needs: what rules/common.smk defines.
Makes: no file.
"""

# Annotate

SAMPLE_TEXT = f"{BASE}/resources/demo/p53.txt"
CLASSIFIED = plan.classified_folder(config, SAMPLE_TEXT)


def text_file(wildcards):
    """The text to classify."""
    return config.get("text") or SAMPLE_TEXT


def classifier(wildcards):
    """The run that classifies texts, and its model's entry in the config."""
    run = plan.classify_settings(config)
    return run, studies[run["study"]]["models"][run["model"]]


def classifier_settings(wildcards):
    """The entry of the model that classifies texts."""
    return classifier(wildcards)[1]


def classifier_model(wildcards):
    """The folder of the model that classifies texts."""
    run, _ = classifier(wildcards)
    return (
        f"results/{run['study']}/{run['split']}/{run['model']}/seed{run['seed']}/model"
    )


def classifier_backbone(wildcards):
    """The frozen backbone that it reads; nothing for models that keep all they need."""
    _, model = classifier(wildcards)
    return backbone_folder(model["backbone"]) if model["kind"] == "head" else []


def classifier_backbone_entry(wildcards):
    """What decides how its backbone reads a text; None for models without one."""
    _, model = classifier(wildcards)
    entry = backbones.get(model.get("backbone"))
    return entry and {key: entry[key] for key in ("max_tokens", "embedding")}


def classifier_labels(wildcards):
    """The labels that it predicts."""
    run, _ = classifier(wildcards)
    return f"results/{run['study']}/splits/{run['split']}.labels.json"


def beside_trivial(run):
    """A run that is used on something new, and the trivial model's first run beside it."""
    trivial = studies[run["study"]]["trivial"]
    seeds = studies[run["study"]]["models"][trivial].get("seeds", config["seeds"])
    return [
        {"model": run["model"], "seed": run["seed"]},
        {"model": trivial, "seed": seeds[0]},
    ]


def judged_runs(wildcards):
    """The run that classifies texts and the trivial one."""
    return beside_trivial(classifier(wildcards)[0])


def files_beside_trivial(run, name):
    """The file `name` of a run and of the trivial one."""
    return [
        f"results/{run['study']}/{run['split']}/{judged['model']}/seed{judged['seed']}/{name}"
        for judged in beside_trivial(run)
    ]


def judged_files(name):
    """An input function: the file `name` of both runs."""

    def files(wildcards):
        return files_beside_trivial(classifier(wildcards)[0], name)

    return files


def about_run(run):
    """What is told of where a model comes from, wherever it is used on something new."""
    study = studies[run["study"]]
    return {
        "study": run["study"],
        "split": run["split"],
        "title": study["title"],
        "headline": study["headline"],
        "level": config["bootstrap"]["level"],
    }


def about_classifier(wildcards):
    """What the page of a classified text says of where its model comes from."""
    return about_run(classifier(wildcards)[0])


# Variants

SAMPLE_SITES = f"{BASE}/resources/demo/binding_sites.fa"
SCORED = scoreplan.variants_folder(config, SAMPLE_SITES)


def scored_kind():
    """Whether variants come as a `vcf` or are all those of a `fasta`."""
    return "vcf" if config.get("vcf") else "fasta"


def scored_vcf(wildcards):
    """The VCF file to score; nothing where sequences are."""
    return config.get("vcf") or []


def scored_genome(wildcards):
    """The genome that the VCF file is of; nothing where sequences are scored."""
    return config["genome"] if config.get("vcf") else []


def scored_fasta(wildcards):
    """The sequences to score; nothing where a VCF file is."""
    return [] if config.get("vcf") else config.get("fasta") or SAMPLE_SITES


def scored_source(wildcards):
    """The file to score."""
    return scored_vcf(wildcards) or scored_fasta(wildcards)


def scorer_model(wildcards):
    """The folder of the network that scores variants."""
    run = scoreplan.score_settings(config)
    return (
        f"results/{run['study']}/{run['split']}/{run['model']}/seed{run['seed']}/model"
    )


def scorer_runs(wildcards):
    """The run that scores variants and the trivial one."""
    return beside_trivial(scoreplan.score_settings(config))


def scorer_files(name):
    """An input function: the file `name` of both runs."""

    def files(wildcards):
        return files_beside_trivial(scoreplan.score_settings(config), name)

    return files


def about_scorer(wildcards):
    """What the summary of scored variants says of where its model comes from."""
    return about_run(scoreplan.score_settings(config))
