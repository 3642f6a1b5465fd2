"""Show what a model says of a text: a spreadsheet, the text in colours, a chart, and how far to trust it."""

from pathlib import Path

from lexome import page
from lexome.classified import label_names, overview, read_table, summary_line, write_workbook
from lexome.judged import figures
from lexome.look import plural, save
from lexome.runtime import atomic, job, read_json
from lexome.textpage import coloured_paragraphs, label_looks, shares
from lexome.texts import read_text


def classify_text(
    text_path: str,
    table_path: str,
    labels_path: str,
    judged: list[dict],
    about: dict,
    template: str,
    workbook_path: str,
    page_path: str,
    chart_path: str,
    summary_path: str,
) -> None:
    """Write `sentences.xlsx`, `text.html`, `shares.svg` and `summary.txt`.

    Parameters
    ----------
    text_path, table_path, labels_path
        The text, its `sentences.tsv` and `<split>.labels.json`.
    judged
        The run that was used and that of the trivial model, in this order: `model`, `seed`, and the files `metrics`
        and `replicates` of the run.
    about
        `study`, `title` (of the study), `split`, `headline` (metrics to tell) and `level` (of the intervals).
    template
        `text.html.j2`.
    """
    labels = read_json(labels_path)
    names, text = label_names(labels["labels"]), read_text(text_path)
    table, scores = read_table(table_path, names)
    sums = overview(scores, names, labels["task"])
    alt = f"Mean probability and share of sentences of each {labels['label_noun']}"
    write_workbook(workbook_path, table, sums)
    save(shares(sums), chart_path)
    looks = label_looks(sums)
    context = {
        "name": Path(text_path).name,
        "task": labels["task"],
        "nouns": {key: labels[f"{key}_noun"] for key in ("example", "label")},
        "about": about,
        "looks": looks,
        "shown": sorted((look for look in looks if look["sentences"]), key=lambda look: -look["sentences"]),
        "sums": sums.sort_values("mean", ascending=False, kind="stable").to_dict("records"),
        "paragraphs": coloured_paragraphs(text, table, scores, looks, labels["task"]),
        "n_cut": int(table["cut"].astype(str).eq("True").sum()),
        "n_sentences": len(table),
        "names": names,
        "rows": list(zip(table["number"], table["sentence"], table["predicted"], scores.tolist(), strict=True)),
        "runs": judged,
        "figures": [figures(metric, judged, about["level"]) for metric in about["headline"]],
        "chart": page.embed_figure(chart_path, alt, "chart"),
        "colours": page.theme_colours(),
    }
    html = page.render(template, context, {"plural": plural})
    with atomic(page_path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    with atomic(summary_path) as temporary:
        temporary.write_text(summary_line(Path(text_path).name, sums) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        runs = zip(snakemake.params.runs, snakemake.input.metrics, snakemake.input.replicates, strict=True)
        classify_text(
            snakemake.input.text,
            snakemake.input.table,
            snakemake.input.labels,
            [run | {"metrics": metrics, "replicates": replicates} for run, metrics, replicates in runs],
            snakemake.params.about,
            snakemake.input.template,
            snakemake.output.workbook,
            snakemake.output.page,
            snakemake.output.chart,
            snakemake.output.summary,
        )
