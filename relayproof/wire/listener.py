"""A small listener for callbacks: what a relay posts to a notifyHook is kept, and given back as JSON when asked for.

The callbacks are asked for by an ordinary request, so that they become an exchange: recorded and judged like any other.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from relayproof.jsontext import parse
from relayproof.lifecycle import HEARD
from relayproof.relay import Relay

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"
MOST_BYTES, MOST_CALLBACKS = 2**20, 500


class Listener:
    """Keeps what is posted under its secret path, name by name. Started and stopped by `listening`."""

    def __init__(self, host: str = LOOPBACK, port: int = 0) -> None:
        self.path = f"{HEARD}{secrets.token_hex(8)}"
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._began = time.monotonic()
        self._server = ThreadingHTTPServer((host, port), _handler(self))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Listen in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def keep(self, path: str, body: bytes) -> None:
        """Remember one callback: the second in which it came, and its JSON (its text when it is none)."""
        if len(self.heard) >= MOST_CALLBACKS:
            return
        try:
            document = parse(body)
        except ValueError:
            document = body.decode(errors="replace")
        self.heard.append((path, {"seconds": round(time.monotonic() - self._began, 3), "body": document}))

    def of(self, path: str) -> list[dict[str, Any]]:
        """What was posted to one path, in order."""
        return [callback for where, callback in self.heard if where == path]


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self) -> None:
            size = self.headers.get("content-length", "")
            if not self.path.startswith(f"{listener.path}/") or not size.isdigit() or int(size) > MOST_BYTES:
                self.answer(404, b"{}")
                return
            listener.keep(self.path, self.rfile.read(int(size)))
            self.answer(200, b"{}")

        def do_GET(self) -> None:
            known = self.path.startswith(f"{listener.path}/")
            self.answer(200 if known else 404, json.dumps(listener.of(self.path), ensure_ascii=False).encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            if status != 200:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def listening(relay: Relay, wanted: bool = True) -> Iterator[Relay]:
    """Listen for a relay's callbacks. Yields the relay with `notify` set to the hook, as `URL#local port`.

    `notify` is "" when nothing is `wanted`, when the relay can't reach this machine (it is elsewhere, and the setting
    is empty), or when the port is taken.
    """
    listener = _open(relay) if wanted else None
    if listener is None:
        yield replace(relay, notify="")
        return
    listener.start()
    try:
        base = relay.notify.partition("#")[0].rstrip("/") or f"http://{LOOPBACK}:{listener.port}"
        yield replace(relay, notify=f"{base}{listener.path}#{listener.port}")
    finally:
        listener.stop()


def _open(relay: Relay) -> Listener | None:
    if not relay.notify and not is_loopback(relay.url):
        return None
    try:
        return Listener(LOOPBACK if is_loopback(relay.notify or relay.url) else EVERYWHERE, _port(relay.notify))
    except (OSError, ValueError, OverflowError):
        return None


def _port(notify: str) -> int:
    """The port on this machine that a `notify` setting names; 0, which takes any, without one."""
    if not notify:
        return 0
    parts = urlsplit(notify)
    return int(parts.fragment) if parts.fragment else parts.port or (443 if parts.scheme == "https" else 80)


def is_loopback(url: str) -> bool:
    """True for a URL on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
