"""What is asked of Gemini: natively at /v1beta, and through the OpenAI endpoint, where the chat rules judge it."""

from __future__ import annotations

import base64
from typing import Any

from relayproof.probe import FREE, MONEY, Call, Run, probe
from relayproof.probes import chat
from relayproof.probes.errors import because
from relayproof.probes.models import UNKNOWN
from relayproof.probes.samples import CITY, GOOD, ROOM, data_url, png, user
from relayproof.relay import Relay
from relayproof.surface import CHAT, CHAT_STREAM, GEMINI, GEMINI_STREAM, KEY_REFUSED

NOT_ALONE = {"optional": "the model may give one candidate only"}
THINKING_ROOM = 160
COLOUR = {"type": "OBJECT", "properties": {"colour": {"type": "STRING"}}, "required": ["colour"]}
FUNCTIONS = [
    {"name": "get_weather", "description": "Weather of a city.", "parameters": CITY},
    {"name": "get_time", "description": "Local time of a city.", "parameters": CITY},
]


def path(model: str, action: str = "generateContent") -> str:
    """Where an action of a model is asked for."""
    return f"/v1beta/models/{model}:{action}"


def ask(
    relay: Relay,
    parts: list[Any],
    *,
    auth: str = "x-goog-api-key",
    room: int = ROOM,
    alt: str | None = None,
    **more: Any,
) -> Call:
    """A Gemini request that a relay serving Gemini must answer.

    `config` (generationConfig) and `expect` may be given among the fields. alt: "sse" for a stream of events, "json"
    for one as an array, None for no stream.
    """
    surface = GEMINI_STREAM if alt else GEMINI
    expect = GOOD | {"surface": surface} | more.pop("expect", {})
    config = {"maxOutputTokens": room} | more.pop("config", {})
    body = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config} | more
    where = path(relay.model(surface), "streamGenerateContent" if alt else "generateContent")
    return Call("POST", where + "?alt=sse" * (alt == "sse"), json=body, auth=auth, expect=expect)


def text(words: str) -> list[dict[str, Any]]:
    """One part of text."""
    return [{"text": words}]


def echoing(relay: Relay, **more: Any) -> Call:
    """The line of chat/echo to repeat: the same whole and as a stream, to be compared."""
    system = {"parts": text("You repeat lines word for word.")}
    words = text(f"Repeat exactly, nothing else: {chat.ECHO}")
    expect = {"echo": chat.ECHO}
    return ask(relay, words, systemInstruction=system, config={"temperature": 0}, expect=expect, **more)


def calling(relay: Relay, **more: Any) -> Call:
    """Two functions, of which one must be called."""
    tools = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}}
    words = text("Weather in Paris?")
    declared = [{"functionDeclarations": FUNCTIONS}]
    return ask(relay, words, room=THINKING_ROOM, tools=declared, toolConfig=tools, **more)


@probe(GEMINI, basic=True, requests=2)
def plain(relay: Relay) -> Run:
    """A line to repeat. Where x-goog-api-key is refused, once more with Bearer."""
    first = yield echoing(relay)
    if first.status in KEY_REFUSED:
        yield echoing(relay, auth="bearer")


@probe(GEMINI)
def vision_as_json(relay: Relay) -> Run:
    """A small red picture, its colour wanted as JSON under a schema, with one stop sequence and the key as Bearer."""
    picture = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(png()).decode()}}
    config = {"responseMimeType": "application/json", "responseSchema": COLOUR, "stopSequences": ["<<1>>"]}
    words = text("What colour is this?")
    yield ask(relay, [picture, *words], auth="bearer", room=THINKING_ROOM, config=config)


@probe(GEMINI)
def forced_call(relay: Relay) -> Run:
    """A function that must be called, with three stop sequences that never come."""
    yield calling(relay, config={"stopSequences": ["<<1>>", "<<2>>", "<<3>>"]})


@probe(GEMINI)
def two_candidates(relay: Relay) -> Run:
    """Two candidates, cut by the token limit, with two stop sequences that never come."""
    config = {"candidateCount": 2, "stopSequences": ["<<1>>", "<<2>>"]}
    yield ask(relay, text("One sentence of 40 words about the sea."), room=24, config=config, expect=NOT_ALONE)


