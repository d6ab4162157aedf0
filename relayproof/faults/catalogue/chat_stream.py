"""Chat completions, streamed: the chunks, their order, their pieces of tool calls, their usage, and their framing."""

from __future__ import annotations

from typing import Any

from relayproof.faults import document as doc
from relayproof.faults.answer import DONE, Answer, Frame, dump
from relayproof.faults.fault import WARNS, Family
from relayproof.faults.parameters import again, always, asks, both, forwarded, ignored, openai_error, refused
from relayproof.faults.reply import TEXT, header, instead
from relayproof.faults.stream import (
    but_last,
    calls,
    continues_call,
    copy_before,
    done,
    double,
    drop,
    each,
    end_after,
    everywhere,
    finishes,
    first,
    first_words,
    frames,
    insert,
    last,
    last_words,
    middle,
    not_first,
    opens_call,
    says,
    second_words,
    swap,
    tells_usage,
    text,
    whole,
    written,
)
from relayproof.faults.timing import at_once, held_back, in_a_burst, in_blocks, packed_piece_by_piece, packed_whole
from relayproof.pointer import find, get
from relayproof.surface import CHAT, CHAT_STREAM

# fmt: off
# A table: a row is a line.

SHAPE = "chat-stream/matches-schema"
stream = Family("chat-stream", (CHAT_STREAM,))
pair = Family("chat-stream", (CHAT_STREAM,), (CHAT, CHAT_STREAM))
REASON, DELTA, CALLS = "/choices/*/finish_reason", "/choices/*/delta", "/choices/*/delta/tool_calls/*"


def deltas(change: Any, where: Any = everywhere) -> Any:
    """A break that changes the delta of every choice of the selected events."""
    return each(lambda chunk, number: [change(delta) for _, delta in find(chunk, DELTA, dict)], where)


def pieces(change: Any, where: Any = calls) -> Any:
    """A break that changes every fragment of a tool call in the selected events."""
    return each(lambda chunk, number: [change(call) for _, call in find(chunk, CALLS, dict)], where)


def replaced(path: str, old: Any, new: Any) -> Any:
    """A break that puts one value in place of another."""
    return doc.change(path, lambda value: new if value == old else value)


# The end

stream.seen("stream-finish-reason-missing", "No chunk has a finish_reason.", doc.put(REASON, None), by="chat-stream/every-choice-finishes-once")
stream.seen("stream-finish-stop-with-tool-calls", "Streamed tool calls end with stop.", replaced(REASON, "tool_calls", "stop"), by="chat/calling-tools-*")
stream.seen("stream-content-after-finish", "The last words come behind the finish_reason.", swap(finishes), by="chat-stream/nothing-is-said-after-the-end")
stream.sibling("stream-finish-reason-twice", "The finish_reason comes twice.", double(finishes), by="chat-stream/every-choice-finishes-once")
stream.sibling("stream-finish-reason-on-every-chunk", "Every chunk has finish_reason stop.", doc.put(REASON, "stop"), by="chat-stream/every-choice-*")
stream.sibling("stream-finish-chunk-dropped", "The chunk with the finish_reason is lost.", drop(finishes), by="chat-stream/every-choice-*")
stream.sibling("stream-finish-reason-unknown", "finish_reason is a word that OpenAI does not have.", replaced(REASON, "stop", "end_turn"), by=SHAPE)
stream.sibling("stream-finish-reason-empty", "finish_reason is \"\" where it should be null.", replaced(REASON, None, ""), by=SHAPE)
stream.sibling("stream-finish-reason-capital", "finish_reason is in capitals.", doc.change(REASON, lambda reason: reason and reason.upper()), by=SHAPE)
stream.sibling("stream-cut-says-stop", "A cut stream says stop.", replaced(REASON, "length", "stop"), by="chat/cut-answer-says-length")
stream.sibling("stream-done-missing", "[DONE] is missing.", drop(done), by="chat-stream/done-is-last")
stream.sibling("stream-done-twice", "[DONE] comes twice.", double(done), by="chat-stream/done-is-last")
stream.sibling("stream-done-first", "[DONE] comes before the last chunk.", swap(done), by="chat-stream/done-is-last")
stream.sibling("stream-done-lower-case", "The sentinel is `[done]`.", written(lambda piece: piece.replace(b"[DONE]", b"[done]")), by=("chat-stream/done-is-last", "chat-stream/every-payload-*"))
stream.sibling("stream-done-as-json", "The sentinel is a JSON text.", written(lambda piece: piece.replace(b"[DONE]", b'"[DONE]"')), by=("chat-stream/done-is-last", "chat-stream/every-payload-*"))
stream.sibling("stream-ends-half-way", "The stream ends in the middle, without finish_reason and [DONE].", end_after(middle), by=("chat-stream/done-is-last", "chat-stream/every-choice-*"))
stream.sibling("stream-ends-half-way-with-done", "The stream breaks off, and [DONE] is written all the same.", end_after(middle), frames(lambda given: [*given, Frame(DONE)]), by="chat-stream/every-choice-*")
stream.sibling("stream-last-blank-line-missing", "The last event has no blank line behind it.", whole(lambda body: body.rstrip(b"\n")), by="chat-stream/framing-*", verdict=WARNS)

