"""What a trained network says of documents: entities, the values of their fields, and links between entities."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from lexome.devices import find_device
from lexome.documents import Document, Entity, Link, linked_pairs
from lexome.errors import LexomeError
from lexome.tagencoder import TagNetwork, load_network
from lexome.tagging import TagPart
from lexome.tagheads import WordHead
from lexome.taglinks import SAME, LinkHead, Units, best_threshold, entity_chances, find_pairs, find_units
from lexome.tagpredictors import TagPredictor
from lexome.tagschemes import CATEGORY
from lexome.tagwindows import Encoded, collate

# How likely two entities are linked, by their places in the document, ascending.
Chances = dict[tuple[int, int], float]
# Tokens that are read at once.
BATCH_TOKENS = 8192


def entity_head(network: TagNetwork) -> str | None:
    """The head that gives the entities; None of a network with link heads only.

    Raises
    ------
    LexomeError
        If `entities` names no head of words whose field is `category`, or no head is one.
    """
    heads = network.settings["heads"]
    able = [name for name in network.word_heads if heads[name]["field"] == CATEGORY]
    chosen = network.settings.get("entities", next(iter(able), None))
    if not network.word_heads:
        return None
    if chosen not in able:
        raise LexomeError(
            f"entities: {chosen!r} is not a head of words with `field: category`; "
            + (f"choose one of {', '.join(able)}" if able else "add one")
        )
    return chosen


def link_head(network: TagNetwork) -> str | None:
    """The head that gives the links; None where none tells of any.

    Raises
    ------
    LexomeError
        If `links` names a head that does not.
    """
    able = [name for name, head in network.link_heads.items() if head.link_class]
    chosen = network.settings.get("links", next(iter(able), None))
    if chosen is not None and chosen not in able:
        raise LexomeError(f"links: {chosen!r} is not a link head that tells linked entities")
    return chosen


def read_words(network: TagNetwork, documents: Sequence[Encoded]) -> Iterator[tuple[int, torch.Tensor]]:
    """Vectors of the words of each document with words, [W, width], with its place; not in order, dropout is off."""
    device = next(network.parameters()).device
    order = sorted((at for at, one in enumerate(documents) if len(one.words)), key=lambda at: len(documents[at]))
    network.eval()
    while order:
        chosen, longest = [], 0
        while order:
            longest = max(longest, len(documents[order[0]]))
            if chosen and longest * (len(chosen) + 1) > BATCH_TOKENS:
                break
            chosen.append(order.pop(0))
        batch = collate([documents[at] for at in chosen], network.reader, network.pooling, device)
        with torch.no_grad():
            yield from zip(chosen, network(batch).split(batch.sizes), strict=True)


def tag_documents(network: TagNetwork, documents: Sequence[Document]) -> list[Document]:
    """The documents with the entities that the network finds, and no links; their own entities are not read."""
    chosen = entity_head(network)
    bare = [document.bare() for document in documents]
    encoded = [network.reader(document) for document in bare]
    for at, states in read_words(network, encoded):
        bare[at] = replace(bare[at], entities=find_entities(network, chosen, bare[at], encoded[at], states))
    return bare


def find_entities(
    network: TagNetwork, chosen: str, document: Document, encoded: Encoded, states: torch.Tensor
) -> tuple[Entity, ...]:
    """Entities of a document, by the head of their categories; heads of fields vote over each entity's words.

    The score of an entity is the mean of its category's probability over its words.
    """
    head = network.head(chosen)
    with torch.no_grad():
        logits = {name: own.layers(states) for name, own in network.word_heads.items()}
    runs = cut_runs(network, document, encoded, states, head, head.runs(logits[chosen]))
    chances = {name: own.of_values(own.probabilities(logits[name])) for name, own in network.word_heads.items()}
    entities = []
    for number, (category, first, behind) in enumerate(runs):
        score = chances[chosen][first:behind, head.values.index(category)].mean()
        span = (int(encoded.words[first, 0]), int(encoded.words[behind - 1, 1]))
        fields = {}
        for name, own in network.word_heads.items():
            field = network.settings["heads"][name]["field"]
            if field != CATEGORY and own.values and network.fields[field]["category"] == category:
                fields[field] = own.values[int(chances[name][first:behind].mean(axis=0).argmax())]
        entities.append(Entity(f"T{number}", category, (span,), fields, float(min(score, 1.0))))
    return tuple(entities)


def cut_runs(
    network: TagNetwork,
    document: Document,
    encoded: Encoded,
    states: torch.Tensor,
    head: WordHead,
    runs: list[tuple[str, int, int]],
) -> list[tuple[str, int, int]]:
    """Runs of plain labels, which cannot part neighbours of a category, cut where a link head sees no same tag."""
    judge = next((own for own in network.link_heads.values() if SAME in own.classes), None)
    if head.schema != "plain" or judge is None or network.markers or not runs:
        return runs
    spans = [(int(encoded.words[first, 0]), int(encoded.words[behind - 1, 1])) for _, first, behind in runs]
    found = tuple(Entity(f"T{at}", run[0], (span,)) for at, (run, span) in enumerate(zip(runs, spans, strict=True)))
    units = find_units(replace(document, entities=found), encoded.words, network.categories, judge.scheme)
    one, other = find_pairs(units)
    with torch.no_grad():
        same = judge.chances(judge(states, units), SAME)
    beside = {(int(a), int(b)): chance for a, b, chance in zip(units.first[one], units.first[other], same, strict=True)}
    cut = []
    for category, first, behind in runs:
        edges = [word for word in range(first + 1, behind) if beside.get((word - 1, word), 1.0) < 0.5]
        cut += [(category, a, b) for a, b in zip([first, *edges], [*edges, behind], strict=True)]
    return cut


def link_chances(head: LinkHead, states: torch.Tensor, units: Units) -> Chances:
    """How likely any two entities of a document are linked, of its words' vectors; empty where the head tells none."""
    if head.link_class is None or len(units.entity) < 2:
        return {}
    with torch.no_grad():
        return entity_chances(units, head.chances(head(states, units), head.link_class))


