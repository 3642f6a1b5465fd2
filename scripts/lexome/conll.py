"""Documents in columns, one token a line, with IOB2 labels: the form of CoNLL's shared tasks.

    -DOCSTART- 12_PMID345

    Knockdown	0	9	B-PERTURBING_ACTION
    of	10	12	I-PERTURBING_ACTION

A blank line parts sentences. The first column is the token, the last one its label; between them stand here the token's
place in the text, from which a reader of `lexome` restores it. Columns of others that are no places are passed over:
the text is then the tokens with blanks between them, a line a sentence, and documents without a name are numbered.

Lost on writing: links, fields, scores and ids; what kind of white space there is (a blank for each sign, a line break
between sentences); of entities that overlap all but the longest; and gaps, each part becomes an entity of its own.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from lexome.documents import Document, check, read_lines
from lexome.errors import LexomeError
from lexome.runtime import atomic
from lexome.sentences import split_sentences
from lexome.wordtokens import entities_of, iob_labels, word_tokens

START = "-DOCSTART-"
MAX_GAP = 2**20  # characters between two tokens; a misprint in a column is not to fill the memory


def to_conll(document: Document) -> str:
    """The lines of a document. No entity runs over a blank line: sentences that one joins stay together.

    Raises
    ------
    LexomeError
        If a category or the id holds white space.
    """
    for what, value in (("id", document.id), *(("category", entity.category) for entity in document.entities)):
        if not value or any(sign.isspace() for sign in value):
            raise LexomeError(
                f"document {document.id}: {what} {value!r} is empty or holds white space, which parts columns"
            )
    spans = [span for entity in document.entities for span in entity.spans]
    cuts = sorted({place for span in spans for place in span})
    tokens = []
    for start, end in word_tokens(document.text):
        # An entity may begin or end within a word.
        places = [start, *(cut for cut in cuts if start < cut < end), end]
        tokens += list(pairwise(places))
    labels = iob_labels(tokens, document.entities)
    lines = [f"{START} {document.id}\n"]
    ends = [sentence.end for sentence in split_sentences(document.text)]
    for (start, end), label in zip(tokens, labels, strict=True):
        passed = [place for place in ends if place <= start]
        if passed:
            ends = ends[len(passed) :]
            if not label.startswith("I-"):
                lines.append("")
        lines.append(f"{document.text[start:end]}\t{start}\t{end}\t{label}")
    return "\n".join(lines) + "\n\n"


def parse_conll(lines: Iterable[str], where: str | Path) -> Iterator[Document]:
    """The documents in the lines of a file.

    Raises
    ------
    LexomeError
        With the path and the line: fewer than two columns, a label other than O, B-X and I-X, places that do not fit
        the tokens.
    """
    name, rows, breaks, n = None, [], set(), 0
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n")
        if line.split() and line.split()[0] == START:
            if rows:
                yield _document(name or f"document{n}", rows, breaks, where)
            n += 1
            rest = line.split(None, 1)[1:]
            name, rows, breaks = (rest[0].strip() if rest and not set(rest[0]) <= set("-XO \t") else None), [], set()
        elif not line.strip():
            breaks.add(len(rows))
        else:
            columns = line.split("\t") if "\t" in line else line.split()
            label = columns[-1]
            if (
                len(columns) < 2
                or not columns[0].strip()
                or not (label == "O" or (label[:2] in ("B-", "I-") and len(label) > 2))
            ):
                raise LexomeError(
                    f"{where}, line {number}: the first of two or more columns is to be a token and the last one O, "
                    f"B-X or I-X: {line[:80]!r}"
                )
            rows.append((columns[0], columns[1:-1], label, number))
    if rows:
        yield _document(name or f"document{max(n, 1)}", rows, breaks, where)


def _document(name: str, rows: list, breaks: set[int], where: str | Path) -> Document:
    placed = all(len(between) == 2 and all(part.isdecimal() for part in between) for _, between, _, _ in rows)
    text, tokens = "", []
    for row, (token, between, _, number) in enumerate(rows):
        gap = "\n" if row in breaks else " "
        start = int(between[0]) if placed else len(text) + len(gap) * bool(row)
        fits = not placed or (0 <= start - len(text) <= MAX_GAP and int(between[1]) - start == len(token))
        if not fits:
            raise LexomeError(
                f"{where}, line {number}: {token!r} cannot stand at {between[0]} to {between[1]}; mend the columns"
            )
        if start > len(text):
            text += gap + " " * (start - len(text) - 1)
        tokens.append((start, start + len(token)))
        text += token
    labels = [label for _, _, label, _ in rows]
    return check(Document(name, text, entities_of(tokens, labels)), str(where))


def write_conll(path: str | Path, documents: Iterable[Document]) -> None:
    """Write documents into one file, whole or not at all."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(map(to_conll, documents))


def read_conll(path: str | Path) -> list[Document]:
    """The documents of a file, plain or .gz; see `parse_conll`."""
    return list(parse_conll((line for _, line in read_lines(path)), path))
