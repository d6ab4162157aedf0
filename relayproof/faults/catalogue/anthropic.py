"""Claude's Messages API, whole and streamed."""

from __future__ import annotations

from typing import Any

from relayproof.faults.answer import Frame, dump
from relayproof.faults.document import change, drop, edit, only, put
from relayproof.faults.fault import WARNS, Condition, Family, anyhow, refused
from relayproof.faults.parameters import ignored, with_header
from relayproof.faults.reply import TEXT, header, instead, message, status
from relayproof.faults.stream import (
    double,
    each,
    frames,
    insert,
    middle,
    named,
    swap,
    written,
)
from relayproof.faults.stream import drop as leave_out
from relayproof.faults.timing import in_a_burst
from relayproof.surface import ANTHROPIC, ANTHROPIC_STREAM, ERRORS

# fmt: off
# A table: a row is a line.

SHAPE, EVENT = "anthropic/matches-schema", "anthropic-stream/matches-schema"
whole = Family("anthropic", (ANTHROPIC,))
errors = Family("anthropic", (ANTHROPIC,), when=refused)
keys = Family("auth", (ANTHROPIC,), (ANTHROPIC, ERRORS), when=anyhow)
stream = Family("anthropic-stream", (ANTHROPIC_STREAM,))
BLOCKS, USAGE = "/content/*", "/usage"
START, DELTA, STOP = named("content_block_start"), named("content_block_delta"), named("content_block_stop")
ENVELOPE = "anthropic/error-matches-schema"


def of(code: int) -> Condition:
    """True for that status."""
    return lambda answer: answer.status == code


def usage(new: Any) -> Any:
    """A break of the usage object."""
    return change(USAGE, lambda given: given | new(given))


def payload(change: Any, *names: str) -> Any:
    """A break of the payload of every event of these names, of all events when none is given."""
    return each(lambda event, number: change(event), named(*names) if names else None)


def input_plus(*parts: str) -> Any:
    """A usage whose input_tokens count these parts as well."""
    return lambda given: {"input_tokens": given["input_tokens"] + sum(given[part] for part in parts)}


READ, WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"

# Whole answers

whole.seen("anthropic-phantom-tool-use-stop", "stop_reason says tool_use, and there is none.",
           edit(lambda document: document.update(content=[{"type": "text", "text": "I will look."}]) if document.get("stop_reason") == "tool_use" else None), by="anthropic/tool-use-is-no-empty-promise")
