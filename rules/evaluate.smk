"""Evaluate: predictions to figures with intervals, and all models of a split beside each other.

Needs: predictions and costs of every run, examples, split; config/published.yaml.
Makes: .../metrics.json, replicates.npz, per_label.parquet of every run; results/<study>/<split>/comparison.tsv,
differences.tsv (paired: every model against the study's trivial one, and the pairs of its `contrasts`) and costs.tsv.
Models are judged on test labels here and nowhere else.
"""


rule evaluate_model:
    input:
        examples="results/{study}/examples.parquet",
        assignment="results/{study}/splits/{split}.parquet",
        labels="results/{study}/splits/{split}.labels.json",
        predictions="results/{study}/{split}/{model}/seed{seed}/predictions.parquet",
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
