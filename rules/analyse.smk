"""Analyse: any set of runs beside each other, on a page of its own.

Needs: the runs that `runs` names (`--config runs="study/split/model,study/split"`; all of them without it), which are trained
first where they have to be.
Makes: results/analysis/<names of the runs>/: analysis.html, figures.tsv, pictures/ (the target `snakemake analyse`). The
rules have no wildcards, because the config names the runs.
"""

# A mistake that an input function finds comes with a traceback; here it is one line.
if {"analyse", "analyse_runs"} & set(sys.argv):
    analysisplan.chosen_runs(config)


rule analyse_runs:
    input:
        metrics=analysed_files("metrics.json"),
        replicates=analysed_files("replicates.npz"),
        cost=analysed_files("cost.json"),
        history=analysed_files("history.jsonl"),
        per_label=analysed_files("per_label.parquet"),
        template=report_source("analysis.html.j2"),
        style=report_source("report.css"),
    output:
        figures=f"{ANALYSIS}/figures.tsv",
        page=f"{ANALYSIS}/analysis.html",
        pictures=directory(f"{ANALYSIS}/pictures"),
    log:
        f"results/logs/analyse_runs/{Path(ANALYSIS).name}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        runs=analysed_runs,
        level=config["bootstrap"]["level"],
        code=code("analyse_runs"),
    message:
        "Compare the chosen runs"
    script:
        "../scripts/analyse_runs.py"


rule analyse:
    input:
        page=f"{ANALYSIS}/analysis.html",
    message:
        "The comparison is {input.page}"
