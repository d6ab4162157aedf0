"""A relay with ten faults of the kinds that generated requests are to find, around the reference relay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relayproof.pointer import find

HANG_SECONDS = 1.5
COUNTS = "/counts"
BROKEN = {"error": {"message": "internal error", "type": "server_error", "param": None, "code": None}}
Asked = dict[str, Any]


def wrong_type(name: str, kinds: tuple[type, ...]) -> Callable[[Asked], bool]:
    """A predicate: the field is there, and of none of these types."""
    return lambda asked: name in asked and not isinstance(asked[name], (*kinds, type(None)))


def texts(asked: Asked) -> list[str]:
    """The texts of the messages."""
    return [text for _, text in find(asked, "/messages/*/content", str)]


def many_stops(asked: Asked) -> bool:
    """Four stop strings, as many as there may be."""
    return isinstance(asked.get("stop"), list) and len(asked["stop"]) == 4


def long_names(asked: Asked) -> bool:
    """A tool whose name is as long as a name may be."""
    return any(len(name) > 60 for _, name in find(asked, "/tools/*/function/name", str))


def biased(asked: Asked) -> bool:
    """A bias on some token."""
    bias = asked.get("logit_bias")
    return isinstance(bias, dict) and bool(bias) and all(isinstance(each, int | float) for each in bias.values())


INSTEAD: dict[str, tuple[Callable[[Asked], bool], Callable[[], Response]]] = {
    "legal stop strings break it": (many_stops, lambda: JSONResponse(BROKEN, 500)),
    "long tool names break it": (long_names, lambda: JSONResponse(BROKEN, 502)),
    "a wrong type breaks it": (wrong_type("temperature", (int, float)), lambda: JSONResponse(BROKEN, 500)),
    "another envelope": (wrong_type("n", (int,)), lambda: JSONResponse({"detail": "n is no number"}, 422)),
    "a web page": (wrong_type("user", (str,)), lambda: HTMLResponse("<html>Bad Request</html>", 400)),
}
IGNORED = "presence_penalty"
NULLS = "seed"


class Clumsy:
    """The application. `only` names the faults that are on; all when it is empty."""

    def __init__(self, app: ASGIApp, only: frozenset[str] = frozenset()) -> None:
        self.app, self.only = app, only
        self.requests, self.first = 0, {}  # type: int, dict[str, int]

    def shown(self, fault: str) -> None:
        """Note the request by which a fault first showed itself."""
        self.first.setdefault(fault, self.requests)

    def has(self, fault: str) -> bool:
        return not self.only or fault in self.only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == COUNTS:
            await JSONResponse({"requests": self.requests, "first": self.first})(scope, receive, send)
            return
        self.requests += 1
        body = await Request(scope, receive).body()
        asked = _read(body) if scope["path"] == "/v1/chat/completions" else None
        if asked is None:
            await self.app(scope, _receiving(body, receive), send)
            return
        for fault, (applies, answer) in INSTEAD.items():
            if self.has(fault) and applies(asked):
                self.shown(fault)
                await answer()(scope, receive, send)
                return
        if self.has("it hangs") and biased(asked):
            self.shown("it hangs")
            await asyncio.sleep(HANG_SECONDS)
        if self.has("an illegal field is ignored"):
            if wrong_type(IGNORED, (int, float))(asked):
                self.shown("an illegal field is ignored")
            asked.pop(IGNORED, None)
        forward = json.dumps(asked).encode()
        await self.app(_sized(scope, len(forward)), _receiving(forward, receive), self.spoiling(asked, send))

    def spoiling(self, asked: Asked, send: Send) -> Send:
        """A `send` that breaks the answers to unusual requests, byte by byte: lengths stay as they are."""
        broken = [fault for fault, (applies, _, _) in SPOILT.items() if self.has(fault) and applies(asked)]
        changes = [(fault, *SPOILT[fault][1:]) for fault in broken]

        async def spoilt(message: Message) -> None:
            for fault, old, new in changes:
                assert len(old) == len(new)
                if old in message.get("body", b""):
                    self.shown(fault)
                    message = message | {"body": message["body"].replace(old, new)}
            await send(message)

        return spoilt


SPOILT: dict[str, tuple[Callable[[Asked], bool], bytes, bytes]] = {
    "empty content loses the role": (lambda asked: "" in texts(asked), b'"role":"assistant"', b'"r0le":"assistant"'),
    "null loses the usage": (lambda asked: asked.get(NULLS, 0) is None, b'"total_tokens"', b'"t0tal_tokens"'),
    "Unicode loses the object": (
        lambda asked: not "".join(texts(asked)).isascii(),
        b'"object": "chat.completion.chunk"',
        b'"object": "chat.completion_chunk"',
    ),
    "n with a stream keeps one index": (
        lambda asked: asked.get("n") == 2 and asked.get("stream") is True,
        b'"index": 1,',
        b'"index": 0,',
    ),
}
FAULTS = (*INSTEAD, "it hangs", "an illegal field is ignored", *SPOILT)


def _read(body: bytes) -> Asked | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _receiving(body: bytes, rest: Receive) -> Receive:
    told = False

    async def receive() -> Message:
        nonlocal told
        if told:
            return await rest()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _sized(scope: Scope, size: int) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(size).encode())]}