@probe(GEMINI, spend=MONEY)
def search(relay: Relay) -> Run:
    """A question that Google Search is to answer, and the sources."""
    missing = {"optional": "the relay may not pass search on"}
    words = text("Who won the last Nobel prize in physics? One short sentence.")
    yield ask(relay, words, room=THINKING_ROOM, tools=[{"googleSearch": {}}], expect=missing)


@probe(GEMINI_STREAM, basic=True)
def streamed(relay: Relay) -> Run:
    """The line of gemini/plain as a stream of events."""
    yield echoing(relay, alt="sse")


@probe(GEMINI_STREAM)
def streamed_call(relay: Relay) -> Run:
    """The function of gemini/forced-call as a stream of events."""
    yield calling(relay, config={"stopSequences": ["<<1>>", "<<2>>", "<<3>>"]}, alt="sse")


@probe(GEMINI_STREAM)
def streamed_as_array(relay: Relay) -> Run:
    """A count that one of five stop sequences ends before 5, as a JSON array, with the key as `?key=`."""
    config = {"stopSequences": ["5", "<<2>>", "<<3>>", "<<4>>", "<<5>>"]}
    yield ask(relay, text("Count: 1 2 3 4 5 6 7 8 9"), auth="query", config=config, alt="json")


@probe(GEMINI, spend=FREE)
def listing(relay: Relay) -> Run:
    """The model list in Gemini's form, where Gemini is offered."""
    if relay.model(GEMINI):
        yield Call("GET", "/v1beta/models", auth="x-goog-api-key", expect={"surface": GEMINI})


@probe(GEMINI, spend=FREE, negative=True)
def no_key(relay: Relay) -> Run:
    """No key at all."""
    yield _bad(relay, because("key", "no key"), key="none")


@probe(GEMINI, spend=FREE, negative=True)
def unknown_model(relay: Relay) -> Run:
    """A model that does not exist."""
    yield _bad(relay, because("model", "an unknown model"), model=UNKNOWN)


@probe(GEMINI, spend=FREE, negative=True)
def empty_contents(relay: Relay) -> Run:
    """An empty list of contents."""
    yield _bad(relay, because("missing", "an empty list of contents"), contents=[])


def _bad(
    relay: Relay, expect: dict[str, Any], *, key: str = "own", model: str = "", contents: list[Any] | None = None
) -> Call:
    good = [{"role": "user", "parts": text("Hi")}]
    body = {"contents": good if contents is None else contents, "generationConfig": {"maxOutputTokens": 8}}
    where = path(model or relay.model(GEMINI))
    return Call("POST", where, json=body, auth="x-goog-api-key", key=key, expect=expect)


def _through_chat(relay: Relay, messages: Any, *, stream: bool = False, **fields: Any) -> Run:
    """A chat request to the relay's Gemini; none where it has no Gemini. It is shown among Gemini's."""
    model = relay.model(GEMINI)
    if model:
        expect = {"surface": GEMINI_STREAM if stream else GEMINI} | fields.pop("expect", {})
        surface = CHAT_STREAM if stream else CHAT
        yield chat.ask(relay, messages, surface=surface, model=model, expect=expect, **fields)


@probe(GEMINI, gate=CHAT)
def chat_plain(relay: Relay) -> Run:
    """A short question to Gemini through the OpenAI endpoint."""
    yield from _through_chat(relay, user("用一句话介绍长城。"))


@probe(GEMINI_STREAM, gate=CHAT)
def chat_streamed(relay: Relay) -> Run:
    """The same as a stream with usage."""
    yield from _through_chat(relay, user("用一句话介绍长城。"), stream=True, stream_options={"include_usage": True})


@probe(GEMINI, gate=CHAT)
def chat_vision(relay: Relay) -> Run:
    """The red picture to Gemini through the OpenAI endpoint."""
    picture = {"type": "image_url", "image_url": {"url": data_url(png())}}
    yield from _through_chat(relay, user([{"type": "text", "text": "What colour is this?"}, picture]))
