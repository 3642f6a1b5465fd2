"""Which code a rule depends on, so that editing a library module reruns what it made."""

import ast
import functools
import hashlib
from pathlib import Path

# What of a statement holds further statements.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@functools.cache
def imported_modules(source: str) -> frozenset[str]:
    """Names of the `lexome` modules that a piece of Python imports, at any depth of the code."""
    # Every job reads the workflow anew: a module is parsed once, and expressions (which import nothing) not at all.
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        waiting += [inner for block in BLOCKS for inner in getattr(node, block, [])]
        if isinstance(node, ast.ImportFrom) and node.module == "lexome":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lexome."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lexome.")}
    return frozenset(names)


def library_hash(script: str | Path) -> str:
    """Hash of every library module that a script imports, directly or through others.

    Snakemake reruns a rule when its script changes, not when a module that the script imports does; with this hash
    among the rule's `params` it does.

    Parameters
    ----------
    script
        A file in the folder that holds the package `lexome`.
    """
    package = Path(script).parent / "lexome"
    waiting, seen = set(imported_modules(Path(script).read_text(encoding="utf-8"))), set()
    digest = hashlib.blake2b(digest_size=8)
    while waiting:
        name = min(waiting)
        waiting.discard(name)
        seen.add(name)
        waiting |= imported_modules((package / f"{name}.py").read_text(encoding="utf-8")) - seen
    for name in sorted(seen):
        digest.update(name.encode() + (package / f"{name}.py").read_bytes())
    return digest.hexdigest()
