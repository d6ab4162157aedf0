"""Cases of the rules for generated requests."""

from __future__ import annotations

from dataclasses import replace

from cases.build import Case, answered, chat
from relayproof.exchange import Exchange

ERROR = {"error": {"message": "no", "type": "server_error", "param": None, "code": None}}


def legal() -> Exchange:
    """A generated request that the contract allows, answered."""
    return replace(chat(), expect={"generated": "valid"})


def illegal() -> Exchange:
    """A generated request that the contract forbids, refused."""
    wrong = "/temperature: 5 is greater than the maximum of 2"
    facts = {"generated": "invalid", "refusal": "contract", "at": "/temperature", "with": wrong}
    return answered(replace(chat(temperature=5), expect=facts), ERROR, status=400)


def sightless(status: int) -> Exchange:
    """A generated request with a picture, refused by a model that reads text only."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    told = {"error": ERROR["error"] | {"message": "image input is not supported"}}
    asked = replace(chat([{"type": "text", "text": "Which colour?"}, picture]), expect={"generated": "valid"})
    return answered(asked, told, status=status)


CASES = [
    Case("errors/what-a-model-cannot-do-is-refused-with-4xx", sightless(400), sightless(500)),
    Case(
        "properties/every-request-gets-an-answer",
        legal(),
        replace(legal(), response=None, failure="timed-out: no answer began (ReadTimeout)"),
    ),
    Case("properties/legal-request-is-no-server-error", legal(), answered(legal(), ERROR, status=500)),
    Case("properties/illegal-request-is-no-server-error", illegal(), answered(illegal(), ERROR, status=500)),
    Case(
        "properties/illegal-request-is-refused",
        illegal(),
        answered(replace(chat(temperature=5), expect=illegal().expect)),
    ),
]
