"""A file that is not what was registered is refused where it is read."""

import gzip
import hashlib

import pytest

from lexome.checksums import sha256_of, verify
from lexome.errors import LexomeError


def test_plain_and_unpacked(tmp_path):
    content = b"GO" * 1000
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    expected = (hashlib.sha256(content).hexdigest(), 2000)
    assert sha256_of(tmp_path / "a") == expected
    assert sha256_of(tmp_path / "a.gz", unpack=True) == expected
    assert sha256_of(tmp_path / "a.gz") != expected


def test_another_content_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"right")
    verify({str(path): hashlib.sha256(b"right").hexdigest()})
    path.write_bytes(b"wrong")
    with pytest.raises(LexomeError, match="delete it"):
        verify({str(path): hashlib.sha256(b"right").hexdigest()})
