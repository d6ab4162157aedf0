"""The model list and single models."""

from __future__ import annotations

import time
from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.document import change, drop, edit, only, put
from relayproof.faults.fault import WARNS, Condition, Family, anyhow, refused
from relayproof.faults.parameters import every, openai_error, with_header
from relayproof.faults.reply import HTML, TEXT, header, instead, status
from relayproof.surface import CHAT, ERRORS, MODELS

# fmt: off
# A table: a row is a line.

SHAPE = "models/*matches-schema"
models = Family("models", (MODELS,))
unknown = Family("models", (), (MODELS, ERRORS), when=refused)


def at(*endings: str) -> Condition:
    """True for a path that ends so."""
    return lambda answer: answer.asked.path.endswith(endings)


def listing(answer: Answer) -> bool:
    """True for the list."""
    return answer.asked.path.rstrip("/").endswith("/models") and "anthropic-version" not in answer.asked.headers


def single(answer: Answer) -> bool:
    """True for one model by its name."""
    return not listing(answer)


def no_such_model(answer: Answer) -> bool:
    """True where a chat names a model that does not exist."""
    return answer.asked.path.endswith("/chat/completions") and answer.status == 404


def no_channel(model: str) -> dict[str, Any]:
    """How new-api says that nobody serves a model."""
    return openai_error(f"当前分组 default 下对于模型 {model} 无可用渠道 (request id: 20260101)", "one_api_error")


CHAT_SAMPLE = {
    "id": "chatcmpl-123",
    "object": "chat.completion",
    "created": 1677652288,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
}

models.seen("models-object-missing", "The list has no `object`.", only(listing, drop("/object")), by=SHAPE)
models.seen("models-trailing-slash-error", "With a slash at the end the list is an error.", only(at("/models/"), instead({"error": "model name is empty"})), by="models/trailing-slash-*")
models.seen("models-content-type-not-json", "The list is labelled text/plain.", header("content-type", TEXT), by="every-response/json-is-labelled-*")
models.seen("models-created-per-request", "`created` is the time of the request.", lambda answer: change("/data/*/created", lambda _: int(time.time()) + answer.asked.count("list"))(answer), by="models/list-is-stable", verdict=WARNS)
models.seen("models-retrieve-missing", "No model can be fetched by its name.", only(single, instead(openai_error("Not found"), 404)), by="models/listed-model-*", verdict=WARNS)
models.seen("models-chat-completion-shape", "The list has the shape of a chat completion.", only(listing, instead(CHAT_SAMPLE)), by=("models/list-is-no-*", SHAPE))
unknown.seen("model-not-found-503", "An unknown model is answered with 503.", only(no_such_model, lambda answer: answer.say(no_channel(str(answer.asked.json["model"])), 503)), by="errors/unknown-model-is-refused")
unknown.seen("error-model-name-empty-in-message", "The message about an unknown model has lost its name.", only(no_such_model, instead(no_channel(""), 503)), by="errors/message-names-*")
for key in ("id", "object", "created", "owned_by"):
    models.sibling(f"models-without-{key.replace('_', '-')}", f"Models have no `{key}`.", drop(f"/data/*/{key}"), by=SHAPE)
    models.sibling(f"model-{key.replace('_', '-')}-missing", f"A single model has no `{key}`.", only(single, drop(f"/{key}")), by=SHAPE)
