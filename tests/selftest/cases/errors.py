"""Cases for relayproof/rules/errors.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cases.build import Case, answered, ask, changed, chat, exchange
from relayproof.exchange import Exchange

PATH = "/v1/chat/completions"
CORS = (("access-control-allow-origin", "*"), ("access-control-allow-methods", "POST"))
HTML = b"<!DOCTYPE html><title>524: A timeout occurred</title>"
PROMPT = "You are the assistant of a shop that sells nothing but umbrellas, and you never talk about the weather. " * 2


def told(message: str = "The request is not valid.", **keys: Any) -> dict[str, Any]:
    """An error envelope."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | keys}


def refused(status: int, answer: Any = None, *, asked: Any = None, path: str = PATH, **facts: Any) -> Exchange:
    """A refused chat request."""
    return exchange("POST", path, asked or ask(), told() if answer is None else answer, status=status, **facts)


def because(kind: str, status: int, answer: Any = None, *, told_as: str = "a bad request", **facts: Any) -> Exchange:
    """A request that was to be refused for that reason, and what came."""
    return refused(status, answer, expect={"refusal": kind, "with": told_as, "surface": "errors"}, **facts)


def taken(kind: str) -> Exchange:
    """A bad request that was answered as if it were good."""
    return replace(chat(), expect={"refusal": kind, "with": "a bad request", "surface": "errors"})


def long_answer(words: int) -> Exchange:
    """An answer to a prompt of so many words."""
    given = taken("context")
    return replace(given, expect=dict(given.expect) | {"at_least": words})


def limited(*headers: tuple[str, str]) -> Exchange:
    """A 429 with these headers."""
    return answered(refused(429), told("Rate limit reached", type="requests"), headers=(JSON, *headers))


def optional(status: int) -> Exchange:
    """A picture for a model that sees none."""
    return refused(status, told("the model does not support images"), expect={"optional": "no pictures"})


def preflight(status: int, headers: tuple[tuple[str, str], ...]) -> Exchange:
    """A browser's preflight."""
    return exchange("OPTIONS", PATH, status=status, headers=headers)


def with_origin(given: Exchange) -> Exchange:
    """A request that was sent with an Origin header."""
    request = replace(given.request, headers=(("origin", "https://client.example"),))
    return replace(given, request=request, expect={"with": "an Origin header", "surface": "errors"})


def after(given: Exchange) -> Exchange:
    """A good request after the bad ones."""
    return replace(given, id="9", expect={"after": "bad requests"})


JSON = ("content-type", "application/json")
REFUSED = refused(400)
BAD = refused(400, asked=ask(temperature=5))
NO_MODEL = told("The model `nothing` does not exist", code="model_not_found")
NO_CHANNEL = told("当前分组 default 下对于模型 nothing 无可用渠道", code="model_not_found")
TOO_LONG = told("This model's maximum context length is 16000 tokens.", code="context_length_exceeded")
RAW_EVENT = {"type": "response.failed", "response": {"instructions": PROMPT}} | told(code="context_length_exceeded")
LONG = {"asked": ask(PROMPT)}
UNKNOWN_PATH = exchange("GET", "/v1/no/such/path", None, told(), status=404, expect={"refusal": "path"})
WEB_PAGE = exchange(
    "GET", "/v1/no/such/path", None, HTML, headers=(("content-type", "text/html"),), expect={"refusal": "path"}
)
WRONG_METHOD = exchange("GET", PATH, None, told(), status=405, expect={"refusal": "method"})
STORED = answered(WRONG_METHOD, {"object": "list", "data": [], "has_more": False}, status=200)

