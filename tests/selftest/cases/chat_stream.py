"""Cases for relayproof/rules/chat_stream.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from cases.build import END, GONE, Case, answered, asking, chat_stream, each, events, restream, sse
from relayproof.exchange import Exchange
from relayproof.probes.samples import CLOCK, WEATHER

ASKED = {"stream_options": {"include_usage": True}}
PLAIN = chat_stream()
BILLED = chat_stream(**ASKED)
TWO = chat_stream("Name a fruit.", n=2)
CALLS = chat_stream("Use the tools.", tools=[WEATHER, CLOCK])
LONG = chat_stream("Write about the sea.", max_tokens=40)
ERROR = {"error": {"message": "upstream died", "type": "server_error", "param": None, "code": None}}

Change = Callable[[dict[str, Any]], Any]


def body(given: Exchange) -> bytes:
    """The bytes of the stream."""
    return given.answered.body


def put(given: Exchange, piece: bytes, *, behind: int = 2) -> Exchange:
    """The stream with raw bytes put in behind that many events."""
    blocks = body(given).split(b"\n\n")
    return answered(given, b"\n\n".join(blocks[:behind]) + b"\n\n" + piece + b"\n\n".join(blocks[behind:]))


def later(change: Change, given: Exchange = PLAIN) -> Exchange:
    """The stream with every chunk but the first changed in place."""
    first, *rest = events(given)
    for document in rest:
        change(document)
    return restream(given, [first, *rest])


def swapped(given: Exchange = PLAIN) -> Exchange:
    """The stream with its last text behind its end."""
    *before, text, last = events(given)
    return restream(given, [*before, last, text])


def so_far(given: Exchange) -> Exchange:
    """The stream, each delta holding the whole text up to it."""
    documents, text = events(given), ""
    for document in documents:
        delta = document["choices"][0]["delta"]
        text += delta.get("content") or ""
        if delta.get("content"):
            delta["content"] = text
    return restream(given, documents)


def in_deltas(change: Change) -> Change:
    """A change of every delta of a chunk."""
    return lambda document: [change(choice["delta"]) for choice in document["choices"]]


def in_calls(change: Change, *, continued: bool = False) -> Change:
    """A change of every tool call fragment; only of those that continue a call when `continued`."""

    def done(document: dict[str, Any]) -> None:
        for choice in document["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                if not (continued and "id" in call):
                    change(call)

    return done


def renamed(given: Exchange = CALLS) -> Exchange:
    """Two calls under one index."""
    return each(given, in_calls(lambda call: call.update(index=0)))


def repeated(given: Exchange = CALLS) -> Exchange:
    """Every fragment of the first call repeats its name."""
    return each(given, in_calls(lambda call: call["index"] or call["function"].update(name="get_weather")))


def at(given: Exchange, *seconds: float) -> Exchange:
    """The stream, each event arriving at its second; the last second counts for all that follow."""
    sizes = [event.end - event.start for event in given.events]
    times = [*seconds, *[seconds[-1]] * len(sizes)]
    return answered(given, None, reads=tuple(zip(times, sizes, strict=False)))


def steadily(given: Exchange, *, start: float = 0.3, gap: float = 0.02) -> Exchange:
    """The stream, arriving event by event."""
    return at(given, *(start + gap * number for number in range(len(given.events))))


def with_usage(documents: list[Any]) -> list[Any]:
    """The chunks with the usage moved onto the last one that has a choice."""
    documents[-2]["usage"] = documents.pop()["usage"]
    return documents


def label(kind: str) -> Exchange:
    """The stream under another Content-Type."""
    return answered(PLAIN, None, headers=(("content-type", kind),))


BEGUN_AGAIN = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
WHOLE = answered(PLAIN, PLAIN.json)
TRUNCATED = restream(PLAIN, events(PLAIN)[:-1])
BROKEN_OFF = restream(PLAIN, [*events(PLAIN)[:3], ERROR], b"")
TALKS_ON = restream(PLAIN, [*events(PLAIN)[:3], ERROR, *events(PLAIN)[3:]])
ENDLESS = answered(PLAIN, body(PLAIN).removesuffix(END))
RAW_ERROR = put(PLAIN, b'{"detail": "upstream died"}\n\n')
BEGINS_AGAIN = restream(PLAIN, [*events(PLAIN)[:3], events(PLAIN)[0] | BEGUN_AGAIN, *events(PLAIN)[3:]])
MERGED = put(PLAIN, b"data: {}\n")

SPOKEN = chat_stream("Count: 1 2 3")
LONG_SAID = chat_stream("Repeat exactly, nothing else: Nine grey geese flew over the old lighthouse at dawn.")


def cumulative(chunks: list[Any]) -> list[Any]:
    """The chunks, each with the whole text so far."""
    said = ""
    for chunk in chunks:
        delta = chunk["choices"][0]["delta"]
        said += delta.get("content") or ""
        if delta.get("content"):
            delta["content"] = said
    return chunks


def said_again(chunks: list[Any]) -> list[Any]:
    """The chunks, the whole text once more in a chunk before the last."""
    said = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    last = copy.deepcopy(next(chunk for chunk, text in zip(chunks, said, strict=True) if text))
    last["choices"][0]["delta"]["content"] = "".join(said)
    return [*chunks[:-1], last, chunks[-1]]


CASES = [
    Case("chat-stream/matches-schema", PLAIN, later(lambda chunk: chunk.update(object="chat.completion"))),
    Case(
        "chat-stream/matches-schema",
        BILLED,
        restream(BILLED, [*events(BILLED)[:-1], events(BILLED)[-1] | {"usage": {"total_tokens": 0}}]),
    ),
    Case("chat-stream/matches-schema-openai", PLAIN, each(PLAIN, lambda chunk: chunk.update(model=""))),
    Case("chat-stream/deltas-do-not-repeat-the-text", SPOKEN, restream(SPOKEN, cumulative(events(SPOKEN)))),
    Case("chat-stream/stream-is-a-stream", PLAIN, WHOLE),
    Case("chat-stream/stream-is-labelled-as-one", PLAIN, label("application/json")),
    Case("chat-stream/every-line-is-a-field", PLAIN, RAW_ERROR),
    Case("chat-stream/every-payload-is-json", PLAIN, put(PLAIN, b"data: {oh\n\n")),
    Case("chat-stream/every-payload-is-json", PLAIN, MERGED),
    Case("chat-stream/events-carry-data", PLAIN, put(PLAIN, b"event: keepalive\n\n")),
    Case("chat-stream/events-carry-data", PLAIN, put(PLAIN, b"data:\n\n")),
    Case("chat-stream/framing-is-plain", PLAIN, answered(PLAIN, body(PLAIN).replace(b"\n", b"\r\n"))),
    Case(
        "chat-stream/framing-is-plain", PLAIN, answered(PLAIN, body(PLAIN).replace(b"data: ", b"event: chunk\ndata: "))
    ),
    Case(
        "chat-stream/framing-is-plain",
        PLAIN,
        answered(PLAIN, body(PLAIN).replace(b"\ndata: [", b"\n: cost=1\ndata: [")),
    ),
    Case("chat-stream/comments-stand-inside-events", put(PLAIN, b": ping\n"), put(PLAIN, b": ping\n\n")),
    Case("chat-stream/comments-stand-inside-events", PLAIN, put(PLAIN, b"id: 7\n")),
    Case("chat-stream/done-is-last", PLAIN, ENDLESS),
    Case("chat-stream/done-is-last", PLAIN, answered(PLAIN, body(PLAIN) + END)),
    Case(
        "chat-stream/done-is-last", PLAIN, answered(PLAIN, body(PLAIN) + sse([events(PLAIN)[0] | {"choices": []}], b""))
    ),
    Case("chat-stream/stream-holds-an-answer", PLAIN, answered(PLAIN, END)),
    Case("chat-stream/stream-holds-no-error", PLAIN, BROKEN_OFF),
    Case("chat-stream/nothing-follows-an-error", BROKEN_OFF, TALKS_ON, also=("chat-stream/stream-holds-no-error",)),
    Case("chat-stream/identity-is-constant", PLAIN, later(lambda chunk: chunk.update(id="chatcmpl-other"))),
    Case("chat-stream/created-is-constant", PLAIN, later(lambda chunk: chunk.update(created=chunk["created"] + 1))),
    Case("chat-stream/fingerprint-is-constant", PLAIN, later(lambda chunk: chunk.update(system_fingerprint="fp_2"))),
    Case("chat-stream/model-is-constant", PLAIN, later(lambda chunk: chunk.update(model="gpt-4o-mini-2024-07-18"))),
    Case("chat-stream/role-comes-first", PLAIN, each(PLAIN, in_deltas(lambda delta: delta.pop("role", None)))),
    Case("chat-stream/role-is-never-empty", PLAIN, later(in_deltas(lambda delta: delta.update(role="")))),
    Case("chat-stream/role-is-never-null", PLAIN, later(in_deltas(lambda delta: delta.update(role=None)))),
    Case("chat-stream/role-is-said-once", PLAIN, later(in_deltas(lambda delta: delta.update(role="assistant")))),
    Case("chat-stream/answer-is-streamed-once", PLAIN, BEGINS_AGAIN, also=("chat-stream/role-is-said-once",)),
    Case("chat-stream/deltas-do-not-repeat-the-text", PLAIN, so_far(PLAIN)),
    Case("chat-stream/deltas-do-not-repeat-the-text", LONG_SAID, restream(LONG_SAID, said_again(events(LONG_SAID)))),
    Case("chat-stream/every-choice-finishes-once", PLAIN, TRUNCATED),
    Case("chat-stream/every-choice-finishes-once", PLAIN, restream(PLAIN, [*events(PLAIN), events(PLAIN)[-1]])),
    Case("chat-stream/nothing-is-said-after-the-end", PLAIN, swapped()),
    Case(
        "chat-stream/choice-indexes-are-those-asked-for",
        PLAIN,
        each(PLAIN, lambda chunk: chunk["choices"][0].update(index=1)),
    ),
    Case("chat-stream/choice-indexes-are-those-asked-for", TWO, asking(TWO, "/n", 3)),
    Case(
        "chat-stream/tool-call-indexes-count-from-zero",
        CALLS,
        each(CALLS, in_calls(lambda call: call.update(index=call["index"] + 1))),
    ),
    Case(
        "chat-stream/tool-call-begins-with-its-name",
        CALLS,
        each(CALLS, in_calls(lambda call: call.pop("id", None))),
    ),
    Case(
        "chat-stream/tool-call-begins-with-its-name",
        CALLS,
        each(CALLS, in_calls(lambda call: call.pop("type", None))),
    ),
    Case(
        "chat-stream/one-index-is-one-call",
        CALLS,
        renamed(),
        also=("chat/tool-arguments-are-a-json-object",),
    ),
    Case("chat-stream/tool-call-is-named-once", CALLS, repeated()),
    Case(
        "chat-stream/continuation-takes-nothing-back",
        CALLS,
        each(CALLS, in_calls(lambda call: call.update(id=None), continued=True)),
    ),
    Case(
        "chat-stream/continuation-takes-nothing-back",
        CALLS,
        each(CALLS, in_calls(lambda call: call.update(type=""), continued=True)),
    ),
    Case(
        "chat-stream/continuation-has-no-null-type",
        CALLS,
        each(CALLS, in_calls(lambda call: call.update(type=None), continued=True)),
    ),
    Case("chat-stream/usage-chunk-comes-last", BILLED, restream(BILLED, events(BILLED)[:-1])),
    Case("chat-stream/usage-chunk-comes-last", BILLED, restream(BILLED, with_usage(events(BILLED)))),
    Case(
        "chat-stream/earlier-chunks-say-usage-null",
        BILLED,
        restream(
            BILLED,
            [
                *[{key: value for key, value in chunk.items() if key != "usage"} for chunk in events(BILLED)[:-1]],
                events(BILLED)[-1],
            ],
        ),
    ),
    Case("chat-stream/usage-comes-only-when-asked-for", PLAIN, asking(BILLED, "/stream_options", GONE)),
    Case(
        "chat-stream/deltas-hold-only-what-is-new", PLAIN, later(in_deltas(lambda delta: delta.update(tool_calls=[])))
    ),
    Case(
        "chat-stream/deltas-hold-only-what-is-new",
        PLAIN,
        later(lambda chunk: chunk["choices"][0].update(message={"role": None, "content": ""})),
    ),
    Case("chat-stream/stream-arrives-over-time", steadily(LONG), at(LONG, 0.9)),
    Case(
        "chat-stream/first-words-are-not-held-back",
        steadily(LONG, start=1.2),
        at(LONG, *[2.0] * 12, *[2.0 + 0.02 * number for number in range(1, 40)]),
    ),
    Case("chat-stream/first-words-are-not-held-back", steadily(LONG, start=1.2), at(LONG, 0.1, 1.4)),
]
