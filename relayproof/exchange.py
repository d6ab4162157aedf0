"""The exchange: one request and what came back, byte for byte, frozen. Everything decoded is decoded lazily.

Nothing here knows who sent it: a probe, a cassette, a traffic log and a generated case are the same to a rule.
"""

from __future__ import annotations

import email.parser
import email.policy
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from relayproof import pointer, sse, streams, surface
from relayproof.jsontext import parse
from relayproof.pointer import Absent

Headers = tuple[tuple[str, str], ...]
LARGEST = 32 * 2**20
REQUEST, STATUS, HEADERS, FRAMING, TIMING, IDS, CLOCK, CONTENT, OMISSIONS = (
    "request",
    "status",
    "headers",
    "framing",
    "timing",
    "ids",
    "clock",
    "content",
    "omissions",
)


class Ended(StrEnum):
    """How a response came to its end."""

    COMPLETE = "complete"
    CUT = "cut"
    TIMED_OUT = "timed-out"
    TOO_LARGE = "too-large"


class _Message:
    headers: Headers

    def header(self, name: str) -> str:
        """The first value of a header, whatever its case; "" when it is not there."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def has(self, name: str) -> bool:
        """True when the header is there at all."""
        return any(key.lower() == name for key, _ in self.headers)


@dataclass(frozen=True)
class Part:
    """One part of a multipart form."""

    name: str
    filename: str | None
    content_type: str
    value: bytes


@dataclass(frozen=True)
class Request(_Message):
    """What went out. `url` is path and query; `given_form` holds the parts where the raw body is not known."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    given_form: tuple[Part, ...] = ()

    @cached_property
    def path(self) -> str:
        """The URL without its query."""
        return surface.path(self.url)

    @cached_property
    def json(self) -> Any:
        """The body as JSON, whole numbers as integers; None when it is empty or not JSON."""
        try:
            return parse(self.body, parse_float=pointer.number)
        except ValueError:
            return None

    @cached_property
    def form(self) -> tuple[Part, ...]:
        """The parts of a multipart body, in order."""
        if self.given_form or not self.header("content-type").startswith("multipart/"):
            return self.given_form
        head = f"Content-Type: {self.header('content-type')}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        return tuple(_part(part) for part in message.iter_parts()) if message.is_multipart() else ()

    def field(self, name: str, default: str = "") -> str:
        """The text of a form field."""
        found = (part.value.decode(errors="replace") for part in self.form if part.name.removesuffix("[]") == name)
        return next(found, default)


def _part(part: Any) -> Part:
    name = part.get_param("name", header="content-disposition") or ""
    return Part(str(name), part.get_filename(), part.get_content_type(), part.get_payload(decode=True) or b"")


def _gunzipped(body: bytes) -> bytes:
    return gzip.GzipFile(fileobj=io.BytesIO(body)).read(LARGEST + 1)


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj()
    whole = inflater.decompress(body, LARGEST + 1)
    if not inflater.eof and len(whole) <= LARGEST:
        raise EOFError
    return whole


UNPACK = {"gzip": _gunzipped, "x-gzip": _gunzipped, "deflate": _inflated}


def repacked(response: Response, body: bytes) -> bytes:
    """Another body, packed as the response's own is."""
    packed = response.body.startswith(b"\x1f\x8b")
    return gzip.compress(body, mtime=0) if packed else zlib.compress(body)


