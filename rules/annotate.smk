"""Annotate: what a trained model says of a text of the user's, sentence by sentence.

Needs: a text (`--config text=paper.txt`; without one resources/demo/p53.txt) and the run that `classify` names in the
config, which is trained first where it has to be; its metrics and the trivial model's.
Makes: results/<study>/<split>/classified/<name of the text>/: sentences.tsv, sentences.xlsx, text.html, shares.svg,
summary.txt. The target is `snakemake classify_text`; the rules have no wildcards, because the config names one text.
"""

# A mistake that an input function finds comes with a traceback; here it is one line.
if "classify_text" in sys.argv:
    plan.classify_settings(config)


rule score_sentences:
    input:
        text=text_file,
        model=classifier_model,
        backbone=classifier_backbone,
        labels=classifier_labels,
    output:
        table=f"{CLASSIFIED}/sentences.tsv",
    log:
        f"results/logs/score_sentences/{Path(CLASSIFIED).name}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="1h",
    params:
        settings=classifier_settings,
        backbone=classifier_backbone_entry,
        code=code("score_sentences"),
    message:
        "Read the text sentence by sentence"
    script:
        "../scripts/score_sentences.py"


rule classify_text:
    input:
        text=text_file,
        table=f"{CLASSIFIED}/sentences.tsv",
        labels=classifier_labels,
        metrics=judged_files("metrics.json"),
        replicates=judged_files("replicates.npz"),
        template=report_source("text.html.j2"),
        style=report_source("report.css"),
    output:
        workbook=f"{CLASSIFIED}/sentences.xlsx",
        page=f"{CLASSIFIED}/text.html",
        chart=f"{CLASSIFIED}/shares.svg",
        summary=f"{CLASSIFIED}/summary.txt",
    log:
        f"results/logs/classify_text/{Path(CLASSIFIED).name}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(1000),
        runtime="15m",
    params:
        runs=judged_runs,
        about=about_classifier,
        code=code("classify_text"),
    message:
        "Show what was read in the text"
    script:
        "../scripts/classify_text.py"
