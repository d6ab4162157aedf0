"""HAR, the archive that browsers and proxies save. One file is one session; bodies in it are already unpacked."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from relayproof.exchange import CLOCK, CONTENT, FRAMING, HEADERS, REQUEST, TIMING, Exchange, Part, Request, Response
from relayproof.traffic.record import Problems, clean, decoded64, encoded, part, path_and_query
from relayproof.wire.cassette import BadTraffic

HEXADECIMAL = re.compile("(?:[0-9a-f]{2})+")
ABOUT_PACKING = ("content-encoding", "content-length", "transfer-encoding")


def looks_like_one(data: bytes) -> bool:
    """True when the beginning of a file is a HAR's."""
    return data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and b'"log"' in data[:200] and b'"entries"' in data


def read(path: Path, data: bytes, problems: Problems) -> Iterator[Exchange]:
    """The exchanges of a HAR; entries that are no HTTP exchange (web sockets, data: URLs) are left out."""
    entries = _entries(path, data)
    for number, entry in enumerate(entries, 1):
        try:
            if _is_http(entry):
                yield _exchange(entry, str(number), path.name)
        except BadTraffic as bad:
            problems.add(BadTraffic(f"{path}: entry {number}", bad.problem))


def _entries(path: Path, data: bytes) -> list[Any]:
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadTraffic(str(path), f"is not JSON: {error}") from None
    log = document.get("log") if isinstance(document, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise BadTraffic(str(path), "is no HAR: it has no log.entries")
    return entries


def _is_http(entry: Any) -> bool:
    if not isinstance(entry, dict):
        raise BadTraffic("", "is no object")
    url = part(part(entry, "request", dict, {}), "url", str, "")
    return "_webSocketMessages" not in entry and url.startswith(("http:", "https:", "/"))


def _exchange(entry: Mapping[str, Any], number: str, session: str) -> Exchange:
    asked, answer = part(entry, "request", dict, {}), part(entry, "response", dict, {})
    blind = {CLOCK, TIMING}
    request = _request(asked, blind)
    status = part(answer, "status", int, 0)
    response = _response(answer, status, part(entry, "time", float, 0), blind) if status > 0 else None
    failure = "" if response else f"no answer: {answer.get('_error') or 'status 0 in the HAR'}"
    expect = {"bytes": _size(answer)} if CONTENT in blind and _size(answer) > 0 else {}
    return Exchange(request, response, number, "", session, failure, expect, frozenset(blind))


def _request(asked: Mapping[str, Any], blind: set[str]) -> Request:
    method = part(asked, "method", str, "GET").upper()
    headers = clean(_headers(asked))
    posted = part(asked, "postData", dict)
    if posted is None and method not in ("GET", "HEAD", "DELETE", "OPTIONS") and asked.get("bodySize") != 0:
        blind.add(REQUEST)
    body, form = _posted(posted or {})
    return Request(method, path_and_query(part(asked, "url", str, "")), headers, body, form)


def _posted(posted: Mapping[str, Any]) -> tuple[bytes, tuple[Part, ...]]:
    text, params = part(posted, "text", str, ""), part(posted, "params", list, [])
    if text:
        return (decoded64(text) if posted.get("encoding") == "base64" else encoded(text)), ()
    if part(posted, "mimeType", str, "").startswith("multipart/"):
        return b"", tuple(_form_part(each) for each in params)
    return urlencode([(part(each, "name", str, ""), part(each, "value", str, "")) for each in params]).encode(), ()


def _form_part(param: Mapping[str, Any]) -> Part:
    filename = part(param, "fileName", str)
    kind = part(param, "contentType", str, "text/plain" if filename is None else "application/octet-stream")
    return Part(part(param, "name", str, ""), filename, kind, encoded(part(param, "value", str, "")))


def _response(answer: Mapping[str, Any], status: int, milliseconds: float, blind: set[str]) -> Response:
    content = part(answer, "content", dict, {})
    text = part(content, "text", str)
    packed = content.get("encoding") == "base64"
    if not packed:
        blind.add(FRAMING)
    if text is None and _size(answer) != 0:
        blind.add(CONTENT)
    headers = [(name, value) for name, value in _headers(answer) if name.lower() not in ABOUT_PACKING]
    if not headers:
        blind.add(HEADERS)
    body = decoded64(text) if packed and text and not text.startswith('["') else encoded(text or "")
    if body.startswith(b'["') and any(name.lower() == "content-encoding" for name, _ in _headers(answer)):
        body = _unpacked(body)
    return Response(status, clean(headers), body, seconds=max(milliseconds, 0) / 1000)


def _unpacked(body: bytes) -> bytes:
    """A packed body as Polly.JS writes it: a JSON list of its pieces in base64 or hexadecimal."""
    try:
        pieces = json.loads(body)
        raw = [bytes.fromhex(each) if HEXADECIMAL.fullmatch(each) else base64.b64decode(each) for each in pieces]
        return gzip.decompress(b"".join(raw))
    except (ValueError, TypeError, OSError, EOFError, zlib.error):
        return body


def _headers(message: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for header in part(message, "headers", list, []):
        if not isinstance(header, dict):
            raise BadTraffic("", f"a header is to be an object, not {header!r}")
        yield str(header.get("name", "")), str(header.get("value", ""))


def _size(answer: Mapping[str, Any]) -> int:
    return int(part(part(answer, "content", dict, {}), "size", int, 0))