# What a chunk is

stream.seen("stream-object-not-chunk", "`object` is that of a whole answer.", doc.put("/object", "chat.completion"), by=SHAPE)
stream.seen("stream-id-changes-per-chunk", "Every chunk has an id of its own.", each(lambda chunk, number: chunk.update(id=f"chatcmpl-{number}")), by="chat-stream/identity-is-constant")
stream.seen("stream-model-empty", "`model` is empty, and the first content null.", doc.put("/model", ""), deltas(lambda delta: delta.update(content=None), first), by=("chat/model-is-named-plainly", "chat-stream/matches-schema-openai"), verdict=WARNS)
stream.seen("stream-delta-and-message", "Every chunk has an empty message beside its delta.", doc.put("/choices/*/message", {"role": None, "content": "", "tool_calls": None}), by="chat-stream/deltas-hold-*", verdict=WARNS)
stream.seen("stream-vendor-content-filter-in-choice", "Every choice has Azure's filter notes.", doc.put("/choices/*/content_filter_results", {"hate": {"filtered": False}}), by="chat-stream/deltas-hold-*", verdict=WARNS)
stream.seen("stream-tool-calls-empty-array", "Chunks with text have an empty list of tool calls.", deltas(lambda delta: delta.update(tool_calls=[]), says), by="chat-stream/deltas-hold-*", verdict=WARNS)
for key in ("id", "object", "created", "model", "choices"):
    stream.sibling(f"stream-{key}-missing", f"Chunks have no `{key}`.", doc.drop(f"/{key}"), by=(SHAPE, "chat-stream/stream-holds-an-answer"))
stream.sibling("stream-id-changes-in-the-middle", "The id changes in the middle, as after a retry.", each(lambda chunk, number: chunk.update(id="chatcmpl-other") if number > 3 else None), by="chat-stream/identity-*")
stream.sibling("stream-id-empty", "The id is empty.", doc.put("/id", ""), by="chat/id-is-given")
stream.sibling("stream-created-drifts", "`created` grows from chunk to chunk.", each(lambda chunk, number: chunk.update(created=chunk["created"] + number)), by="chat-stream/created-is-constant", verdict=WARNS)
stream.sibling("stream-created-milliseconds", "`created` counts milliseconds.", doc.change("/created", lambda at: at * 1000), by=(SHAPE, "chat/created-*"))
stream.sibling("stream-model-changes", "The last chunk names another model.", each(lambda chunk, number: chunk.update(model="gpt-4o"), last), by="chat-stream/model-is-constant", verdict=WARNS)
stream.sibling("stream-model-of-another-family", "Another family answers.", doc.put("/model", "qwen-turbo"), by="chat/model-is-the-one-asked-for")
stream.sibling("stream-delta-missing", "Chunks have no delta.", doc.drop(DELTA), by=SHAPE)
stream.sibling("stream-delta-null", "The last delta is null.", each(lambda chunk, number: chunk["choices"][0].update(delta=None), finishes), by=SHAPE)
stream.sibling("stream-message-for-delta", "Chunks have a message where the delta belongs.", doc.rename(DELTA, "message"), by=(SHAPE, "chat-stream/deltas-hold-*"))
stream.sibling("stream-text-for-delta", "Chunks have a text, as legacy completions do.", each(lambda chunk, number: chunk["choices"][0].update(text=chunk["choices"][0].pop("delta", {}).get("content", "")), says), by="chat-stream/matches-schema")
stream.sibling("stream-content-object", "content is an object.", deltas(lambda delta: delta.update(content={"text": delta["content"]}), says), by=SHAPE)
stream.sibling("stream-index-missing", "Choices have no index.", doc.drop("/choices/*/index"), by=SHAPE)
stream.sibling("stream-index-text", "The index is a text.", doc.change("/choices/*/index", str), by=SHAPE)
stream.sibling("stream-index-from-one", "The choices are counted from 1.", doc.change("/choices/*/index", lambda index: index + 1), by=("chat-stream/choice-indexes-*", "chat/choice-indexes-*"))
stream.harmless("stream-obfuscation", "Chunks carry random padding.", doc.put("/obfuscation", "x7Gh"))
stream.harmless("stream-azure-filter-note", "Azure's word on the prompt comes first, without id, date and model.",
                frames(lambda given: [Frame('{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}'), *given]))
