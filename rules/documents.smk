"""Documents: what a corpus of annotated documents holds, and how far its annotators agree.

Needs: results/<study>/examples.parquet and labels.json of studies of entities and links; for the agreement the documents
of two or more annotators (config: studies.<study>.agreement).
Makes: results/<study>/corpus.tsv, figures/corpus_*.svg; agreement.tsv, agreement_confusion.tsv,
agreement_disagreements.tsv, agreement.html (a page of its own) and figures/agreement.svg.
"""


rule describe_documents:
    input:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
    output:
        table="results/{study}/corpus.tsv",
        sizes=report(
            "results/{study}/figures/corpus_sizes.svg",
            caption="../resources/report/corpus_sizes.rst",
            category="{study}",
            labels={"split": "all", "what": "sizes of documents"},
        ),
        values=report(
            "results/{study}/figures/corpus_values.svg",
            caption="../resources/report/corpus_values.rst",
            category="{study}",
            labels={"split": "all", "what": "categories and values"},
        ),
        mentions=report(
            "results/{study}/figures/corpus_mentions.svg",
            caption="../resources/report/corpus_mentions.rst",
            category="{study}",
            labels={"split": "all", "what": "commonest mentions"},
        ),
        distances=report(
            "results/{study}/figures/corpus_distances.svg",
            caption="../resources/report/corpus_distances.rst",
            category="{study}",
            labels={"split": "all", "what": "distances of linked mentions"},
        ),
    log:
        "results/logs/describe_documents/{study}.log",
    benchmark:
        "results/benchmarks/describe_documents/{study}.tsv"
    wildcard_constraints:
        study=any_of(agreementplan.tagging_studies(studies)),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        code=code("describe_documents"),
    message:
        "Describe the documents of {wildcards.study}"
    script:
        "../scripts/describe_documents.py"


rule compare_annotators:
    input:
        archive=annotators_archive,
        loose=annotators_loose,
        documents=annotators_files,
        labels="results/{study}/labels.json",
        template=report_source("agreement.html.j2"),
        style=report_source("report.css"),
    output:
        table="results/{study}/agreement.tsv",
        confusion="results/{study}/agreement_confusion.tsv",
        disagreements="results/{study}/agreement_disagreements.tsv",
        page="results/{study}/agreement.html",
        figure=report(
            "results/{study}/figures/agreement.svg",
            caption="../resources/report/agreement.rst",
            category="{study}",
            labels={"split": "all", "what": "agreement of annotators"},
        ),
    log:
        "results/logs/compare_annotators/{study}.log",
    benchmark:
        "results/benchmarks/compare_annotators/{study}.tsv"
    wildcard_constraints:
        study=any_of(agreementplan.agreement_studies(studies)),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        sources=annotators,
        definition=annotators_definition,
        about=about_annotators,
        bootstrap=bootstrap_settings,
        checksums=checksums("archive", "documents"),
        code=code("compare_annotators"),
    message:
        "Compare the annotators of {wildcards.study}"
    script:
        "../scripts/compare_annotators.py"
