"""What all formats have in common: checked parts, bodies as bytes, secrets masked, problems collected."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from relayproof.exchange import LARGEST, Exchange, Headers, Request, Response
from relayproof.pointer import is_a
from relayproof.wire.cassette import BadTraffic
from relayproof.wire.scrub import Scrubber, tidy

CUT = b"<<CUT"
A_DAY = 86_400
BEGINNING = 64 * 1024
COMPLETION = re.compile(rb'"object"\s*:\s*"(chat\.completion|text_completion)')
CREATED = re.compile(rb'"created"\s*:\s*(\d{10})\b')
PRESENT = "<present>"
KINDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
    bool: "true or false",
}
_SCRUBBER = Scrubber(())


class Problems:
    """Where problems go: into the caller's list, or up as exceptions."""

    def __init__(self, found: list[BadTraffic] | None) -> None:
        self._found = found

    def add(self, problem: BadTraffic) -> None:
        """Keep a problem. Raises it when nobody collects."""
        if self._found is None:
            raise problem from None
        self._found.append(problem)


def part(whole: Any, name: str, kind: Any, default: Any = None) -> Any:
    """A member of an object; `default` when it is missing or null. Raises BadTraffic when it is of another kind."""
    if not isinstance(whole, dict):
        raise BadTraffic("", f"what holds `{name}` is to be an object, not {json.dumps(whole, default=str)[:60]}")
    value = whole.get(name)
    if value is None:
        return default
    if not is_a(value, kind):
        raise BadTraffic("", f"`{name}` is to be {KINDS[kind]}, not {json.dumps(value, default=str)[:60]}")
    return value


def path_and_query(url: str) -> str:
    """A URL without its host, and without keys in its query. Raises BadTraffic."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BadTraffic("", f"the URL can't be read: {error}") from None
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return tidy(_SCRUBBER.url(path or "/"))


def clean(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers with every secret masked, and without the pseudo-headers of HTTP/2."""
    return tuple((name, tidy(value)) for name, value in _SCRUBBER.headers(headers) if not name.startswith(":"))


def dumped(value: Any) -> bytes:
    """A JSON value as bytes; lone surrogates as escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def encoded(text: str) -> bytes:
    """Text as bytes; what was no UTF-8 before it became text stays none."""
    return text.encode(errors="surrogatepass")


def decoded64(text: str) -> bytes:
    """Base64 as bytes. Raises BadTraffic."""
    try:
        return base64.b64decode(text)
    except ValueError:
        raise BadTraffic("", "the body is not base64") from None


def readable(exchange: Exchange) -> Exchange:
    """The exchange itself. Raises BadTraffic when its body is packed in a way that no one here unpacks."""
    response = exchange.response
    encoding = response.header("content-encoding").strip().lower() if response else ""
    if response and encoding in ("br", "zstd") and not _is_text(response.body):
        raise BadTraffic("", f"the body is packed with {encoding}; record it with gzip, or unpacked")
    if response and response.overflows:
        raise BadTraffic("", f"the body unpacks to more than {LARGEST // 2**20} MiB")
    return exchange


def of_two_recordings(response: Response, recorded_at: str = "") -> bool:
    """True for an answer created a day or more before or after it was recorded: a body pasted under another request.

    `recorded_at` is the day that the record itself tells; the Date header is taken where it tells none.
    """
    beginning = response.decoded[:BEGINNING]
    created = CREATED.search(beginning) if COMPLETION.search(beginning) else None
    recorded = _seconds(recorded_at or response.header("date"))
    return created is not None and recorded > 0 and abs(int(created[1]) - recorded) > A_DAY


def anothers(request: Request) -> Request:
    """The request without what it says: it is not the one that was answered."""
    return replace(request, body=b"", given_form=())


def _seconds(date: str) -> float:
    """ISO 8601, or the form of HTTP, as seconds; 0 for what is no date."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(date).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return 0


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
