"""Nucleotide Transformer v2 on the ESM classes of transformers, without remote code.

Dalla-Torre et al., Nature Methods 22, 287-297 (2025), doi:10.1038/s41592-024-02523-z. An ESM encoder with rotary
positions, layer norms before each block, and a feed-forward block without biases whose first layer is gated (SwiGLU:
Shazeer 2020, arXiv:2002.05202). The published checkpoints name `esm` as their type and bring Python code for the block,
which does not import under transformers 5 and which lexome would not run: their weights load by name into the classes
here. Version 1 of the model is a plain ESM encoder with learnt positions, which transformers reads by itself.

Importing this module makes `AutoConfig`, `AutoModel`, `AutoModelForMaskedLM`, `AutoModelForSequenceClassification` and
`AutoTokenizer` read what `save_pretrained` writes of these classes; published folders need `load_config`.
"""

import json
from pathlib import Path
from typing import ClassVar

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    EsmConfig,
    EsmForMaskedLM,
    EsmForSequenceClassification,
    EsmModel,
    EsmPreTrainedModel,
    EsmTokenizer,
    PreTrainedConfig,
)
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.esm.modeling_esm import EsmClassificationHead, EsmLayer, EsmLMHead, EsmOutput

# What only the configurations of the gated family have.
MARK = "add_bias_fnn"
# Of a published configuration: names of its Python code and of what it was saved with.
LOSSES = {
    "single_label_classification": functional.cross_entropy,
    "multi_label_classification": functional.binary_cross_entropy_with_logits,
}
FOREIGN = ("auto_map", "model_type", "architectures", "transformers_version")


@strict
class NucleotideTransformerConfig(EsmConfig):
    """Configuration of a Nucleotide Transformer v2; the values are the published ones of 50 million parameters.

    `intermediate_size` is the width after gating: the first layer of the block is twice as wide. A classifier reads the
    state of the cls token, or where `classifier_pooling` is `mean` the mean over all other tokens.
    """

    model_type = "nucleotide_transformer"

    vocab_size: int | None = 4107
    mask_token_id: int | None = 2
    pad_token_id: int | None = 1
    eos_token_id: int | list[int] | None = None
    hidden_size: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 16
    intermediate_size: int = 2048
    hidden_dropout_prob: float | None = 0.0
    attention_probs_dropout_prob: float | None = 0.0
    max_position_embeddings: int = 2050
    position_embedding_type: str | None = "rotary"
    emb_layer_norm_before: bool | None = False
    tie_word_embeddings: bool = False
    add_bias_fnn: bool = False
    classifier_pooling: str = "cls"


class GatedLayer(nn.Module):
    """Two projections of the states, one of which lets the other through: SiLU(first half) * second half.

    (batch, tokens, hidden) to (batch, tokens, intermediate).
    """

    def __init__(self, config: NucleotideTransformerConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=config.add_bias_fnn)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        gate, content = self.dense(hidden_states).chunk(2, dim=-1)
        return functional.silu(gate) * content


class NucleotideTransformerOutput(EsmOutput):
    """ESM's way back to the width of the states, with or without a bias."""

    def __init__(self, config: NucleotideTransformerConfig):
        super().__init__(config)
        self.dense = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.add_bias_fnn)


class NucleotideTransformerLayer(EsmLayer):
    """ESM's layer with the gated feed-forward block."""

    def __init__(self, config: NucleotideTransformerConfig):
        super().__init__(config)
        self.intermediate = GatedLayer(config)
        self.output = NucleotideTransformerOutput(config)


class NucleotideTransformerPreTrainedModel(EsmPreTrainedModel):
    """What the classes below share."""

    config: NucleotideTransformerConfig
    config_class = NucleotideTransformerConfig
    _no_split_modules: ClassVar = ["NucleotideTransformerLayer", "EsmEmbeddings"]
    # Frequencies of the rotary positions follow from the configuration. Published checkpoints hold them once a layer,
    # others not at all; and embeddings of positions that their models do not read.
    _keys_to_ignore_on_load_missing: ClassVar = [r"rotary_embeddings\.inv_freq"]
    _keys_to_ignore_on_load_unexpected: ClassVar = [r"position_embeddings\.weight", r"rotary_embeddings\.inv_freq"]


