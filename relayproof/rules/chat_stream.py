"""What only a stream of chat completion chunks can get wrong: framing, order, and the pieces of one answer.

The answer that the chunks add up to is judged by the rules of `chat`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from relayproof.exchange import FRAMING, HEADERS, OMISSIONS, TIMING, Exchange
from relayproof.groups import Groups
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import SHOULD, Finding, Untested, must, should
from relayproof.rules import shapes
from relayproof.rules.every_response import in_events
from relayproof.rules.sources import CHAT_CHUNK, CHAT_REQUEST, OBSERVED, OPENAI_PYTHON, SSE
from relayproof.schema import shown
from relayproof.sse import Event
from relayproof.streams.chat import is_note
from relayproof.surface import ANTHROPIC_STREAM, AUDIO, CHAT_STREAM, COMPLETIONS_STREAM, GEMINI_STREAM, IMAGES, is_azure

OPENAI_STREAMS = (CHAT_STREAM, COMPLETIONS_STREAM)
EVENT_STREAMS = (*OPENAI_STREAMS, ANTHROPIC_STREAM)
SOMETIMES_STREAMS = (AUDIO, IMAGES)
SPREAD_SECONDS = 0.05
QUICKEST_EVENT = 0.0002
MANY_EVENTS = 20  # a filter may hold a short answer back as a whole, as Azure does
FEW_EVENTS = 5  # each of Gemini holds a sentence
A_SENTENCE = 40  # characters
BURST_EVENTS, BURST_SECONDS, PAUSE_SECONDS, MOST = 5, 0.002, 1.0, 0.8
LONELY_COMMENT = re.compile(rb"(?:\A|\n\r?\n)(:[^\r\n]*\r?\n(?::[^\r\n]*\r?\n)*\r?\n)")
EVENT_ID = re.compile(rb"^(id:[^\r\n]*)", re.MULTILINE)

shapes.matches_schema(
    "chat_stream", "openai/chat_completion_chunk", CHAT_CHUNK, on=CHAT_STREAM, documents=shapes.events
)

Piece = tuple[Event, str, dict[str, Any]]


def chunks(exchange: Exchange) -> list[Event]:
    """The events that are chunks: a `choices` list, and not Azure's filter notes. Raises Absent when there is none."""
    found = [
        event for event in exchange.events if isinstance(event.body.get("choices"), list) and not _filter_note(event)
    ]
    if not found:
        raise Absent("no chunks")
    return found


def _filter_note(event: Event) -> bool:
    offsets = any("content_filter_offsets" in each for each in event.body["choices"] if isinstance(each, dict))
    return is_note(event.body) or offsets


def pieces(exchange: Exchange) -> dict[int, list[Piece]]:
    """Every choice's pieces in order, by choice index: (event, pointer in it, choice)."""
    gathered: dict[int, list[Piece]] = defaultdict(list)
    for event in chunks(exchange):
        for at, choice in find(event.body, "/choices/*", dict):
            if is_a(choice.get("index"), int):
                gathered[choice["index"]].append((event, at, choice))
    if not gathered:
        raise Absent("no choices")
    return gathered


def is_stream(exchange: Exchange) -> bool:
    """True when the body holds events at all; on surfaces that have other answers too, when it begins as events do."""
    return bool(exchange.events) and (exchange.surface not in SOMETIMES_STREAMS or in_events(exchange))


def broke_off(exchange: Exchange) -> bool:
    """True when the stream reports an error."""
    return any(event.body.get("error") for event in exchange.events)


def wants_usage(exchange: Exchange) -> bool:
    """True when the request asks for the usage chunk."""
    return exchange.asked("/stream_options/include_usage") is True


@must(CHAT_REQUEST, on=EVENT_STREAMS)
def stream_is_a_stream(exchange: Exchange) -> Iterator[Finding]:
    """`stream: true` gets events, at least one of them with data.

    A client that asked for a stream reads lines; one JSON object, an HTML page or nothing at all leaves it waiting or
    failing, and what was paid for is lost.

    Fix: pass `stream` on, and convert a whole upstream answer into events where it has no stream.
    """
    if not exchange.events:
        yield Finding("body", f"no events: {shown(exchange.answered.text[:120])}")


