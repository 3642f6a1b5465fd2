"""Download: datasets and backbones, verified by sha256.

Needs: config/datasets.yaml, config/backbones.yaml; the network or a mirror.
Makes: resources/data/<dataset>/<file>, resources/backbones/<backbone>/. `snakemake download` makes all of them, for
machines whose nodes have no network.
"""


rule download:
    input:
        data=plan.downloaded_files(studies),
        corpora=plan.downloaded_corpora(studies, backbones),
        backbones=[
            backbone_folder(name)
            for name in plan.downloaded_backbones(studies, backbones)
        ],


rule download_file:
    output:
        file="resources/data/{dataset}/{file}",
    log:
        "results/logs/download_file/{dataset}/{file}.log",
    priority: 10
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="2h",
    params:
        content=file_content,
    message:
        "Download {wildcards.file} of {wildcards.dataset}"
    script:
        "../scripts/download_file.py"


rule download_backbone:
    output:
        folder=directory("resources/backbones/{backbone}"),
    log:
        "results/logs/download_backbone/{backbone}.log",
    wildcard_constraints:
        # A backbone with a path is the user's own: no rule may make, and thereby delete, its folder.
        backbone=any_of(
            name
            for name in backbones
            if not {"init", "path", "adapt"} & set(backbones[name])
        ),
    priority: 10
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        content=backbone_content,
    message:
        "Download the backbone {wildcards.backbone}"
    script:
        "../scripts/download_backbone.py"


rule initialise_backbone:
    output:
        folder=directory("resources/backbones/{backbone}"),
    log:
        "results/logs/initialise_backbone/{backbone}.log",
    wildcard_constraints:
        backbone=any_of(name for name in backbones if "init" in backbones[name]),
    priority: 10
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="10m",
    params:
        content=backbone_content,
        code=code("initialise_backbone"),
    message:
        "Initialise the backbone {wildcards.backbone} with random weights"
    script:
        "../scripts/initialise_backbone.py"
