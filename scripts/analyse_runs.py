"""Compare any set of runs on a page of its own: figures, curves by epoch, labels, and what their settings differ in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lexome import analysis, costtables, figures, page
from lexome.classfigures import class_bars
from lexome.forest import comparison_forest
from lexome.look import message, metric_title, model_colours, save
from lexome.reporting import figure_text
from lexome.runtime import atomic, read_history, read_json, write_tsv

MOST_LABELS = 12
SUBSETS = ("test", "valid")


def analyse_runs(
    runs: Sequence[Mapping], level: float, template: str, figures_out: str, page_out: str, pictures_out: str
) -> None:
    """Write the table of all figures, the pictures and the page.

    Parameters
    ----------
    runs
        `study`, `split`, `model`, `seed`, `settings`, of the study `title`, `headline` and `label_noun`; and the paths
        `metrics`, `replicates`, `cost`, `history` and `per_label`.
    level
        Of the intervals.
    template
        `analysis.html.j2`.
    figures_out
        TSV with the columns `analysis.FIGURES`.
    pictures_out
        A folder: `<study>_figures.svg`, `<study>_curves.svg`, `<study>_labels.svg`.
    """
    table = pd.concat([analysis.run_figures(run, level) for run in runs], ignore_index=True)
    studies = {name: [run for run in runs if run["study"] == name] for name in dict.fromkeys(r["study"] for r in runs)}
    with atomic(pictures_out) as folder:
        folder.mkdir()
        told = [_describe(name, own, table[table["study"] == name], folder) for name, own in studies.items()]
    context = {"studies": told, "n_runs": len(runs), "level": level, "colours": page.theme_colours()}
    html = page.render(template, context, {"metric": metric_title})
    write_tsv(figures_out, table)
    with atomic(page_out) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _describe(study: str, runs: Sequence[Mapping], table: pd.DataFrame, folder: Path) -> dict:
    """What the page says of the runs of one study, whose pictures are saved in `folder`."""
    names = [analysis.run_name(run) for run in runs]
    colours = model_colours(names)
    own = table.assign(model=[analysis.run_name(row) for row in table.to_dict("records")], source="measured")
    metrics = [metric for metric in runs[0]["headline"] if (own["metric"] == metric).any()]
    histories = [(f"{run['split']}/{run['model']}", f"seed{run['seed']}", read_history(run["history"])) for run in runs]
    of_model = model_colours(list(dict.fromkeys(name for name, *_ in histories)))
    labels = analysis.label_figures(
        {name: pd.read_parquet(run["per_label"]) for name, run in zip(names, runs, strict=True)}
    )
    drawn = {
        "figures": ("Figures on test", comparison_forest(own, metrics, "", colours)),
        "curves": ("Training, epoch by epoch", figures.training_curves(histories, of_model)),
        "labels": (f"{runs[0]['label_noun']} by {runs[0]['label_noun']}".capitalize(), _labels(labels, colours, runs)),
    }
    pictures = []
    for name, (title, figure) in drawn.items():
        save(figure, folder / f"{study}_{name}.svg")
        embedded = page.embed_figure(folder / f"{study}_{name}.svg", title, f"{study}-{name}")
        pictures.append({"title": title, "picture": embedded})
    return {
        "title": runs[0]["title"],
        "name": study,
        "columns": [(metric, subset) for metric in metrics for subset in SUBSETS],
        "rows": [_row(name, run, own, metrics) for name, run in zip(names, runs, strict=True)],
        "runs": names,
        "settings": analysis.differing_settings(runs),
        "pictures": pictures,
    }


def _labels(labels, colours: Mapping[str, str], runs: Sequence[Mapping]):
    if labels is None:
        return message("These runs have no figures of single labels.")
    metric, names, values = labels
    return class_bars(names, {metric: values}, {}, colours, runs[0]["label_noun"], top=MOST_LABELS)


def _row(name: str, run: Mapping, table: pd.DataFrame, metrics: Sequence[str]) -> dict:
    own = table[table["model"] == name].set_index(["metric", "subset"])
    cells = [
        figure_text(own.loc[(metric, subset)]) if (metric, subset) in own.index else ""
        for metric in metrics
        for subset in SUBSETS
    ]
    epochs = [record["epoch"] for record in read_history(run["history"]) if "epoch" in record]
    seconds = read_json(run["cost"]).get("seconds")
    spent = "" if seconds is None else costtables.duration(seconds)
    return {
        "name": name,
        "kind": run["settings"]["model"]["kind"],
        "cells": cells,
        "epochs": max(epochs, default=""),
        "spent": spent,
    }


if __name__ == "__main__":
    from lexome.runtime import job

    FILES = ("metrics", "replicates", "cost", "history", "per_label")
    with job(snakemake):
        paths = zip(*(snakemake.input[name] for name in FILES), strict=True)
        analyse_runs(
            [run | dict(zip(FILES, own, strict=True)) for run, own in zip(snakemake.params.runs, paths, strict=True)],
            snakemake.params.level,
            snakemake.input.template,
            snakemake.output.figures,
            snakemake.output.page,
            snakemake.output.pictures,
        )
