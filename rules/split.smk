"""Split: examples to train, valid and test, with an audit of what leaks between them.

Needs: results/<study>/examples.parquet, labels.json; for the method `cluster` results/<study>/clusters/<clusters>.parquet.
Makes: results/<study>/splits/<split>.parquet, .labels.json (labels judged, chosen on train), .leakage.json.
"""


include: "align.smk"


rule split_examples:
    input:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        clusters=split_clusters,
    output:
        assignment="results/{study}/splits/{split}.parquet",
        labels="results/{study}/splits/{split}.labels.json",
        leakage=report(
            "results/{study}/splits/{split}.leakage.json",
            caption="../resources/report/leakage.rst",
            category="{study}",
            labels={"split": "{split}", "what": "leakage audit"},
        ),
    log:
        "results/logs/split_examples/{study}/{split}.log",
    benchmark:
        "results/benchmarks/split_examples/{study}/{split}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="30m",
    params:
        settings=split_settings,
        code=code("split_examples"),
    message:
        "Split {wildcards.study} ({wildcards.split}) and audit its leakage"
    script:
        "../scripts/split_examples.py"
