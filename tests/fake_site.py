"""A server on this machine that fails, cuts and lies on demand."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator

CONTENT = bytes(i * 31 % 251 for i in range(300_000))


class Site:
    """What the server does: a list of behaviours, each used for one request; the last one stays."""

    def __init__(self, address: str):
        self.address = address
        self.behaviours: list[dict] = [{}]
        self.requests: list[dict] = []
        self.content = CONTENT
        self.etag = '"v1"'

    def url(self, name: str = "file.bin") -> str:
        return f"{self.address}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, *args, sites, **options):
        self.site = sites[0]
        super().__init__(*args, **options)

    def log_message(self, *_):
        pass

    def do_GET(self):
        site = self.site
        site.requests.append({"path": self.path} | {key.lower(): value for key, value in self.headers.items()})
        does = site.behaviours.pop(0) if len(site.behaviours) > 1 else site.behaviours[0]
        content = does.get("content", site.content)
        status, start, headers = does.get("status", 200), 0, dict(does.get("headers", {}))
        wanted = self.headers.get("Range")
        if wanted and status == 200 and not does.get("ignore_range"):
            offset = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if self.headers.get("If-Range") in (None, site.etag):
                if offset >= len(content):
                    status, headers["Content-Range"], content = 416, f"bytes */{len(content)}", b""
                else:
                    status, start = 206, offset - does.get("shift", 0)
                    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:] if status in (200, 206) else b"no"
        if site.etag and status in (200, 206):
            headers["ETag"] = site.etag
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: does.get("cut", len(body))])
        if "stall" in does:
            does["stall"].wait(30)
        self.close_connection = True


@contextlib.contextmanager
def serve() -> Iterator[Site]:
    """A site at a free port of this machine."""
    sites: list[Site] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, sites=sites))
    sites.append(Site(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield sites[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
