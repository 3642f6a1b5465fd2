"""Look inside a fine-tuned text classifier: attributions of words, whether they mean something, attention."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lexome import attention, attribution, deletion
from lexome.bootstrap import stream
from lexome.devices import find_device
from lexome.runs import load_test
from lexome.runtime import job, read_json, write_json, write_parquet, write_tsv
from lexome.texts import WORD

SHARES = (0.1, 0.2, 0.3, 0.5)
DRAWS = 3  # random orders a text
HEAD_VIEW = 6  # texts whose attention is shown
GRADIENT = "gradient"


def explain_texts(
    examples: str,
    study_labels: str,
    assignment: str,
    split_labels: str,
    predictions: str,
    model: str,
    settings: Mapping,
    bootstrap: Mapping,
    gpus: int,
    texts_path: str,
    attributions_path: str,
    table_path: str,
    verdict_path: str,
    attention_path: str,
) -> None:
    """Explain test texts of one run.

    Parameters
    ----------
    settings
        `model`, `seed` (of the run, and of the choice of texts), `examples` (texts explained and checked), `shown` (of
        them in the figure), `steps` (of the integral).
    bootstrap
        `replicates`, `level`, `seed`.
    """
    names = [label["name"] for label in read_json(split_labels)["labels"]]
    classifier, tokenizer = attribution.load_classifier(model, find_device(gpus))
    table, targets, _ = load_test(examples, study_labels, assignment, split_labels, predictions)
    table = judge(table, targets)
    table = table[[WORD.search(text) is not None for text in table["text"]]].reset_index(drop=True)
    rows = choose(
        table["true"].to_numpy(), table["right"].to_numpy(), settings["examples"], settings["shown"], settings["seed"]
    )
    table = table.iloc[rows].reset_index(drop=True).assign(shown=np.arange(len(rows)) < settings["shown"])

    tokens = attribution.read_tokens(tokenizer, table["text"])
    probability = attribution.probability_function(classifier, tokenizer)
    scores = probability([own.text for own in tokens])
    predicted = scores.argmax(axis=1)
    pad = tokenizer.pad_token_id or 0
    integrals = attribution.integrated_gradients(classifier, tokens, predicted, pad, settings["steps"])
    gradients = attribution.gradient_times_input(classifier, tokens, predicted, pad)
    words = word_table(table["id"], tokens, [names[label] for label in predicted], integrals, gradients)
    write_parquet(attributions_path, words)
    table = table.assign(
        text=[own.text for own in tokens],
        true=[", ".join(names[label] for label in labels) for labels in table["true_labels"]],
        predicted=[names[label] for label in predicted],
        probability=scores.max(axis=1),
        log_odds=[integral.output for integral in integrals],
        baseline=[integral.baseline for integral in integrals],
        delta=[integral.delta for integral in integrals],
    )
    kept = ["id", "text", "true", "predicted", "right", "probability", "log_odds", "baseline", "delta", "shown"]
    write_parquet(texts_path, table[kept])

    explained = [
        deletion.Explained(row.id, row.text, label, *removable(words[words["id"] == row.id]))
        for row, label in zip(table.itertuples(), predicted, strict=True)
    ]
    curves, report = check(explained, table, probability, settings, bootstrap)
    write_tsv(table_path, curves)
    write_json(verdict_path, report | {"convergence": convergence(integrals, settings["steps"])})
    logging.info("%s", report["verdict"])
    write_json(attention_path, head_view(classifier, tokens, table))


def judge(table: pd.DataFrame, targets: np.ndarray) -> pd.DataFrame:
    """Test examples of `load_test` with `true_labels` (columns of the scores), `true` (the first of them, -1 for none)
    and `right` (whether the likeliest label is among them)."""
    likeliest = np.stack(table["scores"].to_numpy()).argmax(axis=1)
    return table.drop(columns="scores").assign(
        true_labels=[np.flatnonzero(row).tolist() for row in targets],
        true=np.where(targets.any(axis=1), targets.argmax(axis=1), -1),
        right=targets[np.arange(len(targets)), likeliest] == 1,
    )


def choose(true: np.ndarray, right: np.ndarray, n: int, shown: int, seed: int) -> list[int]:
    """Rows to explain: classes in turn, drawn by seed; a third of those shown are wrong ones, as far as there are.

    Parameters
    ----------
    true
        Class of every test text, int, shape (texts,).
    right
        bool, shape (texts,): whether it was predicted.
    n, shown
        How many rows; the first `shown` of them are those for the figure, the wrong ones at their end.
    """
    order = stream(seed, "interpret").permutation(len(true))
    turn = pd.Series(order).groupby(true[order]).cumcount().to_numpy()
    order = order[np.lexsort((true[order], turn))]
    shown = min(n, shown)
    wrong = order[~right[order]][: shown // 3]
    rest = order[~np.isin(order, wrong)]
    # The figure's other texts are right where enough are; the rest of the sample is drawn whatever the model said.
    clear = rest[right[rest]][: shown - len(wrong)]
    others = rest[~np.isin(rest, clear)]
    return np.concatenate([clear, wrong, others])[:n].tolist()


def word_table(
    ids: Sequence[str], tokens: Sequence, classes: Sequence[str], integrals: Sequence, gradients: Sequence[np.ndarray]
) -> pd.DataFrame:
    """One row a word: `id`, `class`, `word`, `start`, `end`, `attribution` and `gradient` (gradient times input)."""
    parts = []
    for name, own, label, integral, gradient in zip(ids, tokens, classes, integrals, gradients, strict=True):
        spans, sums = attribution.sum_by_word(own, integral.values)
        parts.append(
            pd.DataFrame(
                {
                    "id": name,
                    "class": label,
                    "word": [own.text[start:end] for start, end in spans],
                    "start": spans[:, 0].astype(np.int32),
                    "end": spans[:, 1].astype(np.int32),
                    "attribution": sums.astype(np.float32),
                    GRADIENT: attribution.sum_by_word(own, gradient)[1].astype(np.float32),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def removable(words: pd.DataFrame) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Spans and values of the words of a text that the check may remove: those with a letter or a digit."""
    own = words[[WORD.fullmatch(word) is not None for word in words["word"]]]
    values = {
        deletion.ATTRIBUTED: own["attribution"].to_numpy(),
        GRADIENT: own[GRADIENT].to_numpy(),
        deletion.FIRST: -np.arange(len(own)),
    }
    return own[["start", "end"]].to_numpy(dtype=np.int64), values


