"""The functions that give the rules of looking inside a protein's prediction their inputs and params.

Needs: what rules/common.smk and rules/common_annotate.smk define.
Makes: no file.
"""

from types import SimpleNamespace

from lexome import proteinplan

EXPLAINED_RUN = proteinplan.run_folder(config)
EXPLAINED_PROTEIN = proteinplan.protein_folder(config)


def protein_run(wildcards=None):
    """The run that a protein is looked at with, as wildcards."""
    entry = proteinplan.protein_settings(config)
    return SimpleNamespace(
        **{key: entry[key] for key in ("study", "split", "model", "seed")}
    )


def protein_entry(*keys):
    """A function for params: these keys of the entry `protein`."""

    def entry(wildcards):
        settings = proteinplan.protein_settings(config)
        return {key: settings[key] for key in keys}

    return entry


def protein_input(name):
    """An input function: a file or folder of the run."""

    def file(wildcards):
        run = protein_run()
        return f"results/{run.study}/{run.split}/{run.model}/seed{run.seed}/{name}"

    return file


def protein_study(name):
    """An input function: a file of the study; `{split}` in its name is the run's."""

    def file(wildcards):
        run = protein_run()
        return f"results/{run.study}/{name.format(split=run.split)}"

    return file


def protein_fasta(wildcards):
    """The user's protein; nothing where one of the study is looked at."""
    sequence = proteinplan.protein_settings(config)["sequence"]
    return sequence if sequence and proteinplan.is_file(sequence) else []


def protein_structure(wildcards):
    """The user's structure; nothing without one."""
    return proteinplan.protein_settings(config)["structure"] or []


def protein_backbone(wildcards):
    """The frozen backbone of the run."""
    return backbone_folder(model_settings(protein_run())["backbone"])


def protein_backbone_entry(wildcards):
    """What decides how that backbone reads a protein."""
    entry = backbones[model_settings(protein_run())["backbone"]]
    return {key: entry[key] for key in ("max_tokens", "embedding")}


def protein_model(wildcards):
    """The entry of the run's model."""
    return model_settings(protein_run())


def protein_embeddings(wildcards):
    """Index, manifest and shards of the embeddings that the run reads."""
    return embeddings_files(protein_run())


def protein_embeddings_folder(wildcards):
    """Where these lie."""
    return embeddings_folder(protein_run())


def named_by_term():
    """Whether one of the compared groups is a term, for which annotations are read."""
    groups = proteinplan.protein_settings(config)["groups"]
    return any(proteinplan.TERM.fullmatch(source) for source in groups.values())


def groups_ontology(wildcards):
    """The parsed ontology of the study, where a group is a term."""
    return ontology_table(protein_run()) if named_by_term() else []


def groups_annotations(wildcards):
    """The annotations of the study, where a group is a term."""
    return prepare_settings(protein_run())["annotations"] if named_by_term() else []


def groups_lists(wildcards):
    """The user's lists of ids among the groups."""
    return proteinplan.group_files(proteinplan.protein_settings(config))


def groups_prepare(wildcards):
    """How the annotations of the study are read."""
    entry = prepare_settings(protein_run())
    return {key: entry.get(key) for key in ("format", "taxon")}


def compared_groups(name):
    """An input function: a file of the compared groups; nothing where none are."""

    def file(wildcards):
        wanted = proteinplan.protein_settings(config)["groups"]
        return f"{EXPLAINED_RUN}/groups/{name}" if wanted else []

    return file


def optional_pictures():
    """The outputs that a page has only with groups, or with a structure."""
    entry = config.get("protein") or {}
    found = {}
    if entry.get("groups", True):
        found["groups"] = f"{EXPLAINED_PROTEIN}/groups.svg"
    if entry.get("structure"):
        found["structure"] = f"{EXPLAINED_PROTEIN}/structure.tsv"
        found["painted"] = f"{EXPLAINED_PROTEIN}/painted.cif"
    return found


def shingle_length(wildcards):
    """Letters of the pieces by which the split's leakage is measured."""
    return split_settings(protein_run())["leakage"]["k"]


def protein_judged(wildcards):
    """The run and the trivial one."""
    return beside_trivial(proteinplan.protein_settings(config))


def protein_judged_files(name):
    """An input function: the file `name` of both runs."""

    def files(wildcards):
        return files_beside_trivial(proteinplan.protein_settings(config), name)

    return files


def about_protein(wildcards):
    """What the page of a protein says of where the run comes from."""
    run = proteinplan.protein_settings(config)
    entry = model_settings(protein_run())
    told = {"backbone": entry["backbone"], "layers": entry["layers"]}
    return (
        about_run(run)
        | {key: backbones[entry["backbone"]][key] for key in ("licence",)}
        | told
    )
