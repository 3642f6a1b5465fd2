"""Which kinds of models find entities and links in documents, what they read, and which settings of them fit."""

from collections.abc import Mapping, Sequence

from lexome.tagheadplan import check_network
from lexome.tasks import task_of

TASK = "tagging"
# Kinds by what they leave; `tag_network` leaves what its heads are for.
TAGGERS = ("mentions", "words", "concept_names", "concept_retrieval")
LINKERS = ("link_all", "link_nearest", "link_features")
NETWORKS = ("tag_network",)
KINDS = (*TAGGERS, *LINKERS, *NETWORKS)
# Kinds that train a backbone on (not embeddings of it), and kinds that read the study's ontology.
BACKBONED = ("tag_network", "concept_retrieval")
ONTOLOGICAL = ("concept_names", "concept_retrieval")


def finds_entities(model: Mapping) -> bool:
    """Whether the runs of a model predict entities."""
    if model["kind"] in NETWORKS:
        return any(head["type"] != "link" for head in model["heads"].values())
    return model["kind"] in TAGGERS


def finds_links(model: Mapping) -> bool:
    """Whether the runs of a model predict links."""
    if model["kind"] in NETWORKS:
        return any(head["type"] == "link" for head in model["heads"].values())
    return model["kind"] in LINKERS


def tagger_seed(study: Mapping, seeds: Sequence[int], name: str, seed: int) -> int:
    """The seed of the tagger's run whose entities a run reads: its own, or the only one that the tagger has.

    Parameters
    ----------
    seeds
        Of the config, for models without seeds of their own.
    name, seed
        The run that reads them.
    """
    trained = study["models"][study["models"][name]["tagger"]].get("seeds", seeds)
    return trained[0] if len(trained) == 1 else seed


def check_tagging(study: Mapping, seeds: Sequence[int], where: str) -> list[str]:
    """Mistakes of a study whose models are not of its task, or whose taggers are no taggers; one line each.

    Parameters
    ----------
    study
        Its entry in the config, which fits the schemas.
    seeds
        Of the config.
    where
        The path of its key.
    """
    tagging, mistakes = task_of(study["prepare"]) == TASK, []
    for name, model in study["models"].items():
        at = f"{where}.models.{name}"
        if (model["kind"] in KINDS) != tagging:
            mistakes.append(
                f"{at}.kind: {model['kind']!r} finds entities or links, but the examples here are classified whole"
                if model["kind"] in KINDS
                else f"{at}.kind: {model['kind']!r} classifies whole examples, but here entities and links are looked "
                f"for; choose one of {', '.join(KINDS)}"
            )
        if model["kind"] == "words":
            foreign = [key for key in ("C", "c1", "c2") if key in model and (key == "C") == model["chain"]]
            what = "a chain has c1 and c2" if model["chain"] else "without a chain there is C"
            mistakes += [f"{at}.{key}: {what}; leave it out" for key in foreign]
        if model["kind"] in ONTOLOGICAL and tagging and not study["prepare"].get("ontology"):
            mistakes.append(f"{at}.kind: {model['kind']!r} needs an ontology, and `prepare` of this study has none")
    return mistakes or _check_taggers(study, seeds, where) or _check_networks(study, where)


def _check_networks(study: Mapping, where: str) -> list[str]:
    networks = {name: model for name, model in study["models"].items() if model["kind"] in NETWORKS}
    return [line for name, model in networks.items() for line in check_network(model, f"{where}.models.{name}")]


def _check_taggers(study: Mapping, seeds: Sequence[int], where: str) -> list[str]:
    mistakes, models = [], study["models"]
    able = [name for name, model in models.items() if model["kind"] in KINDS and finds_entities(model)]
    for name, model in models.items():
        tagger = model.get("tagger")
        if tagger is None:
            continue
        at, others = f"{where}.models.{name}.tagger", [other for other in able if other != name]
        if tagger not in others:
            what = "is not a model of this study" if tagger not in models else "does not find entities for another"
            known = f"choose one of {', '.join(others)}" if others else "there is none"
            mistakes.append(f"{at}: {tagger!r} {what}; {known}")
            continue
        if models[tagger].get("tagger"):
            mistakes.append(f"{at}: {tagger!r} reads those of {models[tagger]['tagger']!r} itself; name that one")
            continue
        trained = models[tagger].get("seeds", seeds)
        strangers = [seed for seed in model.get("seeds", seeds) if len(trained) > 1 and seed not in trained]
        if strangers:
            mistakes.append(
                f"{at}: {tagger} is trained with {', '.join(map(str, trained))}, {name} with {strangers[0]} too; "
                "give both the same seeds, or the tagger a single one"
            )
    return mistakes
