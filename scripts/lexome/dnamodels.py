"""Models of DNA without a network: logistic regression on k-mers, on base composition, on the best motif match."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy import sparse
from scipy.special import expit, softmax

from lexome.dna import LETTERS, UNKNOWN, encode, reverse_complement
from lexome.errors import LexomeError
from lexome.models import Trained
from lexome.motifs import best_site, read_motifs
from lexome.runs import RunData
from lexome.runtime import read_json
from lexome.saved import save_model

log = logging.getLogger(__name__)

# Counts that are held dense at once.
BLOCK = 1 << 22
Scorer = Callable[[Sequence[str]], np.ndarray]


def fit_length(sequences: Sequence[str], length: int) -> list[str]:
    """Sequences made one length around their middle: N on both sides of short ones, long ones cut on both sides.

    Where the two sides cannot be equal, the right one gets the odd N, or loses the odd nucleotide.
    """
    cut = sum(len(sequence) > length for sequence in sequences)
    if cut:
        log.warning("%d of %d sequences were cut to their middle %d nucleotides", cut, len(sequences), length)
    out = []
    for sequence in sequences:
        start = max(0, len(sequence) - length) // 2
        kept = sequence[start : start + length]
        before = (length - len(kept)) // 2
        out.append("N" * before + kept + "N" * (length - len(kept) - before))
    return out


def window_shift(length: int, width: int) -> int:
    """How far `fit_length` moves the positions of a sequence of `length` to the right in a window of `width`."""
    return (width - length) // 2 if length < width else -((length - width) // 2)


def kmer_columns(k: int, both_strands: bool) -> tuple[list[str], np.ndarray]:
    """The columns of `kmer_counts`.

    Returns
    -------
    names : list of str
        The k-mer of each column, in alphabetical order; with both strands the first of a k-mer and its reverse
        complement.
    column : numpy.ndarray
        int64, shape (4**k,): where each k-mer, in alphabetical order, is counted.
    """
    kmers = [""]
    for _ in range(k):
        kmers = [kmer + letter for kmer in kmers for letter in LETTERS]
    counted = [min(kmer, reverse_complement(kmer)) for kmer in kmers] if both_strands else kmers
    names, column = np.unique(counted, return_inverse=True)
    return names.tolist(), column


def kmer_counts(sequences: Sequence[str], k: int, both_strands: bool, step: int = 1) -> sparse.csr_array:
    """How often each k-mer begins in each sequence; windows with an N count for none.

    Parameters
    ----------
    sequences
        Upper-case letters A, C, G, T, N; n of them, of any lengths.
    k
        Letters.
    both_strands
        Count a k-mer and its reverse complement as one: a sequence and its other strand then count alike.
    step
        Count those k-mers only that begin at 0, step, 2 step, ...: with 3, the codons of a window that starts in frame.

    Returns
    -------
    scipy.sparse.csr_array
        float32, shape (n, n_columns), see `kmer_columns`.
    """
    names, column = kmer_columns(k, both_strands)
    # Filled up on the right: a sequence's own first letter is where its steps start.
    longest = max(map(len, sequences), default=0)
    codes = encode([sequence.ljust(longest, "N") for sequence in sequences])
    windows = len(range(0, codes.shape[1] - k + 1, step))
    parts = [sparse.csr_array((0, len(names)), dtype=np.float32)]
    rows_at_once = max(1, BLOCK // len(names))
    for start in range(0, len(codes), rows_at_once):
        block = codes[start : start + rows_at_once]
        place = np.zeros((len(block), windows), dtype=np.int64)
        known = np.ones(place.shape, dtype=bool)
        for at in range(k):
            letters = block[:, at::step][:, :windows]
            place = 4 * place + letters
            known &= letters != UNKNOWN
        rows, _ = np.nonzero(known)
        cells = rows * len(names) + column[place[known]]
        counts = np.bincount(cells, minlength=len(block) * len(names)).astype(np.float32)
        parts.append(sparse.csr_array(counts.reshape(len(block), len(names))))
    return sparse.vstack(parts, format="csr")


def kmer_shares(sequences: Sequence[str], k: int, both_strands: bool, step: int = 1) -> sparse.csr_array:
    """`kmer_counts` divided by their sum in each sequence, so that length does not tell; all 0 where that is 0."""
    counts = kmer_counts(sequences, k, both_strands, step)
    sums = counts.sum(axis=1)
    return (sparse.diags_array(1 / np.maximum(sums, 1), dtype=np.float32) @ counts).tocsr()


def kmer(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Logistic regression on the shares of k-mers.

    Parameters
    ----------
    settings
        `k`, `reverse_complement`, `step` if it is not 1 (see `kmer_counts`), `C` (inverse strength of the L2 penalty on
        shares that were scaled to unit variance; of several, the one that errs least on valid: the share of wrong
        classes, or the log loss of labels; of equally good ones the first) and `max_iter`.
    seed
        Not used: the fit draws no random numbers.

    Raises
    ------
    LexomeError
        If both strands are to count alike in steps: the steps of the other strand start at the other end. If there is
        no valid example to choose `C` by.
    """
    k, both, step = settings["k"], settings["reverse_complement"], settings.get("step", 1)
    if both and step > 1:
        raise LexomeError(f"step: {step} counts in the frame of one strand; set `reverse_complement: false`")
    features = kmer_shares(data.train.texts, k, both, step)
    strengths = settings["C"] if isinstance(settings["C"], list) else [settings["C"]]
    if len(strengths) > 1 and not data.valid.ids:
        raise LexomeError("C: there is no valid example to choose one of several by; give one number")
    held = kmer_shares(data.valid.texts, k, both, step) if len(strengths) > 1 else None
    best, least = None, np.inf
    for strength in strengths:
        weights, intercepts = _regression(features, data, {**settings, "C": strength})
        error = _error(held @ weights.T + intercepts, data) if held is not None else 0.0
        if error < least:
            best, least = (weights, intercepts, strength), error
    weights, intercepts, strength = best
    about = {"model": dict(settings), "k": k, "reverse_complement": both, "step": step}
    if held is not None:
        log.info("C = %g errs least on valid: %.4f", strength, least)
        about["C"] = strength
    _save(folder, {"weights": weights, "intercepts": intercepts}, data, about)
    return _trained(load_kmer(folder), data, weights.size + intercepts.size)