class NucleotideTransformerModel(NucleotideTransformerPreTrainedModel, EsmModel):
    """The trunk: token ids to hidden states."""

    def __init__(self, config: NucleotideTransformerConfig, add_pooling_layer: bool = True):
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        self.encoder.layer = nn.ModuleList(
            [NucleotideTransformerLayer(config) for _ in range(config.num_hidden_layers)]
        )
        self.post_init()


class NucleotideTransformerForMaskedLM(NucleotideTransformerPreTrainedModel, EsmForMaskedLM):
    """The trunk with a masked-language head."""

    def __init__(self, config: NucleotideTransformerConfig):
        # Not ESM's own, which would build its own trunk first.
        super(EsmForMaskedLM, self).__init__(config)
        self.esm = NucleotideTransformerModel(config, add_pooling_layer=False)
        self.lm_head = EsmLMHead(config)
        self.post_init()


class NucleotideTransformerForSequenceClassification(
    NucleotideTransformerPreTrainedModel, EsmForSequenceClassification
):
    """The trunk with a classifier that reads the cls token, or the mean over the others (`classifier_pooling`)."""

    def __init__(self, config: NucleotideTransformerConfig):
        super(EsmForSequenceClassification, self).__init__(config)
        self.num_labels = config.num_labels
        self.esm = NucleotideTransformerModel(config, add_pooling_layer=False)
        self.classifier = EsmClassificationHead(config)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **options,
    ) -> SequenceClassifierOutput:
        """As `EsmForSequenceClassification`; the loss is that of the configuration's `problem_type`."""
        if self.config.classifier_pooling == "cls":
            return super().forward(input_ids, attention_mask=attention_mask, labels=labels, **options)
        outputs = self.esm(input_ids, attention_mask=attention_mask, **options)
        states = outputs.last_hidden_state[:, 1:]
        read = torch.ones_like(states[..., 0]) if attention_mask is None else attention_mask[:, 1:].to(states.dtype)
        means = (states * read[..., None]).sum(dim=1) / read.sum(dim=1, keepdim=True).clamp(min=1)
        logits = self.classifier(means[:, None])
        return SequenceClassifierOutput(
            loss=None if labels is None else LOSSES[self.config.problem_type](logits, labels),
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


AutoConfig.register(NucleotideTransformerConfig.model_type, NucleotideTransformerConfig, exist_ok=True)
AutoTokenizer.register(NucleotideTransformerConfig, EsmTokenizer, exist_ok=True)
for _auto, _model in (
    (AutoModel, NucleotideTransformerModel),
    (AutoModelForMaskedLM, NucleotideTransformerForMaskedLM),
    (AutoModelForSequenceClassification, NucleotideTransformerForSequenceClassification),
):
    _auto.register(NucleotideTransformerConfig, _model, exist_ok=True)


def load_config(folder: str | Path, **changes) -> PreTrainedConfig:
    """The configuration of a model folder, of the class whose models read its weights; no network, no remote code.

    Parameters
    ----------
    folder
        Saved by transformers, or published. Configurations of type `esm` (or none) that have the key `add_bias_fnn`
        are of the Nucleotide Transformer's gated family.
    changes
        Attributes to be set, such as `id2label`.

    Raises
    ------
    OSError, ValueError
        As `AutoConfig.from_pretrained`: no configuration, or of no type that transformers knows.
    """
    path = Path(folder) / "config.json"
    if path.is_file():
        values = json.loads(path.read_text(encoding="utf-8"))
        if MARK in values and values.get("model_type", "esm") == "esm":
            values = {name: value for name, value in values.items() if name not in FOREIGN}
            return NucleotideTransformerConfig(**values | changes)
    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **changes)


def load_model(auto: type, folder: str | Path, **options):
    """What `from_pretrained` of an auto class gives for a model folder, of the class whose models read its weights.

    From the folder only: no network, no remote code, no pickle; weights as float32.

    Parameters
    ----------
    auto
        `AutoModel`, `AutoModelForMaskedLM` or `AutoModelForSequenceClassification`.
    options
        Further arguments of `from_pretrained`, such as `attn_implementation`.
    """
    settings = {
        "config": load_config(folder),
        "local_files_only": True,
        "trust_remote_code": False,
        "use_safetensors": True,
        "dtype": torch.float32,
    }
    return auto.from_pretrained(folder, **settings | options)
