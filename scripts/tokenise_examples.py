"""Tokenise the examples of a study with the tokenizer of a backbone."""

import datasets
import pandas as pd

from lexome.runtime import atomic, job
from lexome.tokens import load_tokenizer, tokenise


def tokenise_examples(examples_path: str, backbone: str, max_tokens: int, tokens_path: str) -> None:
    """Write a Hugging Face dataset of `id`, `input_ids`, `length`, `truncated`, in the order of the examples."""
    examples = pd.read_parquet(examples_path)
    text = examples["sequence" if "sequence" in examples else "text"]
    tokens = tokenise(examples["id"], text, load_tokenizer(backbone), max_tokens)
    with atomic(tokens_path) as folder:
        tokens.save_to_disk(folder)


if __name__ == "__main__":
    with job(snakemake):
        datasets.disable_progress_bars()
        datasets.disable_caching()
        tokenise_examples(
            snakemake.input.examples,
            snakemake.input.backbone,
            snakemake.params.max_tokens,
            snakemake.output.tokens,
        )
