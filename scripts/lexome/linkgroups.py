"""Links between pairs of entities brought together into links of as many members as possible."""

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import combinations, islice

from lexome.documents import Link


def cliques(neighbours: Mapping[str, Set[str]]) -> Iterator[list[str]]:
    """Every largest set of nodes of which all are neighbours of each other.

    Bron and Kerbosch, Communications of the ACM 16, 575-577 (1973), with the pivot of Tomita et al., Theoretical
    Computer Science 363, 28-42 (2006).

    Parameters
    ----------
    neighbours
        Node -> those beside it, itself not among them; both ways.
    """
    waiting = [([], set(neighbours), set())]
    while waiting:
        chosen, possible, past = waiting.pop()
        if not possible and not past:
            yield chosen
            continue
        pivot = max(sorted(possible | past), key=lambda node: len(possible & neighbours[node]))
        for node in sorted(possible - neighbours[pivot]):
            waiting.append(([*chosen, node], possible & neighbours[node], past & neighbours[node]))
            possible = possible - {node}
            past = past | {node}


def grouped(links: Sequence[Link]) -> list[Link]:
    """Pairs that say the same in fewer links: entities of which each is linked to each share one.

    Which entities are linked to which stays as it is. A link is as sure as its least sure pair. Links stay as they are
    where some have fields or more than two members, and where groups would be more than pairs (of a model that links
    every entity to many, say).
    """
    if any(link.fields or len(link.members) > 2 for link in links):
        return list(links)
    scores: dict[frozenset[str], float | None] = {}
    neighbours: dict[str, set[str]] = {}
    for link in links:
        one, other = link.members
        pair = frozenset(link.members)
        known = [score for score in (scores.get(pair), link.score) if score is not None]
        scores[pair] = max(known, default=None)
        neighbours.setdefault(one, set()).add(other)
        neighbours.setdefault(other, set()).add(one)
    groups = list(islice(cliques(neighbours), len(links) + 1)) if links else []
    if len(groups) > len(links):
        return list(links)
    order = {member: at for at, member in enumerate(neighbours)}
    result = []
    for number, group in enumerate(groups):
        members = tuple(sorted(group, key=order.__getitem__))
        known = [scores[frozenset(pair)] for pair in combinations(members, 2)]
        result.append(Link(f"group{number}", members, {}, None if None in known else min(known)))
    return result