stream.harmless("stream-unknown-keys", "Chunks carry keys that nobody knows.", doc.put("/provider", "x"))

# Roles and words

stream.seen("stream-role-empty-string", "Later chunks have the role \"\".", deltas(lambda delta: delta.update(role=""), not_first), by="chat-stream/role-is-*")
stream.seen("stream-role-null", "All chunks have the role null.", deltas(lambda delta: delta.update(role=None)), by=("chat-stream/role-is-never-null", "chat-stream/role-comes-first"), verdict=WARNS)
stream.sibling("stream-fingerprints-change", "Every chunk has a fingerprint of its own.", each(lambda chunk, number: chunk.update(system_fingerprint=f"fp_{number}")), by="chat-stream/fingerprint-*", verdict=WARNS)
stream.sibling("tool-type-missing", "Tool calls begin without a type.", pieces(lambda call: call.pop("type", None), opens_call), by="chat-stream/tool-call-begins-*")
stream.sibling("stream-role-missing", "No chunk says the role.", deltas(lambda delta: delta.pop("role", None)), by="chat-stream/role-*", verdict=WARNS)
stream.sibling("stream-role-on-every-chunk", "Every chunk says the role.", deltas(lambda delta: delta.update(role="assistant")), by="chat-stream/role-is-said-once", verdict=WARNS)
stream.sibling("stream-role-user", "The role is `user`.", replaced("/choices/*/delta/role", "assistant", "user"), by=(SHAPE, "chat-stream/role-*"))
stream.sibling("stream-role-model", "The role is `model`.", replaced("/choices/*/delta/role", "assistant", "model"), by=(SHAPE, "chat-stream/role-*"))
stream.sibling("stream-role-chunk-last", "The role comes behind the first words.", swap(first_words), by=("chat-stream/role-*", "chat-stream/answer-is-streamed-once"))


def _text_again(given: list[Frame]) -> list[Frame]:
    said = "".join(map(text, given))
    made = []
    for number, frame in enumerate(given):
        if finishes(given, number) and said:
            made.append(Frame(dump(frame.json | {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]})))
        made.append(frame)
    return made


def _without_equal_neighbours(given: list[Frame]) -> list[Frame]:
    made: list[Frame] = []
    for frame in given:
        if not (made and text(frame) and text(made[-1]) == text(frame)):
            made.append(frame)
    return made


def _character_by_character(given: list[Frame]) -> list[Frame]:
    made = []
    for frame in given:
        words = text(frame)
        for letter in words or [""]:
            twin = Frame(frame.data, frame.name, frame.raw)
            if words:
                twin.edit(lambda chunk, letter=letter: chunk["choices"][0]["delta"].update(content=letter))  # type: ignore[misc]
            made.append(twin)
    return made


