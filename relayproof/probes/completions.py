"""What is asked of legacy completions. echo and logprobs never meet: the official server forbids the two together."""

from __future__ import annotations

from typing import Any

from relayproof.probe import FREE, Call, Run, probe
from relayproof.probes.errors import because
from relayproof.probes.samples import GOOD
from relayproof.relay import Relay
from relayproof.surface import COMPLETIONS, COMPLETIONS_STREAM

PATH = "/v1/completions"
SEA = "A few lines about the sea:"


def ask(relay: Relay, prompt: Any, *, surface: str = COMPLETIONS, room: int = 20, **fields: Any) -> Call:
    """A completion request that a relay serving completions must answer."""
    body = {"model": relay.model(surface), "prompt": prompt, "max_tokens": room} | fields
    if surface == COMPLETIONS_STREAM:
        body["stream"] = True
    return Call("POST", PATH, json=body, expect=GOOD | {"surface": surface})


@probe(COMPLETIONS, basic=True)
def plain(relay: Relay) -> Run:
    """A text to go on with, cut by the token limit."""
    yield ask(relay, SEA)


@probe(COMPLETIONS)
def two_choices(relay: Relay) -> Run:
    """Two choices for one prompt."""
    yield ask(relay, SEA, n=2)


@probe(COMPLETIONS)
def prompts_and_echo(relay: Relay) -> Run:
    """Two prompts in one request, each to be repeated before its answer."""
    yield ask(relay, ["Name a fruit:", "鱻鱻 café 🎉 1100"], room=8, echo=True)


@probe(COMPLETIONS)
def logprobs_and_stop(relay: Relay) -> Run:
    """A count that a stop sequence (a text, no list) ends, with two log probabilities a token, asked for by number."""
    yield ask(relay, "Count: 1 2 3 4", logprobs=2, stop="8")


@probe(COMPLETIONS_STREAM, basic=True)
def streamed_plain(relay: Relay) -> Run:
    """The request of completions/plain as a stream with usage, to be compared."""
    yield ask(relay, SEA, surface=COMPLETIONS_STREAM, stream_options={"include_usage": True})


@probe(COMPLETIONS_STREAM)
def streamed_two_choices(relay: Relay) -> Run:
    """Two choices as a stream, the prompt to be repeated before each."""
    yield ask(relay, "1833 年 鱻鱻 aaaa:", surface=COMPLETIONS_STREAM, room=16, n=2, echo=True)


@probe(COMPLETIONS, spend=FREE, negative=True, requests=2)
def prompt_is_an_object(relay: Relay) -> Run:
    """A prompt of a type that does not exist, twice."""
    body = {"model": relay.model(COMPLETIONS), "prompt": {"text": "Hi"}, "max_tokens": 8}
    call = Call("POST", PATH, json=body, expect=because("wrong-type", "a prompt that is an object"))
    yield call
    yield call
