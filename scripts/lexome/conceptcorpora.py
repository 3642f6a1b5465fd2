"""Documents whose entities name ontology terms: of CRAFT, of definitions that name other terms, of the user's own."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.documents import Document, Entity, check, read_documents
from lexome.errors import LexomeError
from lexome.fasta import open_text
from lexome.ontology import ROOTS, replacements
from lexome.sentences import split_paragraphs
from lexome.termnames import Lexicon, lexicon_of, longest, spaces_of, term_names
from lexome.texts import clean, count_words, text_group

NIL = "NIL"
FIELD = "concept"
BRANCHES = {"GO_BP": "biological_process", "GO_CC": "cellular_component", "GO_MF": "molecular_function"}
SUBSETS = {"train": "train", "dev": "valid", "test": "test"}
# What is said wherever such labels are counted.
DISTANT = "distant supervision: names found by a dictionary, read by nobody"


@dataclass(frozen=True)
class Piece:
    """A document, what it was cut out of, and its subset (None without an official split)."""

    document: Document
    group: str
    subset: str | None = None


def read_craft(path: str | Path) -> list[Piece]:
    """The articles of CRAFT as JSON Lines, plain or .gz: `pmid, split, text, entities` (`branch, go_id, spans`).

    Raises
    ------
    LexomeError
        With path and line, if a line is no such article, or as `documents.check`.
    """
    pieces = []
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            where = f"{path}, line {number}"
            try:
                told = json.loads(line)
                entities = tuple(
                    Entity(
                        f"T{n}",
                        BRANCHES[entity["branch"]],
                        _merged(entity["spans"]),
                        {FIELD: str(entity["go_id"])},
                    )
                    for n, entity in enumerate(sorted(told["entities"], key=lambda one: one["spans"]), 1)
                )
                document = Document(str(told["pmid"]), told["text"], entities)
                subset = SUBSETS[told["split"]]
            except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
                raise LexomeError(
                    f"{where}: is no article of CRAFT ({type(error).__name__}: {error}); it needs pmid, split (train, "
                    "dev or test), text and entities with branch, go_id and spans"
                ) from error
            pieces.append(Piece(check(document, where), document.id, subset))
    return pieces


def _merged(spans: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """Ascending spans, overlapping ones made one: CRAFT has an entity with a word in two of its parts."""
    parts: list[tuple[int, int]] = []
    for start, end in sorted((int(start), int(end)) for start, end in spans):
        if parts and start < parts[-1][1]:
            parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
        else:
            parts.append((start, end))
    return tuple(parts)


def read_own(path: str | Path) -> list[Piece]:
    """Documents of a JSON Lines file whose entities may have the field `concept`; each is a group of its own."""
    return [Piece(document, text_group(document.text)) for document in read_documents(path)]


def cut(piece: Piece, words: int | None) -> tuple[list[Piece], int]:
    """A document in pieces of whole paragraphs, and how many entities no piece holds.

    Parameters
    ----------
    words
        Paragraphs are joined as long as they have no more words together; a longer one makes a piece of its own. None
        leaves the document whole.
    """
    if words is None:
        return [piece], 0
    document, bounds, size = piece.document, [], 0
    for start, end in split_paragraphs(document.text):
        length = count_words(document.text[start:end])
        if bounds and size + length <= words:
            bounds[-1] = (bounds[-1][0], end)
            size += length
        else:
            bounds.append((start, end))
            size = length
    pieces, held = [], 0
    for n, (start, end) in enumerate(bounds, 1):
        inside = [one for one in document.entities if start <= one.start and one.end <= end]
        held += len(inside)
        moved = tuple(replace(one, spans=tuple((a - start, b - start) for a, b in one.spans)) for one in inside)
        name = f"{document.id}-{n:0{len(str(len(bounds)))}d}"
        pieces.append(Piece(Document(name, document.text[start:end], moved), piece.group, piece.subset))
    return pieces, len(document.entities) - held


def map_concepts(pieces: Sequence[Piece], terms: pd.DataFrame, unmapped: str) -> tuple[list[Piece], Counter]:
    """Concepts as the ontology has them today.

    Parameters
    ----------
    unmapped
        What becomes of ids that are neither live nor replaced by one term: `keep` them, or call them `nil`.

    Returns
    -------
    list of Piece
        The same documents.
    Counter
        Entities by `current`, `replaced`, `unmapped` and `without` (a concept).
    """
    live, new = set(terms.loc[~terms["obsolete"].astype(bool), "id"]), replacements(terms)
    counts: Counter = Counter()

    def mapped(entity: Entity) -> Entity:
        concept = entity.fields.get(FIELD, NIL)
        known = {NIL: "without"} | dict.fromkeys([concept] * (concept in live), "current")
        kind = known.get(concept, "replaced" if concept in new else "unmapped")
        counts[kind] += 1
        if kind == "unmapped" and unmapped == "nil":
            concept = NIL
        return replace(entity, fields={**entity.fields, FIELD: new.get(concept, concept)})

    told = [replace(one.document, entities=tuple(map(mapped, one.document.entities))) for one in pieces]
    return [replace(one, document=document) for one, document in zip(pieces, told, strict=True)], counts


def distant(terms: pd.DataFrame, settings: Mapping) -> tuple[list[Piece], dict[str, int]]:
    """Definitions of terms in which names of other terms stand.

    The names and exact synonyms of all terms but the roots are looked up, the longest first. The terms that are named
    are parted: the names of a share of them stand in test only, so that no model can learn them.

    Parameters
    ----------
    terms
        The table of `ontology.read_obo`.
    settings
        `aspects` (whose terms are looked up), `min_words` or else `min_characters` of a name, `documents` (at most that
        many, drawn), `unseen` (share of the named terms that test alone has), `fractions` (of the other documents) and
        `seed`.

    Returns
    -------
    list of Piece
        Sorted by the term's id, which is the document's.
    dict
        `definitions`, `mentioning`, `named` (terms), `unseen` (terms that test alone names) and `mentions_unseen`.

    Raises
    ------
    LexomeError
        If no definition mentions another term.
    """
    live = terms[~terms["obsolete"].astype(bool)].sort_values("id")
    spaces, roots = spaces_of(live), set(ROOTS.values())
    names = [
        (name, concept, source)
        for name, concept, source in term_names(live, ("name", "exact"), settings["aspects"])
        if concept not in roots
        and (len(name.split()) >= settings["min_words"] or len(name) >= settings["min_characters"])
    ]
    lexicon = lexicon_of(names, "plain", reorder=False)
    found = []
    for concept, definition in zip(live["id"], live["definition"], strict=True):
        text = clean(definition)
        entities = mentions(text, lexicon, spaces, concept)
        if entities:
            found.append(Document(concept, text, entities))
    if not found:
        raise LexomeError("distant: no definition mentions another term; lower `min_words`, or name more `aspects`")
    generator = np.random.default_rng(settings["seed"])
    wanted = settings["documents"] or len(found)
    drawn = np.sort(generator.choice(len(found), min(wanted, len(found)), replace=False))
    documents = [found[at] for at in drawn]
    named = sorted({one.fields[FIELD] for document in documents for one in document.entities})
    hidden = set(generator.choice(named, round(settings["unseen"] * len(named)), replace=False).tolist())
    held = [any(one.fields[FIELD] in hidden for one in document.entities) for document in documents]
    rest = settings["fractions"]
    draws = generator.random(len(documents))
    pieces = []
    for document, unseen, draw in zip(documents, held, draws, strict=True):
        subset = "train" if draw < rest["train"] else "valid" if draw < rest["train"] + rest["valid"] else "test"
        pieces.append(Piece(document, text_group(document.text), "test" if unseen else subset))
    pieces = _together(pieces)
    return pieces, {
        "definitions": len(live),
        "mentioning": len(found),
        "named": len(named),
        "unseen": len(hidden),
        "mentions_unseen": sum(one.fields[FIELD] in hidden for document in documents for one in document.entities),
    }


def _together(pieces: Sequence[Piece]) -> list[Piece]:
    """Equal texts in one subset: in test, if one of them is there."""
    rank = {"train": 0, "valid": 1, "test": 2}
    last: dict[str, str] = {}
    for piece in pieces:
        last[piece.group] = max(last.get(piece.group, "train"), piece.subset, key=rank.__getitem__)
    return [replace(piece, subset=last[piece.group]) for piece in pieces]


def mentions(text: str, lexicon: Lexicon, spaces: Mapping[str, str], own: str) -> tuple[Entity, ...]:
    """The longest names of one term each that stand in a text, but for its own term's; ambiguous names are left out."""
    spans = [span for span in lexicon.find(text) if own not in lexicon.entries[span.key]]
    entities = []
    for span in longest(spans):
        concepts = lexicon.entries[span.key]
        if len(concepts) == 1:
            concept = next(iter(concepts))
            name = f"T{len(entities) + 1}"
            entities.append(Entity(name, spaces[concept], ((span.start, span.end),), {FIELD: concept}))
    return tuple(entities)


def unseen_concepts(train: Sequence[Document], judged: Sequence[Document]) -> tuple[int, int, int]:
    """Mentions, those whose concept no training document has, and those whose words none has in any mention."""
    concepts, surfaces = _seen(train)
    total = new_concept = new_surface = 0
    for document in judged:
        for entity in document.entities:
            total += 1
            new_concept += entity.fields.get(FIELD, NIL) not in concepts
            new_surface += entity.mention(document.text).casefold() not in surfaces
    return total, new_concept, new_surface


def _seen(train: Sequence[Document]) -> tuple[set[str], set[str]]:
    concepts = {one.fields.get(FIELD, NIL) for document in train for one in document.entities}
    surfaces = {one.mention(document.text).casefold() for document in train for one in document.entities}
    return concepts, surfaces
