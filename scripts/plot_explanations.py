"""Draw the explained texts of a run, and the page of its attention heads."""

import pandas as pd

from lexome import attributionfigures, page
from lexome.look import save
from lexome.runtime import atomic, read_json


def plot_explanations(
    texts: str,
    attributions: str,
    table: str,
    attention: str,
    labels: str,
    template: str,
    title: str,
    run: str,
    texts_path: str,
    words_path: str,
    deletion_path: str,
    attention_path: str,
) -> None:
    """Write three figures and the page.

    Parameters
    ----------
    title, run
        Of the study, and the run as `split/model/seed<k>`, for the page.
    """
    noun = read_json(labels)["label_noun"]
    words = pd.read_parquet(attributions)
    shown = pd.read_parquet(texts).query("shown")
    by_text = dict(list(words.groupby("id")))
    told = [
        {
            **{key: row[key] for key in ("predicted", "true", "right", "probability")},
            "words": by_text[row["id"]]["word"].tolist(),
            "values": by_text[row["id"]]["attribution"].to_numpy(),
        }
        for row in shown.to_dict("records")
    ]
    save(attributionfigures.coloured_texts(told), texts_path)
    save(attributionfigures.class_words(words, noun), words_path)
    save(attributionfigures.deletion_curves(pd.read_csv(table, sep="\t"), noun), deletion_path)
    write_head_view(attention, template, title, run, attention_path)


def write_head_view(attention: str, template: str, title: str, run: str, path: str) -> None:
    """Write the page of the attention heads: one file, with its data, script and style inside."""
    html = page.render(template, {"view": read_json(attention), "title": title, "run": run})
    with atomic(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_explanations(
            snakemake.input.texts,
            snakemake.input.attributions,
            snakemake.input.table,
            snakemake.input.attention,
            snakemake.input.labels,
            snakemake.input.template,
            snakemake.params.title,
            snakemake.params.run,
            snakemake.output.texts,
            snakemake.output.words,
            snakemake.output.deletion,
            snakemake.output.attention,
        )
