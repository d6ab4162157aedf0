"""Exchanges for cases: made from what the reference relay would say, then changed at one place."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from relayproof.exchange import Exchange, Request, Response
from relayproof.reference import chat as reference_chat

JSON = (("content-type", "application/json"),)
SSE = (("content-type", "text/event-stream"),)
END = b"data: [DONE]\n\n"
GONE = object()


@dataclass(frozen=True)
class Case:
    """A rule, what passes it and what fails it: an exchange each, or a tuple for a rule that compares.

    `also` names the other rules that the bad one breaks, where one fault is two breaches for a good reason.
    """

    rule: str
    good: Exchange | tuple[Exchange, ...]
    bad: Exchange | tuple[Exchange, ...]
    also: tuple[str, ...] = ()


def exchange(
    method: str,
    path: str,
    asked: Any = None,
    answer: Any = None,
    *,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = JSON,
    request_headers: Sequence[tuple[str, str]] = (),
    **facts: Any,
) -> Exchange:
    """An exchange; `asked` and `answer` are JSON documents, or bytes as they are. `facts` go into the Exchange."""
    request = Request(method, path, tuple(request_headers), _bytes(asked))
    response = Response(status, tuple(headers), _bytes(answer))
    return Exchange(request, response, **({"id": "1", "session": "case"} | facts))


def _bytes(document: Any) -> bytes:
    if document is None:
        return b""
    return document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()


def ask(text: str = "Hi", **fields: Any) -> dict[str, Any]:
    """A chat request body."""
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]} | fields


def chat(text: str = "Hi", **fields: Any) -> Exchange:
    """A chat exchange, answered as the reference relay does."""
    body = ask(text, **fields)
    return exchange("POST", "/v1/chat/completions", body, reference_chat.completion(body, "chatcmpl-case"))


def chat_stream(text: str = "Hi", **fields: Any) -> Exchange:
    """A streamed chat exchange, answered as the reference relay does."""
    body = ask(text, stream=True, **fields)
    whole = reference_chat.completion(body, "chatcmpl-streamed")
    return stream("/v1/chat/completions", body, list(reference_chat.chunks(whole, body)))


def stream(path: str, asked: Any, documents: Sequence[Any], *, end: bytes = END, **facts: Any) -> Exchange:
    """A streamed exchange of JSON payloads; `end` is what follows them."""
    return exchange("POST", path, asked, sse(documents, end), headers=SSE, **facts)


def sse(documents: Sequence[Any], end: bytes = END) -> bytes:
    """The bytes of an event stream."""
    return b"".join(b"data: " + _bytes(document) + b"\n\n" for document in documents) + end


def changed(given: Exchange, pointer: str, value: Any = GONE) -> Exchange:
    """The exchange with one value of its answer replaced (or taken out)."""
    assert given.response is not None
    document = copy.deepcopy(given.response.json)
    _set(document, pointer, value)
    return answered(given, document)


def asking(given: Exchange, pointer: str, value: Any = GONE) -> Exchange:
    """The exchange with one value of its request replaced (or taken out)."""
    document = copy.deepcopy(given.request.json)
    _set(document, pointer, value)
    return replace(given, request=replace(given.request, body=_bytes(document)))


def answered(given: Exchange, answer: Any = None, **facts: Any) -> Exchange:
    """The exchange with another body (JSON or bytes), or other facts of its response (status, headers, ended, ...)."""
    assert given.response is not None
    body = given.response.body if answer is None else _bytes(answer)
    return replace(given, response=replace(given.response, body=body, **facts))


def events(given: Exchange) -> list[Any]:
    """Copies of the JSON payloads of a stream, to be changed and given to `restream`."""
    return [copy.deepcopy(event.json) for event in given.events if not event.done]


def restream(given: Exchange, documents: Sequence[Any], end: bytes = END) -> Exchange:
    """The stream with other payloads."""
    return answered(given, sse(documents, end))


def each(given: Exchange, change: Any) -> Exchange:
    """The stream with `change` (a function that changes a payload in place) done to every payload."""
    documents = events(given)
    for document in documents:
        change(document)
    return restream(given, documents)


def _set(document: Any, pointer: str, value: Any) -> None:
    *path, last = pointer.split("/")[1:]
    for step in path:
        document = document[int(step)] if isinstance(document, list) else document[step]
    key: Any = int(last) if isinstance(document, list) else last
    if value is GONE:
        del document[key]
    else:
        document[key] = value