whole.seen("anthropic-content-string", "content is a text.", change("/content", lambda blocks: "".join(block.get("text", "") for block in blocks)), by=SHAPE)
whole.seen("anthropic-cache-control-dropped", "cache_control is not passed on: the cache is never used.", usage(lambda given: {READ: 0, WRITTEN: 0, "input_tokens": given["input_tokens"] + given[READ] + given[WRITTEN]}), by="anthropic/marked-prompt-*")
whole.seen("anthropic-cache-tokens-double-counted", "input_tokens counts what came from the cache as well.", usage(input_plus(READ)), by="anthropic/cached-tokens-*")
whole.seen("anthropic-cache-write-double-counted", "input_tokens counts what went into the cache as well.", usage(input_plus(WRITTEN)), by="anthropic/cached-tokens-*")
whole.seen("anthropic-cache-read-dropped", "What came from the cache is counted as plain input.", usage(lambda given: input_plus(READ)(given) | {READ: 0}), by=("anthropic/marked-prompt-*", "anthropic/cached-*"))
errors.seen("error-404-as-200", "An unknown model is an error with status 200.", only(of(404), put("/error/type", "api_error"), status(200)), by=("every-response/error-is-not-*", "errors/unknown-model-*"))
errors.seen("error-anthropic-openai-shape", "Errors come in OpenAI's envelope.", instead(lambda answer: {"error": {"message": message(answer), "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}}), by=ENVELOPE)
errors.seen("error-4xx-masked-503", "A 400 becomes a 503 in plain text.", only(of(400), instead("processing failed: invalid type: integer `400`, expected a string", 503, TEXT)), by="errors/body-is-json")
keys.seen("auth-x-api-key-refused", "x-api-key is not taken, only Bearer.", with_header("x-api-key", lambda asked: None), by="anthropic/both-forms-*")
keys.seen("auth-bearer-refused-422", "Bearer is not taken, only x-api-key.",
          only(lambda answer: "x-api-key" not in answer.asked.headers, instead({"detail": [{"loc": ["header", "x-api-key"], "msg": "field required"}]}, 422)), by=("anthropic/both-forms-*", "every-response/valid-request-*"))
for key in ("id", "type", "role", "content", "model", "stop_reason", "usage"):
    whole.sibling(f"anthropic-{key.replace('_', '-')}-missing", f"The key `{key}` is missing.", drop(f"/{key}"), by=SHAPE)
for key in ("input_tokens", "output_tokens"):
    whole.sibling(f"anthropic-{key.replace('_', '-')}-missing", f"usage has no {key}.", drop(f"/usage/{key}"), by=SHAPE)
    whole.sibling(f"anthropic-{key.replace('_', '-')}-none", f"{key} is 0.", put(f"/usage/{key}", 0), by="anthropic/tokens-are-counted")
    whole.sibling(f"anthropic-{key.replace('_', '-')}-text", f"{key} is a text.", change(f"/usage/{key}", str), by=SHAPE)
whole.sibling("anthropic-usage-of-openai", "usage has OpenAI's keys.", change(USAGE, lambda given: {"prompt_tokens": given["input_tokens"], "completion_tokens": given["output_tokens"]}), by=SHAPE)
whole.sibling("anthropic-answer-of-openai", "The answer is a chat completion.", instead({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}), by=SHAPE)
whole.sibling("anthropic-stop-reason-of-openai", "stop_reason is OpenAI's word.", change("/stop_reason", lambda reason: {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}.get(reason, reason)), by=(SHAPE, "anthropic/calling-tools-*"))
whole.sibling("anthropic-stop-reason-null", "stop_reason is null in a whole answer.", put("/stop_reason", None), by=SHAPE)
whole.sibling("anthropic-cut-says-end-turn", "A cut answer says end_turn.", change("/stop_reason", lambda reason: "end_turn" if reason == "max_tokens" else reason), by="anthropic/cut-answer-*")
whole.sibling("anthropic-tool-use-says-end-turn", "A tool call ends with end_turn.", change("/stop_reason", lambda reason: "end_turn" if reason == "tool_use" else reason), by="anthropic/calling-tools-*")
whole.sibling("anthropic-stop-sequence-missing", "The stop sequence that was met is not named.", put("/stop_sequence", None), by="anthropic/stop-sequence-*", verdict=WARNS)
whole.sibling("anthropic-stop-ignored", "stop_sequences is ignored.", ignored("stop_sequences"), by="anthropic/stop-is-honoured")
whole.sibling("anthropic-tool-input-text", "A tool's input is a text.", change(f"{BLOCKS}/input", dump), by=SHAPE)
whole.sibling("anthropic-tool-id-missing", "A tool call has no id.", drop(f"{BLOCKS}/id"), by=SHAPE)
whole.sibling("anthropic-tool-ids-equal", "All tool calls have one id.", change(f"{BLOCKS}/id", lambda _: "toolu_1"), by="anthropic/tool-use-ids-*")
whole.sibling("anthropic-tool-name-prefixed", "The tool's name has a prefix.", change(f"{BLOCKS}/name", lambda name: f"mcp_{name}"), by="anthropic/called-tool-*")
whole.sibling("anthropic-block-type-missing", "Blocks have no type.", drop(f"{BLOCKS}/type"), by=SHAPE)
whole.sibling("anthropic-content-empty", "content is empty.", put("/content", []), by="anthropic/answer-is-not-empty")
whole.sibling("anthropic-cut-answer-lost", "What was said before the cut is not there.", edit(lambda document: document.update(content=[]) if document["stop_reason"] == "max_tokens" else None), by="anthropic/what-is-counted-is-there")
whole.sibling("anthropic-role-user", "The role is user.", put("/role", "user"), by=SHAPE)
whole.sibling("anthropic-model-of-another-family", "Another family answers.", put("/model", "gpt-4o"), by="anthropic/model-is-the-one-*")
whole.sibling("anthropic-output-above-limit", "output_tokens is above max_tokens.", put("/usage/output_tokens", 5000), by=("anthropic/token-limit-*", "anthropic/token-counts-*"))
whole.sibling("anthropic-rejection-as-words", "A rejection comes as words.", change(f"{BLOCKS}/text", lambda _: "[rejected] no capacity"), by="anthropic/rejection-*")
errors.sibling("anthropic-error-without-type", "The envelope has no type.", drop("/type"), by="anthropic/error-matches-schema-openai", verdict=WARNS)
errors.sibling("anthropic-error-of-new-api", "A refusal has new-api's envelope.", instead(lambda answer: {"error": {"message": f"{message(answer)} (request id: 1)", "type": "new_api_error", "code": ""}}), by="anthropic/error-matches-schema-openai", verdict=WARNS)
errors.sibling("anthropic-error-message-missing", "An error has no message.", drop("/error/message"), by=ENVELOPE)
errors.sibling("anthropic-error-text", "`error` is a text.", change("/error", lambda error: error["message"]), by=ENVELOPE)
errors.sibling("anthropic-error-type-wrong", "An error's type is that of another status.", put("/error/type", "overloaded_error"), by="anthropic/error-type-fits-*", verdict=WARNS)
errors.sibling("anthropic-wrong-key-500", "A wrong key is answered with 500.", only(of(401), status(500)), by="errors/bad-key-*")
errors.sibling("anthropic-unknown-model-500", "An unknown model is answered with 500.", only(of(404), status(500)), by="errors/unknown-model-*")
whole.harmless("anthropic-unknown-keys", "Keys that nobody knows stand there.", put("/container", None), put("/provider", "x"))
whole.harmless("anthropic-dated-model", "`model` names a dated snapshot.", change("/model", lambda model: f"{model}-20241022"))

# Streams


def _next_block_open(given: list[Frame]) -> list[Frame]:
    stops = [number for number, frame in enumerate(given) if frame.name == "content_block_stop"]
    return [frame for number, frame in enumerate(given) if number not in stops[:-1]]


def _index_reused(event: dict[str, Any]) -> None:
    if event.get("index", 0) > 0:
        event["index"] -= 1


def _first_delta(given: list[Frame]) -> list[Frame]:
    for frame in given:
        if frame.name == "content_block_delta" and frame.json["delta"]["type"] == "text_delta":
            frame.edit(lambda event: (event.pop("index"), event["delta"].update(type="text")))
            break
    return given


def _zero(event: dict[str, Any]) -> None:
    counts = event["message"]["usage"]
    for key in counts:
        if key.endswith("input_tokens"):
            counts[key] = 0
    counts["output_tokens"] = 0


stream.seen("anthropic-message-start-input-zero", "message_start counts no input.", payload(_zero, "message_start"), by="anthropic-stream/message-start-counts-*")
stream.seen("anthropic-block-start-before-message-start", "message_start is missing.", leave_out(named("message_start")), by="anthropic-stream/begins-with-*")
stream.seen("anthropic-message-start-repeated", "message_start comes before every delta.", frames(lambda given: [copy for frame in given for copy in ([given[0], frame] if frame.name == "content_block_delta" else [frame])]), by="anthropic-stream/message-starts-once")
stream.seen("anthropic-block-not-closed-before-next", "A block starts while the one before is open.", frames(_next_block_open), by="anthropic-stream/every-block-is-closed")
stream.seen("anthropic-index-reused", "Two blocks have one index.", payload(_index_reused, "content_block_start", "content_block_delta", "content_block_stop"), by="anthropic-stream/block-indexes-*")
stream.seen("anthropic-first-delta-wrong-type", "The first delta has no index, and is of type text.", frames(_first_delta), by=EVENT)
stream.seen("anthropic-buffered-only", "The whole stream comes in one moment at the end.", in_a_burst, header("x-accel-buffering", None), header("cache-control", None), by="chat-stream/stream-arrives-*", slow=True)
stream.seen("anthropic-event-line-missing", "Events have no names.", written(lambda piece: piece.split(b"\n", 1)[1] if piece.startswith(b"event: ") else piece), by="anthropic-stream/event-names-*")
stream.seen("anthropic-sse-no-space", "No space stands behind `event:` and `data:`.", written(lambda piece: piece.replace(b"event: ", b"event:").replace(b"data: ", b"data:")), by="chat-stream/framing-*", verdict=WARNS)
stream.seen("anthropic-output-tokens-zero", "message_delta counts no output.", payload(lambda event: event["usage"].update(output_tokens=0), "message_delta"), by=("anthropic-stream/output-tokens-*", "anthropic/tokens-are-counted"))
stream.seen("anthropic-delta-unknown-index", "A delta belongs to no block.", payload(lambda event: event.update(index=7), "content_block_delta"), by="anthropic-stream/deltas-belong-*")
OPEN = "anthropic-stream/deltas-belong-*"
for name, dropped, twice in (
    ("content_block_start", OPEN, "anthropic-stream/block-indexes-*"),
    ("content_block_stop", "anthropic-stream/every-block-is-closed", OPEN),
    ("message_delta", "anthropic-stream/message-delta-*", ""),
    ("message_stop", "anthropic-stream/ends-with-message-stop", "anthropic-stream/nothing-follows-message-stop"),
):
    stream.sibling(f"anthropic-{name.replace('_', '-')}-dropped", f"{name} never comes.", leave_out(named(name)), by=dropped)
    if twice:
        stream.sibling(f"anthropic-{name.replace('_', '-')}-twice", f"{name} comes twice.", double(named(name)), by=twice)
stream.sibling("anthropic-message-stop-early", "message_stop comes before message_delta.", swap(named("message_stop")), by="anthropic-stream/nothing-follows-message-stop")
stream.sibling("anthropic-message-delta-early", "message_delta comes before the last block ends.", swap(named("message_delta")), by="anthropic-stream/message-delta-stands-*")
stream.sibling("anthropic-delta-behind-its-block", "A delta comes behind the end of its block.", swap(STOP), by="anthropic-stream/deltas-belong-*")
stream.sibling("anthropic-done-sent", "[DONE] is sent.", frames(lambda given: [*given, Frame("[DONE]")]), by="anthropic-stream/done-is-not-sent", verdict=WARNS)
stream.sibling("anthropic-event-name-wrong", "Events are all called message.", written(lambda piece: b"event: message\n" + piece.split(b"\n", 1)[1] if piece.startswith(b"event: ") else piece), by="anthropic-stream/event-names-*")
stream.sibling("anthropic-event-type-missing", "Payloads have no type.", payload(lambda event: event.pop("type")), by=(EVENT, "anthropic-stream/event-names-*"))
stream.sibling("anthropic-delta-type-wrong", "Text comes as input_json_delta.", payload(lambda event: event["delta"].update(type="input_json_delta") if event["delta"]["type"] == "text_delta" else None, "content_block_delta"), by=(EVENT, "anthropic-stream/deltas-fit-*"))
stream.sibling("anthropic-partial-json-lost", "A piece of a tool's input is lost.", frames(lambda given: _without_a_piece(given)), by="anthropic-stream/tool-input-*")
stream.sibling("anthropic-partial-json-object", "A tool's input comes as an object.", payload(lambda event: event["delta"].update(partial_json={}) if "partial_json" in event["delta"] else None, "content_block_delta"), by=EVENT)
stream.sibling("anthropic-stream-stop-reason-missing", "message_delta has no stop_reason.", payload(lambda event: event["delta"].pop("stop_reason", None), "message_delta"), by="anthropic-stream/matches-schema")
stream.sibling("anthropic-signature-missing", "A thinking block has no signature.", frames(lambda given: [frame for frame in given if "signature_delta" not in frame.data]), by="anthropic-stream/thinking-ends-*", verdict=WARNS)
stream.sibling("anthropic-thinking-as-text", "Thinking comes as text.", payload(lambda event: event.update(delta={"type": "text_delta", "text": "Hm."}) if event["delta"]["type"] == "thinking_delta" else None, "content_block_delta"), by="anthropic-stream/deltas-fit-*")
stream.sibling("anthropic-stream-usage-missing", "message_delta has no usage.", payload(lambda event: event.pop("usage"), "message_delta"), by="anthropic-stream/matches-schema")
stream.sibling("anthropic-output-tokens-shrink", "The output counted last is smaller than before.", payload(lambda event: event["message"]["usage"].update(output_tokens=999), "message_start"), by="anthropic-stream/output-tokens-*")
stream.sibling("anthropic-message-start-missing-message", "message_start has no message.", payload(lambda event: event.pop("message"), "message_start"), by=EVENT)
stream.sibling("anthropic-message-start-stopped", "message_start has a stop_reason already.", payload(lambda event: event["message"].update(stop_reason="end_turn"), "message_start"), by=EVENT)
stream.sibling("anthropic-indexes-from-one", "Blocks are counted from 1.", payload(lambda event: event.update(index=event["index"] + 1), "content_block_start", "content_block_delta", "content_block_stop"), by="anthropic-stream/block-indexes-*")
stream.sibling("anthropic-error-in-the-middle", "An error ends the stream.", frames(lambda given: [*given[:5], Frame('{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}', "error")]), by="anthropic-stream/stream-holds-no-error")
stream.sibling("anthropic-error-and-on", "The stream goes on behind an error.", insert(Frame('{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}', "error"), middle), by=("anthropic-stream/nothing-follows-an-error", "anthropic-stream/stream-holds-no-error"))
stream.sibling("anthropic-stream-labelled-json", "The stream is labelled application/json.", header("content-type", "application/json"), by="chat-stream/stream-is-labelled-*")
stream.sibling("anthropic-chunks-of-openai", "The stream is OpenAI's.", frames(lambda given: [Frame('{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": null}]}'), Frame("[DONE]")]), by="anthropic-stream/matches-schema")
stream.sibling("anthropic-text-doubled", "Every delta comes twice.", double(DELTA), by=("anthropic/streamed-text-*", "anthropic-stream/tool-input-*"), ask=(ANTHROPIC, ANTHROPIC_STREAM))
stream.sibling("anthropic-text-shuffled", "Two deltas come in the wrong order.", frames(lambda given: [*given[:5], given[8], *given[5:8], *given[9:]]), by="anthropic/streamed-text-*", ask=(ANTHROPIC, ANTHROPIC_STREAM))
stream.sibling("anthropic-stream-prompt-estimated", "The stream counts another input.", payload(lambda event: event["message"]["usage"].update(input_tokens=event["message"]["usage"]["input_tokens"] + 50), "message_start"), by=("anthropic/streamed-prompt-*", "anthropic-stream/input-is-counted-*"), ask=(ANTHROPIC, ANTHROPIC_STREAM), verdict=WARNS)
stream.harmless("anthropic-pings", "Pings come between the deltas.", insert(Frame('{"type": "ping"}', "ping"), DELTA))


def _without_a_piece(given: list[Frame]) -> list[Frame]:
    held = [number for number, frame in enumerate(given) if '"partial_json"' in frame.data and '"partial_json": ""' not in frame.data]
    return [frame for number, frame in enumerate(given) if number not in held[:1]]
