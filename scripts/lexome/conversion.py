"""Annotated documents from one form to another: forms by name, what each loses, putting together, parting."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lexome import biocfiles, brat, conll, mae, pubtator
from lexome.documents import Document, read_documents, write_documents
from lexome.errors import LexomeError
from lexome.fasta import open_binary
from lexome.maewriting import to_mae
from lexome.runtime import atomic
from lexome.texts import text_group
from lexome.wordtokens import without_overlaps

# What is written of one part: a file with this suffix, or (None) a folder of files.
SUFFIXES = {
    **{"jsonl": ".jsonl", "conll": ".conll", "pubtator": ".pubtator", "bioc": ".xml", "biocjson": ".json"},
    **{"brat": None, "mae": None},
}
FORMS = tuple(SUFFIXES)
# What a form has no place for; see its module.
LOST = {
    "jsonl": (),
    "brat": ("scores",),
    "mae": ("scores",),
    "bioc": ("scores",),
    "biocjson": ("scores",),
    "pubtator": ("links", "fields", "gaps", "scores"),
    "conll": ("links", "fields", "gaps", "overlapping entities", "scores"),
}
_ARCHIVE = re.compile(r"\.(tar|tgz|tbz2?|txz)$|\.tar\.(gz|bz2|xz)$")


def guess_form(path: str | Path) -> str:
    """The form of a file or folder, by what its files are called and, of `.xml`, `.json` and `.txt`, by how they begin.

    Raises
    ------
    LexomeError
        If there is no such path, or it is of no form known.
    """
    path = Path(path)
    if path.is_dir():
        if any(path.glob("*.ann")):
            return "brat"
        if _xml_files(path):
            return "mae"
        raise LexomeError(
            f"{path}: holds neither *.ann (BRAT) nor *.xml (MAE); name the folder that the documents are in"
        )
    if not path.is_file():
        raise LexomeError(f"{path}: no such file or folder; give the path from the folder you run snakemake in")
    name = path.name.lower().removesuffix(".gz")
    if _ARCHIVE.search(path.name.lower()):
        return "mae"
    if name.endswith(".jsonl"):
        return "jsonl"
    if name.endswith((".conll", ".iob", ".iob2", ".bio", ".tsv")):
        return "conll"
    if name.endswith(".pubtator"):
        return "pubtator"
    with open_binary(path) as file:
        head = file.read(65536).decode("utf-8", "replace").lstrip("\ufeff")
    if name.endswith(".xml"):
        # In MAE the name of the root is that of the task.
        return "bioc" if re.search(r"<collection[\s>]", head) else "mae"
    if name.endswith(".json"):
        return "biocjson"
    if pubtator.HEAD.match(head.partition("\n")[0].rstrip("\r")):
        return "pubtator"
    if name.endswith(".txt") and path.with_suffix(".ann").is_file():
        return "brat"
    raise LexomeError(
        f"{path}: is of no form known; there are .jsonl, .conll, .pubtator, .json and .xml (BioC), .xml and .tar.gz "
        "(MAE), and .txt with .ann beside it (BRAT)"
    )


def _xml_files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.suffix.lower() == ".xml" and file.is_file()]


def read_any(
    path: str | Path, definition: str | Path | None = None, folders: Sequence[str] | None = None
) -> list[Document]:
    """The documents of a file or folder of any form; see `guess_form`.

    Parameters
    ----------
    definition
        Of the tags of MAE's files: a file, or a member of the archive.
    folders
        Of MAE's files in an archive or folder, each named by the end of its path; None takes those of the folder
        itself.

    Raises
    ------
    LexomeError
        As the readers; or if there is no document, or MAE's files come without what reading them takes.
    """
    documents = _read(path, guess_form(path), definition, folders)
    if not documents:
        raise LexomeError(f"{path}: holds no document; check that the file is whole, or leave it out")
    return documents


def _read(path: str | Path, form: str, definition: str | Path | None, folders: Sequence[str] | None) -> list[Document]:
    if form == "jsonl":
        return list(read_documents(path))
    if form == "brat":
        return brat.read_brat(path)
    if form == "conll":
        return conll.read_conll(path)
    if form == "pubtator":
        return pubtator.read_pubtator(path)
    if form in ("bioc", "biocjson"):
        return biocfiles.read_bioc(path)
    path = Path(path)
    if definition is None:
        raise LexomeError(
            f"{path}: is taken for MAE's XML (that of BioC begins with <collection>); what MAE's tags mean stands in a "
            "definition: name it as `tag_definition`"
        )
    single = path.is_file() and not _ARCHIVE.search(path.name.lower())
    tags = mae.read_definition(definition, None if single else path)
    if single:
        return [mae.read_mae(path, tags)]
    if folders is None and path.is_file():
        raise LexomeError(f"{path}: name the folders of the archive whose documents are wanted as `folders`")
    if folders is None and not any(file.parent == path for file in _xml_files(path)):
        inside = sorted({file.parent.relative_to(path).as_posix() for file in _xml_files(path)})
        raise LexomeError(
            f"{path}: its documents are in folders within; name those wanted as `folders`: {', '.join(inside[:5])}"
        )
    found = mae.read_annotated(path, folders or [path.resolve().name], tags)
    return combine([(folder, documents) for folder, documents in found.items()])


def combine(parts: Sequence[tuple[str, Sequence[Document]]]) -> list[Document]:
    """The documents of several sources, in their order.

    Raises
    ------
    LexomeError
        If two sources hold a document of one id.
    """
    owner: dict[str, str] = {}
    for source, documents in parts:
        for document in documents:
            if document.id in owner:
                there = "stands there twice; take one out" if owner[document.id] == source else ""
                there = there or f"is in {owner[document.id]} too; take it out of one"
                raise LexomeError(f"{source}: document {document.id} {there}, or rename it")
            owner[document.id] = source
    return [document for _, documents in parts for document in documents]


def part(documents: Sequence[Document], shares: Mapping[str, float], seed: int) -> dict[str, list[Document]]:
    """Part documents at random. Equal texts (case and white space aside) stay together.

    Parameters
    ----------
    shares
        By the name of a part, its share of the documents; they sum to 1.
    seed
        Of the draw, which does not depend on the order of the documents.

    Returns
    -------
    dict
        The documents of each part, in their order.

    Raises
    ------
    LexomeError
        If the shares do not sum to 1, or a part stays empty.
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) <= 0:
        raise LexomeError(f"parts: the shares must be above 0 and sum to 1, found {dict(shares)}")
    group = [text_group(document.text) for document in documents]
    size = Counter(group)
    names = np.random.default_rng(seed).permutation(sorted(size)).tolist()
    names.sort(key=lambda name: -size[name])
    filled, place = dict.fromkeys(shares, 0), {}
    for name in names:
        # To the part that lacks most of what it is to have.
        place[name] = max(shares, key=lambda one: 1 - filled[one] / (shares[one] * len(documents)))
        filled[place[name]] += size[name]
    empty = [name for name, n in filled.items() if not n]
    if empty:
        raise LexomeError(f"parts: {len(size)} distinct texts are too few for {dict(shares)}: {empty[0]} stays empty")
    return {name: [one for one, own in zip(documents, group, strict=True) if place[own] == name] for name in shares}


