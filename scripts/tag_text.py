"""Show what was found in texts: JSON and tables for programs, pages for people, and how far to trust it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lexome import page, tagpage
from lexome.documents import Document, read_documents
from lexome.look import plural
from lexome.runtime import atomic, job, read_json, write_json, write_tsv
from lexome.tagged import describe, entity_table, link_table, summary_line
from lexome.texts import count_words
from lexome.textsources import file_names


def tag_text(
    documents_path: str,
    source: str,
    labels: Mapping[str, str],
    ontologies: Sequence[str],
    runs: Sequence[Mapping],
    about: Mapping,
    templates: Sequence[str],
    json_path: str,
    entities_path: str,
    links_path: str,
    page_path: str,
    pages_path: str | None,
    summary_path: str,
) -> None:
    """Write `document.json`, `entities.tsv`, `links.tsv`, the page or pages, and `summary.txt`.

    Parameters
    ----------
    documents_path
        As `tag_documents` writes it.
    source
        The name of the text or texts.
    labels
        Layer (`entities`, `concepts`) -> the study's `labels.json`.
    ontologies
        Parsed ontologies whose terms may be named.
    runs
        The runs that read the texts: `role`, `study`, `title` (of the study), `split`, `model`, `seed`, `settings`,
        `before` (the model whose entities it reads, or None), `judged_with` (the model whose entities it was judged on,
        or None), `distant` (whether a dictionary made the annotations of its study, distant supervision),
        and `judged`, see `tagpage.trust_rows`.
    about
        `level` (of the intervals) and `licences` (`name`, `title`, `licence`, `citation` of what the models were made
        of).
    templates
        `tagged.html.j2` and `taggedindex.html.j2`.
    page_path
        Of a single text its page; of several the list of their pages.
    pages_path
        The folder of the pages of several texts; None for a single one.
    """
    documents = list(read_documents(documents_path))
    categories = {layer: _names(path) for layer, path in labels.items()}
    titles = {category: name for names in categories.values() for category, name in names.items()}
    told = [describe(document, titles, _terms(ontologies)) for document in documents]
    styles = tagpage.looks(tagpage.with_strangers(categories, told), told)
    shown = [{key: value for key, value in run.items() if key != "judged"} for run in runs]
    write_json(json_path, {"runs": shown, "licences": about["licences"], "documents": told})
    write_tsv(entities_path, entity_table(told))
    write_tsv(links_path, link_table(told))
    common = {
        "source": source,
        "runs": shown,
        "licences": about["licences"],
        "trust": tagpage.trust_rows(runs, about["level"]),
        "level": about["level"],
        "colours": page.theme_colours(),
    }
    if pages_path is None:
        _write(page_path, _page(documents[0], told[0], styles, common, templates[0], ""))
    else:
        names = file_names([document.id for document in documents])
        back = f"../{Path(page_path).name}"
        with atomic(pages_path) as folder:
            folder.mkdir()
            for document, one, name in zip(documents, told, names, strict=True):
                _write(folder / f"{name}.html", _page(document, one, styles, common, templates[0], back))
        rows = [
            {
                "href": f"{Path(pages_path).name}/{name}.html",
                "name": document.id,
                "words": count_words(document.text),
                "counts": tagpage.counts(one, styles),
                "links": len(one["links"]),
            }
            for document, one, name in zip(documents, told, names, strict=True)
        ]
        _write(page_path, page.render(templates[1], {**common, "rows": rows, "looks": styles}, {"plural": plural}))
    with atomic(summary_path) as temporary:
        temporary.write_text(summary_line(source, told) + "\n", encoding="utf-8")


def _page(
    document: Document, told: Mapping, styles: Sequence[Mapping], common: Mapping, template: str, back: str
) -> str:
    own = [{**look, "count": n} for look, n in zip(styles, tagpage.counts(told, styles), strict=True)]
    context = {
        **common,
        "name": document.id,
        "back": back,
        "n_words": count_words(document.text),
        "looks": own,
        "paragraphs": tagpage.paragraphs(document, told, styles),
        "view": tagpage.view(told, styles),
    }
    return page.render(template, context, {"plural": plural})


def _write(path: str | Path, html: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _names(path: str) -> dict[str, str]:
    return {label["id"]: label.get("name") or label["id"] for label in read_json(path)["labels"]}


def _terms(ontologies: Sequence[str]) -> dict[str, str]:
    tables = [pd.read_parquet(path, columns=["id", "name"]) for path in ontologies]
    return {key: name for table in tables for key, name in zip(table["id"], table["name"], strict=True)}


if __name__ == "__main__":
    with job(snakemake):
        given = snakemake.input
        files = iter(zip(given.metrics, given.replicates, strict=True))
        runs = [
            run | {"judged": [one | dict(zip(("metrics", "replicates"), next(files), strict=True)) for one in own]}
            for run in snakemake.params.runs
            if (own := run["judged"])
        ]
        tag_text(
            given.documents,
            snakemake.params.source,
            dict(zip(snakemake.params.layers, given.labels, strict=True)),
            given.ontologies,
            runs,
            snakemake.params.about,
            [given.template, given.index],
            snakemake.output.json,
            snakemake.output.entities,
            snakemake.output.links,
            snakemake.output.page,
            snakemake.output.get("pages"),
            snakemake.output.summary,
        )
