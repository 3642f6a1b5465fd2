"""Make a backbone with random weights: a start for pretraining, and a stand-in for tests."""

from lexome.initialisation import initialise
from lexome.runtime import atomic, job, write_json


def initialise_backbone(name: str, spec: dict, folder: str) -> None:
    """Write weights, configuration and tokenizer of the architecture in `spec["init"]`."""
    with atomic(folder) as temporary:
        initialise(spec["init"], temporary)
        source = {"name": name, "source": "random weights", "licence": spec["licence"], "init": spec["init"]}
        write_json(temporary / "lexome.json", source)


if __name__ == "__main__":
    with job(snakemake):
        initialise_backbone(
            snakemake.wildcards.backbone,
            snakemake.config["registries"]["backbones"][snakemake.wildcards.backbone],
            snakemake.output.folder,
        )
