"""What is asked of Claude: natively at /v1/messages, and through the OpenAI endpoint, where the chat rules judge it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from relayproof.exchange import Exchange
from relayproof.pointer import Absent
from relayproof.probe import FREE, MONEY, Call, Run, probe
from relayproof.probes import chat
from relayproof.probes.errors import because
from relayproof.probes.models import UNKNOWN
from relayproof.probes.samples import CLOCK, GOOD, ROOM, WEATHER, data_url, png, user
from relayproof.relay import Relay
from relayproof.surface import ANTHROPIC, ANTHROPIC_STREAM, CHAT, CHAT_STREAM, KEY_REFUSED

PATH = "/v1/messages"
VERSION = {"anthropic-version": "2023-06-01"}
LINE = " / ".join([chat.ECHO] * 8)
CUT = 96
THINKING_TOKENS = 1024
LARGE_CACHE = re.compile(r"haiku-4|opus-4-[5-9]|(haiku|opus|sonnet)-[5-9]")
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [
    {"name": "get_weather", "description": "Weather of a city.", "input_schema": CITY},
    {"name": "get_time", "description": "Local time of a city.", "input_schema": CITY},
]
RULE = "Rule {}: when a traveller asks about weather or time, name the city, then the value, and nothing else at all. "


def ask(relay: Relay, messages: Any, *, auth: str = "x-api-key", room: int = ROOM, **fields: Any) -> Call:
    """A Messages request that a relay serving Claude must answer. `expect` may be given among the fields."""
    surface = ANTHROPIC_STREAM if fields.get("stream") else ANTHROPIC
    expect = GOOD | {"surface": surface} | fields.pop("expect", {})
    body = {"model": relay.model(surface), "max_tokens": room, "messages": messages} | fields
    return Call("POST", PATH, json=body, headers=VERSION, auth=auth, expect=expect)


def echoing(relay: Relay, **fields: Any) -> Call:
    """A long line to repeat, which the token limit cuts: the same whole and as a stream, to be compared."""
    words = user(f"Repeat exactly, nothing else: {LINE}")
    system = "You repeat lines word for word."
    return ask(relay, words, system=system, room=CUT, expect={"echo": LINE}, **fields)


@probe(ANTHROPIC, basic=True, requests=2)
def plain(relay: Relay) -> Run:
    """A line to repeat, cut by the token limit. Where x-api-key is refused, once more with Bearer."""
    first = yield echoing(relay)
    if first.status in KEY_REFUSED:
        yield echoing(relay, auth="bearer")


@probe(ANTHROPIC_STREAM, basic=True)
def streamed(relay: Relay) -> Run:
    """The line of anthropic/plain as a stream."""
    yield echoing(relay, stream=True)


@probe(ANTHROPIC)
def vision(relay: Relay) -> Run:
    """A small red picture, with the key as Bearer."""
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": "What colour is this?"}]
    yield ask(relay, user(parts), auth="bearer", expect={"optional": "the model may not see pictures"})


@probe(ANTHROPIC, requests=2)
def conversation(relay: Relay) -> Run:
    """Two tools, then their results and a count that a stop sequence ends, both under one system prompt.

    Where money may be spent it is long enough for Claude's cache.
    """
    group = {"group": "cache"}
    system = rules_of_the_house(relay.model(ANTHROPIC) if relay.limits.spend >= MONEY else "")
    first = user("Weather and local time in Paris? Use the tools.")
    answer = yield ask(relay, first, system=system, tools=TOOLS, room=96, expect=group)
    said = list(_called(answer)) or [
        {"type": "tool_use", "id": "toolu_relayproof1", "name": "get_weather", "input": {"city": "Paris"}}
    ]
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "18 C, sunny"} for call in said]
    count = {"type": "text", "text": "Count, without any tool: 1 2 3 4 5 6 7 8 9"}
    turns = [*first, {"role": "assistant", "content": said}, *user([*results, count])]
    yield ask(relay, turns, system=system, tools=TOOLS, stop_sequences=["5"], expect=group)


def _called(answer: Exchange) -> Iterator[dict[str, Any]]:
    """The tool_use blocks of an answer, with what the next turn may send of them."""
    try:
        found = [block for _, block in answer.find("/content/*", dict) if block.get("type") == "tool_use"]
    except Absent:
        return
    for block in found:
        if block.get("id") and block.get("name") and isinstance(block.get("input"), dict):
            yield {key: block[key] for key in ("type", "id", "name", "input")}


def rules_of_the_house(model: str) -> list[dict[str, Any]]:
    """A system prompt, marked for the cache at its end: long enough for a Claude's cache, short for any other model."""
    number = 175 if LARGE_CACHE.search(model) else 90 if "claude" in model else 3
    rules = [RULE.format(each) for each in range(1, number + 1)]
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "".join(rules[start : start + 15])} for start in range(0, number, 15)
    ]
    blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return blocks


