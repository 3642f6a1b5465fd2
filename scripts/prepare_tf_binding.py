"""Make the examples of transcription-factor binding: simulated, from sequences, or from peaks on a genome."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lexome import backgrounds, peaks
from lexome.checksums import verify
from lexome.counts import Counts
from lexome.dna import decode, sequence_group
from lexome.errors import LexomeError
from lexome.fasta import read_fasta
from lexome.motifs import read_motifs
from lexome.onehotfiles import read_one_hot
from lexome.overlaps import OVERLAP, join_groups, overlapping
from lexome.runtime import atomic, write_json
from lexome.simulation import Background, Design, matched_composition, simulate

EXAMPLES = {
    "id": pa.string(),
    "sequence": pa.string(),
    "length": pa.int32(),
    "group": pa.string(),
    "labels": pa.list_(pa.int32()),
    "measured": pa.list_(pa.int32()),
    "subset": pa.string(),
}
IMPLANTS = pa.schema(
    {
        "id": pa.string(),
        "factor": pa.string(),
        "start": pa.int32(),
        "end": pa.int32(),
        "strand": pa.int8(),
        "score": pa.float32(),
        "role": pa.string(),
    }
)
BIN = 1_000_000  # nucleotides of a chromosome that stay together where chromosomes are held out
POOL = 10  # random windows drawn for every peak, to choose GC-matched negatives from


def prepare_tf_binding(settings: dict, examples_out: str, labels_out: str, implants_out: str, report_out: str) -> None:
    """Make examples, and count what every step kept and dropped.

    Parameters
    ----------
    settings
        The study's `prepare` entry (config/schemas/prepare.schema.yaml, `tf_binding`).
    examples_out
        Parquet, one row a sequence, sorted by id: `id`, `sequence` (A, C, G, T, N), `length` (int32), `group` (equal
        for a sequence, its reverse complement, its shuffles and, unless simulated, what it overlaps, whatever the
        factor; for peaks on a genome the chromosome, or 1 Mb of it where chromosomes are held out), `labels` (list
        of int32: the factors bound), and where there is a choice `measured` (list of int32: the factors whose label is
        known; without the column all are) and `subset` (the official one).
    labels_out
        JSON: the factors, in the order of the settings (`multi_label`).
    implants_out
        Parquet: the planted sites by `id` and `start` (`factor`, `start`, `end`, `strand`, `score`, `role`); no rows
        for real sequences.
    report_out
        JSON: `counts`, in order.

    Raises
    ------
    LexomeError
        When a file is not what the settings say, or a step leaves nothing.
    """
    factors, counts = settings["factors"], Counts()
    implants = pd.DataFrame(columns=IMPLANTS.names)
    if settings["source"] == "simulated":
        examples, implants = simulated(settings, counts)
    else:
        read = {"bed": peaks_on_genome, "chapter": one_hot_files}.get(settings["source"], tables)
        examples = read(settings, counts)
        index = examples["factor"].map(factors.index)
        examples["labels"] = [[i] if bound else [] for i, bound in zip(index, examples["bound"], strict=True)]
        if len(factors) > 1:
            examples["measured"] = [[i] for i in index]
    examples = examples.assign(length=examples["sequence"].map(len)).sort_values("id", ignore_index=True)
    if not examples["id"].is_unique:
        raise LexomeError(f"two examples are called {examples.loc[examples['id'].duplicated(), 'id'].iloc[0]}")
    for i, factor in enumerate(factors):
        bound = examples["labels"].map(lambda labels, i=i: i in labels)
        known = examples["measured"].map(lambda known, i=i: i in known) if "measured" in examples else bound | True
        note = f"of {known.sum():,} that are measured"
        counts.require(f"bound by {factor}", bound.sum(), "sequences", note, f"no example is bound by {factor}")
        counts.require(f"not bound by {factor}", (known & ~bound).sum(), "sequences", note, "a factor needs negatives")
    counts.add("distinct groups", examples["group"].nunique(), "groups", "each stays together in a split")

    schema = pa.schema({name: kind for name, kind in EXAMPLES.items() if name in examples})
    for path, table, form in ((examples_out, examples, schema), (implants_out, implants, IMPLANTS)):
        with atomic(path) as temporary:
            pq.write_table(pa.Table.from_pandas(table[form.names], form, preserve_index=False), temporary)
    words = {"task": "multi_label", "example_noun": "sequence", "label_noun": "factor", "length_unit": "nucleotides"}
    write_json(labels_out, words | {"labels": [{"id": factor, "name": factor} for factor in factors]})
    write_json(report_out, {"counts": counts.rows})


def simulated(settings: Mapping, counts: Counts) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Examples and implants of `source: simulated`."""
    names = [*settings["factors"], *settings["distractors"]]
    absent = [name for name in names if name not in settings["matrices"]]
    if absent:
        raise LexomeError(f"matrices: no matrix id for {absent[0]}; add it, as CTCF: MA0139.2")
    found = read_motifs(settings["motifs"], [settings["matrices"][name] for name in names])
    motifs = {name: found[settings["matrices"][name]] for name in names}
    low, high = settings["affinity"]
    if low > high:
        raise LexomeError(f"affinity: the range {low} to {high} runs backwards")
    design = Design(
        targets={name: motifs[name] for name in settings["factors"]},
        distractors={name: motifs[name] for name in settings["distractors"]},
        slots=settings["slots"],
        positive_share=settings["positive_share"],
        affinity=(low, high),
        max_distractors=settings["max_distractors"],
        chance_affinity=settings["chance_affinity"],
    )
    background = background_of(settings, counts)
    made = simulate(design, settings["examples"], settings["length"], background, settings["seed"])
    width = len(str(len(made.codes) - 1))
    ids = np.array([f"s{row:0{width}d}" for row in range(len(made.codes))], dtype=object)
    examples = pd.DataFrame({"id": ids, "sequence": decode(made.codes)})
    examples["group"] = examples["sequence"].map(sequence_group)
    examples["labels"] = [np.flatnonzero(row).tolist() for row in made.labels]
    if not made.measured.all():
        examples["measured"] = [np.flatnonzero(row).tolist() for row in made.measured]
    counts.add("simulated", len(examples), "sequences", f"{settings['length']} nucleotides, seed {settings['seed']}")
    for role in ("target", "distractor"):
        planted = made.implants["role"] == role
        counts.add(f"planted {role}s", planted.sum(), "sites", f"affinity {low:g} to {high:g} of the best site")
    if design.chance_affinity is not None:
        note = f"they have one of {design.chance_affinity:g} of the best site that was not planted, however often drawn"
        counts.add("with a chance site", made.chance_sites, "sequences", note)
    for i, name in enumerate(design.targets):
        known = made.measured[:, i]
        if 0 < made.labels[known, i].sum() < known.sum():
            shift = np.abs(matched_composition(made.codes[known], made.labels[known, i])).max()
            note = f"share of no letter differs by more than {shift:.2%} between bound and unbound"
            counts.add(f"composition, {name}", known.sum(), "sequences", note)
    return examples, made.implants.assign(id=ids[made.implants["row"]]).drop(columns="row")


