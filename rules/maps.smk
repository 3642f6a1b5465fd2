"""Maps: vectors that runs have of test examples, in pictures and in figures; errors against divergence times; a metric
against a setting in which studies differ.

Needs: a study's key `maps` or `curve`; examples, split, predictions; stored embeddings, or tokens and fine-tuned models;
for a curve the comparisons of the studies beside it.
Makes: results/<study>/<split>/maps/: map.parquet (a row a test example and run), map_scores.tsv (silhouette, accuracy
of neighbours and of logistic regression), map.svg and the page map.html; confusion_distance.tsv (a row a model and pair
of classes), mantel.tsv (correlations) and confusion_distance.svg. results/<study>/curve.tsv and figures/curve.svg.
"""


rule map_embeddings:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        predictions=map_predictions,
        sources=map_sources,
    output:
        map="results/{study}/{split}/maps/map.parquet",
        scores=map_file("map_scores", "tsv", "figures beside the maps"),
    log:
        "results/logs/map_embeddings/{study}/{split}.log",
    benchmark:
        "results/benchmarks/map_embeddings/{study}/{split}.tsv"
    wildcard_constraints:
        study=any_of(mapsplan.mapped_studies(studies)),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=map_gpus,
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        runs=map_runs,
        settings=map_settings,
        bootstrap=bootstrap_settings,
        code=code("map_embeddings"),
    message:
        "Map the vectors of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/map_embeddings.py"


rule plot_maps:
    input:
        map="results/{study}/{split}/maps/map.parquet",
        scores="results/{study}/{split}/maps/map_scores.tsv",
        labels="results/{study}/splits/{split}.labels.json",
        template=report_source("map.html.j2"),
        style=[report_source("attention.css"), report_source("map.css")],
        behaviour=report_source("map.js"),
    output:
        figure=map_file("map", "svg", "maps of the vectors"),
        page=map_file("map", "html", "maps to move in"),
    log:
        "results/logs/plot_maps/{study}/{split}.log",
    wildcard_constraints:
        study=any_of(mapsplan.mapped_studies(studies)),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        title=study_title,
        neighbours=map_neighbours,
        code=code("plot_maps"),
    message:
        "Draw the maps of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/plot_maps.py"


rule compare_distances:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        predictions=run_files("predictions.parquet"),
    output:
        pairs=map_file("confusion_distance", "tsv", "confusion by pair"),
        tests=map_file("mantel", "tsv", "confusion and distance"),
    log:
        "results/logs/compare_distances/{study}/{split}.log",
    benchmark:
        "results/benchmarks/compare_distances/{study}/{split}.tsv"
    wildcard_constraints:
        study=any_of(mapsplan.compared_studies(studies)),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        models=run_models,
        distances=divergence_times,
        bootstrap=bootstrap_settings,
        code=code("compare_distances"),
    message:
        "Compare the errors of {wildcards.study} ({wildcards.split}) with divergence times"
    script:
        "../scripts/compare_distances.py"


rule plot_distances:
    input:
        pairs="results/{study}/{split}/maps/confusion_distance.tsv",
        tests="results/{study}/{split}/maps/mantel.tsv",
        labels="results/{study}/splits/{split}.labels.json",
    output:
        figure=map_file("confusion_distance", "svg", "confusion and divergence time"),
    log:
        "results/logs/plot_distances/{study}/{split}.log",
    wildcard_constraints:
        study=any_of(mapsplan.compared_studies(studies)),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="15m",
    params:
        shown=mapped_models,
        models=model_names,
        trivial=trivial_model,
        code=code("plot_distances"),
    message:
        "Draw the errors of {wildcards.study} ({wildcards.split}) against divergence times"
    script:
        "../scripts/plot_distances.py"


rule plot_curve:
    input:
        comparisons=curve_comparisons,
        labels="results/{study}/labels.json",
    output:
        curve="results/{study}/curve.tsv",
        figure=report(
            "results/{study}/figures/curve.svg",
            caption="../resources/report/curve.rst",
            category="{study}",
            labels={"split": "all", "what": "curve over a setting"},
        ),
    log:
        "results/logs/plot_curve/{study}.log",
    wildcard_constraints:
        study=any_of(mapsplan.curve_studies(studies)),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="15m",
    params:
        entries=curve_entries,
        metrics=headline,
        label=curve_label,
        models=curve_models,
        trivial=trivial_model,
        code=code("plot_curve"),
    message:
        "Draw the curve of {wildcards.study} and the studies beside it"
    script:
        "../scripts/plot_curve.py"
