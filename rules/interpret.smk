"""Interpret: what a fine-tuned text classifier looks at, checked by taking words away; what a network on DNA looks at,
checked against the sites that are there.

Needs: a trained run (its model/ and predictions), examples, labels, split; the study's key `interpret`; for DNA the
implanted sites and, where they are known, the factors' motifs.
Makes: results/<study>/<split>/interpret/<model>/seed<k>/. For texts: texts.parquet (explained test texts),
attributions.parquet (a row a word), deletion.tsv and deletion.json (what removing words costs, and the verdict),
attention.json, and the figures attributions.svg, words.svg, deletion.svg and the page attention.html. For DNA:
sequences.parquet (a row a test sequence and factor), attributions.npz (in its order, by method), attention.npz,
attribution_scores.tsv (how well attributions find the sites), convergence.json (whether they add up), motifs.tsv and
motifs.npz (motifs found in contributions, and the known ones that they match), marginal.tsv (what planted motifs do),
and the figures heatmaps.svg, heatmaps_all.pdf, zooms.svg, logos.svg, attention_maps.svg, attribution_scores.svg,
motifs.svg and marginal.svg.
"""


rule explain_texts:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        predictions="results/{study}/{split}/{model}/seed{seed}/predictions.parquet",
        model="results/{study}/{split}/{model}/seed{seed}/model",
    output:
        texts="results/{study}/{split}/interpret/{model}/seed{seed}/texts.parquet",
        attributions="results/{study}/{split}/interpret/{model}/seed{seed}/attributions.parquet",
        table="results/{study}/{split}/interpret/{model}/seed{seed}/deletion.tsv",
        verdict="results/{study}/{split}/interpret/{model}/seed{seed}/deletion.json",
        attention="results/{study}/{split}/interpret/{model}/seed{seed}/attention.json",
    log:
        "results/logs/explain_texts/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/explain_texts/{study}/{split}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        study=any_of(explained_texts()),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        settings=interpret_settings,
        bootstrap=bootstrap_settings,
        code=code("explain_texts"),
    message:
        "Explain {wildcards.model} on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/explain_texts.py"


rule explain_sequences:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        implants="results/{study}/implants.parquet",
        predictions="results/{study}/{split}/{model}/seed{seed}/predictions.parquet",
        model="results/{study}/{split}/{model}/seed{seed}/model",
        motifs=known_motifs,
    output:
        sequences="results/{study}/{split}/interpret/{model}/seed{seed}/sequences.parquet",
        attributions="results/{study}/{split}/interpret/{model}/seed{seed}/attributions.npz",
        attention="results/{study}/{split}/interpret/{model}/seed{seed}/attention.npz",
        scores="results/{study}/{split}/interpret/{model}/seed{seed}/attribution_scores.tsv",
        convergence="results/{study}/{split}/interpret/{model}/seed{seed}/convergence.json",
    log:
        "results/logs/explain_sequences/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/explain_sequences/{study}/{split}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        study=any_of(explained_dna()),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        settings=interpret_settings,
        matrices=known_matrices,
        bootstrap=bootstrap_settings,
        checksums=checksums("motifs"),
        code=code("explain_sequences"),
    message:
        "Explain {wildcards.model} on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/explain_sequences.py"


rule plot_explanations:
    input:
        texts="results/{study}/{split}/interpret/{model}/seed{seed}/texts.parquet",
        attributions="results/{study}/{split}/interpret/{model}/seed{seed}/attributions.parquet",
        table="results/{study}/{split}/interpret/{model}/seed{seed}/deletion.tsv",
        attention="results/{study}/{split}/interpret/{model}/seed{seed}/attention.json",
        labels="results/{study}/labels.json",
        template=report_source("attention.html.j2"),
        style=report_source("attention.css"),
        behaviour=report_source("attention.js"),
    output:
        texts=explanation("attributions", "svg"),
        words=explanation("words", "svg"),
        deletion=explanation("deletion", "svg"),
        attention=explanation("attention", "html"),
    log:
        "results/logs/plot_explanations/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/plot_explanations/{study}/{split}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        study=any_of(explained_texts()),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        title=study_title,
        run="{split}, {model}, seed {seed}",
        code=code("plot_explanations"),
    message:
        "Draw what {wildcards.model} looks at on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/plot_explanations.py"


rule discover_motifs:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        model="results/{study}/{split}/{model}/seed{seed}/model",
        motifs=known_motifs,
    output:
        motifs="results/{study}/{split}/interpret/{model}/seed{seed}/motifs.tsv",
        arrays="results/{study}/{split}/interpret/{model}/seed{seed}/motifs.npz",
        marginal="results/{study}/{split}/interpret/{model}/seed{seed}/marginal.tsv",
    log:
        "results/logs/discover_motifs/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/discover_motifs/{study}/{split}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        study=any_of(explained_dna()),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        settings=discovery_settings,
        matrices=known_matrices,
        bootstrap=bootstrap_settings,
        checksums=checksums("motifs"),
        code=code("discover_motifs"),
    message:
        "Find motifs in {wildcards.model} on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/discover_motifs.py"


rule plot_sequences:
    input:
        sequences="results/{study}/{split}/interpret/{model}/seed{seed}/sequences.parquet",
        attributions="results/{study}/{split}/interpret/{model}/seed{seed}/attributions.npz",
        attention="results/{study}/{split}/interpret/{model}/seed{seed}/attention.npz",
        implants="results/{study}/implants.parquet",
        scores="results/{study}/{split}/interpret/{model}/seed{seed}/attribution_scores.tsv",
        motifs="results/{study}/{split}/interpret/{model}/seed{seed}/motifs.tsv",
        matrices="results/{study}/{split}/interpret/{model}/seed{seed}/motifs.npz",
        marginal="results/{study}/{split}/interpret/{model}/seed{seed}/marginal.tsv",
    output:
        heatmaps=explanation("heatmaps", "svg"),
        heatmaps_all=explanation("heatmaps_all", "pdf"),
        zooms=explanation("zooms", "svg"),
        logos=explanation("logos", "svg"),
        attention=explanation("attention_maps", "svg"),
        attribution_scores=explanation("attribution_scores", "svg"),
        motifs=explanation("motifs", "svg"),
        marginal=explanation("marginal", "svg"),
    log:
        "results/logs/plot_sequences/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/plot_sequences/{study}/{split}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        study=any_of(explained_dna()),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        code=code("plot_sequences"),
    message:
        "Draw what {wildcards.model} looks at on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/plot_sequences.py"
