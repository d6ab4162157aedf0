"""Chat completions, whole: the shape, the words for how an answer ended, tool calls, parameters, and the bill."""

from __future__ import annotations

import json
from typing import Any

from relayproof.faults.answer import Answer
from relayproof.faults.document import change, drop, edit, only, put, rename
from relayproof.faults.fault import WARNS, Family, anyhow
from relayproof.faults.parameters import (
    again,
    always,
    asks,
    both,
    clamped,
    forwarded,
    ignored,
    openai_error,
    refused,
    without,
)
from relayproof.faults.reply import TEXT, header, instead
from relayproof.pointer import find, get
from relayproof.surface import CHAT, CHAT_STREAM, ERRORS, MODELS

# fmt: off
# A table: a row is a line.

SHAPE = "chat/matches-schema"
MONEY = Family("chat", (CHAT,), (CHAT, CHAT_STREAM))
chat = Family("chat", (CHAT,))


def replaced(path: str, old: Any, new: Any) -> Any:
    """A break that puts one value in place of another, where that stands."""
    return change(path, lambda value: new if value == old else value)


REASON = "/choices/*/finish_reason"
CONTENT = "/choices/*/message/content"
CALLS = "/choices/*/message/tool_calls"

# The shape

MESSAGE = "/choices/*/message"


