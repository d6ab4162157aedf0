"""Refusals, keys and limits: statuses, envelopes, and errors that come as successes."""

from __future__ import annotations

import hashlib
from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.document import change, drop, edit, only, put, rename
from relayproof.faults.fault import UNTESTED, WARNS, Condition, Family, anyhow, ok, refused
from relayproof.faults.parameters import asks, both, by_default, every, openai_error, with_header, without
from relayproof.faults.reply import HTML, TEXT, gzipped, header, headers_gone, instead, message, status
from relayproof.pointer import get
from relayproof.surface import CHAT, CHAT_STREAM, COMPLETIONS, EMBEDDINGS, ERRORS, MODELS

# fmt: off
# A table: a row is a line.

SHAPE = "errors/matches-schema"
OPENAI = (MODELS, CHAT, CHAT_STREAM, COMPLETIONS, EMBEDDINGS, "other")
errors = Family("common", OPENAI, (ERRORS,), when=refused)
keys = Family("auth", OPENAI, (ERRORS,), when=refused)
open_doors = Family("auth", (), (CHAT, ERRORS), when=anyhow)
busy = Family("limits", (CHAT, CHAT_STREAM), (CHAT, CHAT_STREAM), when=anyhow)
limits = Family("limits", (CHAT, CHAT_STREAM), (CHAT, CHAT_STREAM, ERRORS), when=anyhow)


def when_status(*codes: int) -> Condition:
    """True for these statuses."""
    return lambda answer: answer.status in codes


BAD_KEY, NOT_FOUND, BAD = when_status(401), when_status(404), when_status(400)
EXCEPTION = "UnboundLocalError: local variable 'valid_token_dict' referenced before assignment"
PAGE = "<!DOCTYPE html><html><title>relay.example | 524: A timeout occurred</title></html>"

# The envelope

errors.seen("error-200-with-error-object", "An error comes with status 200.", status(200), by=("every-response/error-is-not-*", "errors/bad-*", "errors/*is-refused"))
errors.seen("error-always-200-business-code", "Every failure is a 200 with a code in the body.", instead(lambda answer: {"code": 100, "message": message(answer), "data": None}, 200), by=("errors/*is-refused", "errors/bad-*"))
errors.seen("error-gateway-status-code-fields", "Errors have status_code and status_message.", instead(lambda answer: {"status_code": 50001, "status_message": message(answer)}), by=SHAPE)
errors.seen("error-code-integer", "error.code is the status as a number.", lambda answer: put("/error/code", answer.status)(answer), by=SHAPE)
errors.seen("error-type-param-string-none", "type and param are the text \"None\".", put("/error/type", "None"), put("/error/param", "None"), by="errors/type-and-param-*")
errors.seen("error-envelope-missing-param-code", "An error has no param and no code, and a vendor's type.", drop("/error/param"), drop("/error/code"), put("/error/type", "one_api_error"), by="errors/matches-schema-openai", verdict=WARNS)
errors.seen("header-gzip-only-on-errors", "Errors are labelled gzip and are not.", header("content-encoding", "gzip"), by=("every-response/content-encoding-is-true", "every-response/arrives-whole"))
errors.seen("timeout-524-html", "A time-out is a web page.", instead(PAGE, 524, HTML), by=("errors/body-is-json", "every-response/valid-request-*"))
for key in ("message", "type"):
    errors.sibling(f"error-{key}-missing", f"An error has no {key}.", drop(f"/error/{key}"), by=SHAPE)
    errors.sibling(f"error-{key}-null", f"An error's {key} is null.", put(f"/error/{key}", None), by=SHAPE)
