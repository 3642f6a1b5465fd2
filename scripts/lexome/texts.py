"""Texts: read from files, made clean, counted in words, shortened, told apart.

A word is a run of characters between blanks that holds a letter or a digit: `+`, `=` and lone dashes of chemical
equations are none.
"""

import codecs
import re
from hashlib import blake2b
from pathlib import Path

from lexome.errors import LexomeError

WORD = re.compile(r"\S*[^\W_]\S*")
# A definition as an OBO file writes it: in quotes, then its references in brackets.
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:\[.*\])?(?:\s*\{.*\})?')
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
BLANKS = {"n": " ", "W": " ", "t": " "}


def decode(content: bytes, path: str | Path, first: int = 1) -> str:
    """The text of a file's content in UTF-8, line ends included; only a byte order mark is left out.

    Parameters
    ----------
    content
        The file, or a part of it.
    path
        Named in errors.
    first
        Which line of the file the content begins with.

    Raises
    ------
    LexomeError
        If it is not UTF-8, with the path, the line and the mend.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise LexomeError(f"{path}: is UTF-16 text; save it as UTF-8: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts from behind a byte order mark.
        at = error.start + len(content) - len(error.object)
        line = first + content.count(b"\n", 0, at)
        raise LexomeError(
            f"{path}, line {line}: not UTF-8 text (byte 0x{content[at]:02x}); save it as UTF-8, which is for a file in "
            "Latin-1: iconv -f LATIN1 -t UTF-8 OLD > NEW"
        ) from error


def read_text(path: str | Path) -> str:
    """A text as it stands in its file; see `decode`.

    Raises
    ------
    LexomeError
        If there is no such file, it is not UTF-8, or holds nothing but white space.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise LexomeError(f"{path}: cannot be read ({error.strerror}); give the path of a text file") from error
    if content.startswith(b"%PDF-"):
        raise LexomeError(f"{path}: is a PDF; take the text out of it first, for example with pdftotext")
    text = decode(content, path)
    if not text.strip():
        raise LexomeError(f"{path}: holds no text")
    return text


def clean(text: str) -> str:
    """A definition as plain text in one line.

    The quotes and references around a definition of an OBO file go, its backslashes are undone (`\\n`, `\\W` and
    `\\t` are blanks, others stand for the character behind them; OBO flat file format 1.4), and every run of white
    space becomes one blank. A text without quotes around it holds no escapes, so that its backslashes stay.
    """
    text = text.strip()
    if match := QUOTED.fullmatch(text):
        text = ESCAPED.sub(lambda escape: BLANKS.get(escape[1], escape[1]), match[1])
    return " ".join(text.split())


def normalise(text: str) -> str:
    """What two texts have in common that differ in case or white space only."""
    return " ".join(text.casefold().split())


def text_group(text: str) -> str:
    """A hash of the normalised text: equal for texts that must not be parted by a split."""
    return blake2b(normalise(text).encode(), digest_size=8).hexdigest()


def count_words(text: str) -> int:
    """How many words a text has."""
    return sum(1 for _ in WORD.finditer(text))


def first_words(text: str, n: int) -> str:
    """The text up to its n-th word; all of it where it has no more, "" for n = 0."""
    end = 0
    for number, match in enumerate(WORD.finditer(text), 1):
        if number > n:
            return text[:end].strip()
        end = match.end()
    return text.strip() if n > 0 else ""


def without_first_words(text: str, n: int) -> str:
    """The text after its n-th word, from its next word on; "" where it has no more words."""
    for number, match in enumerate(WORD.finditer(text), 1):
        if number > n:
            return text[match.start() :]
    return ""