@must(SSE, on=(*EVENT_STREAMS, *SOMETIMES_STREAMS, GEMINI_STREAM), needs=HEADERS, when=is_stream)
def stream_is_labelled_as_one(exchange: Exchange) -> Iterator[Finding]:
    """A stream has Content-Type `text/event-stream`.

    Browsers and several SDKs read events only under this label, and proxies buffer everything else.

    Fix: send `Content-Type: text/event-stream`.
    """
    kind = exchange.answered.content_type
    if kind != "text/event-stream":
        yield Finding("header content-type", kind or "no media type")


@must(SSE, on=(*EVENT_STREAMS, *SOMETIMES_STREAMS, GEMINI_STREAM), needs=FRAMING, when=is_stream)
def every_line_is_a_field(exchange: Exchange) -> Iterator[Finding]:
    """Every line of a stream is empty, a comment, or a field that the SSE grammar knows.

    A parser drops any other line in silence. A bare JSON line is how some relays report a broken upstream: the client
    sees a stream that stops.

    Fix: put `data: ` before each payload, errors too.
    """
    for oddity in exchange.answered.stream.oddities:
        if oddity.kind == "unknown-field":
            yield Finding(f"byte {oddity.offset}", shown(oddity.text))


@must(SSE, on=(*EVENT_STREAMS, *SOMETIMES_STREAMS, GEMINI_STREAM), when=is_stream)
def every_payload_is_json(exchange: Exchange) -> Iterator[Finding]:
    """Every data payload but [DONE] is one JSON object.

    A payload cut in two, or two joined by a lost blank line, raises in every SDK in the middle of the answer.

    Fix: write each event whole, with one blank line after it.
    """
    for event in exchange.events:
        if event.data.strip() and not event.done and not isinstance(event.json, dict):
            yield Finding(event.place, f"no JSON object: {shown(event.data[:120])}")


@must(SSE, on=(*EVENT_STREAMS, *SOMETIMES_STREAMS, GEMINI_STREAM), needs=FRAMING, when=is_stream)
def events_carry_data(exchange: Exchange) -> Iterator[Finding]:
    """No event comes without data.

    Keep-alive is done by comments. A frame that holds only `event: keepalive` makes some parsers emit an empty event,
    and the client fails to parse "" as JSON.

    Fix: send `: keepalive` instead.
    """
    for oddity in exchange.answered.stream.oddities:
        if oddity.kind == "event-without-data":
            yield Finding(f"byte {oddity.offset}", f"event {shown(oddity.text)} without data")
    for event in exchange.events:
        if not event.data.strip():
            yield Finding(event.place, "empty data")


@should(OBSERVED, on=(*EVENT_STREAMS, *SOMETIMES_STREAMS), needs=FRAMING, when=is_stream)
def framing_is_plain(exchange: Exchange) -> Iterator[Finding]:
    """A stream is framed as the official API frames it: one `data: ` line an event, LF, no names, no comments.

    The grammar allows more, and a full parser takes it; hand-made ones, of which there are many, do not.

    Fix: write `data: {json}\\n\\n` and nothing else, keep-alive comments without a blank line behind them excepted.
    """
    seen = set()
    for oddity in exchange.answered.stream.oddities:
        comment = oddity.kind == "comment" and not oddity.text[1:].strip().lower().startswith(
            ("ping", "keep", "openrouter processing")
        )
        open_end = oddity.kind == "unterminated" and exchange.surface in OPENAI_STREAMS
        if oddity.kind in ("crlf", "cr", "bom", "no-space") or comment or open_end:
            if oddity.kind not in seen:
                yield Finding(
                    f"byte {oddity.offset}", f"{oddity.kind}: {shown(oddity.text)}" if oddity.text else oddity.kind
                )
            seen.add(oddity.kind)
    for event in exchange.events:
        if event.lines > 1 and isinstance(event.json, dict):
            yield Finding(event.place, f"one payload over {event.lines} data lines")
            return
    named = next((event for event in exchange.events if event.name), None)
    if named is not None and exchange.surface in OPENAI_STREAMS:
        yield Finding(named.place, f"event {shown(named.name)}")