@probe(ANTHROPIC_STREAM)
def streamed_tools(relay: Relay) -> Run:
    """Two tools and a question for both, as a stream."""
    words = user("Weather and local time in Paris? Use the tools.")
    yield ask(relay, words, tools=TOOLS, tool_choice={"type": "any"}, room=96, stream=True)


@probe(ANTHROPIC_STREAM, spend=MONEY, tokens=1_300)
def streamed_thinking(relay: Relay) -> Run:
    """A question to think about, as a stream."""
    thinking = {"type": "enabled", "budget_tokens": THINKING_TOKENS}
    yield ask(
        relay,
        user("What is 17 times 23?"),
        thinking=thinking,
        room=THINKING_TOKENS + ROOM,
        stream=True,
        expect={"optional": "the model may not think"},
    )


@probe(ANTHROPIC, spend=FREE)
def listing(relay: Relay) -> Run:
    """The model list, asked for with Anthropic's headers, where Claude is offered."""
    if relay.model(ANTHROPIC):
        yield Call("GET", "/v1/models", headers=VERSION, auth="x-api-key", expect={"surface": ANTHROPIC})


@probe(ANTHROPIC, spend=FREE, negative=True)
def wrong_key(relay: Relay) -> Run:
    """A key that does not exist, as x-api-key."""
    yield _bad(relay, because("key", "a wrong x-api-key"), key="wrong")


@probe(ANTHROPIC, spend=FREE, negative=True)
def unknown_model(relay: Relay) -> Run:
    """A model that does not exist."""
    yield _bad(relay, because("model", "an unknown model"), model=UNKNOWN)


@probe(ANTHROPIC, spend=FREE, negative=True)
def missing_max_tokens(relay: Relay) -> Run:
    """No max_tokens."""
    yield _bad(relay, because("max_tokens", "no max_tokens"), max_tokens=None)


def _bad(relay: Relay, expect: dict[str, Any], *, key: str = "own", **changes: Any) -> Call:
    body = {"model": relay.model(ANTHROPIC), "max_tokens": 8, "messages": user("Hi")} | changes
    body = {name: value for name, value in body.items() if value is not None}
    return Call("POST", PATH, json=body, headers=VERSION, auth="x-api-key", key=key, expect=expect)


def _through_chat(relay: Relay, messages: Any, *, stream: bool = False, **fields: Any) -> Run:
    """A chat request to the relay's Claude; none where it has no Claude. It is shown among Claude's."""
    model = relay.model(ANTHROPIC)
    if model:
        expect = {"surface": ANTHROPIC_STREAM if stream else ANTHROPIC} | fields.pop("expect", {})
        surface = CHAT_STREAM if stream else CHAT
        yield chat.ask(relay, messages, surface=surface, model=model, expect=expect, **fields)


@probe(ANTHROPIC, gate=CHAT)
def chat_plain(relay: Relay) -> Run:
    """A short question to Claude through the OpenAI endpoint."""
    yield from _through_chat(relay, user("用一句话介绍长城。"))


@probe(ANTHROPIC_STREAM, gate=CHAT)
def chat_vision(relay: Relay) -> Run:
    """The red picture to Claude through the OpenAI endpoint, as a stream with usage."""
    picture = {"type": "image_url", "image_url": {"url": data_url(png())}}
    parts = [{"type": "text", "text": "What colour is this?"}, picture]
    sees = {"optional": "the model may not see pictures"}
    yield from _through_chat(relay, user(parts), stream=True, stream_options={"include_usage": True}, expect=sees)


@probe(ANTHROPIC, gate=CHAT)
def chat_tools(relay: Relay) -> Run:
    """Two tools and a question for both, to Claude through the OpenAI endpoint."""
    yield from _through_chat(relay, user("Weather and local time in Paris? Use the tools."), tools=[WEATHER, CLOCK])
