"""From a FASTA or VCF file to tables, a figure and a summary that says how far to trust them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lexome.dna import reverse_complement
from lexome.errors import LexomeError
from lexome.fasta import read_fasta
from lexome.runtime import write_json
from lexome.variantfigures import strongest_variants, substitution_panels
from lexome.variants import TABLE
from planted import SITES, save_planted
from predict_effects import predict_effects
from score_variants import score_variants

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n"
SAMPLE = Path(__file__).parents[1] / "resources" / "demo" / "binding_sites.fa"
ABOUT = {"study": "tf", "split": "random", "title": "T", "headline": ["factor_auroc"], "level": 0.9}


@pytest.fixture
def score(tmp_path):
    """Run both scripts on a FASTA or VCF text; gives the folder of the results."""
    save_planted(tmp_path / "model")
    judged = []
    for name, value in (("conv", 0.9), ("naive", 0.5)):
        rows = [
            {"subset": "test", "metric": "factor_auroc", "value": value, "n": 321},
            {"subset": "valid", "metric": "factor_auroc", "value": 0.111, "n": 9},
        ]
        write_json(tmp_path / f"{name}.json", {"rows": rows, "meta": {"subsets": {"test": {"groups": 321}}}})
        np.savez(tmp_path / f"{name}.npz", **{"test/factor_auroc": value + np.linspace(-0.05, 0.05, 1001)})
        files = {"metrics": tmp_path / f"{name}.json", "replicates": tmp_path / f"{name}.npz"}
        judged.append({"model": name, "seed": 0, **files})

    def run(fasta=None, vcf=None, genome=None):
        paths = {}
        for kind, text in (("fasta", fasta), ("vcf", vcf), ("genome", genome)):
            paths[kind] = text if text is None else str(tmp_path / f"my.{kind}")
            if text is not None:
                (tmp_path / f"my.{kind}").write_text(text)
        out = tmp_path / "out"
        outputs = [str(out / name) for name in ("effects.tsv", "effects.parquet", "skipped.tsv")]
        predict_effects(*paths.values(), str(tmp_path / "model"), 0, *outputs)
        kind = "fasta" if fasta else "vcf"
        score_variants(
            paths[kind], kind, *outputs[1:], judged, ABOUT, str(out / "effects.svg"), str(out / "summary.txt")
        )
        return out

    return run


def read(out):
    skipped = pd.read_csv(out / "skipped.tsv", sep="\t", keep_default_na=False)
    return pd.read_parquet(out / "effects.parquet"), skipped, (out / "summary.txt").read_text()


def test_sequences(score):
    site = SITES["ONE"]
    out = score(
        fasta=f">first one\n{'t' * 10 + site}\n{'T' * 8}NNNT\n>second\nACGU-ACGR\n>none\nNN\n>second\nACGUACGR\n"
    )
    table, skipped, summary = read(out)
    assert list(table.columns) == TABLE.names
    assert len(table) == 2 * 3 * (27 + 7)
    first = table[(table["chrom"] == "first") & (table["factor"] == "ONE")]
    assert (first.loc[first["pos"].between(11, 18), "effect"] < -1).all()
    assert (first.loc[~first["pos"].between(11, 18), "effect"].abs() < 1).all()
    assert (first["probability_ref"] > 0.9).all()
    assert (first["ref"] == np.array(list("T" * 10 + site + "T" * 12))[first["pos"] - 1]).all()
    np.testing.assert_allclose(table["effect"], table["logit_alt"] - table["logit_ref"], atol=1e-4)
    kinds = skipped["reason"].str.split(":").str[0].value_counts().to_dict()
    assert kinds == {"mended": 2, "nothing but N": 1, "repeated": 1, "N": 2}
    assert skipped.loc[skipped["reason"].str.startswith("N: 3"), "pos"].tolist() == ["27"]
    assert summary.startswith(
        "my.fasta: 102 substitutions of 2 sequences, each scored for 2 factors by conv (seed 0) of"
    )
    assert re.search(
        r"ONE, strongest changes of the logit: first:1\d [ACGT]>[ACGT] -\d\.\d\d \(probability 0\.9", summary
    )
    told = "on test, factor auROC over 321 factors: conv 0.900 [0.855–0.945]; naive 0.500 [0.455–0.545]"
    assert told in summary
    assert "2 x mended" in summary
    assert "0.111" not in summary
    # 30 letters, three of them N; seven known letters in a window of 30.
    assert first["unknown"].to_numpy() == pytest.approx(0.1)
    assert f"in the windows of 102 of 102: {1 - 7 / 30:.0%} at most (column `unknown`)" in summary


def test_variants(score):
    site = SITES["TWO"]
    genome = f">chr1\n{'T' * 40}\n{site.lower()}\n{'T' * 40}\n>chr2\n{'A' * 60}\n"
    records = ["1\t45\trs9\ta\tT", "1\t45\t.\tA\tG,<DEL>", "2\t10\t.\tA\tAC", "chr2\t11\t.\tC\tA", "3\t5\t.\tA\tG"]
    out = score(vcf=HEADER + "\n".join(records) + "\n", genome=genome)
    table, skipped, summary = read(out)
    assert table["id"].tolist() == ["rs9"] * 2 + ["1:45:A>G"] * 2 + ["2:10:A>AC"] * 2
    assert table["chrom"].tolist() == ["1"] * 4 + ["2"] * 2
    assert (table.loc[(table["chrom"] == "1") & (table["factor"] == "TWO"), "effect"] < -1).all()
    assert skipped["line"].tolist() == [4, 6, 7]
    assert [reason.split(":")[0] for reason in skipped["reason"]] == [
        "symbolic allele",
        "REF is not the genome's",
        "no such chromosome",
    ]
    assert summary.startswith("my.vcf: 3 variants, each scored for 2 factors")
    assert "1 x no such chromosome" in summary
    svg = (out / "effects.svg").read_text()
    assert "1:45 A&gt;T  rs9" in svg
    assert svg.index("rs9") < svg.index("2:10")
    assert "TWO 0.9" in svg


def test_nothing_to_score_is_an_error_and_leaves_no_file(score, tmp_path):
    genome = ">1\nACGTACGTACGTACGT\n"
    with pytest.raises(LexomeError, match=r"my\.vcf: no variant in it can be scored: 2 x symbolic allele"):
        score(vcf=HEADER + "1\t5\t.\tA\t<DEL>\n1\t5\t.\tA\t<INS>\n", genome=genome)
    with pytest.raises(LexomeError, match="scored: it has no record"):
        score(vcf=HEADER, genome=genome)
    with pytest.raises(LexomeError, match=r"my\.fasta: no sequence in it can be scored"):
        score(fasta=">a\nNNN\n")
    assert not list((tmp_path / "out").glob("*"))


def test_only_the_file_of_the_trivial_model_without_the_metric(score, tmp_path):
    write_json(tmp_path / "naive.json", {"rows": [], "meta": {}})
    with pytest.raises(LexomeError, match=r"naive\.json has no 'factor_auroc'"):
        score(fasta=">a\nACGT\n")


def effect_table(lengths, factors=("ONE", "TWO"), strongest=None):
    rows = []
    for name, length in lengths.items():
        for at in range(length):
            for alt in "CGT":
                for number, factor in enumerate(factors):
                    effect = -3 - number if strongest == at else 0.1
                    rows.append(
                        (f"{name}:{at}", name, at + 1, "A", alt, factor, 1.0, 1 + effect, effect, 0.7, 0.5, 0.0)
                    )
    return pd.DataFrame(rows, columns=TABLE.names)


def test_heat_maps_show_the_strongest_factors_and_places():
    panels = substitution_panels(effect_table({"s": 50}, strongest=20))
    assert [panel.factor for panel in panels] == ["TWO", "ONE"]
    first = panels[0]
    assert first.importance.argmax() == 20
    assert first.importance[20] == pytest.approx(4)
    changes = vars(first)["values"]
    assert changes.shape == (50, 4)
    assert changes[20].tolist() == [0, -4, -4, -4]
    assert len(substitution_panels(effect_table({str(at): 5 for at in range(20)}), most=6)) == 6
    (panel,) = substitution_panels(effect_table({"s": 90}, strongest=80), most=1, widest=40)
    assert panel.id == "s from 51"
    assert panel.importance.argmax() == 30
    assert len(panel.codes) == 40


def test_a_variant_stands_in_the_figure_once():
    figure = strongest_variants(effect_table({"s": 4}, strongest=2), most=5)
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert len(labels) == 5
    assert len(set(labels)) == 5
    assert [label.split()[0] for label in labels[:3]] == ["s:3"] * 3


def test_the_sample_has_the_sites_that_it_names():
    table, counts = read_fasta(SAMPLE, "dna")
    assert counts["kept"] == 1
    (sequence,) = table["sequence"]
    assert len(sequence) == 200
    sites = {"SRF": "TGACCATATATGGTCA", "MAX": "CACGTG", "CTCF": "GCCACCAGGGGGCGC", "GABPA": "CACTTCCTGT"}
    for name, first, last in re.findall(r"(\w+) (\d+)-(\d+)", table["description"][0]):
        own = sequence[int(first) - 1 : int(last)]
        assert sites.pop(name) == (reverse_complement(own) if name == "GABPA" else own)
    assert not sites
