"""Errors that tell the user what to mend, and why a source gave no file."""


class LexomeError(Exception):
    """Bad input: the message names the file, the line where there is one, and the mend."""


class SourceError(Exception):
    """Why one source of a download did not give the file; another one may."""
