"""Embed: tokens to fixed-size vectors of a frozen backbone, one job a shard.

Needs: results/<study>/tokens/<backbone>/, the backbone's weights.
Makes: results/<study>/embeddings/<backbone>/: shards/<n>.npy (rows x poolings and layers x width), .tokens.npy (tokens x
layers x width; empty unless `tokens` is a pooling) and .parquet (their ids), index.parquet (id, shard, row), manifest.json.
A job that is ended goes on where it was: what it has done lies in results/unfinished/.
"""


rule embed_sequences:
    input:
        tokens="results/{study}/tokens/{backbone}",
        backbone=backbone_files,
    output:
        vectors="results/{study}/embeddings/{backbone}/shards/{shard}.npy",
        tokens="results/{study}/embeddings/{backbone}/shards/{shard}.tokens.npy",
        ids="results/{study}/embeddings/{backbone}/shards/{shard}.parquet",
        cost="results/{study}/embeddings/{backbone}/shards/{shard}.json",
    log:
        "results/logs/embed_sequences/{study}/{backbone}/{shard}.log",
    benchmark:
        "results/benchmarks/embed_sequences/{study}/{backbone}/{shard}.tsv"
    priority: 10
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=embedding_memory,
        runtime="4h",
    params:
        settings=embedding_settings,
        dealt=shards_dealt,
        unit=embedding_unit,
        unfinished=unfinished_shard,
        code=code("embed_sequences"),
    message:
        "Embed shard {wildcards.shard} of {wildcards.study} with {wildcards.backbone}"
    script:
        "../scripts/embed_sequences.py"


rule index_embeddings:
    input:
        tokens="results/{study}/tokens/{backbone}",
        vectors=shard_files("npy"),
        ids=shard_files("parquet"),
        costs=shard_files("json"),
    output:
        index="results/{study}/embeddings/{backbone}/index.parquet",
        manifest="results/{study}/embeddings/{backbone}/manifest.json",
    log:
        "results/logs/index_embeddings/{study}/{backbone}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="10m",
    params:
        settings=embedding_settings,
        code=code("index_embeddings"),
    message:
        "Index the embeddings of {wildcards.study} with {wildcards.backbone}"
    script:
        "../scripts/index_embeddings.py"
