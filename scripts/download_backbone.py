"""Fetch a pretrained backbone: verified files, weights as safetensors, never code or pickles."""

import os
import shutil
from pathlib import Path

from lexome import downloads, settings
from lexome.errors import LexomeError
from lexome.runtime import write_json


def download_backbone(
    name: str, spec: dict, mirror: str | None, folder: str, partial_dir: str = downloads.PARTIAL
) -> None:
    """Fetch a backbone.

    Parameters
    ----------
    name
        Its name, for `lexome.json`.
    spec
        Its entry in `config/backbones.yaml`.
    mirror
        A folder searched first, or None.
    folder
        What is made, whole or not at all: the listed files, weights as model.safetensors, and `lexome.json`
        (name, source, revision, licence, sha256 of each file).
    partial_dir
        Where unfinished downloads wait.
    """

    def finish(unfinished: Path, _: list) -> None:
        pickles_to_safetensors(unfinished)
        if not (unfinished / "config.json").exists() or not list(unfinished.glob("model*.safetensors")):
            raise LexomeError(f"config/backbones.yaml: {name}: files need config.json and weights")
        source = spec.get("hub") or spec.get("package") or "the addresses in config/backbones.yaml"
        about = {"name": name, "source": source, "revision": spec.get("revision"), "licence": spec["licence"]}
        sums = {path.name: downloads.sha256_of(path)[0] for path in sorted(unfinished.iterdir())}
        write_json(unfinished / "lexome.json", {**about, "sha256": sums})

    specs = settings.backbone_files(spec)
    downloads.fetch_all(specs, folder, mirror=mirror, partial_dir=partial_dir, finish=finish)


def pickles_to_safetensors(folder: Path) -> None:
    """Replace `pytorch_model*.bin` by one model.safetensors; nothing in the pickle is run (`weights_only`).

    A folder that has safetensors keeps them, and only loses the pickle.

    Raises
    ------
    LexomeError
        If the pickle holds anything but weights.
    """
    pickles = sorted(folder.glob("pytorch_model*.bin"))
    if pickles and not list(folder.glob("model*.safetensors")):
        import pickle

        import torch
        from safetensors.torch import save_file

        weights = {}
        for path in pickles:
            try:
                weights |= torch.load(path, map_location="cpu", weights_only=True)
            except pickle.UnpicklingError as error:
                message = f"{path.name}: holds more than weights, and code in it is never run"
                raise LexomeError(message) from error
        # Tied weights share memory, which safetensors refuses: each gets its own.
        weights = {key: tensor.contiguous().clone() for key, tensor in weights.items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        shutil.copymode(pickles[0], folder / "model.safetensors")  # save_file leaves it to its owner alone
    for path in [*pickles, folder / "pytorch_model.bin.index.json"]:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        download_backbone(
            snakemake.wildcards.backbone,
            snakemake.config["registries"]["backbones"][snakemake.wildcards.backbone],
            os.environ.get("LEXOME_MIRROR") or snakemake.config.get("mirror"),
            snakemake.output.folder,
        )
