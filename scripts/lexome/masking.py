"""Masking of tokens for masked-language modelling (Devlin et al. 2019, doi:10.18653/v1/N19-1423, section 3.1).

Every token but the special ones is chosen with a fixed chance. Of the chosen tokens 80 % become the mask token, 10 %
another token of the vocabulary (which may be the same), 10 % stay; the model has to tell all of them.

The draw depends on seed, epoch and place of the text in the corpus alone, not on batches or devices: training sees new
masks in every epoch, two measurements with one epoch number see the same ones, and a resumed training goes on as if it
had not stopped. That is why it is not the data collator of transformers, which draws from one stream.
"""

from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from lexome.errors import LexomeError

TO_MASK, TO_RANDOM = 0.8, 0.1
# The number of no training epoch: masks for measuring.
FIXED = 0


@dataclass(frozen=True)
class Masker:
    """How the tokens of one corpus are masked.

    Attributes
    ----------
    rate
        Chance of every token to be chosen.
    mask_id
        The mask token.
    special
        Token ids that are never chosen, int64.
    ordinary
        Token ids that may take the place of others, int64.
    """

    rate: float
    seed: int
    mask_id: int
    special: np.ndarray
    ordinary: np.ndarray

    def __call__(self, ids: np.ndarray, row: int, epoch: int = FIXED) -> tuple[np.ndarray, np.ndarray]:
        """Mask one text.

        Parameters
        ----------
        ids
            Its tokens, shape (tokens,).
        row, epoch
            Its place in the corpus; 1, 2, ... in training, `FIXED` in measurements.

        Returns
        -------
        masked : numpy.ndarray
            int64, shape (tokens,).
        places : numpy.ndarray
            Where tokens were chosen, ascending; may be empty.
        """
        ids = np.asarray(ids, dtype=np.int64)
        rng = np.random.default_rng([self.seed, epoch, row])
        chance, fate = rng.random((2, len(ids)))
        places = np.flatnonzero((chance < self.rate) & ~np.isin(ids, self.special))
        fate, masked = fate[places], ids.copy()
        masked[places[fate < TO_MASK]] = self.mask_id
        other = places[(fate >= TO_MASK) & (fate < TO_MASK + TO_RANDOM)]
        masked[other] = rng.choice(self.ordinary, len(other))
        return masked, places


def make_masker(tokenizer: PreTrainedTokenizerBase, rate: float, seed: int, vocabulary: int) -> Masker:
    """The masker of a tokenizer.

    Parameters
    ----------
    vocabulary
        Tokens that the model knows; ids from there on replace nothing.

    Raises
    ------
    LexomeError
        If the tokenizer has no mask token.
    """
    if tokenizer.mask_token_id is None:
        raise LexomeError(
            f"{tokenizer.name_or_path}: the tokenizer has no mask token, so that masked-language modelling is not "
            "possible; adapt another backbone"
        )
    special = np.array(sorted(tokenizer.all_special_ids), dtype=np.int64)
    known = np.array(sorted(tokenizer.get_vocab().values()), dtype=np.int64)
    return Masker(rate, seed, tokenizer.mask_token_id, special, np.setdiff1d(known[known < vocabulary], special))
