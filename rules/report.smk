"""Report: figures of every study and split, and one page that says what was done and how good it is.

Needs: comparisons, histories, predictions and the files that the stages before describe themselves with.
Makes: results/<study>/figures/..., results/<study>/<split>/figures/..., results/report.html, results/summary.txt.
`snakemake --report` shows the same figures with the captions in resources/report/.
"""


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
        predicted=figure("predicted"),
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


rule plot_tags:
    input:
        examples="results/{study}/examples.parquet",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        comparison="results/{study}/{split}/comparison.tsv",
        predictions=run_files("predictions.parquet"),
        per_label=run_files("per_label.parquet"),
        agreement=agreement_table,
    output:
        categories=figure("categories"),
        field_values=figure("field_values"),
        crossed_words=figure("crossed_words"),
        tag_errors=figure("tag_errors"),
        errors="results/{study}/{split}/errors.tsv",
    log:
        "results/logs/plot_tags/{study}/{split}.log",
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
        code=code("plot_tags"),
    message:
        "Draw what is found in {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/plot_tags.py"


rule plot_comparison:
    input:
        comparison="results/{study}/{split}/comparison.tsv",
        differences="results/{study}/{split}/differences.tsv",
    output:
        figure=figure("comparison"),
        paired=figure("paired"),
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
        bootstrap=bootstrap_settings,
        code=code("plot_comparison"),
    message:
        "Draw all models of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/plot_comparison.py"


rule make_report:
    input:
        unpack(report_inputs),
        template=report_source("report.html.j2"),
        parts=[
            report_source(f"{name}.html.j2")
            for name in ("inside", "maps", "curve", "documents", "folds", "errors")
        ],
        style=report_source("report.css"),
        behaviour=report_source("report.js"),
        captions=[report_source(f"{name}.rst") for name in FIGURES | TAG_FIGURES],
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
