"""Write annotated documents in another form, put together from several sources and parted if wanted."""

import logging
from pathlib import Path

from lexome.conversion import SUFFIXES, combine, guess_form, lost, part, read_any, write_form
from lexome.mae import read_definition
from lexome.runtime import atomic, write_json


def convert_documents(paths: list[str], settings: dict, folder: str) -> None:
    """Read documents of any form and write them in another.

    Parameters
    ----------
    paths
        Files and folders; see `conversion.guess_form`.
    settings
        `to` (a form), `definition` (of the tags of MAE's files, or None), `folders` (in archives of MAE's files, or
        None), `parts` (share of each part by its name, or None) and `seed` (of the parting).
    folder
        Made anew: `documents.<suffix>`, or of forms with a file a document a folder `documents`; with parts, one for
        each of them under its name. `conversion.json` tells sources, numbers and what the form could not hold.
    """
    definition, folders = settings["definition"], settings["folders"]
    sources = [(path, read_any(path, definition, folders)) for path in paths]
    documents = combine(sources)
    parts = (
        {"documents": documents} if settings["parts"] is None else part(documents, settings["parts"], settings["seed"])
    )
    form = settings["to"]
    tags = read_definition(definition) if form == "mae" and definition and Path(definition).is_file() else None
    gone = lost(documents, form)
    if gone:
        logging.warning("%s has no place for %s", form, ", ".join(f"{n:,} {name}" for name, n in gone.items()))
    with atomic(folder) as temporary:
        temporary.mkdir()
        for name, own in parts.items():
            write_form(temporary / f"{name}{SUFFIXES[form] or ''}", own, form, tags)
        write_json(
            temporary / "conversion.json",
            {
                "sources": [{"path": path, "form": guess_form(path), "documents": len(own)} for path, own in sources],
                "to": form,
                "parts": {name: len(own) for name, own in parts.items()},
                "seed": settings["seed"] if settings["parts"] else None,
                "entities": sum(len(document.entities) for document in documents),
                "links": sum(len(document.links) for document in documents),
                "lost": gone,
            },
        )
    logging.info("%d documents as %s in %s", len(documents), form, folder)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        convert_documents(list(snakemake.input.documents), snakemake.params.settings, snakemake.output.folder)
