"""Fields of entities by their words: which value an entity of some category has."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from lexome.documents import Document, Entity
from lexome.runtime import read_json, write_json
from lexome.tagbaselines import majority
from lexome.wordtokens import word_tokens

WINDOW, CHARACTERS = 3, 80  # words on either side of an entity, and where they are looked for
MIN_COUNT = 2
REGRESSION = {"C": 3.0, "max_iter": 500}


def _lower(text: str) -> list[str]:
    return [text[start:end].lower() for start, end in word_tokens(text)]


def entity_features(text: str, entity: Entity) -> list[str]:
    """An entity's words, their beginnings and ends, its whole text, and the words on either side, as strings."""
    own = _lower(entity.mention(text))
    left = _lower(text[max(0, entity.start - CHARACTERS) : entity.start])[-WINDOW:]
    right = _lower(text[entity.end : entity.end + CHARACTERS])[:WINDOW]
    features = {"bias", f"all={' '.join(own)}", *(f"last={word}" for word in own[-1:])}
    for word in own:
        features |= {f"w={word}", *(f"p={word[:size]}" for size in (3, 5)), *(f"s={word[-size:]}" for size in (3, 5))}
    features |= {f"two={one} {other}" for one, other in pairwise(own)}
    return sorted(features | {f"left={word}" for word in left} | {f"right={word}" for word in right})


def feature_columns(rows: Sequence[Sequence[str]], min_count: int) -> dict[str, int]:
    """A column for each feature that at least so many rows have."""
    counts = Counter(feature for row in rows for feature in row)
    return {name: at for at, name in enumerate(sorted(name for name, count in counts.items() if count >= min_count))}


def feature_matrix(rows: Sequence[Sequence[str]], columns: Mapping[str, int]) -> csr_matrix:
    """Rows of features as a sparse 0/1 matrix, float32, shape (n_rows, n_columns); others than these are lost."""
    found = [[columns[feature] for feature in row if feature in columns] for row in rows]
    ends = np.cumsum([0, *map(len, found)])
    flat = np.array([column for row in found for column in row], dtype=np.int32)
    return csr_matrix((np.ones(len(flat), dtype=np.float32), flat, ends), shape=(len(found), len(columns)))


@dataclass(frozen=True)
class FieldNamer:
    """Says the fields of entities.

    Attributes
    ----------
    fields
        By name: `category`, `values`, and `columns` by feature.
    weights
        By `<field>.weights` and `<field>.intercepts`, as of `textmodels.fit_classes`.
    known
        By category and mention in lower case, the values of other fields, which have no list of values.
    """

    fields: Mapping[str, Mapping]
    weights: Mapping[str, np.ndarray]
    known: Mapping[str, Mapping[str, Mapping[str, str]]]

    def __call__(self, document: Document) -> Document:
        """The document with the most likely value of every field that its entities can have."""
        named = []
        for entity in document.entities:
            mention = " ".join(_lower(entity.mention(document.text)))
            values = dict(self.known.get(entity.category, {}).get(mention, {}))
            for name, field in self.fields.items():
                if field["category"] == entity.category:
                    features = feature_matrix([entity_features(document.text, entity)], field["columns"])
                    logits = features @ self.weights[f"{name}.weights"].T + self.weights[f"{name}.intercepts"]
                    values[name] = field["values"][int(logits[0].argmax())]
            named.append(replace(entity, fields=values))
        return replace(document, entities=tuple(named))

    @property
    def size(self) -> int:
        """Numbers that it holds."""
        return sum(array.size for array in self.weights.values())

    def save(self, folder: Path) -> None:
        """Write it to a new folder."""
        folder.mkdir()
        save_file(dict(self.weights), folder / "model.safetensors")
        told = {name: {**field, "columns": list(field["columns"])} for name, field in self.fields.items()}
        write_json(folder / "fields.json", {"fields": told, "known": self.known})


def load_fields(folder: Path) -> FieldNamer:
    """A saved one."""
    told = read_json(folder / "fields.json")
    fields = {
        name: {**field, "columns": {feature: at for at, feature in enumerate(field["columns"])}}
        for name, field in told["fields"].items()
    }
    return FieldNamer(fields, load_file(folder / "model.safetensors"), told["known"])


def fit_fields(documents: Sequence[Document], fields: Mapping[str, Mapping]) -> FieldNamer:
    """A logistic regression for each field with a list of values; of other fields the values of known mentions.

    Parameters
    ----------
    documents
        With entities.
    fields
        As in `labels.json`. Those that no entity has are left out.
    """
    from lexome.textmodels import fit_classes

    entities = [(document.text, entity) for document in documents for entity in document.entities]
    fitted, weights = {}, {}
    for name, field in fields.items():
        own = [(text, entity) for text, entity in entities if entity.category == field["category"]]
        own = [(text, entity) for text, entity in own if entity.fields.get(name) in field["values"]]
        if not own:
            continue
        rows = [entity_features(text, entity) for text, entity in own]
        columns, number = feature_columns(rows, MIN_COUNT), {value: at for at, value in enumerate(field["values"])}
        classes = np.array([number[entity.fields[name]] for _, entity in own])
        found = fit_classes(feature_matrix(rows, columns), classes, len(number), REGRESSION)
        weights[f"{name}.weights"], weights[f"{name}.intercepts"] = found
        fitted[name] = {"category": field["category"], "values": list(field["values"]), "columns": columns}
    return FieldNamer(fitted, weights, _known_values(entities, set(fields)))


def _known_values(entities: Sequence[tuple[str, Entity]], listed: set[str]) -> dict[str, dict[str, dict[str, str]]]:
    """The most frequent value of each field outside `listed`, by category and mention."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for text, entity in entities:
        for name in set(entity.fields) - listed:
            found[entity.category, " ".join(_lower(entity.mention(text))), name].append(entity.fields[name])
    known: dict[str, dict[str, dict[str, str]]] = {}
    for (category, mention, name), values in sorted(found.items()):
        known.setdefault(category, {}).setdefault(mention, {})[name] = majority(values)
    return known
