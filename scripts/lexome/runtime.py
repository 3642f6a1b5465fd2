"""What every job needs: its log, whole outputs, JSON and parquet, a progress line."""

import contextlib
import json
import logging
import os
import shutil
import sys
import sysconfig
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from lexome.errors import LexomeError


@contextlib.contextmanager
def job(snakemake) -> Iterator[logging.Logger]:
    """Run a rule's script: log, warnings and tracebacks to its `log:` file, threads as the rule says.

    Parameters
    ----------
    snakemake
        The object that Snakemake hands to a script; `log` and `threads` are read.

    Raises
    ------
    SystemExit
        After a `LexomeError`, whose message alone goes to the screen and the log; every other exception is logged
        with its traceback and raised again.
    """
    # Numerical libraries read these when they are first imported, which scripts do after this point.
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(snakemake.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Numba keeps compiled code beside its library, or else in the home folder; where neither can be written it raises.
    if not any(os.access(folder, os.W_OK) for folder in (sysconfig.get_path("purelib"), Path.home())):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(".snakemake", "numba").resolve()))
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    log = logging.getLogger("lexome")
    try:
        yield log
    except LexomeError as error:
        log.error("%s", error)
        sys.exit(f"error: {error}")
    except BaseException:
        log.exception("the job failed")
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
        logging.captureWarnings(False)


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the name `path` only if the block succeeds.

    The block may make a file or a directory there. Nothing half-written ever bears the final name: on an error
    the temporary is removed, and a killed job leaves only a hidden `.<name>.<pid>.tmp`.

    Raises
    ------
    FileNotFoundError
        If the block succeeded without making anything.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():
            _remove(path)
        os.replace(temporary, path)
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, whole or not at all; NaN is refused (it is not JSON)."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> object:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_parquet(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as parquet without its index, whole or not at all."""
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_tsv(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as TSV without its index, numbers with six significant digits, whole or not at all."""
    with atomic(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def read_tsv(path: str | Path, numbers: Collection[str] | None = None, text: Collection[str] = ()) -> pd.DataFrame:
    """Read a TSV without guessing: names stay text (a label may be called NA), numbers are NaN where empty.

    Parameters
    ----------
    numbers
        Columns of numbers, of those that are there; None: all that are not in `text`.
    """
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    for name in set(table) - set(text) if numbers is None else set(numbers) & set(table):
        table[name] = pd.to_numeric(table[name].replace("", np.nan), errors="raise")
    return table


def read_history(path: str | Path) -> list[dict]:
    """Records of a history.jsonl.

    Raises
    ------
    LexomeError
        If a line is no JSON object.
    """
    records = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise LexomeError(f"{path}, line {number}: no JSON object ({error}); train this run again") from error
    return records


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as a compressed npz file, whole or not at all."""
    with atomic(path) as temporary, open(temporary, "wb") as handle:
        np.savez_compressed(handle, **arrays)


def progress(iterable: Iterable | None = None, total: int | None = None, unit: str = "it", desc: str = "") -> tqdm:
    """A progress line on standard error: every 0.5 s on a terminal, every 10 s in a log."""
    return tqdm(
        iterable,
        total=total,
        unit=unit,
        unit_scale=True,
        desc=desc,
        mininterval=0.5 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        file=sys.stderr,
    )
