"""Cases for relayproof/rules/every_response.py."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

from cases.build import JSON, Case, answered, ask, chat, chat_stream, exchange
from cases.errors import NO_MODEL, refused, told
from relayproof.exchange import Ended, Exchange
from relayproof.probes.samples import WEATHER
from relayproof.reference.models import card

PLAIN = chat()
BODY = PLAIN.answered.body
ONE = exchange("GET", "/v1/models/gpt-4o-mini", None, card("gpt-4o-mini"))
LIST = exchange("GET", "/v1/models", None, {"object": "list", "data": [card("gpt-4o-mini")]})
VALID = {"answer": True}
WALL = chat_stream("介绍长城")


def headed(*headers: tuple[str, str], given: Exchange = PLAIN, **facts: Any) -> Exchange:
    """The exchange with these headers beside its Content-Type."""
    return answered(given, None, headers=(*JSON, *headers), **facts)


def numbered(number: str, **facts: Any) -> Exchange:
    """A chat answer with that request id."""
    return replace(headed(("x-request-id", number), **facts), id=number[-1])


def named(number: str) -> Exchange:
    """An error that names its request id, which the header says too."""
    error = refused(400, told(f"no such group (request id: {number})"))
    return headed(("x-oneapi-request-id", "2024"), given=error)


def with_body(body: bytes, *headers: tuple[str, str]) -> Exchange:
    """The chat answer with other bytes."""
    return answered(headed(*headers), body)


def labelled(kind: str) -> Exchange:
    """The chat answer under another Content-Type."""
    return answered(PLAIN, None, headers=(("content-type", kind),))


def spoilt(character: bytes) -> Exchange:
    """The stream with something else in place of a Chinese character."""
    return answered(WALL, WALL.answered.body.replace("长".encode(), character))


def toolless(status: int, message: str = "This model does not support tools.", **facts: Any) -> Exchange:
    """A request with tools, refused."""
    return refused(status, told(message), **({"asked": ask(tools=[WEATHER]), "expect": VALID} | facts))


OTHER = numbered("a2", given=refused(400))

CASES = [
    Case("every-response/valid-request-is-answered", replace(PLAIN, expect=VALID), refused(500, expect=VALID)),
    Case("every-response/valid-request-is-answered", replace(PLAIN, expect=VALID), toolless(500)),
    Case("every-response/valid-request-is-answered", replace(PLAIN, expect=VALID), toolless(400, asked=ask())),
    Case(
        "every-response/valid-request-is-answered",
        replace(PLAIN, expect=VALID),
        toolless(400, "Unrecognized request argument supplied: tools"),
    ),
    Case(
        "every-response/valid-request-is-answered",
        replace(PLAIN, expect=VALID | {"optional": "the model may see no pictures"}),
        refused(500, expect=VALID | {"optional": "the model may see no pictures"}),
    ),
    Case("every-response/arrives-whole", PLAIN, answered(PLAIN, BODY[:40], ended=Ended.CUT)),
    Case("every-response/arrives-whole", WALL, answered(WALL, None, ended=Ended.TIMED_OUT)),
    Case("every-response/body-is-one-json-value", PLAIN, with_body(BODY + b'\n{"log": "ok"}')),
    Case("every-response/body-is-one-json-value", PLAIN, with_body(b"\xef\xbb\xbf" + BODY)),
    Case("every-response/body-is-one-json-value", PLAIN, with_body(BODY[:-1] + b', "score": NaN}')),
    Case("every-response/body-is-one-json-value", PLAIN, answered(PLAIN, WALL.answered.body)),
    Case(
        "every-response/json-is-labelled-as-json",
        PLAIN,
        answered(PLAIN, None, headers=(("content-type", "text/plain"),)),
    ),
    Case(
        "every-response/text-is-utf-8",
        labelled("application/json; charset=utf-8"),
        labelled("application/json; charset=iso-8859-1"),
    ),
    Case(
        "every-response/no-character-is-lost",
        WALL,
        spoilt(b"\xe9\x95"),
    ),
    Case(
        "every-response/no-character-is-lost",
        WALL,
        spoilt(rb"\ufffd"),
    ),
    Case(
        "every-response/content-encoding-is-true",
        with_body(gzip.compress(BODY), ("content-encoding", "gzip")),
        headed(("content-encoding", "gzip")),
    ),
    Case(
        "every-response/content-encoding-is-true",
        PLAIN,
        with_body(gzip.compress(BODY)),
    ),
    Case("every-response/content-encoding-is-true", PLAIN, headed(("content-encoding", "br"))),
    Case("every-response/error-is-not-a-success", PLAIN, answered(PLAIN, told())),
    Case("every-response/failure-is-not-a-success", LIST, answered(LIST, {"success": False, "message": "no group"})),
    Case("every-response/error-is-not-a-model", ONE, answered(ONE, NO_MODEL)),
    Case("every-response/key-is-not-echoed", PLAIN, answered(PLAIN, None, leaks=("body",))),
    Case(
        "every-response/errors-keep-internals-to-themselves",
        refused(400),
        refused(400, told("dial tcp 10.0.12.7:3306: no LiteLLM_VerificationTokenTable")),
    ),
    Case("every-response/errors-keep-internals-to-themselves", refused(400), refused(400, told("channel #17 failed"))),
    Case(
        "every-response/errors-keep-internals-to-themselves",
        refused(400),
        refused(400, told("Post https://eu.openai.azure.com/openai/deployments/x: key sk-proj-0123456789abcdefghijkl")),
    ),
    Case(
        "every-response/errors-keep-internals-to-themselves",
        refused(400),
        refused(500, told("Cannot connect to host llm.internal:443 ssl:<ssl.SSLContext object at 0x7f5d6925e840>")),
    ),
    Case(
        "every-response/request-ids-differ",
        (numbered("a1"), numbered("a2", given=refused(400))),
        (numbered("a1"), numbered("a1", given=refused(400))),
    ),
    Case("every-response/message-names-its-own-request-id", named("2024"), named("2023")),
    Case(
        "every-response/cors-origin-is-sent-once",
        headed(("access-control-allow-origin", "*")),
        headed(("access-control-allow-origin", "*"), ("Access-Control-Allow-Origin", "*")),
    ),
    Case(
        "every-response/single-headers-are-sent-once",
        PLAIN,
        headed(("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")),
    ),
    Case(
        "every-response/rate-limits-add-up",
        headed(("x-ratelimit-limit-requests", "60"), ("x-ratelimit-remaining-requests", "59")),
        headed(("x-ratelimit-limit-requests", "60"), ("x-ratelimit-remaining-requests", "600")),
    ),
    Case(
        "every-response/rate-limits-add-up",
        headed(("anthropic-ratelimit-requests-limit", "50"), ("anthropic-ratelimit-requests-remaining", "49")),
        headed(("anthropic-ratelimit-requests-limit", "50"), ("anthropic-ratelimit-requests-remaining", "4000")),
    ),
]
