"""One encoder with any number of heads: the network of kind `tag_network`, and how it is saved and loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModel, PreTrainedTokenizerBase

from lexome.devices import mixed_precision
from lexome.errors import LexomeError
from lexome.finetuning import freeze, quiet
from lexome.nucleotide_transformer import load_config, load_model
from lexome.runtime import atomic, read_json, write_json
from lexome.tagheadplan import STRIDE
from lexome.tagheads import HEADS, WordHead
from lexome.taglinks import LinkHead
from lexome.tagschemes import CATEGORY
from lexome.tagwindows import Batch, Encoder
from lexome.tokens import load_tokenizer

# Names that configurations of transformers have for the dropout of attention.
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")


class TagNetwork(nn.Module):
    """Words of documents to vectors, and heads on them.

    Parameters
    ----------
    encoder
        A pretrained trunk.
    tokenizer
        Its tokenizer, markers included.
    settings
        The model's entry in the config.
    categories, fields
        As of `tagging.TagData`.
    markers
        Category -> ids of the tokens before and behind an entity, of networks whose link heads read marked texts.
    """

    def __init__(
        self,
        encoder: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        settings: Mapping,
        categories: Sequence[str],
        fields: Mapping[str, Mapping],
        markers: Mapping[str, tuple[int, int]] | None,
    ):
        super().__init__()
        self.settings, self.categories, self.fields = dict(settings), list(categories), dict(fields)
        self.encoder, self.tokenizer, self.markers = encoder, tokenizer, dict(markers) if markers else None
        training, dropout = settings["training"], settings.get("dropout", 0.1)
        self.reader = Encoder(tokenizer, training["max_length"], training.get("stride", STRIDE))
        self.pooling = settings.get("pooling", "first")
        self.scales = {name: head.get("weight", 1.0) for name, head in settings["heads"].items()}
        width = encoder.config.hidden_size
        self.heads, self.thresholds = nn.ModuleDict(), {}
        for name, head in settings["heads"].items():
            if head["type"] == "link":
                self.heads[f"head_{name}"] = LinkHead(width, categories, head, dropout)
                self.thresholds[name] = 0.5
            else:
                values = self._values(name, head)
                self.heads[f"head_{name}"] = HEADS[head["type"]](width, values, head, dropout)

    def _values(self, name: str, head: Mapping) -> list[str]:
        if head["field"] == CATEGORY:
            return self.categories
        if head["field"] not in self.fields:
            known = ", ".join([CATEGORY, *self.fields])
            raise LexomeError(
                f"heads.{name}.field: entities of this study have no {head['field']!r}; there are {known}"
            )
        return self.fields[head["field"]]["values"]

    @property
    def word_heads(self) -> dict[str, WordHead]:
        """Heads that say something of words, by name."""
        return {name: self.head(name) for name in self.scales if isinstance(self.head(name), WordHead)}

    @property
    def link_heads(self) -> dict[str, LinkHead]:
        """Heads that say something of pairs, by name."""
        return {name: self.head(name) for name in self.scales if isinstance(self.head(name), LinkHead)}

    def head(self, name: str) -> nn.Module:
        """A head by its name in the config."""
        return self.heads[f"head_{name}"]

    def forward(self, batch: Batch) -> torch.Tensor:
        """Vectors of all words of a batch, float32 [N, width]: each from the window where it has most context."""
        device = batch.input_ids.device
        with mixed_precision(device):
            hidden = self.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        pieces = hidden.flatten(0, 1)[batch.pieces].float()
        if self.pooling == "first":
            return pieces
        sums = pieces.new_zeros(sum(batch.sizes), pieces.shape[1]).index_add(0, batch.owner, pieces)
        return sums / torch.bincount(batch.owner, minlength=len(sums))[:, None]


def build_network(
    backbone: str | Path, settings: Mapping, categories: Sequence[str], fields: Mapping[str, Mapping]
) -> TagNetwork:
    """A backbone with new heads, drawn with torch's random numbers.

    Parameters
    ----------
    settings
        `heads`, `dropout` (before the heads' layers; .1 without the key), `attention_dropout` (inside the encoder; 0
        without the key: a whole step then takes a third less time on a CPU), `pooling`, `freeze` (first layers, and the
        embeddings, that stay as they are), `frozen` (the whole encoder stays), `training.max_length` and `.stride`.

    Raises
    ------
    LexomeError
        If a head names an unknown field, link heads disagree on markers, or the backbone is too short or too shallow.
    """
    changes = {}
    with quiet():
        config = load_config(backbone)
        for name in ATTENTION_DROPOUT:
            if hasattr(config, name):
                changes[name] = settings.get("attention_dropout", 0.0)
        tokenizer = load_tokenizer(backbone)
        encoder = load_model(AutoModel, backbone, config=load_config(backbone, **changes))
    longest = getattr(config, "max_position_embeddings", None)
    if longest and settings["training"]["max_length"] > longest:
        raise LexomeError(f"max_length: {settings['training']['max_length']}, but {backbone} has {longest} positions")
    markers = add_markers(tokenizer, encoder, categories) if wants_markers(settings) else None
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler.requires_grad_(False)  # nothing reads it
    freeze(encoder, settings.get("freeze", 0))
    if settings.get("frozen"):
        encoder.requires_grad_(False)
    return TagNetwork(encoder, tokenizer, settings, categories, fields, markers)


def wants_markers(settings: Mapping) -> bool:
    """Whether the link heads read texts in which entities are marked.

    Raises
    ------
    LexomeError
        If some do and some do not.
    """
    told = {head.get("markers", False) for head in settings["heads"].values() if head["type"] == "link"}
    if len(told) > 1:
        raise LexomeError("heads: of one network, either all link heads have markers or none")
    return told == {True}


def add_markers(
    tokenizer: PreTrainedTokenizerBase, encoder: nn.Module, categories: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Add tokens `[CATEGORY]` and `[/CATEGORY]` of each category to the vocabulary; their vectors are near the mean."""
    names = [f"[{slash}{category}]" for category in categories for slash in ("", "/")]
    tokenizer.add_special_tokens({"additional_special_tokens": names})
    with quiet():
        encoder.resize_token_embeddings(max(len(tokenizer), encoder.get_input_embeddings().num_embeddings))
    ids = tokenizer.convert_tokens_to_ids(names)
    return {category: (ids[2 * at], ids[2 * at + 1]) for at, category in enumerate(categories)}


