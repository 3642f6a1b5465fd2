"""Kind `concept_retrieval`: mentions are named by the nearest name of a term, in the vectors of a text model."""

import gzip
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from lexome.conceptcorpora import FIELD, NIL
from lexome.documents import Document
from lexome.errors import LexomeError
from lexome.runtime import atomic, read_json, write_json
from lexome.tagging import TagData, Tagged
from lexome.termnames import spaces_of, term_names
from lexome.texts import clean, normalise

log = logging.getLogger(__name__)
THRESHOLDS = np.round(np.arange(0.0, 1.0, 0.02), 2)


def index_texts(
    terms: pd.DataFrame, texts: Sequence[str], categories: Sequence[str], train: Sequence[Document]
) -> list[tuple[str, str, str]]:
    """What stands in the index: text, concept and category, each text once a category.

    Parameters
    ----------
    texts
        Of `termnames.SOURCES`, and `definition`.
    train
        Documents whose mentions stand there too; a text that names several concepts is of the one that it names most
        often in these, else of the first in the order of `texts`.
    """
    spaces = spaces_of(terms)
    found: dict[tuple[str, str], tuple[str, str]] = {}
    counts: dict[tuple[str, str], Counter] = defaultdict(Counter)
    words: dict[tuple[str, str], str] = {}
    for document in train:
        for entity in document.entities:
            concept = entity.fields.get(FIELD, NIL)
            if concept != NIL:
                text = entity.mention(document.text)
                key = (entity.category, normalise(text))
                counts[key][concept] += 1
                words.setdefault(key, text)
    for key, count in counts.items():
        found[key] = (words[key], count.most_common(1)[0][0])
    for source in texts:
        if source == "definition":
            live = terms[~terms["obsolete"].astype(bool) & terms["namespace"].isin(categories)]
            given = [(clean(text), concept) for text, concept in zip(live["definition"], live["id"], strict=True)]
        else:
            given = [(name, concept) for name, concept, _ in term_names(terms, (source,), categories)]
        for text, concept in given:
            if text.strip():
                found.setdefault((spaces[concept], normalise(text)), (text, concept))
    return [(text, concept, category) for (category, _), (text, concept) in found.items()]


def synonym_pairs(entries: Sequence[tuple[str, str, str]], n: int | None, seed: int) -> list[tuple[str, str, str]]:
    """Each further text of a concept with its first one: text, text, concept; at most `n`, drawn."""
    first: dict[str, str] = {}
    pairs = []
    for text, concept, _ in entries:
        if concept in first:
            pairs.append((first[concept], text, concept))
        else:
            first[concept] = text
    if n is not None and n < len(pairs):
        drawn = np.random.default_rng(seed).choice(len(pairs), n, replace=False)
        pairs = [pairs[at] for at in np.sort(drawn)]
    return pairs


class Retriever:
    """An encoder, its index, and the cosine below which a mention has no term.

    Parameters
    ----------
    settings
        The model's entry in the config.
    model, tokenizer
        The encoder.
    index
        Of all names.
    device
        Where the encoder lies.
    """

    def __init__(self, settings: Mapping, model, tokenizer, index, device):
        self.settings, self.model, self.tokenizer = settings, model, tokenizer
        self.index, self.device = index, device
        self.threshold = 0.0

    def nearest(self, documents: Sequence[Document]) -> tuple[list[str | None], np.ndarray]:
        """Concept and cosine of every entity of the documents, in order."""
        from lexome.conceptvectors import encode

        asked = [(one.mention(document.text), one.category) for document in documents for one in document.entities]
        settings = self.settings
        vectors = encode(
            [text for text, _ in asked],
            self.model,
            self.tokenizer,
            settings["max_length"],
            settings["batch_tokens"],
            self.device,
        )
        return self.index.nearest(vectors, [category for _, category in asked])

    def name(self, documents: Sequence[Document]) -> list[Document]:
        """Documents whose entities have the field `concept`: the nearest term's id, or `NIL` below the threshold."""
        concepts, cosines = self.nearest(documents)
        told, at = [], 0
        for document in documents:
            entities = []
            for entity in document.entities:
                sure = concepts[at] is not None and cosines[at] >= self.threshold
                fields = {**entity.fields, FIELD: concepts[at] if sure else NIL}
                score = round(float(max(cosines[at], 0)), 4)
                entities.append(replace(entity, fields=fields, score=min(score, 1.0)))
                at += 1
            told.append(replace(document, entities=tuple(entities), links=()))
        return told

    def tune(self, found: Sequence[Document], truly: Sequence[Document]) -> float:
        """Choose the threshold at which the concepts of found entities have the best F1; that F1."""
        concepts, cosines = self.nearest(found)
        gold = [
            {(one.spans, one.fields[FIELD]) for one in document.entities if one.fields.get(FIELD, NIL) != NIL}
            for document in truly
        ]
        spans = [(place, one.spans) for place, document in enumerate(found) for one in document.entities]
        right = np.array(
            [(span, concept) in gold[place] for (place, span), concept in zip(spans, concepts, strict=True)], dtype=bool
        )
        total, best = sum(map(len, gold)), (-1.0, 0.0)
        for threshold in THRESHOLDS if self.settings["threshold"] is None else [self.settings["threshold"]]:
            sure = cosines >= threshold
            f1 = 2 * (right & sure).sum() / max(sure.sum() + total, 1)
            if f1 > best[0]:
                best = (float(f1), float(threshold))
        self.threshold = best[1]
        return best[0]