def _citation(start: int, end: int) -> dict[str, Any]:
    return {"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, "url": "https://a.example/", "title": "A"}}


def _as_tools(document: dict[str, Any]) -> None:
    for _, choice in find(document, "/choices/*", dict):
        called = choice["message"].pop("function_call", None)
        if called:
            choice["message"]["tool_calls"], choice["finish_reason"] = [{"id": "call_1", "type": "function", "function": called}], "tool_calls"


def _uppercase(reason: str | None) -> str | None:
    return reason and reason.upper()


chat.seen("chat-finish-reason-outside-enum", "finish_reason is a word that OpenAI does not have.", put(REASON, "UNKNOWN"), by=SHAPE)
chat.seen("gemini-finish-reason-uppercase-in-chat", "finish_reason is in capitals, as Gemini writes it.", change(REASON, _uppercase), by=SHAPE)
chat.seen("chat-finish-reason-missing-nonstream", "finish_reason is missing in whole answers.", drop(REASON), by=SHAPE)
chat.seen("created-milliseconds", "`created` counts milliseconds.", change("/created", lambda at: at * 1000 + 123), by=(SHAPE, "chat/created-is-now"))
chat.seen("created-decimal", "`created` has decimals.", change("/created", lambda at: at + 0.123), by=SHAPE)
chat.seen("tool-arguments-object", "function.arguments is an object, not a text.", change(f"{CALLS}/*/function/arguments", json.loads), by=SHAPE)
chat.seen("chat-choices-empty", "choices is empty, with status 200.", put("/choices", []), by=(SHAPE, "chat/answer-is-not-empty"))
for key in ("id", "object", "created", "model", "choices", "usage"):
    chat.sibling(f"chat-{key}-missing", f"The key `{key}` is missing.", drop(f"/{key}"), by=SHAPE)
for key, wrong in (("id", 7), ("created", "2024-01-01"), ("model", None), ("choices", None), ("usage", [])):
    chat.sibling(f"chat-{key}-wrong-type", f"`{key}` is {json.dumps(wrong)}.", put(f"/{key}", wrong), by=SHAPE)
chat.sibling("chat-object-of-a-chunk", "`object` is that of a chunk.", put("/object", "chat.completion.chunk"), by=SHAPE)
chat.sibling("chat-created-text", "`created` is a number in a text.", change("/created", str), by=SHAPE)
chat.sibling("chat-created-zero-seconds-ago-1970", "`created` counts from the start of the server.", put("/created", 4711), by="chat/created-is-now")
chat.sibling("chat-created-zero", "`created` is 0.", put("/created", 0), by="chat/created-is-*", verdict=WARNS)
chat.sibling("chat-id-empty", "`id` is empty.", put("/id", ""), by="chat/id-is-given")
chat.sibling("chat-index-missing", "A choice has no index.", drop("/choices/*/index"), by=SHAPE)
chat.sibling("chat-index-from-one", "The choices are counted from 1.", change("/choices/*/index", lambda index: index + 1), by="chat/choice-indexes-*")
chat.sibling("chat-indexes-all-zero", "All choices have index 0.", put("/choices/*/index", 0), by="chat/choice-indexes-*")
chat.sibling("chat-message-missing", "A choice has no message.", drop("/choices/*/message"), by=SHAPE)
chat.sibling("chat-message-is-a-delta", "A whole answer has a delta where the message belongs.", rename("/choices/*/message", "delta"), by=SHAPE)
chat.sibling("chat-role-missing", "The message has no role.", drop("/choices/*/message/role"), by=SHAPE)
chat.sibling("chat-role-model", "The role is `model`, as Gemini says.", put("/choices/*/message/role", "model"), by=SHAPE)
chat.sibling("chat-content-parts", "content is a list of parts.", change(CONTENT, lambda text: text and [{"type": "text", "text": text}]), by=SHAPE)
chat.sibling("chat-content-missing", "The message has no content and nothing else.", drop(CONTENT), by=(SHAPE, "chat/answer-is-not-empty"))
chat.sibling("chat-content-empty", "The message is empty.", change(CONTENT, lambda text: text and ""), by="chat/answer-is-not-empty")
chat.sibling("chat-finish-reason-null", "finish_reason is null in a whole answer.", put(REASON, None), by=SHAPE)
chat.sibling("chat-finish-reason-end-turn", "finish_reason is Anthropic's end_turn.", replaced(REASON, "stop", "end_turn"), by=SHAPE)
chat.sibling("chat-finish-reason-max-tokens", "finish_reason is max_tokens where it should be length.", replaced(REASON, "length", "max_tokens"), by=SHAPE)
chat.sibling("chat-model-of-another-family", "Another family answers.", put("/model", "qwen-turbo"), by="chat/model-is-the-one-asked-for")
chat.sibling("chat-model-empty", "`model` is empty.", put("/model", ""), by=("chat/model-is-named-plainly", "chat/matches-schema-openai"), verdict=WARNS)
chat.sibling("chat-choices-is-an-object", "choices is an object.", change("/choices", lambda choices: choices[0]), by=SHAPE)
chat.sibling("chat-answer-in-a-list", "The answer stands in a list.", edit(lambda document: [document]), by="chat/matches-schema")
chat.sibling("chat-answer-in-a-data-field", "The answer stands in a field `data`.", edit(lambda document: {"code": 0, "data": document}), by=SHAPE)
chat.sibling("chat-service-tier-unknown", "service_tier is a word that OpenAI does not have.", put("/service_tier", "gold"), by="chat/matches-schema*")
chat.harmless("chat-unknown-keys", "Keys that nobody knows stand beside the known ones.", put("/provider", "x"), put("/choices/*/native_finish_reason", "end"))
chat.harmless("chat-optional-keys-missing", "service_tier and system_fingerprint are left out.", drop("/service_tier"), drop("/system_fingerprint"))
chat.harmless("chat-dated-snapshot", "`model` names a dated snapshot.", change("/model", lambda model: f"{model}-2024-07-18"))
chat.harmless("chat-usage-without-details", "usage has no details.", drop("/usage/prompt_tokens_details"), drop("/usage/completion_tokens_details"))
chat.harmless("chat-keys-in-another-order", "The keys stand in another order.", edit(lambda document: dict(sorted(document.items(), reverse=True))))
chat.harmless("chat-other-words", "The model answers in other words each time, and as well.", only(without(asks("/response_format")), change(CONTENT, lambda text: text)))

# Parameters


def _call_a_tool(answer: Answer) -> None:
    asked = answer.asked.json
    name = get(asked, "/tools/0/function/name", str)
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"city": "Paris"}'}}

    def called(document: Any) -> None:
        for choice in document["choices"]:
            choice["message"] |= {"content": None, "tool_calls": [call]}
            choice["finish_reason"] = "tool_calls"

    answer.rewrite(called)


