"""A study of entities and links on disk, with runs that find some of them: for tests of what comes after training."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.documents import Document, Entity, Link, decode, encode

WORDS = ("loss", "of", "p53", "raised", "death", "in", "mice", "and", "slowed", "growth")
CATEGORIES = {"loss": "ACTION", "p53": "ACTION", "death": "PHENOTYPE", "growth": "PHENOTYPE"}
VALUES = {"loss": "less", "p53": "other", "death": "death", "growth": "growth"}
LABELS = {
    "task": "tagging",
    "example_noun": "document",
    "label_noun": "category",
    "length_unit": "words",
    "labels": [{"id": "ACTION", "name": "action"}, {"id": "PHENOTYPE", "name": "phenotype"}],
    "fields": {
        "action": {"category": "ACTION", "values": ["less", "other"]},
        "phenotype": {"category": "PHENOTYPE", "values": ["death", "growth"]},
    },
    "links": True,
    "concept_field": None,
}


def document(key: str, rng: random.Random) -> Document:
    """A dozen words, some of which are entities; the first two of different categories are linked."""
    words = [rng.choice(WORDS) for _ in range(12)] + ["loss", "death"]
    text, entities, at = " ".join(words), [], 0
    for word in words:
        if word in CATEGORIES:
            field = {CATEGORIES[word].lower(): VALUES[word]}
            entities.append(Entity(f"T{len(entities)}", CATEGORIES[word], ((at, at + len(word)),), field))
        at += len(word) + 1
    first = next(entity for entity in entities if entity.category == "ACTION")
    second = next(entity for entity in entities if entity.category == "PHENOTYPE")
    return Document(key, text, tuple(entities), (Link("L0", (first.id, second.id)),))


class TaggedStudy:
    """Sixty documents; every second one is annotated for links."""

    def __init__(self, folder: Path, seed: int = 0):
        self.folder = folder
        rng = random.Random(seed)
        self.documents = {f"D{place:02d}": document(f"D{place:02d}", rng) for place in range(60)}
        rows = [
            {
                "id": key,
                "text": one.text,
                "length": len(one.text.split()),
                "group": f"g{place}",
                "labels": np.array([0, 1], dtype=np.int32),
                "document": encode(one if place % 2 else one.unlinked(), text=False),
                "links_known": bool(place % 2),
            }
            for place, (key, one) in enumerate(self.documents.items())
        ]
        self.examples = folder / "examples.parquet"
        pd.DataFrame(rows).to_parquet(self.examples)
        self.table = pd.DataFrame(rows)
        self.split("random", [("train", "valid", "test")[place % 3] for place in range(60)])

    def split(self, name: str, subsets: list[str]) -> None:
        """Write `<name>.parquet` and `<name>.labels.json`."""
        table = self.table[["id", "group"]].assign(subset=subsets, nearest_train=np.float32(0.5))
        table.to_parquet(self.folder / f"{name}.parquet")
        judged = [label | {"index": place, "n_train": 20} for place, label in enumerate(LABELS["labels"])]
        (self.folder / f"{name}.labels.json").write_text(json.dumps(LABELS | {"labels": judged}))

    def truth(self, key: str) -> Document:
        """A document as it is annotated."""
        row = self.table.set_index("id").loc[key]
        return decode(row["document"], "test", row["text"])

    def predict(
        self, path: Path, keep: float = 1.0, seed: int = 0, tags: bool = True, links: bool = True, split: str = "random"
    ) -> Path:
        """Write `predictions.parquet` of a run that finds a share of the entities and links, and nothing wrong."""
        rng, rows = random.Random(seed), []
        table = pd.read_parquet(self.folder / f"{split}.parquet").query("subset != 'train'")
        for key, subset in zip(table["id"], table["subset"], strict=True):
            one = self.truth(key)
            entities = tuple(entity for entity in one.entities if rng.random() < keep)
            there = {entity.id for entity in entities}
            found = tuple(link for link in one.links if set(link.members) <= there) if links else ()
            given = [{"members": list(link.members)} for link in one.links if rng.random() < keep]
            rows.append(
                {
                    "id": key,
                    "subset": subset,
                    "document": encode(replace(one, entities=entities, links=found), text=False) if tags else None,
                    "given_links": json.dumps(given) if links else None,
                }
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).astype(object).to_parquet(path, index=False)
        return path
