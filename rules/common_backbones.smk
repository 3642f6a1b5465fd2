"""The functions that give the rules of adapting and embedding backbones their inputs, params and resources.

Needs: what rules/common.smk defines.
Makes: no file.
"""

# Adapt


def adapt_settings(wildcards):
    """The `adapt` entry of a backbone."""
    return backbones[wildcards.backbone]["adapt"]


def adapted_names():
    """Backbones that are made by adapting another."""
    return [name for name in backbones if "adapt" in backbones[name]]


def corpus_input(pattern):
    """An input function: a file of the study and split that a corpus is taken from; nothing for a corpus from a file."""

    def files(wildcards):
        corpus = adapt_settings(wildcards)["corpus"]
        return pattern.format(**corpus) if "study" in corpus else []

    return files


def corpus_sources(wildcards):
    """The sequences that a study's examples were cut from, where a corpus is made of them."""
    corpus = adapt_settings(wildcards)["corpus"]
    path = "results/{study}/sources.parquet"
    return path.format(**corpus) if adapted.takes_sources(corpus) else []


def corpus_file(wildcards):
    """The file that a corpus is read from; nothing for a corpus of a study."""
    return adapt_settings(wildcards)["corpus"].get("file", [])


def corpus_settings(wildcards):
    """What decides the texts of a corpus."""
    entry = adapt_settings(wildcards)
    drawn = {
        key: entry["training"][key] for key in ("max_examples", "valid_share", "seed")
    }
    return drawn | {
        "subsets": entry["corpus"].get("subsets"),
        "chunk": entry["corpus"].get("chunk"),
        "in_frame": entry["corpus"].get("in_frame"),
        "transductive": adapted.is_transductive(backbones[wildcards.backbone]),
        "kind": backbones[wildcards.backbone]["kind"],
    }


def adapted_from(wildcards):
    """The folder of the backbone that another is adapted from."""
    return backbone_folder(adapt_settings(wildcards)["backbone"])


def adaptation_memory(wildcards, attempt):
    """Memory in MB of an adaptation: weights, gradients and two moments in float32, a checkpoint, and room for a batch."""
    return int(4000 + 24e-6 * backbones[wildcards.backbone]["parameters"]) * 2 ** (
        attempt - 1
    )


def adapt_training(wildcards):
    """Settings of an adaptation's training."""
    return adapt_settings(wildcards)["training"]


# Embed


def embedding_settings(wildcards):
    """How a backbone reads what it embeds, defaults included."""
    return embedplan.embedding_settings(backbones[wildcards.backbone])


def embedding_memory(wildcards, attempt):
    """Memory in MB of an embedding job: twice the backbone's weights in float32 and room for a batch."""
    return int(3000 + 8e-6 * backbones[wildcards.backbone]["parameters"]) * 2 ** (
        attempt - 1
    )


def embedding_unit(wildcards):
    """What the tokens of a backbone stand for."""
    return embedplan.UNITS[backbones[wildcards.backbone]["kind"]]


def shards_dealt(wildcards):
    """How a study's distinct sequences are dealt out to embedding jobs: `shards`, or `shard_sequences` of a job."""
    study = studies[wildcards.study]
    return {key: study[key] for key in ("shards", "shard_sequences") if key in study}


def shard_files(suffix):
    """An input function: one file of every shard of a study's embeddings."""

    def files(wildcards):
        dealt = shards_dealt(wildcards)
        count = dealt.get("shards")
        if count is None:
            # Known once the examples are tokenised.
            tokens = checkpoints.tokenise_examples.get(**wildcards).output.tokens
            with open(f"{tokens}/counts.json") as file:
                count = batching.shard_count(json.load(file)["distinct"], dealt)
        folder = f"results/{wildcards.study}/embeddings/{wildcards.backbone}/shards"
        return [f"{folder}/{shard}.{suffix}" for shard in range(count)]

    return files


def unfinished_shard(wildcards):
    """Where an embedding job that is ended leaves what it has done; no output, so that it is not removed."""
    return (
        f"results/unfinished/embed_sequences/{wildcards.study}/{wildcards.backbone}/"
        f"{wildcards.shard}"
    )