def composition(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """Logistic regression on the shares of single nucleotides: `kmer` with k = 1."""
    return kmer(data, {**settings, "k": 1}, seed, folder, gpus)


def load_kmer(folder: str | Path) -> Scorer:
    """A saved `kmer` or `composition` as a function from sequences to probabilities, shape (n, n_labels)."""
    config = read_json(Path(folder) / "config.json")
    arrays = load_file(Path(folder) / "model.safetensors")

    def scores(sequences: Sequence[str]) -> np.ndarray:
        features = kmer_shares(sequences, config["k"], config["reverse_complement"], config.get("step", 1))
        return _probabilities(features @ arrays["weights"].T + arrays["intercepts"], config["task"])

    return scores


def motif_scores(sequences: Sequence[str], log_odds: Sequence[np.ndarray]) -> np.ndarray:
    """The best match of each motif on either strand.

    Parameters
    ----------
    sequences
        n of them, of any lengths. N counts 0 bits.
    log_odds
        Bits, each (width, 4), see `motifs.Motif.log_odds`.

    Returns
    -------
    numpy.ndarray
        float32 bits, shape (n, n_motifs); a sequence shorter than a motif has the bits of the worst site.
    """
    lengths = np.array([len(sequence) for sequence in sequences])
    scores = np.empty((len(lengths), len(log_odds)), dtype=np.float32)
    # Not padded to one length: a site must not reach beyond the end of its sequence.
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        codes = encode([sequences[row] for row in rows])
        for at, matrix in enumerate(log_odds):
            fits = len(matrix) <= length
            scores[rows, at] = best_site(codes, matrix)[0] if fits else matrix.min(axis=1).sum()
    return scores


def pwm(data: RunData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Trained:
    """The best match of a label's known motif, made a probability by logistic regression: nothing is learnt of DNA.

    Parameters
    ----------
    settings
        `motif_file` (a JASPAR database or a MEME file), `motifs` (label id -> matrix ids; with several of them, the
        regression weighs their best matches), `C` and `max_iter`.
    seed
        Not used.

    Raises
    ------
    LexomeError
        If a label has no motif, a motif is not in the file, or examples have one class each.
    """
    if data.task != "multi_label":
        raise LexomeError(f"a model of kind pwm says yes or no for each label; this study is {data.task}")
    ids = [label["id"] for label in data.labels]
    absent = [name for name in ids if not settings["motifs"].get(name)]
    if absent:
        raise LexomeError(f"motifs: none for {absent[0]}; name its matrix, as in `{absent[0]}: [MA0139.2]`")
    names = list(dict.fromkeys(matrix for name in ids for matrix in settings["motifs"][name]))
    log_odds = [motif.log_odds().astype(np.float32) for motif in read_motifs(settings["motif_file"], names).values()]
    features = motif_scores(data.train.texts, log_odds)
    weights = np.zeros((len(ids), len(names)), dtype=np.float32)
    intercepts = np.zeros(len(ids), dtype=np.float32)
    for at, name in enumerate(ids):
        own = [names.index(matrix) for matrix in settings["motifs"][name]]
        one = slice(at, at + 1)
        weights[one, own], intercepts[one] = _regression(features[:, own], data, settings, one)
    arrays = {"weights": weights, "intercepts": intercepts}
    arrays |= {f"log_odds.{name}": matrix for name, matrix in zip(names, log_odds, strict=True)}
    _save(folder, arrays, data, {"model": dict(settings), "motifs": names})
    return _trained(load_pwm(folder), data, np.count_nonzero(weights) + intercepts.size)


def load_pwm(folder: str | Path) -> Scorer:
    """A saved `pwm` as a function from sequences to probabilities, shape (n, n_labels)."""
    config = read_json(Path(folder) / "config.json")
    arrays = load_file(Path(folder) / "model.safetensors")
    log_odds = [arrays[f"log_odds.{name}"] for name in config["motifs"]]

    def scores(sequences: Sequence[str]) -> np.ndarray:
        return expit(motif_scores(sequences, log_odds) @ arrays["weights"].T + arrays["intercepts"])

    return scores


def _regression(
    features, data: RunData, settings: Mapping, labels: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the features as they are, (n_labels, n_features), fitted on features scaled to unit variance."""
    from lexome.textmodels import fit_classes, fit_labels  # takes scikit-learn, which a network has no use for

    scale = _deviation(features)
    scaled = features @ sparse.diags_array(1 / scale) if sparse.issparse(features) else features / scale
    if data.task == "multi_class":
        weights, intercepts = fit_classes(scaled, data.train.targets.argmax(axis=1), len(data.labels), settings)
    else:
        known = None if data.train.known is None else data.train.known[:, labels]
        weights, intercepts = fit_labels(scaled, data.train.targets[:, labels], settings, known)
    return (weights / scale).astype(np.float32), intercepts


def _deviation(features) -> np.ndarray:
    """Standard deviation of each column, float64; 1 for a column that does not vary."""
    if not sparse.issparse(features):
        deviation = np.asarray(features, dtype=np.float64).std(axis=0)
    else:
        doubles = features.astype(np.float64)
        variance = (doubles * doubles).mean(axis=0) - doubles.mean(axis=0) ** 2
        deviation = np.sqrt(np.maximum(variance, 0))
    return np.where(deviation > 1e-6, deviation, 1.0)


def _probabilities(logits: np.ndarray, task: str) -> np.ndarray:
    return softmax(logits, axis=1) if task == "multi_class" else expit(logits)


def _error(logits: np.ndarray, data: RunData) -> float:
    """Of valid: the share of examples whose class is not the likeliest, or the mean log loss of known labels."""
    targets, known = data.valid.targets, data.valid.known
    if data.task == "multi_class":
        return float((logits.argmax(axis=1) != targets.argmax(axis=1)).mean())
    each = np.logaddexp(0, np.where(targets, -logits, logits))
    return float(each.mean() if known is None else each[known].mean())


def _save(folder: str | Path, arrays: Mapping[str, np.ndarray], data: RunData, about: Mapping) -> None:
    labels = [label["id"] for label in data.labels]
    save_model(folder, arrays, {**about, "task": data.task, "labels": labels})


def _trained(scores: Scorer, data: RunData, size: int) -> Trained:
    cost = {"parameters": int(size), "trained_parameters": int(size)}
    return Trained(scores(data.valid.texts), scores(data.test.texts), [], cost)
