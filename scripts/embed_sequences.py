"""Embed one shard of a study's examples with a frozen backbone."""

import logging

import numpy as np
import pandas as pd

from lexome.costs import describe, stopwatch
from lexome.runtime import atomic, job, progress, write_json, write_parquet


def embed_sequences(
    tokens_path: str,
    backbone: str,
    settings: dict,
    batch_tokens: int,
    shard: int,
    shards: int,
    threads: int,
    gpus: int,
    vectors_path: str,
    ids_path: str,
    cost_path: str,
) -> None:
    """Write the shard's vectors, its rows, and what it took.

    The vectors are float32 `.npy` of shape (rows, poolings * layers, width); the rows `id`, `tokens` (how many, special
    ones included) and `truncated` (whether the backbone saw a part only); the cost as in `costs.describe`.

    Parameters
    ----------
    settings
        `layers` and `pooling` (a list of them) of the backbone's embedding.
    batch_tokens
        Tokens in a batch, padding included: a matter of memory and speed.
    """
    import datasets
    import torch

    from lexome.devices import find_device, set_threads
    from lexome.embedding import LayerReader, embed, load_backbone, shard_rows
    from lexome.tokens import load_tokenizer

    set_threads(threads)
    device = find_device(gpus)
    tokens = datasets.load_from_disk(tokens_path)
    chosen = tokens.select(shard_rows(tokens["length"], shard, shards))
    reader = LayerReader(load_backbone(backbone, device), settings["layers"])
    logging.info("%d sequences on %s, torch %s", len(chosen), device, torch.__version__)

    line = progress(total=sum(chosen["length"]), unit="tokens", desc=f"shard {shard + 1}/{shards}")
    with stopwatch() as measured, line:
        vectors = embed(
            list(chosen["input_ids"]),
            reader,
            load_tokenizer(backbone),
            settings["pooling"],
            batch_tokens,
            device,
            report=lambda _sequences, n_tokens: line.update(n_tokens),
        )
    seconds = measured["seconds"]
    logging.info("%.1f sequences/s, %.0f tokens/s", len(chosen) / seconds, sum(chosen["length"]) / seconds)
    rows = {"id": chosen["id"], "tokens": chosen["length"], "truncated": chosen["truncated"]}
    write_parquet(ids_path, pd.DataFrame(rows))
    write_json(cost_path, describe(measured, device.type))
    with atomic(vectors_path) as temporary, open(temporary, "wb") as file:
        np.save(file, vectors)


if __name__ == "__main__":
    with job(snakemake):
        embed_sequences(
            snakemake.input.tokens,
            snakemake.input.backbone,
            snakemake.params.settings,
            snakemake.config["registries"]["backbones"][snakemake.wildcards.backbone]["embedding"]["batch_tokens"],
            int(snakemake.wildcards.shard),
            snakemake.params.shards,
            snakemake.threads,
            snakemake.resources.get("gpu", 0),
            snakemake.output.vectors,
            snakemake.output.ids,
            snakemake.output.cost,
        )