models.sibling("models-data-missing", "The list has no `data`.", only(listing, drop("/data")), by=SHAPE)
models.sibling("models-data-null", "`data` is null.", only(listing, put("/data", None)), by=SHAPE)
models.sibling("models-data-is-an-object", "`data` is an object.", only(listing, change("/data", lambda data: {each["id"]: each for each in data})), by=SHAPE)
models.sibling("models-names-only", "`data` holds names.", only(listing, change("/data", lambda data: [each["id"] for each in data])), by=SHAPE)
models.sibling("models-bare-list", "The list stands alone, without an object around it.", only(listing, edit(lambda document: document["data"])), by=SHAPE)
models.sibling("models-object-wrong", "`object` of a model is `engine`.", put("/data/*/object", "engine"), by=SHAPE)
models.sibling("models-created-milliseconds", "`created` counts milliseconds.", change("/data/*/created", lambda given: given * 1000), by=SHAPE)
models.sibling("models-created-text", "`created` is a date.", put("/data/*/created", "2024-01-01"), by=SHAPE)
models.sibling("models-created-zero", "`created` is 0.", put("/data/*/created", 0), by="models/created-is-a-date")
models.sibling("models-created-tomorrow", "`created` lies in the future.", put("/data/*/created", int(time.time()) + 10 * 86_400), by="models/created-is-a-date")
models.sibling("models-twice", "Every model stands in the list twice.", only(listing, change("/data", lambda data: data * 2)), by="models/ids-are-unique")
models.sibling("models-empty-name", "A model has no name.", only(listing, change("/data", lambda data: [*data, data[0] | {"id": ""}])), by="models/ids-are-unique")
models.sibling("models-change-from-call-to-call", "Every second list lacks a model.", only(listing, only(every(2), change("/data", lambda data: data[1:]))), by="models/list-is-stable", verdict=WARNS)
models.sibling("models-page", "A web page comes for the list.", only(listing, instead("<!doctype html><title>relay</title>", 200, HTML)), by="every-response/body-is-one-json-value")
models.sibling("models-error-in-200", "The list is an error with status 200.", only(listing, instead(openai_error("no channel"), 200)), by="every-response/error-is-not-a-success")
models.sibling("models-success-false", "The list is success: false with status 200.", only(listing, instead({"success": False, "message": "get user group failed"}, 200)), by="every-response/failure-is-not-a-success", verdict=WARNS)
models.sibling("models-500", "The list is answered with 500.", only(listing, instead(openai_error("database is locked", "server_error"), 500)), by="every-response/valid-request-is-answered")
models.sibling("model-of-another-name", "Another model than the one asked for is fetched.", only(single, put("/id", "gpt-4")), by="models/single-model-*")
models.sibling("model-in-a-list", "A single model comes as a list of one.", only(single, edit(lambda document: {"object": "list", "data": [document]})), by=SHAPE)
models.sibling("model-unknown-200", "A model that does not exist is there.", only(lambda answer: answer.status == 404, instead({"id": "x", "object": "model", "created": 1700000000, "owned_by": "x"}, 200)), by=("models/single-model-*", "models/unknown-model-*"), when=anyhow)
models.sibling("model-unknown-error-in-200", "An unknown model is an error with status 200.", only(lambda answer: answer.status == 404, status(200)), by=("models/unknown-model-*", "every-response/error-is-not-a-model"), when=anyhow, verdict=WARNS)
models.harmless("models-extra-keys", "Models carry new-api's keys.", put("/data/*/permission", []), put("/data/*/supported_endpoint_types", ["openai"]), put("/success", True))
models.harmless("models-slash-404", "With a slash at the end the list is not found.", only(at("/models/"), instead(openai_error("Invalid URL"), 404)))
models.harmless("models-slash-redirect", "With a slash at the end the list is elsewhere.", only(at("/models/"), header("location", "/v1/models"), instead("", 307, TEXT)))
models.harmless("models-longer-list", "The list has more models than were asked for.", only(listing, change("/data", lambda data: [*data, data[0] | {"id": "o9"}])))
unknown.sibling("unknown-model-500", "An unknown model is answered with 500.", only(no_such_model, status(500)), by="errors/unknown-model-is-refused")
unknown.sibling("unknown-model-bare-503", "An unknown model is answered with 503 and no code.", only(no_such_model, instead(openai_error("no channel for it", "server_error"), 503)), by="errors/unknown-model-is-refused")
unknown.sibling("unknown-model-429", "An unknown model is answered with 429.", only(no_such_model, instead(openai_error("too many requests", "rate_limit_error"), 429)), by=("errors/unknown-model-*", "errors/rate-limit-*"))
unknown.sibling("unknown-model-503-model-not-found", "An unknown model is answered with 503 and code model_not_found.", only(no_such_model, instead(openai_error("no channel for relayproof-no-such-model", "new_api_error", "model_not_found", ""), 503)), by="errors/unknown-model-is-404", verdict=WARNS)
any_model = Family("models", (), (MODELS, CHAT, ERRORS), when=anyhow)
any_model.sibling("unknown-model-answered", "A model that does not exist is answered by another one.",
                  with_header("x-relay", lambda asked: _known(asked)), by="errors/unknown-model-is-refused")


def _known(asked: Any) -> str:
    asked.edit(lambda body: body.update(model="gpt-4o-mini") if str(body.get("model", "")).startswith("relayproof") else None)
    return "1"
