"""HTTP against a server on this machine: what is tried again, what is resumed, what is refused."""

import gzip

import pytest

from fake_site import CONTENT
from lexome import web
from lexome.errors import SourceError

SIZE = len(CONTENT)


@pytest.fixture
def get(tmp_path):
    """`download` to `get.part`, as for a file that is verified later; the waits are kept in `get.waits`."""
    waits: list[float] = []

    def call(url, size=SIZE, verified=True, **options):
        web.download(url, call.part, size=size, verified=verified, sleep=waits.append, **options)

    call.waits, call.part = waits, tmp_path / "part.bin"
    call.note = tmp_path / "part.bin.validator"
    return call


def leave_part(get, site, **options):
    """What a download leaves that was cut after 100 000 bytes and could not go on."""
    site.behaviours = [{"cut": 100_000}, {"status": 404}]
    with pytest.raises(SourceError, match="HTTP 404"):
        get(site.url(), **options)
    assert get.part.stat().st_size == 100_000
    site.behaviours = [{}]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_passing_errors_are_tried_again_with_growing_waits(site, get, status):
    site.behaviours = [{"status": status}] * 3 + [{}]
    get(site.url(), attempts=4)
    assert get.part.read_bytes() == CONTENT
    assert len(site.requests) == 4
    for wait, top in zip(get.waits, (2, 4, 8), strict=True):
        assert top / 2 <= wait <= top


def test_attempts_end(site, get):
    site.behaviours = [{"status": 503}]
    with pytest.raises(SourceError, match=r"^HTTP 503 Service Unavailable \(3 attempts\)$"):
        get(site.url(), attempts=3)
    assert len(site.requests) == 3
    assert not get.part.exists()


@pytest.mark.parametrize(("knocks", "tried"), [(2, 2), (None, 3)])
def test_server_out_of_reach_gets_fewer_attempts(get, knocks, tried):
    # Port 1 of this machine refuses connections.
    with pytest.raises(SourceError, match=rf"refused \({tried} attempts\)$"):
        get("http://127.0.0.1:1/file.bin", attempts=3, knocks=knocks)
    assert len(get.waits) == tried - 1


