"""What `snakemake convert_documents` is asked for: checks of the config, and where the converted documents go."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lexome.errors import LexomeError

# Forms that documents are written in, as `conversion.FORMS`, which needs what the workflow itself can do without.
FORMS = ("jsonl", "conll", "pubtator", "bioc", "biocjson", "brat", "mae")
_SUFFIXES = re.compile(r"(\.(jsonl|conll|iob2?|bio|tsv|pubtator|xml|json|txt|tar|tgz|gz|bz2|xz))+$")


def documents_of(config: Mapping) -> list[str]:
    """The files and folders to convert, in the order in which they are put together."""
    named = config.get("documents") or []
    return [named] if isinstance(named, str) else list(named)


def loose_files(config: Mapping) -> list[str]:
    """Files that are read though the config does not name them, or names them elsewhere than in `documents`, sorted.

    Those in folders, annotations beside a text of BRAT, and the definition of the tags where it is a file.
    """
    found = set()
    for path in map(Path, documents_of(config)):
        inside = path.rglob("*") if path.is_dir() else [path.with_suffix(".ann")] if path.suffix == ".txt" else []
        found |= {str(file) for file in inside if file.suffix.lower() in (".ann", ".txt", ".xml") and file.is_file()}
    definition = config.get("tag_definition")
    if definition and Path(definition).is_file():
        found.add(str(definition))
    return sorted(found)


def check_convert(config: Mapping) -> list[str]:
    """Mistakes in the keys of the conversion, one line each."""
    mistakes = []
    for path in documents_of(config):
        if not Path(path).exists():
            mistakes.append(f"documents: no file or folder {path}; give the path from the folder you run snakemake in")
    braces = next((path for path in (*documents_of(config), *loose_files(config)) if set("{}") & set(path)), None)
    if braces:
        mistakes.append(f"documents: {braces}: Snakemake takes braces in a path for wildcards; rename the file")
    if config.get("to") and not documents_of(config):
        mistakes.append("documents: missing (`to` needs it): name the files or folders to convert")
    shares = _shares(config)
    if shares and abs(sum(shares.values()) - 1) > 1e-9:
        mistakes.append(f"parts: must sum to 1, found {shares}")
    return mistakes


def convert_settings(config: Mapping) -> dict:
    """What is converted and how: `documents`, `to`, `definition`, `folders`, `parts` and `seed`.

    Raises
    ------
    LexomeError
        If the config does not say.
    """
    for key in ("documents", "to"):
        if not config.get(key):
            raise LexomeError(
                f"config:\n  {key}: missing; write snakemake convert_documents --config documents=PATH to=FORM, "
                f"which is one of {', '.join(FORMS)}"
            )
    return {
        "to": config["to"],
        "definition": config.get("tag_definition"),
        "folders": config.get("folders"),
        "parts": _shares(config) or None,
        "seed": int(config.get("parts_seed", 0)),
    }


def _shares(config: Mapping) -> dict[str, float]:
    return {name: float(share) for name, share in (config.get("parts") or {}).items()}


def converted_folder(config: Mapping) -> str:
    """Where the converted documents go: named after the first source and, if there are more, how many more."""
    paths = documents_of(config)
    if not paths:
        return "results/converted/none.none"
    bare = _SUFFIXES.sub("", PurePosixPath(paths[0]).name)
    more = f"-and-{len(paths) - 1}" if len(paths) > 1 else ""
    name = re.sub(r"[^\w.-]+", "-", bare).strip(".-") or "documents"
    return f"results/converted/{name}{more}.{config.get('to') or 'none'}"