@should(OBSERVED, on=(*EVENT_STREAMS, *SOMETIMES_STREAMS), needs=FRAMING, when=is_stream)
def comments_stand_inside_events(exchange: Exchange) -> Iterator[Finding]:
    """A comment is not followed by a blank line of its own, and events have no `id`.

    By the grammar that blank line does nothing. Several SDKs dispatch an empty event on it and fail.

    Fix: write the comment line without a blank line behind it.
    """
    for pattern in (LONELY_COMMENT, EVENT_ID):
        found = pattern.search(exchange.answered.decoded)
        if found:
            yield Finding(f"byte {found.start(1)}", shown(found.group(1).decode(errors="replace")))


@must(OPENAI_PYTHON, on=OPENAI_STREAMS, when=is_stream)
def done_is_last(exchange: Exchange) -> Iterator[Finding]:
    """The stream ends with exactly one `data: [DONE]`, and nothing stands behind it.

    Without it a client can't tell a whole answer from a cut one; with more behind it, most never read that.

    Fix: write [DONE] once, after the last chunk, and only when the upstream ended well.
    """
    done = [event for event in exchange.events if event.done]
    if not done and OMISSIONS in exchange.blind:
        raise Untested("whoever wrote the record may have left [DONE] out")
    if not done and not broke_off(exchange):
        yield Finding("end", f"no [DONE]; the last event is {shown(exchange.events[-1].data[:100])}")
    if len(done) > 1:
        yield Finding(done[1].place, f"[DONE] {len(done)} times")
    if done and exchange.events[-1].number > done[0].number and len(done) == 1:
        yield Finding(exchange.events[done[0].number + 1].place, "an event behind [DONE]")


@must(CHAT_CHUNK, on=OPENAI_STREAMS, when=is_stream)
def stream_holds_an_answer(exchange: Exchange) -> Iterator[Finding]:
    """A stream holds at least one chunk with a choice.

    A 200 with nothing but [DONE] is a failure that was swallowed.

    Fix: answer with an error status when the upstream gives nothing.
    """
    if broke_off(exchange):
        raise Absent("an error was reported")
    if not any(event.body.get("choices") for event in exchange.events):
        yield Finding("body", "no chunk with a choice")


@must(CHAT_CHUNK, on=(*OPENAI_STREAMS, *SOMETIMES_STREAMS), when=is_stream)
def stream_holds_no_error(exchange: Exchange) -> Iterator[Finding]:
    """A stream that has begun ends without an error.

    An error in the middle means that the answer broke off after it was begun; clients raise, and the text is lost.

    Fix: look at the upstream; retry before the first byte is sent.
    """
    for event in exchange.events:
        if event.body.get("error"):
            yield Finding(event.place, shown(event.body["error"]))


@must(OPENAI_PYTHON, on=OPENAI_STREAMS, when=broke_off)
def nothing_follows_an_error(exchange: Exchange) -> Iterator[Finding]:
    """No chunk follows an error in a stream.

    Text behind it makes a client that misses the error take half an answer for a whole one.

    Fix: close the stream after the error.
    """
    first = next(event for event in exchange.events if event.body.get("error"))
    for event in exchange.events[first.number + 1 :]:
        if event.body.get("choices"):
            yield Finding(event.place, "a chunk behind an error")


@must(CHAT_CHUNK, on=OPENAI_STREAMS)
def identity_is_constant(exchange: Exchange) -> Iterator[Finding]:
    """`id` is the same in every chunk.

    Clients gather chunks by id. A new id in the middle is another answer: a retry poured into the same stream.

    Fix: take it from the first upstream chunk, and do not retry after the first byte.
    """
    yield from _changed(exchange, "id")


def _changed(exchange: Exchange, key: str) -> Iterator[Finding]:
    """The first chunk whose value differs from the one before; a chunk without the key is for the schema."""
    having = [event for event in chunks(exchange) if key in event.body]
    if not having:
        raise Absent(key)
    first = having[0].body[key]
    other = next((event for event in having if event.body[key] != first), None)
    if other is not None:
        yield Finding(other.place, f"{key} {shown(other.body[key])}, before {shown(first)}")


@should(CHAT_CHUNK, on=OPENAI_STREAMS)
def created_is_constant(exchange: Exchange) -> Iterator[Finding]:
    """`created` is the same in every chunk.

    It is the time of the answer, not of the chunk. Azure's DeepSeek has been recorded to let it drift by a second.

    Fix: take it from the first upstream chunk.
    """
    yield from _changed(exchange, "created")


