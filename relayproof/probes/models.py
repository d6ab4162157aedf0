"""What is asked of the model list. Free."""

from __future__ import annotations

from urllib.parse import quote

from relayproof.probe import FREE, Call, Run, probe
from relayproof.probes.samples import GOOD
from relayproof.relay import Relay
from relayproof.surface import CHAT, MODELS

UNKNOWN = "relayproof-no-such-model"
UNQUOTED = "!$&'()*+,;=:@"  # what openai-python leaves as it is: a slash in a name is no slash of the path


@probe(MODELS, spend=FREE, basic=True)
def listing(relay: Relay) -> Run:
    """The model list."""
    yield Call("GET", "/v1/models", expect=GOOD)


@probe(MODELS, spend=FREE)
def retrieval(relay: Relay) -> Run:
    """One model by its name."""
    if model := relay.model(CHAT):
        yield Call("GET", f"/v1/models/{quote(model, safe=UNQUOTED, errors='replace')}")


@probe(MODELS, spend=FREE)
def unknown(relay: Relay) -> Run:
    """A model that does not exist."""
    yield Call("GET", f"/v1/models/{UNKNOWN}", expect={"model": "unknown", "surface": MODELS})


@probe(MODELS, spend=FREE)
def trailing_slash(relay: Relay) -> Run:
    """The model list with a slash at the end."""
    yield Call("GET", "/v1/models/", expect={"surface": MODELS})
