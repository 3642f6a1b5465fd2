"""What masked tokens can be told by counts alone: the least that a masked-language model has to beat.

Every baseline is a distribution over the tokens that may stand at a masked place, from counts on the texts that the
model was trained on, and is asked at the very places that the model is asked at. What is shown there counts as well: of
the chosen tokens some stay and some are replaced at random (see `masking`), so that a token that is shown is right in
half of the cases, which a model learns and counts alone would not know. The posterior is exact: P(token | context,
shown) is P(token | context) times P(shown | token). In the same way every neighbour that is shown is taken to be random
as often as it is.

`unigram`: how common a token is, with one more count for each.
`bigram_left`, `bigram`: given the token on the left, and the tokens on both sides as of a Markov chain of tokens:
P(token | left) P(right | token). Smoothed towards how common tokens are by as many counts as predict best what is left
out of the counts once (MacKay and Peto 1995, doi:10.1017/S1351324900000218). A neighbour that is masked tells nothing.
`markov<k-1>_left`, `markov<k-1>`: where tokens are k-mers of DNA, a Markov chain over nucleotides that remembers k - 1
of them; every order is smoothed with the one below (Witten and Bell 1991, doi:10.1109/18.87000, method C). Masked
tokens on the left are marginalised: the chain runs through them from the nearest token that is shown. On the right only
the next token counts. Whether a place holds a k-mer at all, or one of the single letters at the end of a text, is told
by counts of which kind follows which.
`codon_markov<k-1>`: the same with chains of their own for the three places of a codon (Borodovsky and McIninch 1993,
doi:10.1016/0097-8485(93)85004-V); it gains where texts begin with a codon.
"""

import string
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from scipy import sparse

from lexome.masking import FIXED, TO_MASK, TO_RANDOM, Masker

# Masked tokens that are told at once: each takes a row as long as the vocabulary.
BLOCK = 256
# Letters of the longest k-mers that a chain is built for: it holds 4**(2 k - 1) chances.
LONGEST = 6
UNKNOWN = -1
# Counts that a pair's smoothing may weigh.
WEIGHTS = 2.0 ** np.arange(25)
# Masked texts, and the text and column of n places in them, to chances of all ids: float64, shape (n, ids), up to a
# factor.
Context = Callable[[Sequence[np.ndarray], np.ndarray, np.ndarray], np.ndarray]


