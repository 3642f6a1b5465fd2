"""What every step of a preparation kept and dropped, in order, for the report."""

from lexome.errors import LexomeError


class Counts:
    """What every step kept and dropped, in order, for the report.

    Attributes
    ----------
    rows
        One dict a step: `step`, `n`, `unit`, `note`.
    """

    def __init__(self) -> None:
        self.rows: list[dict] = []

    def add(self, step: str, n: int, unit: str, note: str = "") -> None:
        """Count a step that may leave nothing."""
        self.rows.append({"step": step, "n": int(n), "unit": unit, "note": note})

    def require(self, step: str, n: int, unit: str, note: str, mend: str) -> None:
        """Count a step that must leave something; LexomeError naming the step and the mend if not."""
        self.add(step, n, unit, note)
        if not n:
            raise LexomeError(f"nothing is left after the step '{step}': {mend}")
