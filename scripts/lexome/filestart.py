"""A file of the user's: how it begins, told before anything is trained for it, and what its results are called."""

import gzip
import re
import zlib
from pathlib import Path, PurePosixPath


def start_of(key: str, path: str, size: int) -> tuple[bytes, list[str]]:
    """The first bytes of a file, plain or gzip, without a byte order mark; or why there are none.

    Parameters
    ----------
    key
        Of the config, that names the file.
    size
        Bytes to read.

    Returns
    -------
    start : bytes
        Up to `size` of them; empty after a mistake.
    mistakes : list of str
        None, or a line: no such file, braces in its path, not readable.
    """
    if not Path(path).is_file():
        return b"", [f"{key}: no file {path}; give the path from the folder you run snakemake in"]
    if set("{}") & set(path):
        return b"", [f"{key}: {path}: Snakemake takes braces in a path for wildcards; rename the file"]
    try:
        with open(path, "rb") as handle:
            start = handle.read(size)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(path) as handle:
                start = handle.read(size)
    except (OSError, EOFError, zlib.error) as error:
        return b"", [f"{key}: {path} cannot be read ({error})"]
    return start.removeprefix(b"\xef\xbb\xbf"), []


def result_name(path: str, suffixes: re.Pattern, otherwise: str) -> str:
    """The name of a file's results: the file's, without suffixes and without signs that are awkward in paths.

    Parameters
    ----------
    suffixes
        What of the name is left out, beside that of gzip.
    otherwise
        The name where nothing is left.
    """
    bare = re.sub(r"\.(gz|bgz)$", "", PurePosixPath(path).name, flags=re.IGNORECASE)
    return re.sub(r"[^\w.-]+", "-", suffixes.sub("", bare)).strip(".-") or otherwise
