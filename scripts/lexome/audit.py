"""What is wrong with the labels of a study before any model sees them: repeated texts and labels that conflict.

A model gives equal texts equal answers. Where equal texts bear different labels it must be wrong on some of them,
so that no model, however good, can be right on more than a share of the examples: the ceiling.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome.dna import canonical
from lexome.texts import normalise, text_group

COLUMNS = ("group", "examples", "labels", "ids", "text")


def audit_labels(
    ids: Sequence[str],
    texts: Sequence[str],
    labels: Sequence[Sequence[int]],
    vocabulary: Mapping,
    noun: str = "text",
) -> tuple[dict, pd.DataFrame]:
    """Count repeated texts and conflicting labels, and the ceiling that they imply.

    Parameters
    ----------
    ids, texts
        The examples, n each; texts or sequences. Two that differ in case or white space only are equal.
    labels
        Label indices (into the vocabulary) of each example, n.
    vocabulary
        `labels.json` of the study: `task` and `labels`, and perhaps `length_unit`: sequences of `nucleotides` are
        compared on both strands, too.
    noun
        What the table calls an input: `text` or `sequence`.

    Returns
    -------
    audit : dict
        `examples`, `distinct_texts`, `repeated_texts` (texts that several examples have), `repeated_examples` (those
        examples), `spare_examples` (repetitions beyond the first), `identical_repetitions` (spare examples whose text
        is the same to the letter), for DNA `spare_on_either_strand` (spare examples if a sequence and its reverse
        complement are one; a model may answer them differently, so that they bear on no ceiling), `conflicting_texts`
        (equal texts whose labels differ), `conflicting_examples`;
        `ceilings`: the best possible `accuracy` (share of examples whose labels are all right) and, for
        `multi_class`, `balanced_accuracy` (mean over classes of the share that is right) of a model that gives equal
        texts equal answers; `majority`: the share of the commonest label (or set of labels); and `rows`: the same for
        people, dicts `what`, `n`, `share` (or None) and `note`.
    conflicts : pandas.DataFrame
        A row a text with conflicting labels, most examples first: `group` (hash), `examples`, `labels` (each set with
        its count), `ids`, `text` (in one line).
    """
    sets = [tuple(sorted({int(index) for index in row})) for row in labels]
    codes, answers = pd.factorize(pd.Series(sets, dtype=object))
    table = pd.DataFrame({"id": list(ids), "text": list(texts), "answer": codes})
    table["key"] = pd.factorize(table["text"].map(normalise))[0]
    n = len(table)
    # How often each text bears each answer.
    pairs = table.groupby(["key", "answer"]).size().rename("n").reset_index()
    texts_of = table.groupby("key")["answer"].agg(["size", "nunique"])
    repeated, conflicting = texts_of["size"] > 1, texts_of["nunique"] > 1
    found = {
        "examples": n,
        "distinct_texts": len(texts_of),
        "repeated_texts": int(repeated.sum()),
        "repeated_examples": int(texts_of["size"][repeated].sum()),
        "spare_examples": n - len(texts_of),
        "identical_repetitions": n - int(table["text"].nunique()),
        **_on_either_strand(table["text"], vocabulary),
        "conflicting_texts": int(conflicting.sum()),
        "conflicting_examples": int(texts_of["size"][conflicting].sum()),
        "ceilings": {},
        "majority": None,
    }
    if n:
        found["majority"] = float(np.bincount(codes).max() / n)
        found["ceilings"]["accuracy"] = int(pairs.groupby("key")["n"].max().sum()) / n
        if vocabulary["task"] == "multi_class":
            # Each example of a class weighs 1 / its size, so that every class weighs the same.
            sizes = np.bincount(codes)
            weights = pairs["n"] / sizes[pairs["answer"]]
            best = weights.groupby(pairs["key"]).max().sum() / len(sizes)
            found["ceilings"]["balanced_accuracy"] = round(float(best), 9)
    found["rows"] = _rows(found, noun, vocabulary["task"])
    names = [label["name"] for label in vocabulary["labels"]]
    return found, _conflicts(table[table["key"].isin(texts_of.index[conflicting])], answers, names)


def whole_answers(examples: pd.DataFrame, vocabulary: Mapping) -> tuple[pd.Series, Mapping]:
    """What must be right for an example to be right, as lists of label indices, and the vocabulary that names them.

    These are the labels, but where entities are looked for (task `tagging`): there each distinct annotation, that is,
    set of entities with categories, spans and fields, is one label of its own.

    Parameters
    ----------
    examples
        With `labels`, or for `tagging` `document` (JSON).
    vocabulary
        `labels.json` of the study.
    """
    if vocabulary["task"] != "tagging":
        return examples["labels"], vocabulary
    annotations, names = [], {label["id"]: label["name"] for label in vocabulary["labels"]}
    for line in examples["document"]:
        entities = json.loads(line)["entities"]
        parts = ((one["category"], str(one["spans"]), str(sorted(one.get("fields", {}).items()))) for one in entities)
        annotations.append(tuple(sorted(parts)))
    codes, distinct = pd.factorize(pd.Series(annotations, index=examples.index, dtype=object))
    told = []
    for annotation in distinct:
        counts = Counter(names[category] for category, *_ in annotation)
        told.append({"name": ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "none"})
    return pd.Series([[code] for code in codes], index=examples.index, dtype=object), {**vocabulary, "labels": told}


def ceilings_by_subset(
    texts: Sequence[str], labels: Sequence[Sequence[int]], subset: Sequence[str], both_strands: bool = False
) -> dict[str, dict[str, float]]:
    """What equal texts mean for the examples that models are judged on.

    Conflicts within a subset bound what can be right there; a repetition that lies in train does not, and may help a
    model that learns by heart, or mislead it.

    Parameters
    ----------
    texts, labels, subset
        The examples, n each: texts or sequences, label indices, and `train`, `valid` or `test`.
    both_strands
        Texts are DNA in upper case, and train has a sequence too where it has its reverse complement. The ceiling
        stays that of equal sequences: a model may answer the two strands differently.

    Returns
    -------
    dict
        For valid and test: `ceiling` (best possible share of examples whose labels are all right, of a model that
        gives equal texts equal answers), `repeats` (examples whose text train has too, case and white space aside)
        and `agreeing` (those of them that bear labels which train gives that text).
    """
    table = pd.DataFrame({"key": [normalise(text) for text in texts], "subset": list(subset)})
    table["answer"] = pd.factorize(pd.Series([tuple(sorted(map(int, row))) for row in labels], dtype=object))[0]
    table["either"] = [canonical(text) for text in texts] if both_strands else table["key"]
    train = table[table["subset"] == "train"]
    known, taught = set(train["either"]), set(zip(train["either"], train["answer"], strict=True))
    found = {}
    for name in ("valid", "test"):
        own = table[table["subset"] == name]
        right = own.groupby(["key", "answer"]).size().groupby("key").max().sum()
        found[name] = {
            "ceiling": float(right / len(own)) if len(own) else None,
            "repeats": int(own["either"].isin(known).sum()),
            "agreeing": sum(pair in taught for pair in zip(own["either"], own["answer"], strict=True)),
        }
    return found


def _on_either_strand(texts: pd.Series, vocabulary: Mapping) -> dict[str, int]:
    if vocabulary.get("length_unit") != "nucleotides":
        return {}
    return {"spare_on_either_strand": len(texts) - int(texts.map(canonical).nunique())}


def _rows(found: Mapping, noun: str, task: str) -> list[dict]:
    """The audit as a table for the report."""
    single = task == "multi_class"
    total = found["examples"] or 1
    rows = [
        ("distinct_texts", f"distinct {noun}s", "case and white space aside"),
        ("repeated_examples", f"examples whose {noun} others have too", _number(found["repeated_texts"], noun)),
        ("spare_examples", "repetitions beyond the first", f"{found['identical_repetitions']:,} to the letter"),
        ("conflicting_examples", "examples with conflicting labels", _number(found["conflicting_texts"], noun)),
    ]
    if "spare_on_either_strand" in found:
        note = "a sequence and its reverse complement taken as one"
        rows.insert(3, ("spare_on_either_strand", "repetitions beyond the first, on either strand", note))
    shown = [{"what": "examples", "n": found["examples"], "share": None, "note": ""}]
    shown += [{"what": what, "n": found[key], "share": found[key] / total, "note": note} for key, what, note in rows]
    if found["majority"] is None:
        return shown
    if task != "tagging":
        # Of whole annotations hardly any comes twice.
        what = "commonest label" if single else "commonest set of labels"
        note = "accuracy of always guessing it" if single else "how often always guessing it is wholly right"
        shown.append({"what": what, "n": None, "share": found["majority"], "note": note})
    for measure, value in found["ceilings"].items():
        name = measure.replace("_", " ") if single else "examples with all labels right"
        note = f"over all examples at once, no model that gives equal {noun}s equal answers can do better"
        shown.append({"what": f"ceiling: {name}", "n": None, "share": value, "note": note})
    return shown


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _conflicts(table: pd.DataFrame, answers: Sequence[tuple[int, ...]], names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for _, part in table.groupby("key"):
        counts = part["answer"].value_counts()
        said = sorted((-n, " + ".join(names[i] for i in answers[answer]) or "none") for answer, n in counts.items())
        rows.append(
            {
                "group": text_group(part["text"].iloc[0]),
                "examples": len(part),
                "labels": "; ".join(f"{name}: {-n}" for n, name in said),
                "ids": "; ".join(sorted(part["id"])),
                "text": " ".join(part["text"].iloc[0].split()),
            }
        )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values(["examples", "text"], ascending=[False, True], ignore_index=True)
