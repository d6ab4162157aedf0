"""Cases for relayproof/rules/gemini_stream.py."""

from __future__ import annotations

from typing import Any

from cases.build import Case, answered, events
from cases.gemini import HI, TOOLS, as_array, each_chunk, restreamed, streamed
from relayproof.exchange import Exchange

SEA = streamed("Tell me about the sea.", {"maxOutputTokens": 60})
TWO = streamed("Name a fruit.", {"candidateCount": 2})
CALL = streamed("Weather?", tools=TOOLS)
ARRAY = as_array()
BROKEN = ARRAY.answered.body[:-1]
FAILED = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}


def with_chunks(given: Exchange, change: Any) -> Exchange:
    """The stream with its list of chunks changed in place."""
    documents = events(given)
    change(documents)
    return restreamed(given, documents)


def first_usage_everywhere(documents: list[Any]) -> None:
    """What a relay does that looks at the first chunk only."""
    for document in documents:
        document["usageMetadata"] = documents[0]["usageMetadata"]


def whole_again(documents: list[Any]) -> None:
    """Put the whole text into the last chunk but one."""
    said = "".join(document["candidates"][0]["content"]["parts"][0]["text"] for document in documents)
    text = {"candidates": [{"content": {"parts": [{"text": said}], "role": "model"}}]}
    last = documents[-1]["candidates"][0]["content"]["parts"][0]["text"]
    documents[-1]["candidates"][0]["content"]["parts"][0]["text"] = ""
    documents.insert(-1, documents[-2] | {"candidates": [{"content": {"parts": [{"text": last}], "role": "model"}}]})
    documents.insert(-1, documents[-2] | text)


def number(documents: list[Any], key: str) -> None:
    """Give each chunk a value of its own."""
    for at, document in enumerate(documents):
        document[key] = f"{document[key]}-{at}"


def early_end(documents: list[Any]) -> None:
    """Let the first chunk say that it is the last."""
    documents[0]["candidates"][0]["finishReason"] = "STOP"


def nameless(documents: list[Any]) -> None:
    """Cut a call into two parts, as fragments of OpenAI's arguments are."""
    documents.insert(0, {"candidates": [{"content": {"parts": [{"functionCall": {"args": {}}}], "role": "model"}}]})


def shrink(documents: list[Any]) -> None:
    """Let the last count be smaller than the one before."""
    usage = documents[-1]["usageMetadata"]
    usage["totalTokenCount"] -= usage["candidatesTokenCount"] - 55
    usage["candidatesTokenCount"] = 55


CASES = [
    Case("gemini-stream/matches-schema", SEA, each_chunk(SEA, lambda chunk: chunk.update(modelVersion=7))),
    Case(
        "gemini-stream/matches-schema-openai",
        SEA,
        with_chunks(SEA, lambda documents: documents[0]["candidates"][0].update(finishReason=None)),
    ),
    Case(
        "gemini-stream/matches-schema-should",
        SEA,
        with_chunks(SEA, lambda documents: documents[-1]["candidates"][0].update(finishReason="LENGTH")),
    ),
    Case("gemini-stream/events-are-sent-for-alt-sse", SEA, answered(SEA, HI.json)),
    Case("gemini-stream/array-is-sent-without-alt-sse", ARRAY, answered(ARRAY, HI.json)),
    Case("gemini-stream/array-is-one-json-value", ARRAY, answered(ARRAY, BROKEN)),
    Case("gemini-stream/array-is-labelled-as-json", ARRAY, answered(ARRAY, headers=(("content-type", "text/plain"),))),
    Case("gemini-stream/framing-is-googles", SEA, restreamed(SEA, events(SEA), b"data: [DONE]\n\n")),
    Case("gemini-stream/stream-holds-an-answer", SEA, restreamed(SEA, [{"object": "chat.completion.chunk"}])),
    Case("gemini-stream/stream-holds-no-error", SEA, restreamed(SEA, [*events(SEA)[:3], FAILED])),
    Case(
        "gemini-stream/nothing-follows-an-error",
        restreamed(SEA, [FAILED]),
        restreamed(SEA, [FAILED, *events(SEA)]),
        also=("gemini-stream/stream-holds-no-error",),
    ),
    Case("gemini-stream/last-chunk-has-the-finish-reason", SEA, restreamed(SEA, events(SEA)[:-1])),
    Case("gemini-stream/finish-reason-stands-in-the-last-chunk-only", SEA, with_chunks(SEA, early_end)),
    Case("gemini-stream/usage-is-told", SEA, each_chunk(SEA, lambda chunk: chunk.pop("usageMetadata"))),
    Case(
        "gemini-stream/last-chunk-has-the-usage",
        SEA,
        with_chunks(SEA, lambda documents: documents[-1].pop("usageMetadata")),
    ),
    Case(
        "gemini-stream/usage-grows-with-the-answer",
        SEA,
        with_chunks(SEA, first_usage_everywhere),
        also=("gemini/token-counts-are-possible",),
    ),
    Case("gemini-stream/output-counts-only-grow", SEA, with_chunks(SEA, shrink)),
    Case("gemini-stream/response-id-is-constant", SEA, with_chunks(SEA, lambda made: number(made, "responseId"))),
    Case("gemini-stream/model-version-is-constant", SEA, with_chunks(SEA, lambda made: number(made, "modelVersion"))),
    Case("gemini-stream/chunks-hold-only-what-is-new", SEA, with_chunks(SEA, whole_again)),
    Case("gemini-stream/calls-have-names", CALL, with_chunks(CALL, nameless)),
]
