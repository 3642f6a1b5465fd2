"""The embeddings of a study as the rules make them: every shard, then the index."""

from embed_sequences import embed_sequences
from index_embeddings import index_embeddings
from lexome.embedplan import embedding_settings


def embed_study(tokens, backbone, folder, entry, shards=1, order=None, dealt=None):
    """Write shards, index and manifest into `folder`, which is given back.

    `entry` is the backbone's in the registry; `order` that of the shards.
    """
    settings = embedding_settings(entry)
    names = {"vectors": ".npy", "tokens": ".tokens.npy", "ids": ".parquet", "cost": ".json"}
    files = [{name: folder / "shards" / f"{shard}{end}" for name, end in names.items()} for shard in range(shards)]
    for shard in order or range(shards):
        about = (
            settings,
            entry["embedding"]["batch_tokens"],
            shard,
            dealt or {"shards": shards},
            "residues",
            "code",
            1,
            0,
        )
        embed_sequences(str(tokens), backbone, *about, *files[shard].values(), folder / "unfinished" / str(shard))
    parts = ([shard[name] for shard in files] for name in ("vectors", "ids", "cost"))
    index_embeddings(str(tokens), *parts, "tiny", settings, folder / "index.parquet", folder / "manifest.json")
    return folder
