"""The HTTP server that the recorded cases talk to (tests/cases/README.md says what it answers)."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Handler(BaseHTTPRequestHandler):
    """Answers one request and closes the connection."""

    def handle_any(self) -> None:
        """`/json`, `/text`, `/echo`, `/boom`; anything else is 404."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        url = urlsplit(self.path)
        if url.path == "/json" and self.command == "GET":
            self._answer(
                200, "application/json", json.dumps({"id": 7, "userId": 1, "name": "stub", "tags": ["a", "b"]})
            )
        elif url.path == "/text" and self.command == "GET":
            self._answer(200, "text/plain", "plain body")
        elif url.path == "/echo":
            self._answer(200, "application/json", json.dumps(self._echo(url.query, body)))
        elif url.path == "/boom":
            self._answer(500, "text/plain", "boom")
        else:
            self._answer(404, "text/plain", "not here")

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is its own."""

    def _echo(self, query: str, body: str) -> dict[str, object]:
        try:
            parsed, raw = (json.loads(body), None) if body else (None, "")
        except ValueError:
            parsed, raw = None, body
        return {
            "method": self.command,
            "args": dict(parse_qsl(query, keep_blank_values=True)),
            "x_test": self.headers.get("X-Test"),
            "json": parsed,
            "raw": raw,
            "ctype": self.headers.get("Content-Type"),
        }

    def _answer(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def http_stub() -> Iterator[str]:
    """A running stub's base URL, on a free port of the loopback address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
