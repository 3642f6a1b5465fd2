"""Where texts of the user's come from (a file, a folder of files, a file of documents), and names for their results."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

SUFFIX = ".txt"  # of the texts in a folder
DOCUMENTS = (".jsonl", ".jsonl.gz")


def is_documents(path: str | Path) -> bool:
    """Whether a path names documents as JSON Lines."""
    return str(path).lower().endswith(DOCUMENTS)


def is_many(path: str | Path) -> bool:
    """Whether a path names several texts: a folder, or a file of documents."""
    return Path(path).is_dir() or is_documents(path)


def text_files(path: str | Path) -> list[str]:
    """The files that `path` means: those of a folder that end in .txt, in the order of their names, or itself."""
    folder = Path(path)
    if not folder.is_dir():
        return [str(path)]
    return [str(file) for file in sorted(folder.iterdir()) if file.suffix.lower() == SUFFIX and file.is_file()]


def bare_name(name: str) -> str:
    """A name without signs that are awkward in paths."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-")[:100] or "text"


def source_name(path: str) -> str:
    """What the results of a file or folder are called: as it is, without suffix and awkward signs."""
    name = PurePosixPath(path).name
    suffix = next((suffix for suffix in DOCUMENTS if name.lower().endswith(suffix)), None)
    return bare_name(name[: -len(suffix)] if suffix else PurePosixPath(name).stem)


def file_names(ids: Sequence[str]) -> list[str]:
    """A name for the page of each document, none twice also where capitals do not count."""
    taken, names = set(), []
    for key in ids:
        own = base = bare_name(key)
        number = 1
        while own.lower() in taken:
            number += 1
            own = f"{base}-{number}"
        taken.add(own.lower())
        names.append(own)
    return names
