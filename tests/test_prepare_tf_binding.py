"""Examples of binding from every source: labels, groups, official subsets, ground truth, and settings that fit."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from lexome.backgrounds import DINUCLEOTIDES
from lexome.dna import decode, gc_content, one_hot, reverse_complement, sequence_group
from lexome.errors import LexomeError
from lexome.plan import file_paths
from lexome.runtime import read_json
from lexome.settings import check, load_yaml
from prepare_tf_binding import megabases, prepare_tf_binding

SCHEMA = load_yaml(Path(__file__).parents[1] / "config" / "schemas" / "prepare.schema.yaml")["tf_binding"]
NAMES = ("ONE", "TWO", "OUT")
SITES = {"ONE": "ACGTTGCATA", "TWO": "GGGATTTCC", "OUT": "GATAAG"}


@pytest.fixture
def prepare(tmp_path):
    def run(**settings):
        check(settings, SCHEMA, "prepare")
        paths = [tmp_path / name for name in ("e.parquet", "l.json", "i.parquet", "p.json")]
        prepare_tf_binding(settings, *map(str, paths))
        return pd.read_parquet(paths[0]), read_json(paths[1]), pd.read_parquet(paths[2]), read_json(paths[3])["counts"]

    run.folder = tmp_path
    return run


@pytest.fixture
def simulated(prepare):
    blocks = ["MEME version 4\n"]
    for number, name in enumerate(NAMES, 1):
        rows = "\n".join(" ".join("0.94" if c == letter else "0.02" for c in "ACGT") for letter in SITES[name])
        blocks.append(f"MOTIF MA000{number}.1 {name}\nletter-probability matrix: w= {len(SITES[name])}\n{rows}\n")
    path = prepare.folder / "m.meme"
    path.write_text("\n".join(blocks))
    settings = {
        "rule": "tf_binding",
        "source": "simulated",
        "factors": ["ONE", "TWO"],
        "seed": 1,
        "length": 60,
        "motifs": str(path),
        "matrices": {name: f"MA000{number}.1" for number, name in enumerate(NAMES, 1)},
        "examples": 60,
        "slots": 2,
        "positive_share": 0.5,
        "affinity": [0.9, 1],
        "distractors": ["OUT"],
        "max_distractors": 1,
        "chance_affinity": 0.9,
        "background": None,
        "background_method": "markov",
        "dinucleotides": dict.fromkeys(DINUCLEOTIDES, 1),
    }
    return lambda **changed: prepare(**settings | changed)


def test_simulated_examples_and_their_ground_truth(simulated):
    examples, labels, implants, counts = simulated()
    assert list(examples.columns) == ["id", "sequence", "length", "group", "labels"]
    assert labels["task"] == "multi_label"
    assert [label["id"] for label in labels["labels"]] == ["ONE", "TWO"]
    assert examples["id"].is_monotonic_increasing
    assert examples["id"].is_unique
    assert (examples["length"] == 60).all()
    assert (examples["sequence"].str.len() == 60).all()
    sequence = examples.set_index("id")["sequence"]
    targets = implants[implants["role"] == "target"]
    truth = targets.groupby("id")["factor"].agg(set).reindex(examples["id"])
    bound = [{["ONE", "TWO"][i] for i in row} for row in examples["labels"]]
    assert [found if isinstance(found, set) else set() for found in truth] == bound
    close = 0
    for row in implants.itertuples():
        site = sequence[row.id][row.start : row.end]
        site = site if row.strand == 1 else reverse_complement(site)
        assert len(site) == len(SITES[row.factor])
        close += sum(a != b for a, b in zip(site, SITES[row.factor], strict=True)) <= 1
    assert close > 0.9 * len(implants)
    assert set(implants.loc[implants["role"] == "distractor", "factor"]) == {"OUT"}
    steps = {row["step"]: row["n"] for row in counts}
    assert steps["bound by ONE"] == steps["not bound by ONE"] == 30
    assert steps["planted targets"] == 60


def test_a_factor_without_a_slot_is_not_measured(simulated):
    examples, _, _, _ = simulated(slots=1)
    assert {tuple(row) for row in examples["measured"]} == {(0,), (1,)}
    assert all(set(a) <= set(b) for a, b in zip(examples["labels"], examples["measured"], strict=True))
    again, _, _, _ = simulated(slots=1)
    pd.testing.assert_frame_equal(examples, again)
    assert not simulated(slots=1, seed=2)[0]["sequence"].equals(examples["sequence"])


def dinucleotides(sequence):
    return Counter(map("".join, pairwise(sequence)))


def test_backgrounds_from_real_dna(simulated, prepare):
    fasta = prepare.folder / "real.fa"
    fasta.write_text(">a\n" + "AAAACCCC" * 20 + "\n")
    real = {"background": str(fasta), "dinucleotides": None, "chance_affinity": None, "max_distractors": 0}
    alone = {"factors": ["ONE"], "slots": 1, "distractors": []}
    drawn, _, _, _ = simulated(**real, **alone)
    # Letters that the background has not, and those of the site and its decoy.
    assert drawn["sequence"].str.count("[GT]").max() <= 10
    shuffled, _, _, _ = simulated(**real, **alone, background_method="shuffle")
    assert shuffled["sequence"].str.count("[GT]").max() <= 10
    assert drawn["sequence"].str.count("A").std() > 2 * shuffled["sequence"].str.count("A").std()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"background": "x.fa"}, "background, dinucleotides: give one of them"),
        ({"dinucleotides": None}, "background, dinucleotides: give one of them"),
        ({"background_method": "shuffle"}, "only sequences can be shuffled"),
        ({"distractors": ["GONE"]}, "matrices: no matrix id for GONE"),
        ({"affinity": [1, 0.5]}, "affinity: the range 1 to 0.5 runs backwards"),
        ({"slots": 3}, "slots: 3 of 2 factors"),
    ],
)
def test_simulations_that_cannot_be_are_refused(simulated, changed, message):
    with pytest.raises(LexomeError, match=message):
        simulated(**changed)


def random_sequences(n, length, seed, letters="ACGT"):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), length)) for _ in range(n)]


@pytest.fixture
def deepbind(prepare):
    """Three factors: 12 training peaks each; 4 test peaks, reversed here to play a shuffle."""
    files = {}
    for number, name in enumerate(NAMES):
        train = random_sequences(12, 21, number)
        test = random_sequences(4, 21, 10 + number)
        rows = [f"A\tseq_{i:05d}_peak\t{s}\t1" for i, s in enumerate(train)]
        (prepare.folder / f"{name}_AC.seq").write_text("\n".join(["FoldID\tEventID\tseq\tBound", *rows, ""]))
        rows = [f"A\tseq_{i:05d}_{w}" for i in range(4) for w in ("peak", "shuf")]
        seqs = [s if w else s[::-1] for s in test for w in (1, 0)]
        rows = [f"{row}\t{s}\t{int(row.endswith('peak'))}" for row, s in zip(rows, seqs, strict=True)]
        (prepare.folder / f"{name}_B.seq").write_text("\n".join(["FoldID\tEventID\tseq\tBound", *rows, ""]))
        files[name] = {
            "train": str(prepare.folder / f"{name}_AC.seq"),
            "test": str(prepare.folder / f"{name}_B.seq"),
        }
    settings = {"rule": "tf_binding", "source": "deepbind", "factors": ["TWO"], "seed": 0, "files": files}
    return lambda **changed: prepare(**settings | {"negatives": "shuffled"} | changed)


def test_deepbind_peaks_get_shuffles_and_keep_their_own(deepbind):
    examples, labels, implants, _ = deepbind()
    assert len(implants) == 0
    assert list(implants.columns) == ["id", "factor", "start", "end", "strand", "score", "role"]
    assert [label["name"] for label in labels["labels"]] == ["TWO"]
    assert "measured" not in examples
    assert examples["subset"].value_counts().to_dict() == {"train": 24, "test": 8}
    bound = examples["labels"].map(len) == 1
    assert bound.groupby(examples["subset"]).sum().to_dict() == {"train": 12, "test": 4}
    # Every group is a peak and its shuffle.
    pairs = examples.assign(bound=bound).groupby("group")["bound"].agg(["size", "sum"])
    assert (pairs == [2, 1]).all(axis=None)
    train = examples[examples["subset"] == "train"].assign(bound=bound)
    for _, pair in train.groupby("group"):
        first, second = pair["sequence"]
        assert dinucleotides(first) == dinucleotides(second)
    assert (train["sequence"].duplicated().sum()) < 3


def test_deepbind_negatives_of_like_gc_content_are_peaks_of_the_others(deepbind):
    examples, _, _, _ = deepbind(negatives="gc_matched")
    assert examples["subset"].value_counts().to_dict() == {"train": 24, "test": 8}
    bound = examples["labels"].map(len) == 1
    for subset, seeds in (("train", (0, 2)), ("test", (10, 12))):
        others = {s for seed in seeds for s in random_sequences(12 if subset == "train" else 4, 21, seed)}
        assert set(examples.loc[~bound & (examples["subset"] == subset), "sequence"]) <= others
    content = pd.Series(gc_content(examples["sequence"])).groupby(bound).mean()
    assert abs(content[True] - content[False]) < 0.08


def test_several_factors_are_measured_one_a_sequence(deepbind):
    examples, _, _, _ = deepbind(factors=["TWO", "ONE"])
    assert len(examples) == 64
    assert examples["measured"].map(len).eq(1).all()
    own = examples["id"].str.split("_").str[0].map(["TWO", "ONE"].index)
    assert (examples["measured"].str[0] == own).all()
    assert {len(row) for row in examples["labels"]} == {0, 1}


def test_negatives_that_are_not_given_are_missed(deepbind):
    with pytest.raises(LexomeError, match=r"TWO_AC\.seq: no unbound sequence in the file; set `negatives`"):
        deepbind(negatives="given")
    with pytest.raises(LexomeError, match="factors: no `files` of NEW; there are ONE, TWO, OUT"):
        deepbind(factors=["NEW"])


def test_gue_keeps_its_three_subsets_and_its_negatives(prepare):
    files = {}
    for number, subset in enumerate(("train", "valid", "test")):
        sequences = random_sequences(6, 11, number)
        path = prepare.folder / f"{subset}.csv"
        path.write_text("\n".join(["sequence,label", *(f"{s},{i % 2}" for i, s in enumerate(sequences)), ""]))
        files[subset] = str(path)
    given = {"rule": "tf_binding", "source": "gue", "factors": ["tf_0"], "seed": 0, "files": {"tf_0": files}}
    examples, _, _, _ = prepare(**given, negatives="given")
    assert examples["subset"].value_counts().to_dict() == {"train": 6, "valid": 6, "test": 6}
    expected = {s: i % 2 for seed in range(3) for i, s in enumerate(random_sequences(6, 11, seed))}
    assert dict(zip(examples["sequence"], examples["labels"].map(len), strict=True)) == expected
    assert file_paths({"tf_0": files}) == list(files.values())


def test_one_hot_files_of_several_factors(prepare):
    rng = np.random.default_rng(0)
    files, sequences = {}, {}
    for factor in ("ONE", "TWO"):
        files[factor] = {"h5": str(prepare.folder / f"{factor}.h5")}
        with h5py.File(files[factor]["h5"], "w") as file:
            for subset, n in (("train", 6), ("valid", 2), ("test", 3)):
                codes = rng.integers(4, size=(n, 12))
                sequences[factor, subset] = decode(codes)
                file[f"x_{subset}"] = one_hot(codes.astype(np.uint8))
                file[f"y_{subset}"] = (np.arange(n) % 2)[:, None]
    settings = {"rule": "tf_binding", "source": "chapter", "factors": ["TWO", "ONE"], "seed": 0, "files": files}
    examples, labels, implants, counts = prepare(**settings)
    assert len(examples) == 22
    assert implants.empty
    assert [label["id"] for label in labels["labels"]] == ["TWO", "ONE"]
    row = examples.set_index("id").loc["ONE_test_000001"]
    assert row["sequence"] == sequences["ONE", "test"][1]
    assert row["subset"] == "test"
    assert (row["labels"].tolist(), row["measured"].tolist()) == ([1], [1])
    assert examples.set_index("id").loc["TWO_valid_000000", "labels"].tolist() == []
    assert Counter(examples["subset"]) == {"train": 12, "valid": 4, "test": 6}
    assert {"step": "TWO, train", "n": 6, "unit": "sequences", "note": "3 bound"} in counts
    with pytest.raises(LexomeError, match=r"files\.ONE\.h5: missing"):
        prepare(**settings | {"files": {"ONE": {"train": "x"}}})
    with pytest.raises(LexomeError, match="negatives: cannot stand beside"):
        prepare(**settings, negatives="given")
    with pytest.raises(LexomeError, match="no `files` of NEW"):
        prepare(**settings | {"factors": ["NEW"]})


PLACES = random_sequences(30, 120, 99)


def gue_files(folder, tables):
    """Files of a task from {factor: {subset: [(sequence, label)]}}."""
    files = {}
    for factor, subsets in tables.items():
        for subset, rows in subsets.items():
            path = folder / f"{factor}_{subset}.csv"
            path.write_text("\n".join(["sequence,label", *(f"{s},{label}" for s, label in rows), ""]))
            files.setdefault(factor, {})[subset] = str(path)
    return files


def cut(place, start=0, strand=1):
    """A window of 80 of a place; two share 80 - the difference of their starts."""
    sequence = PLACES[place][start : start + 80]
    return sequence if strand == 1 else reverse_complement(sequence)


@pytest.fixture
def overlapping_tasks(prepare):
    """Task B's training rows overlap, in turn, what A tests, what A validates, what B tests, and nothing."""
    tables = {
        "A": {
            "train": [(cut(20), 1), (cut(21), 0)],
            "valid": [(cut(2), 1), (cut(3), 0), (cut(10, 9), 1)],
            "test": [(cut(0), 1), (cut(1), 0)],
        },
        "B": {
            "train": [
                (cut(0, 40, -1), 1),
                (cut(1, 40), 1),
                (cut(2, 30), 0),
                (cut(10, 5), 0),
                (cut(22), 1),
                (cut(23), 0),
            ],
            "valid": [(cut(0, 20), 0), (cut(24), 1)],
            "test": [(cut(10), 1), (cut(11), 0)],
        },
    }
    given = {"rule": "tf_binding", "source": "gue", "seed": 0, "negatives": "given"}
    return lambda *factors: prepare(**given, factors=list(factors), files=gue_files(prepare.folder, tables))


