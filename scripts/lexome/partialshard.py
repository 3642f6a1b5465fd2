"""A shard of embeddings while it is made: what is done stays done, whatever ends the job."""

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from lexome.runtime import atomic, write_json

log = logging.getLogger(__name__)

# NumPy has no bfloat16: its bits are stored as they are, and the manifest names what they mean.
STORED = {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}


def encode(values: np.ndarray, dtype: str) -> np.ndarray:
    """float32 as it is stored: `float32`, `float16` or the bits of `bfloat16`, rounded to the nearest.

    Values that float16 cannot hold become its largest.
    """
    if dtype == "float32":
        return values.astype(np.float32, copy=False)
    if dtype == "float16":
        most = np.finfo(np.float16).max
        return np.clip(values, -most, most).astype(np.float16)
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    # Half of the last kept place, less a little where that place is even: ties go to even.
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def decode(stored: np.ndarray, dtype: str) -> np.ndarray:
    """float32 of what `encode` stored."""
    if dtype == "bfloat16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32, copy=False)


class PartialShard:
    """Arrays on disk that are filled batch by batch, and a journal of the batches that are in them.

    A batch is written before it is noted, and both reach the disk before the next begins: what the journal names is
    there, and a batch that it does not name is computed again, with the same result.

    Parameters
    ----------
    folder
        Made if it is not there. Its content goes on being filled only if it was begun with the same `plan` and arrays;
        otherwise it is emptied, which the log tells.
    arrays
        Name -> (shape, dtype).
    plan
        Everything that the values depend on; fit for JSON.
    """

    def __init__(self, folder: str | Path, arrays: Mapping[str, tuple[Sequence[int], type]], plan: Mapping):
        self.folder = Path(folder)
        # Through JSON, as it is compared with what was read from there.
        shapes = {name: [list(shape), np.dtype(dtype).name] for name, (shape, dtype) in arrays.items()}
        wanted = json.loads(json.dumps({"plan": plan, "arrays": shapes}))
        settings = self.folder / "plan.json"
        if settings.is_file():
            if json.loads(settings.read_text(encoding="utf-8")) != wanted:
                log.info("what an earlier job began in %s was made otherwise: beginning anew", self.folder)
                shutil.rmtree(self.folder)
        elif self.folder.exists():
            shutil.rmtree(self.folder)
        fresh = not settings.is_file()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.arrays = {
            name: np.lib.format.open_memmap(
                self._path(name), "w+" if fresh else "r+", **({"dtype": dtype, "shape": tuple(shape)} if fresh else {})
            )
            for name, (shape, dtype) in arrays.items()
            if np.prod(shape)
        }
        # An array without a value cannot be mapped.
        for name, (shape, dtype) in arrays.items():
            if not np.prod(shape):
                np.save(self._path(name), np.zeros(shape, dtype=dtype))
        if fresh:
            write_json(settings, wanted)
        self._journal = self.folder / "done.txt"
        self.done = set(self._read_journal())
        if self.done:
            log.info("going on after %d batches that an earlier job finished", len(self.done))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _read_journal(self) -> Iterator[int]:
        if self._journal.is_file():
            text = self._journal.read_text(encoding="ascii")
            # A line without its end was being written when the job ended.
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                self._journal.write_text(whole, encoding="ascii")
            yield from map(int, whole.split())

    def note(self, batch: int) -> None:
        """Keep what was written for a batch."""
        for array in self.arrays.values():
            array.flush()
        with open(self._journal, "a", encoding="ascii") as file:
            file.write(f"{batch}\n")
            file.flush()
            os.fsync(file.fileno())
        self.done.add(batch)

    def finish(self, paths: Mapping[str, str | Path]) -> None:
        """Give the arrays their names, each whole, and remove the folder.

        Linked rather than moved: where the job ends in between, the workflow removes what it finds under the final
        names, and the next job still has all.
        """
        self.arrays.clear()
        for name, path in paths.items():
            with atomic(path) as temporary:
                try:
                    os.link(self._path(name), temporary)
                except OSError:
                    shutil.copyfile(self._path(name), temporary)
        shutil.rmtree(self.folder)
