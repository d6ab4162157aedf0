"""The faulty relay: an ASGI application around a correct one, that breaks what its fault says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from relayproof.faults.answer import Answer, Asked
from relayproof.faults.fault import Fault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class FaultyRelay:
    """A relay with one fault. `key` is the key that the correct relay inside asks for."""

    def __init__(self, app: App, fault: Fault, key: str) -> None:
        self.app, self.fault, self.key = app, fault, key
        self.memory: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the fault where it applies."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _send(await self.answer(scope, await _read(receive)), send)

    async def answer(self, scope: Scope, body: bytes) -> Answer:
        """The broken answer to a request, whole."""
        sent, forwarded = self._asked(scope, body), self._asked(scope, body)
        covered = not self.fault.on or sent.surface in self.fault.on
        if covered:
            for before in self.fault.befores():
                before.change(forwarded)
        answer = await _ask(self.app, scope, forwarded)
        answer.asked = sent
        if covered and self.fault.when(answer):
            for after in self.fault.afters():
                after(answer)
        return answer

    def _asked(self, scope: Scope, body: bytes) -> Asked:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        return Asked(scope["method"], scope["path"], query, headers, body, self.key, self.memory)


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _ask(app: App, scope: Scope, asked: Asked) -> Answer:
    """Ask the correct relay, and read its answer to the end."""
    asked.headers["content-length"] = str(len(asked.body))
    inner = dict(scope) | {
        "method": asked.method,
        "path": asked.path,
        "raw_path": quote(asked.path).encode(),
        "query_string": asked.query.encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in asked.headers.items()],
    }
    answer, unread, started = Answer(asked, 500, []), [asked.body], time.monotonic()

    async def receive() -> MutableMapping[str, Any]:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("the client stays")

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message.get("body"):
            answer.pieces.append(message["body"])

    await app(inner, receive, send)
    answer.gap = (time.monotonic() - started) / len(answer.pieces) if len(answer.pieces) > 1 else 0.0
    return answer


async def _send(answer: Answer, send: Send) -> None:
    """Write an answer at the pace of the correct one. Content-Length follows the body."""
    if answer.header("content-length"):
        answer.put_header("content-length", str(len(answer.body)))
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await asyncio.sleep(answer.delay)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    for number, piece in enumerate(answer.pieces):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(answer.gap if number >= answer.burst else 0)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
