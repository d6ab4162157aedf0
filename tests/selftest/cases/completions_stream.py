"""Cases for relayproof/rules/completions_stream.py, and what chat_stream says of this stream only."""

from __future__ import annotations

from cases.build import Case, each, events, restream
from cases.completions import completed_stream

PLAIN = completed_stream()
COUNTED = completed_stream(stream_options={"include_usage": True})


def _with_delta(chunk: dict[str, list[dict[str, object]]]) -> None:
    for choice in chunk["choices"]:
        choice["delta"] = {"content": choice["text"]}


ENDED = events(PLAIN)
SAID_TWICE = [
    *ENDED[:-2],
    {**ENDED[-2], "choices": [{**ENDED[-2]["choices"][0], "finish_reason": "length"}]},
    ENDED[-1],
]
EMPTY_END = [*ENDED, {**ENDED[-1], "choices": []}]
OTHER_END = [*ENDED, {**ENDED[-1], "choices": [{**ENDED[-1]["choices"][0], "finish_reason": "stop"}]}]

CASES = [
    Case(
        "completions-stream/matches-schema",
        PLAIN,
        each(PLAIN, lambda chunk: chunk.update(choices=None)),
        also=("chat-stream/stream-holds-an-answer",),
    ),
    Case("completions-stream/matches-schema", COUNTED, each(COUNTED, lambda chunk: chunk.update(object="chunk"))),
    Case("completions-stream/matches-schema-openai", PLAIN, each(PLAIN, lambda chunk: chunk.update(id="chatcmpl-1"))),
    Case(
        "completions-stream/empty-choices-come-with-usage",
        COUNTED,
        each(COUNTED, lambda chunk: chunk.pop("usage")),
        also=("chat-stream/usage-chunk-comes-last",),
    ),
    Case("completions-stream/empty-choices-come-with-usage", PLAIN, restream(PLAIN, EMPTY_END)),
    Case("completions-stream/chunk-holds-no-delta", PLAIN, each(PLAIN, _with_delta)),
    Case("chat-stream/every-choice-finishes-once", restream(PLAIN, SAID_TWICE), restream(PLAIN, OTHER_END)),
]