@pytest.mark.parametrize(("value", "wait"), [("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("99999", 600)])
def test_retry_after_is_honoured(site, get, value, wait):
    site.behaviours = [{"status": 429, "headers": {"Retry-After": value}}, {}]
    get(site.url())
    assert get.waits == [wait]


def test_missing_file_is_not_tried_again(site, get):
    site.behaviours = [{"status": 404}]
    with pytest.raises(SourceError, match="HTTP 404 Not Found"):
        get(site.url())
    assert len(site.requests) == 1


def test_cut_connection_goes_on_where_it_stopped(site, get):
    site.behaviours = [{"cut": 100_000}, {"cut": 50_000}, {}]
    get(site.url())
    assert get.part.read_bytes() == CONTENT
    assert [request.get("range") for request in site.requests] == [None, "bytes=100000-", "bytes=150000-"]
    assert site.requests[1]["if-range"] == '"v1"'


def test_progress_earns_new_attempts(site, get):
    site.behaviours = [{"cut": 50_000}] * 5 + [{}]
    get(site.url(), attempts=2)
    assert len(site.requests) == 6


def test_partial_file_serves_the_next_call(site, get):
    leave_part(get, site)
    get(site.url())
    assert get.part.read_bytes() == CONTENT
    assert site.requests[-1]["range"] == "bytes=100000-"


def test_server_without_ranges_starts_anew(site, get):
    site.behaviours = [{"cut": 100_000}, {"ignore_range": True}]
    get(site.url())
    assert get.part.read_bytes() == CONTENT


def test_wrong_range_starts_anew(site, get):
    site.behaviours = [{"cut": 100_000}, {"shift": 10}, {}]
    get(site.url())
    assert get.part.read_bytes() == CONTENT
    assert "range" not in site.requests[-1]


def test_file_that_changed_in_between_starts_anew(site, get):
    site.content = b"x" * SIZE
    leave_part(get, site, size=None, verified=False)
    new = CONTENT[::-1]
    site.content, site.etag = new, '"v2"'
    get(site.url(), size=None, verified=False)
    assert get.part.read_bytes() == new
    assert site.requests[-1]["if-range"] == '"v1"'


def test_unverifiable_rest_is_not_appended(site, get):
    """Neither a check later on nor a validator: a partial file is of no use."""
    site.etag, site.behaviours = "", [{"cut": 100_000}, {}]
    get(site.url(), size=None, verified=False)
    assert get.part.read_bytes() == CONTENT
    assert "range" not in site.requests[-1]


def test_rest_that_is_verified_later_needs_no_validator(site, get):
    site.etag, site.behaviours = "", [{"cut": 100_000}, {}]
    get(site.url())
    assert get.part.read_bytes() == CONTENT
    assert site.requests[-1]["range"] == "bytes=100000-"
    assert "if-range" not in site.requests[-1]


def test_weak_etag_gives_way_to_the_date(site, get):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    site.etag, site.behaviours = 'W/"v1"', [{"cut": 100_000, "headers": {"Last-Modified": date}}, {}]
    get(site.url())
    assert site.requests[-1]["if-range"] == date
    assert get.part.read_bytes() == CONTENT


@pytest.mark.parametrize("size", [SIZE, None])
def test_finished_but_unchecked_partial_file_is_used(site, get, size):
    """A run killed between the last byte and the check asks for no more; size unknown, 416 tells it so."""
    leave_part(get, site, size=size)
    get.part.write_bytes(CONTENT)
    get(site.url(), size=size)
    assert get.part.read_bytes() == CONTENT
    assert len(site.requests) == (2 if size else 3)


@pytest.mark.parametrize(("size", "requests"), [(SIZE, 3), (None, 4)])
def test_longer_partial_file_than_the_server_has(site, get, size, requests):
    """Size unknown, the server tells it, which takes a request more."""
    leave_part(get, site, size=size)
    get.part.write_bytes(CONTENT + b"more")
    get(site.url(), size=size)
    assert get.part.read_bytes() == CONTENT
    assert len(site.requests) == requests


@pytest.mark.parametrize("resumed", [False, True])
def test_wrong_size_is_seen_before_the_download(site, get, resumed):
    if resumed:
        leave_part(get, site, size=None)
    with pytest.raises(SourceError, match=rf"the server has {SIZE} bytes, expected 200000"):
        get(site.url(), size=200_000)
    assert not get.part.exists()
    assert not get.note.exists()


def test_web_page_is_no_file_unless_the_check_says_so(site, get):
    site.behaviours = [{"headers": {"Content-Type": "text/html; charset=utf-8"}}]
    with pytest.raises(SourceError, match="a web page came"):
        get(site.url(), verified=False)
    get(site.url(), verified=True)
    assert get.part.read_bytes() == CONTENT


def test_gzip_encoding_is_not_undone(site, get):
    site.content = gzip.compress(CONTENT)
    site.behaviours = [{"headers": {"Content-Encoding": "x-gzip"}}]
    get(site.url(), size=len(site.content))
    assert get.part.read_bytes() == site.content


def test_headers_go_with_every_request(site, get):
    site.behaviours = [{"cut": 100_000}, {}]
    get(site.url(), headers={"Authorization": "Bearer secret"})
    assert [request["authorization"] for request in site.requests] == ["Bearer secret"] * 2


def test_forget_leaves_nothing(site, get):
    leave_part(get, site)
    assert get.note.exists()
    web.forget(get.part)
    assert not get.part.exists()
    assert not get.note.exists()
    web.forget(get.part)


def test_address_of_a_hub_file(monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    url = "https://huggingface.co/a/b/resolve/main/x/y.json"
    assert web.address("hf:a/b@main!x/y.json") == (url, {})
    monkeypatch.setenv("HF_ENDPOINT", "http://hub/")
    monkeypatch.setenv("HF_TOKEN", "secret")
    headers = {"Authorization": "Bearer secret"}
    assert web.address("hf:a/b@main!c") == ("http://hub/a/b/resolve/main/c", headers)
    assert web.address("https://other/c") == ("https://other/c", {})


@pytest.mark.parametrize("source", ["gopher:x", "hf:a/b!c", "hf:a/b@main", "/etc/hostname"])
def test_address_of_nothing_known(source):
    with pytest.raises(SourceError, match="is no known kind of source"):
        web.address(source)