CASES = [
    Case("errors/refusal-is-labelled-as-json", refused(400), refused(400, headers=(("content-type", "text/html"),))),
    Case("errors/matches-schema", REFUSED, refused(400, {"status_code": 50001, "status_message": "Invalid"})),
    Case("errors/matches-schema", REFUSED, refused(400, told(code=400))),
    Case("errors/matches-schema", REFUSED, refused(400, [told()])),
    Case("errors/matches-schema-openai", REFUSED, changed(REFUSED, "/error/param")),
    Case("errors/body-is-json", REFUSED, refused(524, HTML)),
    Case("errors/body-is-json", because("field", 400), because("field", 503, HTML)),
    Case("errors/outage-is-told-in-json", refused(502), refused(502, HTML)),
    Case("errors/body-is-json", limited(("retry-after", "7")), answered(limited(("retry-after", "7")), b"")),
    Case("errors/envelope-is-openais", REFUSED, refused(400, {"type": "error"} | told())),
    Case("errors/refusal-is-labelled-as-json", REFUSED, refused(400, headers=(("content-type", "text/html"),))),
    Case("errors/type-and-param-are-words", REFUSED, refused(400, told(param="None", type="None"))),
    Case("errors/bad-key-is-refused", because("key", 401), because("key", 500)),
    Case("errors/bad-key-is-refused", because("key", 401), taken("key")),
    Case("errors/bad-key-is-refused", because("key", 401), because("key", 404)),
    Case("errors/bad-key-is-401", because("key", 401), because("key", 403)),
    Case("errors/malformed-json-is-refused", because("malformed", 400), because("malformed", 500)),
    Case("errors/missing-field-is-refused", because("missing", 400), because("missing", 500)),
    Case("errors/bad-request-is-not-answered-as-good", because("missing", 400), taken("missing")),
    Case("errors/wrong-type-is-refused", because("wrong-type", 422), taken("wrong-type")),
    Case("errors/unknown-model-is-refused", because("model", 404, NO_MODEL), because("model", 503, told("no channel"))),
    Case("errors/unknown-model-is-refused", because("model", 404, NO_MODEL), taken("model")),
    Case("errors/unknown-model-is-404", because("model", 404, NO_MODEL), because("model", 503, NO_CHANNEL)),
    Case(
        "errors/message-names-the-model",
        because("model", 404, NO_MODEL),
        because("model", 404, told("当前分组 default 下对于模型  无可用渠道")),
    ),
    Case("errors/unknown-path-is-not-found", UNKNOWN_PATH, WEB_PAGE),
    Case("errors/wrong-method-is-refused", WRONG_METHOD, answered(WRONG_METHOD, None, status=500)),
    Case("errors/wrong-method-is-refused", STORED, answered(WRONG_METHOD, HTML, status=200)),
    Case("errors/wrong-method-is-refused", WRONG_METHOD, answered(WRONG_METHOD, b"Method Not Allowed")),
    Case("errors/long-prompt-is-not-cut", because("context", 400, TOO_LONG), long_answer(900)),
    Case("errors/foreign-key-header-is-refused", because("foreign-key", 401), taken("foreign-key")),
    Case("errors/unknown-field-breaks-nothing", taken("unknown-field"), because("unknown-field", 500)),
    Case("errors/what-a-model-cannot-do-is-refused-with-4xx", optional(400), optional(500)),
    Case("errors/long-prompt-is-the-clients-mistake", refused(400, TOO_LONG), refused(500, TOO_LONG)),
    Case(
        "errors/long-prompt-is-the-clients-mistake",
        refused(400, TOO_LONG, **LONG),
        refused(400, RAW_EVENT, **LONG),
    ),
    Case(
        "errors/outage-says-when",
        answered(refused(503), headers=(JSON, ("retry-after", "7"))),
        refused(503),
    ),
    Case("errors/rate-limit-says-when", limited(("x-ratelimit-reset-requests", "7s")), limited()),
    Case(
        "errors/empty-balance-is-429-or-403",
        refused(403, told("quota", code="insufficient_user_quota")),
        refused(402, told("Insufficient balance", type="BILLING_ERROR")),
    ),
    Case("errors/preflight-is-answered", preflight(204, CORS), preflight(401, (JSON,))),
    Case(
        "errors/origin-makes-no-difference",
        with_origin(chat()),
        with_origin(answered(refused(403), b"")),
    ),
    Case("errors/refusals-are-stable", (REFUSED, replace(REFUSED, id="2")), (REFUSED, replace(refused(404), id="2"))),
    Case("errors/bad-requests-do-no-harm", (BAD, after(chat())), (BAD, after(refused(502)))),
]
