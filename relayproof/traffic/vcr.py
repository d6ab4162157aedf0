"""VCR cassettes in YAML or JSON: our own, vcrpy's, ruby-vcr's, betamax's and go-vcr's. One file is one session."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from relayproof.exchange import CLOCK, CONTENT, FRAMING, HEADERS, REQUEST, TIMING, Exchange, Request, Response
from relayproof.traffic.record import (
    Problems,
    anothers,
    clean,
    decoded64,
    dumped,
    encoded,
    of_two_recordings,
    part,
    path_and_query,
    readable,
)
from relayproof.wire import cassette
from relayproof.wire.cassette import BadTraffic

PARSED = "parsed_body"
INTERACTIONS = re.compile(rb"""(?:^|[{,\s])["']?(?:http_)?interactions["']?\s*:""")
STATUS = re.compile(r"[0-9]{1,4}")


def looks_like_one(data: bytes) -> bool:
    """True when the beginning of a file is a cassette's."""
    return INTERACTIONS.search(data[:2000]) is not None


def read(path: Path, data: bytes, problems: Problems) -> Iterator[Exchange]:
    """The exchanges of a cassette file; ours come back exactly as they were written."""
    for number, interaction in enumerate(_interactions(path, data), 1):
        place = f"{path}: interaction {number}"
        try:
            if isinstance(interaction, dict) and cassette.NOTES in interaction:
                yield cassette.exchange(interaction, place)
            else:
                yield readable(_exchange(interaction, str(number), path.name))
        except BadTraffic as bad:
            problems.add(BadTraffic(place, bad.problem))


def _interactions(path: Path, data: bytes) -> list[Any]:
    document = _json(path, data) if data.lstrip().startswith(b"{") else cassette.load(path, data)
    if isinstance(document, dict) and "http_interactions" in document:
        document = {"interactions": document["http_interactions"]}
    return cassette.interactions(document, str(path))


def _json(path: Path, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadTraffic(str(path), f"is not JSON: {error}") from None


def _exchange(interaction: Any, number: str, session: str) -> Exchange:
    if not isinstance(interaction, dict):
        raise BadTraffic("", "is no mapping")
    asked, answer = part(interaction, "request", dict, {}), part(interaction, "response", dict)
    if answer is None:
        raise BadTraffic("", "it has no response")
    blind = {CLOCK, TIMING}
    request, response = _request(asked, blind), _response(answer, blind)
    if of_two_recordings(response):
        request = anothers(request)
        blind.add(REQUEST)
    return Exchange(request, response, number, session=session, blind=frozenset(blind))


def _request(asked: Mapping[str, Any], blind: set[str]) -> Request:
    url = part(asked, "uri", str) or part(asked, "url", str)
    if not url:
        raise BadTraffic("", "the request has no uri")
    method = part(asked, "method", str, "GET").upper()
    if PARSED not in asked and "body" not in asked and method == "POST":
        blind.add(REQUEST)
    headers = clean(cassette.flat_headers(asked.get("headers")))
    body = dumped(asked[PARSED]) if PARSED in asked else _body(asked.get("body"))
    return Request(method, path_and_query(url), headers, body)


def _response(answer: Mapping[str, Any], blind: set[str]) -> Response:
    headers = clean(cassette.flat_headers(answer.get("headers")))
    given, parsed = answer.get("body", answer.get("content")), answer.get(PARSED)
    if parsed is not None:
        blind.add(FRAMING)
    elif given is None:
        blind.add(CONTENT)
    if not headers:
        blind.add(HEADERS)
    response = Response(_status(answer), headers, _body(given) if parsed is None else dumped(parsed))
    if response.header("content-encoding") and response.decoded is response.body:
        blind.add(FRAMING)
    return response


def _status(answer: Mapping[str, Any]) -> int:
    status = answer.get("status")
    code = status.get("code") if isinstance(status, dict) else answer.get("code", answer.get("status_code", status))
    if not STATUS.fullmatch(str(code)):
        raise BadTraffic("", f"the status is {code!r}")
    return int(str(code))


def _body(body: Any) -> bytes:
    """vcrpy: `{string: ...}` or the text itself; ruby-vcr: `{encoding, string}` or `{encoding, base64_string}`."""
    if isinstance(body, dict) and "base64_string" in body:
        return decoded64(str(body["base64_string"]))
    if isinstance(body, dict):
        body = body.get("string")
    return encoded(body) if isinstance(body, str) else cassette.as_bytes(body)
