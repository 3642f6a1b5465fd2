"""What a picture of an explained DNA network is drawn from: the explained sequences, and which of them to show."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lexome.dna import encode, one_hot
from lexome.dnamodels import window_shift


@dataclass(frozen=True)
class Explained:
    """The rows of `sequences.parquet` with all that belongs to them.

    Attributes
    ----------
    rows
        `id`, `factor`, `bound`, `probability`, `sequence` (as the network reads it), `length` (before it was cut or
        padded for that), `shown`; its index is 0..n-1, the first axis of the arrays.
    attributions
        Method to a float32 array of shape (n, L, 4).
    importances
        Method to a float32 array of shape (n, L).
    implants
        `id`, `factor`, `start`, `end` (0-based, half-open, before cutting or padding), `strand`, `role`; empty for
        measured sequences.
    """

    rows: pd.DataFrame
    attributions: Mapping[str, np.ndarray]
    importances: Mapping[str, np.ndarray]
    implants: pd.DataFrame

    @property
    def factors(self) -> list[str]:
        """In the order of the rows."""
        return list(dict.fromkeys(self.rows["factor"]))


@dataclass(frozen=True)
class Panel:
    """One sequence as it is drawn for one factor.

    Attributes
    ----------
    values
        float32, shape (L, 4): in-silico mutagenesis.
    importance
        float32, shape (L,).
    codes
        uint8, shape (L,): the letters that are there, 0 to 4.
    spans
        (start, end, strand, own) of each implant that the network reads, or the part that it does: 0-based, half-open,
        in what it reads; `own`: it is the factor's.
    """

    place: int  # the row of `Explained`
    id: str
    factor: str
    bound: bool | None  # None where nobody knows
    probability: float
    values: np.ndarray
    importance: np.ndarray
    codes: np.ndarray
    spans: tuple[tuple[int, int, int, bool], ...]

    @property
    def right(self) -> bool:
        """Whether the probability, halved, says what is true, as far as that is known."""
        return self.bound is None or self.bound == (self.probability >= 0.5)


def panel(explained: Explained, place: int, method: str = "ism") -> Panel:
    """The panel of the row at `place`."""
    row = explained.rows.loc[place]
    own = explained.implants[explained.implants["id"] == row["id"]].sort_values("start")
    width = len(row["sequence"])
    moved = window_shift(row["length"], width)
    spans = (
        (max(0, int(start) + moved), min(width, int(end) + moved), int(strand), factor == row["factor"])
        for start, end, strand, factor in own[["start", "end", "strand", "factor"]].itertuples(index=False)
    )
    return Panel(
        place,
        str(row["id"]),
        row["factor"],
        bool(row["bound"]),
        float(row["probability"]),
        explained.attributions[method][place],
        explained.importances[method][place],
        encode([row["sequence"]])[0],
        tuple(span for span in spans if span[0] < span[1]),
    )


def shown_places(explained: Explained, factor: str, bound: bool) -> list[int]:
    """Rows that are shown of a factor, those first that the model is surest of being bound (or unbound)."""
    rows = explained.rows
    rows = rows[rows["shown"] & (rows["factor"] == factor) & (rows["bound"] == bound)]
    return rows.sort_values(["probability", "id"], ascending=[not bound, True]).index.tolist()


def selected_places(explained: Explained, factor: str, most: int = 3) -> list[int]:
    """A few rows of a factor: the surest bound one, the one that the model is most wrong of, the surest unbound one."""
    bound, unbound = (shown_places(explained, factor, kind) for kind in (True, False))
    probability = explained.rows["probability"]
    wrong = [place for place in bound if probability[place] < 0.5]
    wrong += [place for place in unbound if probability[place] >= 0.5]
    wrong = sorted(wrong, key=lambda place: -abs(probability[place] - 0.5))
    chosen = dict.fromkeys([*bound[:1], *wrong[:1], *unbound[:1], *bound[1:]])
    return list(chosen)[:most]


def best_bound(explained: Explained, factor: str) -> int | None:
    """The bound row of a factor that the model is surest of; None where none is shown."""
    places = shown_places(explained, factor, True)
    return places[0] if places else None


def zoom(importance: np.ndarray, width: int = 40, smooth: int = 11) -> tuple[int, int]:
    """Start and end (0-based, half-open) of the window about the most important stretch.

    Parameters
    ----------
    importance
        Float, shape (L,).
    width
        Of the window; all of a shorter sequence.
    smooth
        Positions that a stretch has: the window's middle is that of the stretch with the largest sum.
    """
    length = len(importance)
    width, smooth = min(width, length), min(smooth, length)
    sums = np.convolve(importance, np.ones(smooth), mode="valid")
    middle = int(sums.argmax()) + smooth // 2
    start = int(np.clip(middle - width // 2, 0, length - width))
    return start, start + width


def letters_of(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Importances as a table for a logo: float, shape (L, 4), each value at the letter that is there; 0 at an N."""
    return one_hot(codes[None])[0].T * values[:, None]