errors.sibling("error-message-empty", "An error's message is empty.", put("/error/message", ""), by=SHAPE)
errors.sibling("error-message-object", "An error's message is an object.", change("/error/message", lambda text: {"en": text}), by=SHAPE)
errors.sibling("error-is-text", "`error` is a text.", change("/error", lambda error: error["message"]), by=SHAPE)
errors.sibling("error-is-a-list", "`error` is a list.", change("/error", lambda error: [error]), by=SHAPE)
errors.sibling("error-without-envelope", "An error has no envelope: message and type stand alone.", edit(lambda document: document["error"]), by=SHAPE)
errors.sibling("error-detail-of-fastapi", "Errors are FastAPI's detail.", instead(lambda answer: {"detail": message(answer)}), by=SHAPE)
errors.sibling("error-errors-plural", "The key is `errors`.", rename("/error", "errors"), by=SHAPE)
errors.sibling("error-success-false", "Errors are success: false with status 200.", instead(lambda answer: {"success": False, "message": message(answer)}, 200), by=("every-response/error-is-not-*", "errors/*is-refused", "errors/bad-*"))
errors.sibling("error-in-anthropics-envelope", "Errors come in Anthropic's envelope.", instead(lambda answer: {"type": "error", "error": {"type": "invalid_request_error", "message": message(answer)}}), by="errors/envelope-*", verdict=WARNS)
errors.sibling("error-plain-text", "Errors are plain text.", instead(message, None, TEXT), by="errors/body-is-json")
errors.sibling("error-page", "Errors are web pages.", instead("<html><h1>502 Bad Gateway</h1></html>", 502, HTML), by="errors/body-is-json")
errors.sibling("error-empty-body", "Errors have no body.", instead(b""), by="errors/body-is-json")
errors.sibling("error-labelled-html", "JSON errors are labelled as web pages.", header("content-type", HTML), by="errors/refusal-is-labelled-as-json", verdict=WARNS)
errors.sibling("error-code-float", "error.code is a number with decimals.", put("/error/code", 400.0), by=SHAPE)
errors.sibling("error-param-list", "error.param is a list.", put("/error/param", ["messages"]), by=SHAPE)
errors.sibling("error-nil", "param is the text of Go's nothing.", put("/error/param", "<nil>"), by="errors/type-and-param-*")
errors.sibling("error-unlabelled-gzip", "Errors are packed and not labelled.", gzipped(labelled=False), by=("errors/body-is-json", "every-response/content-encoding-is-true"))
errors.sibling("error-trailing-log", "A log line stands behind the error.", lambda answer: answer.say(answer.body + b'\n{"log":"x"}'), by="errors/body-is-json")
errors.sibling("error-traceback", "Errors show a traceback.", change("/error/message", lambda text: f'{text} Traceback (most recent call last): File "/srv/relay/app.py", line 7'), by="every-response/errors-keep-*", verdict=WARNS)
errors.sibling("error-upstream-address", "Errors name the upstream's address.", change("/error/message", lambda text: f"{text} (Post https://upstream.example:8443/v1/chat/completions: EOF)"), by="every-response/errors-keep-*", verdict=WARNS)
errors.sibling("error-channel-number", "Errors name the channel.", change("/error/message", lambda text: f"{text} (channel #17)"), by="every-response/errors-keep-*", verdict=WARNS)
errors.sibling("error-azure-address", "Errors name the upstream's address at Azure.", change("/error/message", lambda text: f"{text} (https://eu.openai.azure.com/openai/deployments/x)"), by="every-response/errors-keep-*", verdict=WARNS)
errors.sibling("error-upstream-key", "Errors name the upstream's key.", change("/error/message", lambda text: f"Incorrect API key provided: sk-proj-{'0123456789' * 3}"), by="every-response/errors-keep-*", verdict=WARNS)
errors.sibling("error-internal-address", "Errors name an address of the inner network.", change("/error/message", lambda text: f"dial tcp 10.1.2.3:8080: {text}"), by="every-response/errors-keep-*", verdict=WARNS)
errors.harmless("error-with-request-id", "Errors name their request id, in the message and in the header.", header("x-oneapi-request-id", None), put("/error/code", None))
errors.harmless("error-extra-keys", "Errors carry keys that nobody knows.", put("/error/metadata", {"provider": "x"}), put("/request_id", "r-1"))
errors.harmless("error-param-empty", "param is \"\" where it is unknown, as new-api sends it.", change("/error/param", lambda param: param or ""))

# Statuses

for code, reason, rule in (
    (500, "malformed", "errors/malformed-json-*"),
    (502, "path", "errors/unknown-path-*"),
):
    condition = BAD if reason == "malformed" else both(NOT_FOUND, without(asks("/model")))
    errors.sibling(f"{reason}-{code}", f"What is wrong with the {reason} is answered with {code}.", only(condition, status(code)), by=rule)