@should(CHAT_CHUNK, on=OPENAI_STREAMS)
def fingerprint_is_constant(exchange: Exchange) -> Iterator[Finding]:
    """`system_fingerprint` is the same in every chunk that has one.

    It names the machine that answers; two of them in one stream are two answers, or a name made up for each chunk.

    Fix: take it from the first upstream chunk, or leave it out.
    """
    named = [event for event in chunks(exchange) if event.body.get("system_fingerprint")]
    if not named:
        raise Absent("no fingerprint")
    first = named[0].body["system_fingerprint"]
    other = next((event for event in named if event.body["system_fingerprint"] != first), None)
    if other is not None:
        yield Finding(other.place, f"{shown(other.body['system_fingerprint'])}, before {shown(first)}")


@must(CHAT_CHUNK, on=OPENAI_STREAMS, relay=SHOULD)
def model_is_constant(exchange: Exchange) -> Iterator[Finding]:
    """`model` is the same in every chunk.

    Logs keep the last one. new-api is known to put the upstream's name into the usage chunk.

    Fix: write one name into all chunks.
    """
    yield from _changed(exchange, "model")


@must(CHAT_CHUNK, on=CHAT_STREAM, relay=SHOULD)
def role_comes_first(exchange: Exchange) -> Iterator[Finding]:
    """The first chunk of each choice says a role.

    Accumulators make the message from it; some refuse to append to a message without a role.

    Fix: send {"role": "assistant", "content": ""} before the first text.
    """
    for index, parts in pieces(exchange).items():
        event, at, choice = parts[0]
        if get(choice, "/delta", dict) is not None and get(choice, "/delta/role") is None:
            yield Finding(f"{event.place} {at}/delta", f"choice {index} begins with {shown(choice['delta'])}")


@must(CHAT_CHUNK, on=CHAT_STREAM)
def role_is_never_empty(exchange: Exchange) -> Iterator[Finding]:
    """A role in a delta is `assistant`, or not there: never "".

    An empty role makes accumulators overwrite the one they have, and the next turn is refused.

    Fix: leave `role` out after the first chunk.
    """
    for _, parts in pieces(exchange).items():
        for event, at, choice in parts:
            if get(choice, "/delta/role") == "":
                yield Finding(f"{event.place} {at}/delta/role", '""')


@must(CHAT_CHUNK, on=CHAT_STREAM, relay=SHOULD)
def role_is_said_once(exchange: Exchange) -> Iterator[Finding]:
    """A choice says its role once.

    Accumulators that join strings make "assistantassistant" of it.

    Fix: leave `role` out after the first chunk.
    """
    for index, parts in pieces(exchange).items():
        saying = [part for part in parts if get(part[2], "/delta/role")]
        if len(saying) > 1:
            event, at, choice = saying[1]
            yield Finding(
                f"{event.place} {at}/delta/role", f"{shown(choice['delta']['role'])} again for choice {index}"
            )


@should(CHAT_CHUNK, on=CHAT_STREAM)
def role_is_never_null(exchange: Exchange) -> Iterator[Finding]:
    """A role in a delta is not null.

    Typed accumulators fail on it; others overwrite the role that they have.

    Fix: leave `role` out after the first chunk.
    """
    for index, parts in pieces(exchange).items():
        for event, at, choice in parts:
            if "role" in (delta := get(choice, "/delta", dict, {})) and delta["role"] is None:
                yield Finding(f"{event.place} {at}/delta/role", f"null for choice {index}")
                return


@must(OBSERVED, on=CHAT_STREAM)
def answer_is_streamed_once(exchange: Exchange) -> Iterator[Finding]:
    """A choice begins once: no role chunk with empty content in the middle of its text.

    A relay that retries on another channel in the middle of a stream sends the answer twice into one message.

    Fix: retry only before the first byte.
    """
    for index, parts in pieces(exchange).items():
        spoken = [bool(get(choice, "/delta/content")) for *_, choice in parts]
        for number, (event, at, choice) in enumerate(parts):
            begins = get(choice, "/delta/role") == "assistant" and get(choice, "/delta/content") == ""
            if (
                begins
                and any(spoken[:number])
                and any(spoken[number:])
                and parts[number - 1][2].get("delta") != choice["delta"]
            ):
                yield Finding(f"{event.place} {at}", f"choice {index} begins again")


