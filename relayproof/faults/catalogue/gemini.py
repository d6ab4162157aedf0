"""Gemini's generateContent, whole and streamed."""

from __future__ import annotations

from typing import Any

from relayproof.faults.answer import Answer, Frame
from relayproof.faults.document import change, drop, edit, only, put, snake_case
from relayproof.faults.fault import FAILS, WARNS, Family, refused
from relayproof.faults.parameters import asks, forwarded
from relayproof.faults.reply import header, instead, status
from relayproof.faults.stream import double, each, frames, insert, last, middle, not_first
from relayproof.faults.stream import drop as leave_out
from relayproof.surface import GEMINI, GEMINI_STREAM

# fmt: off
# A table: a row is a line.

SHAPE, CHUNK = "gemini/matches-schema", "gemini-stream/matches-schema"
whole = Family("gemini", (GEMINI,))
errors = Family("gemini", (GEMINI,), when=refused)
stream = Family("gemini-stream", (GEMINI_STREAM,))
pair = Family("gemini-stream", (GEMINI_STREAM,), (GEMINI, GEMINI_STREAM))
COUNTS = "/usageMetadata"
PARTS, REASON = "/candidates/*/content/parts", "/candidates/*/finishReason"
CONFIG = "/generationConfig"


def config(key: str) -> Any:
    """The relay drops a field of generationConfig."""
    return forwarded(lambda body: body.get("generationConfig", {}).pop(key, None))


def _first_usage(answer: Answer) -> None:
    first: list[Any] = []

    def frozen(document: Any) -> None:
        if COUNTS[1:] in document:
            first.append(document[COUNTS[1:]])
            document[COUNTS[1:]] = first[0]

    answer.rewrite(frozen)


def _no_calls(parts: list[Any]) -> list[Any]:
    return [part for part in parts if "functionCall" not in part]


whole.seen("gemini-candidate-content-missing", "A candidate has no content.", drop("/candidates/*/content"), put(REASON, "MALFORMED_FUNCTION_CALL"), by="gemini/what-is-counted-is-there")
whole.seen("gemini-total-mismatch", "totalTokenCount is not the sum.", change(f"{COUNTS}/totalTokenCount", lambda count: count - 3), by="gemini/total-is-the-sum")
whole.seen("gemini-snake-case", "Keys are in snake_case.", edit(snake_case), by="gemini/matches-schema")
whole.seen("usage-tool-prompt-tokens-dropped", "The prompt tokens of tools are in the total only.", change(f"{COUNTS}/totalTokenCount", lambda count: count + 17), by="gemini/total-is-the-sum")
whole.seen("gemini-blocked-prompt-empty-candidates", "A blocked prompt gets no candidate and no reason.", drop("/promptFeedback"), put("/candidates", []), by="gemini/answer-holds-a-candidate")
whole.seen("gemini-grounding-metadata-lost", "The sources of a search are lost.", drop("/candidates/*/groundingMetadata"), by="gemini/search-shows-its-sources")
stream.seen("gemini-usage-first-chunk-not-last", "The counts stay those of the first chunk.", _first_usage, by="gemini-stream/usage-grows-*")
stream.seen("gemini-stream-usage-dropped", "No chunk has counts.", drop(COUNTS), by="gemini-stream/usage-is-told")
pair.seen("gemini-stream-function-call-dropped", "Function calls are lost in the stream.", change(PARTS, _no_calls), by="gemini/answer-is-not-empty")
for key, verdict in (("candidates", FAILS), ("usageMetadata", FAILS), ("modelVersion", WARNS)):
    whole.sibling(f"gemini-{key.lower()}-missing", f"The key `{key}` is missing.", drop(f"/{key}"), by=("gemini/matches-schema*", "gemini/answer-holds-a-candidate"), verdict=verdict)
