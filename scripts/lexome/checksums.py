"""Checksums of files: what was fetched, and what a stage is about to read, is what was registered."""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path

from lexome.errors import LexomeError

CHUNK = 1 << 20


def sha256_of(path: str | Path, unpack: bool = False) -> tuple[str, int]:
    """The sha256 (hex) and the size in bytes of a file, or of a gzip file's content if `unpack`."""
    digest, size = hashlib.sha256(), 0
    with gzip.open(path, "rb") if unpack else open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def verify(expected: Mapping[str, str]) -> None:
    """Check files where they are read: one put in place by hand never passed the download stage.

    Parameters
    ----------
    expected
        The registered sha256 of each path.

    Raises
    ------
    LexomeError
        If a file has another.
    """
    for path, wanted in expected.items():
        found = sha256_of(path)[0]
        if found != wanted:
            raise LexomeError(
                f"{path}: has sha256 {found}, registered is {wanted}; delete it to have it fetched again, or name "
                "your own file outside resources/data in the config"
            )