def measure_baselines(
    rows: Sequence[np.ndarray], train: np.ndarray, places: np.ndarray, masker: Masker, vocabulary: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Cross-entropy and hits of every baseline at the masked tokens of chosen texts.

    Parameters
    ----------
    rows
        Token ids of every text.
    train, places
        Of the texts that are counted, and of those that are measured, in `rows`.
    masker
        As the model was trained and measured with.
    vocabulary
        Token -> id.

    Returns
    -------
    dict
        Baseline -> float64, shape (len(places), 3), as `masked_lm.measure` has it.
    """
    size = 1 + max(max(vocabulary.values()), int(masker.ordinary.max()), masker.mask_id)
    ordinary = np.zeros(size, dtype=bool)
    ordinary[masker.ordinary] = True
    counted = [rows[place] for place in train]
    masked = [masker(rows[place], int(place), FIXED) for place in places]
    texts = [ids for ids, _ in masked]
    text = np.repeat(np.arange(len(places)), [len(chosen) for _, chosen in masked])
    column = np.concatenate([chosen for _, chosen in masked] or [np.zeros(0, dtype=np.int64)])
    truth = np.array([rows[places[at]][where] for at, where in zip(text, column, strict=True)], dtype=np.int64)
    shown = np.array([texts[at][where] for at, where in zip(text, column, strict=True)], dtype=np.int64)
    sums = {}
    for name, context in _contexts(counted, ordinary, masker, vocabulary):
        loss, right = np.zeros(len(truth)), np.zeros(len(truth))
        for start in range(0, len(truth), BLOCK):
            part = slice(start, start + BLOCK)
            chances = context(texts, text[part], column[part])
            chances *= _channel(shown[part], masker, size)
            chances[:, ~ordinary] = 0
            chances /= chances.sum(axis=1, keepdims=True)
            loss[part] = -np.log(chances[np.arange(len(chances)), truth[part]])
            right[part] = chances.argmax(axis=1) == truth[part]
        columns = (np.bincount(text, weights=each, minlength=len(places)) for each in (loss, np.ones(len(text)), right))
        sums[name] = np.stack(list(columns), axis=1)
    return sums


def _channel(shown: np.ndarray, masker: Masker, size: int) -> np.ndarray:
    """P(shown | token) up to a factor, shape (len(shown), size): the same for all tokens where the mask is shown."""
    chances = np.full((len(shown), size), TO_RANDOM / len(masker.ordinary))
    chances[np.arange(len(shown)), shown] += 1 - TO_MASK - TO_RANDOM
    chances[shown == masker.mask_id] = 1
    return chances


def _contexts(
    counted: Sequence[np.ndarray], ordinary: np.ndarray, masker: Masker, vocabulary: Mapping[str, int]
) -> Iterator[tuple[str, Context]]:
    every = 1.0 + np.bincount(np.concatenate(counted), minlength=len(ordinary))
    single = np.where(ordinary, every, 0) / every[ordinary].sum()
    error = masker.rate * TO_RANDOM / (1 - masker.rate * TO_MASK)

    def both(one: Context, other: Context) -> Context:
        return lambda texts, text, column: one(texts, text, column) * other(texts, text, column)

    def context(left: Context, right: Context | None = None) -> Context:
        def chances(texts, text, column):
            told = (1 - error) * left(texts, text, column) + error * single
            if right is not None:
                told *= (1 - error) * right(texts, text, column) + error / ordinary.sum()
            return told

        return chances

    yield "unigram", lambda texts, text, column: np.tile(single, (len(text), 1))
    pairs = Pairs(counted, every / every.sum(), single, masker.mask_id)
    yield "bigram_left", context(pairs.left)
    yield "bigram", context(pairs.left, pairs.right)
    kmers = Kmers.of(vocabulary, len(ordinary))
    if not kmers:
        return
    kinds = Kinds(counted, kmers, single, masker.mask_id)
    for period, name in ((1, "markov"), (3, "codon_markov")):
        if kmers.k % period == 0:
            chain = Chain(counted, kmers, period, single, masker.mask_id)
            left, right = both(chain.left, kinds.left), both(chain.right, kinds.right)
            if period == 1:
                yield f"{name}{kmers.k - 1}_left", context(left)
            yield f"{name}{kmers.k - 1}", context(left, right)


def neighbours(texts: Sequence[np.ndarray], text: np.ndarray, column: np.ndarray, step: int, mask: int) -> np.ndarray:
    """The token `step` beside each place, int64; `UNKNOWN` where it is masked or the text ends."""
    found = np.full(len(text), UNKNOWN, dtype=np.int64)
    for at, (row, place) in enumerate(zip(text, column + step, strict=True)):
        if 0 <= place < len(texts[row]) and texts[row][place] != mask:
            found[at] = texts[row][place]
    return found


class Pairs:
    """Which token follows which.

    Parameters
    ----------
    counted
        Token ids of each text.
    every, single
        How common each id is among all, and among those that may be masked; each sums to 1.
    mask
        The mask token.

    Attributes
    ----------
    weight
        Of `every` in the counts that follow each token.
    """

    def __init__(self, counted: Sequence[np.ndarray], every: np.ndarray, single: np.ndarray, mask: int):
        size = len(every)
        first = np.concatenate([row[:-1] for row in counted])
        second = np.concatenate([row[1:] for row in counted])
        counts = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(size, size))
        self._rows, self._columns = counts.tocsr(), counts.tocsc()
        self._every, self._single, self._mask = every, single, mask
        self._sums = self._rows.sum(axis=1)
        pairs = counts.tocsr().tocoo()
        seen = (pairs.data, every[pairs.col], self._sums[pairs.row])
        self.weight = max(WEIGHTS, key=lambda weight: self._left_out(*seen, weight))

    @staticmethod
    def _left_out(counts: np.ndarray, single: np.ndarray, sums: np.ndarray, weight: float) -> float:
        """Log-likelihood of all pairs, each told from the others."""
        return float(counts @ np.log((counts - 1 + weight * single) / (sums - 1 + weight)))

    def left(self, texts: Sequence[np.ndarray], text: np.ndarray, column: np.ndarray) -> np.ndarray:
        """P(token | the one on its left), a `Context`."""
        before = neighbours(texts, text, column, -1, self._mask)
        known, chances = before != UNKNOWN, np.tile(self._single, (len(text), 1))
        own = before[known]
        smoothed = self._rows[own].toarray() + self.weight * self._every
        chances[known] = smoothed / (self._sums[own, None] + self.weight)
        return chances

    def right(self, texts: Sequence[np.ndarray], text: np.ndarray, column: np.ndarray) -> np.ndarray:
        """P(the token on the right | token), a `Context`; 1 where that is masked."""
        behind = neighbours(texts, text, column, 1, self._mask)
        known, chances = behind != UNKNOWN, np.ones((len(text), len(self._every)))
        own = behind[known]
        smoothed = self._columns[:, own].toarray().T + self.weight * self._every[own, None]
        chances[known] = smoothed / (self._sums + self.weight)
        return chances


class Kmers:
    """The k-mers of a vocabulary: `codes` (int64 by token id, base 4 in the order of ACGT; -1 for other tokens).

    `letters`: int8, shape (ids, k): the nucleotides of each token, 0 to 3; -1 for other letters, -2 behind the last one
    and for special tokens.
    """

    def __init__(self, vocabulary: Mapping[str, int], size: int, k: int):
        self.k = k
        self.codes = np.full(size, UNKNOWN, dtype=np.int64)
        self.letters = np.full((size, k), -2, dtype=np.int8)
        for token, at in vocabulary.items():
            if token and len(token) <= k and set(token) <= set(string.ascii_uppercase):
                self.letters[at, : len(token)] = ["ACGT".find(letter) for letter in token]
        whole = (self.letters >= 0).all(axis=1)
        self.codes[whole] = self.letters[whole].astype(np.int64) @ 4 ** np.arange(k)[::-1]
        self.ids = np.empty(4**k, dtype=np.int64)
        self.ids[self.codes[whole]] = np.flatnonzero(whole)

    @classmethod
    def of(cls, vocabulary: Mapping[str, int], size: int) -> "Kmers | None":
        """None where the vocabulary does not hold all k-mers of one k from 2 to `LONGEST`, and no longer ones."""
        kmers = [token for token in vocabulary if token and set(token) <= set("ACGT")]
        k = max(map(len, kmers), default=0)
        complete = 2 <= k <= LONGEST and sum(len(token) == k for token in kmers) == 4**k
        return cls(vocabulary, size, k) if complete else None


class Kinds:
    """Whether a token is a k-mer, a single nucleotide or something else: which kind follows which.

    Single nucleotides are what is left at the end of a text or before an N: others follow them, no k-mer does. A chain
    over nucleotides knows nothing of tokens, and takes every kind to be as common everywhere.

    Parameters
    ----------
    As of `Chain`.

    Attributes
    ----------
    of
        Kind of each token id: 0 for k-mers, 1 for single nucleotides, 2 for others.
    step
        P(next kind | kind), float64, shape (3, 4), from counts and one more for each; the last column is the end.
    """

    END = 3

    def __init__(self, counted: Sequence[np.ndarray], kmers: Kmers, single: np.ndarray, mask: int):
        self._mask = mask
        self.of = np.where(kmers.codes != UNKNOWN, 0, np.where(kmers.letters[:, 0] >= 0, 1, 2))
        counts = np.ones((self.END, self.END + 1))
        for row in counted:
            np.add.at(counts, (self.of[row], np.append(self.of[row[1:]], self.END)), 1)
        self.step = counts / counts.sum(axis=1, keepdims=True)
        self._shares = np.bincount(self.of, weights=single, minlength=self.END)
        # Within a text, and of tokens that may be masked.
        inner = np.where(self._shares > 0, self.step[:, : self.END], 0)
        self._inner = inner / inner.sum(axis=1, keepdims=True)

    def left(self, texts: Sequence[np.ndarray], text: np.ndarray, column: np.ndarray) -> np.ndarray:
        """P(kind of a token | the nearest one that is shown on its left) / P(its kind), a `Context`."""
        told = np.ones((len(text), self.END))
        for at, (row, place) in enumerate(zip(text, column, strict=True)):
            shown = np.flatnonzero(texts[row][:place] != self._mask)
            if len(shown):
                chances = np.linalg.matrix_power(self._inner, place - shown[-1])[self.of[texts[row][shown[-1]]]]
                told[at] = np.divide(chances, self._shares, out=np.ones(self.END), where=self._shares > 0)
        return told[:, self.of]

    def right(self, texts: Sequence[np.ndarray], text: np.ndarray, column: np.ndarray) -> np.ndarray:
        """P(kind on the right, or end | kind of a token) / P(that one), a `Context`; 1 where it is masked."""
        told = np.ones((len(text), self.END))
        for at, (row, place) in enumerate(zip(text, column + 1, strict=True)):
            ended = place == len(texts[row])
            if ended or texts[row][place] != self._mask:
                chances = self.step[:, self.END if ended else self.of[texts[row][place]]]
                told[at] = chances / (self._shares @ chances)
        return told[:, self.of]


class Chain:
    """A Markov chain over nucleotides that tells a masked k-mer.

    Parameters
    ----------
    counted
        Token ids of each text.
    period
        1, or 3 for chains of their own for the places of a codon; divides k.
    single
        How common each token is: the share of tokens that are no k-mers (single letters at the ends) is theirs.
    mask
        The mask token.
    """

    def __init__(self, counted: Sequence[np.ndarray], kmers: Kmers, period: int, single: np.ndarray, mask: int):
        self._mask = mask
        self._kmers, self._single, self._share = kmers, single, single[kmers.ids].sum()
        self._contexts = 4 ** (kmers.k - 1)
        counts = self._count(counted, period)
        self._first = (counts[0].sum(axis=1) + 1) / (counts[0].sum() + self._contexts)
        self.step = smooth(counts)
        # P(k-mer | the k - 1 letters before it), and where the chain is after it.
        chances = np.ones((self._contexts, 1))
        for at in range(kmers.k):
            place = np.arange(self._contexts)[:, None] * 4**at + np.arange(4**at)
            following = self.step[at % period][place % self._contexts]
            chances = (chances[:, :, None] * following).reshape(self._contexts, -1)
        self.kmer = chances
        self._next = chances.reshape(self._contexts, 4, self._contexts).sum(axis=1)

    def _count(self, counted: Sequence[np.ndarray], period: int) -> np.ndarray:
        """How often each letter follows k - 1 others, float64, shape (period, 4**(k-1), 4)."""
        width, texts = self._kmers.k - 1, []
        for row in counted:
            letters = self._kmers.letters[row].reshape(-1)
            texts.append(letters[letters > -2])
        letters = np.concatenate([part for text in texts for part in (text, np.array([-1], dtype=np.int8))])
        phase = np.concatenate([np.arange(len(text) + 1) % period for text in texts])
        windows = np.lib.stride_tricks.sliding_window_view(letters, width + 1)
        known = (windows >= 0).all(axis=1)
        code = windows[known].astype(np.int64) @ 4 ** np.arange(width + 1)[::-1]
        cells = phase[width:][known] * 4 ** (width + 1) + code
        return np.bincount(cells, minlength=period * 4 ** (width + 1)).reshape(period, -1, 4).astype(float)

    def left(self, texts: Sequence[np.ndarray], text: np.ndarray, column: np.ndarray) -> np.ndarray:
        """P(token | what is shown on its left), a `Context`."""
        context, gaps = np.full(len(text), UNKNOWN), np.zeros(len(text), dtype=np.int64)
        for at, (row, place) in enumerate(zip(text, column, strict=True)):
            shown = np.flatnonzero(texts[row][:place] != self._mask)
            if len(shown):
                gaps[at] = place - 1 - shown[-1]
                code = self._kmers.codes[texts[row][shown[-1]]]
                context[at] = UNKNOWN if code == UNKNOWN else code % self._contexts
        told, known = np.tile(self._first @ self.kmer, (len(text), 1)), context != UNKNOWN
        told[known & (gaps == 0)] = self.kmer[context[known & (gaps == 0)]]
        further, gap = np.flatnonzero(known & (gaps > 0)), 0
        state = np.eye(self._contexts)[context[further]]
        while len(further):
            gap, state = gap + 1, state @ self._next
            near = gaps[further] == gap
            told[further[near]] = state[near] @ self.kmer
            further, state = further[~near], state[~near]
        chances = np.tile(self._single, (len(text), 1))
        chances[:, self._kmers.ids] = told * self._share
        return chances

    def right(self, texts: Sequence[np.ndarray], text: np.ndarray, column: np.ndarray) -> np.ndarray:
        """P(the token on the right | token), a `Context`; 1 where that is masked or no k-mer."""
        behind = neighbours(texts, text, column, 1, self._mask)
        code = np.where(behind == UNKNOWN, UNKNOWN, self._kmers.codes[behind])
        known, chances = code != UNKNOWN, np.ones((len(text), len(self._single)))
        # What is no k-mer is followed by a k-mer as often as any token is.
        chances[known] = self._single[behind[known], None]
        ending = np.arange(4**self._kmers.k) % self._contexts
        chances[np.ix_(known, self._kmers.ids)] = self.kmer[:, code[known]][ending].T * self._share
        return chances


def smooth(counts: np.ndarray) -> np.ndarray:
    """P(letter | letters before it) from counts, every order smoothed with the one below (Witten and Bell, method C).

    Parameters
    ----------
    counts
        Shape (chains, 4**order, 4).

    Returns
    -------
    numpy.ndarray
        float64, the same shape; rows sum to 1.
    """
    chains, contexts, _ = counts.shape
    chances = np.full((chains, 1, 4), 0.25)
    size = 1
    while size <= contexts:
        own = counts.reshape(chains, contexts // size, size, 4).sum(axis=1)
        kinds = np.maximum((own > 0).sum(axis=2, keepdims=True), 1)
        below = np.tile(chances, (1, size // chances.shape[1], 1))
        chances = (own + kinds * below) / (own.sum(axis=2, keepdims=True) + kinds)
        size *= 4
    return chances
