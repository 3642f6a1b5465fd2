"""The effect of variants on what a network predicts: the logit of the changed window less that of the given one.

Logits are those of the predictions: the mean over both strands where the network was trained so
(`convnets.strand_logits`). A window has the network's length; an allele lies in its middle, the right one of two, and
what reaches past the end of a sequence is N.

An insertion or deletion moves a flank. Were each allele put in the middle of its own window, both flanks would move by
half of its length, and a network that weighs positions would have that in the effect. Its logits are the mean of two
pairs of windows: one in which the left flank stays where it is and one in which the right flank does.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import expit, softmax

from lexome.dna import LETTERS, UNKNOWN, encode, one_hot
from lexome.dnamodels import fit_length
from lexome.errors import LexomeError
from lexome.peaks import chromosomes
from lexome.runtime import atomic, progress
from lexome.vcf import SKIPPED, same_contig, trim

BLOCK = 4096  # windows that are scored at once
FIRST = 20  # records after which REF alleles are believed to belong to the genome, or not
ROWS = 200_000  # rows of a table that are held before they are written
TABLE = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "chrom")),
        ("pos", pa.int64()),
        *((name, pa.string()) for name in ("ref", "alt", "factor")),
        *((name, pa.float32()) for name in ("logit_ref", "logit_alt", "effect", "probability_ref", "probability_alt")),
        ("unknown", pa.float32()),
    ]
)


class Scorer:
    """A saved network as it predicts: the mean of both strands where it was trained so.

    Attributes
    ----------
    length
        Nucleotides that it reads.
    factors
        Ids of its labels, in the order of the logits.
    task
        `multi_label` or `multi_class`.
    """

    def __init__(self, folder: str | Path, gpus: int = 0):
        # torch, which a test of the genome's side has no use for.
        from lexome.convnets import load_network
        from lexome.devices import find_device

        self.model, config = load_network(folder)
        self.device = find_device(gpus)
        self.model.to(self.device)
        self.length, self.factors, self.task = self.model.length, config["labels"], config["task"]
        self.both = config["reverse_complement"]

    def logits(self, codes: np.ndarray) -> np.ndarray:
        """Logits of sequences by their codes, (n, length): float32, shape (n, n_labels)."""
        import torch

        from lexome.convnets import strand_logits

        return strand_logits(self.model, torch.from_numpy(one_hot(codes)).to(self.device), self.both).numpy()

    def changes(self, codes: np.ndarray) -> np.ndarray:
        """What every substitution of one sequence, (length,), adds to its logits: float32, (length, 4, n_labels)."""
        from lexome.mutagenesis import saturate

        return saturate(self.model, one_hot(codes[None]), self.both)[0].transpose(1, 2, 0)


def substitutions(sequence: str) -> tuple[np.ndarray, np.ndarray]:
    """Every substitution of a sequence but those of N: positions (from 0) and codes of the new letters, by position.

    Returns
    -------
    positions : numpy.ndarray
        int64, shape (n,), n = 3 times the known letters.
    letters : numpy.ndarray
        uint8, shape (n,), 0 to 3 in the order A, C, G, T.
    """
    codes = encode([sequence])[0]
    new = (np.arange(4) != codes[:, None]) & (codes != UNKNOWN)[:, None]
    positions, letters = np.nonzero(new)
    return positions, letters.astype(np.uint8)


def score_substitutions(sequence: str, scorer: Scorer) -> tuple[np.ndarray, np.ndarray]:
    """Logits before and after every substitution of `substitutions`: two float32 arrays, shape (n, n_labels).

    A sequence that the network can read whole is read whole, in the middle of the window; in a longer one each
    substitution is scored in the window about its own position.
    """
    positions, letters = substitutions(sequence)
    length, labels = scorer.length, len(scorer.factors)
    if not len(positions):
        return np.empty((0, labels), dtype=np.float32), np.empty((0, labels), dtype=np.float32)
    if len(sequence) <= length:
        (window,) = encode(fit_length([sequence], length))
        places = positions + (length - len(sequence)) // 2
        before = np.repeat(scorer.logits(window[None]), len(positions), axis=0)
        return before, before + scorer.changes(window)[places, letters]
    left = length // 2
    (padded,) = encode(["N" * left + sequence + "N" * (length - left - 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)
    given = np.empty((len(sequence), labels), dtype=np.float32)
    after = np.empty((len(positions), labels), dtype=np.float32)
    for at in range(0, len(sequence), BLOCK):
        given[at : at + BLOCK] = scorer.logits(windows[at : at + BLOCK])
    for at in range(0, len(positions), BLOCK):
        rows = slice(at, at + BLOCK)
        mutants = windows[positions[rows]]
        mutants[:, left] = letters[rows]
        after[rows] = scorer.logits(mutants)
    return given[positions], after


def unknown_share(sequence: str, length: int) -> np.ndarray:
    """Share of N or padding in the window of each of `substitutions`, as `score_substitutions` has it: float32, n."""
    positions, _ = substitutions(sequence)
    known = np.concatenate([[0], np.cumsum(encode([sequence])[0] != UNKNOWN)])
    if len(sequence) <= length:
        return np.full(len(positions), 1 - known[-1] / length, dtype=np.float32)
    first = (positions - length // 2).clip(min=0)
    last = (positions - length // 2 + length).clip(max=len(sequence))
    return (1 - (known[last] - known[first]) / length).astype(np.float32)


def allele_windows(sequence: str, start: int, end: int, allele: str, span: int, length: int) -> tuple[str, str]:
    """The windows about an allele that takes the place of `sequence[start:end]`, N where there is no sequence.

    Parameters
    ----------
    allele
        At most `span` letters; "" for what is deleted.
    span
        Letters of the longer allele, at most `length`; these lie in the middle.

    Returns
    -------
    The window whose left flank is that of the other allele, and the one whose right flank is. They are the same for
    the longer allele, and for both where they are equally long.
    """
    before, spare = (length - span + 1) // 2, span - len(allele)
    return _window(sequence, start, end, allele, before, length), _window(
        sequence, start, end, allele, before + spare, length
    )


def _window(sequence: str, start: int, end: int, allele: str, before: int, length: int) -> str:
    """`before` letters, the allele, and what is left of the length."""
    after = length - len(allele) - before
    left = sequence[max(0, start - before) : start]
    right = sequence[end : end + after]
    return "N" * (before - len(left)) + left + allele + right + "N" * (after - len(right))


def variant_windows(
    variants: pd.DataFrame, genome: str | Path, length: int
) -> Iterator[tuple[np.ndarray, list[tuple[str, str]], list[tuple[str, str]], dict[int, str]]]:
    """Windows of variants on a genome, chromosome by chromosome; no more than one of them is in memory.

    The genome is read up to the last chromosome that has a variant. Names with and without `chr` are one.

    Parameters
    ----------
    variants
        Of `vcf.read_vcf`; its index is not used.

    Yields
    ------
    rows : numpy.ndarray
        int64, shape (n,): row numbers of variants; at most `BLOCK` at a time.
    given, changed : list of (str, str)
        The windows of REF and of ALT (`allele_windows`), n pairs of each, `length` letters.
    faults : dict
        Row number to reason, of variants that cannot be scored.

    Raises
    ------
    LexomeError
        If most REF alleles are not what the genome has (20 records are enough to tell), or no variant lies on a
        chromosome of the genome: the wrong assembly.
    """
    table = variants.reset_index(drop=True)
    waiting = dict(list(table.groupby(table["chrom"].map(same_contig), sort=False)))
    checked, wrong, seen, first = 0, 0, [], ""
    for name, sequence in chromosomes(genome) if waiting else ():
        seen.append(name)
        rows = waiting.pop(same_contig(name), None)
        if rows is None:
            continue
        for at in range(0, len(rows), BLOCK):
            kept, given, changed, faults = [], [], [], {}
            for row in rows[at : at + BLOCK].itertuples():
                start, ref, alt = trim(row.pos, row.ref, row.alt)
                there = sequence[row.pos - 1 : row.pos - 1 + len(row.ref)]
                if len(there) < len(row.ref):
                    faults[row.Index] = f"past the end: {name} has {len(sequence)} nucleotides"
                elif "N" in there:
                    faults[row.Index] = "N: the genome has no letter there"
                else:
                    checked += 1
                    if there != row.ref:
                        wrong += 1
                        faults[row.Index] = f"REF is not the genome's: {row.ref}, it has {there}"
                        first = (
                            first or f"line {row.line}, {row.chrom}:{row.pos}, REF {row.ref}, the genome has {there}"
                        )
                    elif (most := max(len(ref), len(alt))) > length // 2:
                        faults[row.Index] = (
                            f"too long: {most} nucleotides change, more than half of the {length} that are read"
                        )
                    else:
                        kept.append(row.Index)
                        for windows, allele in ((given, ref), (changed, alt)):
                            windows.append(allele_windows(sequence, start, start + len(ref), allele, most, length))
                if checked == FIRST:
                    _check_assembly(wrong, checked, first, genome)
            yield np.array(kept, dtype=np.int64), given, changed, faults
        if not waiting:
            break
    if seen and sum(map(len, waiting.values())) == len(table):
        wanted, known = sorted(set(table["chrom"])), ", ".join(seen[:6]) + (" ..." if len(seen) > 6 else "")
        raise LexomeError(f"{genome}: has no chromosome of the variants ({', '.join(wanted[:6])}); it has {known}")
    _check_assembly(wrong, checked, first, genome)
    faults = {
        row: "no such chromosome: the genome has none of that name" for rows in waiting.values() for row in rows.index
    }
    yield np.empty(0, dtype=np.int64), [], [], faults


def _check_assembly(wrong: int, checked: int, first: str, genome: str | Path) -> None:
    if 2 * wrong > checked:
        raise LexomeError(
            f"{genome}: {wrong} of {checked} REF alleles are not what the genome has; is it another assembly than that "
            f"of the variants (hg19 and hg38, say)? The first: {first}"
        )


def score_variants(
    variants: pd.DataFrame, genome: str | Path, scorer: Scorer
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, str]]:
    """Logits before and after each variant, the mean over its pairs of windows.

    Parameters and errors as in `variant_windows`.

    Returns
    -------
    before, after : numpy.ndarray
        float32, shape (n, n_labels); NaN where there are none.
    unknown : numpy.ndarray
        float32, shape (n,): the share of N or padding in the windows of both alleles; NaN where there are none.
    faults : dict
        As in `variant_windows`.
    """
    before, after = (np.full((len(variants), len(scorer.factors)), np.nan, dtype=np.float32) for _ in range(2))
    unknown = np.full(len(variants), np.nan, dtype=np.float32)
    faults: dict[int, str] = {}
    with progress(total=len(variants), unit="variants", desc="variants") as bar:
        for rows, given, changed, bad in variant_windows(variants, genome, scorer.length):
            faults |= bad
            if len(rows):
                before[rows], after[rows] = (_mean_logits(scorer, pairs) for pairs in (given, changed))
                both = zip(given, changed, strict=True)
                unknown[rows] = [
                    sum(window.count("N") for pair in own for window in pair) / (4 * scorer.length) for own in both
                ]
            bar.update(len(rows) + len(bad))
    return before, after, unknown, faults


def _mean_logits(scorer: Scorer, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Mean logits of each pair of windows, (n, n_labels); a pair of one window is scored once."""
    logits = scorer.logits(encode([left for left, _ in pairs]))
    moved = [at for at, (left, right) in enumerate(pairs) if left != right]
    if moved:
        logits[moved] = (logits[moved] + scorer.logits(encode([pairs[at][1] for at in moved]))) / 2
    return logits


