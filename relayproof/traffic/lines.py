"""JSON Lines in the exchange format: one exchange a line. See docs/exchange-format.md."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from relayproof.exchange import (
    CLOCK,
    CONTENT,
    FRAMING,
    HEADERS,
    IDS,
    OMISSIONS,
    REQUEST,
    STATUS,
    TIMING,
    Ended,
    Exchange,
    Headers,
    Part,
    Request,
    Response,
)
from relayproof.traffic.record import (
    CUT,
    PRESENT,
    Problems,
    anothers,
    clean,
    dumped,
    encoded,
    of_two_recordings,
    part,
    path_and_query,
    readable,
)
from relayproof.wire.cassette import BadTraffic

LONGEST = 256 * 2**20
ASPECTS = frozenset((REQUEST, STATUS, HEADERS, FRAMING, TIMING, IDS, CLOCK, CONTENT, OMISSIONS))
FLAGS = {
    "no_request": {REQUEST},
    "status_and_headers_assumed": {STATUS, HEADERS},
    "headers_assumed": {HEADERS},
    "url_and_headers_redacted_by_recorder": {HEADERS},
    "sanitised_by_recorder": {IDS},
    "ids_scrubbed_by_recorder": {IDS},
    "reserialised_json": {FRAMING},
    "sse_framing_rebuilt": {FRAMING},
    "some_are_hand_edited": {IDS, FRAMING, OMISSIONS},
    "hand_made": {STATUS, HEADERS, FRAMING, IDS, OMISSIONS},
}
SURROGATES = re.compile("[\ud800-\udfff]")
CAPTURES = {"fixture": {FRAMING, HEADERS, OMISSIONS}, "doc_example": {STATUS, HEADERS, FRAMING, IDS, OMISSIONS}}
BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS")


def read(path: Path, file: BinaryIO, problems: Problems, begun: Iterable[bytes] = ()) -> Iterator[Exchange]:
    """The exchanges of the lines; a bad line is a problem, and the next one is read."""
    for number, line in enumerate(chain(begun, _lines(file)), 1):
        if not line.strip():
            continue
        try:
            yield exchange(_document(line), str(number))
        except BadTraffic as bad:
            problems.add(BadTraffic(f"{path}:{number}", bad.problem))


def looks_like_one(line: bytes) -> bool:
    """True when a line is an exchange in this format."""
    try:
        document = _document(line)
    except BadTraffic:
        return False
    return "url" in document and any(f"response_body{end}" in document for end in ("", "_base64"))


def exchange(line: Mapping[str, Any], number: str = "") -> Exchange:
    """The exchange of one line. Raises BadTraffic with no place."""
    asked = _request(line)
    answered = part(line, "status", int) is not None or not part(line, "failure", str)
    response = _response(line) if answered else None
    pasted = response is not None and of_two_recordings(response, part(line, "recorded_at", str, ""))
    request = anothers(asked) if pasted else asked
    blind = _blind(line, request, response) | ({REQUEST} if pasted else set())
    _mind_reads(response, blind)
    made = Exchange(
        request=request,
        response=response,
        id=part(line, "id", str) or number,
        probe=part(line, "probe", str, ""),
        session=part(line, "session", str, ""),
        failure=part(line, "failure", str, ""),
        expect=_expect(line),
        blind=blind,
    )
    return readable(made)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LONGEST):
        yield line
        while len(line) == LONGEST and not line.endswith(b"\n"):
            line = file.readline(LONGEST)


def _document(line: bytes) -> dict[str, Any]:
    if len(line) >= LONGEST:
        raise BadTraffic("", f"the line is longer than {LONGEST // 2**20} MiB")
    try:
        document = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadTraffic("", "the line is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BadTraffic("", f"the line is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadTraffic("", "the line is no JSON object")
    return document


def _request(line: Mapping[str, Any]) -> Request:
    url = part(line, "url", str)
    if not url:
        raise BadTraffic("", "`url` is missing")
    body = line.get("request_body")
    form = part(body, "multipart", list) if isinstance(body, dict) and set(body) == {"multipart"} else None
    raw = _base64(line, "request_body_base64")
    if raw is None:
        raw = b"" if form is not None else _body(body)
    method = part(line, "method", str, "POST" if body is not None or raw else "GET").upper()
    return Request(method, path_and_query(url), _headers(line, "request_headers"), raw, _form(form))


def _response(line: Mapping[str, Any]) -> Response:
    if "response_body" not in line and "response_body_base64" not in line:
        raise BadTraffic("", "`response_body` is missing")
    body = line.get("response_body")
    raw = _base64(line, "response_body_base64")
    if raw is None:
        raw = _first_bytes(body) if _is_binary(body) else _body(body)
    return Response(
        status=part(line, "status", int, 200),
        headers=_headers(line, "response_headers"),
        body=raw,
        reads=tuple(_read(step) for step in part(line, "reads", list, [])),
        ended=_ended(part(line, "ended", str, "complete")),
        seconds=part(line, "seconds", float, 0.0),
        leaks=tuple(str(place) for place in part(line, "leaks", list, [])),
    )


def _blind(line: Mapping[str, Any], request: Request, response: Response | None) -> frozenset[str]:
    """What this line cannot show. A record is of the past, so the clock never shows."""
    blind = {CLOCK, *_given(line)}
    for flag in part(line, "flags", list, []):
        blind |= FLAGS.get(str(flag), set())
    blind |= CAPTURES.get(str(line.get("capture")), set())
    if _request_unknown(line, request):
        blind.add(REQUEST)
    if response is None:
        return frozenset(blind)
    if line.get("status") is None:
        blind.add(STATUS)
    if not _headers_complete(line, response):
        blind.add(HEADERS)
    if not response.reads:
        blind.add(TIMING)
    if "response_body_base64" not in line:
        blind.update(_body_blind(line, request, response))
    return frozenset(blind)


def _body_blind(line: Mapping[str, Any], request: Request, response: Response) -> Iterator[str]:
    body = line.get("response_body")
    if not isinstance(body, str) or _has_surrogates(body):
        yield FRAMING
    unknown = body is None and response.status != 204
    if _is_binary(body) or unknown or CUT in response.body or CUT in request.body or _breaks_off(response.body):
        yield CONTENT


def _breaks_off(body: bytes) -> bool:
    """True for JSON that ends in the middle: nobody can tell the recorder's cut from the relay's."""
    if not body.startswith((b"{", b"[")):
        return False
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        return "Unterminated string" in error.msg or not error.doc[error.pos :].strip()
    except (ValueError, RecursionError):
        return False
    return False


def _given(line: Mapping[str, Any]) -> set[str]:
    given = part(line, "blind", list, [])
    if not all(isinstance(aspect, str) and aspect in ASPECTS for aspect in given):
        raise BadTraffic("", f"`blind` is to hold some of {', '.join(sorted(ASPECTS))}, not {given!r}")
    return set(given)


def _request_unknown(line: Mapping[str, Any], request: Request) -> bool:
    nothing = line.get("request_body") is None and "request_body_base64" not in line
    return nothing and request.method not in BODILESS


def _headers_complete(line: Mapping[str, Any], response: Response) -> bool:
    redacted = any(value == PRESENT for _, value in response.headers)
    return bool(part(line, "headers_complete", bool, False)) and not redacted


def _expect(line: Mapping[str, Any]) -> dict[str, Any]:
    expect = dict(part(line, "expect", dict, {}))
    body = line.get("response_body")
    if _is_binary(body) and "response_body_base64" not in line:
        expect.setdefault("bytes", part(body, "bytes", int, 0))
    return expect


def _headers(line: Mapping[str, Any], name: str) -> Headers:
    """`{name: value}`, `{name: [values]}` or `[[name, value]]`."""
    given = line.get(name) or {}
    if isinstance(given, dict):
        each = [
            (key, value)
            for key, values in given.items()
            for value in (values if isinstance(values, list) else [values])
        ]
    elif isinstance(given, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in given):
        each = [(key, value) for key, value in given]
    else:
        raise BadTraffic("", f"`{name}` is to be an object or a list of [name, value]")
    return clean((str(key), str(value)) for key, value in each)


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    return encoded(body) if isinstance(body, str) else dumped(body)


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and SURROGATES.search(text) is not None


def _is_binary(body: Any) -> bool:
    return isinstance(body, dict) and body.get("binary") is True


def _first_bytes(body: Any) -> bytes:
    try:
        return bytes.fromhex(part(body, "first_bytes_hex", str, ""))
    except ValueError:
        raise BadTraffic("", "`first_bytes_hex` is not hexadecimal") from None


def _base64(line: Mapping[str, Any], name: str) -> bytes | None:
    text = part(line, name, str)
    try:
        return None if text is None else base64.b64decode(text, validate=True)
    except ValueError:
        raise BadTraffic("", f"`{name}` is not base64") from None


def _form(parts: list[Any] | None) -> tuple[Part, ...]:
    if parts is None:
        return ()
    if not all(isinstance(each, dict) for each in parts):
        raise BadTraffic("", "`multipart` is to be a list of objects")
    return tuple(_form_part(each) for each in parts)


def _form_part(given: Mapping[str, Any]) -> Part:
    value = given.get("value")
    raw = _first_bytes(given) if value is None else _body(value)
    kind = "text/plain" if given.get("filename") is None else "application/octet-stream"
    return Part(part(given, "name", str, ""), part(given, "filename", str), part(given, "content_type", str, kind), raw)


def _read(step: Any) -> tuple[float, int]:
    match step:
        case [int() | float() as at, int() as size]:
            return at, size
    raise BadTraffic("", f"`reads` is to be a list of [seconds, bytes], not of {step!r}")


def _mind_reads(response: Response | None, blind: frozenset[str]) -> None:
    if response is None or not response.reads or FRAMING in blind:
        return
    counted = sum(size for _, size in response.reads)
    if counted != len(response.body):
        raise BadTraffic("", f"`reads` add up to {counted} bytes, but the body has {len(response.body)}")


def _ended(word: str) -> Ended:
    if word not in list(Ended):
        raise BadTraffic("", f"`ended` is to be one of {', '.join(Ended)}, not {word!r}")
    return Ended(word)
