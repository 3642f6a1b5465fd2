"""Settings of a `tag_network` that no schema sees: heads that do not fit each other, or what is asked of them."""

from collections.abc import Mapping

CATEGORY = "category"
STRIDE = 64
# Special tokens that frame a window; none of the known backbones has more.
FRAME = 2
# The scheme whose heads say nothing of links.
UNLINKED = "link_same_tag_only"


def check_network(model: Mapping, where: str) -> list[str]:
    """Mistakes of a network's settings, one line each.

    Parameters
    ----------
    model
        Its entry in the config, which fits the schema.
    where
        The path of its key.
    """
    heads, training = model["heads"], model.get("training", {})
    words = [name for name, head in heads.items() if head["type"] != "link"]
    links = {name: head for name, head in heads.items() if head["type"] == "link"}
    able = {
        "entities": [name for name in words if heads[name]["field"] == CATEGORY],
        "links": [name for name, head in links.items() if head["scheme"] != UNLINKED],
    }
    needs = {"entities": "a head of words with `field: category`", "links": "a link head that tells linked entities"}
    mistakes = []
    for key, names in able.items():
        if key in model and model[key] not in names:
            known = f"choose one of {', '.join(names)}" if names else "there is none"
            mistakes.append(f"{where}.{key}: {model[key]!r} is not {needs[key]}; {known}")
    if words and not able["entities"]:
        mistakes.append(f"{where}.heads: nothing gives the entities that {words[0]} is about; add {needs['entities']}")
    if len({head.get("markers", False) for head in links.values()}) > 1:
        mistakes.append(f"{where}.heads: either all link heads of one network have markers or none")
    if words and model.get("tagger"):
        mistakes.append(f"{where}.tagger: the network finds entities itself; leave the key out, or its heads of words")
    for figure, key in (("valid_entity_f1", "entities"), ("valid_link_f1", "links")):
        if training.get("monitor") == figure and not able[key]:
            mistakes.append(f"{where}.training.monitor: {figure} needs {needs[key]}; take valid_loss, or add one")
    stride, longest = training.get("stride", STRIDE), training.get("max_length")
    if longest and longest - FRAME < 2 * stride:
        mistakes.append(
            f"{where}.training.max_length: windows of {longest} tokens cannot share {stride} (`stride`) with each "
            f"neighbour; give {2 * stride + FRAME} or more, or a smaller stride"
        )
    return mistakes