@must(CHAT_CHUNK, on=CHAT_STREAM)
def deltas_do_not_repeat_the_text(exchange: Exchange) -> Iterator[Finding]:
    """A delta holds what is new, not the whole text so far.

    Every client joins the deltas: of "A", "A b", "A b c" it makes "AA bA b c". Nor is the last one a copy of the rest.

    Fix: send the difference to the chunk before; some upstreams stream the whole text each time.
    """
    parts = pieces(exchange).get(0, [])
    said = [(event, text) for event, _, choice in parts if (text := get(choice, "/delta/content", str))]
    if len(said) < 4:
        raise Absent("too short to tell")
    if all(len(later) > len(text) and later.startswith(text) for (_, text), (_, later) in pairwise(said)):
        yield Finding(said[1][0].place, f"{shown(said[1][1][:60])} begins with all that was said before")
    *before, (event, last) = said
    if len(last) > A_SENTENCE and last.strip() == "".join(text for _, text in before).strip():
        yield Finding(event.place, f"{shown(last[:60])} is all that was said before, once more")


@must(CHAT_CHUNK, on=OPENAI_STREAMS)
def every_choice_finishes_once(exchange: Exchange) -> Iterator[Finding]:
    """Each choice has a finish_reason in exactly one chunk.

    It is the only sign that an answer is whole: relays write [DONE] after a broken upstream as well. A usage chunk that
    repeats it is told by usage_chunk_comes_last.

    Fix: pass the upstream's finish_reason on; when there is none, report an error instead of an end.
    """
    if broke_off(exchange):
        raise Absent("an error was reported")
    for index, parts in pieces(exchange).items():
        ended = [(event, choice) for event, _, choice in parts if choice.get("finish_reason")]
        ends = [
            (event, choice["finish_reason"])
            for number, (event, choice) in enumerate(ended)
            if number == 0 or not (get(event.body, "/usage", dict) or _is_an_echo(choice, ended[0][1]))
        ]
        if not ends:
            yield Finding(parts[-1][0].place, f"choice {index} has no finish_reason")
        if len(ends) > 1:
            yield Finding(
                ends[1][0].place, f"choice {index} finishes {len(ends)} times: {', '.join(str(end) for _, end in ends)}"
            )


def _is_an_echo(choice: dict[str, Any], end: dict[str, Any]) -> bool:
    """True for a legacy chunk without text that says the same end again: the official server has been recorded to."""
    return choice.get("text") == "" and choice["finish_reason"] == end["finish_reason"]


@must(CHAT_CHUNK, on=OPENAI_STREAMS)
def nothing_is_said_after_the_end(exchange: Exchange) -> Iterator[Finding]:
    """A choice says nothing after its finish_reason.

    Clients close the message there; what follows is lost, or opens a second one.

    Fix: keep the chunks in the upstream's order.
    """
    for index, parts in pieces(exchange).items():
        ended = False
        for event, at, choice in parts:
            words = {key: get(choice, f"/delta/{key}") for key in ("content", "tool_calls", "refusal")} | {
                "text": choice.get("text")
            }
            said = next((key for key, value in words.items() if value), None)
            if ended and said:
                yield Finding(f"{event.place} {at}", f"{said} {shown(words[said])} after the end of choice {index}")
            ended = ended or bool(choice.get("finish_reason"))


@must(CHAT_REQUEST, on=OPENAI_STREAMS)
def choice_indexes_are_those_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """The choices of a stream have the indexes 0 to n-1, for each prompt.

    Clients gather by index: with n = 2 and all chunks at 0, two answers mix into one; an index that jumps loses it.

    Fix: keep the upstream's choice index; it is not the index of a content block.
    """
    if broke_off(exchange):
        raise Absent("an error was reported")
    prompts = [prompt for prompt in exchange.asked("/prompt", list, []) if isinstance(prompt, str | list)]
    wanted = exchange.asked("/n", int, 1) * max(len(prompts), 1)
    got = sorted(pieces(exchange))
    if wanted < 1:
        raise Absent("told by impossible_n_is_refused")
    if len(got) != wanted or got != list(range(len(got))):
        yield Finding("/choices", f"indexes {got}, asked for {wanted}")