def read_chances(network: TagNetwork, documents: Sequence[Document], name: str) -> list[Chances]:
    """The chances that a link head gives the entities of each document."""
    head: LinkHead = network.head(name)
    encoded = [network.reader(document, network.markers) for document in documents]
    told: list[Chances] = [{} for _ in documents]
    for at, states in read_words(network, encoded):
        units = find_units(documents[at], encoded[at].words, network.categories, head.scheme)
        told[at] = link_chances(head, states, units)
    return told


def valid_chances(network: TagNetwork, part: TagPart) -> dict[str, list[Chances]]:
    """The chances that each link head gives the annotated entities of documents."""
    return {name: read_chances(network, part.given, name) for name in network.link_heads}


def choose_thresholds(network: TagNetwork, part: TagPart, chances: Mapping[str, Sequence[Chances]]) -> None:
    """Set the threshold of each link head to the one with the best F1 on documents that are annotated for links.

    Parameters
    ----------
    chances
        Of the annotated entities of each document, by link head.
    """
    for name, told in chances.items():
        values, truth, missed = [], [], 0
        for document, known, own in zip(part.documents, part.links_known, told, strict=True):
            if known:
                ids, linked = [entity.id for entity in document.entities], linked_pairs(document)
                marks = [frozenset((ids[a], ids[b])) in linked for a, b in own]
                values += list(own.values())
                truth += marks
                missed += len(linked) - sum(marks)
        network.thresholds[name] = best_threshold(values, truth, missed)


def find_links(document: Document, chances: Chances, threshold: float) -> tuple[Link, ...]:
    """Links between those two entities of a document that are likely enough."""
    ids = [entity.id for entity in document.entities]
    pairs = [(pair, chance) for pair, chance in sorted(chances.items()) if chance >= threshold]
    return tuple(Link(f"L{at}", (ids[a], ids[b]), {}, float(min(c, 1.0))) for at, ((a, b), c) in enumerate(pairs))


def link_documents(network: TagNetwork, documents: Sequence[Document]) -> list[Document] | None:
    """The documents with the links that the network finds between their entities; None where no head tells any."""
    name = link_head(network)
    if name is None:
        return None
    chances = read_chances(network, documents, name)
    threshold = network.thresholds[name]
    return [
        replace(document, links=find_links(document, own, threshold))
        for document, own in zip(documents, chances, strict=True)
    ]


def load_tag_network(folder: str | Path, gpus: int) -> TagPredictor:
    """A saved network as `tagpredictors.load_tagger` gives it; it tags, links or both, as its heads can."""
    network = load_network(folder, find_device(gpus))

    def tag(documents: Sequence[Document]) -> list[Document]:
        return tag_documents(network, documents)

    def link(documents: Sequence[Document]) -> list[Document]:
        return link_documents(network, documents)

    return TagPredictor(tag if entity_head(network) else None, link if link_head(network) else None)
