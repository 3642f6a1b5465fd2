"""A whole workflow that is killed goes on. In a file of its own, for it needs no finished run of test_workflow.py."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from test_workflow import CONFIG, copy_repository, snakemake


def test_a_killed_run_goes_on(tmp_path):
    """After SIGKILL to all of its processes, the next run finishes and keeps what was done."""
    copy_repository(tmp_path)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    target = "results/from_cafa/random/comparison.tsv"
    process = subprocess.Popen(
        ["snakemake", "--cores", "1", f"--configfile={CONFIG}", target],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    labels = tmp_path / "results/from_cafa/splits/random.labels.json"
    for _ in range(600):
        if labels.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert labels.exists()
    assert not (tmp_path / target).exists()
    kept = (tmp_path / "results/from_cafa/examples.parquet").stat().st_mtime_ns
    snakemake(tmp_path, "--unlock")
    snakemake(tmp_path, target)
    assert (tmp_path / target).exists()
    assert (tmp_path / "results/from_cafa/examples.parquet").stat().st_mtime_ns == kept
