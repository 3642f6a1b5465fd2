"""Draw the texts of a study by class: how many, how long, and in which words."""

from collections.abc import Callable

import pandas as pd

from lexome import textfigures
from lexome.look import save
from lexome.runtime import read_json


def plot_texts(examples_path: str, labels_path: str, balance_path: str, counts_path: str, clouds_path: str) -> None:
    """Write the three pictures of a study's texts; a text with several labels counts in each of them."""
    examples = pd.read_parquet(examples_path, columns=["text", "length", "labels"])
    labels = read_json(labels_path)
    rows = examples.explode("labels").dropna(subset="labels").groupby("labels")

    def by_class(take: Callable[[pd.DataFrame], object], empty: object) -> dict:
        parts = {index: take(part) for index, part in rows}
        return {label["name"]: parts.get(index, empty) for index, label in enumerate(labels["labels"])}

    nouns = labels["example_noun"], labels["label_noun"]
    save(textfigures.class_balance(by_class(len, 0), *nouns), balance_path)
    lengths = by_class(lambda part: part["length"].to_numpy(), [])
    save(textfigures.word_counts(lengths, labels.get("length_unit", "words"), nouns[0]), counts_path)
    save(textfigures.word_clouds(by_class(lambda part: part["text"].to_list(), [])), clouds_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_texts(
            snakemake.input.examples,
            snakemake.input.labels,
            snakemake.output.balance,
            snakemake.output.word_counts,
            snakemake.output.word_clouds,
        )
