"""The functions that give the rules of reporting their inputs and params, and what is said at the end of a run.

Needs: what rules/common.smk and rules/common_interpret.smk define; for the summary, rules/common_annotate.smk; for the
report, rules/common_maps.smk.
Makes: no file.
"""


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

# Of a study whose runs find entities and links, in place of those that are about scores of labels.
TAG_FIGURES = {
    "categories": "Category by category",
    "field_values": "Value by value",
    "crossed_words": "Which words are taken for what",
    "tag_errors": "Kinds of mistakes",
}
SCORE_FIGURES = ("frequencies", "predicted", "per_label", "best")
FOLD_FIGURES = ("categories", "per_label", "comparison", "paired")


# Of a study whose examples are texts, before any split.
TEXT_FIGURES = {
    "balance": "How common the classes are",
    "word_counts": "How many words the texts have",
    "word_clouds": "The words of each class",
    "connected_terms": "The most connected terms of the ontology",
    "corpus_sizes": "How long the documents are",
    "corpus_values": "How common categories and values are",
    "corpus_mentions": "The commonest mentions",
    "corpus_distances": "How far linked mentions lie apart",
    "agreement": "How far annotators agree",
}


def study_figures(study):
    """Figures of a study as a whole, in the order of the report."""
    names = []
    if study in plan.text_studies(studies):
        names += ["balance", "word_counts", "word_clouds"]
    if study in plan.ontology_studies(studies):
        names += ["connected_terms"]
    if study in agreementplan.tagging_studies(studies):
        names += [
            "corpus_sizes",
            "corpus_values",
            "corpus_mentions",
        ]
    if study in agreementplan.linked_studies(studies):
        names += ["corpus_distances"]
    if study in agreementplan.agreement_studies(studies):
        names += ["agreement"]
    return [
        {
            "path": f"results/{study}/figures/{name}.svg",
            "title": TEXT_FIGURES[name],
            "caption": report_source(f"{name}.rst"),
        }
        for name in names
    ]


def document_tables(study):
    """The tables on a study's documents and its annotators, and the page of the latter; None for other studies."""
    if study not in agreementplan.tagging_studies(studies):
        return None
    compared = study in agreementplan.agreement_studies(studies)
    return {
        "corpus": f"results/{study}/corpus.tsv",
        "agreement": f"results/{study}/agreement.tsv" if compared else None,
        "page": f"results/{study}/agreement.html" if compared else None,
    }


def annotators_archive(wildcards):
    """The archive of the annotators' documents; nothing where each annotator has a file."""
    return agreementplan.agreement_archive(studies[wildcards.study]) or []


def annotators_loose(wildcards):
    """The annotators' documents that do not lie in one file, and the definition of their tags."""
    study = studies[wildcards.study]
    return loose_files(
        agreementplan.agreement_archive(study),
        agreementplan.agreement_definition(study),
    )


def annotators_files(wildcards):
    """The files of the annotators' documents; nothing where they are in an archive."""
    study = studies[wildcards.study]
    return (
        []
        if agreementplan.agreement_archive(study)
        else list(study["agreement"]["annotators"].values())
    )


def annotators(wildcards):
    """By annotator the folder or the file of the documents."""
    return dict(studies[wildcards.study]["agreement"]["annotators"])


def annotators_definition(wildcards):
    """The definition of the tags of the annotators' XML files."""
    return agreementplan.agreement_definition(studies[wildcards.study])


def about_annotators(wildcards):
    """What the page of the agreement says of its study."""
    return {"study": wildcards.study, "title": studies[wildcards.study]["title"]}


def figure(name):
    """A figure of a (study, split), with its caption for Snakemake's own report."""
    return report(
        f"results/{{study}}/{{split}}/figures/{name}.svg",
        caption=f"../resources/report/{name}.rst",
        category="{study}",
        labels={"split": "{split}", "what": (FIGURES | TAG_FIGURES)[name].lower()},
    )


