"""A BERT of two layers and width 16 that reads a small vocabulary, and a toy problem for it."""

from pathlib import Path

import numpy as np

from lexome.runs import Part, RunData
from lexome.tokens import load_tokenizer, tokenise

FILLERS = [f"w{i}" for i in range(20)]
SIGNS = ["nucleus", "binding", "transport"]
TRAINING = {
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "batch_size": 8,
    "epochs": 3,
    "warmup_ratio": 0.1,
    "max_length": 12,
    "group_by_length": False,
    "monitor": None,
}


def make_backbone(folder: Path, dropout: float = 0.1) -> Path:
    """Write the backbone, random weights, with its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    vocabulary = {
        token: at for at, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS, *SIGNS])
    }
    tokenizer = BertTokenizerFast(vocab=vocabulary)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_study(folder: Path, backbone: Path, task: str = "multi_class", sizes=(96, 40, 32)) -> RunData:
    """Texts of 4 to 14 words, half of them the sign of their class; in `multi_label` they have the two others."""
    rng = np.random.default_rng(0)
    ids, texts, classes = [], [], []
    for row in range(sum(sizes)):
        words = rng.choice(FILLERS, rng.integers(4, 15)).tolist()
        classes.append(int(rng.integers(3)))
        words[::2] = [SIGNS[classes[-1]]] * len(words[::2])
        ids.append(f"e{row:03d}")
        texts.append(" ".join(words))
    # The tokens of a study are in another order than the examples of a split.
    turned = np.argsort(rng.random(len(ids)))
    tokens = tokenise([ids[i] for i in turned], [texts[i] for i in turned], load_tokenizer(backbone), 20)
    tokens.save_to_disk(str(folder))
    targets = np.eye(3, dtype=np.uint8)[classes]
    if task == "multi_label":
        targets = 1 - targets
    parts, start = [], 0
    for size in sizes:
        rows = slice(start, start + size)
        parts.append(Part(ids[rows], None if len(parts) == 2 else targets[rows], None, texts[rows]))
        start += size
    return RunData(*parts, [{"id": sign} for sign in SIGNS], task, str(folder), str(backbone))
