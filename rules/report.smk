"""Report: figures of every study and split, and one page that says what was done and how good it is.

Needs: comparisons, histories, predictions and the files that the stages before describe themselves with.
Makes: results/<study>/figures/..., results/<study>/<split>/figures/..., results/report.html, results/summary.txt.
`snakemake --report` shows the same figures with the captions in resources/report/.
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
    "heatmaps": "True and predicted labels",
    "per_label": "Label by label, against training examples",
    "best": "The best predicted labels",
    "comparison": "All models",
}


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
    return f"{workflow.basedir}/resources/report/{name}"


def report_inputs(wildcards):
    """Every file that the report reads."""
    files = {}
    for study, entry in studies.items():
        files[f"{study}_prepare"] = [
            f"results/{study}/{name}.json" for name in ("prepare", "labels")
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
                for name in ("comparison", "differences")
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
    return dict(config)


rule plot_examples:
    input:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
    output:
        frequencies=figure("frequencies"),
        lengths=figure("lengths"),
    log:
        "results/logs/plot_examples/{study}/{split}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        code=code("plot_examples"),
    message:
        "Draw the examples of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/plot_examples.py"


rule plot_training:
    input:
        history=run_files("history.jsonl"),
    output:
        curves=figure("curves"),
    log:
        "results/logs/plot_training/{study}/{split}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="15m",
    params:
        runs=run_names,
        models=model_names,
        trivial=trivial_model,
        code=code("plot_training"),
    message:
        "Draw the training curves of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/plot_training.py"


rule plot_predictions:
    input:
        examples="results/{study}/examples.parquet",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        comparison="results/{study}/{split}/comparison.tsv",
        predictions=run_files("predictions.parquet"),
        per_label=run_files("per_label.parquet"),
    output:
        heatmaps=figure("heatmaps"),
        per_label=figure("per_label"),
        best=figure("best"),
    log:
        "results/logs/plot_predictions/{study}/{split}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        models=run_models,
        trivial=trivial_model,
        headline=headline,
        code=code("plot_predictions"),
    message:
        "Draw the predictions of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/plot_predictions.py"


rule plot_comparison:
    input:
        comparison="results/{study}/{split}/comparison.tsv",
    output:
        figure=figure("comparison"),
    log:
        "results/logs/plot_comparison/{study}/{split}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="15m",
    params:
        metrics=headline,
        models=model_names,
        trivial=trivial_model,
        code=code("plot_comparison"),
    message:
        "Draw all models of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/plot_comparison.py"


rule make_report:
    input:
        unpack(report_inputs),
        template=report_source("report.html.j2"),
        style=report_source("report.css"),
        behaviour=report_source("report.js"),
    output:
        report="results/report.html",
        summary="results/summary.txt",
    log:
        "results/logs/make_report/all.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        studies=report_structure,
        config=resolved_config,
        benchmarks="results/benchmarks",
        code=code("make_report"),
    message:
        "Write the report"
    script:
        "../scripts/make_report.py"
