"""Which exchanges are compared with which: functions for a rule's `across`.

Each takes exchanges and yields tuples. Only exchanges of one session are compared: two recordings of different days
or keys may differ for good reasons.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from relayproof import lifecycle
from relayproof.exchange import Exchange
from relayproof.pointer import find, get
from relayproof.surface import STREAMS

Groups = Iterator[tuple[Exchange, ...]]
STREAM_KEYS = ("stream", "stream_options")
PROMPT_KEYS = ("model", "messages", "prompt", "suffix", "tools", "functions", "response_format")
TEXT_PARTS = "/content/*/text"


def repeats(exchanges: Sequence[Exchange]) -> Groups:
    """Two sendings of one and the same request, in order."""
    for same in _gathered(exchanges, _request):
        yield from pairwise(same)


def streamed_and_not(exchanges: Sequence[Exchange]) -> Groups:
    """(whole, streamed): the same request without and with a stream, the first answer with each stream."""
    for same in _gathered(exchanges, _request_less_stream):
        whole = [each for each in same if each.surface in STREAMS]
        streamed = [each for each in same if each.surface in STREAMS.values()]
        for each in streamed if whole else ():
            yield whole[0], each


def together(exchanges: Sequence[Exchange]) -> Groups:
    """All exchanges of a session, when there are two or more."""
    yield from (tuple(same) for same in _gathered(exchanges, lambda exchange: "") if len(same) > 1)


def by_purpose(exchanges: Sequence[Exchange]) -> Groups:
    """The exchanges whose probe gave them one `group` in `expect`: a measurement made of several requests."""
    grouped = [each for each in exchanges if each.expect.get("group")]
    yield from (tuple(same) for same in _gathered(grouped, lambda each: str(each.expect["group"])) if len(same) > 1)


def _gathered(exchanges: Sequence[Exchange], key: Callable[[Exchange], str]) -> Iterator[list[Exchange]]:
    found: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        if exchange.session:
            found[exchange.session, key(exchange)].append(exchange)
    yield from found.values()


def _request(exchange: Exchange) -> str:
    request = exchange.request
    body: Any = request.json if request.json is not None else request.body.hex()
    return f"{request.method} {request.url} {json.dumps(body, sort_keys=True)} {exchange.expect.get('with', '')}"


def _request_less_stream(exchange: Exchange) -> str:
    body = exchange.request.json
    if not isinstance(body, dict):
        return _request(exchange)
    rest = {key: value for key, value in body.items() if key not in STREAM_KEYS}
    path = exchange.request.url.split("?")[0].replace(":streamGenerateContent", ":generateContent")
    return f"{exchange.request.method} {path} {json.dumps(rest, sort_keys=True)}"


def tasks(exchanges: Sequence[Exchange]) -> Groups:
    """All that is about one task, in order: its submit, every look at it, lists, pictures, and what acts on it."""
    found: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        for task in sorted(lifecycle.names(exchange)) if exchange.session else ():
            found[exchange.session, task].append(exchange)
    yield from (tuple(same) for same in found.values())


def same_prompt(exchanges: Sequence[Exchange]) -> Groups:
    """Requests with the same messages and tools for the same model, whatever else they ask for."""
    yield from (tuple(same) for same in _gathered(exchanges, _prompt) if len(same) > 1)


def _prompt(exchange: Exchange) -> str:
    body = exchange.request.json
    if not isinstance(body, dict):
        return _request(exchange)
    return json.dumps({key: body.get(key) for key in PROMPT_KEYS}, sort_keys=True)


def same_words(exchanges: Sequence[Exchange]) -> Groups:
    """Chats with the same texts and tools for the same model, with pictures and without."""
    yield from (tuple(same) for same in _gathered(exchanges, _words) if len(same) > 1)


def _words(exchange: Exchange) -> str:
    body = exchange.request.json
    if not isinstance(body, dict):
        return _request(exchange)
    said = [
        (get(message, "/role"), get(message, "/content", str) or [text for _, text in find(message, TEXT_PARTS)])
        for _, message in find(body, "/messages/*", dict)
    ]
    texts = [(role, [said] if isinstance(said, str) else said) for role, said in said]
    return json.dumps([texts, {key: body.get(key) for key in PROMPT_KEYS if key != "messages"}], sort_keys=True)


def has_picture(exchange: Exchange) -> bool:
    """True when a message of the request holds a picture."""
    return any(kind == "image_url" for _, kind in find(exchange.request.json, "/messages/*/content/*/type"))