def _prose_for_json(text: str | None) -> str | None:
    return text and f"Hello!\n\n```json\n{text}\n```"


def _own_keys(text: str | None) -> str | None:
    document = json.loads(text or "{}")
    return json.dumps({f"the_{key}": value for key, value in document.items()})


def _past_the_stop(answer: Answer) -> None:
    stop = get(answer.asked.json, "/stop")
    end = stop[0] if isinstance(stop, list) else stop
    if end:
        answer.rewrite(lambda document: change_all(document, lambda text: f"{text}{end} and more"))


def change_all(document: Any, new: Any) -> None:
    """Change the text of every message."""
    for _, message in find(document, "/choices/*/message", dict):
        if message.get("content"):
            message["content"] = new(message["content"])


FORMAT = asks("/response_format/type", "json_schema")
chat.seen("chat-tool-choice-none-ignored", "A tool is called although tool_choice is none.", only(asks("/tool_choice", "none"), _call_a_tool), by="chat/tool-choice-none-*")
chat.seen("stop-ignored", "`stop` is accepted and has no effect.", _past_the_stop, by="chat/stop-is-honoured")
chat.seen("json-schema-dropped", "A json_schema is dropped: prose and a fence around the JSON.", only(FORMAT, change(CONTENT, _prose_for_json)), by="chat/json-schema-*")
chat.seen("json-schema-own-shape", "JSON comes, with keys of the model's own.", only(FORMAT, change(CONTENT, _own_keys)), by="chat/json-schema-*")
chat.seen("n-ignored-chat", "n is ignored: one choice.", change("/choices", lambda choices: choices[:1]), by="chat/n-is-honoured")
chat.seen("n-invalid-accepted", "n = 0 gets an answer.", forwarded(lambda body: body.pop("n") if body.get("n") == 0 else None), by=("chat/impossible-n-*", "errors/wrong-type-*"), ask=(CHAT, ERRORS), verdict=WARNS)
chat.seen("stream-default-on", "A request that does not mention `stream` gets a stream.",
          forwarded(lambda body: body.setdefault("stream", True)), by=("every-response/body-is-one-json-value", "chat/*stream*", "every-response/json-is-labelled*"))
chat.sibling("stop-dropped-on-the-way", "`stop` never reaches the model.", ignored("stop"), by="chat/stop-is-honoured")
chat.sibling("stop-kept-in-the-text", "The text ends with the stop sequence, not before it.",
             only(asks("/stop"), edit(lambda document: change_all(document, lambda text: f"{text}5"))), by="chat/stop-is-honoured")
chat.sibling("json-object-ignored", "json_object is dropped: prose comes.", ignored("response_format"), by="chat/json-object-*")
chat.sibling("json-schema-fenced", "The JSON stands in a Markdown fence.", only(FORMAT, change(CONTENT, lambda text: f"```json\n{text}\n```")), by="chat/json-schema-*")
chat.sibling("json-schema-half", "The JSON breaks off, with finish_reason stop.", only(FORMAT, change(CONTENT, lambda text: text[:-3])), by="chat/json-schema-*")
chat.sibling("json-schema-wrong-type", "A number of the schema comes as a text.",
             only(FORMAT, change(CONTENT, lambda text: json.dumps({key: str(value) for key, value in json.loads(text).items()}))), by="chat/json-schema-*")
chat.sibling("json-schema-additional-key", "A key comes that the schema forbids.",
             only(FORMAT, change(CONTENT, lambda text: json.dumps(json.loads(text) | {"note": "ok"}))), by="chat/json-schema-*")
chat.sibling("max-tokens-ignored", "max_tokens is ignored.", ignored("max_tokens"), by=("chat/token-limit-*", "chat/*limit*"))
chat.sibling("max-completion-tokens-ignored", "max_completion_tokens is ignored, max_tokens is not.", ignored("max_completion_tokens"), by="chat/token-limit-*")
chat.sibling("n-too-many", "One choice too many comes.",
             change("/choices", lambda choices: [*choices, dict(choices[-1]) | {"index": len(choices)}]), by="chat/n-is-honoured")
