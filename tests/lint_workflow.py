"""Lint the workflow: `snakemake --lint`, and a dry run of every config in a scratch folder (`make lint`)."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ["config/config.yaml", "config/full.yaml", "tests/config/config.yaml"]


def run(arguments: list[str], folder: Path) -> bool:
    """Run snakemake with its output held back; print it only if it failed."""
    command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    label = " ".join(arguments)
    print(f"snakemake {label}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-8000:], sep="\n")
    return done.returncode == 0


def main() -> int:
    """Lint once a config, dry-run every target; 0 if all went well."""
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # A dry run needs the files that configs name, not the environment or earlier results.
        for name in ("config", "tests", "resources/demo", "resources/report"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        os.environ.pop("LEXOME_MIRROR", None)
        for config in CONFIGS:
            good &= run(["--lint", f"--configfile={config}"], folder)
            for target in ("all", "download"):
                good &= run([target, "--dry-run", "--quiet", "--cores=1", f"--configfile={config}"], folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