@dataclass(frozen=True)
class Response(_Message):
    """What came back. `body` is as it was on the wire, `reads` the (seconds since sending, bytes) of every read.

    `leaks` names where the user's key stood in it (the key itself is masked before the response is made).
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    reads: tuple[tuple[float, int], ...] = ()
    ended: Ended = Ended.COMPLETE
    seconds: float = 0.0
    leaks: tuple[str, ...] = ()

    @cached_property
    def decoded(self) -> bytes:
        """The body with its Content-Encoding taken off, at most LARGEST bytes of it.

        As it is when the encoding lies or is not known.
        """
        return self.body if self._unpacked is None else self._unpacked[:LARGEST]

    @property
    def overflows(self) -> bool:
        """True when the body unpacks to more than LARGEST bytes."""
        return self._unpacked is not None and len(self._unpacked) > LARGEST

    @cached_property
    def _unpacked(self) -> bytes | None:
        unpack = UNPACK.get(self.header("content-encoding").strip().lower())
        try:
            return unpack(self.body) if unpack else None
        except (OSError, EOFError, zlib.error):
            return None

    @property
    def content_type(self) -> str:
        """The media type, lower case, without parameters."""
        return self.header("content-type").split(";")[0].strip().lower()

    @cached_property
    def text(self) -> str:
        """The body as UTF-8 text, undecodable bytes replaced."""
        return self.decoded.decode(errors="replace")

    @cached_property
    def json(self) -> Any:
        """The body as JSON. Raises Absent when it is not one JSON value."""
        try:
            return parse(self.decoded)
        except ValueError:
            raise Absent("the body is not JSON") from None

    @cached_property
    def stream(self) -> sse.Stream:
        """The body as server-sent events."""
        return sse.read(self.decoded)

    @property
    def events(self) -> tuple[sse.Event, ...]:
        """The events of the body."""
        return self.stream.events

    @property
    def arrivals(self) -> list[float | None]:
        """The second at which each event was complete; None where the reads do not say."""
        return sse.first_arrivals(self.events, self.reads if self.decoded is self.body else ())


@dataclass(frozen=True)
class Exchange:
    """One request and its response. `response` is None when none came: `failure` then says why.

    `expect` is what only the sender can know. `blind` names what this record cannot show (a log without headers,
    scrubbed ids): a rule that needs it is untested here, never judged on a guess. `session` names the run that it
    belongs to; only exchanges of one session are ever compared.
    """

    request: Request
    response: Response | None = None
    id: str = ""
    probe: str = ""
    session: str = ""
    failure: str = ""
    expect: Mapping[str, Any] = field(default_factory=dict)
    blind: frozenset[str] = frozenset()

    @cached_property
    def surface(self) -> str:
        """The wire contract, recognised from the request (and the response where the request is not known)."""
        asked = None if REQUEST in self.blind else (self.request.json or {})
        kind, body = (self.response.content_type, self.response.body) if self.response else ("", b"")
        return surface.recognise(self.request.method, self.request.url, asked, kind, body)

    @property
    def succeeded(self) -> bool:
        """True when a 2xx answer came."""
        return self.response is not None and 200 <= self.response.status < 300

    @property
    def status(self) -> int:
        """The HTTP status; 0 when nothing came back."""
        return self.response.status if self.response else 0

    @property
    def answered(self) -> Response:
        """The response. Raises Absent when there is none."""
        if self.response is None:
            raise Absent("no response")
        return self.response

    @property
    def events(self) -> tuple[sse.Event, ...]:
        """The events of a streamed response."""
        return self.answered.events

    @cached_property
    def json(self) -> Any:
        """The answer as one document: the body, or the object that a stream's events add up to.

        Raises Absent when the body is not JSON, or when a stream has nothing to assemble.
        """
        assemble = streams.ASSEMBLERS.get(self.surface)
        if assemble is None:
            return self.answered.json
        whole = assemble(self.answered)
        if whole is None:
            raise Absent("nothing to assemble")
        return whole

    def find(self, path: str, kind: type = object) -> Iterator[tuple[str, Any]]:
        """Every (pointer, value) of that kind at `path` of the answer. See relayproof.pointer."""
        return pointer.find(self.json, path, kind)

    def one(self, path: str, kind: type = object) -> Any:
        """The value at `path` of the answer. Raises Absent."""
        return pointer.one(self.json, path, kind)

    def get(self, path: str, kind: type = object, default: Any = None) -> Any:
        """The value at `path` of the answer, or `default`."""
        return pointer.get(self.json, path, kind, default)

    def asked(self, path: str, kind: type = object, default: Any = None) -> Any:
        """The value at `path` of the request's JSON body, or `default`. Raises Absent if the request is not known."""
        if REQUEST in self.blind:
            raise Absent("the request is not known")
        return pointer.get(self.request.json, path, kind, default)

    @property
    def model(self) -> str:
        """The model that the request names; "" when none."""
        return surface.named_model(self.request.url, self.request.json)

    @property
    def cost(self) -> int:
        """Tokens that the relay says this exchange used; 0 when it does not say."""
        try:
            usage = self.get("/usage", dict) or self.get("/usageMetadata", dict, {})
        except Absent:
            return 0
        total = usage.get("total_tokens", usage.get("totalTokenCount"))
        if total is None:
            total = sum(
                count for _, count in pointer.find([usage.get("input_tokens"), usage.get("output_tokens")], "/*", int)
            )
        return total if pointer.is_a(total, int) else 0