@must(CHAT_CHUNK, on=CHAT_STREAM)
def tool_call_indexes_count_from_zero(exchange: Exchange) -> Iterator[Finding]:
    """The tool calls of a choice have the indexes 0, 1, 2, ... in the order in which they begin.

    Accumulators build a list by this index. The index of an Anthropic content block leaves a hole at 0.

    Fix: count the calls yourself while converting.
    """
    for index, order in _begun(exchange).items():
        if order != list(range(len(order))):
            yield Finding(f"choice {index} tool_calls", f"indexes {order}")


def _begun(exchange: Exchange) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for index, parts in pieces(exchange).items():
        for _, _, choice in parts:
            for _, call in find(choice, "/delta/tool_calls/*/index", int):
                if call not in found.setdefault(index, []):
                    found[index].append(call)
    if not found:
        raise Absent("no tool calls")
    return found


Fragment = tuple[Event, str, dict[str, Any]]


def fragments(exchange: Exchange) -> dict[tuple[int, int], list[Fragment]]:
    """The fragments of every tool call, by (choice index, call index). Raises Absent when there is none."""
    found: dict[tuple[int, int], list[Fragment]] = defaultdict(list)
    for index, parts in pieces(exchange).items():
        for event, at, choice in parts:
            for inner, call in find(choice, "/delta/tool_calls/*", dict):
                if is_a(call.get("index"), int):
                    found[index, call["index"]].append((event, f"{at}{inner}", call))
    if not found:
        raise Absent("no tool calls")
    return found


@must(CHAT_CHUNK, on=CHAT_STREAM)
def tool_call_begins_with_its_name(exchange: Exchange) -> Iterator[Finding]:
    """The first fragment of a tool call has its id, its type and its function's name.

    The client opens the call with them; without an id it can't send the result back, and without a type the next
    request, which repeats the call, is refused.

    Fix: send id, type and name first; make an id where the upstream has none.
    """
    for (_, index), parts in fragments(exchange).items():
        event, at, call = parts[0]
        needed = {"id": call.get("id"), "type": call.get("type"), "name": _name(call)}
        missing = [key for key, value in needed.items() if not value]
        if missing:
            yield Finding(f"{event.place} {at}", f"tool call {index} begins without {' and '.join(missing)}")


def _name(call: dict[str, Any]) -> Any:
    return get(call, "/function/name") or get(call, "/custom/name")


@must(CHAT_CHUNK, on=CHAT_STREAM)
def one_index_is_one_call(exchange: Exchange) -> Iterator[Finding]:
    """All fragments of one index belong to one call: one id, one name.

    Two calls under one index are glued together, names and arguments both, and neither can be run.

    Fix: give each call an index of its own.
    """
    for (_, index), parts in fragments(exchange).items():
        for key, values in (
            ("id", [call.get("id") for *_, call in parts]),
            ("name", [_name(call) for *_, call in parts]),
        ):
            different = list(dict.fromkeys(value for value in values if value and isinstance(value, str)))
            if len(different) > 1:
                yield Finding(f"tool call {index}", f"{key} {', '.join(map(shown, different))}")


@should(CHAT_CHUNK, on=CHAT_STREAM)
def tool_call_is_named_once(exchange: Exchange) -> Iterator[Finding]:
    """id and name stand in the first fragment of a tool call only.

    Accumulators that join strings, and many do, make "get_weatherget_weather" of a name that is repeated.

    Fix: send them once.
    """
    for (_, index), parts in fragments(exchange).items():
        opened = [value for value in (parts[0][2].get("id"), _name(parts[0][2])) if value]
        for event, at, call in parts[1:]:
            again = [value for value in (call.get("id"), _name(call)) if value in opened]
            if again:
                yield Finding(f"{event.place} {at}", f"{shown(again[0])} again for tool call {index}")
                break


@must(CHAT_CHUNK, on=CHAT_STREAM)
def continuation_takes_nothing_back(exchange: Exchange) -> Iterator[Finding]:
    """A later fragment of a tool call has no id or name that is null or empty, and no empty type.

    Accumulators overwrite what they have with it: the call loses its id or its name.

    Fix: leave the keys out.
    """
    for (_, index), parts in _continued(exchange):
        for event, at, call in parts:
            function = get(call, "/function", dict, {})
            empty = ["id"] if not call.get("id", "left out") else []
            empty += ["name"] if not function.get("name", "left out") else []
            empty += ["type"] if call.get("type") == "" else []
            if empty:
                yield Finding(f"{event.place} {at}", f"{' and '.join(empty)} empty in tool call {index}")
                break


