"""Tokenise the examples of a study with the tokenizer of a backbone."""

import datasets
import pandas as pd

from lexome.runtime import atomic, job, write_json
from lexome.tokens import load_tokenizer, tokenise


def tokenise_examples(
    examples_path: str, assignments: list[str], backbone: str, max_tokens: int | None, tokens_path: str
) -> None:
    """Write a Hugging Face dataset, see `tokens.tokenise`, in the order of the examples, and with it `counts.json`.

    Examples that no split uses (`sizes` leaves them out) are left out, and so cost no embedding. The counts are the
    `examples` and their `distinct` sequences or texts.
    """
    examples = pd.read_parquet(examples_path)
    used = {i for path in assignments for i in pd.read_parquet(path, columns=["id"])["id"]}
    examples = examples[examples["id"].isin(used)]
    text = examples["sequence" if "sequence" in examples else "text"]
    tokens = tokenise(examples["id"], text, load_tokenizer(backbone), max_tokens)
    with atomic(tokens_path) as folder:
        tokens.save_to_disk(folder)
        write_json(folder / "counts.json", {"examples": len(tokens), "distinct": len(set(tokens["first"][:]))})


if __name__ == "__main__":
    with job(snakemake):
        datasets.disable_progress_bars()
        datasets.disable_caching()
        tokenise_examples(
            snakemake.input.examples,
            snakemake.input.assignments,
            snakemake.input.backbone,
            snakemake.params.max_tokens,
            snakemake.output.tokens,
        )
