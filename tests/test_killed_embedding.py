"""An embedding job that is killed at any moment goes on where it was, to the same bytes, computing no batch twice."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from embedded import embed_study
from tokenise_examples import tokenise_examples

ENTRY = {
    "max_tokens": 48,
    "embedding": {"layers": [1, 2], "pooling": ["mean", "tokens"], "batch_tokens": 100, "dtype": "float16"},
}
# Loads the libraries once; then each line that it reads begins a job, in a process of its own, and it answers with that
# process's number. A job notes every batch that it begins to compute; each takes a moment.
SERVER = """
import json, os, sys, time, zlib
sys.path[:0] = json.loads(sys.argv[1])
from pathlib import Path
import datasets, embedded
import lexome.embedding as embedding, lexome.embedshard

whole = embedding.Embedder.__call__

def noted(self, rows):
    with open(sys.argv[5], "a") as file:
        file.write(f"{zlib.crc32(b'|'.join(row.tobytes() for row in rows))}\\n")
    time.sleep(0.02)
    return whole(self, rows)

embedding.Embedder.__call__ = noted
for line in sys.stdin:
    child = os.fork()
    if not child:
        embedded.embed_study(sys.argv[2], sys.argv[3], Path(sys.argv[4]), json.loads(sys.argv[6]))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
KILLS = 20


@pytest.fixture(scope="module")
def tokens(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(0)
    # Some are longer than the backbone reads at once.
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=n)) for n in rng.integers(1, 130, size=150)]
    pd.DataFrame({"id": [f"P{n:03d}" for n in range(150)], "sequence": sequences}).to_parquet(folder / "e.parquet")
    tokenise_examples(folder / "e.parquet", [folder / "e.parquet"], tiny_backbone, None, folder / "tokens")
    return folder / "tokens"


def test_killed_twenty_times(tokens, tiny_backbone, tmp_path):
    undisturbed = embed_study(tokens, tiny_backbone, tmp_path / "undisturbed", ENTRY)
    folder, notes = tmp_path / "killed", tmp_path / "batches.txt"
    notes.touch()
    journal = folder / "unfinished" / "0" / "done.txt"
    here = Path(__file__).parent
    paths = json.dumps([str(here), str(here.parent / "scripts")])
    command = [sys.executable, "-c", SERVER, paths, str(tokens), str(tiny_backbone), str(folder), str(notes)]
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    server = subprocess.Popen([*command, json.dumps(ENTRY)], **piped)

    def begin():
        server.stdin.write("go\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    def begun():
        return notes.read_text().splitlines()

    draw = random.Random(0)
    try:
        for _ in range(KILLS):
            done = journal.read_text().splitlines() if journal.exists() else []
            wanted = len(begun()) + draw.choice([0, 1, 2, 3])
            job = begin()
            # At any moment: while it is begun, between batches, within one.
            while len(begun()) < wanted:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.05))
            os.kill(job, signal.SIGKILL)
            assert int(server.stdout.readline()) == signal.SIGKILL, "the job had ended before: make it longer"
            assert not (folder / "shards" / "0.npy").exists()
            assert not done or journal.read_text().splitlines()[: len(done)] == done
        begin()
        assert int(server.stdout.readline()) == 0
    finally:
        server.kill()
        server.wait()
    for name in ("0.npy", "0.tokens.npy", "0.parquet"):
        assert (folder / "shards" / name).read_bytes() == (undisturbed / "shards" / name).read_bytes(), name
    assert not journal.exists()
    # Batches in the order in which they were begun: each is the last one's successor, or the one that was in flight.
    order = list(dict.fromkeys(begun()))
    places = [order.index(batch) for batch in begun()]
    assert {later - earlier for earlier, later in itertools.pairwise(places)} <= {0, 1}
    assert len(order) > KILLS
    assert len(places) - len(order) <= KILLS
