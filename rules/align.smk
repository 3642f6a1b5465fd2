"""Align: clusters of proteins by identity, and what a split's held-out proteins are alike to among its training ones.

Needs: results/<study>/examples.parquet, labels.json; for the search results/<study>/splits/<split>.parquet. MMseqs2, or
DIAMOND where a split asks for it.
Makes: results/<study>/clusters/<clusters>.parquet (id, cluster); results/<study>/splits/<split>.hits.parquet (query, target,
identity, bits, evalue, query_cover, target_cover), .identity.parquet (id, subset, nearest_identity, nearest, stratum,
part_identity) and .identity.json (how many proteins there are of each stratum).
"""


rule cluster_sequences:
    input:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
    output:
        clusters="results/{study}/clusters/{clusters}.parquet",
    log:
        "results/logs/cluster_sequences/{study}/{clusters}.log",
    benchmark:
        "results/benchmarks/cluster_sequences/{study}/{clusters}.tsv"
    wildcard_constraints:
        clusters=any_of(every_cluster_set()),
    conda:
        "../envs/align.yaml"
    threads: 4
    resources:
        mem_mb=grow_memory(4000),
        runtime="4h",
    params:
        settings=cluster_settings,
        code=code("cluster_sequences"),
    message:
        "Cluster the proteins of {wildcards.study}: {wildcards.clusters}"
    script:
        "../scripts/cluster_sequences.py"


rule search_sequences:
    input:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
    output:
        hits="results/{study}/splits/{split}.hits.parquet",
        identity="results/{study}/splits/{split}.identity.parquet",
        report="results/{study}/splits/{split}.identity.json",
    log:
        "results/logs/search_sequences/{study}/{split}.log",
    benchmark:
        "results/benchmarks/search_sequences/{study}/{split}.tsv"
    conda:
        "../envs/align.yaml"
    threads: 4
    resources:
        mem_mb=grow_memory(4000),
        runtime="4h",
    params:
        settings=search_settings,
        code=code("search_sequences"),
    message:
        "Search the training proteins of {wildcards.study} ({wildcards.split})"
    script:
        "../scripts/search_sequences.py"
