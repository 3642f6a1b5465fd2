"""Toy documents for networks that tag: signs among fillers, which the tiny BERT of `tiny_bert` knows."""

import numpy as np

from lexome.documents import Document, Entity, Link
from lexome.tagging import TagData, TagPart
from tiny_bert import FILLERS

CATEGORIES = ["PART", "MOVE"]
FIELDS = {"size": {"category": "PART", "values": ["large", "small"]}}
TRAINING = {
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "batch_size": 8,
    "epochs": 2,
    "warmup_ratio": 0.1,
    "max_length": 24,
    "stride": 8,
    "group_by_length": True,
    "monitor": None,
}


def make_document(rng, name, parts=(1, 4)):
    """`nucleus` (small) or `nucleus binding` (large) is a PART, `transport` a MOVE, linked to the PART right before."""
    text, entities, links = "", [], []
    for _ in range(rng.integers(*parts)):
        words = rng.choice(FILLERS, rng.integers(1, 4)).tolist()
        text += " ".join(words) + " "
        size = str(rng.choice(["large", "small"]))
        mention = "nucleus binding" if size == "large" else "nucleus"
        start = len(text)
        text += mention + " "
        entities.append(Entity(f"P{start}", "PART", ((start, start + len(mention)),), {"size": size}))
        near = rng.random() < 0.5
        text += "" if near else "w0 w1 "
        moved = len(text)
        text += "transport . "
        entities.append(Entity(f"M{moved}", "MOVE", ((moved, moved + 9),)))
        if near:
            links.append(Link(f"L{start}", (f"P{start}", f"M{moved}")))
    return Document(name, text.strip(), tuple(entities), tuple(links))


def make_part(seed, number, bare=False, **sizes):
    """Documents of a subset, all of them annotated for links."""
    rng = np.random.default_rng(seed)
    whole = [make_document(rng, f"d{seed}-{at}", **sizes) for at in range(number)]
    shown = [one.bare() for one in whole] if bare else whole
    return TagPart(shown, [one.unlinked() for one in whole], [True] * number), whole


def make_data(backbone, sizes=(48, 16, 12)):
    """A split, and the annotated test documents."""
    (train, _), (valid, _), (test, truth) = (make_part(at, size, bare=at == 2) for at, size in enumerate(sizes))
    return TagData(train, valid, test, CATEGORIES, FIELDS, str(backbone)), truth
