"""What `snakemake score_variants` is asked for: checks of the config, the run that scores, where results go."""

import re
from collections.abc import Mapping

from lexome.chosenrun import Service, check_run, run_settings
from lexome.filestart import result_name, start_of

DNA_RULES = ("tf_binding",)  # prepare rules whose examples are DNA that factors bind: explained, and scored by letter
SCORES = Service(
    key="score",
    examples="DNA",
    rules=DNA_RULES,
    kinds=("network",),  # gives logits of new sequences
    misfit="is not of binding to DNA",
    unable="is no model of the kind network of {study}",
    missing="say which run scores the variants",
)
STARTS = {
    "fasta": (b">;\r\n", "a FASTA file begins with a line `>name`"),
    "vcf": (b"#", "a VCF file begins with the line `##fileformat=VCFv4.2`"),
    "genome": (b">;\r\n", "a FASTA file begins with a line `>name`"),
}
SUFFIXES = re.compile(r"\.(fasta|fa|fna|fas|vcf|txt)$", flags=re.IGNORECASE)


def check_score(config: Mapping) -> list[str]:
    """Mistakes in the keys `fasta`, `vcf`, `genome` and `score`, one line each."""
    mistakes = []
    if config.get("fasta") and config.get("vcf"):
        mistakes.append("fasta, vcf: give one of them; they are scored in runs of their own")
    if config.get("vcf") and not config.get("genome"):
        mistakes.append("genome: missing; a VCF file needs the FASTA of the genome that its variants are of")
    for key in STARTS:
        # A genome alone is kept for the next VCF file.
        if config.get(key) and not (key == "genome" and not config.get("vcf")):
            mistakes += _check_source(key, config[key])
    return mistakes + check_run(config, SCORES)


def _check_source(key: str, path: str) -> list[str]:
    """Whether a file is there and begins as its kind does: before anything is trained for it."""
    start, mistakes = start_of(key, path, 8)
    if mistakes:
        return mistakes
    signs, mend = STARTS[key]
    if start.startswith(b"BCF"):
        return [f"{key}: {path} is BCF; convert it: bcftools view -Oz -o variants.vcf.gz {path}"]
    return [] if start and start[0] in signs else [f"{key}: {path}, line 1: {mend}"]


def score_settings(config: Mapping) -> Mapping:
    """Which run scores variants: `study`, `split`, `model` and `seed`.

    Raises
    ------
    LexomeError
        If the config does not say, or the study is off.
    """
    return run_settings(config, SCORES)


def source_name(path: str) -> str:
    """The name of a file's results: the file's, without suffixes and without signs that are awkward in paths."""
    return result_name(path, SUFFIXES, "variants")


def variants_folder(config: Mapping, sample: str) -> str:
    """Where the scored variants go; `sample` is the FASTA that is read where the config names no file."""
    run = config.get("score")
    folder = f"results/{run['study']}/{run['split']}/variants" if run else "results/variants"
    return f"{folder}/{source_name(config.get('vcf') or config.get('fasta') or sample)}"
