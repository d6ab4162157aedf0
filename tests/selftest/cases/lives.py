"""Whole lives of tasks: the probes' own steps against the reference relay, in one thread, on a clock of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import httpx

from relayproof.exchange import Exchange
from relayproof.probe import Call
from relayproof.probes import load
from relayproof.reference import KEY, make_app
from relayproof.relay import Key, Limits, Relay, Timeouts
from relayproof.wire.client import Client

URL = "http://127.0.0.1:18099"
START = 1_795_000_000.25
Change = Callable[[httpx.Request, int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def unchanged(
    request: httpx.Request, status: int, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """The answer of a correct relay."""
    return status, headers, body


class InProcess(httpx.BaseTransport):
    """Asks an ASGI application without a network or an event loop. `change` may falsify each answer."""

    def __init__(self, app: Any, change: Change = unchanged) -> None:
        self.app, self.change = app, change
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status, headers, body = self.change(request, *_asked(self.app, request))
        headers = {name: value for name, value in headers.items() if name != "content-length"}
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def _asked(app: Any, request: httpx.Request) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.read(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port or 80),
        "client": ("127.0.0.1", 50000),
        "http_version": "1.1",
    }
    with contextlib.suppress(StopIteration):
        app(scope, receive, send).send(None)
        raise AssertionError("the application waits for something outside")
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:])


class Room:
    """A relay on a clock of its own, and a client that speaks to it."""

    def __init__(self, change: Change = unchanged, limit: float = 6.0, **settings: Any) -> None:
        self.clock = Clock()
        self.app = make_app()
        self.app.state.clock = self.clock
        self.relay = Relay(
            URL,
            Key(KEY),
            models={"midjourney": "mj_imagine", "suno": "suno_music"},
            timeouts=Timeouts(task=limit),
            limits=Limits(requests=10_000),
            **settings,
        )
        self.transport = InProcess(self.app, change)
        self.client = Client(self.relay, self.transport, self.clock.sleep)

    def send(self, call: Call, probe: str = "test") -> Exchange:
        """Send one call, as a session would."""
        return self.client.send(replace(call, expect={"now": int(self.clock.now)} | dict(call.expect)), probe)

    def live(self, *names: str) -> list[Exchange]:
        """Run probes to their ends, one after the other."""
        return [exchange for name in names for exchange in self.steps(name)]

    def steps(self, name: str) -> Iterable[Exchange]:
        """The exchanges of one probe."""
        steps = load()[name].run(self.relay)
        exchange = None
        with contextlib.closing(steps), contextlib.suppress(StopIteration):
            while True:
                exchange = self.send(next(steps) if exchange is None else steps.send(exchange), name)
                yield exchange


MIDJOURNEY = [f"midjourney/{name}" for name in (
    "no-ids", "mode-prefix", "imagine", "describe", "blend", "shorten", "swap-face", "bad-flag",
    "empty-prompt", "one-picture-to-blend", "unknown-task", "no-key",
)]  # fmt: skip
SUNO = [f"suno/{name}" for name in (
    "no-ids", "music", "lyrics", "unknown-voice", "empty-prompt", "no-key", "unknown-task", "unknown-action",
)]  # fmt: skip