def save_network(network: TagNetwork, folder: str | Path) -> None:
    """Save as `encoder/` (which `AutoModel` and `AutoTokenizer` load), `heads.safetensors` and `config.json`."""
    network.cpu()
    with atomic(folder) as temporary:
        network.encoder.save_pretrained(temporary / "encoder")
        network.tokenizer.model_max_length = network.settings["training"]["max_length"]
        network.tokenizer.save_pretrained(temporary / "encoder")
        weights = {name: value.contiguous() for name, value in network.heads.state_dict().items()}
        save_file(weights, temporary / "heads.safetensors")
        told = {"model": network.settings, "categories": network.categories, "fields": network.fields}
        told |= {"markers": network.markers, "thresholds": network.thresholds}
        write_json(temporary / "config.json", told)


def load_network(folder: str | Path, device: torch.device) -> TagNetwork:
    """Load what `save_network` saved, ready to predict."""
    folder = Path(folder)
    told = read_json(folder / "config.json")
    with quiet():
        tokenizer = load_tokenizer(folder / "encoder")
        encoder = load_model(AutoModel, folder / "encoder")
    markers = told["markers"] and {category: tuple(ids) for category, ids in told["markers"].items()}
    network = TagNetwork(encoder, tokenizer, told["model"], told["categories"], told["fields"], markers)
    network.heads.load_state_dict(load_file(folder / "heads.safetensors"))
    network.thresholds = told["thresholds"]
    return network.to(device).eval()
