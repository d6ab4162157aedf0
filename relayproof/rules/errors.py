"""Refusals: the status and the envelope of what goes wrong, and the answers that should have been refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from relayproof.exchange import HEADERS, STATUS, Exchange
from relayproof.groups import repeats, together
from relayproof.pointer import Absent, find, get
from relayproof.rule import ANY, REFUSED, SHOULD, Finding, Untested, must, should
from relayproof.rules import shapes
from relayproof.rules.every_response import (
    EVERY,
    has_none_of_it,
    is_missing,
    lacks,
    of_another_family,
    overloaded,
    said,
    unpacked,
)
from relayproof.rules.sources import CORS, ERROR, ERROR_CODES, HTTP, HTTP_AUTH, OBSERVED
from relayproof.schema import shown
from relayproof.surface import (
    ANTHROPIC_FAMILY,
    GEMINI_FAMILY,
    KEY_REFUSED,
    MIDJOURNEY,
    MODELS,
    NOT_THERE,
    OTHER,
    SUNO,
    is_azure,
)

GATEWAY = (502, 503, 504)
OWN_ENVELOPE = (*ANTHROPIC_FAMILY, *GEMINI_FAMILY, MIDJOURNEY, SUNO)
OPENAI_ENVELOPE = tuple(surface for surface in EVERY if surface not in OWN_ENVELOPE)


def refused_as(kind: str) -> Any:
    """A predicate: the sender meant this request to be refused for that reason."""
    return lambda exchange: exchange.expect.get("refusal") == kind


def in_dialect(exchange: Exchange) -> bool:
    """True for errors on the paths of a known surface, or on one that does not exist, where OpenAI's dialect is spoken.

    Google's own OpenAI path answers in Google's envelope, and a request with anthropic-version asks for Anthropic's.
    A GET that is sent elsewhere is not refused, and a server of Claude alone has no path of OpenAI's to answer on.
    """
    if 300 <= exchange.status < 400 and exchange.request.method == "GET":
        return False
    if exchange.status in NOT_THERE and of_another_family(exchange):
        return False
    if "/v1beta" in exchange.request.url and exchange.surface not in GEMINI_FAMILY:
        return False
    if exchange.request.has("anthropic-version") and exchange.surface not in ANTHROPIC_FAMILY:
        return False
    return exchange.surface != OTHER or exchange.expect.get("refusal") == "path"


def speaks_openai(exchange: Exchange) -> bool:
    """True where the envelope is OpenAI's own: Azure leaves out the type, and /v1/models is a path of Google's, too."""
    return in_dialect(exchange) and not is_azure(exchange.request.url) and not lists_as_google(exchange)


def lists_as_google(exchange: Exchange) -> bool:
    """True for a refusal to list models in Google's words."""
    return exchange.surface == MODELS and get(exchange.answered.json, "/error/status", str) is not None


def by_a_gateway(exchange: Exchange) -> bool:
    """True when what stands before a server says that it can't reach it, and nobody meant the request to be refused."""
    return exchange.status in GATEWAY and not exchange.expect.get("refusal")


