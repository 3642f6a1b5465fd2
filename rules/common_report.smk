"""The functions that give the rules of explaining, annotating and reporting their inputs and params.

Needs: what rules/common.smk defines.
Makes: no file.
"""

# Interpret

# Figures of a run that is explained: title, and what Snakemake's own report calls them.
EXPLANATIONS = {
    "attributions": "What speaks for the predicted classes",
    "words": "Words that speak most for each class",
    "deletion": "What is lost without the words that matter",
    "attention": "Attention heads",
}
# The same of a network on DNA, in the order of the report; its pictures are told apart by their names.
SEQUENCE_FIGURES = {
    "attribution_scores": "Do attributions find the sites?",
    "heatmaps": "What every substitution does",
    "zooms": "Close up",
    "logos": "Several methods, one sequence",
    "motifs": "Motifs found in the network",
    "marginal": "What planted motifs do",
    "attention_maps": "Where attention goes",
}
SHOWN_SEQUENCES = {"heatmaps_all": "All shown sequences"}
EXPLANATIONS |= SEQUENCE_FIGURES | SHOWN_SEQUENCES


def interpreted_studies():
    """Studies whose config says which run is explained."""
    return [name for name, study in studies.items() if study.get("interpret")]


def explained_texts():
    """Those of them whose examples are texts."""
    return [
        name
        for name in interpreted_studies()
        if studies[name]["prepare"]["rule"] in plan.TEXT_RULES
    ]


def explained_dna():
    """Those of them whose examples are DNA."""
    return [name for name in interpreted_studies() if name not in explained_texts()]


def interpretation_folder(study, split):
    """Where the explanations of a (study, split) lie."""
    run = studies[study]["interpret"]
    return f"results/{study}/{split}/interpret/{run['model']}/seed{run['seed']}"


def explained(study, split):
    """The explained run of a (study, split) for the report: files, figures and page; None where there is none."""
    run = studies[study].get("interpret")
    if not run:
        return None
    folder = interpretation_folder(study, split)
    names = ["deletion", "words", "attributions"]
    told = {
        "verdict": f"{folder}/deletion.json",
        "page": f"{folder}/attention.html",
    }
    if study in explained_dna():
        names = [
            name
            for name in SEQUENCE_FIGURES
            if name != "attention_maps" or attends(study)
        ]
        told = {
            "page": f"{folder}/heatmaps_all.pdf",
            "model": run["model"],
            "seed": run["seed"],
            "tables": {
                "scores": f"{folder}/attribution_scores.tsv",
                "motifs": f"{folder}/motifs.tsv",
                "marginal": f"{folder}/marginal.tsv",
                "convergence": f"{folder}/convergence.json",
            },
        }
    figures = [
        {
            "path": f"{folder}/{name}.svg",
            "title": EXPLANATIONS[name],
            "caption": report_source(f"{name}.rst"),
        }
        for name in names
    ]
    return told | {"figures": figures}


def attends(study):
    """Whether the network that is explained has attention."""
    model = studies[study]["models"][studies[study]["interpret"]["model"]]
    blocks = int(model["architecture"] == "conv_transformer")
    return model.get("transformer_blocks", blocks) > 0


def interpret_settings(wildcards):
    """How the run in the wildcards is explained."""
    run = {"model": wildcards.model, "seed": int(wildcards.seed)}
    return {"shown": 10} | studies[wildcards.study]["interpret"] | run


def known_motifs(wildcards):
    """The file of the motifs that a study's factors are known to bind; nothing where none are named."""
    return plan.known_motifs(studies[wildcards.study])[0] or []


def known_matrices(wildcards):
    """The matrix of each factor in that file."""
    return plan.known_motifs(studies[wildcards.study])[1]


def discovery_settings(wildcards):
    """How motifs are looked for: the seed that draws sequences, and how many of each factor."""
    run = studies[wildcards.study]["interpret"]
    return {"seed": int(wildcards.seed), "discovery": run.get("discovery", 150)}


def bootstrap_settings(wildcards):
    """Replicates, level and seed of the intervals."""
    return config["bootstrap"]


def study_title(wildcards):
    """The title of a study."""
    return studies[wildcards.study]["title"]


def explanation(name, kind):
    """A figure or page of an explained run, with its caption for Snakemake's own report."""
    return report(
        f"results/{{study}}/{{split}}/interpret/{{model}}/seed{{seed}}/{name}.{kind}",
        caption=f"../resources/report/{name}.rst",
        category="{study}",
        labels={"split": "{split}", "what": f"{EXPLANATIONS[name].lower()}, {{model}}"},
    )


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
    "paired": "How far the models are from a reference",
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
        files[f"{study}_adaptations"] = [
            backbone["adaptation"]
            for backbone in told_backbones(study)
            if "adaptation" in backbone
        ]
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
            if run := explained(study, split):
                paths = [entry["path"] for entry in run["figures"]]
                told = (
                    list(run["tables"].values())
                    if "tables" in run
                    else [run["verdict"]]
                )
                files[f"{study}_{split}_explained"] = [*told, run["page"], *paths]
    return files


def figure_files(study, split):
    """Path and name of every figure of a (study, split), in the order of the report."""
    trained = any("training" in model for model in studies[study]["models"].values())
    names = [name for name in FIGURES if name != "curves" or trained]
    return [(f"results/{study}/{split}/figures/{name}.svg", name) for name in names]


def told_backbones(study):
    """Registry entries of the backbones of a study and of what they are adapted from, with the file that tells of it."""
    used = plan.used_backbones({study: studies[study]})
    names = {part for name in used for part in adapted.chain(backbones, name)}
    return [
        {"name": name, **backbones[name]}
        | (
            {"adaptation": f"{adapted.FOLDER}/{name}.adaptation.json"}
            if "adapt" in backbones[name]
            else {}
        )
        for name in sorted(names)
    ]


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
                "explained": explained(study, split),
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
            "backbones": told_backbones(study),
            "trivial": entry["trivial"],
            "headline": entry["headline"],
            "models": list(entry["models"]),
            "beside": [name for name in entry.get("beside", []) if name in studies],
            "splits": splits,
        }
    return structure


def resolved_config(wildcards):
    """The config as it was run."""
    return {key: value for key, value in config.items() if key != "registries"}


def print_summary():
    """Say where the results are and how good the models are, after a run that made the report or used a model."""
    if "score_variants" in sys.argv:
        folder = Path(SCORED)
        print((folder / "summary.txt").read_text(encoding="utf-8").strip())
        for name in ("effects.svg", "effects.tsv", "effects.parquet", "skipped.tsv"):
            print(f"  {(folder / name).resolve()}")
        return
    if "classify_text" in sys.argv:
        folder = Path(CLASSIFIED)
        print((folder / "summary.txt").read_text(encoding="utf-8").strip())
        for name in ("text.html", "shares.svg", "sentences.tsv", "sentences.xlsx"):
            print(f"  {(folder / name).resolve()}")
        return
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
