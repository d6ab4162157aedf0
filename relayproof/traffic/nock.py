"""What nock records for tests in JavaScript: a list of {scope, method, path, body, status, response, rawHeaders}."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from relayproof.exchange import CLOCK, FRAMING, HEADERS, REQUEST, TIMING, Exchange, Headers, Request, Response
from relayproof.traffic.record import Problems, clean, dumped, encoded, part, path_and_query, readable
from relayproof.wire import cassette
from relayproof.wire.cassette import BadTraffic


def looks_like_one(data: bytes) -> bool:
    """True when the beginning of a file is that of nock's list."""
    beginning = data[:2000]
    return beginning.lstrip().startswith(b"[") and all(key in beginning for key in (b'"scope"', b'"path"', b'"method"'))


def read(path: Path, data: bytes, problems: Problems) -> Iterator[Exchange]:
    """The exchanges of a recording; one file is one session."""
    try:
        records = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadTraffic(str(path), f"is not JSON: {error}") from None
    for number, record in enumerate(records, 1):
        try:
            yield readable(_exchange(record, str(number), path.name))
        except BadTraffic as bad:
            problems.add(BadTraffic(f"{path}: record {number}", bad.problem))


def _exchange(record: Any, number: str, session: str) -> Exchange:
    blind = {CLOCK, TIMING}
    method, asked = part(record, "method", str, "GET").upper(), record.get("body")
    if not asked and method == "POST":
        blind.add(REQUEST)
    request = Request(method, path_and_query(part(record, "path", str, "")), (), _body(asked))
    headers = clean(_pairs(record.get("rawHeaders") or record.get("headers")))
    answer = record.get("response")
    body = _packed(answer) if _is_packed(answer) else _body(answer)
    if not isinstance(answer, str) and not _is_packed(answer):
        blind.add(FRAMING)
    if not headers:
        blind.add(HEADERS)
    response = Response(part(record, "status", int, 200), headers, body)
    return Exchange(request, response, number, session=session, blind=frozenset(blind))


def _pairs(headers: Any) -> Headers:
    """nock's old form, `[name, value, name, value]`, or its new one, a mapping."""
    if isinstance(headers, list):
        return tuple((str(name), str(value)) for name, value in zip(headers[::2], headers[1::2], strict=False))
    return cassette.flat_headers(headers)


def _is_packed(answer: Any) -> bool:
    """True for a packed body, which nock writes as a list of hexadecimal texts."""
    return isinstance(answer, list) and bool(answer) and all(isinstance(each, str) for each in answer)


def _packed(answer: Iterable[str]) -> bytes:
    try:
        return bytes.fromhex("".join(answer))
    except ValueError:
        raise BadTraffic("", "the body is a list that is not hexadecimal") from None


def _body(body: Any) -> bytes:
    if body is None or body == "":
        return b""
    return encoded(body) if isinstance(body, str) else dumped(body)
