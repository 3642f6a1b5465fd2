"""Annotated documents for tests: drawn ones, and a small one."""

import string

from hypothesis import strategies as st

from lexome.documents import Document, Entity, Link

TEXT = "Loss of p53 slows growth.\nIn mice, knockdown of RAS rescues it."
# Signs that forms mark up, that count twice in UTF-16, that are white space.
SIGNS = st.sampled_from([*string.ascii_letters, *" \n\t.,;:|<>&\"'%é😀β]", "]]>"])
NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=5).filter(
    lambda name: name[0].isalpha()
)
VALUES = st.text(string.ascii_letters + " -/|<&é😀", min_size=1, max_size=8).map(str.strip).filter(bool)


def small(name="a1"):
    """Two sentences, four entities of two categories, one with a gap, and two links."""
    return Document(
        name,
        TEXT,
        (
            Entity("P0", "ACTION", ((0, 11),), {"kind": "loss of function"}),
            Entity("C0", "CONTEXT", ((18, 24), (29, 33)), {"where": "in vivo"}),
            Entity("P1", "ACTION", ((35, 51),), {"kind": "knockdown"}),
            Entity("C1", "CONTEXT", ((29, 33),)),
        ),
        (Link("L0", ("P0", "C0")), Link("L1", ("P1", "C1"), {"sure": "no"})),
    )


@st.composite
def documents(draw, name="d", gaps=True, overlaps=True, links=True, fields=True, text=None):
    """Documents whose entities may have gaps and overlap, and whose links may have several members."""
    words = draw(text if text is not None else st.lists(SIGNS, min_size=1, max_size=40).map("".join))
    own = draw(st.dictionaries(st.sampled_from(["ACTION", "CONTEXT", "X1"]), st.lists(NAMES, max_size=2, unique=True)))
    entities, taken = [], 0
    for number in range(draw(st.integers(0, 4))) if own else ():
        parts = draw(st.integers(1, 2)) if gaps else 1
        first = 0 if overlaps else taken
        places = st.integers(first, len(words))
        cuts = (
            sorted(draw(st.lists(places, min_size=2 * parts, max_size=2 * parts, unique=True)))
            if (len(words) - first >= 2 * parts)
            else []
        )
        if not cuts or any(not words[a:b].strip() for a, b in zip(cuts[::2], cuts[1::2], strict=True)):
            continue
        category = draw(st.sampled_from(sorted(own)))
        has = {key: draw(VALUES) for key in own[category] if draw(st.booleans())} if fields else {}
        entities.append(Entity(f"E{number}", category, tuple(zip(cuts[::2], cuts[1::2], strict=True)), has))
        taken = cuts[-1]
    linked = []
    if links and len(entities) > 1:
        ids = [entity.id for entity in entities]
        for number in range(draw(st.integers(0, 2))):
            members = draw(st.lists(st.sampled_from(ids), min_size=2, max_size=3, unique=True))
            linked.append(Link(f"L{number}", tuple(members), {"how": draw(VALUES)} if draw(st.booleans()) else {}))
    return Document(name, words, tuple(entities), tuple(linked))