def substitution_table(name: str, sequence: str) -> pd.DataFrame:
    """The substitutions of a sequence as `id`, `chrom` (the sequence's id), `pos` (from 1), `ref` and `alt`."""
    positions, letters = substitutions(sequence)
    ref = np.array(list(sequence))[positions] if len(positions) else np.array([], dtype=str)
    alt = np.array(list(LETTERS))[letters]
    ids = [f"{name}:{at + 1}:{old}>{new}" for at, old, new in zip(positions, ref, alt, strict=True)]
    return pd.DataFrame({"id": ids, "chrom": name, "pos": positions + 1, "ref": ref, "alt": alt})


def unknown_stretches(name: str, sequence: str) -> pd.DataFrame:
    """The stretches of N of a sequence, which have no substitutions: a row each, with the columns of `vcf.SKIPPED`."""
    rows = [
        {
            "id": name,
            "chrom": name,
            "pos": match.start() + 1,
            "ref": "N",
            "reason": f"N: {len(match[0])} unknown letters, which have no substitutions",
        }
        for match in re.finditer("N+", sequence)
    ]
    return pd.DataFrame(rows, columns=SKIPPED)


def effects(
    variants: pd.DataFrame,
    before: np.ndarray,
    after: np.ndarray,
    unknown: np.ndarray,
    factors: Sequence[str],
    task: str,
) -> pd.DataFrame:
    """The table of effects, a row a (variant, factor): the columns of `TABLE`.

    Parameters
    ----------
    variants
        `id`, `chrom`, `pos`, `ref`, `alt`; n of them.
    before, after
        Logits, shape (n, n_factors).
    unknown
        Share of N or padding in the windows, shape (n,): what the network did not see. The more, the less sure.
    task
        `multi_label` or `multi_class`: what makes logits probabilities.
    """
    activation = expit if task == "multi_label" else lambda logits: softmax(logits, axis=1)
    table = variants.loc[variants.index.repeat(len(factors)), TABLE.names[:5]].reset_index(drop=True)
    return table.assign(
        factor=np.tile(np.array(factors, dtype=object), len(variants)),
        logit_ref=before.ravel(),
        logit_alt=after.ravel(),
        effect=(after - before).ravel(),
        probability_ref=activation(before).ravel(),
        probability_alt=activation(after).ravel(),
        unknown=np.repeat(np.asarray(unknown, dtype=np.float32), len(factors)),
    )


def write_effects(tables: Iterable[pd.DataFrame], tsv: str | Path, parquet: str | Path) -> int:
    """Write tables of `effects` one below the other, as TSV and as parquet; each file whole or not at all.

    Returns
    -------
    Rows.
    """
    rows, waiting = 0, 0
    with atomic(tsv) as text, atomic(parquet) as binary, contextlib.ExitStack() as stack:
        handle = stack.enter_context(open(text, "w", encoding="utf-8", newline=""))
        writer = stack.enter_context(pq.ParquetWriter(binary, TABLE))
        handle.write("\t".join(TABLE.names) + "\n")
        held: list[pd.DataFrame] = []

        def flush() -> None:
            if held:
                table = pd.concat(held)
                table.to_csv(handle, sep="\t", index=False, header=False, float_format="%.6g", lineterminator="\n")
                writer.write_table(pa.Table.from_pandas(table, TABLE, preserve_index=False))
                held.clear()

        for table in tables:
            held.append(table)
            rows, waiting = rows + len(table), waiting + len(table)
            if waiting >= ROWS:
                flush()
                waiting = 0
        flush()
    return rows