chat.sibling("tools-dropped", "The tools never reach the model: text comes where a call is forced.", ignored("tools", "tool_choice"), by="chat/forced-tool-*")
chat.sibling("tool-choice-required-ignored", "tool_choice required is taken as auto, and the model talks.", forwarded(lambda body: body.update(tool_choice="none") if body.get("tool_choice") == "required" else None), by="chat/forced-tool-*")
chat.sibling("tool-choice-named-ignored", "Another function is called than the one that is named.",
             only(asks("/tool_choice/function/name"), put(f"{CALLS}/*/function/name", "get_weather")), by="chat/named-tool-*")
chat.sibling("parallel-tool-calls-ignored", "parallel_tool_calls false is ignored.",
             forwarded(lambda body: body.update(messages=[{"role": "user", "content": "Use the tools."}], parallel_tool_calls=True) if body.get("parallel_tool_calls") is False else None),
             by="chat/parallel-calls-*")
chat.sibling("tool-call-without-tools", "A tool is called although none was offered.",
             only(without(asks("/tools")), put(CALLS, [{"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{}"}}]), put(REASON, "tool_calls"), put(CONTENT, None)), by="chat/no-call-without-tools")
chat.sibling("logprobs-ignored", "logprobs is ignored.", ignored("logprobs", "top_logprobs"), by="chat/logprobs-are-delivered", verdict=WARNS)
chat.sibling("top-logprobs-ignored", "More alternatives come than were asked for.", only(asks("/top_logprobs"), change("/choices/*/logprobs/content/*/top_logprobs", lambda given: given * 3)), by="chat/logprobs-are-delivered", verdict=WARNS)
chat.sibling("top-logprobs-missing", "No alternatives come although two were asked for.", put("/choices/*/logprobs/content/*/top_logprobs", []), by="chat/logprobs-*", verdict=WARNS)
chat.sibling("logprobs-are-percentages", "logprob is a probability in percent.", put("/choices/*/logprobs/content/*/logprob", 90.5), by="chat/logprobs-are-logarithms")
chat.sibling("logprobs-of-half-the-text", "The log probabilities miss every second token.", change("/choices/*/logprobs/content", lambda given: given and given[::2]), by="chat/logprobs-are-of-this-text")
chat.sibling("logprobs-unasked", "Log probabilities come unasked.", always("logprobs", True), by="chat/logprobs-come-only-*")
chat.sibling("system-message-dropped", "Only the last message reaches the model.", forwarded(lambda body: body.update(messages=body["messages"][-1:])), by="usage/every-message-*")
chat.sibling("pictures-dropped", "Pictures are taken out of the messages.",
             forwarded(lambda body: [message.update(content=[part for part in message["content"] if part.get("type") != "image_url"])
                                     for message in body["messages"] if isinstance(message.get("content"), list)]), by="usage/pictures-*", ask=(CHAT, CHAT_STREAM), verdict=WARNS)