def test_what_another_factor_is_judged_on_is_not_trained_on(overlapping_tasks):
    examples, _, _, counts = overlapping_tasks("A", "B")
    gone = {"A_valid_row000003", "B_train_row000001", "B_train_row000002", "B_train_row000003", "B_valid_row000001"}
    alone = [overlapping_tasks(factor)[0] for factor in "AB"]
    assert set(pd.concat(alone)["id"]) - set(examples["id"]) == gone
    assert [len(table) for table in alone] == [7, 10]
    dropped = {row["step"]: row["n"] for row in counts if "dropped" in row["step"]}
    assert sum(dropped.values()) == len(gone)
    assert dropped["B, train: dropped for test"] == 2
    assert dropped["B, train: dropped for valid"] == 1
    notes = {row["step"]: row["note"] for row in counts}
    assert "valid sequences of another factor" in notes["B, train: dropped for valid"]
    # The overlap of B with its own test stays, in one group.
    group = examples.set_index("id")["group"]
    assert group["B_train_row000004"] == group["B_test_row000001"]
    assert group.nunique() == len(group) - 1


def test_peaks_that_overlap_share_a_group_with_their_shuffles(deepbind, prepare):
    files = {}
    for number, factor in enumerate(("ONE", "TWO")):
        for subset, places in (("AC", range(6)), ("B", range(6 + 6 * number, 10 + 6 * number))):
            rows = [f"A\tseq_{p:05d}_peak\t{cut(p, 30 * number, 1 - 2 * number)}\t1" for p in places]
            path = prepare.folder / f"{factor}_{subset}.tsv"
            path.write_text("\n".join(["FoldID\tEventID\tseq\tBound", *rows, ""]))
            files.setdefault(factor, {})["train" if subset == "AC" else "test"] = str(path)
    examples, _, _, counts = deepbind(files=files, factors=["ONE", "TWO"])
    train = examples[examples["subset"] == "train"]
    assert train.groupby("group")["id"].agg(len).tolist() == [4] * 6
    assert {row["step"]: row["n"] for row in counts}["groups joined"] == 6
    # Alone, a factor has a group for every peak, of the peak's own name.
    one = deepbind(files=files, factors=["ONE"])[0]
    assert one["group"].nunique() == 10
    assert (one["group"] == one["sequence"].map(sequence_group)).sum() == 10
    # A negative of another factor's peaks must not overlap its own.
    with pytest.raises(LexomeError, match="6 GC-matched negatives are wanted and the pool has 0"):
        deepbind(files=files, factors=["ONE"], negatives="gc_matched")


