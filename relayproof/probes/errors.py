"""What must be refused: keys, bodies, models, paths and methods. Free; sent last, one after the other, few."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from relayproof.probe import FREE, MONEY, Call, Run, probe
from relayproof.probes.chat import PATH
from relayproof.probes.models import UNKNOWN
from relayproof.probes.samples import limit, user
from relayproof.relay import Relay
from relayproof.surface import CHAT, ERRORS, MODELS

LONG_PROMPT = 150_000


def refused(relay: Relay, kind: str, told: str, **changes: Any) -> Call:
    """A chat request made bad in one way. `changes` overrides fields; None takes a field out."""
    return Call("POST", PATH, json=hi(relay, **changes), expect=because(kind, told))


def hi(relay: Relay, **changes: Any) -> dict[str, Any]:
    """The shortest chat. `changes` overrides fields; None takes a field out."""
    model = relay.model(CHAT)
    body = {"model": model, "messages": user("Hi")} | limit(model, 8) | changes
    return {key: value for key, value in body.items() if value is not None}


def unlocked(relay: Relay, key: str, told: str, **changes: Any) -> Call:
    """A chat without the right key."""
    return Call("POST", PATH, json=hi(relay, **changes), key=key, expect=because("key", told))


def because(kind: str, told: str) -> dict[str, Any]:
    """What the sender knows of a bad request: the reason, and how a message names it."""
    return {"refusal": kind, "with": told, "surface": ERRORS}


@probe(ERRORS, spend=FREE, negative=True, gate=MODELS)
def wrong_key(relay: Relay) -> Run:
    """The model list with a key that does not exist."""
    yield Call("GET", "/v1/models", key="wrong", expect=because("key", "a wrong key"))


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def wrong_key_chat(relay: Relay) -> Run:
    """A chat with a key that does not exist, and without messages: the key is looked at first."""
    yield unlocked(relay, "wrong", "a wrong key", messages=None)


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def no_key_chat(relay: Relay) -> Run:
    """A chat without a key."""
    yield unlocked(relay, "none", "no key")


@probe(ERRORS, spend=FREE, negative=True, requests=2, gate=CHAT)
def unknown_model(relay: Relay) -> Run:
    """A model that does not exist, without and with a stream."""
    yield refused(relay, "model", "an unknown model", model=UNKNOWN)
    yield refused(relay, "model", "an unknown model", model=UNKNOWN, stream=True)


@probe(ERRORS, spend=FREE, negative=True)
def unknown_path(relay: Relay) -> Run:
    """A path that does not exist."""
    yield Call("GET", "/v1/relayproof/no/such/path", expect=because("path", "an unknown path"))


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def wrong_method(relay: Relay) -> Run:
    """GET where POST belongs."""
    yield Call("GET", PATH, expect=because("method", "GET on chat completions"))


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def preflight(relay: Relay) -> Run:
    """A browser's preflight, without a key."""
    headers = {
        "Origin": "https://client.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    yield Call("OPTIONS", PATH, key="none", headers=headers, expect={"surface": ERRORS})


@probe(ERRORS, spend=FREE, negative=True, gate=MODELS)
def foreign_origin(relay: Relay) -> Run:
    """The model list, asked for with an Origin header."""
    yield Call("GET", "/v1/models", headers={"Origin": "https://client.example"},
               expect={"surface": ERRORS, "with": "an Origin header"})  # fmt: skip


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def malformed(relay: Relay) -> Run:
    """A body that is not JSON."""
    headers = {"Content-Type": "application/json"}
    expect = because("malformed", "a body that is not JSON")
    yield Call("POST", PATH, body=b'{"model": "x", "messages": [', headers=headers, expect=expect)


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def missing_messages(relay: Relay) -> Run:
    """No messages."""
    yield refused(relay, "missing", "no messages", messages=None)


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def missing_model(relay: Relay) -> Run:
    """No model."""
    yield refused(relay, "missing", "no model", model=None)


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def empty_messages(relay: Relay) -> Run:
    """An empty list of messages."""
    yield refused(relay, "missing", "an empty list of messages", messages=[])


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def unknown_role(relay: Relay) -> Run:
    """A message of a role that does not exist."""
    yield refused(relay, "wrong-type", 'role "banana"', messages=[{"role": "banana", "content": "Hi"}])


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def temperature_out_of_range(relay: Relay) -> Run:
    """A temperature of 5."""
    yield refused(relay, "wrong-type", "temperature 5", temperature=5)


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def temperature_is_text(relay: Relay) -> Run:
    """A temperature that is a text."""
    yield refused(relay, "wrong-type", 'temperature "hot"', temperature="hot")


@probe(ERRORS, spend=FREE, negative=True, gate=CHAT)
def no_choices(relay: Relay) -> Run:
    """n = 0."""
    yield refused(relay, "wrong-type", "n = 0", n=0)


@probe(ERRORS, spend=MONEY, negative=True, tokens=0, gate=CHAT)
def long_prompt(relay: Relay) -> Run:
    """A prompt of some 150,000 tokens, too long for most models; only where the budget allows one that takes it."""
    if relay.limits.tokens > LONG_PROMPT:
        words = user("Count the waves. " + "sea " * LONG_PROMPT)
        call = refused(relay, "context", "a prompt that is too long", messages=words)
        yield replace(call, expect={"at_least": LONG_PROMPT} | dict(call.expect))