def check(
    explained: Sequence, table: pd.DataFrame, probability, settings: Mapping, bootstrap: Mapping
) -> tuple[pd.DataFrame, dict]:
    """The deletion check: its table, and what follows from it."""
    level, n = bootstrap["level"], len(explained)
    drops = deletion.probability_drops(explained, probability, SHARES, DRAWS, bootstrap["seed"])
    counts = deletion.resample(table["group"], bootstrap["replicates"], bootstrap["seed"])
    own, random = deletion.ATTRIBUTED, deletion.RANDOM
    against = {name: deletion.difference(drops, own, name, counts, level) for name in drops if name != own}
    meaning = deletion.judge(against[random]["low"], table["group"].nunique())
    report = {
        "verdict": deletion.verdict(against[random], meaning, n, SHARES, level)
        + deletion.verdict_on_first(against[deletion.FIRST], meaning),
        "means_something": meaning,
        "model": settings["model"],
        "seed": settings["seed"],
        "texts": n,
        "wrong": int((~table["right"]).sum()),
        "shares": list(SHARES),
        "random_draws": DRAWS,
        "level": level,
        "attributed_less": against,
        "gradient_less_random": deletion.difference(drops, GRADIENT, random, counts, level),
    }
    return deletion.deletion_table(drops, SHARES, counts, level), report


def convergence(integrals: Sequence, steps: int) -> dict:
    """How exact the integrals are: the error of their sums, absolute and as a share of what they sum to."""
    deltas = np.abs([integral.delta for integral in integrals])
    whole = np.abs([integral.output - integral.baseline for integral in integrals])
    shares = deltas / np.maximum(whole, np.finfo(float).tiny)
    return {
        "steps": steps,
        "delta_median": float(np.median(deltas)),
        "delta_largest": float(deltas.max()),
        "share_median": float(np.median(shares)),
    }


def head_view(classifier, tokens: Sequence, table: pd.DataFrame) -> dict:
    """Attention of the shortest of the shown texts, as the page reads it."""
    rows = sorted(np.flatnonzero(table["shown"]), key=lambda row: len(tokens[row].ids))[:HEAD_VIEW]
    config = classifier.config
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    limit = attention.shown_tokens(layers, heads, [len(tokens[row].ids) for row in rows])
    texts = []
    for row in sorted(rows):
        weights = attention.attention_weights(classifier, tokens[row].ids)[:, :, :limit, :limit]
        example = table.iloc[row]
        texts.append(
            {
                **{key: str(example[key]) for key in ("id", "true", "predicted")},
                "right": bool(example["right"]),
                "probability": round(float(example["probability"]), 4),
                "tokens": tokens[row].pieces[:limit],
                "special": tokens[row].special[:limit].tolist(),
                "length": len(tokens[row].ids),
                "weights": attention.pack(weights),
                "strongest": attention.strongest(weights),
            }
        )
    return {"layers": layers, "heads": heads, "letters": attention.LETTERS, "texts": texts}


if __name__ == "__main__":
    with job(snakemake):
        explain_texts(
            snakemake.input.examples,
            snakemake.input.study_labels,
            snakemake.input.assignment,
            snakemake.input.split_labels,
            snakemake.input.predictions,
            snakemake.input.model,
            snakemake.params.settings,
            snakemake.params.bootstrap,
            snakemake.resources.get("gpu", 0),
            snakemake.output.texts,
            snakemake.output.attributions,
            snakemake.output.table,
            snakemake.output.verdict,
            snakemake.output.attention,
        )