chat.sibling("functions-answered-as-tools", "A request with `functions` is answered with tool_calls.", edit(_as_tools), by="chat/no-call-without-tools")
chat.sibling("parallel-calls-dropped-field", "parallel_tool_calls never reaches the model.", ignored("parallel_tool_calls"), by="chat/parallel-calls-*")
chat.sibling("created-in-local-time", "`created` is the local time of another zone.", change("/created", lambda at: at + 8 * 3600), by="chat/created-is-now")
chat.sibling("citation-backwards", "A citation ends before it begins.", put(f"{MESSAGE}/annotations", [_citation(5, 2)]), by="chat/annotations-*")
chat.sibling("citation-beyond-the-text", "A citation points behind the text.", put(f"{MESSAGE}/annotations", [_citation(0, 90_000)]), by="chat/annotations-*")
chat.harmless("metadata-unasked", "An answer that was not stored has metadata: a note, no more, of a relay.", edit(lambda document: document.update(metadata={"label": "x"})))
chat.sibling("control-token-in-the-text", "Every text ends with the model's control token.", only(both(without(asks("/response_format")), without(asks("/logprobs"))), change(CONTENT, lambda text: text and f"{text}<|im_end|>")), by="chat/control-tokens-*", verdict=WARNS)
chat.sibling("text-as-latin-1", "The text is UTF-8 read as Latin-1.", change(CONTENT, lambda text: text and text.encode().decode("latin-1")), by="chat/repeated-line-*")
chat.sibling("text-in-question-marks", "What is not ASCII has become question marks.", change(CONTENT, lambda text: text and text.encode("ascii", "replace").decode()), by="chat/repeated-line-*")
chat.sibling("text-escaped-twice", "The text is escaped once too often.", change(CONTENT, lambda text: text and json.dumps(text)[1:-1]), by="chat/repeated-line-*")
chat.sibling("prompt-folded-to-ascii", "What is not ASCII never reaches the model.",
             forwarded(lambda body: [message.update(content=message["content"].encode("ascii", "ignore").decode()) for message in body["messages"] if isinstance(message.get("content"), str)]), by="chat/repeated-line-*")
chat.sibling("content-list-refused", "A message whose content is a list of texts is refused.",
             refused(400, openai_error("content must be a string"), lambda answer: bool(asks("/messages/*/content/*/text")(answer)) and not asks("/messages/*/content/*/type", "image_url")(answer)), by="every-response/valid-request-*")

# Refusals of what is allowed

chat.seen("logprobs-true-500", "logprobs: true is answered with 500.", refused(500, "Internal Server Error", asks("/logprobs", True), TEXT), by="every-response/valid-request-is-answered")
chat.seen("request-assistant-content-null-rejected", "An assistant message with content null is refused.",
          refused(400, openai_error("'content' is to be a text or a list."), asks("/messages/*/content", None)), by="every-response/valid-request-is-answered")
chat.seen("nonstream-sse-unmarshal-500", "Whole answers fail with 500: the relay can't read its upstream's.",
          refused(500, openai_error("invalid character 'd' looking for beginning of value", "one_api_error", "unmarshal_response_body_failed", ""), anyhow),
          by="every-response/valid-request-is-answered", ask=(MODELS, CHAT))
for parameter in ("tools", "response_format", "stop", "n", "functions", "temperature", "max_completion_tokens"):
    chat.sibling(f"{parameter.replace('_', '-')}-refused", f"A request with `{parameter}` is refused.",
                 refused(400, openai_error(f"Unrecognized request argument supplied: {parameter}", param=parameter), asks(f"/{parameter}")),
                 by="every-response/valid-request-is-answered")
for name, words, path in (("tools", "tools", "/tools"), ("functions", "functions", "/functions"), ("n", "n > 1", "/n"), ("logprobs", "logprobs", "/logprobs"),
                          ("response-format", "response_format", "/response_format"), ("picture", "image input", "/messages/*/content/*/image_url")):
    chat.harmless(f"{name}-not-supported", f"The model does without {words}, and the relay says so.", refused(400, openai_error(f"{words} is not supported with this model.", code="unsupported_parameter"), asks(path)))
chat.sibling("tool-choice-named-500", "A tool_choice that names a function is answered with 500.", refused(500, openai_error("bad", "server_error"), asks("/tool_choice/type", "function")), by="every-response/valid-request-is-answered")
chat.sibling("picture-refused-500", "A picture is answered with 500.", refused(500, openai_error("bad", "server_error"), asks("/messages/*/content/*/type", "image_url")), by="every-response/valid-request-is-answered")

# How an answer ended

chat.seen("chat-phantom-tool-calls-finish", "finish_reason says tool_calls, and there is none.",
          only(asks("/tools"), put(CALLS, []), put(CONTENT, "I will do it."), put(REASON, "tool_calls")), by=("chat/tool-calls-is-no-empty-promise", SHAPE))
