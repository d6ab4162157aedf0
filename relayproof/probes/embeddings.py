"""What is asked of embeddings: few short inputs, some of them again and again, so that answers can be compared."""

from __future__ import annotations

import re
from typing import Any

from relayproof.probe import FREE, Call, Run, probe
from relayproof.probes.errors import because
from relayproof.probes.samples import GOOD
from relayproof.relay import Relay
from relayproof.surface import EMBEDDINGS

PATH = "/v1/embeddings"
CAT, PARAPHRASE = "The cat sat on the mat.", "A cat was sitting on the mat."
TAX, CHINESE = "Quarterly tax forms are due in April.", "长城绵延万里。"
BATCH = [CAT, TAX, CAT, PARAPHRASE, CHINESE]
HELLO_WORLD, HOW_ARE_YOU = [9906, 1917], [4438, 527, 499, 30]


def ask(relay: Relay, given: Any, *, expect: dict[str, Any] = GOOD, **fields: Any) -> Call:
    """An embeddings request; one that a relay serving embeddings must answer, unless `expect` says otherwise."""
    body = {"model": relay.model(EMBEDDINGS), "input": given} | fields
    return Call("POST", PATH, json=body, expect={"surface": EMBEDDINGS} | expect)


def able(relay: Relay, models: str, reason: str) -> dict[str, Any]:
    """What is expected of a request that not every model can answer: those named must, the others may."""
    if re.search(models, relay.model(EMBEDDINGS)):
        return GOOD
    return {"optional": reason}


@probe(EMBEDDINGS, basic=True)
def plain(relay: Relay) -> Run:
    """One text, and no word about the form."""
    yield ask(relay, CAT)


@probe(EMBEDDINGS)
def batch(relay: Relay) -> Run:
    """Five texts as numbers: one of them twice, one a paraphrase of it, one in Chinese."""
    yield ask(relay, BATCH, encoding_format="float", expect=GOOD | {"near": (0, 3), "far": (0, 1)})


@probe(EMBEDDINGS)
def in_base64(relay: Relay) -> Run:
    """Three of the texts in another order, in base64."""
    yield ask(relay, [CHINESE, CAT, TAX], encoding_format="base64")


@probe(EMBEDDINGS)
def shortened(relay: Relay) -> Run:
    """Two of the texts as vectors of 64 dimensions."""
    expect = able(relay, r"text-embedding-3", "the model may not shorten its vectors")
    yield ask(relay, [TAX, CAT], dimensions=64, encoding_format="float", expect=expect)


@probe(EMBEDDINGS)
def tokens(relay: Relay) -> Run:
    """Three lists of tokens, two of them alike."""
    expect = able(relay, r"text-embedding-(3|ada)", "the model's tokens are others than OpenAI's")
    given = [HELLO_WORLD, HOW_ARE_YOU, HELLO_WORLD]
    yield ask(relay, given, encoding_format="float", expect=expect)


@probe(EMBEDDINGS, spend=FREE, negative=True)
def no_input(relay: Relay) -> Run:
    """No input."""
    yield Call("POST", PATH, json={"model": relay.model(EMBEDDINGS)}, expect=because("missing", "no input"))


@probe(EMBEDDINGS, spend=FREE, negative=True)
def no_key(relay: Relay) -> Run:
    """An embedding without a key."""
    yield Call("POST", PATH, json={"model": relay.model(EMBEDDINGS), "input": CAT}, key="none",
               expect=because("key", "no key"))  # fmt: skip


@probe(EMBEDDINGS, spend=FREE, negative=True)
def foreign_key(relay: Relay) -> Run:
    """An embedding with the key in Gemini's header."""
    yield Call("POST", PATH, json={"model": relay.model(EMBEDDINGS), "input": CAT}, auth="x-goog-api-key",
               expect=because("foreign-key", "the key in x-goog-api-key"))  # fmt: skip


@probe(EMBEDDINGS, negative=True)
def unknown_field(relay: Relay) -> Run:
    """A field that nobody knows."""
    body = {"model": relay.model(EMBEDDINGS), "input": "Hi", "relayproof": True}
    yield Call("POST", PATH, json=body, expect=because("unknown-field", "an unknown field"))
