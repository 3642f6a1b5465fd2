"""A small ontology of components and processes, and documents that name them."""

import pandas as pd

from lexome.documents import Document, Entity
from lexome.ontology import ROOTS

ROWS = [
    ("GO:0000001", "nucleus", "cellular_component", [("cell nucleus", "exact"), ("karyon", "related")]),
    ("GO:0000002", "plasma membrane", "cellular_component", [("cell membrane", "exact"), ("cytolemma", "narrow")]),
    ("GO:0000003", "ribonuclease complex", "cellular_component", []),
    ("GO:0000004", "mitochondrion", "cellular_component", [("mitochondria", "exact")]),
    ("GO:0000005", "regulation of growth", "biological_process", [("growth control", "exact")]),
    ("GO:0000006", "cell migration", "biological_process", [("TGF-beta driven migration", "narrow")]),
    ("GO:0000007", "obsolete death", "biological_process", []),
    ("GO:0000008", "apoptotic process", "biological_process", [("apoptosis", "exact")]),
]
DEFINITIONS = {
    "GO:0000001": "A body within the plasma membrane that holds chromosomes; the nucleus.",
    "GO:0000002": "What surrounds the cell and is near no cell nucleus.",
    "GO:0000003": "Found in the mitochondria.",
    "GO:0000005": "Any process that ends apoptosis or cell migration.",
    "GO:0000006": "Movement along the plasma membrane.",
    "GO:0000008": "Death that leaves the nucleus, as the regulation of growth wants it.",
}


def make_terms() -> pd.DataFrame:
    """The ontology as `ontology.read_obo` gives it."""
    rows = []
    for id_, name, space, synonyms in ROWS:
        obsolete = name.startswith("obsolete")
        rows.append(
            {
                "id": id_,
                "name": name,
                "namespace": space,
                "definition": DEFINITIONS.get(id_, ""),
                "obsolete": obsolete,
                "replaced_by": [],
                "alt_ids": ["GO:0000009"] if id_ == "GO:0000008" else [],
                "subsets": [],
                "synonyms": [{"text": text, "scope": scope} for text, scope in synonyms],
                "parents": [] if obsolete else [{"id": ROOTS[space], "relation": "is_a"}],
            }
        )
    for space, root in ROOTS.items():
        empty = {key: [] for key in ("replaced_by", "alt_ids", "subsets", "synonyms", "parents")}
        rows.append(empty | {"id": root, "name": space, "namespace": space, "definition": "", "obsolete": False})
    return pd.DataFrame(rows).sort_values("id", ignore_index=True)


def annotated(name: str, text: str, *mentions: tuple[str, str]) -> Document:
    """A document with the first place of each mention annotated: words and concept."""
    spaces = {row[0]: row[2] for row in ROWS}
    entities = []
    for n, (words, concept) in enumerate(mentions, 1):
        start = text.index(words)
        entities.append(Entity(f"T{n}", spaces[concept], ((start, start + len(words)),), {"concept": concept}))
    return Document(name, text, tuple(entities))