def _arguments_said(given: list[Frame]) -> list[Frame]:
    made = []
    for frame in given:
        made.append(frame)
        for _, words in find(frame.json, "/choices/*/delta/tool_calls/*/function/arguments", str):
            if words:
                made.append(Frame(dump(frame.json | {"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": None}]})))
    return made


pair.seen("stream-text-duplicated-at-end", "The whole text comes again before the end.", frames(_text_again), by="chat/streamed-text-loses-nothing")
pair.seen("stream-every-delta-duplicated", "Every delta comes twice.", double(says), by="chat/streamed-text-loses-nothing")
pair.seen("stream-repeated-chars-dropped", "A delta that equals the one before is lost.", frames(_character_by_character), frames(_without_equal_neighbours), by="chat/streamed-text-loses-nothing")
pair.seen("stream-content-differs-nonstream", "The last words are lost in the stream.", drop(last_words), by="chat/streamed-text-loses-nothing")
pair.seen("tool-arguments-leak-into-content", "The arguments of a call come as text too.", frames(_arguments_said), by=("chat/arguments-stay-*", "chat/*content*"))
pair.sibling("stream-first-words-lost", "The first words are lost in the stream.", drop(first_words), by="chat/streamed-text-loses-nothing")
pair.sibling("stream-words-lost-in-the-middle", "One delta is lost.", drop(second_words), by="chat/streamed-text-loses-nothing")
pair.sibling("stream-words-swapped", "Two deltas change places.", swap(second_words), by="chat/streamed-text-loses-nothing")
pair.sibling("stream-words-cumulative", "Each delta holds the whole text so far.", frames(lambda given: _cumulative(given)), by="chat/streamed-text-loses-nothing")
pair.sibling("stream-spaces-lost", "Deltas lose their leading spaces.", deltas(lambda delta: delta.update(content=delta["content"].lstrip()), says), by="chat/streamed-text-loses-nothing")
pair.sibling("stream-emoji-lost", "Characters beyond the basic plane become question marks.",
             deltas(lambda delta: delta.update(content="".join("?" if ord(letter) > 0xFFFF else letter for letter in delta["content"])), says), by="chat/streamed-text-loses-nothing")
pair.sibling("stream-chinese-mangled", "UTF-8 is read as Latin-1 on the way.",
             deltas(lambda delta: delta.update(content=delta["content"].encode().decode("latin-1")), says), by="chat/streamed-text-loses-nothing")
stream.sibling("stream-restarts", "The answer begins again in the middle.", frames(lambda given: given[:5] + given), by=("chat-stream/answer-is-streamed-once", "chat-stream/role-is-*"))
pair.harmless("stream-words-merged", "Two deltas come as one.", frames(lambda given: _merged(given)))
pair.harmless("stream-letter-by-letter", "Deltas are single characters.", frames(_character_by_character))
pair.harmless("stream-empty-deltas", "Empty deltas come between the words.", copy_before(lambda chunk: chunk["choices"][0].update(delta={"content": ""}), second_words))


def _cumulative(given: list[Frame]) -> list[Frame]:
    said = ""
    for frame in given:
        if text(frame):
            said += text(frame)
            frame.edit(lambda chunk: chunk["choices"][0]["delta"].update(content=said))  # noqa: B023
    return given


def _merged(given: list[Frame]) -> list[Frame]:
    made: list[Frame] = []
    for frame in given:
        logs = get(frame.json, "/choices/0/logprobs")
        if made and text(frame) and text(made[-1]) and not logs and get(made[-1].json, "/choices/0/index") == get(frame.json, "/choices/0/index"):
            joined = text(made[-1]) + text(frame)
            made[-1].edit(lambda chunk, joined=joined: chunk["choices"][0]["delta"].update(content=joined))  # type: ignore[misc]
        else:
            made.append(frame)
    return made


# Several choices


def _index_jumps(chunk: dict[str, Any], number: int) -> None:
    for choice in chunk["choices"]:
        if number > 3:
            choice["index"] = 1


