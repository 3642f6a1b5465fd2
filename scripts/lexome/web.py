"""One file over HTTP: tried again where a failure may pass, resumed where it stopped.

Beside an unfinished file `<part>` lies `<part>.validator`: what the server called the content (ETag or
Last-Modified, RFC 9110), so that the rest is only asked for if it has not changed in between.
"""

import email.utils
import logging
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import requests
import urllib3

from lexome.errors import SourceError
from lexome.runtime import progress

log = logging.getLogger(__name__)

CHUNK = 1 << 20  # bytes
ATTEMPTS = 5
TIMEOUT = (15.0, 60.0)  # seconds
HUB = re.compile(r"hf:(?P<id>[\w.-]+(?:/[\w.-]+)?)@(?P<revision>[^!]+)!(?P<file>[^!]+)")
FINAL = (requests.exceptions.SSLError, requests.exceptions.InvalidURL, requests.TooManyRedirects)


class _PassingError(Exception):
    """A failure that another attempt may mend; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


def address(source: str) -> tuple[str, dict[str, str]]:
    """The URL of a source, and the headers to send with a request for it.

    Parameters
    ----------
    source
        `https://...` (or `http://...`), or `hf:<hub id>@<revision>!<file>`. The hub is at HF_ENDPOINT, and is
        shown the token HF_TOKEN, where the environment sets them; no other server ever sees the token.

    Raises
    ------
    SourceError
        If it is neither.
    """
    if source.startswith(("https://", "http://")):
        return source, {}
    match = HUB.fullmatch(source)
    if not match:
        raise SourceError("is no known kind of source: https://, hf:ID@REVISION!FILE, pypi:, file:")
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return f"{host}/{match['id']}/resolve/{match['revision']}/{match['file']}", headers


def download(
    url: str,
    part: Path,
    *,
    headers: Mapping[str, str] | None = None,
    size: int | None = None,
    verified: bool = False,
    name: str | None = None,
    attempts: int = ATTEMPTS,
    knocks: int | None = None,
    timeout: tuple[float, float] = TIMEOUT,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Download to `part`, going on with what lies there already.

    Parameters
    ----------
    url
        What to fetch.
    part
        Where the bytes go, as the server sends them. After a failure it may hold the first of them, for the
        next call.
    headers
        Sent with every request.
    size
        Bytes that the server must have, or None where unknown.
    verified
        Whether the caller checks the content. If not, a partial file is only used where the server can tell
        that it has not changed, and a web page is taken for an error message.
    name
        What the progress line calls it; the name of `part` if None.
    attempts
        How often in a row it may fail without giving anything new.
    knocks
        The same for a server that cannot be reached; `attempts` if None.
    timeout
        Seconds to connect, and to wait for the next bytes.
    sleep
        Waits between attempts: as long as the server asks for, else up to 2, 4, 8 ... 60 seconds.

    Raises
    ------
    SourceError
        If the server does not give the file.
    """
    failed, most = 0, _size(part)
    while True:
        allowed, wait = attempts, None
        try:
            _stream(url, headers or {}, part, size, verified, name or part.name, timeout)
            return
        except _PassingError as error:
            reason, wait = str(error), error.wait
        except FINAL as error:
            raise SourceError(_short(error)) from error
        except requests.ConnectionError as error:
            reason, allowed = _short(error), attempts if knocks is None else knocks
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = _short(error)
        reached = _size(part)
        failed = 1 if reached > most else failed + 1
        most = max(most, reached)
        if failed >= allowed:
            raise SourceError(f"{reason} ({failed} attempt{'s' if failed > 1 else ''})")
        if wait is None:  # the jitter keeps jobs that failed together from knocking together
            wait = min(60.0, 2.0**failed) * random.uniform(0.5, 1.0)
        log.warning("%s: %s; next attempt in %.1f s", url, reason, wait)
        sleep(wait)


def forget(part: Path) -> None:
    """Remove an unfinished file and what the server called it."""
    part.unlink(missing_ok=True)
    _validator(part).unlink(missing_ok=True)


def _stream(
    url: str,
    headers: Mapping[str, str],
    part: Path,
    size: int | None,
    verified: bool,
    name: str,
    timeout: tuple[float, float],
) -> None:
    """One request: go on with `part` where the server allows it, else write it anew."""
    note, offset = _validator(part), _size(part)
    validator = note.read_text(encoding="utf-8") if note.exists() else ""
    if offset and offset == size:
        return  # an earlier run was killed between the last byte and the check
    if (size is not None and offset > size) or not (validator or verified):
        offset = 0  # without either, nothing would tell that the file has changed in between
    asked = {**headers, "Accept-Encoding": "identity"}
    if offset:
        asked |= {"Range": f"bytes={offset}-"} | ({"If-Range": validator} if validator else {})
    with requests.get(url, headers=asked, stream=True, timeout=timeout) as answer:
        status, sent = answer.status_code, answer.headers
        span = re.match(r"bytes (\d+)-", sent.get("Content-Range", ""))
        if status in (408, 425, 429) or status >= 500:
            raise _PassingError(f"HTTP {status} {answer.reason}", _retry_after(sent.get("Retry-After")))
        if status == 416 and sent.get("Content-Range") == f"bytes */{offset}":
            return  # nothing was missing
        if status == 416 or (status == 206 and (not span or int(span[1]) != offset)):
            forget(part)
            raise _PassingError("the server cannot go on with the partial file", wait=0.0)
        if status not in (200, 206):
            raise SourceError(f"HTTP {status} {answer.reason}")
        if not verified and sent.get("Content-Type", "").startswith("text/html"):
            raise SourceError("a web page came instead of the file")
        if status == 200:
            offset, mark = 0, sent.get("ETag", "")
            mark = sent.get("Last-Modified", "") if not mark or mark.startswith("W/") else mark
            note.write_text(mark, encoding="utf-8")
        length = sent.get("Content-Length", "")
        total = offset + int(length) if length.isdigit() else None
        if size is not None and total not in (None, size):
            forget(part)
            raise SourceError(f"the server has {total} bytes, expected {size}")
        bar = progress(total=total, unit="B", desc=name)
        with open(part, "ab" if offset else "wb") as out, bar:
            bar.update(offset)
            # Raw bytes: some servers call a .gz file gzip-*encoded*, and it would be unpacked here.
            for chunk in answer.raw.stream(CHUNK, decode_content=False):
                out.write(chunk)
                bar.update(len(chunk))


def _validator(part: Path) -> Path:
    return part.with_name(part.name + ".validator")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date), at most ten minutes."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        date = email.utils.parsedate_tz(value)
        if date is None:
            return None
        seconds = email.utils.mktime_tz(date) - time.time()
    return min(max(seconds, 0.0), 600.0)


def _short(error: Exception) -> str:
    """The cause in one line, without the pools and objects that requests wraps around it."""
    inner = error.args[0] if error.args else error
    text = str(getattr(inner, "reason", None) or inner)
    return " ".join(re.sub(r"^(<.*?>|HTTPS?Connection\w*\(.*?\)): ", "", text).split())