errors.sibling("malformed-200", "A body that is not JSON is answered.", only(both(BAD, without(asks("/model")), without(asks("/messages"))), instead({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []}, 200)), by=("errors/malformed-json-*",))
errors.sibling("missing-messages-500", "A request without messages is answered with 500.", only(both(BAD, asks("/model"), without(asks("/messages"))), status(500)), by="errors/missing-field-*", verdict=WARNS)
errors.sibling("missing-model-500", "A request without a model is answered with 500.", only(both(BAD, asks("/messages"), without(asks("/model"))), status(500)), by="errors/missing-field-*", verdict=WARNS)
errors.sibling("wrong-type-500", "A temperature that is a text is answered with 500.", only(asks("/temperature"), status(500)), by="errors/wrong-type-*", verdict=WARNS)
errors.sibling("unknown-path-page", "An unknown path is a web page with status 200.", only(both(NOT_FOUND, without(asks("/model"))), instead(PAGE, 200, HTML)), by="errors/unknown-path-*")
errors.sibling("wrong-method-200", "GET on chat completions is a web page.", only(when_status(405), instead(PAGE, 200, HTML)), by="errors/wrong-method-*", verdict=WARNS)
errors.harmless("chats-listed", "GET on chat completions lists those that were stored.", only(when_status(405), instead({"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}, 200)))
errors.sibling("wrong-method-text", "GET on chat completions is answered with 405 in plain words.", only(when_status(405), instead("Method Not Allowed", 405, TEXT)), by="errors/wrong-method-*", verdict=WARNS)
errors.sibling("wrong-method-500", "GET on chat completions is answered with 500.", only(when_status(405), status(500)), by="errors/wrong-method-*", verdict=WARNS)
errors.sibling("all-refusals-500", "Every refusal is a 500.", status(500), by=("errors/malformed-json-*", "errors/unknown-model-*", "errors/bad-key-*"))
errors.sibling("all-refusals-503", "Every refusal is a 503.", status(503), by=("errors/malformed-json-*", "errors/unknown-model-*", "errors/bad-key-*"))
errors.sibling("refusals-change", "The same mistake is answered in another way each time.", only(both(BAD, every(2, "refusal")), status(422)), by="errors/refusals-are-stable", ask=(ERRORS, COMPLETIONS), verdict=WARNS)
errors.harmless("malformed-415", "A body that is not JSON is answered with 415.", only(both(BAD, without(asks("/model")), without(asks("/messages"))), status(415)))
errors.harmless("missing-422", "A missing field is answered with 422.", only(BAD, status(422)))
anything = Family("common", OPENAI, (CHAT, ERRORS), when=anyhow)
anything.sibling("missing-messages-answered", "A request without messages is answered.", by_default("messages", [{"role": "user", "content": "Hi"}]), by="errors/bad-request-is-not-*")
anything.sibling("missing-model-answered", "A request without a model is answered by some model.", by_default("model", "gpt-4o-mini"), by="errors/bad-request-is-not-*")


def _trips(answer: Answer) -> None:
    if answer.status == 400:
        answer.asked.memory["shut"] = True
    if answer.asked.memory.get("shut") and answer.status == 200:
        answer.say(openai_error("no available channel", "server_error"), 503)


anything.sibling("bad-requests-shut-the-relay", "After a bad request the relay refuses good ones.", _trips, by=("errors/bad-requests-do-no-harm", "every-response/valid-request-*"))

# Keys

keys.seen("auth-upstream-401-as-500", "A wrong key is answered with 500.", only(BAD_KEY, instead({"detail": "Internal server error: An unexpected error occurred."}, 500)), by="errors/bad-key-is-refused")
keys.seen("auth-401-leaks-internals", "The 401 names a table and a hash of the key.",
          only(BAD_KEY, lambda answer: change("/error/message", lambda text: f"{text} Key Hash (Token) ={hashlib.sha256(b'key').hexdigest()}. Not in `Relay_VerificationTokenTable`")(answer)),
          by="every-response/errors-keep-*", verdict=WARNS)
keys.seen("auth-invalid-key-python-exception", "A wrong key is answered with an exception and 500.", only(BAD_KEY, put("/error/message", EXCEPTION), status(500)), by="errors/bad-key-is-refused")
keys.seen("auth-403-for-401", "A wrong key is answered with 403.", only(BAD_KEY, status(403)), by="errors/bad-key-is-401", verdict=WARNS)


def _own_key(asked: Any) -> str:
    return f"Bearer {asked.key}"


def _own_key_if_none(asked: Any) -> str:
    return str(asked.headers.get("authorization") or f"Bearer {asked.key}")


def _key_from_anywhere(asked: Any) -> Any:
    given = asked.headers.get("authorization")
    return given or (f"Bearer {asked.headers['x-goog-api-key']}" if "x-goog-api-key" in asked.headers else None)


open_doors.seen("auth-none-required", "A request without a key is answered.", with_header("authorization", _own_key_if_none), by="errors/bad-key-is-refused")
open_doors.seen("auth-some-routes-unprotected", "The model list needs no key.", with_header("authorization", lambda asked: f"Bearer {asked.key}" if asked.surface == MODELS else asked.headers.get("authorization")), by="errors/bad-key-is-refused")
open_doors.sibling("auth-foreign-header", "The key is taken from Gemini's header on every path.", with_header("authorization", _key_from_anywhere), by="errors/foreign-key-*", ask=(EMBEDDINGS, ERRORS), verdict=WARNS)
open_doors.sibling("unknown-field-500", "A field that nobody knows is answered with 500.", only(asks("/relayproof"), instead(openai_error("unmarshal", "server_error"), 500)), by="errors/unknown-field-*", ask=(EMBEDDINGS,), verdict=WARNS)
open_doors.sibling("auth-any-key", "Every key is good.", with_header("authorization", _own_key), by="errors/bad-key-is-refused")
open_doors.sibling("auth-chat-unprotected", "Chat needs no good key.", with_header("authorization", lambda asked: f"Bearer {asked.key}" if asked.surface == CHAT else asked.headers.get("authorization")), by="errors/bad-key-is-refused")
keys.sibling("auth-404-for-401", "A wrong key is answered with 404.", only(BAD_KEY, status(404)), by="errors/bad-key-is-refused")
keys.sibling("auth-400-for-401", "A wrong key is answered with 400.", only(BAD_KEY, status(400)), by="errors/bad-key-is-refused")
keys.sibling("auth-503-for-401", "A wrong key is answered with 503.", only(BAD_KEY, status(503)), by="errors/bad-key-is-refused")
keys.sibling("auth-redirect", "A wrong key is sent to a login page.", only(BAD_KEY, instead(b"", 302, HTML), header("location", "/login")), by="errors/bad-key-is-refused")
keys.sibling("auth-200-with-error", "A wrong key is an error with status 200.", only(BAD_KEY, status(200)), by="errors/bad-key-is-refused")
keys.sibling("auth-401-page", "A wrong key is answered with a web page.", only(BAD_KEY, instead(PAGE, 401, HTML)), by="errors/body-is-json")
keys.sibling("auth-401-empty", "A wrong key is answered with nothing.", only(BAD_KEY, instead(b"", 401)), by="errors/body-is-json")
echoing = Family("auth", OPENAI, (CHAT, ERRORS), when=anyhow)
echoing.sibling("key-in-a-header", "The key comes back in a header.", lambda answer: answer.put_header("x-debug", answer.asked.headers.get("authorization", "-")), by="every-response/key-is-not-echoed")
echoing.sibling("key-in-the-body", "The key comes back in the body.", lambda answer: put("/debug", answer.asked.headers.get("authorization", "-"))(answer), by="every-response/key-is-not-echoed")
echoing.sibling("key-hash-in-a-header", "A hash of the key comes back in a header.", lambda answer: answer.put_header("x-key-hash", hashlib.sha256(answer.asked.key.encode()).hexdigest()), by="every-response/key-is-not-echoed")

# Limits

TOO_BUSY = openai_error("Rate limit reached for requests", "requests", "rate_limit_exceeded")
SOMETIMES = both(without(asks("/nothing")), every(4, "busy"))


def busy_now(answer: Answer) -> None:
    """A right 429: envelope, Retry-After, what is left."""
    answer.say(TOO_BUSY, 429)
    for name, value in (("retry-after", "34"), ("x-ratelimit-limit-requests", "3"), ("x-ratelimit-remaining-requests", "0")):
        answer.put_header(name, value)


def rejected(answer: Answer) -> None:
    """A refusal that comes as a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "[rejected] no capacity"}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    head = {"id": f"chatcmpl-{answer.asked.count('rejected')}", "object": "chat.completion", "created": 1_700_000_000, "model": answer.asked.json.get("model")}
    answer.say(head | {"choices": [choice], "usage": usage}, 200)


def estimated(answer: Answer) -> None:
    """A usage counted from the letters of the answer."""

    def count(document: Any) -> None:
        if isinstance(get(document, "/usage"), dict):
            said = max(len(str(get(document, "/choices/0/message/content", str, ""))) // 4, 1)
            document["usage"] = {"prompt_tokens": 1, "completion_tokens": said, "total_tokens": 1 + said}

    answer.rewrite(count)


LONG = "errors/long-prompt-*"
OVERFLOW = lambda answer: get(answer.json, "/error/code") == "context_length_exceeded"  # noqa: E731
busy.seen("limits-429-no-body", "A 429 has no body.", only(SOMETIMES, busy_now, instead(b"", 429)), by="errors/body-is-json")
busy.seen("limits-retry-after-dropped", "A 429 does not say when to come again.", only(SOMETIMES, busy_now, headers_gone("retry-after", "x-ratelimit")), by="errors/rate-limit-says-when")
busy.seen("error-rejection-as-completion-text", "A rejection comes as the assistant's words.", only(SOMETIMES, rejected), by="chat/rejection-is-no-answer")
busy.seen("limits-insufficient-balance-402", "An empty balance is answered with 402.", only(SOMETIMES, instead(openai_error("Insufficient balance", "BILLING_ERROR"), 402)), by="errors/empty-balance-*", verdict=WARNS)
busy.seen("limits-tiny-max-tokens-500", "max_tokens 1 is answered with 500.", only(asks("/max_tokens", 1), instead({"statusCode": 500, "statusText": "Empty Response"}, 500)), by="every-response/valid-request-*")
busy.seen("usage-estimate-instead-of-upstream", "The usage is estimated from the letters of the answer.", only(ok, estimated), by=("usage/every-choice-is-counted", "usage/prompt-tokens-grow-with-the-prompt"))
busy.seen("chat-default-max-tokens-injected", "A limit is added where the client set none, and hidden.",
          by_default("max_tokens", 256), only(without(asks("/max_tokens")), change("/choices/*/finish_reason", lambda reason: "stop" if reason == "length" else reason)), by="chat/no-limit-is-added")
busy.seen("timeout-524-cloudflare-json", "A long request ends with Cloudflare's 524.",
          only(both(without(asks("/stream", True)), every(3, "slow")), instead({"type": "https://cloudflare.example/524", "title": "Error 524: A timeout occurred", "status": 524}, 524)), by=(SHAPE, "every-response/valid-request-*"))
busy.seen("timeout-nonstream-only", "Whole answers time out, streams do not.", only(without(asks("/stream", True)), instead(openai_error("Upstream model provider is temporarily unavailable", "server_error"), 524)), by="every-response/valid-request-*")
limits.seen("limits-413-small-body", "A picture of usual size is refused with 413.", only(lambda answer: len(answer.asked.body) > 100_000, instead("Failed to buffer the request body: length limit exceeded", 413, TEXT)), by="every-response/valid-request-*")
limits.seen("limits-context-500", "A prompt that is too long is answered with 500.", only(OVERFLOW, put("/error/type", "server_error"), put("/error/code", 500), status(500)), by=LONG)
limits.seen("limits-context-502-raw-upstream-event", "A prompt that is too long comes back in the upstream's raw event.",
            only(OVERFLOW, lambda answer: answer.say({"type": "response.failed", "response": {"error": {"code": "context_length_exceeded"}, "instructions": get(answer.asked.json, "/messages/0/content")}}, 502)), by=LONG)
limits.sibling("limits-context-answered", "A prompt that is too long is cut without a word, and answered.",
               only(OVERFLOW, lambda answer: rejected(answer)), by="errors/long-prompt-*")
busy.sibling("429-always", "Every request is refused for the moment: nothing can be measured.", busy_now, verdict=UNTESTED)
busy.sibling("429-page", "A 429 is a web page.", only(SOMETIMES, busy_now, instead(PAGE, 429, HTML)), by="errors/body-is-json")
busy.sibling("429-as-500", "A rate limit is answered with 500.", only(SOMETIMES, busy_now, status(500)), by="every-response/valid-request-*")
busy.sibling("429-as-200", "A rate limit is an error with status 200.", only(SOMETIMES, busy_now, status(200)), by=("every-response/error-is-not-*", "chat-stream/stream-is-a-stream"))
busy.sibling("some-requests-500", "Every fourth request fails with 500.", only(SOMETIMES, instead(openai_error("oops", "server_error"), 500)), by="every-response/valid-request-*")
busy.sibling("some-requests-502-page", "Every fourth request gets a proxy's page.", only(SOMETIMES, instead("<html><h1>502 Bad Gateway</h1></html>", 502, HTML)), by=("errors/body-is-json", "every-response/valid-request-*"))
busy.sibling("rate-limit-headers-impossible", "More is left than the limit allows.", header("x-ratelimit-limit-requests", "3"), header("x-ratelimit-remaining-requests", "9"), by="every-response/rate-limits-add-up", verdict=WARNS)
