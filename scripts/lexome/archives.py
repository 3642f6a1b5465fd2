"""Files out of a folder or a tar archive, read without unpacking it: a member's path can point nowhere.

An archive that a repository's site makes puts everything into one more folder than a checkout. Members are therefore
found by the end of their path: `raw_data/HZ` and `HZ` both name `repository-main/raw_data/HZ`.
"""

import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from lexome.errors import LexomeError

MAX_BYTES = 64 * 2**20  # of one member
MAX_TOTAL = 2**30  # of all that one call returns


def read_folders(archive: str | Path, folders: Iterable[str], suffix: str) -> dict[str, dict[str, bytes]]:
    """The files of folders, those of their subfolders left out.

    Parameters
    ----------
    archive
        A tar archive (.tar, .tar.gz, .tar.bz2, .tar.xz) or a folder.
    folders
        Each named by the end of its path.
    suffix
        Of the files that are wanted: `.xml`, in capitals, too. What macOS puts beside each file (`._name`) is not.

    Returns
    -------
    dict
        By folder as named, the content of each file by its path in the archive, sorted.

    Raises
    ------
    LexomeError
        If the archive is none, is damaged, or holds too much; if a folder is not in it, holds no such file, or two
        folders end as it is named.
    """
    folders = list(dict.fromkeys(folders))
    found: dict[str, dict[str, bytes]] = {folder: {} for folder in folders}
    for path, content in _members(archive, lambda path: _has(path, suffix) and _within(path, folders)):
        for folder in _within(path, folders):
            found[folder][str(path)] = content
    for folder, files in found.items():
        parents = sorted({str(PurePosixPath(path).parent) for path in files})
        if not parents:
            raise LexomeError(
                f"{archive}: no file *{suffix} in a folder {folder!r}; mend the folder's name in the config"
            )
        if len(parents) > 1:
            raise LexomeError(
                f"{archive}: two folders end in {folder!r}: {parents[0]} and {parents[1]}; write more of the path"
            )
    return {folder: dict(sorted(files.items())) for folder, files in found.items()}


def read_member(archive: str | Path, name: str) -> bytes:
    """One file, named by the end of its path; of several with that end, the one that lies highest.

    Raises
    ------
    LexomeError
        As `read_folders`; or if there is no such file, or two lie equally high.
    """
    wanted = PurePosixPath(name).parts
    found = dict(_members(archive, lambda path: path.parts[-len(wanted) :] == wanted))
    if not found:
        raise LexomeError(f"{archive}: no file {name!r} in it; mend the name in the config")
    depth = min(len(path.parts) for path in found)
    highest = sorted(path for path in found if len(path.parts) == depth)
    if len(highest) > 1:
        raise LexomeError(
            f"{archive}: two files end in {name!r}: {highest[0]} and {highest[1]}; write more of the path"
        )
    return found[highest[0]]


def _has(path: PurePosixPath, suffix: str) -> bool:
    return path.suffix.lower() == suffix and not path.name.startswith("._")


def _within(path: PurePosixPath, folders: Iterable[str]) -> list[str]:
    """Those of the folders that a file lies in."""
    parent = path.parent.parts
    ends = ((folder, PurePosixPath(folder).parts) for folder in folders)
    return [folder for folder, parts in ends if parent[-len(parts) :] == parts]


def _members(archive: str | Path, wanted: Callable[[PurePosixPath], bool]) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Path and content of the files that are wanted."""
    total = 0

    def measured(path: PurePosixPath, size: int) -> PurePosixPath:
        nonlocal total
        total += size
        if size > MAX_BYTES or total > MAX_TOTAL:
            raise LexomeError(
                f"{archive}: {path} has {size:,} bytes, more than annotated texts have (at most {MAX_BYTES:,} a file "
                f"and {MAX_TOTAL:,} in all); take it out"
            )
        return path

    root = Path(archive)
    if root.is_dir():
        for file in sorted(root.rglob("*")):
            # From the folder itself on, so that it can be named, too.
            path = PurePosixPath(root.resolve().name, *file.relative_to(root).parts)
            if file.is_file() and wanted(path):
                yield measured(path, file.stat().st_size), file.read_bytes()
        return
    try:
        with tarfile.open(root) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if member.isfile() and wanted(path):
                    yield measured(path, member.size), tar.extractfile(member).read()
    except FileNotFoundError:
        raise LexomeError(f"{archive}: no such file or folder; check the path in the config") from None
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise LexomeError(f"{archive}: no tar archive, or cut off or damaged ({error}); fetch it again") from error
