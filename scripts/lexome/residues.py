"""Amino acids as a protein language model holds them: its token vectors, and what it expects at a masked residue."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.bootstrap import interval, resample_groups, stream
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS
from lexome.maps import centre, resampled_means, silhouettes

# Side chains as textbooks group them; C, G and P stand apart for what they do to the backbone and to each other.
CLASSES = {
    "hydrophobic": "AVILMFYW",
    "polar": "STNQ",
    "positive": "RHK",
    "negative": "DE",
    "special": "CGP",
}
CLASS_OF = {letter: name for name, letters in CLASSES.items() for letter in letters}
PERMUTATIONS = 2000
MASKED_COLUMNS = ("position", "letter", "amino_acid", "probability", "background")


def class_codes() -> np.ndarray:
    """Place of each amino acid's class in `CLASSES`: int64, shape (20,), in the order of `AMINO_ACIDS`."""
    names = list(CLASSES)
    return np.array([names.index(CLASS_OF[letter]) for letter in AMINO_ACIDS])


def residue_tokens(tokenizer) -> list[int]:
    """Token id of each amino acid.

    Raises
    ------
    LexomeError
        If the vocabulary has no token for one of them alone.
    """
    vocabulary = tokenizer.get_vocab()
    absent = [letter for letter in AMINO_ACIDS if letter not in vocabulary]
    if absent:
        raise LexomeError(
            f"the backbone has no token for {', '.join(absent)} alone; only backbones that read proteins residue by "
            "residue can be looked into"
        )
    return [vocabulary[letter] for letter in AMINO_ACIDS]


def token_vectors(folder: str | Path) -> np.ndarray:
    """The input embedding of each amino acid in a backbone: float32, shape (20, width)."""
    import torch

    from lexome.embedding import load_backbone
    from lexome.tokens import load_tokenizer

    ids = residue_tokens(load_tokenizer(folder))
    weights = load_backbone(folder, torch.device("cpu")).get_input_embeddings().weight
    return weights[ids].detach().float().numpy()


def blosum_vectors() -> np.ndarray:
    """Rows of BLOSUM62 (Henikoff and Henikoff, PNAS 89, 10915-10919, 1992): float32, shape (20, 20).

    How amino acids are exchanged in aligned proteins: vectors that need no model.
    """
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")
    return np.array([[matrix[one, other] for other in AMINO_ACIDS] for one in AMINO_ACIDS], dtype=np.float32)


def class_silhouette(
    vectors: np.ndarray, classes: np.ndarray, seed: int, permutations: int = PERMUTATIONS, level: float = 0.95
) -> dict[str, float]:
    """Mean silhouette of classes under the cosine of centred vectors, beside classes that are dealt out anew.

    Parameters
    ----------
    vectors
        float, shape (n, width).
    classes
        int, shape (n,).
    seed
        Of the permutations.
    level
        Of the interval of chance.

    Returns
    -------
    dict
        `value`, `chance` (mean over permutations), `low`, `high` (what chance does within `level`), and `p`: the share
        of permutations, the true classes counted among them, that are as good.
    """
    unit = centre(vectors)[0]
    value = float(silhouettes(unit, classes).mean())
    rng = np.random.default_rng(seed)
    drawn = np.array([silhouettes(unit, rng.permutation(classes)).mean() for _ in range(permutations)])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    p = (1 + int((drawn >= value).sum())) / (1 + permutations)
    return {"value": value, "chance": float(drawn.mean()), "low": float(low), "high": float(high), "p": p}


