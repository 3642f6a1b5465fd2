"""Variants: what a trained network says of substitutions in the user's DNA, factor by factor.

Needs: sequences (`--config fasta=seqs.fa`; without any file resources/demo/binding_sites.fa) or variants and their
genome (`--config vcf=my.vcf.gz genome=hg38.fa`), and the run that `score` names in the config, which is trained first
where it has to be; its metrics and the trivial model's.
Makes: results/<study>/<split>/variants/<name of the file>/: effects.tsv and effects.parquet (a row a variant and
factor), skipped.tsv (what was not scored, and why), effects.svg, summary.txt. The target is `snakemake score_variants`;
the rules have no wildcards, because the config names one file.
"""

# A mistake that an input function finds comes with a traceback; here it is one line.
if "score_variants" in sys.argv:
    scoreplan.score_settings(config)


rule predict_effects:
    input:
        fasta=scored_fasta,
        vcf=scored_vcf,
        genome=scored_genome,
        model=scorer_model,
    output:
        table=f"{SCORED}/effects.tsv",
        parquet=f"{SCORED}/effects.parquet",
        skipped=f"{SCORED}/skipped.tsv",
    log:
        f"results/logs/predict_effects/{Path(SCORED).name}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="4h",
    params:
        code=code("predict_effects"),
    message:
        "Score variants"
    script:
        "../scripts/predict_effects.py"


rule score_variants:
    input:
        source=scored_source,
        table=f"{SCORED}/effects.tsv",
        parquet=f"{SCORED}/effects.parquet",
        skipped=f"{SCORED}/skipped.tsv",
        metrics=scorer_files("metrics.json"),
        replicates=scorer_files("replicates.npz"),
    output:
        figure=f"{SCORED}/effects.svg",
        summary=f"{SCORED}/summary.txt",
    log:
        f"results/logs/score_variants/{Path(SCORED).name}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="30m",
    params:
        kind=scored_kind(),
        runs=scorer_runs,
        about=about_scorer,
        code=code("score_variants"),
    message:
        "Show what the variants change"
    script:
        "../scripts/score_variants.py"
