"""Which runs `snakemake analyse` compares, and where it puts what it finds."""

import hashlib
import re
from collections.abc import Mapping, Sequence

from lexome.errors import LexomeError
from lexome.plan import runs

FOLDER = "results/analysis"
PARTS = ("study", "split", "model", "seed")
LONGEST = 60  # characters of a name


def every_run(studies: Mapping, seeds: Sequence[int]) -> list[dict]:
    """`study`, `split`, `model` and `seed` of every run, in the order of the config."""
    return [
        {"study": name, "split": split, "model": model, "seed": seed}
        for name, study in studies.items()
        for split in study["splits"]
        for model, seed in runs(study, list(seeds), split)
    ]


def wanted(config: Mapping) -> list[str]:
    """The entries of `runs` in the config, a list or a text with commas; empty for all runs."""
    entry = config.get("runs") or []
    parts = entry.split(",") if isinstance(entry, str) else [str(part) for part in entry]
    return [part.strip().strip("/") for part in parts if part.strip().strip("/")]


def chosen_runs(config: Mapping) -> list[dict]:
    """The runs that `runs` names, each once and in the order of the config; all of them where it names none.

    An entry is `study`, `study/split`, `study/split/model` or `study/split/model/seed` (the seed as `0` or `seed0`).

    Raises
    ------
    LexomeError
        If an entry fits no run, with what there is; or if there are no runs at all.
    """
    known = every_run(config["studies"], config["seeds"])
    if not known:
        raise LexomeError("runs: there are none to analyse; every study is off")
    entries = wanted(config)
    kept: list[int] = []
    for entry in entries:
        parts = entry.split("/")
        if len(parts) == len(PARTS):
            parts[-1] = parts[-1].removeprefix("seed")
        fits = [place for place, run in enumerate(known) if [str(run[key]) for key in PARTS][: len(parts)] == parts]
        if not fits:
            raise LexomeError(f"runs: {entry!r} fits no run; {_mend(parts, known)}")
        kept += fits
    return [known[place] for place in sorted(set(kept))] if entries else known


def _mend(parts: Sequence[str], known: Sequence[Mapping]) -> str:
    """What there is where an entry goes astray."""
    fitting = list(known)
    for key, part in zip(PARTS, parts, strict=False):
        there = list(dict.fromkeys(str(run[key]) for run in fitting))
        fitting = [run for run in fitting if str(run[key]) == part]
        if not fitting:
            return f"no {key} {part!r}, there is {', '.join(there)}"
    return "name study, study/split, study/split/model or study/split/model/seed"


def analysis_folder(config: Mapping) -> str:
    """Where the comparison of the chosen runs goes: a folder named after them."""
    entries = wanted(config)
    name = re.sub(r"[^\w.-]+", "-", ",".join(entries)).strip(".-") or "all"
    if len(name) > LONGEST:
        digest = hashlib.blake2b(",".join(entries).encode(), digest_size=4).hexdigest()
        name = f"{name[:LONGEST]}-{digest}"
    return f"{FOLDER}/{name}"
