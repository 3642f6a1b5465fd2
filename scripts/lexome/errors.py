"""The error that every stage raises for bad input."""


class LexomeError(Exception):
    """Bad input: the message names the file, the line where there is one, and the mend."""
