"""What a config asks of sequence search and of clusters by identity, and the files that follow from it."""

from collections.abc import Mapping

# Rules whose examples are proteins.
PROTEIN_RULES = ("protein_function",)
CLUSTERING = {"tool": "mmseqs", "cover": "both", "sensitivity": 7.5}
# Of a split that does not say how it is searched.
SEARCH = {"tool": "mmseqs", "hits": 100, "evalue": 0.001, "sensitivity": 7.5, "coverage": 0.8, "cover": "both"}
BY_IDENTITY = ("identity", "coverage", "cover", "tool", "sensitivity")


def of_proteins(study: Mapping) -> bool:
    """Whether the examples of a study are proteins."""
    return study["prepare"]["rule"] in PROTEIN_RULES


def cluster_settings(split: Mapping) -> dict:
    """How the proteins of a split of the method `cluster` are clustered."""
    return CLUSTERING | {key: split[key] for key in BY_IDENTITY if key in split}


def cluster_name(split: Mapping) -> str:
    """The name of the clusters of a split, made of what decides them: `mmseqs_id30_both80_s7.5`."""
    chosen = cluster_settings(split)
    identity, coverage = 100 * chosen["identity"], 100 * chosen["coverage"]
    return f"{chosen['tool']}_id{identity:g}_{chosen['cover']}{coverage:g}_s{chosen['sensitivity']:g}"


def cluster_sets(study: Mapping) -> dict[str, dict]:
    """The clusters that a study's splits need, by name."""
    wanted = [split for split in study["splits"].values() if split["method"] == "cluster"]
    return {cluster_name(split): cluster_settings(split) for split in wanted}


def search_settings(split: Mapping) -> dict:
    """How the training proteins of a split are searched."""
    return SEARCH | dict(split.get("search") or {})


def reads_hits(model: Mapping) -> bool:
    """Whether a model reads the hits of its split."""
    return model["kind"] == "sequence_search"


def check_align(study: Mapping, where: str) -> list[str]:
    """Mistakes of a study's splits and models about clusters and search, one line each.

    Parameters
    ----------
    study
        Its entry in the config, which fits the schemas.
    where
        The path of its key.
    """
    mistakes = []
    proteins = of_proteins(study)
    for name, split in study["splits"].items():
        at = f"{where}.splits.{name}"
        if split["method"] == "cluster":
            lacking = [key for key in ("identity", "coverage") if key not in split]
            mistakes += [f"{at}.{key}: missing; the method cluster wants it, for example {key}: 0.3" for key in lacking]
            if not proteins:
                mistakes.append(f"{at}.method: 'cluster' is of proteins, which these examples are not; there is random")
            if split.get("grouped") is False:
                mistakes.append(f"{at}.grouped: false would part clusters; leave it out, or use the method random")
        else:
            odd = [key for key in BY_IDENTITY if key in split]
            mistakes += [f"{at}.{key}: belongs to the method cluster; leave it out here" for key in odd]
        if split.get("search") and not proteins:
            mistakes.append(f"{at}.search: only proteins are searched; leave it out")
        kept = search_settings(split)["hits"]
        for model, entry in study["models"].items():
            tops = entry.get("top", 0)
            if reads_hits(entry) and max(tops if isinstance(tops, list) else [tops]) > kept:
                mistakes.append(
                    f"{where}.models.{model}.top: more than the {kept} hits of the split {name} (search.hits)"
                )
    for name, model in study["models"].items():
        if not proteins and (reads_hits(model) or "kmer" in model):
            mistakes.append(f"{where}.models.{name}.kind: {model['kind']} reads proteins, which these examples are not")
    return mistakes