def lost(documents: Sequence[Document], form: str) -> dict[str, int]:
    """How many links, values of fields and so on of these documents a form has no place for, where there are any."""
    counts: Counter[str] = Counter()
    for document in documents:
        entities = document.entities
        kept = ("concept",) if form == "pubtator" else ()
        counts["links"] += len(document.links)
        counts["fields"] += sum(name not in kept for entity in entities for name in entity.fields)
        counts["gaps"] += sum(len(entity.spans) - 1 for entity in entities)
        counts["overlapping entities"] += len(entities) - len(without_overlaps(entities))
        counts["scores"] += sum(one.score is not None for one in (*entities, *document.links))
    return {name: counts[name] for name in LOST[form] if counts[name]}


def write_form(path: Path, documents: Sequence[Document], form: str, definition: mae.Definition | None = None) -> None:
    """Write documents in a form: a file, or for BRAT and MAE a folder.

    Parameters
    ----------
    definition
        Of the tags, for MAE; None makes one that fits the documents.
    """
    if form == "jsonl":
        write_documents(path, documents)
    elif form == "brat":
        brat.write_brat(path, documents)
    elif form == "conll":
        conll.write_conll(path, documents)
    elif form == "pubtator":
        pubtator.write_pubtator(path, documents)
    elif form == "mae":
        _write_mae(path, documents, definition)
    else:
        biocfiles.write_bioc(path, documents)


def _write_mae(path: Path, documents: Sequence[Document], definition: mae.Definition | None) -> None:
    """A file a document, and the definition of their tags beside them."""
    tags = mae.definition_of(documents) if definition is None else definition
    with atomic(path) as temporary:
        temporary.mkdir()
        for document in documents:
            content = to_mae(document, tags)
            (temporary / f"{brat.file_stem(document.id)}.xml").write_bytes(content.encode())
        (temporary / "tag_definition.json").write_text(mae.definition_json(tags), encoding="utf-8")