def background_of(settings: Mapping, counts: Counts) -> Background:
    """What draws the background sequences, from real DNA or given dinucleotide frequencies."""
    given, length = settings["dinucleotides"], settings["length"]
    if (settings["background"] is None) == (given is None):
        raise LexomeError("background, dinucleotides: give one of them, and null for the other")
    if given is not None:
        if settings["background_method"] == "shuffle":
            raise LexomeError("background_method: only sequences can be shuffled; name a FASTA file as `background`")
        matrix = backgrounds.markov_from(given)
    else:
        table, read = read_fasta(settings["background"], "dna")
        sequences = table["sequence"].tolist()
        note = f"{table['length'].sum():,} nucleotides; {settings['background_method']}"
        counts.require("background", read["kept"], "sequences", note, "the file has no usable sequence")
        if settings["background_method"] == "shuffle":
            return lambda n, rng: backgrounds.shuffled_windows(sequences, n, length, rng)
        matrix = backgrounds.fit_markov(sequences)
    return lambda n, rng: backgrounds.markov_sequences(matrix, n, length, rng)


def tables(settings: Mapping, counts: Counts) -> pd.DataFrame:
    """Rows `id, sequence, group, factor, bound, subset` of `source: deepbind` and `source: gue`."""
    read = peaks.read_deepbind if settings["source"] == "deepbind" else peaks.read_labelled
    check_factors(settings)
    negatives = settings["negatives"]
    wanted = settings["factors"] if negatives != "gc_matched" else settings["files"]
    rows = {(factor, subset): read(path) for factor in wanted for subset, path in settings["files"][factor].items()}
    parts = []
    for number, factor in enumerate(settings["factors"]):
        for subset in settings["files"][factor]:
            own = rows[factor, subset]
            counts.add(f"{factor}, {subset}", len(own), "sequences", f"{own['bound'].sum():,} bound")
            part = own.assign(id=f"{factor}_{subset}_" + own["name"], group=groups_of(own))
            rng = np.random.default_rng([settings["seed"], number, len(parts)])
            if negatives == "gc_matched":
                others = [rows[key] for key in rows if key[0] != factor and key[1] == subset]
                mine = pd.concat([rows[key] for key in rows if key[0] == factor])
                part = pd.concat([part[part["bound"]], matched(part[part["bound"]], others, mine, rng)])
            elif part["bound"].all():
                if negatives == "given":
                    path = settings["files"][factor][subset]
                    raise LexomeError(f"{path}: no unbound sequence in the file; set `negatives` to shuffled")
                part = pd.concat([part, shuffled(part, rng)])
            parts.append(part.assign(factor=factor, subset=subset))
    examples = pd.concat(parts, ignore_index=True)
    counts.add("negatives", (~examples["bound"]).sum(), "sequences", f"negatives: {negatives}")
    return kept_apart(overlaps_together(examples, counts), counts)


