"""The kind `tag_network`: a pretrained encoder trained on with heads for entities, their fields and links."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from lexome import tagmetrics
from lexome.devices import find_device, set_seed
from lexome.documents import Document, encode
from lexome.errors import LexomeError
from lexome.finetuning import backbone_digest, digest, open_checkpoints
from lexome.tagencoder import TagNetwork, build_network, save_network
from lexome.tagging import TagData, Tagged, TagPart
from lexome.tagheads import MultiLabel
from lexome.taglinks import Units, find_pairs, find_units, pair_classes
from lexome.tagloop import fit, parameter_groups
from lexome.tagpredict import (
    Chances,
    choose_thresholds,
    entity_head,
    find_entities,
    find_links,
    link_chances,
    link_documents,
    link_head,
    read_words,
    tag_documents,
    valid_chances,
)
from lexome.tagschemes import many_labels, one_label, value_of, valued
from lexome.tagwindows import Encoded, collate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """A document that the network learns from.

    Attributes
    ----------
    place
        Of the document in its part.
    encoded
        Its words and tokens.
    labels
        Targets of its words by word head.
    pairs
        Units and the classes of their pairs by link head; of documents annotated for links.
    """

    place: int
    encoded: Encoded
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    pairs: Mapping[str, tuple[Units, np.ndarray]] = field(default_factory=dict)


def make_items(network: TagNetwork, part: TagPart) -> list[Item]:
    """What the network can learn from annotated documents.

    With markers, a document is read twice: bare for the word heads, which must not see its entities, and marked for the
    link heads. Without, both read it at once.
    """
    items = []
    for at, (document, known) in enumerate(zip(part.documents, part.links_known, strict=True)):
        bare = network.reader(document)
        labels = {} if not network.word_heads else word_targets(network, document, bare)
        if not (known and network.link_heads):
            items += [Item(at, bare, labels)] if labels else []
        elif network.markers:
            marked = network.reader(document, network.markers)
            items += [Item(at, bare, labels)] if labels else []
            items += [Item(at, marked, {}, pair_targets(network, document, marked))]
        else:
            items += [Item(at, bare, labels, pair_targets(network, document, bare))]
    kept = [item for item in items if len(item.encoded.words)]
    return [item for item in kept if item.labels or any(len(told) for _, told in item.pairs.values())]


def word_targets(network: TagNetwork, document: Document, encoded: Encoded) -> dict[str, np.ndarray]:
    """Targets of a document's words by word head."""
    words = [tuple(span) for span in encoded.words.tolist()]
    told = {}
    for name, head in network.word_heads.items():
        entities = valued(document.entities, value_of(network.settings["heads"][name]["field"], network.fields))
        label = many_labels if isinstance(head, MultiLabel) else one_label
        told[name] = label(words, entities, head.names, head.schema)
    return told


def pair_targets(network: TagNetwork, document: Document, encoded: Encoded) -> dict[str, tuple[Units, np.ndarray]]:
    """Units of a document and classes of their pairs by link head."""
    told = {}
    for name, head in network.link_heads.items():
        units = find_units(document, encoded.words, network.categories, head.scheme)
        told[name] = units, pair_classes(document, units, *find_pairs(units), head.scheme)
    return told


