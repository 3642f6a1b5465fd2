"""Download one file of a dataset and verify it."""

import os

from lexome import downloads, settings


def download_file(spec: dict, mirror: str | None, destination: str, partial_dir: str = downloads.PARTIAL) -> dict:
    """Fetch `spec` (see `lexome.settings.file_spec`) to `destination`; gives source, sha256 and size."""
    return downloads.fetch(spec, destination, mirror=mirror, partial_dir=partial_dir)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        download_file(
            settings.file_spec(snakemake.config["registries"]["datasets"], snakemake.output.file),
            os.environ.get("LEXOME_MIRROR") or snakemake.config.get("mirror"),
            snakemake.output.file,
        )
