"""Draw the most connected part of the ontology that a study's texts come from."""

import pandas as pd

from lexome.look import save
from lexome.textfigures import connected_terms


def plot_ontology(terms_path: str, figure_path: str) -> None:
    """Write the picture of the terms with most links."""
    save(connected_terms(pd.read_parquet(terms_path)), figure_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_ontology(snakemake.input.ontology, snakemake.output.connected_terms)