stream.seen("stream-n2-index-all-zero", "With n = 2 all chunks have index 0.", doc.put("/choices/*/index", 0), by=("chat-stream/choice-indexes-*", "chat/n-is-honoured"))
stream.seen("stream-choice-index-from-block", "The index jumps to 1 in the middle.", each(_index_jumps), by=("chat-stream/choice-indexes-*", "chat-stream/every-choice-*"))
stream.sibling("stream-second-choice-dropped", "With n = 2 one choice comes.", frames(lambda given: [frame for frame in given if get(frame.json, "/choices/0/index") != 1]), by=("chat-stream/choice-indexes-*", "chat/n-is-honoured"))
stream.sibling("stream-n-ignored", "n is ignored.", ignored("n"), by=("chat-stream/choice-indexes-*", "chat/n-is-honoured"))

# Tool calls

stream.seen("tool-delta-index-from-anthropic-block", "The first tool call has index 1.", doc.change(f"{CALLS}/index", lambda index: index + 1), by="chat-stream/tool-call-indexes-*")
stream.seen("tool-arguments-empty-object-prefix", "The arguments begin with an empty object.", doc.only(asks("/tools"), pieces(lambda call: call["function"].update(arguments="{}"), opens_call)), by="chat/tool-arguments-*")
stream.seen("tool-parallel-merged", "All calls are poured into one.",
            frames(lambda given: _one_call(given)), by="chat-stream/one-index-is-one-call")
stream.seen("tool-id-missing", "Streamed calls have no id.", pieces(lambda call: call.pop("id", None)), by="chat-stream/tool-call-begins-*")
stream.seen("tool-id-name-repeated-each-delta", "id, type and name come with every fragment.", frames(lambda given: _names_repeated(given)), by="chat-stream/tool-call-is-named-once", verdict=WARNS)
stream.seen("tool-null-padding", "Later fragments have id and name null.", pieces(lambda call: (call.update(id=None), call["function"].update(name=None)), continues_call), by="chat-stream/continuation-*")
stream.seen("tool-type-empty-string", "Later fragments have the type \"\".", pieces(lambda call: call.update(type=""), continues_call), by="chat-stream/continuation-*")
stream.sibling("tool-id-empty-later", "Later fragments have the id \"\".", pieces(lambda call: call.update(id=""), continues_call), by="chat-stream/continuation-*")
stream.sibling("tool-name-empty-later", "Later fragments have the name \"\".", pieces(lambda call: call["function"].update(name=""), continues_call), by="chat-stream/continuation-*")
stream.sibling("tool-id-changes", "Every fragment has an id of its own.", each(lambda chunk, number: [call.update(id=f"call_{number}") for _, call in find(chunk, CALLS, dict)], calls), by="chat-stream/one-index-*")
stream.sibling("tool-name-missing", "Streamed calls have no name.", pieces(lambda call: call["function"].pop("name", None)), by="chat-stream/tool-call-begins-*")
stream.sibling("tool-index-missing", "Fragments have no index.", pieces(lambda call: call.pop("index")), by=("chat-stream/matches-schema*", "chat-stream/*index*", "chat/tool-arguments-*"))
stream.sibling("tool-index-always-zero", "All calls have index 0.", pieces(lambda call: call.update(index=0)), by="chat-stream/one-index-*")
stream.sibling("tool-index-text", "The index is a text.", pieces(lambda call: call.update(index=str(call["index"]))), by=SHAPE)
stream.sibling("tool-calls-reversed", "The second call comes with index 0.", pieces(lambda call: call.update(index=1 - call["index"])), by="chat-stream/tool-call-indexes-*")
stream.sibling("tool-fragment-lost", "One fragment of the arguments is lost.", frames(lambda given: _without_one_fragment(given)), by="chat/tool-arguments-*")
stream.sibling("tool-fragments-doubled", "Every fragment comes twice.", double(continues_call), by="chat/tool-arguments-*")
stream.sibling("tool-fragments-swapped", "Two fragments change places.", swap(opens_call), by="chat-stream/tool-call-*")
stream.sibling("tool-arguments-as-objects", "A fragment's arguments are an object.", pieces(lambda call: call["function"].update(arguments={}), continues_call), by=SHAPE)
stream.sibling("tool-arguments-null", "The first fragment's arguments are null.", pieces(lambda call: call["function"].update(arguments=None), opens_call), by=SHAPE)
stream.sibling("tool-arguments-cumulative", "Each fragment holds the whole arguments so far.", frames(lambda given: _cumulative_arguments(given)), by="chat/tool-arguments-*")
stream.sibling("tool-calls-lost-in-the-stream", "No call comes in a stream, and finish_reason promises one.", drop(calls), by="chat/tool-calls-is-no-empty-promise")
stream.sibling("tool-choice-ignored-in-the-stream", "A forced call comes only without a stream.", forwarded(lambda body: body.update(tool_choice="none") if body.get("tool_choice") == "required" else None), by="chat/forced-tool-*")
stream.sibling("tool-calls-as-whole-message", "A whole tool call without an index comes in one chunk.", frames(lambda given: _whole_calls(given)), by=("chat-stream/*index*", "chat/tool-arguments-*"))
stream.harmless("tool-arguments-in-one-piece", "The arguments of a call come in one piece.", frames(lambda given: _arguments_in_one_piece(given)))


