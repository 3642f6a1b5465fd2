"""The functions that give the rules of classifying and tagging texts and of scoring variants their inputs and params.

Needs: what rules/common.smk and rules/common_runs.smk define.
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


# Entities

SAMPLE_ABSTRACT = f"{BASE}/resources/demo/knockdown.txt"
TAGGED = tagtextplan.tagged_folder(config, SAMPLE_ABSTRACT)


def text_to_tag(wildcards=None):
    """The text, folder of texts or file of documents to tag."""
    return config.get("text") or SAMPLE_ABSTRACT


def texts_to_tag(wildcards):
    """Its files."""
    return textsources.text_files(text_to_tag())


def tag_source(wildcards):
    """What the texts are called on their page."""
    return Path(text_to_tag()).name


def tagged_pages():
    """The outputs for people: the page of a text, or the list of several and the folder of their pages."""
    if not textsources.is_many(text_to_tag()):
        return {"page": f"{TAGGED}/document.html"}
    return {"page": f"{TAGGED}/index.html", "pages": directory(f"{TAGGED}/pages")}


def tag_models(role):
    """An input function: the folders of the models of a role, in the order in which they read the text."""

    def folders(wildcards):
        runs = tagtextplan.tag_settings(config)
        return [
            run_path(run, "model") for run in tagtextplan.models_in_turn(runs, role)
        ]

    return folders


def tag_sides():
    """The study of each layer of a tagged text."""
    runs = {run["role"]: run["study"] for run in tagtextplan.tag_settings(config)}
    layers = {"entities": "tagger", "concepts": "concepts"}
    return {layer: runs[role] for layer, role in layers.items() if role in runs}


def tag_layers(wildcards):
    """The layers of a tagged text, in the order of `tag_labels`."""
    return list(tag_sides())


def tag_labels(wildcards):
    """The categories of each layer."""
    return [f"results/{study}/labels.json" for study in tag_sides().values()]


def tag_ontologies(wildcards):
    """Parsed ontologies that concepts are named by."""
    files = [
        studies[study]["prepare"].get("ontology") for study in tag_sides().values()
    ]
    names = dict.fromkeys(plan.ontology_name(file) for file in files if file)
    return [f"results/ontologies/{name}.parquet" for name in names]


def tag_judged(name):
    """An input function: the file `name` of each run and of the one beside it, in the order of `tag_runs`."""

    def files(wildcards):
        return [
            run_path(one, name)
            for run in tagtextplan.tag_settings(config)
            for one in (run, run["beside"])
            if one
        ]

    return files


def tag_runs(wildcards):
    """The runs that read the text, as the page tells them."""
    told = []
    for run in tagtextplan.tag_settings(config):
        study = studies[run["study"]]
        settings = study["models"][run["model"]]
        keys = ("role", "study", "split", "model", "seed")
        told.append(
            {key: run[key] for key in keys}
            | {
                "title": study["title"],
                "settings": dict(settings),
                "before": run["before"] and run["before"]["model"],
                "judged_with": settings.get("tagger"),
                "distant": study["prepare"].get("source") == "distant",
                "judged": [
                    {"model": one["model"], "seed": one["seed"]}
                    for one in (run, run["beside"])
                    if one
                ],
            }
        )
    return told


def about_tag(wildcards):
    """Level of the intervals, and the licences of what the models were made of."""
    used = {}
    for run in tagtextplan.tag_settings(config):
        study = studies[run["study"]]
        used |= {name: datasets[name] for name in plan.used_datasets(study)}
        models = [study["models"][one["model"]] for one in (run, run["before"]) if one]
        for model in models:
            names = (
                adapted.chain(backbones, model["backbone"])
                if "backbone" in model
                else []
            )
            used |= {name: backbones[name] for name in names}
    missing = {"licence": "not stated", "citation": ""}
    return {
        "level": config["bootstrap"]["level"],
        "licences": [
            {"name": name, "title": entry.get("title") or name}
            | {key: entry.get(key) or absent for key, absent in missing.items()}
            for name, entry in used.items()
        ],
    }


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
