"""Draw what all runs of a study find in its test documents, and list mistakes of the best one."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome import tagfigures
from lexome.documents import Document, decode
from lexome.look import model_colours, save
from lexome.reporting import best_model, read_table
from lexome.runtime import read_json, read_tsv, write_tsv
from lexome.tagerrors import error_counts, errors, word_confusion
from lexome.tagfound import read_predicted

PANELS = {"f1": "entity_f1", "partial_f1": "partial_f1"}


def plot_tags(
    examples_path: str,
    assignment_path: str,
    split_labels_path: str,
    comparison_path: str,
    predictions_paths: Sequence[str],
    per_label_paths: Sequence[str],
    models: Sequence[str],
    trivial: str,
    headline: Sequence[str],
    outputs: Mapping[str, str],
    agreement_path: str | None = None,
) -> None:
    """Write four pictures of the test subset and a table of mistakes; they are shown here and choose nothing.

    Parameters
    ----------
    comparison_path
        Its valid rows choose the model that is shown: the best in the first headline metric that taggers have.
    predictions_paths, per_label_paths
        Files of every run.
    models
        The model of every run, in the same order, which is that of the config.
    outputs
        Paths: `categories`, `crossed_words`, `tag_errors`, `field_values` (pictures) and `errors` (every mistake of
        the first run of the best model).
    agreement_path
        How far annotators agree; None where there is one annotator.
    """
    about = read_json(split_labels_path)
    ids = [label["id"] for label in about["labels"]]
    names = [label["name"] for label in about["labels"]]
    true = judged_documents(examples_path, assignment_path)
    found: dict[str, list[list[Document]]] = {}
    tables: dict[str, list[pd.DataFrame]] = {}
    for model, path, table in zip(models, predictions_paths, per_label_paths, strict=True):
        told, own = read_predicted(path), pd.read_parquet(table).query("subset == 'test'")
        # Models that only link the entities of others have no figures of them.
        if len(own) and all(told[document.id][1] is not None for document in true):
            found.setdefault(model, []).append(
                [decode(told[one.id][1], f"{path}, document {one.id}", one.text) for one in true]
            )
            tables.setdefault(model, []).append(own)
    colours = model_colours(list(dict.fromkeys(models)), trivial)
    best = chosen(read_table(comparison_path), headline, trivial, list(found))
    panels = {
        metric: {model: _mean(own, column, ids) for model, own in tables.items()} for column, metric in PANELS.items()
    }
    drawn = {
        "categories": tagfigures.category_bars(
            names, panels, colours, _ceilings(agreement_path, ids), about["label_noun"]
        ),
        "crossed_words": tagfigures.crossed_words(
            word_confusion(true, found[best][0], ids) if best else np.zeros((len(ids) + 1,) * 2, int), names, best or ""
        ),
        "tag_errors": tagfigures.error_bars(
            {model: sum(error_counts(true, own) for own in runs) / len(runs) for model, runs in found.items()}
        ),
        "field_values": tagfigures.value_scores(
            {model: _values(tables[model]) for model in dict.fromkeys((trivial, best)) if model in tables}, colours
        ),
    }
    for name, figure in drawn.items():
        save(figure, outputs[name])
    write_tsv(outputs["errors"], errors(true, found[best][0] if best else true).assign(model=best or ""))


def chosen(comparison: pd.DataFrame, headline: Sequence[str], trivial: str, taggers: Sequence[str]) -> str | None:
    """The tagger with the best figure on valid, in the first metric in which any has one; None without taggers."""
    own = comparison[comparison["model"].isin(taggers)]
    for metric in [*headline, "entity_f1"]:
        if best := best_model(own, metric, trivial):
            return best
    return taggers[0] if taggers else None


def judged_documents(examples_path: str, assignment_path: str) -> list[Document]:
    """The annotated documents of the test subset, by id."""
    split = pd.read_parquet(assignment_path, columns=["id", "subset"]).query("subset == 'test'")
    table = pd.read_parquet(examples_path, columns=["id", "text", "document"]).merge(split, on="id").sort_values("id")
    return [
        decode(line, f"{examples_path}, document {key}", text)
        for key, line, text in zip(table["id"], table["document"], table["text"], strict=True)
    ]


def _mean(tables: Sequence[pd.DataFrame], column: str, ids: Sequence[str]) -> np.ndarray:
    """Mean over runs of a figure of the categories, float64 [L]; NaN where no run defines it."""
    own = pd.concat([table[table["kind"] == "category"] for table in tables]).groupby("id")[column].mean()
    return own.reindex(ids).to_numpy(dtype=np.float64)


def _values(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of the values of fields, means over runs."""
    rows = pd.concat(tables)
    rows = rows[rows["kind"] != "category"]
    return rows.groupby(["kind", "id"], as_index=False, sort=False)[["n_train", "n_positive", "f1"]].mean()


def _ceilings(path: str | None, ids: Sequence[str]) -> dict[str, np.ndarray]:
    if path is None:
        return {}
    table = read_tsv(path, numbers=("value", "low", "high", "n"))
    table = table[table["annotators"] == table["annotators"].iloc[0]].set_index(["metric", "category"])["value"]
    return {
        metric: np.array([table.get((metric, category), np.nan) for category in ids], dtype=np.float64)
        for metric in PANELS.values()
    }


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_tags(
            snakemake.input.examples,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.input.comparison,
            snakemake.input.predictions,
            snakemake.input.per_label,
            snakemake.params.models,
            snakemake.params.trivial,
            snakemake.params.headline,
            snakemake.output,
            snakemake.input.get("agreement") or None,
        )