def _one_call(given: list[Frame]) -> list[Frame]:
    ids = [name for frame in given for _, name in find(frame.json, f"{CALLS}/id", str)]
    for frame in given:
        frame.edit(lambda chunk: [call.update(index=0, id=ids[0]) for _, call in find(chunk, CALLS, dict)])
    return given


def _names_repeated(given: list[Frame]) -> list[Frame]:
    opened: dict[int, dict[str, Any]] = {}

    def repeat(chunk: dict[str, Any]) -> None:
        for _, call in find(chunk, CALLS, dict):
            begun = opened.setdefault(call["index"], call)
            call.update(id=begun["id"], type=begun["type"])
            call["function"]["name"] = begun["function"]["name"]

    for frame in given:
        frame.edit(repeat)
    return given


def _without_one_fragment(given: list[Frame]) -> list[Frame]:
    later = [number for number in range(len(given)) if continues_call(given, number)]
    return [frame for number, frame in enumerate(given) if number not in later[1:2]]


def _cumulative_arguments(given: list[Frame]) -> list[Frame]:
    said: dict[int, str] = {}

    def grow(chunk: dict[str, Any]) -> None:
        for _, call in find(chunk, CALLS, dict):
            said[call["index"]] = said.get(call["index"], "") + call["function"]["arguments"]
            call["function"]["arguments"] = said[call["index"]]

    for frame in given:
        frame.edit(grow)
    return given


def _gathered(given: list[Frame]) -> dict[int, str]:
    said: dict[int, str] = {}
    for frame in given:
        for _, call in find(frame.json, CALLS, dict):
            said[call["index"]] = said.get(call["index"], "") + call["function"]["arguments"]
    return said


def _arguments_in_one_piece(given: list[Frame]) -> list[Frame]:
    said = _gathered(given)
    made = [frame for number, frame in enumerate(given) if not continues_call(given, number)]
    for frame in made:
        frame.edit(lambda chunk: [call["function"].update(arguments=said[call["index"]]) for _, call in find(chunk, CALLS, dict)])
    return made


def _whole_calls(given: list[Frame]) -> list[Frame]:
    made = _arguments_in_one_piece(given)
    for frame in made:
        frame.edit(lambda chunk: [call.pop("index") for _, call in find(chunk, CALLS, dict)])
    return made


# Usage

