"""Audit: what is wrong with the labels of a study before any model sees them.

Needs: results/<study>/examples.parquet, labels.json.
Makes: results/<study>/audit.json (repeated inputs, conflicting labels, the ceiling that they imply) and audit.tsv (the
inputs with conflicting labels).
"""


rule audit_labels:
    input:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
    output:
        audit="results/{study}/audit.json",
        conflicts=report(
            "results/{study}/audit.tsv",
            caption="../resources/report/audit.rst",
            category="{study}",
            labels={"split": "all", "what": "conflicting labels"},
        ),
    log:
        "results/logs/audit_labels/{study}.log",
    benchmark:
        "results/benchmarks/audit_labels/{study}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        code=code("audit_labels"),
    message:
        "Audit the labels of {wildcards.study}"
    script:
        "../scripts/audit_labels.py"
