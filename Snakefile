# lexome: language models of life, honestly evaluated. One target a study, one report for all.
from snakemake.utils import min_version

min_version("9.27")


if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


report: "resources/report/workflow.rst"


include: "rules/common.smk"
include: "rules/download.smk"
include: "rules/prepare.smk"
include: "rules/audit.smk"
include: "rules/texts.smk"
include: "rules/documents.smk"
include: "rules/split.smk"
include: "rules/tokenise.smk"
include: "rules/adapt.smk"
include: "rules/embed.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/analyse.smk"
include: "rules/annotate.smk"
include: "rules/variants.smk"
include: "rules/convert.smk"
include: "rules/interpret.smk"
include: "rules/maps.smk"
include: "rules/proteins.smk"
include: "rules/annotate_proteins.smk"
include: "rules/report.smk"


localrules:
    all,
    analyse,
    download,


rule all:
    default_target: True
    input:
        report="results/report.html",
        summary="results/summary.txt",
        runs="results/runs.parquet",
    message:
        "The report is results/report.html"


onsuccess:
    print_summary()
