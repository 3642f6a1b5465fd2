"""The functions that give the rules of annotating proteins, and of putative functions, their inputs and params.

Needs: what rules/common.smk defines.
Makes: no file.
"""

from types import SimpleNamespace

from lexome import annotateplan

SAMPLE_PROTEINS = f"{BASE}/resources/demo/human_lengths.fasta"
ANNOTATED_RUN = annotateplan.annotated_run(config)
ANNOTATED = annotateplan.annotated_folder(config, SAMPLE_PROTEINS)


def query_file(wildcards):
    """The proteins to annotate."""
    return config.get("query") or SAMPLE_PROTEINS


def annotating_run(wildcards=None):
    """The run that annotates, as wildcards."""
    entry = annotateplan.annotate_settings(config)
    return SimpleNamespace(
        **{key: entry[key] for key in ("study", "split", "model", "seed")}
    )


def annotating_settings(wildcards):
    """The entry of the config, with its defaults."""
    return annotateplan.annotate_settings(config)


def annotating_file(name):
    """An input function: a file or folder of the run."""

    def file(wildcards):
        run = annotating_run()
        return f"results/{run.study}/{run.split}/{run.model}/seed{run.seed}/{name}"

    return file


def annotating_study(name):
    """An input function: a file of the study; `{split}` in its name is the run's."""

    def file(wildcards):
        run = annotating_run()
        return f"results/{run.study}/{name.format(split=run.split)}"

    return file


def annotating_model(wildcards):
    """The entry of the run's model."""
    return model_settings(annotating_run())


def annotating_backbone(wildcards):
    """The frozen backbone of the run; nothing for a model without one."""
    model = model_settings(annotating_run())
    return backbone_folder(model["backbone"]) if "backbone" in model else []


def annotating_backbone_entry(wildcards):
    """What decides how that backbone reads a protein; None without one."""
    entry = backbones.get(model_settings(annotating_run()).get("backbone"))
    return entry and {key: entry[key] for key in ("max_tokens", "embedding")}


def annotating_ontology(wildcards):
    """The parsed ontology of the study."""
    return ontology_table(annotating_run())


def annotating_relations(wildcards):
    """The relations over which terms imply others."""
    return list(prepare_settings(annotating_run())["relations"])


def annotating_search(wildcards):
    """How the training proteins are searched."""
    return search_settings(annotating_run())


def putative_entry(wildcards):
    """The threshold and the run of putative functions."""
    return annotateplan.putative_settings(config) | {"run": vars(annotating_run())}
