"""Small documents of made-up experiments, for models of task `tagging`."""

import random

from lexome.documents import Document, Entity, Link
from lexome.tagging import TagData, TagPart

ACTS = {"knockdown of {}": "rnai", "overexpression of {}": "gain", "deletion of {}": "loss"}
EFFECTS = {"promoted": "positive", "reduced": "negative", "inhibited": "negative", "increased": "positive"}
PHENOTYPES = ("migration", "cell death", "autophagy", "tumour growth")
FIELDS = {
    "act": {"category": "ACT", "values": ["gain", "loss", "rnai"]},
    "effect": {"category": "EFFECT", "values": ["negative", "positive"]},
}
CATEGORIES = ["ACT", "EFFECT", "PHENOTYPE"]


def document(name: str, rng: random.Random) -> Document:
    """Some sentences; in each one an act with an effect on a phenotype, linked, and sometimes a phenotype alone."""
    text, entities, links = "A study of genes.", [], []

    def add(mention: str, category: str, fields: dict) -> str:
        nonlocal text
        start = len(text)
        text += mention
        entities.append(Entity(f"E{len(entities)}", category, ((start, len(text)),), fields))
        return entities[-1].id

    for _ in range(3):
        act, effect = rng.choice(list(ACTS)), rng.choice(list(EFFECTS))
        text += " We saw that the "
        gene = f"{rng.choice('ABCDEFGHK')}{rng.choice('XYZQP')}{rng.randint(1, 99)}"
        members = [add(act.format(gene), "ACT", {"act": ACTS[act]})]
        text += " strongly "
        members.append(add(effect, "EFFECT", {"effect": EFFECTS[effect]}))
        text += " the "
        members.append(add(rng.choice(PHENOTYPES), "PHENOTYPE", {}))
        if rng.random() < 0.5:
            text += ", unlike "
            add(rng.choice(PHENOTYPES), "PHENOTYPE", {})
        text += "."
        links.append(Link(f"L{len(links)}", tuple(members)))
    text += " The knockdown is known."
    return Document(name, text, tuple(entities), tuple(links))


def part(prefix: str, n: int, seed: int, shown: bool = True) -> TagPart:
    """Documents of one subset; without annotations unless `shown`."""
    rng = random.Random(seed)
    whole = [document(f"{prefix}{number}", rng) for number in range(n)]
    documents = whole if shown else [one.bare() for one in whole]
    names = [one.id for one in whole]
    return TagPart(documents, [one.unlinked() for one in whole], [True] * n, [], names)


def tag_data() -> TagData:
    """Three subsets whose entities and links follow from the words."""
    return TagData(part("a", 30, 0), part("b", 10, 1), part("c", 10, 2, shown=False), CATEGORIES, FIELDS)


def truth(subset: str) -> list[Document]:
    """The annotated documents of `test` or `valid`."""
    return part("c", 10, 2).documents if subset == "test" else part("b", 10, 1).documents