def principal_plane(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components: points, float64, shape (n, 2), and the share of the variance of each.

    Signs are chosen so that the largest coordinate of each component is positive: the same picture everywhere.
    """
    moved = np.asarray(vectors, dtype=np.float64)
    moved = moved - moved.mean(axis=0)
    left, sizes, _ = np.linalg.svd(moved, full_matrices=False)
    points = left[:, :2] * sizes[:2]
    points *= np.sign(points[np.abs(points).argmax(axis=0), np.arange(points.shape[1])])
    return points, sizes[:2] ** 2 / max(float((sizes**2).sum()), 1e-30)


def background(sequences: Sequence[str]) -> np.ndarray:
    """Share of each amino acid in sequences, other letters left out: float64, shape (20,); even without any."""
    joined = "".join(sequences)
    counts = np.array([joined.count(letter) for letter in AMINO_ACIDS], dtype=np.float64)
    return counts / counts.sum() if counts.sum() else np.full(len(AMINO_ACIDS), 1 / len(AMINO_ACIDS))


def masked_probabilities(
    folder: str | Path, sequence: str, places: Sequence[int], limit: int, budget: int, gpus: int = 0
) -> tuple[np.ndarray | None, str]:
    """What a backbone expects at positions of a protein when each in turn is masked.

    Parameters
    ----------
    folder
        The backbone.
    places
        From 0; each costs one pass over the protein.
    limit
        Tokens that the backbone takes, special ones included.
    budget
        Tokens in a batch.

    Returns
    -------
    probabilities : numpy.ndarray or None
        float64, shape (n_places, 20), over the amino acids alone (they sum to 1). None where the backbone has no
        trained masked-language head, or cuts the protein before the last of `places`.
    reason : str
        Why there are none; empty where there are.
    """
    import torch

    from lexome.devices import find_device
    from lexome.masked_lm import find_head, load_masked_lm, masked_logits
    from lexome.tokens import encoder, load_tokenizer

    name = Path(folder).name
    try:
        model, new = load_masked_lm(folder)
    except LexomeError as error:
        return None, str(error)
    if new:
        return None, f"{name} came without the masked-language head that it was pretrained with"
    tokenizer = load_tokenizer(folder)
    if tokenizer.mask_token_id is None:
        return None, f"{name} has no token that masks"
    letters = residue_tokens(tokenizer)
    (row,) = encoder(tokenizer)([sequence])
    shift = row.index(letters[AMINO_ACIDS.index(next(letter for letter in sequence if letter in AMINO_ACIDS))])
    shift -= next(at for at, letter in enumerate(sequence) if letter in AMINO_ACIDS)
    if len(row) > limit:
        return None, f"the protein has {len(row):,} tokens, of which {name} takes {limit:,}"
    device = find_device(gpus)
    model = model.to(device).eval()
    ids, places = torch.tensor(row), np.asarray(places, dtype=np.int64)
    found = np.empty((len(places), len(AMINO_ACIDS)))
    size = max(1, budget // len(row))
    head = None
    with torch.inference_mode():
        for start in range(0, len(places), size):
            columns = torch.as_tensor(places[start : start + size] + shift)
            rows = torch.arange(len(columns))
            batch = ids.repeat(len(columns), 1)
            batch[rows, columns] = tokenizer.mask_token_id
            inputs = {"input_ids": batch.to(device), "attention_mask": torch.ones_like(batch).to(device)}
            head = head or find_head(model, {key: part[:1] for key, part in inputs.items()})
            logits = masked_logits(model, head, inputs, (rows.to(device), columns.to(device)))[:, letters]
            found[start : start + size] = logits.double().softmax(dim=1).cpu().numpy()
    return found, ""


def masked_table(sequence: str, places: Sequence[int], probabilities: np.ndarray, shares: np.ndarray) -> pd.DataFrame:
    """A row a position and amino acid: `MASKED_COLUMNS`; positions from 1, `letter` is what stands there."""
    n, letters = len(places), len(AMINO_ACIDS)
    return pd.DataFrame(
        {
            "position": np.repeat(np.asarray(places, dtype=int) + 1, letters),
            "letter": np.repeat([sequence[at] for at in places], letters) if n else np.array([], dtype=str),
            "amino_acid": list(AMINO_ACIDS) * n,
            "probability": np.asarray(probabilities, dtype=np.float64).ravel(),
            "background": np.tile(shares, n),
        }
    )


def masked_scores(table: pd.DataFrame, bootstrap: dict, name: str) -> list[dict]:
    """How well masked residues are told, beside the background frequencies.

    Parameters
    ----------
    table
        Of `masked_table`; positions whose letter is no amino acid do not count.
    bootstrap
        `replicates`, `level` and `seed`; positions are drawn again, as if they were independent.
    name
        Of the protein: its resamples are its own.

    Returns
    -------
    list of dict
        `metric` (`perplexity`, `accuracy`), `value`, `low`, `high`, `baseline`, `n` (positions).
    """
    table = table[table["letter"].isin(list(AMINO_ACIDS))]
    if table.empty:
        return []
    true = table[table["amino_acid"] == table["letter"]]
    best = table.loc[table.groupby("position", sort=False)["probability"].idxmax()]
    commonest = AMINO_ACIDS[int(table["background"].to_numpy()[: len(AMINO_ACIDS)].argmax())]
    counts = resample_groups(np.arange(len(true)), bootstrap["replicates"], stream(bootstrap["seed"], name, "masked"))
    smallest = np.finfo(float).tiny
    loss = -np.log(true["probability"].to_numpy().clip(smallest))
    right = (best["amino_acid"] == best["letter"]).to_numpy()
    chance = -np.log(true["background"].to_numpy().clip(smallest))
    rows = []
    for metric, each, baseline in (
        ("perplexity", loss, float(np.exp(chance.mean()))),
        ("accuracy", right, float((true["letter"] == commonest).mean())),
    ):
        undo = np.exp if metric == "perplexity" else float
        low, high = (float(undo(end)) for end in interval(resampled_means(each, counts), bootstrap["level"]))
        value = float(undo(each.mean()))
        rows.append({"metric": metric, "value": value, "low": low, "high": high, "baseline": baseline, "n": len(true)})
    return rows
