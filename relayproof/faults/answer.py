"""What a fault can change: the request on its way in, and the answer on its way out, both taken apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from relayproof import surface

EVENT_STREAM = "text/event-stream"
DONE = "[DONE]"
Headers = list[tuple[str, str]]


def dump(document: Any) -> str:
    """JSON as the reference relay writes it."""
    return json.dumps(document, ensure_ascii=False)


@dataclass
class Asked:
    """A request as the client sent it, or as the faulty relay forwards it. Header names are in lower case.

    `key` is the relay's own key; `memory` lasts as long as the faulty relay does.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    key: str
    memory: dict[str, Any]

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object of the body; an empty one when there is none."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def edit(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the JSON object of the body in place; other bodies stay as they are."""
        document = self.json
        if document:
            change(document)
            self.body = dump(document).encode()

    @property
    def surface(self) -> str:
        """The wire contract that the request asks for."""
        url = f"{self.path}?{self.query}" if self.query else self.path
        return surface.recognise(self.method, url, self.json, "", b"")

    def count(self, name: str) -> int:
        """How often this was asked under that name, this time included."""
        self.memory[name] = self.memory.get(name, 0) + 1
        return int(self.memory[name])


@dataclass
class Frame:
    """One server-sent event. `raw` is written in its place when it is set; comments are frames with raw alone."""

    data: str = ""
    name: str = ""
    raw: bytes | None = None

    @property
    def json(self) -> dict[str, Any]:
        """The payload when it is a JSON object, else an empty one."""
        if not self.data.startswith("{"):
            return {}
        found = json.loads(self.data)
        return found if isinstance(found, dict) else {}

    @property
    def done(self) -> bool:
        """True for the sentinel of an OpenAI stream."""
        return self.data == DONE

    def bytes(self) -> bytes:
        """As it is written."""
        if self.raw is not None:
            return self.raw
        head = f"event: {self.name}\n" if self.name else ""
        return f"{head}data: {self.data}\n\n".encode()

    def edit(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the JSON object of the payload in place."""
        document = self.json
        if document:
            change(document)
            self.data = dump(document)


@dataclass
class Answer:
    """The relay's answer, ready to be broken.

    pieces: the body as it is written, one write each. gap: seconds between two writes; delay: before the
    first; burst: how many of the first come without a gap.
    """

    asked: Asked
    status: int
    headers: Headers
    pieces: list[bytes] = field(default_factory=list)
    gap: float = 0.0
    delay: float = 0.0
    burst: int = 0

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    @property
    def streamed(self) -> bool:
        """True for server-sent events."""
        return self.header("content-type").startswith(EVENT_STREAM)

    def header(self, name: str) -> str:
        """The first value of a header; "" when it is not there."""
        return next((value for key, value in self.headers if key == name), "")

    def put_header(self, name: str, value: str | None) -> None:
        """Set a header, or take it out."""
        self.headers = [(key, old) for key, old in self.headers if key != name]
        if value is not None:
            self.headers.append((name, value))

    @property
    def frames(self) -> list[Frame]:
        """The events of a stream."""
        return [_frame(text) for text in self.body.decode().split("\n\n") if text]

    @frames.setter
    def frames(self, frames: Iterable[Frame]) -> None:
        self.pieces = [frame.bytes() for frame in frames]

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def say(self, document: Any, status: int | None = None, kind: str = "application/json") -> None:
        """Answer something else: a JSON document, or text or bytes as they are."""
        self.status = status or self.status
        if isinstance(document, bytes):
            self.pieces = [document]
        else:
            self.pieces = [(document if isinstance(document, str) else dump(document)).encode()]
        self.put_header("content-type", kind)

    def rewrite(self, change: Callable[[Any], Any]) -> None:
        """Change every JSON document of the answer, in place or by returning another: the body's, or each event's."""
        if self.streamed:
            frames = self.frames
            for frame in frames:
                if frame.json:
                    frame.data = dump(_changed(frame.json, change))
            self.frames = frames
            return
        document = self.json
        if document is None:
            return
        if isinstance(document, list) and self.asked.surface == surface.GEMINI_STREAM:
            changed: Any = [_changed(each, change) for each in document]
        else:
            changed = _changed(document, change)
        self.pieces = [dump(changed).encode()]


def _changed(document: Any, change: Callable[[Any], Any]) -> Any:
    other = change(document)
    return document if other is None else other


def _frame(text: str) -> Frame:
    lines = text.split("\n")
    name = next((line.removeprefix("event: ") for line in lines if line.startswith("event: ")), "")
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    if not data or any(line.startswith((":", "id:", "event:")) and not line.startswith("event: ") for line in lines):
        return Frame(raw=f"{text}\n\n".encode())
    return Frame("\n".join(data), name)
