"""A file that is one body and nothing else: what was asked, where and how it came is guessed from what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from relayproof import sse
from relayproof.exchange import CLOCK, FRAMING, HEADERS, REQUEST, STATUS, TIMING, Exchange, Request, Response
from relayproof.jsontext import parse
from relayproof.pointer import get
from relayproof.wire.cassette import BadTraffic

BLIND = frozenset((REQUEST, STATUS, HEADERS, FRAMING, TIMING, CLOCK))
ASSUMED = {"error": 400}
GUESSES: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("/v1/chat/completions", lambda body: str(get(body, "/object")).startswith("chat.completion")),
    ("/v1/completions", lambda body: get(body, "/object") == "text_completion"),
    ("/v1/models", lambda body: "model" in (get(body, "/object"), get(body, "/data/0/object"))),
    ("/v1/embeddings", lambda body: "embedding" in (get(body, "/object"), get(body, "/data/0/object"))),
    ("/v1/messages", lambda body: get(body, "/type") in ("message", "message_start")),
    ("/v1beta/models/unknown:generateContent", lambda body: get(body, "/candidates", list) is not None),
    ("/v1beta/models/unknown:streamGenerateContent", lambda body: get(body, "/0/candidates", list) is not None),
    ("/v1beta/models", lambda body: get(body, "/models/0/supportedGenerationMethods", list) is not None),
    ("/v1/images/generations", lambda body: bool({"url", "b64_json"} & set(get(body, "/data/0", dict, {})))),
    ("/mj/task/unknown/fetch", lambda body: None not in (get(body, "/action", str), get(body, "/progress", str))),
    ("/mj/submit/imagine", lambda body: get(body, "/code", int) is not None and get(body, "/result") is not None),
    ("/suno/fetch/unknown", lambda body: get(body, "/code", str) is not None and get(body, "/data") is not None),
    ("/v1/audio/transcriptions", lambda body: get(body, "/text", str) is not None),
    ("/v1/chat/completions", lambda body: get(body, "/error") is not None),
)  # fmt: skip


def read(path: Path, data: bytes) -> Exchange:
    """The body as an exchange that shows nothing else. Raises BadTraffic when it is no JSON and no event stream."""
    body = _document(path, data)
    url = next((url for url, fits in GUESSES if fits(body)), "")
    if not url:
        raise BadTraffic(str(path), "is no body that any known surface answers with; give it as a line of JSON Lines")
    method = "GET" if url.endswith(("/models", "/fetch", "/unknown")) else "POST"
    status = ASSUMED["error"] if get(body, "/error") else 200
    return Exchange(Request(method, url), Response(status, body=data), "1", session=path.name, blind=BLIND)


def _document(path: Path, data: bytes) -> Any:
    """The JSON value, or the first payload of a stream."""
    if data[:1] in b":de" and (events := sse.read(data).events):
        return events[0].json
    try:
        return parse(data.decode("utf-8-sig"))
    except ValueError as error:
        raise BadTraffic(str(path), f"is neither JSON nor an event stream: {error}") from None
