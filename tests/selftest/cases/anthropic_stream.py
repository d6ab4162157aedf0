"""Cases for relayproof/rules/anthropic_stream.py."""

from copy import deepcopy
from typing import Any

from cases.anthropic import CLOCK, TOOL, events, framed
from cases.build import GONE, Case, answered
from relayproof.exchange import Exchange

PLAIN = events()
USE = events("Weather? Use the tools.", tools=[TOOL, CLOCK])
THOUGHT = events("What is 2 + 2?", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024})
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
Document = dict[str, Any]


def told(given: Exchange) -> list[Document]:
    """Copies of the payloads of a stream."""
    return [deepcopy(event.body) for event in given.events if not event.done]


def restream(given: Exchange, documents: list[Document], end: bytes = b"") -> Exchange:
    """The stream with other payloads."""
    return answered(given, framed(documents, end))


def each(given: Exchange, kind: str, *path: Any, only: int | None = None) -> Exchange:
    """The stream with one value of its events of a kind (or of one of them) replaced: keys, then the value, or GONE."""
    documents = told(given)
    chosen = [document for document in documents if document["type"] == kind]
    *keys, last, value = path
    for document in chosen if only is None else [chosen[only]]:
        for key in keys:
            document = document[key]
        if value is GONE:
            del document[last]
        else:
            document[last] = value
    return restream(given, documents)


def without(given: Exchange, kind: str, only: int | None = None) -> Exchange:
    """The stream without its events of a kind, or without one of them."""
    documents = told(given)
    places = [place for place, document in enumerate(documents) if document["type"] == kind]
    gone = places if only is None else [places[only]]
    return restream(given, [document for place, document in enumerate(documents) if place not in gone])


def before(given: Exchange, kind: str, document: Document) -> Exchange:
    """The stream with an event put before the first of a kind."""
    documents = told(given)
    place = [each["type"] for each in documents].index(kind)
    return restream(given, [*documents[:place], document, *documents[place:]])


def moved(given: Exchange, kind: str, place: int) -> Exchange:
    """The stream with its first event of a kind put elsewhere."""
    documents = told(given)
    found = documents.pop([each["type"] for each in documents].index(kind))
    documents.insert(place, found)
    return restream(given, documents)


START = told(PLAIN)[0]
UNNAMED = answered(PLAIN, b"".join(line for line in PLAIN.answered.body.splitlines(True) if line[:6] != b"event:"))
REUSED = restream(USE, [document | ({"index": 0} if "index" in document else {}) for document in told(USE)])
BROKEN = before(without(without(PLAIN, "message_delta"), "message_stop"), "content_block_stop", ERROR)
ENDED = restream(PLAIN, told(BROKEN)[: told(BROKEN).index(ERROR) + 1])
UNSIGNED = restream(THOUGHT, [each for each in told(THOUGHT) if "signature" not in each.get("delta", {})])
LATE = moved(USE, "content_block_stop", len(told(USE)) - 3)
DONE = restream(PLAIN, told(PLAIN), b"data: [DONE]\n\n")
DELTA, COUNTS = "content_block_delta", ("message", "usage")
S = "anthropic-stream/"

CASES = [
    Case(S + "matches-schema", PLAIN, each(PLAIN, DELTA, "index", GONE, only=0)),
    Case(S + "matches-schema", PLAIN, each(PLAIN, "message_start", "message", "stop_reason", "end_turn")),
    Case(S + "matches-schema-openai", PLAIN, each(PLAIN, "message_delta", "delta", "stop_sequence", GONE)),
    Case(S + "matches-schema-should", PLAIN, each(PLAIN, "content_block_start", "content_block", "text", "Hi")),
    Case(S + "event-names-are-their-types", PLAIN, UNNAMED),
    Case(S + "begins-with-message-start", PLAIN, without(PLAIN, "message_start")),
    Case(S + "message-starts-once", PLAIN, before(PLAIN, DELTA, START)),
    Case(S + "ends-with-message-stop", PLAIN, without(PLAIN, "message_stop")),
    Case(S + "nothing-follows-message-stop", PLAIN, restream(PLAIN, [*told(PLAIN), {"type": "ping"}])),
    Case(S + "done-is-not-sent", PLAIN, DONE),
    Case(S + "message-delta-stands-behind-the-blocks", PLAIN, without(PLAIN, "message_delta")),
    Case(S + "every-block-is-closed", USE, without(USE, "content_block_stop", 0)),
    Case(S + "blocks-do-not-overlap", USE, LATE),
    Case(S + "block-indexes-count-from-zero", USE, REUSED),
    Case(S + "deltas-belong-to-an-open-block", PLAIN, each(PLAIN, DELTA, "index", 7, only=0)),
    Case(S + "deltas-fit-their-block", PLAIN, each(PLAIN, DELTA, "delta", "type", "text", only=0)),
    Case(S + "tool-input-is-a-json-object", USE, each(USE, DELTA, "delta", "partial_json", "{}", only=1)),
    Case(S + "thinking-ends-with-its-signature", THOUGHT, UNSIGNED),
    Case(S + "message-start-counts-the-prompt", PLAIN, each(PLAIN, "message_start", *COUNTS, "input_tokens", 0)),
    Case(S + "input-is-counted-once", PLAIN, each(PLAIN, "message_delta", "usage", "input_tokens", 99)),
    Case(S + "output-tokens-only-grow", PLAIN, each(PLAIN, "message_start", *COUNTS, "output_tokens", 99)),
    Case(S + "stream-holds-no-error", PLAIN, BROKEN, also=("anthropic-stream/nothing-follows-an-error",)),
    Case(S + "nothing-follows-an-error", ENDED, BROKEN, also=("anthropic-stream/stream-holds-no-error",)),
]