USAGE_LAST = "chat-stream/usage-chunk-comes-last"
stream.seen("stream-usage-chunk-no-choices", "The usage chunk has no choices.", each(lambda chunk, number: chunk.pop("choices"), tells_usage), by=SHAPE)
stream.seen("stream-usage-on-nonempty-choices", "The usage comes with a choice.", each(lambda chunk, number: chunk.update(choices=[{"index": 0, "delta": {}}]), tells_usage), by=USAGE_LAST)
stream.seen("stream-usage-null-absent", "The chunks before the usage do not say `usage: null`.", each(lambda chunk, number: chunk.pop("usage", None), but_last), by="chat-stream/earlier-chunks-*", verdict=WARNS)
stream.seen("stream-usage-foreign-fields-zero", "Every chunk has a usage of its own making.", each(lambda chunk, number: chunk.update(usage={"total_tokens": 0, "total_characters": 0})), by=(SHAPE, "chat-stream/usage-*"))
stream.sibling("stream-usage-missing", "include_usage is ignored.", ignored("stream_options"), by=USAGE_LAST)
stream.sibling("stream-usage-unasked", "The usage comes unasked.", always("stream_options", {"include_usage": True}), by="chat-stream/usage-comes-only-*", verdict=WARNS)
stream.sibling("stream-usage-first", "The usage comes first.", frames(lambda given: [frame for frame in given if isinstance(frame.json.get("usage"), dict)] + [frame for frame in given if not isinstance(frame.json.get("usage"), dict)]), by=USAGE_LAST)
stream.sibling("stream-usage-twice", "The usage comes twice.", double(tells_usage), by=USAGE_LAST)
stream.sibling("stream-usage-after-done", "The usage comes behind [DONE].", swap(done), by=("chat-stream/done-is-last", USAGE_LAST))
stream.sibling("stream-usage-zero", "The counts of the stream are 0.", each(lambda chunk, number: chunk["usage"].update(prompt_tokens=0, completion_tokens=0, total_tokens=0), tells_usage), by="chat/tokens-are-counted")
stream.sibling("stream-usage-total-wrong", "total_tokens of the stream is one too many.", each(lambda chunk, number: chunk["usage"].update(total_tokens=chunk["usage"]["total_tokens"] + 1), tells_usage), by="chat/usage-adds-up")
stream.sibling("stream-usage-on-every-chunk", "Every chunk has the whole usage.", frames(lambda given: _usage_everywhere(given)), by=(USAGE_LAST,))
stream.sibling("stream-usage-counts-chunks", "completion_tokens is the number of chunks of one token each, above max_tokens.", each(lambda chunk, number: chunk["usage"].update(completion_tokens=4000, total_tokens=4000 + chunk["usage"]["prompt_tokens"]), tells_usage), by="chat/token-limit-*")
stream.sibling("stream-usage-text", "The counts are texts.", each(lambda chunk, number: chunk["usage"].update(prompt_tokens="9"), tells_usage), by=SHAPE)
pair.sibling("stream-prompt-estimated", "prompt_tokens of the stream is an estimate.", each(lambda chunk, number: chunk["usage"].update(prompt_tokens=chunk["usage"]["prompt_tokens"] + 3, total_tokens=chunk["usage"]["total_tokens"] + 3), tells_usage), by="chat/streamed-prompt-*")


def _usage_everywhere(given: list[Frame]) -> list[Frame]:
    usage = next((frame.json["usage"] for frame in given if isinstance(frame.json.get("usage"), dict)), None)
    if usage:
        for frame in given:
            frame.edit(lambda chunk: chunk.update(usage=usage))
    return given


# The label, and answers that are no stream


