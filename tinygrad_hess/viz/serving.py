"""A server for this machine alone: a few named answers, and nothing else."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

_ADDRESS = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Answer(NamedTuple):
    """A body with its media type."""

    kind: str
    body: str


class Server:
    """Answers GET requests on the loopback address, at a port that the system chooses.

    A path begins with a token that only those know who were given the address. A request whose
    Host is another one (a name that was bound to this address) or that a page of another origin
    makes is refused.

    Parameters
    ----------
    answers : mapping of str to callable
        For each name after the token, a function of the query's parameters.
    """

    def __init__(self, answers: Mapping[str, Callable[[dict[str, str]], Answer]]):
        token = secrets.token_urlsafe(16)
        paths = {f"/{token}/{name}": answer for name, answer in answers.items()}

        class Handler(_Handler):
            known = paths

        self._http = ThreadingHTTPServer((_ADDRESS, 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://{_ADDRESS}:{self._http.server_port}/{token}/"
        threading.Thread(
            target=self._http.serve_forever, name="tinygrad_hess live page", daemon=True
        ).start()

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    known: Mapping[str, Callable[[dict[str, str]], Answer]]
    timeout = 10  # seconds for a request to arrive
    server_version, sys_version = "tinygrad_hess", ""

    def do_GET(self) -> None:
        if not self._is_from_here():
            return self._send(HTTPStatus.FORBIDDEN, _text("Not from this page."))
        url = urlsplit(self.path)
        answer = next((f for path, f in self.known.items() if _is_same(path, url.path)), None)
        if answer is None:
            return self._send(HTTPStatus.NOT_FOUND, _text("There is no such page."))
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            found = answer(query)
        except Exception as error:  # told to the page, which asks again
            found = _text(f"{type(error).__name__}: {error}")
            return self._send(HTTPStatus.INTERNAL_SERVER_ERROR, found)
        return self._send(HTTPStatus.OK, found)

    def _is_from_here(self) -> bool:
        assert isinstance(self.server, ThreadingHTTPServer)
        port = self.server.server_port
        hosts = {f"{_ADDRESS}:{port}", f"localhost:{port}"}
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        # An address that was typed or clicked, "none", or a navigation from another site such as a
        # notebook's link, has no script that could read the answer.
        navigated = self.headers.get("Sec-Fetch-Mode") == "navigate"
        return (
            host in hosts
            and (origin is None or origin == f"http://{host}")
            and (site in ("same-origin", "none") or navigated)
        )

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{answer.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: requests are no news."""


def _text(line: str) -> Answer:
    return Answer("text/plain", f"{line}\n")


def _is_same(a: str, b: str) -> bool:
    return secrets.compare_digest(a.encode(), b.encode())