chat.seen("chat-truncated-finish-stop", "A cut answer says stop.", replaced(REASON, "length", "stop"), by="chat/cut-answer-says-length")
chat.seen("chat-empty-success-native-error", "A failure of the upstream comes as an empty answer.",
          put(CONTENT, ""), drop(CALLS), put(REASON, "stop"), put("/choices/*/native_finish_reason", "network_error"), put("/usage/prompt_tokens", 0),
          put("/usage/completion_tokens", 0), put("/usage/total_tokens", 0), by=("chat/answer-is-not-empty", "chat/tokens-are-counted"))
chat.sibling("chat-tool-calls-finish-stop", "A tool call ends with stop.", replaced(REASON, "tool_calls", "stop"), by="chat/calling-tools-*")
chat.sibling("chat-whole-answer-says-length", "A whole answer says length.", replaced(REASON, "stop", "length"), by=("chat/*length*", "chat/*limit*"), verdict=WARNS)
chat.sibling("chat-legacy-call-finish-stop", "A legacy function call ends with stop.", replaced(REASON, "function_call", "stop"), by="chat/function-call-*")

# Tool calls

TOOL = f"{CALLS}/*"
chat.sibling("tool-call-id-missing", "A tool call has no id.", drop(f"{TOOL}/id"), by=SHAPE)
chat.sibling("tool-call-id-empty", "A tool call's id is empty.", put(f"{TOOL}/id", ""), by="chat/tool-call-ids-*")
chat.sibling("tool-call-ids-equal", "All tool calls have one id.", put(f"{TOOL}/id", "call_1"), by="chat/tool-call-ids-*")
chat.sibling("tool-call-type-missing", "A tool call has no type.", drop(f"{TOOL}/type"), by=SHAPE)
chat.sibling("tool-call-arguments-broken", "The arguments break off.", change(f"{TOOL}/function/arguments", lambda text: text[:-2]), by="chat/tool-arguments-*")
chat.sibling("tool-call-arguments-doubled", "The arguments stand there twice.", change(f"{TOOL}/function/arguments", lambda text: text * 2), by="chat/tool-arguments-*")
chat.sibling("tool-call-arguments-empty", "The arguments are empty.", put(f"{TOOL}/function/arguments", ""), by="chat/tool-arguments-*")
chat.sibling("tool-call-arguments-encoded-twice", "The arguments are JSON in JSON.", change(f"{TOOL}/function/arguments", json.dumps), by="chat/tool-arguments-*")
chat.sibling("tool-call-arguments-of-another-schema", "The arguments have other keys than the schema.", put(f"{TOOL}/function/arguments", '{"town": "Paris"}'), by="chat/arguments-fit-*", verdict=WARNS)
chat.sibling("tool-call-name-prefixed", "The function's name has a prefix.", change(f"{TOOL}/function/name", lambda name: f"default_api.{name}"), by="chat/called-function-*")
chat.sibling("tool-call-name-missing", "The function has no name.", drop(f"{TOOL}/function/name"), by=SHAPE)
chat.sibling("tool-calls-is-an-object", "tool_calls is one call, not a list.", change(CALLS, lambda calls: calls and calls[0]), by=SHAPE)
chat.sibling("tool-call-said-in-words", "The call stands in the text too.",
             only(asks("/tools"), edit(lambda document: [message.update(content=message["tool_calls"][0]["function"]["arguments"])
                                                         for _, message in find(document, "/choices/*/message", dict) if message.get("tool_calls")] and None)), by="chat/arguments-stay-*")
chat.sibling("legacy-call-arguments-object", "The legacy call's arguments are an object.", change("/choices/*/message/function_call/arguments", json.loads), by=SHAPE)
chat.sibling("thinking-in-the-text", "The thinking stands in the text too.", only(without(asks("/response_format")), only(without(asks("/logprobs")), put("/choices/*/message/reasoning_content", "Hm."), change(CONTENT, lambda text: text and f"<think>Hm.</think>{text}"))), by="chat/thinking-*", verdict=WARNS)
chat.harmless("refusal-beside-content", "A refusal stands beside the text: a note on relays.", put("/choices/*/message/refusal", "No."))

