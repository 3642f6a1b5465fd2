"""Examples of telling species apart, from both sources: windows, groups, sources, and splits that part no family."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome import plan, splits
from lexome.codingdna import CODONS, GENETIC_CODE, translate
from lexome.codonusage import read_usage
from lexome.dna import canonical
from lexome.errors import LexomeError
from lexome.fasta import AMINO_ACIDS, read_fasta
from lexome.interpretplan import check_interpret
from lexome.runtime import read_json
from lexome.settings import check, load_yaml
from lexome.tasks import check_task
from make_species_proteins import draw_proteins, read_kazusa, write_usage
from prepare_species import prepare_species

ROOT = Path(__file__).parents[1]
SCHEMA = load_yaml(ROOT / "config" / "schemas" / "prepare.schema.yaml")["species"]
DEMO = ROOT / "resources" / "demo" / "six_species_proteins"
NAMES = {"cat": "Felis catus", "dog": "Canis lupus"}
FRACTIONS = {"train": 0.7, "valid": 0.1, "test": 0.2}


def proteins(seed, n, length=50):
    return ["M" + "".join(row) for row in np.random.default_rng(seed).choice(list(AMINO_ACIDS), size=(n, length))]


def write(path, records):
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in records.items()))
    return str(path)


@pytest.fixture
def simulated(tmp_path):
    """Settings of 12 genes a species; `p0` of both are of one family."""
    ours, theirs = proteins(0, 12), proteins(1, 12)
    theirs[0] = ours[0][:40]
    files = {
        name: write(tmp_path / f"{name}.fa", {f"p{i}": protein for i, protein in enumerate(own)})
        for name, own in (("cat", ours), ("dog", theirs))
    }
    lines = ["species\tcodon\tamino_acid\tfrequency"]
    lines += [f"{name}\t{codon}\t{GENETIC_CODE[codon]}\t1" for name in NAMES for codon in CODONS]
    (tmp_path / "u.tsv").write_text("\n".join(lines))
    return {
        "rule": "species",
        "source": "simulated",
        "species": NAMES,
        "files": files,
        "codon_usage": str(tmp_path / "u.tsv"),
        "window": 30,
        "in_frame": True,
        "per_species": 60,
        "clusters": {"k": 5, "share": 0.3},
        "seed": 0,
    }


@pytest.fixture
def prepare(tmp_path):
    def run(settings):
        check(settings, SCHEMA, "prepare")
        paths = [str(tmp_path / name) for name in ("e.parquet", "s.parquet", "l.json", "p.json")]
        prepare_species(settings, *paths)
        return *map(pd.read_parquet, paths[:2]), read_json(paths[2]), read_json(paths[3])["counts"]

    return run


def check_examples(examples, sources, labels, settings):
    """What holds of every source."""
    assert list(examples) == ["id", "sequence", "length", "group", "labels", "gene", "start"]
    assert list(sources) == ["id", "group", "sequence", "species"]
    for table in (examples, sources):
        assert table["id"].is_unique
        assert table["id"].is_monotonic_increasing
    assert labels["task"] == "multi_class"
    assert (labels["example_noun"], labels["label_noun"]) == ("window", "species")
    assert {label["id"]: label["name"] for label in labels["labels"]} == settings["species"]
    species = examples["labels"].map(lambda own: list(settings["species"])[own[0]])
    assert species.value_counts().to_dict() == dict.fromkeys(settings["species"], settings["per_species"])
    assert (examples["labels"].map(len) == 1).all()
    assert (examples["id"] == species + ":" + examples["gene"] + ":" + examples["start"].astype(str)).all()
    whole = sources.set_index("id").loc[species + ":" + examples["gene"]].reset_index()
    assert (examples["group"] == whole["group"]).all()
    for window, start, gene in zip(examples["sequence"], examples["start"], whole["sequence"], strict=True):
        assert window == gene[start : start + settings["window"]]
        assert not settings["in_frame"] or start % 3 == 0
    assert examples["sequence"].map(canonical).is_unique


def test_simulated_windows(prepare, simulated):
    examples, sources, labels, counts = prepare(simulated)
    check_examples(examples, sources, labels, simulated)
    written, _ = read_fasta(simulated["files"]["dog"])
    dog = sources[sources["species"] == "dog"].set_index("id")["sequence"].map(translate)
    assert dog.to_dict() == {f"dog:{row.id}": row.sequence + "*" for row in written.itertuples()}
    assert sources["group"].nunique() == 23
    assert set(sources.set_index("id")["group"][["cat:p0", "dog:p0"]]) == {"cat:p0"}
    said = [row["note"] for row in counts if row["step"] == "cat: genes"]
    assert said == ["simulated: of real proteins, each codon drawn by the species' published codon usage"]


def test_a_species_is_drawn_alike_whatever_stands_beside_it(prepare, simulated):
    first = prepare(simulated)[1]
    others = {"dog": NAMES["dog"], "cow": "Bos taurus"}
    files = {"dog": simulated["files"]["dog"], "cow": simulated["files"]["cat"]}
    text = Path(simulated["codon_usage"]).read_text().replace("cat\t", "cow\t")
    Path(simulated["codon_usage"]).write_text(text)
    second = prepare(simulated | {"species": others, "files": files})[1]
    dog = [table.loc[table["species"] == "dog", ["id", "sequence"]].to_dict("list") for table in (first, second)]
    assert dog[0] == dog[1]
    assert prepare(simulated | {"species": others, "files": files, "seed": 1})[1]["sequence"].tolist() != dog[1]


@pytest.mark.parametrize("in_frame", [True, False])
def test_real_coding_sequences(prepare, simulated, tmp_path, in_frame):
    made = prepare(simulated)[1]
    files = {}
    for name in NAMES:
        own = made[made["species"] == name]
        records = {f"t{i} gene:G{i}": sequence for i, sequence in enumerate(own["sequence"])}
        records |= {"t90 gene:G0": own["sequence"].iloc[0][:60], "t91 gene:X": "ATGTAAAAA", "t92 gene:Y": "ATGA"}
        files[name] = write(tmp_path / f"{name}.cds.fa", records)
    settings = simulated | {"source": "cds", "codon_usage": None, "files": files, "in_frame": in_frame}
    examples, sources, labels, counts = prepare(settings)
    check_examples(examples, sources, labels, settings)
    assert in_frame or (examples["start"] % 3 > 0).any()
    assert sorted(sources["sequence"]) == sorted(made["sequence"])
    steps = {row["step"]: row["n"] for row in counts}
    assert [steps[f"cat: {step}"] for step in ("records", "partial codon", "internal stop", "other transcripts")] == [
        *(15, 1, 1, 1)
    ]
    assert steps["cat: genes"] == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"per_species": 2000}, r"cat: \d+ different windows of 30 nucleotides .* asks for 2000"),
        ({"window": 3000}, r"cat: 0 different windows of 3000 nucleotides without N in 0 places"),
        ({"species": NAMES | {"cow": "Bos taurus"}}, r"u\.tsv: no codon usage of cow; there is that of cat, dog"),
    ],
)
def test_settings_that_do_not_fit_the_files(prepare, simulated, change, message):
    with pytest.raises(LexomeError, match=message):
        prepare(simulated | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codon_usage": None}, r"\n  codon_usage: "),
        ({"source": "cds"}, r"\n  codon_usage: "),
        ({"files": {}}, r"\n  files: "),
        ({"clusters": {"k": 5}}, r"\n  clusters\.share: missing"),
        ({"species": {"a:b": "Cat", "dog": "Dog"}}, r"\n  species: .a:b. does not fit"),
        ({"windows": 60}, r"\n  windows: unknown key; did you mean window"),
    ],
)
def test_the_schema(simulated, change, message):
    with pytest.raises(LexomeError, match=message):
        check(simulated | change, SCHEMA, "prepare")


def test_every_species_has_a_file(simulated):
    study = {"prepare": simulated, "headline": ["accuracy"], "models": {}, "splits": {}}
    assert check_task(study, "s") == []
    simulated["files"] = {"cat": "a", "cow": "b"}
    assert check_task(study, "s") == [
        "s.prepare.files.dog: missing; name its FASTA, or take dog off `species`",
        "s.prepare.files.cow: cow is not in `species`; there are cat, dog",
    ]


def test_no_two_species_have_one_file_unless_they_are_simulated(simulated):
    study = {"prepare": simulated | {"files": {"cat": "a", "dog": "a"}}, "headline": ["accuracy"], "splits": {}}
    assert check_task(study | {"models": {}}, "s") == []
    study["prepare"] |= {"source": "cds"}
    assert check_task(study | {"models": {}}, "s") == [
        "s.prepare.files.dog: a is the file of cat too; name that of dog"
    ]


def test_models_that_read_windows_otherwise_than_they_are_cut(simulated):
    models = {"c": {"step": 3}, "f": {"readings": {"shifts": [0, 27, simulated["window"]]}}}
    study = {"prepare": simulated | {"in_frame": False}, "headline": ["accuracy"], "splits": {}, "models": models}
    codons, shifts = check_task(study, "s")
    assert codons.startswith("s.models.c.step: 3 counts codons, but windows start anywhere")
    assert shifts == "s.models.f.readings.shifts: 30 leaves nothing of windows of 30 nucleotides; take less"


def test_its_files_are_known_and_it_is_not_explained(simulated):
    study = {"prepare": simulated, "models": {}, "interpret": {"model": "a", "seed": 0}}
    assert plan.prepare_files(study) == [*simulated["files"].values(), simulated["codon_usage"]]
    assert plan.prepare_files({"prepare": simulated | {"codon_usage": None}}) == list(simulated["files"].values())
    assert check_interpret(study, [0], "s") == [
        "s.interpret: only texts and binding to DNA are explained; leave the key out"
    ]


def test_the_demo_has_codon_usage_of_every_species():
    usage = read_usage(DEMO / "codon_usage.tsv")
    assert {f"{species}.fasta.gz" for species in usage} == {path.name for path in DEMO.glob("*.fasta.gz")}
    assert len(usage) == 6
    # Known biases: Leu CTG in human and E. coli, Arg AGA in yeast; CGG is rare in yeast.
    for species, amino_acid in (("human", "L"), ("ecoli", "L"), ("yeast", "R")):
        codons, shares = usage[species][amino_acid]
        assert codons[int(np.argmax(shares))] == {"L": "CTG", "R": "AGA"}[amino_acid]


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """Examples of 40 genes a species in families of one to four, across both species."""
    folder = tmp_path_factory.mktemp("families")
    rng, members = np.random.default_rng(5), {"cat": {}, "dog": {}}
    for number, founder in enumerate(proteins(7, 40, 80)):
        for copy in range(1 + number % 4):
            changed = list(founder)
            for place in rng.choice(80, size=6, replace=False):
                changed[place] = rng.choice(list(AMINO_ACIDS))
            species = "cat" if (number + copy) % 2 else "dog"
            members[species][f"f{number}_{copy}"] = "".join(changed)
    files = {name: write(folder / f"{name}.fa", own) for name, own in members.items()}
    lines = ["species\tcodon\tamino_acid\tfrequency"]
    lines += [f"{name}\t{codon}\t{GENETIC_CODE[codon]}\t1" for name in NAMES for codon in CODONS]
    (folder / "u.tsv").write_text("\n".join(lines))
    clusters = {"clusters": {"k": 4, "share": 0.3}, "window": 36, "in_frame": False, "per_species": 400, "seed": 3}
    common = {"rule": "species", "source": "simulated", "species": NAMES, "codon_usage": str(folder / "u.tsv")}
    paths = [str(folder / name) for name in ("e.parquet", "s.parquet", "l.json", "p.json")]
    prepare_species({**common, "files": files, **clusters}, *paths)
    return pd.read_parquet(paths[0])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), stratified=st.booleans())
def test_a_split_parts_no_family_and_no_gene_and_repeats_no_window(families, seed, stratified):
    classes = np.concatenate(families["labels"].to_list()) if stratified else np.zeros(len(families), dtype=int)
    subset = splits.stratified_split(families["group"], classes, FRACTIONS, seed)
    table = families.assign(subset=subset, family=families["gene"].str.split("_").str[0])
    assert (table.groupby("family")["subset"].nunique() == 1).all()
    parts = [set(own.map(canonical)) for _, own in table.groupby("subset")["sequence"]]
    assert len(parts) == 3
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(families)


def test_the_demo_is_what_its_script_makes(tmp_path):
    table, _ = read_fasta(DEMO / "ecoli.fasta.gz")
    assert len(table) == 250
    path = write(tmp_path / "p.fa", dict(zip(table["id"], table["sequence"], strict=True)) | {"x": "MU" * 100})
    assert (
        draw_proteins(path, str(tmp_path / "out.fasta.gz"), 20, (200, 300), 0)
        == table["length"].between(200, 300).sum()
    )
    drawn, _ = read_fasta(tmp_path / "out.fasta.gz")
    assert len(drawn) == 20
    assert drawn["id"].isin(table["id"]).all()
    with pytest.raises(LexomeError, match="250 proteins of 100 to 600 residues"):
        draw_proteins(path, str(tmp_path / "out.fasta.gz"), 251, (100, 600), 0)


def test_tables_of_codon_usage_are_written_as_shares(tmp_path):
    (tmp_path / "k.txt").write_text(
        "\n".join(f"{codon.replace('T', 'U')} {i}.5(  7)" for i, codon in enumerate(CODONS))
    )
    frequencies = read_kazusa(str(tmp_path / "k.txt"))
    write_usage({"cat": frequencies}, str(tmp_path / "u.tsv"))
    table = pd.read_csv(tmp_path / "u.tsv", sep="\t")
    assert table["codon"].tolist() == list(CODONS)
    assert table.set_index("codon")["frequency"]["TTT"] == pytest.approx(0.5 / 2.0)
    assert table.groupby("amino_acid")["frequency"].sum().to_numpy() == pytest.approx(1, abs=0.005)
    with pytest.raises(LexomeError, match="cat: no frequency of TTT"):
        write_usage({"cat": {"TTC": 1.0}}, str(tmp_path / "u.tsv"))