whole.sibling("gemini-parts-missing", "content has no parts.", drop(PARTS), by=("gemini/answer-is-not-empty", "gemini/what-is-counted-is-there"))
whole.sibling("gemini-parts-empty", "parts is empty.", put(PARTS, []), by="gemini/answer-is-not-empty")
whole.sibling("gemini-role-missing", "content has no role.", drop("/candidates/*/content/role"), by=SHAPE)
whole.sibling("gemini-role-assistant", "The role is assistant.", put("/candidates/*/content/role", "assistant"), by=SHAPE)
whole.sibling("gemini-finish-reason-lower-case", "finishReason is in small letters.", change(REASON, str.lower), by=(SHAPE, "gemini/enums-*"))
whole.sibling("gemini-finish-reason-number", "finishReason is a number.", put(REASON, 1), by=(SHAPE, "gemini/enums-*"))
whole.sibling("gemini-finish-reason-missing", "There is no finishReason.", drop(REASON), by="gemini/matches-schema*")
whole.sibling("gemini-cut-says-stop", "A cut answer says STOP.", change(REASON, lambda reason: "STOP" if reason == "MAX_TOKENS" else reason), by="gemini/cut-answer-*")
whole.sibling("gemini-answer-of-openai", "The answer is a chat completion.", instead({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}), by="gemini/matches-schema")
whole.sibling("gemini-args-text", "A call's args are a text.", change(f"{PARTS}/*/functionCall/args", str), by=SHAPE)
whole.sibling("gemini-call-name-changed", "A call names a function that was not declared.", change(f"{PARTS}/*/functionCall/name", lambda name: f"default_api.{name}"), by="gemini/called-function-*")
whole.sibling("gemini-mode-ignored", "A call that is forced does not come.", forwarded(lambda body: body.pop("tools", None) and body.pop("toolConfig", None)), by="gemini/forced-call-*")
whole.sibling("gemini-schema-ignored", "responseSchema is ignored.", config("responseSchema"), config("responseMimeType"), by="gemini/json-is-delivered")
whole.sibling("gemini-json-fenced", "JSON comes in a Markdown fence.", only(asks(f"{CONFIG}/responseMimeType", "application/json"), change(f"{PARTS}/*/text", lambda text: f"```json\n{text}\n```")), by="gemini/json-is-delivered")
whole.sibling("gemini-limit-ignored", "maxOutputTokens is ignored.", config("maxOutputTokens"), by="gemini/token-limit-*")
whole.sibling("gemini-candidate-count-ignored", "candidateCount is ignored.", config("candidateCount"), by="gemini/candidate-count-*", verdict=WARNS)
whole.sibling("gemini-indexes-zero", "All candidates have index 0.", put("/candidates/*/index", 0), by="gemini/candidate-indexes-*", verdict=WARNS)
whole.sibling("gemini-counts-zero", "The counts are 0.", *(put(f"{COUNTS}/{key}TokenCount", 0) for key in ("prompt", "candidates", "total")), by="gemini/tokens-are-counted")
whole.sibling("gemini-total-missing", "totalTokenCount is missing.", drop(f"{COUNTS}/totalTokenCount"), by="gemini/total-is-told", verdict=WARNS)
whole.sibling("gemini-counts-text", "The counts are texts.", change(f"{COUNTS}/promptTokenCount", str), by=SHAPE)
whole.sibling("gemini-prompt-count-missing", "promptTokenCount is missing.", drop(f"{COUNTS}/promptTokenCount"), by="gemini/total-is-the-sum")
whole.sibling("gemini-two-things-in-a-part", "A part holds a text and a call.", change(f"{PARTS}/*", lambda part: part | {"text": "x", "functionCall": {"name": "get_weather", "args": {}}}), by="gemini/part-holds-*")
whole.sibling("gemini-model-of-another-family", "Another family answers.", put("/modelVersion", "gpt-4o"), by="gemini/model-is-the-one-*")
whole.sibling("gemini-rejection-as-words", "A rejection comes as words.", change(f"{PARTS}/*/text", lambda _: "[rejected] no capacity"), by="gemini/rejection-*")
errors.sibling("gemini-error-of-openai", "Errors come in OpenAI's envelope.", instead({"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}), by="gemini/error-*", verdict=WARNS)
errors.sibling("gemini-error-code-text", "error.code is a text.", change("/error/code", str), by="gemini/error-*", verdict=WARNS)
errors.sibling("gemini-error-code-wrong", "error.code is not the status.", put("/error/code", 418), by="gemini/error-code-*", verdict=WARNS)
errors.sibling("gemini-error-status-missing", "error.status is missing.", drop("/error/status"), by="gemini/error-*", verdict=WARNS)
errors.sibling("gemini-error-in-200", "Errors come with status 200.", status(200), by=("every-response/error-is-not-*", "errors/*is-refused"))
errors.sibling("gemini-errors-500", "Every refusal is a 500.", status(500), by="errors/*is-refused")
stream.sibling("gemini-stream-role-assistant", "The role is assistant.", put("/candidates/*/content/role", "assistant"), by=CHUNK)
stream.sibling("gemini-stream-finish-missing", "No chunk has a finishReason.", drop(REASON), by="gemini-stream/last-chunk-has-the-finish-*")
stream.sibling("gemini-stream-finish-everywhere", "Every chunk says STOP.", put(REASON, "STOP"), by="gemini-stream/finish-reason-stands-*")
stream.sibling("gemini-stream-done-sent", "[DONE] is sent.", frames(lambda given: [*given, Frame("[DONE]")]), by="gemini-stream/framing-*")
stream.sibling("gemini-stream-event-names", "Events have names.", frames(lambda given: [Frame(frame.data, "message") for frame in given]), by="gemini-stream/framing-*")
stream.sibling("gemini-stream-comments", "Comments stand between the events.", insert(b": keepalive\n\n", middle), by="gemini-stream/framing-*")
stream.sibling("gemini-stream-chunks-of-openai", "The stream is OpenAI's.", frames(lambda given: [Frame('{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}')]), by="gemini-stream/stream-holds-an-answer")
stream.sibling("gemini-stream-error-in-the-middle", "The stream ends with an error.", frames(lambda given: [*given[:1], Frame('{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}')]), by="gemini-stream/stream-holds-no-error")
stream.sibling("gemini-stream-cumulative", "Each chunk holds the whole text so far.", frames(lambda given: _cumulative(given)), by="gemini-stream/chunks-hold-*")
stream.sibling("gemini-stream-response-id-changes", "Every chunk has a responseId of its own.", each(lambda chunk, number: chunk.update(responseId=f"{chunk['responseId']}{number}")), by="gemini-stream/response-id-*", verdict=WARNS)
stream.sibling("gemini-stream-counts-fall", "The counts fall.", each(lambda chunk, number: chunk["usageMetadata"].update(candidatesTokenCount=max(99 - number, 1), totalTokenCount=max(99 - number, 1) + chunk["usageMetadata"]["promptTokenCount"])), by="gemini-stream/output-counts-*")
pair.sibling("gemini-stream-words-lost", "The last words are lost.", leave_out(last), by=("gemini/streamed-text-*", "gemini-stream/last-chunk-*"))
pair.sibling("gemini-stream-words-doubled", "Every chunk comes twice.", double(not_first), by="gemini/streamed-text-*")
stream.sibling("gemini-stream-array-for-sse", "alt=sse gets an array.", only(lambda answer: "alt=sse" in answer.asked.query, lambda answer: answer.say([frame.json for frame in answer.frames])), by="gemini-stream/events-are-sent-*")
stream.sibling("gemini-stream-labelled-json", "The stream of events is labelled application/json.", only(lambda answer: answer.streamed, header("content-type", "application/json")), by="chat-stream/stream-is-labelled-*")
whole.harmless("gemini-unknown-keys", "Keys that nobody knows stand there.", put("/createTime", "2026-01-01T00:00:00Z"), put("/candidates/*/avgLogprobs", -0.1))
whole.harmless("gemini-dated-version", "modelVersion names a version.", change("/modelVersion", lambda model: f"{model}-001"))


def _cumulative(given: list[Frame]) -> list[Frame]:
    said = ""
    for frame in given:
        parts = frame.json.get("candidates", [{}])[0].get("content", {}).get("parts", [])
        words = "".join(part.get("text", "") for part in parts)
        if words:
            said += words
            frame.edit(lambda chunk: chunk["candidates"][0]["content"].update(parts=[{"text": said}]))  # noqa: B023
    return given
