"""What the `embedding` entry of a backbone means, defaults included. Needs no torch."""

from collections.abc import Mapping

# Windows of long sequences share at least this part of what a backbone reads at once.
OVERLAP = 0.25
# What stands for a letter in each kind of text.
UNITS = {"protein": "residues", "dna": "tokens", "text": "tokens"}


def poolings(backbone: Mapping) -> list[str]:
    """What a backbone's embeddings are stored as: `mean`, `cls`, or `tokens`: the states of all residues."""
    entry = backbone["embedding"]["pooling"]
    return [entry] if isinstance(entry, str) else list(entry)


def vector_poolings(backbone: Mapping) -> list[str]:
    """Those that give one vector an example; models of vectors take the first unless they name another."""
    return [name for name in poolings(backbone) if name != "tokens"]


def takes_windows(backbone: Mapping) -> bool:
    """Whether sequences longer than the backbone reads at once are read in windows; else they are cut."""
    return backbone["embedding"].get("long", "windows") == "windows"


def windows(backbone: Mapping) -> dict:
    """`room` and `overlap` as `embedding.Embedder` takes them."""
    room = backbone["max_tokens"]
    return {"room": room, "overlap": backbone["embedding"].get("overlap", int(room * OVERLAP))}


def embedding_settings(backbone: Mapping) -> dict:
    """All that the vectors of a backbone depend on.

    Returns
    -------
    dict
        `layers`, `pooling` (a list), `room`, `overlap`, `dtype` (that is stored) and `precision` (that is computed in;
        `auto`: bfloat16 on a GPU that has it, else float32).
    """
    entry = backbone["embedding"]
    stored = {"dtype": entry.get("dtype", "float32"), "precision": entry.get("precision", "auto")}
    return {"layers": list(entry["layers"]), "pooling": poolings(backbone)} | windows(backbone) | stored


def check_embedding(backbone: Mapping, where: str) -> list[str]:
    """Mistakes of an entry that no schema sees, one line each."""
    limits = windows(backbone)
    if "overlap" in backbone["embedding"] and not takes_windows(backbone):
        return [f"{where}.embedding.overlap: `long: cut` has no windows; leave one of the two out"]
    # Two special tokens frame a window at most; what is left has to move on.
    if takes_windows(backbone) and limits["overlap"] >= limits["room"] - 2:
        return [
            f"{where}.embedding.overlap: windows of {limits['room']} tokens cannot share {limits['overlap']}; lower it"
        ]
    return []