@pytest.fixture
def on_genome(prepare):
    genome = {f"chr{i}": random_sequences(1, 1500, i, "AACGT")[0] for i in range(1, 4)}
    (prepare.folder / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in genome.items()))
    peaks = [("chr1", 100), ("chr1", 300), ("chr2", 50), ("chr2", 700), ("chr3", 400), ("chr3", 5)]
    (prepare.folder / "p.bed").write_text("".join(f"{name}\t{at}\t{at + 10}\n" for name, at in peaks))
    settings = {
        "rule": "tf_binding",
        "source": "bed",
        "factors": ["ONE"],
        "seed": 0,
        "length": 40,
        "files": {"ONE": {"peaks": str(prepare.folder / "p.bed")}},
        "negatives": "shuffled",
        "genome": str(prepare.folder / "g.fa"),
        "blacklist": None,
        "holdout": {"valid": ["chr2"], "test": ["chr3"]},
    }
    return genome, lambda **changed: prepare(**settings | changed)


@pytest.mark.parametrize("negatives", ["shuffled", "gc_matched"])
def test_peaks_are_grouped_and_held_out_by_chromosome(on_genome, negatives):
    genome, run = on_genome
    examples, _, _, counts = run(negatives=negatives)
    assert {row["step"]: row["n"] for row in counts}["edge dropped"] == 1
    assert examples["group"].value_counts().to_dict() == {"chr1:0": 4, "chr2:0": 4, "chr3:0": 2}
    examples["group"] = examples["group"].str.split(":").str[0]
    assert dict(zip(examples["group"], examples["subset"], strict=True)) == {
        "chr1": "train",
        "chr2": "valid",
        "chr3": "test",
    }
    for row in examples.itertuples():
        if len(row.labels):
            assert genome[row.group][int(row.id.split("_")[-1]) :].startswith(row.sequence)
        elif negatives == "gc_matched":
            at = genome[row.group].index(row.sequence)
            starts = [int(i.split("_")[2]) for i in examples["id"] if i.startswith(f"ONE_{row.group}_")]
            assert all(abs(at - start) >= 40 for start in starts)
        else:
            peak = examples.set_index("id").loc[row.id.removesuffix("_shuffled"), "sequence"]
            assert dinucleotides(peak) == dinucleotides(row.sequence)