def one_hot_files(settings: Mapping, counts: Counts) -> pd.DataFrame:
    """Rows `id, sequence, group, factor, bound, subset` of `source: chapter`."""
    check_factors(settings)
    parts = []
    for factor in settings["factors"]:
        for subset, rows in read_one_hot(settings["files"][factor]["h5"]):
            counts.add(f"{factor}, {subset}", len(rows), "sequences", f"{rows['bound'].sum():,} bound")
            rows = rows.assign(id=f"{factor}_{subset}_" + rows["name"], factor=factor, subset=subset)
            parts.append(rows.assign(group=rows["sequence"].map(sequence_group)))
    return kept_apart(overlaps_together(pd.concat(parts, ignore_index=True), counts), counts)


def overlaps_together(examples: pd.DataFrame, counts: Counts) -> pd.DataFrame:
    """The examples with one group for all that share `OVERLAP` nucleotides; shuffles go with their peaks."""
    # A shuffle is in a group that is not its own sequence's. It lies nowhere on the genome, and joins nothing.
    real = examples[examples["group"] == examples["sequence"].map(sequence_group)]
    names = join_groups(real["sequence"], real["group"], real["factor"])
    groups = examples["group"].map(lambda group: names.get(group, group))
    note = f"groups that share {OVERLAP} nucleotides with another one, on either strand"
    counts.add("groups joined", examples["group"].nunique() - groups.nunique(), "groups", note)
    return examples.assign(group=groups)


def kept_apart(examples: pd.DataFrame, counts: Counts) -> pd.DataFrame:
    """The examples without those of train and valid that overlap judged ones of another factor.

    Each factor's subsets were made without a look at the others, and factors bind at the same places: a model of
    several would be shown in training, under another factor's name, what it is judged on. Overlaps within a factor stay
    as they are published, for the leakage audit to tell.
    """
    for subset, judged in (("valid", "test"), ("train", "test"), ("train", "valid")):
        held = examples[examples["subset"] == judged].groupby("group")["factor"].agg(set).to_dict()
        pairs = zip(examples["group"], examples["factor"], strict=True)
        clash = np.array([bool(held.get(group, set()) - {factor}) for group, factor in pairs], dtype=bool)
        clash &= (examples["subset"] == subset).to_numpy()
        note = (
            f"they or their peaks overlap {judged} sequences of another factor, which a model of several is judged on"
        )
        for factor, n in examples.loc[clash, "factor"].value_counts(sort=False).items():
            counts.add(f"{factor}, {subset}: dropped for {judged}", n, "sequences", note)
        examples = examples[~clash]
    return examples.reset_index(drop=True)


def check_factors(settings: Mapping) -> None:
    """LexomeError if a factor has no files."""
    absent = [factor for factor in settings["factors"] if factor not in settings["files"]]
    if absent:
        raise LexomeError(f"factors: no `files` of {absent[0]}; there are {', '.join(settings['files'])}")


def groups_of(rows: pd.DataFrame) -> pd.Series:
    """The group of each row: its own, or for DeepBind's shuffles that of the peak that was shuffled."""
    group = rows["sequence"].map(sequence_group)
    stem = rows["name"].str.rsplit("_", n=1).str[0]
    peak = dict(zip(stem[rows["bound"]], group[rows["bound"]], strict=True))
    return stem.map(peak).where(~rows["bound"]).fillna(group)


