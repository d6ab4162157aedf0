"""Server-sent events: bytes in, events out, with everything that was odd on the way.

The grammar is WHATWG HTML, section 9.2 "Server-sent events". The reader works on the whole body, so the way a
network cut the bytes into reads can never change an event. What an event means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from relayproof.jsontext import parse

BOM = b"\xef\xbb\xbf"
LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r|\Z)")
DONE = "[DONE]"


@dataclass(frozen=True)
class Oddity:
    """Something a strict reader stumbles over: `kind`, the byte offset, and the bytes (at most 200) as text."""

    kind: str
    offset: int
    text: str = ""


@dataclass(frozen=True)
class Event:
    """One dispatched event.

    `start` and `end` are byte offsets in the body; `lines` the number of data lines; `terminated` is false for a last
    event that no blank line closed (a browser drops it, most clients take it).
    """

    number: int
    data: str
    name: str = ""
    start: int = 0
    end: int = 0
    lines: int = 1
    terminated: bool = True

    @property
    def done(self) -> bool:
        """True for the sentinel that closes an OpenAI stream."""
        return self.data.strip() == DONE

    @property
    def place(self) -> str:
        """Where it stands, for a finding."""
        return f"event {self.number}, bytes {self.start}-{self.end}"

    @cached_property
    def json(self) -> Any:
        """The payload as JSON, or None when it is not JSON."""
        try:
            return parse(self.data)
        except ValueError:
            return None

    @cached_property
    def body(self) -> dict[str, Any]:
        """The payload when it is a JSON object, else an empty one."""
        return self.json if isinstance(self.json, dict) else {}


@dataclass(frozen=True)
class Stream:
    """All events of a body and what was odd in it."""

    events: tuple[Event, ...]
    oddities: tuple[Oddity, ...]


@dataclass
class _Buffer:
    """The event under construction."""

    start: int
    data: list[str] = field(default_factory=list)
    name: str = ""


def read(body: bytes) -> Stream:
    """Parse a whole body. Never raises: whatever the bytes are, the answer is events and oddities."""
    return _Reader(body).run()


def first_arrivals(events: Sequence[Event], reads: Sequence[tuple[float, int]]) -> list[float | None]:
    """The second at which each event was complete, from reads of (seconds, bytes); None where that is not known."""
    return list(_arrivals(events, reads))


def _arrivals(events: Sequence[Event], reads: Sequence[tuple[float, int]]) -> Iterator[float | None]:
    total, at, pending = 0, None, iter(reads)
    for event in events:
        while total < event.end:
            step = next(pending, None)
            if step is None:
                break
            at, total = step[0], total + step[1]
        yield at


class _Reader:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.events: list[Event] = []
        self.oddities: list[Oddity] = []
        self.buffer = _Buffer(0)

    def run(self) -> Stream:
        position = len(BOM) if self.body.startswith(BOM) else 0
        if position:
            self.note("bom", 0)
        self.buffer.start = position
        for match in LINE.finditer(self.body, position):
            if match.start() == len(self.body):
                break
            self.line(match)
        if self.buffer.data:
            self.note("unterminated", self.buffer.start)
            self.dispatch(len(self.body), terminated=False)
        return Stream(tuple(self.events), tuple(self.oddities))

    def line(self, match: re.Match[bytes]) -> None:
        raw, ending = match.groups()
        if ending == b"\r\n" or ending == b"\r":
            self.note("crlf" if ending == b"\r\n" else "cr", match.start())
        if not raw:
            self.dispatch(match.end(), terminated=True)
        elif raw.startswith(b":"):
            self.note("comment", match.start(), raw)
        else:
            self.field(raw, match.start())

    def field(self, raw: bytes, offset: int) -> None:
        name, colon, value = raw.partition(b":")
        if name not in (b"data", b"event", b"id", b"retry"):
            self.note("unknown-field", offset, raw)
            return
        if colon and value and not value.startswith(b" "):
            self.note("no-space", offset, raw)
        text = self.text(value.removeprefix(b" "), offset)
        if name == b"data":
            self.buffer.data.append(text)
        elif name == b"event":
            self.buffer.name = text

    def text(self, value: bytes, offset: int) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            self.note("invalid-utf-8", offset, value)
            return value.decode(errors="replace")

    def dispatch(self, end: int, *, terminated: bool) -> None:
        waiting, self.buffer = self.buffer, _Buffer(end)
        if not waiting.data:
            if waiting.name:
                self.note("event-without-data", waiting.start, waiting.name.encode())
            return
        number = len(self.events)
        self.events.append(
            Event(number, "\n".join(waiting.data), waiting.name, waiting.start, end, len(waiting.data), terminated)
        )

    def note(self, kind: str, offset: int, raw: bytes = b"") -> None:
        self.oddities.append(Oddity(kind, offset, raw[:200].decode(errors="replace")))
