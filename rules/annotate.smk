"""Annotate: what a trained model says of a text of the user's, sentence by sentence, or of the entities in it.

Needs: a text (`--config text=paper.txt`; without one resources/demo/p53.txt or knockdown.txt) and the run that `classify`,
or the runs that `tag` names in the config, which are trained first where they have to be; their metrics and those of the
trivial model.
Makes: results/<study>/<split>/classified/<name of the text>/: sentences.tsv, sentences.xlsx, text.html, shares.svg,
summary.txt (the target `snakemake classify_text`); results/<study>/<split>/tagged/<name of the text>/: document.jsonl,
document.json, entities.tsv, links.tsv, summary.txt and document.html, or, of several texts, index.html and pages/ (the
target `snakemake tag_text`). The rules have no wildcards, because the config names the text.
"""

# A mistake that an input function finds comes with a traceback; here it is one line.
if "classify_text" in sys.argv:
    plan.classify_settings(config)
if "tag_text" in sys.argv:
    tagtextplan.tag_settings(config)


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


rule tag_documents:
    input:
        texts=texts_to_tag,
        taggers=tag_models("tagger"),
        linker=tag_models("linker"),
        concepts=tag_models("concepts"),
    output:
        documents=f"{TAGGED}/document.jsonl",
    log:
        f"results/logs/tag_documents/{Path(TAGGED).name}.log",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        text=text_to_tag,
        code=code("tag_documents"),
    message:
        "Find entities, links and concepts in the text"
    script:
        "../scripts/tag_documents.py"


rule tag_text:
    input:
        documents=f"{TAGGED}/document.jsonl",
        labels=tag_labels,
        ontologies=tag_ontologies,
        metrics=tag_judged("metrics.json"),
        replicates=tag_judged("replicates.npz"),
        template=report_source("tagged.html.j2"),
        index=report_source("taggedindex.html.j2"),
        parts=[
            report_source(name)
            for name in (
                "taggedtrust.html.j2",
                "report.css",
                "tagged.css",
                "tagged.js",
            )
        ],
    output:
        **tagged_pages(),
        json=f"{TAGGED}/document.json",
        entities=f"{TAGGED}/entities.tsv",
        links=f"{TAGGED}/links.tsv",
        summary=f"{TAGGED}/summary.txt",
    log:
        f"results/logs/tag_text/{Path(TAGGED).name}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        source=tag_source,
        layers=tag_layers,
        runs=tag_runs,
        about=about_tag,
        code=code("tag_text"),
    message:
        "Show what was found in the text"
    script:
        "../scripts/tag_text.py"
