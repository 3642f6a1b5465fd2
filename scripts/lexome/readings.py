"""Several readings of one sequence: its tokens from the first letter on, and from some later ones.

A tokenizer of 6-mers shows a model a window of 60 nucleotides as ten tokens and hides the 6-mers that lie across them:
three letters further on there are nine others. A classifier may learn from all readings, one drawn for each example in
each epoch, and judges by the mean of its logits over all of them.
"""

from collections.abc import Sequence

import numpy as np

from lexome.errors import LexomeError

# The only reading, unless a model was trained with more.
WHOLE = (0,)


def shift(texts: Sequence[str], letters: int) -> list[str]:
    """The texts without their first letters; as they are where none is left off.

    Raises
    ------
    LexomeError
        If nothing is left of one.
    """
    if not letters:
        return list(texts)
    short = [text for text in texts if len(text) <= letters]
    if short:
        raise LexomeError(
            f"shifts: {letters} letters are left off, but {short[0]!r} has {len(short[0])}; take smaller shifts or "
            "longer sequences"
        )
    return [text[letters:] for text in texts]


class Draw:
    """What training sees of the examples: one reading of each, drawn anew in every epoch, with some tokens masked.

    The draw depends on seed, epoch and example alone, so that a training that was killed goes on as if it had not been.

    Parameters
    ----------
    readings
        Token ids of every example, one list a reading.
    seed
        Of the draw.
    masked
        Chance of every token to be replaced by the mask token, as in the pretraining (0 for none).
    mask_id
        The mask token; None if nothing is masked.
    special
        Token ids that are never masked.
    """

    def __init__(
        self,
        readings: Sequence[Sequence[np.ndarray]],
        seed: int,
        masked: float = 0.0,
        mask_id: int | None = None,
        special: Sequence[int] = (),
    ):
        if masked and mask_id is None:
            raise LexomeError("mask: the backbone's tokenizer has no mask token; set `mask: 0`")
        self._readings, self._seed = readings, seed
        self._masked, self._mask_id, self._special = masked, mask_id, np.array(sorted(special), dtype=np.int64)

    def __call__(self, row: int, epoch: int) -> np.ndarray:
        """Token ids of one example in an epoch (1, 2, ...): int64."""
        rng = np.random.default_rng([self._seed, epoch, row])
        ids = np.array(self._readings[rng.integers(len(self._readings))][row], dtype=np.int64)
        if self._masked:
            ids[(rng.random(len(ids)) < self._masked) & ~np.isin(ids, self._special)] = self._mask_id
        return ids
