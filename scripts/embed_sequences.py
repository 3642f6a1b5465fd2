"""Embed one shard of a study's examples with a frozen backbone."""

import logging

from lexome.costs import describe, stopwatch
from lexome.runtime import job, progress, write_json, write_parquet

log = logging.getLogger(__name__)


def embed_sequences(
    tokens_path: str,
    backbone: str,
    settings: dict,
    batch_tokens: int,
    shard: int,
    dealt: dict,
    unit: str,
    code: str,
    threads: int,
    gpus: int,
    vectors_path: str,
    tokens_out: str,
    rows_path: str,
    cost_path: str,
    unfinished: str,
) -> None:
    """Write the shard's vectors, the states of its tokens, its rows, and what it took.

    The arrays are `.npy`, see `embedshard.fill_shard`, in the type that `settings` names (bfloat16 as its bits,
    uint16); the rows as in `embedshard.Shard.table`; the cost as in `costs.describe`, with the `letters` (residues)
    that this job read and `letters_per_second`.

    Parameters
    ----------
    settings
        From `embedplan.embedding_settings`.
    batch_tokens
        Tokens that are read at once: a matter of memory and speed.
    dealt
        `shards` or `shard_sequences` of the study, see `batching.shard_count`.
    unit
        What a token stands for, in the plural: residues.
    code
        Hash of the code; what other code began is begun anew.
    unfinished
        Folder where a job that is ended leaves what it has done, for the next to go on from.
    """
    import datasets
    import torch

    from lexome.devices import find_device, set_threads
    from lexome.embedding import Embedder, LayerReader, load_backbone, precision_of
    from lexome.embedshard import Shard, describe_files, fill_shard
    from lexome.tokens import load_tokenizer

    set_threads(threads)
    device = find_device(gpus)
    precision = precision_of(settings["precision"], device)
    reader = LayerReader(load_backbone(backbone, device, precision), settings["layers"])
    embedder = Embedder(
        reader, load_tokenizer(backbone), settings["pooling"], batch_tokens, settings["room"], settings["overlap"]
    )
    own = Shard(datasets.load_from_disk(tokens_path), shard, dealt, embedder)
    total = int(own.contents.sum())
    log.info("%d distinct sequences, %d %s; %s on %s", len(own.rows), total, unit, precision, device)
    if long := int((own.windows > 1).sum()):
        log.info("%d are longer than the %d tokens that the backbone reads at once: windows", long, settings["room"])

    plan = settings | {"precision": str(precision), "device": device.type, "code": code, "torch": torch.__version__}
    plan["backbone"] = describe_files(backbone)
    line = progress(total=total, unit=unit, desc=f"Embed shard {shard}")
    done = 0

    def report(sequences: int, letters: int) -> None:
        nonlocal done
        done += sequences
        line.set_postfix_str(f"{done:,} of {len(own.rows):,} sequences", refresh=False)
        line.update(letters)

    with stopwatch() as measured, line:
        partial, letters = fill_shard(own, embedder, settings["dtype"], plan, unfinished, report)
    rate = letters / measured["seconds"]
    log.info("%d %s in this job, %.0f a second", letters, unit, rate)
    write_parquet(rows_path, own.table())
    write_json(
        cost_path, describe(measured, device.type) | {"unit": unit, "letters": letters, "letters_per_second": rate}
    )
    partial.finish({"vectors": vectors_path, "tokens": tokens_out})


if __name__ == "__main__":
    with job(snakemake):
        embed_sequences(
            snakemake.input.tokens,
            snakemake.input.backbone,
            snakemake.params.settings,
            snakemake.config["registries"]["backbones"][snakemake.wildcards.backbone]["embedding"]["batch_tokens"],
            int(snakemake.wildcards.shard),
            snakemake.params.dealt,
            snakemake.params.unit,
            snakemake.params.code,
            snakemake.threads,
            snakemake.resources.get("gpu", 0),
            snakemake.output.vectors,
            snakemake.output.tokens,
            snakemake.output.ids,
            snakemake.output.cost,
            snakemake.params.unfinished,
        )