def _envelope(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    if not isinstance(exchange.answered.json, dict | list):
        raise Absent("told by body_is_json")
    yield "", exchange.answered.json


shapes.matches_schema(
    "errors",
    "openai/error",
    ERROR,
    on=OPENAI_ENVELOPE,
    answers=REFUSED,
    when=lambda exchange: speaks_openai(exchange) and exchange.request.method != "OPTIONS",
    documents=_envelope,
)


@must(ERROR_CODES, on=EVERY, answers=REFUSED, needs=(STATUS,), when=in_dialect)
def body_is_json(exchange: Exchange) -> Iterator[Finding]:
    """A refusal has a JSON body.

    SDKs read the reason from it; from an HTML page or an empty body the user learns nothing: with a bare 429, an empty
    balance and a busy minute look the same.

    Fix: make JSON errors in the relay, and let the proxy before it pass them.
    """
    if exchange.request.method in ("OPTIONS", "HEAD"):
        raise Absent("no body is needed")
    if exchange.expect.get("dialect") == "mjp" and exchange.status == 401:
        raise Absent("midjourney-proxy refuses a key without a word")
    if exchange.expect.get("refusal") == "method":
        raise Absent("told by wrong_method_is_refused")
    if exchange.request.has("origin") and exchange.status == 403:
        raise Absent("told by origin_makes_no_difference")
    if by_a_gateway(exchange):
        raise Absent("told by outage_is_told_in_json")
    yield from _no_json(exchange)


@should(ERROR_CODES, on=EVERY, answers=REFUSED, needs=(STATUS,), when=in_dialect)
def outage_is_told_in_json(exchange: Exchange) -> Iterator[Finding]:
    """A 502, 503 or 504 has a JSON body, too.

    The proxy before a relay sends a page of its own, and so do those before the official servers. Clients that know the
    status send the request again; people read HTML where a reason belongs.

    Fix: set the proxy's error pages to JSON in the API's envelope.
    """
    if exchange.request.method in ("OPTIONS", "HEAD") or not by_a_gateway(exchange):
        raise Absent("no outage")
    yield from _no_json(exchange)


def _no_json(exchange: Exchange) -> Iterator[Finding]:
    unpacked(exchange)
    try:
        if not isinstance(exchange.answered.json, dict | list):
            yield Finding("body", shown(exchange.answered.json))
    except Absent:
        text = exchange.answered.text
        yield Finding(
            "body",
            f"no JSON with status {exchange.status}: {shown(text[:120])}"
            if text
            else f"empty with status {exchange.status}",
        )


@should(ERROR, on=OPENAI_ENVELOPE, answers=REFUSED, when=in_dialect)
def envelope_is_openais(exchange: Exchange) -> Iterator[Finding]:
    """A refusal on an OpenAI path comes in OpenAI's envelope, not in Anthropic's or Google's.

    One path that answers in two dialects needs clients with two parsers.

    Fix: choose the envelope by the path.
    """
    if get(exchange.answered.json, "/type", str) == "error":
        yield Finding("/type", "the envelope is Anthropic's")
    if lists_as_google(exchange):
        yield Finding("/error/status", "the envelope is Google's")


@should(HTTP, on=EVERY, answers=REFUSED, needs=(STATUS, HEADERS), when=in_dialect)
def refusal_is_labelled_as_json(exchange: Exchange) -> Iterator[Finding]:
    """A refusal whose body is JSON says so in its Content-Type.

    SDKs that look at the label show the raw text in place of the message, or nothing at all.

    Fix: send `Content-Type: application/json` with errors too.
    """
    exchange.answered.json  # noqa: B018
    kind = exchange.answered.content_type
    if not (kind == "application/json" or kind.endswith("+json")):
        yield Finding("header content-type", f"{kind or 'no media type'} for a JSON body")


@must(ERROR, on=OPENAI_ENVELOPE, answers=REFUSED)
def type_and_param_are_words(exchange: Exchange) -> Iterator[Finding]:
    """`type`, `param` and `code` hold a word or null, not the text of another language's nothing.

    "None", "null" or "<nil>" are values to a client, which shows or compares them.

    Fix: serialise a missing value as null.
    """
    told = get(exchange.answered.json, "/error", dict)
    if told is None:
        raise Absent("told by the schema")
    for key in ("type", "param", "code"):
        if told.get(key) in ("None", "null", "nil", "<nil>", "undefined", "NaN"):
            yield Finding(f"/error/{key}", shown(told[key]))


@must(HTTP_AUTH, on=EVERY, answers=ANY, when=refused_as("key"))
def bad_key_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A request without a key, or with a wrong one, is refused with 401 or 403.

    An open route is used by strangers at the owner's cost; a 5xx makes every SDK retry, and hides the typing error.
    On Gemini paths Google itself answers 400 API_KEY_INVALID. A relay without a model list has no key to check there.

    Fix: check the key before everything else, on every route.
    """
    _not_limited(exchange)
    if exchange.surface == MODELS and exchange.status in NOT_THERE:
        raise Absent("told by valid_request_is_answered")
    if exchange.status not in KEY_REFUSED and not _google_says_so(exchange):
        yield Finding("status", f"{exchange.status} with {exchange.expect.get('with', 'a bad key')}: {said(exchange)}")


def _not_limited(exchange: Exchange) -> None:
    """Raises Untested where the relay limited the rate, or was too busy, whatever was asked."""
    if exchange.status == 429 or overloaded(exchange):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")


def _google_says_so(exchange: Exchange) -> bool:
    return exchange.status == 400 and exchange.surface in GEMINI_FAMILY and "API_KEY_INVALID" in exchange.answered.text


@should(HTTP_AUTH, on=EVERY, answers=ANY, when=refused_as("key"))
def bad_key_is_401(exchange: Exchange) -> Iterator[Finding]:
    """A missing or wrong key is answered with 401.

    SDKs raise AuthenticationError on 401; 403 says that the key is good but may not do this. Google itself answers 403
    where there is no key.

    Fix: answer 401.
    """
    if exchange.status not in KEY_REFUSED:
        raise Absent("told by bad_key_is_refused")
    if exchange.status == 403 and exchange.surface not in GEMINI_FAMILY:
        yield Finding("status", "403 instead of 401")


@must(ERROR_CODES, on=EVERY, answers=ANY, when=refused_as("malformed"))
def malformed_json_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A body that is not JSON is refused with 400.

    It is the client's mistake; 5xx makes SDKs send it again and again, and operators look for a fault of their own.

    Fix: answer 400 with an error object when the body can't be parsed.
    """
    yield from _not_refused(exchange, (400, 415, 422))


@must(ERROR_CODES, on=EVERY, answers=ANY, relay=SHOULD, when=refused_as("missing"))
def missing_field_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """The refusal of a request without a required field has a 4xx status.

    SDKs retry a 5xx, so that one mistake becomes three. new-api is known to answer 500 here.

    Fix: answer 400 and name the field in `param`.
    """
    if exchange.succeeded:
        raise Absent("told by bad_request_is_not_answered_as_good")
    yield from _not_refused(exchange, range(400, 500))


@must(ERROR_CODES, on=EVERY, answers=ANY, relay=SHOULD, when=refused_as("wrong-type"))
def wrong_type_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A field of the wrong type, or out of its range, is refused with 4xx.

    What is accepted is dropped or guessed; the client believes in a setting that has no effect.

    Fix: validate, or pass the field on and give the upstream's 400 back.
    """
    yield from _not_refused(exchange, range(400, 500))


@must(OBSERVED, on=EVERY, answers=ANY, when=refused_as("missing"))
def bad_request_is_not_answered_as_good(exchange: Exchange) -> Iterator[Finding]:
    """A request without its required parts gets no answer as if it had them.

    An answer to nothing costs money, and hides the mistake that made the request.

    Fix: validate required fields before a request goes upstream.
    """
    if exchange.succeeded:
        yield Finding("status", f"{exchange.status} for {exchange.expect.get('with')}")


def _not_refused(exchange: Exchange, allowed: Any) -> Iterator[Finding]:
    if exchange.status in (401, 403, 429) or overloaded(exchange):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.expect.get("shut"):
        raise Untested(f"the relay had stopped answering good requests as well: {said(exchange)}")
    if exchange.status not in allowed:
        yield Finding("status", f"{exchange.status} for {exchange.expect.get('with')}: {said(exchange)}")


@must(ERROR_CODES, on=EVERY, answers=ANY, when=refused_as("model"))
def unknown_model_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A model that does not exist is refused: 404 or 400, or 503 with code `model_not_found` on relays.

    An answer means that another model was silently taken. A bare 503 tells the client to come again later.

    Fix: answer 404 with code model_not_found.
    """
    if exchange.status in (401, 403, 429) or (overloaded(exchange) and error_code(exchange) != "model_not_found"):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.expect.get("shut"):
        raise Untested(f"the relay had stopped answering good requests as well: {said(exchange)}")
    code = None if exchange.succeeded else error_code(exchange)
    if exchange.status in (400, 404, 422) or (exchange.status == 503 and code == "model_not_found"):
        return
    yield Finding("status", f"{exchange.status} for a model that does not exist: {said(exchange)}")


@must(ERROR_CODES, on=EVERY, answers=REFUSED, relay=SHOULD, when=refused_as("model"))
def unknown_model_is_404(exchange: Exchange) -> Iterator[Finding]:
    """A model that does not exist is answered with 404 or 400.

    503 is retried by SDKs and alarms operators, also with code model_not_found, as new-api sends it.

    Fix: answer 404 with code model_not_found.
    """
    if exchange.status not in (400, 404, 422) and (exchange.status, error_code(exchange)) != (503, "model_not_found"):
        raise Absent("told by unknown_model_is_refused")
    if exchange.status == 503:
        yield Finding("status", f"503: {said(exchange)}")


NAMELESS = re.compile(
    r"(?i)model\s*(?:''|\"\"|``|“”|「」)|模型\s+(?=无可用|不存在)|model name is empty|"
    r"for model\s*(?:under|in|,|\.|$)"
)


@must(OBSERVED, on=EVERY, answers=REFUSED, when=refused_as("model"))
def message_names_the_model(exchange: Exchange) -> Iterator[Finding]:
    """An error about a model does not lose the model's name.

    A message with a hole where the name should be shows that the relay lost the request's model on the way.

    Fix: read the model before the body is consumed.
    """
    message = get(exchange.answered.json, "/error/message", str)
    if not message:
        raise Absent("no message")
    if NAMELESS.search(message):
        yield Finding("/error/message", shown(message))


@should(HTTP_AUTH, on=EVERY, answers=ANY, when=refused_as("foreign-key"))
def foreign_key_header_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A key in another API's header opens no OpenAI path.

    Proxies and logs keep the Authorization header to themselves; a key that is taken from any header is logged.

    Fix: read x-goog-api-key on Gemini's paths only.
    """
    if exchange.succeeded:
        yield Finding("status", f"{exchange.status} with {exchange.expect.get('with')}")


@should(ERROR_CODES, on=EVERY, answers=ANY, when=refused_as("unknown-field"))
def unknown_field_breaks_nothing(exchange: Exchange) -> Iterator[Finding]:
    """A field that nobody knows is dropped, or refused with 4xx.

    Newer clients send newer fields; a 5xx makes their SDKs send it again and again.

    Fix: ignore it, or answer 400 and name it.
    """
    yield from _not_refused(exchange, range(200, 500))


@must(HTTP, on=EVERY, answers=ANY, when=refused_as("path"))
def unknown_path_is_not_found(exchange: Exchange) -> Iterator[Finding]:
    """A path that does not exist is answered with 404, not with a web page.

    A wrong base URL is the commonest mistake of all; an HTML page with status 200 makes it a riddle.

    Fix: let the web front end take no path under /v1.
    """
    _not_limited(exchange)
    if exchange.status not in (*KEY_REFUSED, *NOT_THERE):
        yield Finding("status", f"{exchange.status} for a path that does not exist: {said(exchange)}")


@should(HTTP, on=EVERY, answers=ANY, when=refused_as("method"))
def wrong_method_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A wrong method on a known path is answered with 405 or 404, and with a JSON body.

    Fixing a client goes by these words. GET on chat completions may also list what was stored, as OpenAI's own does.

    Fix: answer 405 with an Allow header and an error object.
    """
    _not_limited(exchange)
    if exchange.status not in (401, 403, 404, 405) and not _is_a_list(exchange):
        yield Finding("status", f"{exchange.status} for {exchange.request.method}: {said(exchange)}")
        return
    try:
        exchange.answered.json  # noqa: B018
    except Absent:
        yield Finding("body", f"{exchange.status} without JSON: {shown(exchange.answered.text[:80])}")


def _is_a_list(exchange: Exchange) -> bool:
    try:
        return exchange.succeeded and get(exchange.answered.json, "/object") == "list"
    except Absent:
        return False


@should(ERROR_CODES, on=EVERY, answers=REFUSED, when=lambda exchange: _may_be_lacking(exchange))
def what_a_model_cannot_do_is_refused_with_4xx(exchange: Exchange) -> Iterator[Finding]:
    """A request for something that the model can't do (see a picture, call a tool) is refused with 4xx.

    5xx says that the server is broken: SDKs retry, and relays count it against a channel that is well.

    Fix: answer 400, and say what the model can't do.
    """
    if exchange.expect.get("answer") and not lacks(exchange):
        raise Absent("told by valid_request_is_answered")
    if exchange.status >= 500 and not is_missing(exchange):
        yield Finding("status", f"{exchange.status}: {said(exchange)}")


def _may_be_lacking(exchange: Exchange) -> bool:
    """True where the sender, or the answer to a legal request, says that not every model can do this."""
    legal = exchange.expect.get("generated") == "valid"
    return bool(exchange.expect.get("optional")) or (legal and has_none_of_it(exchange))


TOO_LONG = re.compile(
    r"(?i)context_length_exceeded|maximum context length|context (length|window|size)|prompt is too long"
)
NO_MONEY = (
    "insufficient_quota",
    "insufficient_user_quota",
    "pre_consume_token_quota_failed",
    "billing_hard_limit_reached",
)


@must(ERROR_CODES, on=EVERY, answers=REFUSED, needs=STATUS, when=lambda exchange: is_too_long(exchange))
def long_prompt_is_the_clients_mistake(exchange: Exchange) -> Iterator[Finding]:
    """A prompt that is too long is refused with 4xx, and the refusal does not repeat the prompt.

    Agents shorten the conversation on code context_length_exceeded; on 5xx they send the same again. A raw upstream
    event that is passed on can hold the system prompt, and ends in logs and tickets.

    Fix: pass the upstream's 400 and its code on, in the error envelope.
    """
    if exchange.status >= 500:
        yield Finding("status", f"{exchange.status}: {said(exchange)}")
    said_again = next((text for text in long_texts(exchange) if text[:80] in exchange.answered.text), None)
    if said_again is not None:
        yield Finding("body", f"the prompt stands in it: {shown(said_again[:80])}")


@must(ERROR_CODES, on=EVERY, answers=ANY, when=refused_as("context"))
def long_prompt_is_not_cut(exchange: Exchange) -> Iterator[Finding]:
    """A prompt that is too long is refused, or read to its end: it is not cut without a word.

    The answer is about what was left. A model that takes so much counts so much: fewer prompt_tokens than the prompt
    has words are a prompt that was cut, or never read.

    Fix: pass the upstream's 400 with code context_length_exceeded on.
    """
    if not exchange.succeeded:
        return
    least, counted = exchange.expect.get("at_least", 0), exchange.one("/usage/prompt_tokens", int)
    if counted < least:
        yield Finding("/usage/prompt_tokens", f"{counted} for a prompt of {least:,} words")


def is_too_long(exchange: Exchange) -> bool:
    """True when the sender meant the prompt to be too long, or the refusal says that it was."""
    return exchange.expect.get("refusal") == "context" or bool(TOO_LONG.search(exchange.answered.text))


def long_texts(exchange: Exchange) -> list[str]:
    """The texts of the request's messages that are long enough to be known again."""
    paths = ("/messages/*/content", "/messages/*/content/*/text", "/prompt", "/input", "/system")
    texts = [text for path in paths for _, text in find(exchange.request.json, path, str)]
    return [text for text in texts if len(text) >= 80]


@must(
    ERROR_CODES,
    on=EVERY,
    answers=REFUSED,
    needs=(STATUS, HEADERS),
    when=lambda exchange: exchange.status == 429 and _limit_not_quota(exchange),
)
def rate_limit_says_when(exchange: Exchange) -> Iterator[Finding]:
    """A 429 says when to come again: Retry-After, or a rate limit's reset header.

    Clients that don't know guess, and knock in step with all others.

    Fix: pass the upstream's headers on, or set Retry-After.
    """
    names = [name.lower() for name, _ in exchange.answered.headers]
    if not any(name.startswith("retry-after") or "ratelimit" in name for name in names):
        yield Finding("header retry-after", "missing, and no ratelimit header either")


@should(
    ERROR_CODES,
    on=EVERY,
    answers=REFUSED,
    needs=(STATUS, HEADERS),
    when=lambda exchange: exchange.status == 503 and not exchange.expect.get("refusal"),
)
def outage_says_when(exchange: Exchange) -> Iterator[Finding]:
    """A 503 says when to come again: Retry-After.

    SDKs wait as long as it says, and else try again at once, all together.

    Fix: set Retry-After.
    """
    if not exchange.answered.has("retry-after") and not exchange.answered.has("retry-after-ms"):
        yield Finding("header retry-after", "missing")


def _limit_not_quota(exchange: Exchange) -> bool:
    return "quota" not in exchange.answered.text and "balance" not in exchange.answered.text


@should(HTTP, on=EVERY, answers=REFUSED, needs=STATUS, when=lambda exchange: is_about_money(exchange))
def empty_balance_is_429_or_403(exchange: Exchange) -> Iterator[Finding]:
    """An empty balance is answered as the official API does (429 insufficient_quota) or as one-api does (403).

    SDKs have no class for 402, and clients no branch; 5xx and 400 hide that money is what is missing.

    Fix: answer 429 with code insufficient_quota.
    """
    if exchange.status not in (403, 429):
        yield Finding("status", f"{exchange.status}: {said(exchange)}")


def is_about_money(exchange: Exchange) -> bool:
    """True for a refusal because the balance is empty."""
    return exchange.status == 402 or error_code(exchange) in NO_MONEY


@should(CORS, on=EVERY, answers=ANY, when=lambda exchange: exchange.request.method == "OPTIONS")
def preflight_is_answered(exchange: Exchange) -> Iterator[Finding]:
    """A CORS preflight is answered with 2xx and says what is allowed, without a key.

    Browsers send it without the key; refused, no web client can use the relay.

    Fix: answer OPTIONS before the key is checked.
    """
    _not_limited(exchange)
    if exchange.status in (404, 405):
        raise Absent("the relay does not serve browsers")
    if not exchange.succeeded or not exchange.answered.has("access-control-allow-origin"):
        origin = exchange.answered.header("access-control-allow-origin") or "none"
        yield Finding("status", f"{exchange.status}, Access-Control-Allow-Origin: {origin}")


def _from_elsewhere(exchange: Exchange) -> bool:
    return exchange.expect.get("with") == "an Origin header"


@should(CORS, on=EVERY, answers=ANY, when=_from_elsewhere)
def origin_makes_no_difference(exchange: Exchange) -> Iterator[Finding]:
    """A request with an Origin header is answered like any other.

    Desktop and browser clients send one; a 403 with an empty body is all they see.

    Fix: do not refuse unknown origins on the API paths; the key is what protects them.
    """
    if exchange.status in (401, 429):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.status == 403:
        yield Finding("status", f"403 with an Origin header: {said(exchange)}")


@should(OBSERVED, on=EVERY, answers=REFUSED, across=repeats)
def refusals_are_stable(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """The same bad request is refused the same way each time.

    Tests and error handling rely on it.

    Fix: decide on the request, not on the channel that happened to be chosen.
    """
    first, second = ((each.status, error_code(each)) for each in exchanges)
    if 429 in (first[0], second[0]):
        raise Untested("the relay limited the rate")
    if any(each.expect.get("shut") for each in exchanges):
        raise Untested("the relay had stopped answering good requests as well")
    if first != second:
        yield Finding("status", f"{first}, then {second}")


@should(OBSERVED, on=EVERY, answers=ANY, across=together)
def bad_requests_do_no_harm(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """After bad requests the relay still answers good ones.

    A circuit breaker that counts clients' mistakes lets one clumsy client shut a channel for everyone.

    Fix: count only failures of the upstream.
    """
    checks = [each for each in exchanges if each.expect.get("after")]
    if not checks:
        raise Absent("no request was sent after a bad one")
    limited = next((each for each in checks if each.status in (401, 403, 429)), None)
    if limited is not None:
        raise Untested(f"the relay answered {limited.status}: {said(limited)}")
    for each in checks:
        if not each.succeeded:
            yield Finding("status", f"{each.status} for a good request after {each.expect['after']}: {said(each)}")


def error_code(exchange: Exchange) -> Any:
    """error.code of a refusal; None when there is none."""
    try:
        return get(exchange.answered.json, "/error/code")
    except Absent:
        return None
