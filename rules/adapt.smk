"""Adapt: a backbone goes on with masked-language modelling on the texts of a domain, and is a backbone again.

Needs: the backbone that it starts from; the examples (or what they were cut from) and one split of a study, or a file of
texts or sequences.
Makes: results/backbones/<name>/ (a folder in Hugging Face format) and beside it <name>.corpus.parquet (the texts, with
the hash and group of each), .corpus.json (taken and dropped), .adaptation.json (perplexity and accuracy before
and after and of baselines, speed), .history.jsonl, .adaptation.svg.
Texts of a split's valid and test examples are not in a corpus unless its entry says `transductive: true`; whatever
model uses the backbone, `train_model` makes sure of it. A killed adaptation goes on from its newest checkpoint, in a
folder results/backbones/.checkpoints-... that Snakemake is not told of.
"""


rule collect_corpus:
    input:
        examples=corpus_input("results/{study}/examples.parquet"),
        assignment=corpus_input("results/{study}/splits/{split}.parquet"),
        sources=corpus_sources,
        file=corpus_file,
    output:
        corpus="results/backbones/{backbone}.corpus.parquet",
        counts="results/backbones/{backbone}.corpus.json",
    log:
        "results/logs/collect_corpus/{backbone}.log",
    wildcard_constraints:
        backbone=any_of(adapted_names()),
    priority: 10
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="30m",
    params:
        settings=corpus_settings,
        code=code("collect_corpus"),
    message:
        "Collect the texts that {wildcards.backbone} is adapted to"
    script:
        "../scripts/collect_corpus.py"


rule adapt_backbone:
    input:
        corpus="results/backbones/{backbone}.corpus.parquet",
        counts="results/backbones/{backbone}.corpus.json",
        base=adapted_from,
    output:
        folder=directory("results/backbones/{backbone}"),
        report="results/backbones/{backbone}.adaptation.json",
        history="results/backbones/{backbone}.history.jsonl",
    log:
        "results/logs/adapt_backbone/{backbone}.log",
    benchmark:
        "results/benchmarks/adapt_backbone/{backbone}.tsv"
    wildcard_constraints:
        backbone=any_of(adapted_names()),
    priority: 20
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=adaptation_memory,
        runtime="24h",
    params:
        settings=adapt_training,
        code=code("adapt_backbone"),
    message:
        "Adapt a backbone to a corpus: {wildcards.backbone}"
    script:
        "../scripts/adapt_backbone.py"


rule plot_adaptation:
    input:
        history="results/backbones/{backbone}.history.jsonl",
        report="results/backbones/{backbone}.adaptation.json",
    output:
        curve=report(
            "results/backbones/{backbone}.adaptation.svg",
            caption="../resources/report/adaptation.rst",
            category="backbones",
            labels={"backbone": "{backbone}", "what": "loss of the pretraining"},
        ),
    log:
        "results/logs/plot_adaptation/{backbone}.log",
    wildcard_constraints:
        backbone=any_of(adapted_names()),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="15m",
    params:
        code=code("plot_adaptation"),
    message:
        "Draw the loss of adapting {wildcards.backbone}"
    script:
        "../scripts/plot_adaptation.py"