def report_inputs(wildcards):
    """Every file that the report reads."""
    files = {}
    for study, entry in studies.items():
        files[f"{study}_prepare"] = [
            f"results/{study}/{name}.json" for name in ("prepare", "labels", "audit")
        ]
        files[f"{study}_figures"] = [entry["path"] for entry in study_figures(study)]
        if tables := document_tables(study):
            files[f"{study}_documents"] = [path for path in tables.values() if path]
        files[f"{study}_adaptations"] = [
            backbone[key]
            for backbone in told_backbones(study)
            for key in ("adaptation", "curve")
            if key in backbone
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
            if finds_tags(study):
                files[f"{study}_{split}_errors"] = f"results/{study}/{split}/errors.tsv"
            if run := explained(study, split):
                paths = [entry["path"] for entry in run["figures"]]
                told = (
                    list(run["tables"].values())
                    if "tables" in run
                    else [run["verdict"]]
                )
                files[f"{study}_{split}_explained"] = [*told, run["page"], *paths]
            if shown := mapped(study, split):
                paths = [entry["path"] for entry in shown["figures"]]
                told = shown["tables"].values()
                files[f"{study}_{split}_maps"] = [*told, shown["page"], *paths]
        files[f"{study}_folds"] = list(fold_tables(study).values())
        if curve := drawn_curve(study):
            files[f"{study}_curve"] = [curve["table"], curve["figure"]["path"]]
    return files


def figure_files(study, split):
    """Path and name of every figure of a (study, split), in the order of the report."""
    models = foldplan.models_of(studies[study], split)
    entries = [studies[study]["models"][model] for model in models]
    trained = any(
        "training" in entry or entry["kind"] in tagplan.NETWORKS for entry in entries
    )
    names = [name for name in FIGURES if name != "curves" or trained]
    if finds_tags(study):
        names = [name for name in names if name not in SCORE_FIGURES]
        names += TAG_FIGURES
    # Every fold anew would say the same many times over.
    if is_fold(study, split):
        names = [name for name in names if name in FOLD_FIGURES]
    return [(f"results/{study}/{split}/figures/{name}.svg", name) for name in names]


def finds_tags(study):
    """Whether a study's runs find entities and links."""
    return study in agreementplan.tagging_studies(studies)


def is_fold(study, split):
    """Whether a split is one of a cross-validation."""
    sets = foldplan.fold_sets(studies[study]).values()
    return any(split in splits for splits in sets)


def fold_tables(study):
    """The tables of a study's cross-validations, by name."""
    return {
        name: f"results/{study}/{name}.folds.tsv"
        for name in foldplan.fold_sets(studies[study])
    }


def told_backbones(study):
    """Registry entries of the backbones of a study and of what they are adapted from, with the files that tell of it."""
    used = plan.used_backbones({study: studies[study]})
    names = {part for name in used for part in adapted.chain(backbones, name)}
    return [
        {"name": name, **backbones[name]}
        | (
            {
                "adaptation": f"{adapted.FOLDER}/{name}.adaptation.json",
                "curve": f"{adapted.FOLDER}/{name}.adaptation.svg",
            }
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
                        "title": (FIGURES | TAG_FIGURES)[name],
                        "caption": report_source(f"{name}.rst"),
                    }
                    for path, name in figure_files(study, split)
                ],
                "explained": explained(study, split),
                "maps": mapped(study, split),
                "fold": is_fold(study, split),
                "errors": (
                    f"results/{study}/{split}/errors.tsv" if finds_tags(study) else None
                ),
            }
        structure[study] = {
            "title": entry["title"],
            "summary": entry["summary"],
            "prepare": f"results/{study}/prepare.json",
            "labels": f"results/{study}/labels.json",
            "audit": f"results/{study}/audit.json",
            "figures": study_figures(study),
            "documents": document_tables(study),
            "files": plan.own_files(entry),
            "datasets": [
                {"name": name, **datasets[name]} for name in plan.used_datasets(entry)
            ],
            "backbones": told_backbones(study),
            "trivial": entry["trivial"],
            "headline": entry["headline"],
            "models": list(entry["models"]),
            "beside": [name for name in entry.get("beside", []) if name in studies],
            "curve": drawn_curve(study),
            "folds": fold_tables(study),
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
    if "tag_text" in sys.argv:
        folder = Path(TAGGED)
        print((folder / "summary.txt").read_text(encoding="utf-8").strip())
        page = Path(tagged_pages()["page"]).name
        for name in (page, "entities.tsv", "links.tsv", "document.json"):
            print(f"  {(folder / name).resolve()}")
        return
    if "analyse" in sys.argv:
        print(f"  {Path(ANALYSIS, 'analysis.html').resolve()}")
        print(f"  {Path(ANALYSIS, 'figures.tsv').resolve()}")
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