def shuffled(bound: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A dinucleotide shuffle of each row, in its group."""
    sequences = [backgrounds.shuffle_dinucleotides(sequence, rng) for sequence in bound["sequence"]]
    return bound.assign(id=bound["id"] + "_shuffled", sequence=sequences, bound=False)


def matched(
    bound: pd.DataFrame, others: Sequence[pd.DataFrame], mine: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """For each row a peak of another factor with the nearest GC content; none that overlaps one of `mine`, its own."""
    pool = pd.concat([rows[rows["bound"]] for rows in others]) if others else bound.iloc[:0]
    pool = pool.assign(group=pool["sequence"].map(sequence_group)).drop_duplicates("group")
    pool = pool[~pool["group"].isin(set(mine["sequence"].map(sequence_group)))]
    pool = pool[~overlapping(pool["sequence"], mine.loc[mine["bound"], "sequence"])]
    chosen = pool.iloc[backgrounds.match_gc(bound["sequence"], pool["sequence"].tolist(), rng)]
    return chosen.assign(id=(bound["id"] + "_gc").to_numpy(), bound=False)


def peaks_on_genome(settings: Mapping, counts: Counts) -> pd.DataFrame:
    """Rows `id, sequence, group, factor, bound` and, with a hold-out, `subset` of `source: bed`.

    The group is the chromosome; with a hold-out, which has decided by chromosome, 1 Mb of it (see `megabases`).
    """
    check_factors(settings)
    tables = {
        factor: (path := settings["files"][factor]["peaks"], peaks.read_bed(path)) for factor in settings["factors"]
    }
    for factor, (_, table) in tables.items():
        counts.add(f"peaks of {factor}", len(table), "peaks", "of the file")
    blacklist = settings["blacklist"] and peaks.read_bed(settings["blacklist"])
    pool = POOL if settings["negatives"] == "gc_matched" else 0
    windows, free, dropped = peaks.peak_windows(
        tables, settings["genome"], settings["length"], blacklist, pool, settings["seed"]
    )
    why = {
        "contig": "contig not in the genome",
        "edge": "the window reaches past an end of its chromosome",
        "blacklist": "the window touches a blacklisted interval",
        "unknown": f"{peaks.MOST_UNKNOWN:.0%} of the window or more is N",
        "repeated": "another peak of the factor has the same window",
    }
    for reason, note in why.items():
        counts.add(f"{reason} dropped", dropped[reason], "peaks", note)
    if blacklist is not None:
        note = "blacklisted on chromosomes that the genome has not: they bar nothing"
        counts.add("blacklist ignored", dropped["ignored"], "intervals", note)
    counts.require("windows", len(windows), "sequences", "about the summit or centre", "no peak is left")
    place = windows["chromosome"] + "_" + windows["start"].astype(str)
    windows = windows.assign(id=windows["factor"] + "_" + place, group=windows["chromosome"], bound=True)
    parts = [windows]
    for number, (_, rows) in enumerate(windows.groupby(["factor", "chromosome"])):
        rng = np.random.default_rng([settings["seed"], number])
        if not pool:
            parts.append(shuffled(rows, rng))
            continue
        own = free[free["chromosome"] == rows["chromosome"].iloc[0]]
        chosen = own.iloc[backgrounds.match_gc(rows["sequence"].tolist(), own["sequence"].tolist(), rng)]
        drawn = {name: chosen[name].to_numpy() for name in ("sequence", "start")}
        parts.append(rows.assign(id=rows["id"] + "_gc", bound=False, **drawn))
    examples = pd.concat(parts, ignore_index=True)
    if settings["holdout"]:
        examples["group"] = megabases(examples["chromosome"], examples["start"], settings["length"])
        examples["subset"] = hold_out(examples["chromosome"], settings["holdout"])
    return examples


def megabases(chromosomes: pd.Series, starts: pd.Series, width: int) -> pd.Series:
    """The 1-Mb bin of each window, as chr8:12 (from 0), in which intervals resample and a missing valid is cut.

    Windows that overlap, directly or by way of others, go to the bin that the first of them starts in. A shuffle has
    the start of its peak.
    """
    table = pd.DataFrame({"chromosome": chromosomes, "start": starts}).sort_values(["chromosome", "start"])
    previous = table.groupby("chromosome")["start"].shift()
    apart = previous.isna() | (table["start"] - previous >= width)
    first = table["start"].where(apart).ffill().astype(np.int64)
    return (table["chromosome"] + ":" + (first // BIN).astype(str)).reindex(chromosomes.index)


def hold_out(chromosomes: pd.Series, holdout: Mapping[str, Sequence[str]]) -> pd.Series:
    """The subset of each example: that which its chromosome is held out for, else train."""
    subset = {}
    for name, held in holdout.items():
        for chromosome in held:
            if subset.setdefault(chromosome, name) != name:
                raise LexomeError(f"holdout: {chromosome} is held out for {subset[chromosome]} and {name}")
            if chromosome not in set(chromosomes):
                known = ", ".join(sorted(set(chromosomes)))
                raise LexomeError(f"holdout.{name}: no example on {chromosome}; there are some on {known}")
    return chromosomes.map(subset).fillna("train")


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        verify(snakemake.params.checksums)
        prepare_tf_binding(
            snakemake.params.settings,
            snakemake.output.examples,
            snakemake.output.labels,
            snakemake.output.implants,
            snakemake.output.report,
        )
