"""What the official SDKs ask. Each writes its own request, headers and all; our client sends it, once.

That the SDK can read what came back is judged by the rules of `clients`, from the recorded answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relayproof import sdk
from relayproof.probe import FREE, Call, Run, probe
from relayproof.probes.errors import because
from relayproof.probes.samples import GOOD, ROOM, WEATHER, data_url, limit, png, user
from relayproof.relay import Relay
from relayproof.surface import ANTHROPIC, ANTHROPIC_STREAM, CHAT, CHAT_STREAM, CLIENTS, GEMINI, GEMINI_STREAM, MODELS

HELLO = "Say hello in one short sentence."
BLIND = {"optional": "the model may not see pictures"}


def through(name: str, call: str, arguments: Mapping[str, Any], expect: dict[str, Any], root: str = "") -> Call:
    """The request that an SDK makes for a call. Raises Untested when the SDK is not installed."""
    asked = sdk.ask(name, call, arguments, root or sdk.ROOTS[name])
    told = {"sdk": name, "call": call} | expect | {"surface": CLIENTS}
    return Call(asked.method, asked.path, body=asked.body or None, headers=asked.headers, auth=asked.auth, expect=told)


def completion(model: str, words: Any, *, room: int = ROOM, expect: dict[str, Any] = GOOD, **fields: Any) -> Call:
    """A chat completion by the OpenAI SDK."""
    arguments = {"model": model, "messages": user(words)} | limit(model, room) | fields
    return through(sdk.OPENAI, sdk.CREATE, arguments, expect)


def picture() -> list[dict[str, Any]]:
    """A question about a small red picture."""
    return [{"type": "text", "text": "Which colour?"}, {"type": "image_url", "image_url": {"url": data_url(png())}}]


@probe(CLIENTS, basic=True, tokens=100)
def openai_chat(relay: Relay) -> Run:
    """A short question by the OpenAI SDK."""
    yield completion(relay.model(CHAT), HELLO)


@probe(CLIENTS, tokens=115)
def openai_stream(relay: Relay) -> Run:
    """The same as a stream with usage, by the OpenAI SDK."""
    yield completion(relay.model(CHAT_STREAM), HELLO, stream=True, stream_options={"include_usage": True})


@probe(CLIENTS, tokens=155)
def openai_streamed_tools(relay: Relay) -> Run:
    """A question for a tool as a stream, by the OpenAI SDK."""
    yield completion(relay.model(CHAT_STREAM), "Weather in Paris? Use the tool.", tools=[WEATHER], stream=True)


@probe(CLIENTS, tokens=170)
def openai_vision(relay: Relay) -> Run:
    """A small red picture as a data URL, by the OpenAI SDK."""
    yield completion(relay.model(CHAT), picture(), room=32, expect=GOOD | BLIND)


@probe(CLIENTS, tokens=170)
def openai_claude_vision(relay: Relay) -> Run:
    """The red picture to Claude, by the OpenAI SDK."""
    if relay.model(ANTHROPIC):
        yield completion(relay.model(ANTHROPIC), picture(), room=32, expect=GOOD | BLIND)


@probe(CLIENTS, spend=FREE, gate=MODELS, tokens=0)
def openai_models(relay: Relay) -> Run:
    """The model list by the OpenAI SDK."""
    yield through(sdk.OPENAI, sdk.LIST, {}, GOOD)


@probe(CLIENTS, gate=ANTHROPIC, tokens=100)
def anthropic_message(relay: Relay) -> Run:
    """A short question by the Anthropic SDK."""
    yield from _message(relay.model(ANTHROPIC), sdk.MESSAGE)


@probe(CLIENTS, gate=ANTHROPIC_STREAM, tokens=100)
def anthropic_stream(relay: Relay) -> Run:
    """The same as a stream, by the Anthropic SDK."""
    yield from _message(relay.model(ANTHROPIC_STREAM), sdk.MESSAGE_STREAM)


def _message(model: str, call: str) -> Run:
    if model:
        yield through(sdk.ANTHROPIC, call, {"model": model, "max_tokens": ROOM, "messages": user(HELLO)}, GOOD)


@probe(CLIENTS, gate=GEMINI, tokens=110)
def google_content(relay: Relay) -> Run:
    """A short question by the Google Gen AI SDK."""
    yield from _content(relay.model(GEMINI), sdk.GENERATE)


@probe(CLIENTS, gate=GEMINI_STREAM, tokens=110)
def google_stream(relay: Relay) -> Run:
    """The same as a stream, by the Google Gen AI SDK."""
    yield from _content(relay.model(GEMINI_STREAM), sdk.GENERATE_STREAM)


def _content(model: str, call: str) -> Run:
    if model:
        yield through(
            sdk.GOOGLE, call, {"model": model, "contents": HELLO, "config": {"max_output_tokens": ROOM}}, GOOD
        )


@probe(CLIENTS, spend=FREE, negative=True, tokens=0)
def openai_without_v1(relay: Relay) -> Run:
    """The short question by the OpenAI SDK, its base URL without /v1."""
    arguments = {"model": relay.model(CHAT), "messages": user(HELLO)} | limit(relay.model(CHAT), 8)
    yield through(sdk.OPENAI, sdk.CREATE, arguments, because("base-url", "a base URL without /v1"), root="/")
