"""Draw the maps of vectors, and write the page on which people move in them."""

import pandas as pd

from lexome import mappage, page
from lexome.look import plural, save
from lexome.mapfigures import class_maps
from lexome.maptables import read_table
from lexome.runtime import atomic, read_json


def plot_maps(
    map_path: str,
    scores_path: str,
    labels_path: str,
    template: str,
    title: str,
    split: str,
    neighbours: int,
    figure_path: str,
    page_path: str,
) -> None:
    """Write the figure and the page: one file, with its data, script and style inside.

    Parameters
    ----------
    title, split, neighbours
        Told on the page; `neighbours` are those of the kNN accuracy.
    """
    maps, scores, labels = pd.read_parquet(map_path), read_table(scores_path), read_json(labels_path)
    names = {label["id"]: label["name"] for label in labels["labels"]}
    panels = {shown: mappage.of_run(maps, run) for run, shown in mappage.titles(maps).items()}
    save(class_maps(panels, names, mappage.notes(scores)), figure_path)
    context = {
        "view": mappage.view(maps, names),
        "rows": mappage.score_rows(scores),
        "heads": list(mappage.METRIC_TITLES.values()),
        "verdict": mappage.verdict(scores),
        "colours": page.theme_colours(),
        "nouns": (labels["example_noun"], labels["label_noun"]),
        "title": title,
        "split": split,
        "neighbours": neighbours,
    }
    html = page.render(template, context, {"plural": plural})
    with atomic(page_path) as temporary:
        temporary.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_maps(
            snakemake.input.map,
            snakemake.input.scores,
            snakemake.input.labels,
            snakemake.input.template,
            snakemake.params.title,
            snakemake.wildcards.split,
            snakemake.params.neighbours,
            snakemake.output.figure,
            snakemake.output.page,
        )
