"""Generated bodies made cheap and harmless, before anything is labelled or sent.

What costs is pinned: the model, the most tokens, the number of answers. What reaches out (callbacks, addresses that a
relay would fetch, tools that an upstream runs) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from relayproof import schema, surface
from relayproof.fuzz.generate import NOTHING
from relayproof.openapi import Operation
from relayproof.pointer import find, get
from relayproof.probe import MONEY, dump
from relayproof.relay import Relay
from relayproof.surface import AUDIO

ROOM = 16
MOST_ANSWERS = 2
LARGEST_BODY = 8_000
LARGEST_NUMBER = 2**53
MOST_PROMPTS = 4
CALLBACKS = ("notifyHook", "notify_hook", "accountFilter")
OF_AN_OWNER = ("cachedContent", "continue_clip_id")  # names of what is kept on the server for somebody
OWN_TOOLS = (None, "function", "custom")
GOOGLE_TOOLS = ("googleSearch", "codeExecution", "urlContext")
DEAR_TIERS = ("priority", "flex", "scale", "fast")
REACHES_OUT = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
ARGUMENTS = ("parameters", "input_schema")
SCHEMA_KEYS = (*ARGUMENTS, "schema", "responseSchema")
LIMITS = {
    "/v1/chat/completions": "max_tokens",
    "/v1/completions": "max_tokens",
    "/v1/messages": "max_tokens",
    "generateContent": "maxOutputTokens",
    "streamGenerateContent": "maxOutputTokens",
}


def model_of(operation: Operation, relay: Relay) -> str:
    """The model to ask on an operation; "" when the relay has none for it."""
    known = surface_of(operation)
    if known == AUDIO and not operation.path.endswith("/speech"):
        return relay.models.get("transcription") or relay.model(AUDIO)
    return relay.model(known)


def surface_of(operation: Operation) -> str:
    """The surface of an operation (of its answers without a stream)."""
    return surface.recognise(operation.method, operation.path.replace("{", "").replace("}", ""), {}, "", b"")


def tamed(operation: Operation, body: Any, relay: Relay) -> Any:
    """The body made cheap and harmless; NOTHING when that can't be done."""
    if not isinstance(body, dict):
        return body
    named = {key for key in OF_AN_OWNER if isinstance(body.get(key), str)}
    tame = {key: _whole(value) for key, value in body.items() if key not in named.union(CALLBACKS)}
    pins = (_pin_model, _pin_answers, _pin_tokens, _pin_tools)
    for pin in pins:
        if not pin(operation, tame, relay):
            return NOTHING
    return tame


def _whole(value: Any) -> Any:
    """The value with 5 for every 5.0: a whole number to a JSON Schema, but to few decoders."""
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _pin_model(operation: Operation, body: dict[str, Any], relay: Relay) -> bool:
    model = model_of(operation, relay)
    properties = schema.load(operation.request).get("properties", {})
    if isinstance(body.get("model"), str) and model and "enum" not in properties.get("model", {}):
        body["model"] = model
    if body.get("service_tier") in DEAR_TIERS:
        del body["service_tier"]
    return True


def _pin_answers(operation: Operation, body: dict[str, Any], relay: Relay) -> bool:
    most = 1 if operation.spend is MONEY else MOST_ANSWERS
    several = [value for path in ("/prompt", "/input") for _, value in find(body, path, list)]
    for place, key in ((body, "n"), (body.get("generationConfig"), "candidateCount")):
        value = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict) and isinstance(value, int | float) and not isinstance(value, bool) and value > most:
            place[key] = most
    return all(len(value) <= MOST_PROMPTS for value in several)


def _pin_tokens(operation: Operation, body: dict[str, Any], relay: Relay) -> bool:
    """Bound what a model may write. An illegal bound is made legal too: a relay that overlooks it would write on."""
    limit = next((limit for end, limit in LIMITS.items() if operation.path.endswith(end)), "")
    if limit == "maxOutputTokens":
        inner = body.setdefault("generationConfig", {})
        if inner is None:
            inner = body["generationConfig"] = {}
        if not isinstance(inner, dict):
            return False
        inner[limit] = ROOM
    elif limit:
        body.pop("max_completion_tokens", None)  # some relays lose this one: the answer would have no end
        body[limit] = ROOM
        if get(body, "/thinking/budget_tokens", int, 0) >= ROOM:
            del body["thinking"]  # it has to fit into max_tokens
    return True


def _pin_tools(operation: Operation, body: dict[str, Any], relay: Relay) -> bool:
    """False for tools that an upstream would run, and bill, itself."""
    tools = [tool for path in ("/tools", "/tools/*") for _, tool in find(body, path, dict)]
    if "gemini" in operation.request:
        return not any(name in tool for tool in tools for name in GOOGLE_TOOLS)
    kinds = [tool.get("type") for tool in tools]
    return all(not isinstance(kind, str) or kind in OWN_TOOLS for kind in kinds)


def sendable(body: Any) -> bool:
    """False for what is too large, reaches out, or is no text that a client could write."""
    try:
        text = dump(body)
    except (UnicodeEncodeError, ValueError):
        return False
    if len(text) > LARGEST_BODY or REACHES_OUT.search(text.decode()):
        return False
    stop = body.get("stop") if isinstance(body, dict) else None
    if "" in (stop if isinstance(stop, list) else [stop]):
        return False  # every text holds the empty one: to say nothing is then as right as to go on
    if get(body, "/response_format/type") == "json_schema" and not get(body, "/response_format/json_schema/schema"):
        return False  # any JSON will do then, a bare word as well
    return not _too_large(body) and all(map(_sound, _schemas_in(body)))


def _schemas_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Every (key, JSON Schema) that a request brings along: of tools, and of the answer that it wants."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        if key in SCHEMA_KEYS and isinstance(each, dict):
            yield str(key), each
        else:
            yield from _schemas_in(each)


def _sound(named: tuple[str, dict[str, Any]]) -> bool:
    """True for a schema of an object (a tool's may leave that unsaid). Our request schemas do not look into them."""
    key, found = named
    kind = found.get("type", "object" if key in ARGUMENTS else None)
    return schema.is_schema(found) and isinstance(kind, str) and kind.lower() == "object"


def _too_large(value: Any) -> bool:
    """True when a number is beyond what JSON readers agree on (RFC 8259, 6)."""
    if isinstance(value, dict):
        return any(_too_large(each) for each in value.values())
    if isinstance(value, list):
        return any(_too_large(each) for each in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > LARGEST_NUMBER
