"""Evaluate: predictions to figures with intervals, and all models of a split beside each other.

Needs: predictions and costs of every run, examples, split; config/published.yaml.
Makes: .../metrics.json, replicates.npz, per_label.parquet of every run; results/<study>/<split>/comparison.tsv,
differences.tsv (paired: every model against the study's trivial one, and the pairs of its `contrasts`) and costs.tsv;
results/<study>/<folds>.folds.tsv of a cross-validation; results/runs.parquet, the register of all runs.
Models are judged on test labels here and nowhere else.
"""


rule evaluate_model:
    input:
        examples="results/{study}/examples.parquet",
        assignment="results/{study}/splits/{split}.parquet",
        labels="results/{study}/splits/{split}.labels.json",
        predictions="results/{study}/{split}/{model}/seed{seed}/predictions.parquet",
        ontology=judged_ontology,
        study_labels="results/{study}/labels.json",
    output:
        metrics="results/{study}/{split}/{model}/seed{seed}/metrics.json",
        replicates="results/{study}/{split}/{model}/seed{seed}/replicates.npz",
        per_label="results/{study}/{split}/{model}/seed{seed}/per_label.parquet",
    log:
        "results/logs/evaluate_model/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/evaluate_model/{study}/{split}/{model}/seed{seed}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="1h",
    params:
        settings=evaluation_settings,
        borrowed=borrows_entities,
        code=code("evaluate_model"),
    message:
        "Evaluate {wildcards.model} on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/evaluate_model.py"


rule compare_models:
    input:
        metrics=run_files("metrics.json"),
        replicates=run_files("replicates.npz"),
        costs=run_files("cost.json"),
        agreement=agreement_table,
    output:
        comparison=report(
            "results/{study}/{split}/comparison.tsv",
            caption="../resources/report/comparison_table.rst",
            category="{study}",
            labels={"split": "{split}", "what": "all figures"},
        ),
        differences=report(
            "results/{study}/{split}/differences.tsv",
            caption="../resources/report/differences.rst",
            category="{study}",
            labels={"split": "{split}", "what": "paired differences"},
        ),
        costs="results/{study}/{split}/costs.tsv",
    log:
        "results/logs/compare_models/{study}/{split}.log",
    benchmark:
        "results/benchmarks/compare_models/{study}/{split}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="30m",
    params:
        settings=evaluation_settings,
        published=published_rows,
        trivial=trivial_model,
        contrasts=contrasts,
        code=code("compare_models"),
    message:
        "Compare all models of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/compare_models.py"


rule summarise_folds:
    input:
        examples="results/{study}/examples.parquet",
        assignments=fold_files("parquet"),
        labels=fold_files("labels.json"),
        metrics=fold_run_files("metrics.json"),
        predictions=fold_run_files("predictions.parquet"),
        ontology=judged_ontology,
    output:
        table=report(
            "results/{study}/{folds}.folds.tsv",
            caption="../resources/report/folds.rst",
            category="{study}",
            labels={"split": "{folds}", "what": "all folds together"},
        ),
    log:
        "results/logs/summarise_folds/{study}/{folds}.log",
    benchmark:
        "results/benchmarks/summarise_folds/{study}/{folds}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="1h",
    params:
        runs=fold_runs,
        splits=fold_splits,
        trivial=trivial_model,
        settings=fold_settings,
        borrowed=borrowing_models,
        contrasts=fold_contrasts,
        code=code("summarise_folds"),
    message:
        "Bring the folds of {wildcards.study} ({wildcards.folds}) together"
    script:
        "../scripts/summarise_folds.py"


rule register_runs:
    input:
        metrics=all_run_files("metrics.json"),
        costs=all_run_files("cost.json"),
        histories=all_run_files("history.jsonl"),
    output:
        runs="results/runs.parquet",
    log:
        "results/logs/register_runs/all.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="15m",
    params:
        runs=all_runs,
        code=code("register_runs"),
    message:
        "Register all runs with their settings"
    script:
        "../scripts/register_runs.py"
