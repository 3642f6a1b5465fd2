"""Fine-tuning of few weights: low-rank adapters beside frozen matrices (Hu et al., ICLR 2022, arXiv:2106.09685)."""

from collections.abc import Mapping

from torch import nn

from lexome.errors import LexomeError


def add_adapters(model: nn.Module, settings: Mapping) -> object:
    """Freeze a classifier's trunk and put adapters beside chosen matrices of it; its head is trained whole.

    A matrix W becomes W + alpha / rank B A; A (rank rows) is drawn with torch's random numbers and B starts at 0, so
    that the model gives what it gave before.

    Parameters
    ----------
    model
        A classifier of transformers; changed in place, and used on as it is.
    settings
        `rank`, `alpha`, `dropout` (of what the adapters read) and `targets`: ends of the names of the trunk's linear
        layers that get an adapter (`query`, `attention.output.dense`).

    Returns
    -------
    object
        For `merge`.

    Raises
    ------
    LexomeError
        If a target names no linear layer of the trunk.
    """
    from peft import LoraConfig, LoraModel  # takes a second to load, and few runs have adapters

    trunk = model.base_model
    layers = [name for name, part in trunk.named_modules() if isinstance(part, nn.Linear)]
    chosen = set()
    for target in settings["targets"]:
        own = [name for name in layers if f".{name}".endswith(f".{target}")]
        if not own:
            known = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in layers))
            raise LexomeError(f"lora.targets: the backbone has no linear layer {target!r}; there are {known}")
        chosen.update(own)
    prefix = next((f"{name}." for name, part in model.named_modules() if part is trunk and name), "")
    config = LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=sorted(prefix + name for name in chosen),
    )
    own = {id(part) for part in trunk.parameters()}
    adapters = LoraModel(model, config, "default")
    for part in model.parameters():
        # All but the adapters is frozen by now; the head is whatever was not in the trunk.
        part.requires_grad_(part.requires_grad or id(part) not in own)
    return adapters


def merge(adapters: object) -> nn.Module:
    """The classifier with its adapters added into its own matrices: a plain model again, which gives the same."""
    model = adapters.merge_and_unload()
    if hasattr(model, "peft_config"):
        del model.peft_config
    return model