@should(CHAT_CHUNK, on=CHAT_STREAM)
def continuation_has_no_null_type(exchange: Exchange) -> Iterator[Finding]:
    """A later fragment of a tool call has no `type: null`.

    Typed clients refuse it, and accumulators overwrite what they have. new-api is known to send it.

    Fix: leave the key out.
    """
    for (_, index), parts in _continued(exchange):
        found = next(((event, at) for event, at, call in parts if "type" in call and call["type"] is None), None)
        if found is not None:
            yield Finding(f"{found[0].place} {found[1]}/type", f"null in tool call {index}")


def _continued(exchange: Exchange) -> list[tuple[tuple[int, int], list[Fragment]]]:
    """The later fragments of every tool call. Raises Absent when all calls came in one piece."""
    later = [(key, parts[1:]) for key, parts in fragments(exchange).items() if len(parts) > 1]
    if not later:
        raise Absent("no call came in pieces")
    return later


@must(CHAT_REQUEST, on=OPENAI_STREAMS, when=lambda exchange: is_stream(exchange) and wants_usage(exchange))
def usage_chunk_comes_last(exchange: Exchange) -> Iterator[Finding]:
    """With `include_usage`, exactly one chunk has a usage object: the last, with `choices: []`.

    Clients that bill read it there and only there; on a chunk with a choice they skip it, or crash on choices[0].

    Fix: send the usage as a chunk of its own before [DONE].
    """
    if broke_off(exchange):
        raise Absent("an error was reported")
    carrying = [event for event in exchange.events if get(event.body, "/usage", dict)]
    if not all(isinstance(event.body.get("choices"), list) for event in carrying):
        raise Absent("told by the schema")
    if not carrying:
        yield Finding("end", "no chunk with usage, though stream_options.include_usage was true")
        return
    for event in carrying:
        if event.body["choices"]:
            yield Finding(f"{event.place} /choices", f"usage on a chunk with {len(event.body['choices'])} choice(s)")
            return
    if len(carrying) > 1:
        yield Finding(carrying[1].place, f"{len(carrying)} chunks with usage")
    if carrying[-1] is not chunks(exchange)[-1]:
        yield Finding(carrying[-1].place, "chunks follow the usage")


@should(CHAT_REQUEST, on=OPENAI_STREAMS, when=lambda exchange: is_stream(exchange) and wants_usage(exchange))
def earlier_chunks_say_usage_null(exchange: Exchange) -> Iterator[Finding]:
    """With `include_usage`, every chunk but the last says `usage: null`.

    Typed clients that were promised the key find it missing.

    Fix: add `"usage": null` to the chunks before.
    """
    every = chunks(exchange)
    lacking = [event for event in every[:-1] if "usage" not in event.body]
    if len(lacking) == len(every) - 1 and "usage" not in every[-1].body:
        raise Absent("told by usage_chunk_comes_last")
    if lacking:
        yield Finding(lacking[0].place, f"no usage key in {len(lacking)} of {len(every)} chunks")


@should(
    CHAT_REQUEST,
    on=OPENAI_STREAMS,
    when=lambda exchange: is_stream(exchange) and not wants_usage(exchange),
)
def usage_comes_only_when_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """Without `include_usage`, no chunk has a usage object.

    The chunk with `choices: []` that carries it crashes clients which read choices[0]. new-api sends it by default, and
    four recordings of the official server hold one that their requests did not ask for.

    Fix: ask the upstream for it if you must meter, and take it out again.
    """
    for event in chunks(exchange):
        if get(event.body, "/usage", dict):
            yield Finding(event.place, shown(event.body["usage"]))