def _whole_answer(answer: Answer) -> dict[str, Any]:
    words = "".join(map(text, answer.frames))
    head = answer.frames[0].json
    choice = {"index": 0, "message": {"role": "assistant", "content": words}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    return head | {"object": "chat.completion", "choices": [choice], "usage": usage}


ANSWER = "chat-stream/stream-is-a-stream"
stream.seen("stream-content-type-json", "A stream is labelled application/json.", header("content-type", "application/json"), by="chat-stream/stream-is-labelled-*")
stream.seen("stream-ignored-json-body", "stream: true is ignored.", instead(_whole_answer), by=ANSWER)
stream.seen("stream-documented-as-nonstream", "A whole answer comes where a stream was asked for.", instead(_whole_answer), by=ANSWER)
stream.sibling("stream-content-type-text", "A stream is labelled text/plain.", header("content-type", TEXT), by="chat-stream/stream-is-labelled-*")
stream.sibling("stream-content-type-missing", "A stream has no label.", header("content-type", None), by="chat-stream/stream-is-labelled-*")
stream.sibling("stream-content-type-octets", "A stream is labelled application/octet-stream.", header("content-type", "application/octet-stream"), by="chat-stream/stream-is-labelled-*")
stream.sibling("stream-whole-answer-as-one-event", "The whole answer comes as one event.", frames(lambda given: given), lambda answer: setattr(answer, "frames", [Frame(dump(_whole_answer(answer))), Frame(DONE)]), by="chat-stream/matches-schema")
stream.sibling("stream-empty", "The stream is empty.", frames(lambda given: []), by=ANSWER)
stream.sibling("stream-only-done", "The stream holds [DONE] and nothing else.", drop(everywhere), by="chat-stream/stream-holds-an-answer")
stream.sibling("stream-json-lines", "Lines of JSON come without `data: `.", written(lambda piece: piece.removeprefix(b"data: ")), by=("chat-stream/every-line-*", ANSWER))
stream.sibling("stream-refused", "Streams are refused.", refused(400, openai_error("Streaming is not supported."), asks("/stream", True)), by="every-response/valid-request-is-answered")
stream.sibling("stream-options-refused", "stream_options is refused.", refused(400, openai_error("Unknown parameter: stream_options."), asks("/stream_options")), by="every-response/valid-request-is-answered")
stream.harmless("stream-charset", "The label of a stream names its charset.", header("content-type", "text/event-stream; charset=utf-8"))

# Errors in the middle

ERROR = Frame(dump(openai_error("provider returned a malformed response", "api_error", "all_routes_failed")))


def _cut_call_fails(given: list[Frame]) -> list[Frame]:
    ends = {get(frame.json, "/choices/0/finish_reason") for frame in given}
    if "length" not in ends or not any(calls(given, number) for number in range(len(given))):
        return given
    return [frame for number, frame in enumerate(given) if not finishes(given, number) and not frame.done] + [ERROR]


stream.sibling("stream-error-in-the-middle", "An error comes in the middle, and the stream ends.", end_after(middle), frames(lambda given: [*given, ERROR]), by="chat-stream/stream-holds-no-error")
stream.sibling("stream-error-and-on", "An error comes in the middle, and the stream goes on.", insert(ERROR, middle), by=("chat-stream/nothing-follows-an-error", "chat-stream/stream-holds-no-error"))
stream.sibling("stream-error-as-bare-line", "An error comes as a bare line of JSON.", end_after(middle), frames(lambda given: [*given, Frame(raw=ERROR.data.encode() + b"\n\n")]), by=("chat-stream/every-line-*", "chat-stream/done-*"))
stream.sibling("stream-error-first", "A stream holds nothing but an error, with status 200.", frames(lambda given: [ERROR, Frame(DONE)]), by="chat-stream/stream-holds-no-error")
stream.sibling("stream-error-as-words", "A failure comes as words of the assistant.", deltas(lambda delta: delta.update(content="[error] upstream error: no capacity "), first_words), by="chat/rejection-is-no-answer")
stream.seen("limits-tool-cut-by-max-tokens-error", "A tool call that the limit cut ends with an error.",
            frames(_cut_call_fails), by=("chat-stream/stream-holds-no-error",))

# Time and cache

stream.seen("created-ms-only-when-cached", "`created` counts milliseconds when the answer comes from a cache.", doc.only(both(again, asks("/stream")), doc.change("/created", lambda at: at * 1000)), by=("chat/created-*", SHAPE))
stream.seen("stream-buffered-all-at-once", "All chunks come in one moment at the end.", in_a_burst, by="chat-stream/stream-arrives-over-time", slow=True)
stream.seen("stream-gzip-whole", "The stream is packed as one piece.", packed_whole, by="chat-stream/stream-arrives-over-time", slow=True)
stream.seen("stream-delayed-flush", "The first events are held back, and come in a burst.", held_back(1.0, 20), by=("chat-stream/first-words-*", "chat-stream/stream-arrives-*"), slow=True, verdict=WARNS)
stream.sibling("stream-one-write", "The whole stream comes in one write.", at_once, by="chat-stream/stream-arrives-over-time", slow=True)
stream.harmless("stream-in-small-blocks", "A proxy writes the stream in blocks that cut events and characters.", in_blocks(50), slow=True)
stream.harmless("stream-gzip-flushed", "The stream is packed, and flushed after each event.", packed_piece_by_piece, slow=True)
