"""Annotate proteins: what a run says of proteins that it has never seen, and what it is sure of and no annotation says.

Needs: proteins (`--config query=my.fasta`, plain or .gz; without any resources/demo/human_lengths.fasta) and the run
that `annotate` names in the config (a head on a frozen backbone, or a sequence search), which is trained first where it
has to be; its predictions on valid, by which probabilities are calibrated. MMseqs2, or DIAMOND where the split asks for
it, finds the nearest training proteins; without them shared k-mers do.
Makes: results/<study>/<split>/interpret/<model>/seed<k>/annotate/<name of the file>/: predictions.tsv (protein, term and
score as CAFA takes them), annotations.tsv (with probability and evidence), skipped.tsv (records that were left out or
mended, and why), summary.json (the target `snakemake annotate`); beside annotate/ the folder putative/ with putative.tsv
and putative.json (the target `snakemake putative`). The rules have no wildcards, because the config names the file.
"""

# A mistake that an input function finds comes with a traceback; here it is one line.
if {"annotate", "putative"} & set(sys.argv):
    annotateplan.annotate_settings(config)


localrules:
    annotate,
    putative,


rule annotate_proteins:
    input:
        query=query_file,
        examples=annotating_study("examples.parquet"),
        study_labels=annotating_study("labels.json"),
        assignment=annotating_study("splits/{split}.parquet"),
        split_labels=annotating_study("splits/{split}.labels.json"),
        predictions=annotating_file("predictions.parquet"),
        model=annotating_file("model"),
        backbone=annotating_backbone,
        ontology=annotating_ontology,
    output:
        predictions=f"{ANNOTATED}/predictions.tsv",
        annotations=f"{ANNOTATED}/annotations.tsv",
        skipped=f"{ANNOTATED}/skipped.tsv",
        summary=f"{ANNOTATED}/summary.json",
    log:
        f"results/logs/annotate_proteins/{Path(ANNOTATED).name}.log",
    benchmark:
        f"results/benchmarks/annotate_proteins/{Path(ANNOTATED).name}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="12h",
    params:
        settings=annotating_settings,
        model=annotating_model,
        backbone=annotating_backbone_entry,
        search=annotating_search,
        relations=annotating_relations,
        code=code("annotate_proteins"),
    message:
        "Annotate proteins"
    script:
        "../scripts/annotate_proteins.py"


rule annotate:
    input:
        summary=f"{ANNOTATED}/summary.json",
    message:
        "The annotations are {ANNOTATED}/annotations.tsv"


rule find_putative:
    input:
        examples=annotating_study("examples.parquet"),
        study_labels=annotating_study("labels.json"),
        assignment=annotating_study("splits/{split}.parquet"),
        split_labels=annotating_study("splits/{split}.labels.json"),
        predictions=annotating_file("predictions.parquet"),
        ontology=annotating_ontology,
    output:
        table=f"{ANNOTATED_RUN}/putative/putative.tsv",
        summary=f"{ANNOTATED_RUN}/putative/putative.json",
    log:
        "results/logs/find_putative/putative.log",
    benchmark:
        "results/benchmarks/find_putative/putative.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        settings=putative_entry,
        search=annotating_search,
        relations=annotating_relations,
        bootstrap=bootstrap_settings,
        code=code("find_putative"),
    message:
        "Find putative functions"
    script:
        "../scripts/find_putative.py"


rule putative:
    input:
        table=f"{ANNOTATED_RUN}/putative/putative.tsv",
    message:
        "The putative functions are {ANNOTATED_RUN}/putative/putative.tsv"