def concept_retrieval(data: TagData, settings: Mapping, seed: int, folder: str | Path, gpus: int) -> Tagged:
    """Mentions that another model found are named by the nearest name of a term.

    Parameters
    ----------
    settings
        `tagger` (a model of the study: its mentions are named) or `names` (settings of `concept_names`, whose mentions
        are), `texts` (see `index_texts`), `training_mentions` (whether those are in the index and train it), `training`
        (on pairs of a term's `texts`: `epochs`, `batch_size`, `learning_rate`, `weight_decay`, `warmup_ratio`,
        `temperature`, `max_pairs`; None: the backbone as it is), `threshold` (cosine; None: chosen on valid),
        `max_length` and `batch_tokens`.

    Raises
    ------
    LexomeError
        If there are no mentions to name.
    """
    from lexome.conceptvectors import Index, encode, train_encoder
    from lexome.devices import find_device, set_seed
    from lexome.embedding import load_backbone
    from lexome.tokens import load_tokenizer

    set_seed(seed)
    names, found = _mentions(data, settings)
    terms = pd.read_parquet(data.ontology)
    train = data.train.documents if settings["training_mentions"] else []
    entries = index_texts(terms, settings["texts"], data.categories, train)
    device, tokenizer = find_device(gpus), load_tokenizer(data.backbone)
    history, training = [], settings["training"]
    pairs = []
    if training:
        alike = index_texts(terms, training["texts"], data.categories, train)
        pairs = synonym_pairs(alike, training["max_pairs"], seed)
    if len(pairs) > 1:
        model, history = train_encoder(pairs, data.backbone, tokenizer, training, settings["max_length"], seed, device)
    else:
        model = load_backbone(data.backbone, device)
    texts = [text for text, _, _ in entries]
    vectors = encode(texts, model, tokenizer, settings["max_length"], settings["batch_tokens"], device)
    index = Index([concept for _, concept, _ in entries], [category for _, _, category in entries], vectors)
    retriever = Retriever(settings, model, tokenizer, index, device)
    f1 = retriever.tune(found["valid"], data.valid.documents)
    log.info("%d names, %d pairs; concept F1 on valid %.4f at %.2f", len(texts), len(pairs), f1, retriever.threshold)
    with atomic(folder) as temporary:
        save(temporary, retriever, names)
    size = sum(part.numel() for part in model.parameters())
    cost = {"parameters": size, "trained_parameters": size if history else 0, "device": device.type}
    return Tagged(retriever.name(found["valid"]), retriever.name(found["test"]), history, cost)


def _mentions(data: TagData, settings: Mapping):
    """The model that finds mentions (None behind a tagger), and the documents of valid and test with those to name."""
    if settings.get("tagger"):
        return None, {"valid": data.valid.tagged, "test": data.test.tagged}
    if not settings.get("names"):
        raise LexomeError("concept_retrieval: needs the mentions of another model: set `tagger`, or `names`")
    from lexome.concepts import train_names

    names = train_names(data, settings["names"])
    return names, {"valid": names.tag(data.valid.documents), "test": names.tag(data.test.documents)}


def save(folder: str | Path, retriever: Retriever, names) -> None:
    """Write the encoder (loadable by `from_pretrained`), the index, and the model that finds mentions."""
    from safetensors.numpy import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    retriever.model.cpu().save_pretrained(folder / "encoder")
    retriever.tokenizer.save_pretrained(folder / "encoder")
    retriever.model.to(retriever.device)
    # Half precision moves cosines by less than the thresholds' steps and halves the file.
    save_file({"vectors": retriever.index.vectors.astype(np.float16)}, folder / "index.safetensors")
    with gzip.open(folder / "index.json.gz", "wt", encoding="utf-8") as file:
        json.dump({"concepts": retriever.index.concepts, "categories": retriever.index.categories}, file)
    if names is not None:
        names.save(folder / "names")
    write_json(folder / "config.json", {"model": dict(retriever.settings), "threshold": retriever.threshold})


def load_retrieval(folder: str | Path, gpus: int = 0):
    """A saved model as a function: documents to the same with named entities; behind a tagger, those that they have."""
    from safetensors.numpy import load_file

    from lexome.concepts import load_names
    from lexome.conceptvectors import Index
    from lexome.devices import find_device
    from lexome.embedding import load_backbone
    from lexome.tokens import load_tokenizer

    folder, device = Path(folder), find_device(gpus)
    told = read_json(folder / "config.json")
    with gzip.open(folder / "index.json.gz", "rt", encoding="utf-8") as file:
        kept = json.load(file)
    vectors = load_file(folder / "index.safetensors")["vectors"].astype(np.float32)
    index = Index(kept["concepts"], kept["categories"], vectors)
    encoder = folder / "encoder"
    retriever = Retriever(told["model"], load_backbone(encoder, device), load_tokenizer(encoder), index, device)
    retriever.threshold = told["threshold"]
    names = load_names(folder / "names") if (folder / "names").is_dir() else None

    def tag(documents: Sequence[Document]) -> list[Document]:
        return retriever.name(names.tag(documents) if names else documents)

    return tag