def losses(
    network: TagNetwork, items: Sequence[Item], states: Sequence[torch.Tensor]
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Sum of the loss of each head over documents, and what it is to be divided by, of the vectors of their words."""
    told = {}
    for name, head in network.word_heads.items():
        own = [(state, item.labels[name]) for state, item in zip(states, items, strict=True) if name in item.labels]
        if own:
            vectors = torch.cat([state for state, _ in own])
            targets = torch.from_numpy(np.concatenate([labels for _, labels in own])).to(vectors.device)
            told[name] = head.loss(head.layers(vectors), targets, [len(labels) for _, labels in own])
    for name, head in network.link_heads.items():
        own = [(state, *item.pairs[name]) for state, item in zip(states, items, strict=True) if name in item.pairs]
        own = [(state, units, classes) for state, units, classes in own if len(classes)]
        if own:
            logits = torch.cat([head(state, units) for state, units, _ in own])
            targets = torch.from_numpy(np.concatenate([classes for *_, classes in own])).to(logits.device)
            told[name] = head.loss(logits, targets)
    return told


def judge(network: TagNetwork, items: Sequence[Item], part: TagPart) -> dict[str, float]:
    """Figures on valid: `valid_loss`, and as the heads can `valid_entity_f1`, `valid_word_f1`, `valid_link_f1`, ...

    Each item is read once. The thresholds of link heads are chosen here, so `valid_link_f1` is at its best.
    """
    network.eval()
    tagger, linker = entity_head(network), link_head(network)
    found = [document.bare() for document in part.documents]
    chances: dict[str, list[Chances]] = {name: [{} for _ in found] for name in network.link_heads}
    sums: dict[str, list[float]] = {}
    for at, states in read_words(network, [item.encoded for item in items]):
        item = items[at]
        with torch.no_grad():
            for name, (loss, size) in losses(network, [item], [states]).items():
                total = sums.setdefault(name, [0.0, 0.0])
                total[0] += loss.item()
                total[1] += size.item()
        if tagger and item.labels:
            entities = find_entities(network, tagger, found[item.place], item.encoded, states)
            found[item.place] = replace(found[item.place], entities=entities)
        for name, (units, _) in item.pairs.items():
            chances[name][item.place] = link_chances(network.head(name), states, units)
    told = {"loss": sum(network.scales[name] * loss / size for name, (loss, size) in sums.items())}
    choose_thresholds(network, part, chances)
    given = linker and [
        find_links(document, own, network.thresholds[linker])
        for document, own in zip(part.given, chances[linker], strict=True)
    ]
    fields = {name: owner for name, owner in network.fields.items() if name in field_names(network)}
    wanted = {"entity_f1", "partial_f1", "word_f1", "word_bio_f1", "link_f1", *(f"{name}_word_f1" for name in fields)}
    scores = tagmetrics.score(part.documents, found if tagger else None, given, part.links_known, fields=fields)
    told |= {name: value for name, value in scores.items() if name in wanted and np.isfinite(value)}
    return {f"valid_{name}": float(value) for name, value in told.items()}


def field_names(network: TagNetwork) -> set[str]:
    """Fields that the network's heads are for."""
    return {network.settings["heads"][name]["field"] for name in network.word_heads}


def identity(data: TagData, settings: Mapping, seed: int) -> dict:
    """What a run's end depends on: if it is the same, training may go on from a checkpoint."""
    seen = {}
    for name in ("train", "valid"):
        part = getattr(data, name)
        lines = [encode(document).encode() for document in part.documents]
        seen[name] = digest(*lines, bytes(part.links_known))
    told = {"settings": dict(settings), "seed": seed, "categories": data.categories, "fields": data.fields}
    return {**told, "backbone": backbone_digest(data.backbone), **seen}


def tag_network(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Train a backbone on, with heads for entities, fields and links.

    Parameters
    ----------
    settings
        `heads` (see `tagheads` and `taglinks`), what `tagencoder.build_network` reads, `entities` (the head that gives
        the entities: without the key the one whose field is `category`), `links` (the link head that gives the links:
        without the key the first that tells any) and `training`, see `tagloop.fit` and `tagloop.parameter_groups`.

    Raises
    ------
    LexomeError
        If there is nothing to learn from, the settings do not fit, or checkpoints of another run lie beside `folder`.
    """
    checkpoints = open_checkpoints(folder, identity(data, settings, seed))
    set_seed(seed)
    device = find_device(gpus)
    network = build_network(data.backbone, settings, data.categories, data.fields)
    train, valid = make_items(network, data.train), make_items(network, data.valid)
    if not train or not valid:
        raise LexomeError(
            f"tag_network: {'valid' if train else 'train'} has no document that its heads could learn from; link heads "
            "need documents annotated for links"
        )
    for name, head in network.word_heads.items():
        head.count([item.labels[name] for item in train if item.labels])
    for name, head in network.link_heads.items():
        head.count([item.pairs[name][1] for item in train if item.pairs])
    network.to(device)
    trained = sum(weights.numel() for weights in network.parameters() if weights.requires_grad)
    log.info("%d training documents or marked copies, %d weights to train", len(train), trained)

    def loss_of(rows: np.ndarray) -> torch.Tensor:
        items = [train[row] for row in rows]
        batch = collate([item.encoded for item in items], network.reader, network.pooling, device)
        told = losses(network, items, network(batch).split(batch.sizes))
        return sum(
            (network.scales[name] * loss / size for name, (loss, size) in told.items()), torch.zeros((), device=device)
        )

    training = settings["training"]
    groups = parameter_groups(network.encoder, network.heads, training)
    lengths = [len(item.encoded) for item in train]
    history = fit(
        network,
        groups,
        lengths,
        loss_of,
        lambda: judge(network, valid, data.valid),
        training,
        seed,
        device,
        checkpoints,
    )
    network.eval()
    result = predict(network, data, history, checkpoints)
    save_network(network, folder)
    result.cost.update(
        parameters=sum(weights.numel() for weights in network.parameters()),
        trained_parameters=trained,
        device=device.type,
    )
    return result


def predict(network: TagNetwork, data: TagData, history: list[dict], checkpoints: Path | None) -> Tagged:
    """Entities and links of valid and test documents.

    Links from end to end are those between the network's own entities, or, where it finds none, the tagger's.
    """
    links, tags = bool(network.link_heads), entity_head(network) is not None
    if links:
        choose_thresholds(network, data.valid, valid_chances(network, data.valid))
    found, given = {}, {}
    for name in ("valid", "test"):
        part: TagPart = getattr(data, name)
        entities = tag_documents(network, part.documents) if tags else (part.tagged or None)
        if entities and links:
            entities = link_documents(network, entities) or entities
        linked = link_documents(network, part.given) if links else None
        found[name], given[name] = entities, linked and [document.links for document in linked]
    return Tagged(found["valid"], found["test"], history, {}, given["valid"], given["test"], checkpoints)
