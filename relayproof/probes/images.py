"""What is asked of pictures: one request that costs nothing, and eleven at most for money.

Two models are asked where the relay has them: one that answers in base64 (gpt-image), and one in the form of dall-e.
"""

from __future__ import annotations

from typing import Any

from relayproof.offers import LINKED_IMAGES
from relayproof.probe import FREE, MONEY, Call, File, Run, probe
from relayproof.probes.errors import because
from relayproof.probes.media_samples import mask, picture
from relayproof.probes.midjourney import may_fetch
from relayproof.probes.samples import GOOD
from relayproof.relay import Relay
from relayproof.surface import ERRORS, IMAGES

PATH = "/v1/images/generations"
PROMPT = "A plain red circle on a white background."
SIZE = "1024x1024"
MINE = {"surface": IMAGES}


def counted(name: str) -> bool:
    """True for the gpt-image models."""
    return "gpt-image" in name.lower()


def linking(relay: Relay) -> str:
    """The model in the form of dall-e; "" when none is known."""
    return relay.models.get(LINKED_IMAGES, "") or ("" if counted(relay.model(IMAGES)) else relay.model(IMAGES))


def paint(relay: Relay, **fields: Any) -> dict[str, Any]:
    """A cheap request to the first model; None takes a field out."""
    body = {"model": relay.model(IMAGES), "prompt": PROMPT, "size": SIZE}
    if counted(relay.model(IMAGES)):
        body["quality"] = "low"
    return {key: value for key, value in (body | fields).items() if value is not None}


@probe(IMAGES, spend=FREE, negative=True, tokens=0)
def no_prompt(relay: Relay) -> Run:
    """No prompt."""
    yield Call("POST", PATH, json=paint(relay, prompt=None), expect=because("missing", "no prompt"))


@probe(IMAGES, spend=FREE, negative=True, tokens=0)
def no_key(relay: Relay) -> Run:
    """A picture without a key."""
    yield Call("POST", PATH, json=paint(relay), key="none", expect=because("key", "no key"))


@probe(IMAGES, spend=MONEY, basic=True, tokens=0)
def generation(relay: Relay) -> Run:
    """One picture."""
    yield Call("POST", PATH, json=paint(relay), expect=GOOD | MINE)


@probe(IMAGES, spend=MONEY, tokens=0)
def two_pictures(relay: Relay) -> Run:
    """Two pictures; as JPEG where the format can be chosen. Not from dall-e-3, which makes one at a time."""
    name = relay.model(IMAGES)
    if "dall-e-3" not in name:
        form = {"output_format": "jpeg"} if counted(name) else {}
        optional = {} if counted(name) else {"optional": "the model may make one picture at a time"}
        yield Call("POST", PATH, json=paint(relay, n=2, **form), expect=GOOD | MINE | optional)


@probe(IMAGES, spend=MONEY, tokens=0)
def streamed(relay: Relay) -> Run:
    """A picture with two previews, from the gpt-image models."""
    if counted(relay.model(IMAGES)):
        yield Call("POST", PATH, json=paint(relay, stream=True, partial_images=2), expect=GOOD | MINE)


@probe(IMAGES, spend=MONEY, tokens=0)
def edit(relay: Relay) -> Run:
    """A picture of which the right half is to be painted anew, from the models that edit."""
    name = relay.model(IMAGES)
    if counted(name) or "dall-e-2" in name:
        fields = {"model": name, "prompt": PROMPT, "size": SIZE}
        fields |= {"quality": "low"} if counted(name) else {"response_format": "b64_json"}
        form: tuple[tuple[str, str | File], ...] = (("image", picture()), ("mask", mask()), *fields.items())
        missing = {"optional": "the relay may not edit pictures", "missing": True}
        yield Call("POST", "/v1/images/edits", form=form, expect=GOOD | MINE | missing)


@probe(IMAGES, spend=MONEY, tokens=0)
def variation(relay: Relay) -> Run:
    """Something like an uploaded picture, from dall-e-2."""
    if linking(relay) == "dall-e-2":
        form = (("image", picture()), ("model", "dall-e-2"), ("size", "256x256"), ("response_format", "b64_json"))
        missing = {"optional": "the relay may not vary pictures", "missing": True}
        yield Call("POST", "/v1/images/variations", form=form, expect=GOOD | MINE | missing)


@probe(IMAGES, spend=MONEY, requests=2, tokens=0)
def linked(relay: Relay) -> Run:
    """A picture as a link, from a model in the form of dall-e, and the picture behind it, without the key."""
    name = linking(relay)
    if not name:
        return
    body = {"model": name, "prompt": PROMPT, "size": SIZE, "response_format": "url"}
    painted = yield Call("POST", PATH, json=body, expect=MINE)
    link = painted.get("/data/0/url", str) if painted.succeeded else None
    if link and may_fetch(link, relay):
        yield Call("GET", link, key="none", expect=MINE | {"linked": SIZE, "made_by": name})


@probe(IMAGES, spend=MONEY, tokens=0)
def encoded(relay: Relay) -> Run:
    """A picture as base64, from a model in the form of dall-e."""
    if linking(relay):
        body = {"model": linking(relay), "prompt": PROMPT, "size": SIZE, "response_format": "b64_json"}
        yield Call("POST", PATH, json=body, expect=MINE)


@probe(IMAGES, spend=MONEY, negative=True, tokens=0)
def response_format_of_gpt_image(relay: Relay) -> Run:
    """A form of answer, asked of a model that has only one."""
    if counted(relay.model(IMAGES)):
        yield Call("POST", PATH, json=paint(relay, response_format="url"), expect=MINE)


@probe(IMAGES, spend=MONEY, negative=True, tokens=0)
def two_of_dall_e_3(relay: Relay) -> Run:
    """Two pictures from dall-e-3, which makes one at a time."""
    if "dall-e-3" in linking(relay):
        body = {"model": linking(relay), "prompt": PROMPT, "size": SIZE, "n": 2}
        yield Call("POST", PATH, json=body, expect=MINE)


@probe(IMAGES, spend=MONEY, negative=True, tokens=0)
def impossible_size(relay: Relay) -> Run:
    """A size that no model paints."""
    yield Call(
        "POST", PATH, json=paint(relay, size="3x3"), expect=because("wrong-type", "size 3x3") | {"surface": ERRORS}
    )