# The bill

PROMPT, SAID, TOTAL = (f"/usage/{key}_tokens" for key in ("prompt", "completion", "total"))
DETAILS = "/usage/completion_tokens_details"


def multiplied(factor: float) -> Any:
    """A break that multiplies the counts; the total is their sum."""

    def more(usage: dict[str, Any]) -> dict[str, Any]:
        prompt, said = (round(usage[f"{key}_tokens"] * factor) for key in ("prompt", "completion"))
        return usage | {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}

    return change("/usage", more)


def _uncounted_cache(usage: dict[str, Any]) -> dict[str, Any]:
    left = max(usage["prompt_tokens"] // 4, 1)
    usage = {key: value for key, value in usage.items() if key != "prompt_tokens_details"}
    return usage | {"prompt_tokens": left, "total_tokens": left + usage["completion_tokens"]}


chat.seen("usage-zero-nonstream", "All counts are 0.", put(PROMPT, 0), put(SAID, 0), put(TOTAL, 0), by="chat/tokens-are-counted")
chat.seen("usage-completion-zero-reasoning-nonzero", "Reasoning tokens are left out of completion_tokens.", put(SAID, 0), put(f"{DETAILS}/reasoning_tokens", 60), by=("chat/reasoning-*", "chat/usage-*", "chat/tokens-are-counted"))
MONEY.seen("usage-multiplied-by-ratio", "The counts are multiplied by a group's price ratio.", multiplied(2.5), by="chat/streamed-prompt-*")
MONEY.seen("chat-usage-anthropic-cache-missing", "What was read from the cache is missing from prompt_tokens.", only(again, change("/usage", _uncounted_cache)), by="chat/prompt-is-counted-*", ask=(CHAT, ERRORS))
chat.sibling("usage-prompt-zero", "prompt_tokens is 0.", put(PROMPT, 0), edit(lambda document: document["usage"].update(total_tokens=document["usage"]["completion_tokens"])), by="chat/tokens-are-counted")
chat.sibling("usage-completion-zero", "completion_tokens is 0.", put(SAID, 0), edit(lambda document: document["usage"].update(total_tokens=document["usage"]["prompt_tokens"])), by="chat/tokens-are-counted")
chat.sibling("usage-total-zero", "total_tokens is 0.", put(TOTAL, 0), by="chat/usage-adds-up")
chat.sibling("usage-total-off-by-one", "total_tokens is one too many.", change(TOTAL, lambda count: count + 1), by="chat/usage-adds-up")
chat.sibling("usage-total-without-prompt", "total_tokens leaves the prompt out.", edit(lambda document: document["usage"].update(total_tokens=document["usage"]["completion_tokens"])), by="chat/usage-adds-up")
chat.sibling("usage-negative", "completion_tokens is negative.", put(SAID, -1), by=(SHAPE, "chat/tokens-are-counted"))
chat.sibling("usage-text", "The counts are texts.", change("/usage/*", lambda count: str(count) if isinstance(count, int) else count), by=SHAPE)
chat.sibling("usage-decimal", "completion_tokens has decimals.", change(SAID, lambda count: count + 0.5), by=SHAPE)
chat.sibling("usage-null", "usage is null.", put("/usage", None), by="chat/matches-schema")
chat.sibling("usage-empty", "usage is an empty object.", put("/usage", {}), by=SHAPE)
for key in ("prompt", "completion", "total"):
    chat.sibling(f"usage-{key}-tokens-missing", f"usage has no {key}_tokens.", drop(f"/usage/{key}_tokens"), by=SHAPE)
chat.sibling("usage-of-anthropic", "usage has Anthropic's keys.", change("/usage", lambda usage: {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}), by=SHAPE)
chat.sibling("usage-cached-above-prompt", "More tokens come from the cache than the prompt has.", put("/usage/prompt_tokens_details/cached_tokens", 9999), by="chat/usage-details-*", verdict=WARNS)
chat.sibling("usage-reasoning-above-completion", "More reasoning tokens than completion tokens.", put(f"{DETAILS}/reasoning_tokens", 9999), by="chat/usage-details-*", verdict=WARNS)
chat.sibling("usage-completion-above-limit", "completion_tokens is ten times what max_tokens allows.", edit(lambda document: document["usage"].update(completion_tokens=9999, total_tokens=9999 + document["usage"]["prompt_tokens"])), by="chat/token-limit-*")
def _another_count(answer: Answer) -> None:
    more = 7 * answer.asked.count("random")
    change("/usage", lambda usage: usage | {"prompt_tokens": usage["prompt_tokens"] + more, "total_tokens": usage["total_tokens"] + more})(answer)


MONEY.sibling("usage-prompt-random", "prompt_tokens is another number each time.",
              _another_count, by="chat/*prompt*")
MONEY.sibling("prompt-injected", "The relay puts 200 words of its own before the prompt.",
              forwarded(lambda body: body["messages"].insert(0, {"role": "system", "content": "You are a helpful relay. " * 40})), by="chat/*prompt*")
MONEY.sibling("prompt-counted-as-constant", "prompt_tokens is always 100.", edit(lambda document: document["usage"].update(prompt_tokens=100, total_tokens=100 + document["usage"]["completion_tokens"])), by="chat/*prompt*")
MONEY.sibling("prompt-counted-n-times", "With n = 2 the prompt is billed twice.",
             only(asks("/n"), edit(lambda document: document["usage"].update(prompt_tokens=document["usage"]["prompt_tokens"] * 2, total_tokens=document["usage"]["prompt_tokens"] * 2 + document["usage"]["completion_tokens"]))), by="usage/n-does-not-multiply-the-prompt")

# Two answers

chat.sibling("chat-one-id-for-all", "All answers have one id.", put("/id", "chatcmpl-1"), by="chat/ids-of-two-answers-*", ask=(CHAT, ERRORS))


def _from_the_cache(answer: Answer) -> None:
    asked = answer.asked
    first = asked.memory.setdefault(f"answer {asked.body!r}", answer.body)
    answer.pieces = [first]


chat.sibling("chat-served-from-a-cache", "The same request gets the same answer again, id and all.", _from_the_cache, by="chat/ids-of-two-answers-*", ask=(CHAT, ERRORS))
chat.sibling("chat-identical-choices", "All choices of n = 2 are copies of the first.", change("/choices", lambda choices: [choices[0] | {"index": number} for number in range(len(choices))]), by="usage/choices-*", verdict=WARNS)

# Words that are no answer

chat.sibling("error-as-words", "A failure comes as the assistant's words.", put(CONTENT, "Error: upstream error 502"), by="chat/rejection-is-no-answer")
chat.sibling("advertisement-appended", "The relay appends a line of its own to every answer.", change(CONTENT, lambda text: text and f"{text}\n\nPowered by relay.example"), by=("chat/json-object-is-honoured", "chat/json-schema-is-honoured", "chat/logprobs-are-of-this-text"))
chat.sibling("chat-html-page", "A web page comes with status 200.", instead("<!doctype html><title>relay</title>", 200, "text/html"), by="every-response/body-is-one-json-value")
chat.sibling("chat-empty-body", "The body is empty, with status 200.", instead(b"", 200), by=("every-response/body-*", SHAPE))
chat.sibling("chat-null-body", "The body is null, with status 200.", instead("null", 200), by="chat/matches-schema")
chat.sibling("chat-content-type-text", "JSON comes as text/plain.", header("content-type", TEXT), by="every-response/json-is-labelled-as-json")
chat.sibling("chat-content-type-missing", "JSON comes without a Content-Type.", header("content-type", None), by="every-response/json-is-labelled-as-json")
chat.sibling("max-tokens-lowered", "max_tokens is lowered to 8.", clamped("max_tokens", 8), by=("chat/*length*", "chat/*limit*"), verdict=WARNS)
