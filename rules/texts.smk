"""Texts: pictures of a study whose examples are texts, and of the ontology that they come from.

Needs: results/<study>/examples.parquet, labels.json; the parsed ontology of the study.
Makes: results/<study>/figures/balance.svg, word_counts.svg, word_clouds.svg and connected_terms.svg.
"""


rule plot_texts:
    input:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
    output:
        balance=report(
            "results/{study}/figures/balance.svg",
            caption="../resources/report/balance.rst",
            category="{study}",
            labels={"split": "all", "what": "examples by class"},
        ),
        word_counts=report(
            "results/{study}/figures/word_counts.svg",
            caption="../resources/report/word_counts.rst",
            category="{study}",
            labels={"split": "all", "what": "words by class"},
        ),
        word_clouds=report(
            "results/{study}/figures/word_clouds.svg",
            caption="../resources/report/word_clouds.rst",
            category="{study}",
            labels={"split": "all", "what": "word clouds"},
        ),
    log:
        "results/logs/plot_texts/{study}.log",
    benchmark:
        "results/benchmarks/plot_texts/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.text_studies(studies)),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        code=code("plot_texts"),
    message:
        "Draw the texts of {wildcards.study}"
    script:
        "../scripts/plot_texts.py"


rule plot_ontology:
    input:
        ontology=ontology_table,
    output:
        connected_terms=report(
            "results/{study}/figures/connected_terms.svg",
            caption="../resources/report/connected_terms.rst",
            category="{study}",
            labels={"split": "all", "what": "most connected terms"},
        ),
    log:
        "results/logs/plot_ontology/{study}.log",
    benchmark:
        "results/benchmarks/plot_ontology/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.ontology_studies(studies)),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        code=code("plot_ontology"),
    message:
        "Draw the most connected terms of the ontology of {wildcards.study}"
    script:
        "../scripts/plot_ontology.py"