def test_peaks_without_holdout_and_faults_in_it(on_genome):
    _, run = on_genome
    whole = run(holdout=None)[0]
    assert "subset" not in whole
    assert set(whole["group"]) == {"chr1", "chr2", "chr3"}
    with pytest.raises(LexomeError, match=r"holdout\.test: no example on chr9; there are some on chr1, chr2, chr3"):
        run(holdout={"test": ["chr9"]})
    with pytest.raises(LexomeError, match="chr2 is held out for valid and test"):
        run(holdout={"valid": ["chr2"], "test": ["chr2"]})


def test_bins_hold_what_overlaps():
    rows = [("chr1", 999_950), ("chr1", 1_000_020), ("chr1", 1_000_090), ("chr1", 1_000_190), ("chr2", 3_000_000)]
    # In any order, and with a shuffle that has its peak's start; the fourth begins where the third ends.
    table = pd.DataFrame([rows[i] for i in (3, 1, 4, 0, 2, 1)], columns=["chromosome", "start"], index=list("abcdef"))
    found = megabases(table["chromosome"], table["start"], 100)
    assert found.to_dict() == dict(zip("abcdef", ("chr1:1", "chr1:0", "chr2:3", *["chr1:0"] * 3), strict=True))


def test_peaks_elsewhere_and_blacklists_elsewhere_are_counted(on_genome, prepare):
    _, run = on_genome
    with (prepare.folder / "p.bed").open("a") as handle:
        handle.write("chrUn_1\t5\t9\n")
    (prepare.folder / "b.bed").write_text("chr1\t295\t299\nchr7\t0\t9\n")
    steps = {row["step"]: row for row in run(blacklist=str(prepare.folder / "b.bed"))[3]}
    assert steps["contig dropped"]["n"] == 1
    assert steps["contig dropped"]["note"] == "contig not in the genome"
    assert steps["blacklist dropped"]["n"] == 1
    assert steps["blacklist ignored"]["n"] == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"genome": None}, "genome: expected text"),
        ({"examples": 5}, "examples: cannot stand beside the other keys here"),
        ({"holdout": {"valid": ["chr1"]}}, "holdout.test: missing"),
        ({"negatives": "given"}, 'negatives: "given" is not known'),
        ({"files": {"ONE": {"train": "x"}}}, "files.ONE.peaks: missing"),
        ({"blacklst": None}, "blacklst: unknown key; did you mean blacklist"),
    ],
)
def test_settings_of_another_source_and_typos_are_refused(on_genome, changed, message):
    with pytest.raises(LexomeError) as caught:
        on_genome[1](**changed)
    assert message in str(caught.value)
