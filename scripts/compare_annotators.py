"""Say how far the annotators of the same documents agree: figures, confusions, disagreements, a page."""

import logging

import numpy as np
import pandas as pd

from lexome import agreementpage, page
from lexome.agreement import Pair, agreement, all_categories, confusion, pair_up
from lexome.checksums import verify
from lexome.disagreements import COLUMNS, disagreements
from lexome.documentfigures import agreement_by_category
from lexome.documents import Document, read_documents
from lexome.look import save
from lexome.mae import read_annotated, read_definition
from lexome.runtime import atomic, read_json, write_tsv

NONE = "none"


def compare_annotators(
    sources: dict[str, str],
    archive: str | None,
    definition: str | None,
    labels_path: str,
    about: dict,
    bootstrap: dict,
    template: str,
    outputs: dict[str, str],
) -> None:
    """Write the agreement of annotators.

    Parameters
    ----------
    sources
        By annotator a folder of MAE's XML files in `archive`, or, without one, documents as JSON Lines.
    archive
        Tar archive or folder, or None.
    definition
        Of the tags, for XML: a file, or a member of the archive.
    labels_path
        `labels.json` of the study: the order of its categories, and its fields.
    about
        `study` and `title`.
    bootstrap
        `replicates`, `level` and `seed`.
    template
        `agreement.html.j2`.
    outputs
        Paths: `table` (`agreement.COLUMNS`), `confusion` (names of two annotators, category of each, words),
        `disagreements` (`disagreements.COLUMNS`), `figure` and `page`.
    """
    labels = read_json(labels_path)
    annotated = read_annotators(sources, archive, definition)
    names = {label["id"]: label["name"] for label in labels["labels"]}
    pairs = pair_up(annotated)
    for pair in pairs:
        log_unshared(pair)
    table = agreement(annotated, list(names), labels["fields"], bootstrap, (about["study"],))
    categories = all_categories(list(names), [document for own in annotated.values() for document in own])
    crossed = [confusion(pair, categories) for pair in pairs]
    differing = [disagreements(pair) for pair in pairs]
    write_tsv(outputs["table"], table)
    write_tsv(
        outputs["confusion"], pd.concat(confusion_rows(*own, categories) for own in zip(pairs, crossed, strict=True))
    )
    write_tsv(outputs["disagreements"], pd.concat(differing)[list(COLUMNS)])
    save(agreement_by_category(table, names), outputs["figure"])
    context = agreementpage.describe(table, pairs, crossed, differing, categories, names, bootstrap["level"]) | {
        "about": about,
        "picture": page.embed_figure(outputs["figure"], "Agreement on mentions by category", "agreement"),
        "colours": page.theme_colours(),
    }
    with atomic(outputs["page"]) as temporary:
        temporary.write_text(page.render(template, context), encoding="utf-8")


def read_annotators(sources: dict[str, str], archive: str | None, definition: str | None) -> dict[str, list[Document]]:
    """Documents by annotator; for the parameters see `compare_annotators`."""
    if archive is None:
        return {name: list(read_documents(path)) for name, path in sources.items()}
    found = read_annotated(archive, sources.values(), read_definition(definition, archive))
    return {name: found[folder] for name, folder in sources.items()}


def log_unshared(pair: Pair) -> None:
    """Name in the log what two annotators cannot be compared on."""
    for name, alone in zip(pair.names, pair.alone, strict=True):
        if alone:
            logging.warning("only %s (of %s) has %s", name, pair.title, ", ".join(alone))
    if pair.differing:
        logging.warning("%s: left out, for their texts differ: %s", pair.title, ", ".join(pair.differing))


def confusion_rows(pair: Pair, crossed: np.ndarray, categories: list[str]) -> pd.DataFrame:
    """One row a pair of categories: `first`, `second` (names), `first_category`, `second_category`, `words`."""
    known = [NONE, *categories]
    rows = [
        (*pair.names, one, other, int(crossed[row, column]))
        for row, one in enumerate(known)
        for column, other in enumerate(known)
    ]
    return pd.DataFrame(rows, columns=["first", "second", "first_category", "second_category", "words"])


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        compare_annotators(
            snakemake.params.sources,
            snakemake.input.archive or None,
            snakemake.params.definition,
            snakemake.input.labels,
            snakemake.params.about,
            snakemake.params.bootstrap,
            snakemake.input.template,
            {name: str(path) for name, path in snakemake.output.items()},
        )
