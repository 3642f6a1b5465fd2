"""Turn an OBO file into a checked table of terms."""

from lexome.ontology import check_ontology, read_obo, write_terms


def parse_ontology(obo: str, terms_out: str) -> None:
    """Read and check `obo`; write one row a term to the parquet file `terms_out`."""
    terms = read_obo(obo)
    check_ontology(terms, obo)
    write_terms(terms_out, terms)


if __name__ == "__main__":
    from lexome.checksums import verify
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        parse_ontology(snakemake.input.obo, snakemake.output.terms)
