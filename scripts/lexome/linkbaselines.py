"""Links without learning: every pair, or the nearest of each category."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lexome.documents import Document
from lexome.linkpairs import all_pairs, lay_out, nearest_pairs, with_links
from lexome.runtime import atomic, write_json
from lexome.tagging import TagData, Tagged

Linker = Callable[[Sequence[Document]], list[Document]]


def link_parts(data: TagData, link: Linker, cost: dict, history: Sequence[dict] = ()) -> Tagged:
    """What a linker leaves: links between the annotated entities and, behind a tagger, between those that it found."""
    given = [[document.links for document in link(part.given)] for part in (data.valid, data.test)]
    found = [
        link(part.tagged) if len(part.tagged) == len(part.documents) > 0 else None for part in (data.valid, data.test)
    ]
    return Tagged(*found, list(history), cost, *given)


def _save(folder: str | Path, settings: Mapping) -> None:
    with atomic(folder) as temporary:
        temporary.mkdir(parents=True)
        write_json(temporary / "config.json", {"model": dict(settings)})


def link_all(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Every pair of entities of different categories is linked (a published baseline)."""
    _save(folder, settings)
    return link_parts(data, load_all(folder), {"parameters": 0, "trained_parameters": 0})


def load_all(folder: str | Path) -> Linker:
    """As a function that links documents."""
    return lambda documents: [with_links(document, all_pairs(document.entities)) for document in documents]


def link_nearest(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Each entity is linked to the nearest one of every other category in its sentence."""
    _save(folder, settings)
    return link_parts(data, load_nearest(folder), {"parameters": 0, "trained_parameters": 0})


def load_nearest(folder: str | Path) -> Linker:
    """As a function that links documents."""
    return lambda documents: [
        with_links(document, nearest_pairs(document, lay_out(document))) for document in documents
    ]