@should(CHAT_CHUNK, on=CHAT_STREAM)
def deltas_hold_only_what_is_new(exchange: Exchange) -> Iterator[Finding]:
    """A chunk's choice holds a delta and no message, no empty `tool_calls`, and no vendor's filter notes.

    Accumulators add up whatever they find: an empty list opens a tool call, a message beside the delta doubles text.
    On Azure's own paths the notes are part of the contract.

    Fix: leave out what is empty, and what belongs to another API.
    """
    for parts in pieces(exchange).values():
        for event, at, choice in parts:
            if "message" in choice:
                yield Finding(f"{event.place} {at}/message", shown(choice["message"]))
                return
            if get(choice, "/delta/tool_calls") == []:
                yield Finding(f"{event.place} {at}/delta/tool_calls", "[]")
                return
            if choice.get("content_filter_results") and not is_azure(exchange.request.url):
                yield Finding(f"{event.place} {at}/content_filter_results", shown(choice["content_filter_results"]))
                return


def _beside_the_quickest(exchanges: Sequence[Exchange]) -> Groups:
    """Each stream, behind the quickest one of its run and surface that is at least as long."""
    for each in exchanges:
        same = [other for other in exchanges if (other.session, other.surface) == (each.session, each.surface)]
        quickest = min([other for other in same if len(other.events) >= len(each.events)], key=_whole_after)
        yield (quickest, each) if each.session and quickest is not each else (each,)


def _whole_after(exchange: Exchange) -> float:
    reads = exchange.answered.reads
    return reads[-1][0] if reads else math.inf


@must(OBSERVED, on=(*EVENT_STREAMS, GEMINI_STREAM), needs=TIMING, across=_beside_the_quickest)
def stream_arrives_over_time(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The events of a longer answer arrive one after another, not all at once at the end.

    A stream that a proxy holds back until it is complete has the cost of streaming and none of its use: users wait,
    and idle time-outs strike. Where the same run got a stream of that length in no time, the upstream is simply quick,
    and the silence was a busy machine's.

    Fix: switch buffering off (`X-Accel-Buffering: no`, `proxy_buffering off`, no gzip without flush).
    """
    response = exchanges[-1].answered
    if response.header("content-encoding"):
        yield from _packed(exchanges[-1])
        return
    arrivals = [at for at in response.arrivals if at is not None]
    if len(arrivals) < (FEW_EVENTS if exchanges[-1].surface == GEMINI_STREAM else MANY_EVENTS):
        raise Absent("too short to tell")
    waited, spread = response.reads[0][0], arrivals[-1] - arrivals[0]
    if min(waited, _whole_after(exchanges[0])) < 4 * SPREAD_SECONDS:
        raise Absent("the answer was so quick that nothing can be told")
    if spread < min(SPREAD_SECONDS / 2, len(arrivals) * QUICKEST_EVENT):
        yield Finding("body", f"{len(arrivals)} events within {spread * 1000:.0f} ms, after {waited:.2f} s of silence")


def _packed(exchange: Exchange) -> Iterator[Finding]:
    """A packed stream can't be told event by event: only that all of it came in one or two reads."""
    events, reads = len(exchange.events), len(exchange.answered.reads)
    if events < MANY_EVENTS or not reads:
        raise Absent("too short to tell")
    if reads <= 2:
        encoding = exchange.answered.header("content-encoding")
        yield Finding("body", f"{events} events in {reads} read(s): packed as a whole ({encoding})")


@should(OBSERVED, on=(*EVENT_STREAMS, GEMINI_STREAM), needs=TIMING)
def first_words_are_not_held_back(exchange: Exchange) -> Iterator[Finding]:
    """The first events of a stream arrive one after another like the others, not in a burst after a pause.

    A buffer that fills before anything is sent takes from the user the one thing a stream is for. One that lets the
    first event through, and holds back all others until the end, does the same.

    Fix: flush after each event, from the first one on.
    """
    arrivals = [at for at in exchange.answered.arrivals if at is not None]
    if len(arrivals) < MANY_EVENTS or arrivals[-1] - arrivals[0] < SPREAD_SECONDS / 2:
        raise Absent("too short to tell, or told by stream_arrives_over_time")
    for number, (before, at) in enumerate(pairwise([0.0, *arrivals])):
        if at - before < PAUSE_SECONDS:
            continue
        burst = sum(other - at < BURST_SECONDS for other in arrivals[number:])
        if burst >= (BURST_EVENTS if number == 0 else MOST * len(arrivals)):
            yield Finding("body", f"{burst} of {len(arrivals)} events at once, after {at - before:.2f} s of silence")
            return
