"""A tiny study of proteins with its ontology, split and predictions, for tests of annotating and of putative functions.

Terms: F:b and F:c under the root F:a, which is no label; F:d under F:b; F:e under F:b and F:c.
"""

import numpy as np
import pandas as pd

from families import mutated, random_protein
from lexome.runs import write_predictions
from lexome.runtime import write_json

IDS = ["F:b", "F:c", "F:d", "F:e"]
RELATIONS = ("is_a", "part_of")


def ontology():
    parents = {"F:a": [], "F:b": ["F:a"], "F:c": ["F:a"], "F:d": ["F:b"], "F:e": ["F:b", "F:c"]}
    return pd.DataFrame(
        [
            {
                "id": term,
                "name": f"name of {term}",
                "namespace": "molecular_function",
                "definition": "",
                "obsolete": False,
                "replaced_by": [],
                "alt_ids": [],
                "parents": [{"id": parent, "relation": "is_a"} for parent in own],
            }
            for term, own in parents.items()
        ]
    )


def write_study(folder, n=60):
    """Write the files of a split and of a run's predictions; gives them, and the examples.

    Odd proteins are of a family that has F:d, even ones of one that has F:e; the first test protein's labels are left
    out though its predictions are sure.
    """
    rng = np.random.default_rng(0)
    families = [random_protein(rng), random_protein(rng)]
    subsets = ["train", "valid", "test"]
    rows, sure = [], []
    for at in range(n):
        odd = at % 2
        labels = [0, 2] if odd else [0, 1, 3]
        rows.append(
            {
                "id": f"P{at:02d}",
                "sequence": mutated(rng, families[odd], 0.8),
                "length": 150,
                "group": f"g{at}",
                "labels": labels,
                "subset": subsets[at % 3],
            }
        )
        sure.append([0.3 + 0.4 * (label in labels) + 0.29 * rng.random() for label in range(4)])
    hidden = next(row for row in rows if row["subset"] == "test")
    sure[rows.index(hidden)] = [0.9 if label in hidden["labels"] else 0.1 for label in range(4)]
    hidden["labels"] = [0]
    table = pd.DataFrame(rows)
    files = {name: str(folder / name) for name in ("examples", "study_labels", "assignment", "split_labels")}
    files["predictions"] = str(folder / "predictions.parquet")
    table.drop(columns="subset").to_parquet(files["examples"])
    table[["id", "subset", "group"]].assign(nearest_train=0.5).to_parquet(files["assignment"])
    labels = [{"id": term, "name": f"name of {term}"} for term in IDS]
    write_json(files["study_labels"], {"task": "multi_label", "labels": labels})
    judged = [label | {"index": at, "n_train": 9} for at, label in enumerate(labels)]
    write_json(files["split_labels"], {"task": "multi_label", "labels": judged})
    scores = np.array(sure)
    parts = {}
    for subset in subsets[1:]:
        own = (table["subset"] == subset).to_numpy()
        parts[subset] = (table["id"][own].tolist(), scores[own])
    write_predictions(files["predictions"], parts)
    ontology().to_parquet(folder / "ontology.parquet")
    return files, table, hidden["id"]
