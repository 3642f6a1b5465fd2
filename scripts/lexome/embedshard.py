"""One shard of a study's embeddings: what belongs to it, and filling it so that nothing is computed twice."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from datasets import Dataset

from lexome.batching import budget_batches, count_windows, shard_count, shard_rows
from lexome.embedding import Embedder
from lexome.partialshard import STORED, PartialShard, encode

# Rows whose tokens are read from disk at once where nothing is computed with them.
CHUNK = 1024


class Shard:
    """The distinct sequences of one shard, ascending in length.

    Parameters
    ----------
    tokens
        As `tokens.tokenise` makes them.
    shard, dealt
        Which shard, and how sequences are dealt out (see `batching.shard_count`).
    embedder
        What reads them.

    Attributes
    ----------
    rows : numpy.ndarray
        int64: their rows in `tokens`.
    lengths, contents, windows : numpy.ndarray
        int64: tokens of each, special ones included; those that stand for letters; windows that it is read in.
    digest : str
        Of all token ids.
    """

    def __init__(self, tokens: Dataset, shard: int, dealt: Mapping, embedder: Embedder):
        lengths = np.asarray(tokens["length"], dtype=np.int64)
        own = np.flatnonzero(np.asarray(tokens["first"]) == np.arange(len(tokens)))
        self.rows = own[shard_rows(lengths[own], shard, shard_count(len(own), dealt))]
        self.lengths = lengths[self.rows]
        self._tokens = tokens.with_format("numpy")
        self._names = tokens
        state, contents = hashlib.blake2b(digest_size=16), []
        for start in range(0, len(self.rows), CHUNK):
            ids = self.read(range(start, min(start + CHUNK, len(self.rows))))
            flat = np.concatenate(ids)
            state.update(flat.astype("<i4").tobytes())
            starts = np.cumsum([0, *map(len, ids[:-1])])
            contents.append(np.add.reduceat(embedder.content(flat).astype(np.int64), starts))
        self.contents = np.concatenate(contents) if contents else np.zeros(0, dtype=np.int64)
        pairs = zip(self.lengths.tolist(), self.contents.tolist(), strict=True)
        room, overlap = embedder.room, embedder.overlap
        self.windows = np.array([count_windows(*pair, room, overlap) for pair in pairs], dtype=np.int64)
        self.digest = state.hexdigest()

    def read(self, places: range) -> list[np.ndarray]:
        """Token ids of a run of sequences."""
        return list(self._tokens[self.rows[places.start : places.stop]]["input_ids"])

    def table(self) -> pd.DataFrame:
        """One row a sequence: `id`, `tokens`, `content`, `windows`."""
        ids = self._names.select(self.rows)["id"][:] if len(self.rows) else []
        return pd.DataFrame(
            {"id": list(ids), "tokens": self.lengths, "content": self.contents, "windows": self.windows}
        )


def ahead(read: Callable[[range], list], batches: Sequence[range]) -> Iterator[list]:
    """What `read` gives for each batch; the next is read while the last is computed with."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(read, batches[0]) if batches else None
        for following in [*batches[1:], None]:
            if coming is None:
                return
            ready = coming.result()
            coming = None if following is None else pool.submit(read, following)
            yield ready


def fill_shard(
    shard: Shard,
    embedder: Embedder,
    dtype: str,
    plan: Mapping,
    unfinished: str | Path,
    report: Callable[[int, int], None] = lambda sequences, tokens: None,
) -> tuple[PartialShard, int]:
    """Embed what is left of a shard.

    Parameters
    ----------
    dtype
        That is stored, see `partialshard.STORED`.
    plan
        What the values depend on beside the sequences and the budget.
    unfinished
        Folder of the `PartialShard`.
    report
        Called after each batch, and once with what earlier jobs did, with sequences and their letters (tokens that are
        not special).

    Returns
    -------
    partial : PartialShard
        With the arrays `vectors`, shape (n, n_poolings * n_layers, width), and `tokens`: the states of the tokens that
        stand for letters, of all sequences end to end, shape (tokens, n_layers, width); empty unless asked for.
    read : int
        Letters that were read now.
    """
    ends = np.cumsum(shard.contents if embedder.keep_tokens else np.zeros_like(shard.contents))
    shape = (len(embedder.reader.layers), embedder.reader.width)
    arrays = {
        "vectors": ((len(shard.rows), embedder.columns, shape[1]), STORED[dtype]),
        "tokens": ((int(ends[-1]) if len(ends) else 0, *shape), STORED[dtype]),
    }
    # What is read together decides the last digits: the batches are those of the budget that was given, to the end.
    batches = budget_batches(shard.lengths, embedder.budget)
    partial = PartialShard(
        unfinished, arrays, dict(plan) | {"dtype": dtype, "budget": embedder.budget, "sequences": shard.digest}
    )
    sizes = [int(shard.contents[batch.start : batch.stop].sum()) for batch in batches]
    left = [n for n in range(len(batches)) if n not in partial.done]
    report(sum(len(batches[n]) for n in partial.done), sum(sizes[n] for n in partial.done))
    for n, rows in zip(left, ahead(shard.read, [batches[n] for n in left]), strict=True):
        batch = batches[n]
        found = embedder(rows)
        if embedder.columns:
            partial.arrays["vectors"][batch.start : batch.stop] = encode(found.vectors, dtype)
        if embedder.keep_tokens:
            start = ends[batch.start] - shard.contents[batch.start]
            partial.arrays["tokens"][start : ends[batch.stop - 1]] = encode(np.concatenate(found.tokens), dtype)
        partial.note(n)
        report(len(batch), sizes[n])
    return partial, sum(sizes[n] for n in left)


def describe_files(folder: str | Path) -> list:
    """Names, sizes and times of the files of a backbone: another one is another plan."""
    about = ((path.name, path.stat()) for path in sorted(Path(folder).iterdir()) if path.is_file())
    return [[name, told.st_size, told.st_mtime_ns] for name, told in about]
