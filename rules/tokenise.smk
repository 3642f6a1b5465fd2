"""Tokenise: examples to token ids of a backbone.

Needs: results/<study>/examples.parquet, splits/<split>.parquet of every split, the backbone's tokenizer.
Makes: results/<study>/tokens/<backbone>/, a Hugging Face dataset on disk: the examples that any split uses.

A checkpoint: how many embedding jobs a study with `shard_sequences` has follows from the distinct sequences found here.
"""


checkpoint tokenise_examples:
    input:
        examples="results/{study}/examples.parquet",
        assignments=split_files,
        backbone=backbone_files,
    output:
        tokens=directory("results/{study}/tokens/{backbone}"),
    log:
        "results/logs/tokenise_examples/{study}/{backbone}.log",
    benchmark:
        "results/benchmarks/tokenise_examples/{study}/{backbone}.tsv"
    priority: 10
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        max_tokens=max_tokens,
        code=code("tokenise_examples"),
    message:
        "Tokenise {wildcards.study} for {wildcards.backbone}"
    script:
        "../scripts/tokenise_examples.py"
