"""What a word and its surroundings look like: features of tokens, as strings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lexome.documents import Span
from lexome.sentences import split_sentences
from lexome.wordtokens import word_tokens

WINDOW = 2
_RUNS = re.compile(r"(.)\1+")


@dataclass(frozen=True)
class Chain:
    """The tokens of one sentence.

    Attributes
    ----------
    tokens
        Places in the text.
    number, total
        Of the sentence in its text, from 0, and how many there are: in abstracts, what is done stands elsewhere than
        what is known.
    """

    tokens: list[Span]
    number: int
    total: int


def chains(text: str) -> list[Chain]:
    """The tokens of a text by sentence; those of no sentence, if any, go with the one before."""
    sentences = split_sentences(text)
    parts: list[list[Span]] = [[] for _ in sentences] or [[]]
    at = 0
    for token in word_tokens(text):
        while at + 1 < len(sentences) and token[0] >= sentences[at + 1].start:
            at += 1
        parts[at].append(token)
    return [Chain(tokens, number, len(parts)) for number, tokens in enumerate(parts) if tokens]


def shape(word: str) -> str:
    """Capital letters as X, others as x, digits as 9; the same sign several times in a row as one."""
    signs = ("9" if sign.isdigit() else "X" if sign.isupper() else "x" if sign.isalpha() else sign for sign in word)
    return _RUNS.sub(r"\1", "".join(signs))


def token_features(text: str, chain: Chain) -> list[list[str]]:
    """Features of each token of a chain: word, affixes, shape, neighbours, and where its sentence stands."""
    words = [text[start:end] for start, end in chain.tokens]
    lower, shapes = [word.lower() for word in words], [shape(word) for word in words]
    place = [f"sentence={min(chain.number, 3)}", f"part={4 * chain.number // chain.total}"]
    if chain.number + 1 == chain.total:
        place.append("last")

    def at(values: Sequence[str], place: int) -> str:
        return values[place] if 0 <= place < len(values) else "<>"

    rows = []
    for here, word in enumerate(lower):
        row = ["bias", f"w={word}", f"shape={shapes[here]}", *place]
        row += [f"p{length}={word[:length]}" for length in (2, 3, 4) if len(word) > length]
        row += [f"s{length}={word[-length:]}" for length in (2, 3, 4) if len(word) > length]
        for step in (*range(-WINDOW, 0), *range(1, WINDOW + 1)):
            row += [f"w{step}={at(lower, here + step)}", f"shape{step}={at(shapes, here + step)}"]
            row.append(f"s3{step}={at(lower, here + step)[-3:]}")
        row += [f"w-1w={at(lower, here - 1)} {word}", f"ww+1={word} {at(lower, here + 1)}"]
        rows.append(row)
    return rows
