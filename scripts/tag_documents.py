"""Find entities, links and concepts in texts with trained runs."""

import logging
from collections.abc import Sequence

from lexome.documents import write_documents
from lexome.runtime import job
from lexome.tagged import annotate, read_texts


def tag_documents(
    text_path: str,
    taggers: Sequence[str],
    linker: str | None,
    concepts: Sequence[str],
    gpus: int,
    documents_path: str,
) -> None:
    """Write `document.jsonl`, see `tagged.annotate`.

    Parameters
    ----------
    text_path
        As `tagged.read_texts` takes it.
    taggers, concepts
        Folders `model/` of runs that read the text one after the other.
    linker
        That of the run which links entities, or None.
    """
    from lexome.tagpredictors import load_tagger

    documents = read_texts(text_path)
    found = annotate(
        documents,
        [load_tagger(folder, gpus).tag for folder in taggers],
        load_tagger(linker, gpus).link if linker else None,
        [load_tagger(folder, gpus).tag for folder in concepts],
    )
    logging.info(
        "%d texts, %d entities and mentions of concepts, %d links",
        len(found),
        sum(len(one.entities) for one in found),
        sum(len(one.links) for one in found),
    )
    write_documents(documents_path, found)


if __name__ == "__main__":
    with job(snakemake):
        tag_documents(
            snakemake.params.text,
            snakemake.input.taggers,
            next(iter(snakemake.input.linker), None),
            snakemake.input.concepts,
            snakemake.resources.get("gpu", 0),
            snakemake.output.documents,
        )
