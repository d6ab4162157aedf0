"""Cases for relayproof/rules/anthropic.py."""

import copy
import json
from dataclasses import replace
from typing import Any

from cases.build import JSON, SSE, Case, answered, changed, exchange
from relayproof.exchange import Exchange
from relayproof.reference import anthropic as reference

PATH = "/v1/messages"
TOOL = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
CLOCK = TOOL | {"name": "get_time"}
MODEL = "claude-3-5-haiku"


def ask(text: Any = "Hi", **fields: Any) -> dict[str, Any]:
    """A Messages request body."""
    return {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": text}]} | fields


def message(text: Any = "Hi", *, held: set[str] | None = None, facts: Any = None, **fields: Any) -> Exchange:
    """A Messages exchange, answered as the reference relay does; `held` is its prompt cache."""
    body = ask(text, **fields)
    answer = reference.message(body, f"msg_{(facts or {}).get('id', 1)}", set() if held is None else held)
    return exchange("POST", PATH, body, answer, headers=(*JSON, tag(facts, "1")), **(facts or {}))


def tag(facts: Any, otherwise: str) -> tuple[str, str]:
    """The header that names an answer."""
    return "request-id", f"req_{(facts or {}).get('id', otherwise)}"


def events(text: Any = "Hi", *, facts: Any = None, **fields: Any) -> Exchange:
    """A streamed Messages exchange, answered as the reference relay does."""
    body = ask(text, stream=True, **fields)
    documents = list(reference.events(reference.message(body, "msg_2", set())))
    return exchange(
        "POST", PATH, body, framed(documents), headers=(*SSE, tag(facts, "2")), **({"id": "2"} | (facts or {}))
    )


def framed(documents: list[Any], end: bytes = b"") -> bytes:
    """The bytes of named events."""
    lines = (f"event: {each.get('type')}\ndata: {json.dumps(each, ensure_ascii=False)}\n\n" for each in documents)
    return "".join(lines).encode() + end


def refused(status: int, kind: str, **facts: Any) -> Exchange:
    """A refusal in Anthropic's envelope."""
    answer = {"type": "error", "error": {"type": kind, "message": "No."}}
    return exchange("POST", PATH, ask(), answer, status=status, **({"id": "3"} | facts))


def keyed(header: str, given: Exchange) -> Exchange:
    """The exchange with the key in that header."""
    headers = ((header, "***"), ("anthropic-version", "2023-06-01"))
    return replace(given, request=replace(given.request, headers=headers), expect={"answer": True})


PLAIN = message()
USE = message("Weather? Use the tools.", tools=[TOOL, CLOCK])
FORCED = message("Weather?", tools=[TOOL, CLOCK], tool_choice={"type": "any"})
NAMED = message("Weather?", tools=[TOOL, CLOCK], tool_choice={"type": "tool", "name": "get_time"})
ALONE = message("Use the tools.", tools=[TOOL, CLOCK], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
NONE = message("Weather? Use the tools.", tools=[TOOL], tool_choice={"type": "none"})
STRICT = message("Weather?", tools=[TOOL | {"strict": True}])
COUNT = message("Count", stop_sequences=["5"])
CUT = message("Write about the sea.", max_tokens=20)
THOUGHT = message("What is 2 + 2?", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024})
SHAPE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FORMAT = message("Paris?", output_config={"format": {"type": "json_schema", "schema": SHAPE}})
TEXT = {"type": "text", "text": "Hello! How can I help?"}

LONG = [{"type": "text", "text": "Name the city first, then the value. " * 300, "cache_control": {"type": "ephemeral"}}]
HELD: set[str] = set()
WRITES = message("Hi", held=HELD, system=LONG, facts={"id": "1", "expect": {"group": "cache"}})
READS = message("Hello", held=HELD, system=LONG, facts={"id": "2", "expect": {"group": "cache"}})
USAGE = READS.json["usage"]
PREFIX = USAGE["cache_read_input_tokens"]

TWICE = changed(READS, "/usage/input_tokens", USAGE["input_tokens"] + PREFIX)
DROPPED = changed(
    changed(READS, "/usage/input_tokens", USAGE["input_tokens"] + PREFIX), "/usage/cache_read_input_tokens"
)
AGAIN = message(facts={"id": "2"})

LINE = "Repeat exactly, nothing else: 1833 年 aaaa 1100 1833 年 aaaa 1100"
ECHO = {"echo": LINE.partition(": ")[2]}
SAID = message(LINE, facts={"expect": ECHO})
STREAMED = events(LINE, facts={"expect": ECHO})


def without_repeats(given: Exchange) -> Exchange:
    """The stream without the deltas that stood in it before: what a relay makes that compares pieces."""
    kept: list[Any] = []
    for event in given.events:
        if event.body not in kept:
            kept.append(event.body)
    return answered(given, framed(kept))


def shuffled(given: Exchange) -> Exchange:
    """The stream with its last delta of text before all others."""
    documents = [event.body for event in given.events]
    texts = [place for place, each in enumerate(documents) if each["type"] == "content_block_delta"]
    last = documents.pop(texts[-1])
    return answered(given, framed([*documents[: texts[0]], last, *documents[texts[0] :]]))


def as_latin(given: Exchange) -> Exchange:
    """The stream, its UTF-8 read as Latin-1 on the way."""
    documents = [copy.deepcopy(event.body) for event in given.events]
    for each in documents:
        if "text" in each.get("delta", {}):
            each["delta"]["text"] = each["delta"]["text"].encode().decode("latin-1")
    return answered(given, framed(documents))


NO_SUCH = refused(404, "not_found_error")
MISSING = refused(400, "invalid_request_error", expect={"refusal": "max_tokens"})
KEY, BEARER = keyed("x-api-key", PLAIN), keyed("authorization", AGAIN)
NO_KEY = keyed("x-api-key", refused(401, "authentication_error"))
UNTAGGED = answered(PLAIN, headers=JSON)
PAGE = exchange(
    "GET",
    "/v1/models",
    None,
    {"data": [reference._card("gpt-4o-mini"), reference._card(MODEL)]}
    | {"has_more": False, "first_id": "gpt-4o-mini", "last_id": MODEL},
    request_headers=(("anthropic-version", "2023-06-01"),),
)
OPENAI_ENVELOPE = {"error": {"message": "No.", "type": "authentication_error", "param": None, "code": None}}

CASES = [
    Case("anthropic/matches-schema", PLAIN, changed(PLAIN, "/content", "Hi")),
    Case("anthropic/matches-schema-openai", PLAIN, changed(PLAIN, "/stop_sequence")),
    Case("anthropic/matches-schema-should", PLAIN, changed(PLAIN, "/usage/cache_read_input_tokens")),
    Case("anthropic/error-matches-schema", MISSING, answered(MISSING, OPENAI_ENVELOPE)),
    Case(
        "anthropic/error-matches-schema-openai",
        MISSING,
        changed(MISSING, "/error/type", "<nil>"),
        also=("anthropic/error-matches-schema-should",),
    ),
    Case("anthropic/error-matches-schema-openai", MISSING, changed(MISSING, "/type")),
    Case("anthropic/error-matches-schema-should", MISSING, changed(MISSING, "/error/type", "new_api_error")),
    Case(
        "anthropic/error-type-fits-its-status",
        NO_SUCH,
        answered(NO_SUCH, status=429),
        also=("errors/rate-limit-says-when",),
    ),
    Case("anthropic/tokens-are-counted", PLAIN, changed(PLAIN, "/usage/output_tokens", 0)),
    Case(
        "anthropic/token-counts-are-possible",
        CUT,
        changed(CUT, "/usage/output_tokens", 900),
        also=("anthropic/token-limit-is-honoured",),
    ),
    Case("anthropic/token-limit-is-honoured", CUT, changed(CUT, "/usage/output_tokens", 30)),
    Case("anthropic/cut-answer-says-max-tokens", CUT, changed(CUT, "/stop_reason", "end_turn")),
    Case("anthropic/max-tokens-means-the-limit-was-used", CUT, changed(CUT, "/usage/output_tokens", 9)),
    Case("anthropic/cached-tokens-are-not-counted-twice", READS, TWICE),
    Case(
        "anthropic/marked-prompt-is-read-from-the-cache",
        (WRITES, READS),
        (WRITES, DROPPED),
        also=("anthropic/matches-schema-should",),
    ),
    Case(
        "anthropic/cached-prefix-has-one-size",
        (WRITES, READS),
        (changed(WRITES, "/usage/cache_creation_input_tokens", 0), READS),
        also=("anthropic/token-counts-are-possible",),
    ),
    Case("anthropic/calling-tools-ends-with-tool-use", USE, changed(USE, "/stop_reason", "end_turn")),
    Case("anthropic/tool-use-is-no-empty-promise", USE, changed(USE, "/content", [TEXT])),
    Case("anthropic/tool-use-ids-are-unique", USE, changed(USE, "/content/1/id", USE.json["content"][0]["id"])),
    Case("anthropic/called-tool-was-offered", USE, changed(USE, "/content/0/name", "default_api_get_weather")),
    Case("anthropic/strict-input-fits-its-schema", STRICT, changed(STRICT, "/content/0/input/city", 1)),
    Case("anthropic/input-fits-its-schema", USE, changed(USE, "/content/0/input/city", 1)),
    Case(
        "anthropic/tool-choice-none-is-honoured",
        NONE,
        changed(NONE, "/content", USE.json["content"]),
        also=(
            "anthropic/called-tool-was-offered",
            "anthropic/calling-tools-ends-with-tool-use",
        ),
    ),
    Case(
        "anthropic/forced-tool-is-called",
        FORCED,
        changed(FORCED, "/content", [TEXT]),
        also=("anthropic/tool-use-is-no-empty-promise",),
    ),
    Case("anthropic/named-tool-is-the-one-called", NAMED, changed(NAMED, "/content/0/name", "get_weather")),
    Case("anthropic/parallel-calls-can-be-switched-off", ALONE, changed(ALONE, "/content", USE.json["content"])),
    Case(
        "anthropic/no-call-without-tools",
        PLAIN,
        changed(PLAIN, "/content", USE.json["content"]),
        also=("anthropic/calling-tools-ends-with-tool-use",),
    ),
    Case("anthropic/stop-sequence-is-named", COUNT, changed(COUNT, "/stop_sequence", None)),
    Case("anthropic/stop-sequence-is-one-of-those-asked-for", COUNT, changed(COUNT, "/stop_sequence", "6")),
    Case("anthropic/stop-is-honoured", COUNT, changed(COUNT, "/content/0/text", "1 2 3 4 5")),
    Case("anthropic/answer-is-not-empty", PLAIN, changed(PLAIN, "/content", [])),
    Case("anthropic/what-is-counted-is-there", CUT, changed(CUT, "/content", [])),
    Case("anthropic/output-format-is-honoured", FORMAT, changed(FORMAT, "/content/0/text", "Paris")),
    Case("anthropic/model-is-the-one-asked-for", PLAIN, changed(PLAIN, "/model", "gpt-4o-mini")),
    Case("anthropic/model-is-named-plainly", PLAIN, changed(PLAIN, "/model", f"bedrock/{MODEL}")),
    Case("anthropic/thinking-is-signed", THOUGHT, changed(THOUGHT, "/content/0/signature", "")),
    Case("anthropic/thinking-is-delivered", THOUGHT, changed(THOUGHT, "/content", [TEXT])),
    Case("anthropic/thinking-is-not-said-twice", THOUGHT, changed(THOUGHT, "/content/1/text", "<think>So.</think> 4")),
    Case(
        "anthropic/rejection-is-no-answer",
        replace(PLAIN, expect={"answer": True}),
        replace(changed(PLAIN, "/content/0/text", "[rejected] no capacity"), expect={"answer": True}),
    ),
    Case(
        "anthropic/ids-of-two-answers-differ",
        (PLAIN, AGAIN),
        (PLAIN, replace(PLAIN, id="2")),
        also=("every-response/request-ids-differ",),
    ),
    Case("anthropic/same-prompt-has-same-tokens", (PLAIN, AGAIN), (PLAIN, changed(AGAIN, "/usage/input_tokens", 9))),
    Case(
        "anthropic/streamed-prompt-has-same-tokens",
        (SAID, STREAMED),
        (changed(SAID, "/usage/input_tokens", 7), STREAMED),
    ),
    Case(
        "anthropic/streamed-answer-is-of-the-same-kind",
        (FORCED, events("Weather?", tools=[TOOL, CLOCK], tool_choice={"type": "any"})),
        (
            changed(FORCED, "/content", [TEXT]),
            events("Weather?", tools=[TOOL, CLOCK], tool_choice={"type": "any"}),
        ),
        also=(
            "anthropic/forced-tool-is-called",
            "anthropic/tool-use-is-no-empty-promise",
        ),
    ),
    Case(
        "anthropic/streamed-text-loses-nothing",
        (SAID, STREAMED),
        (SAID, without_repeats(STREAMED)),
    ),
    Case("anthropic/streamed-text-loses-nothing", (SAID, STREAMED), (SAID, shuffled(STREAMED))),
    Case("anthropic/streamed-text-loses-nothing", (SAID, STREAMED), (SAID, as_latin(STREAMED))),
    Case("anthropic/missing-max-tokens-is-refused", MISSING, replace(PLAIN, expect={"refusal": "max_tokens"})),
    Case("anthropic/both-forms-of-the-key-are-taken", (KEY, BEARER), (NO_KEY, BEARER)),
    Case("anthropic/request-id-is-sent", PLAIN, UNTAGGED),
    Case(
        "anthropic/model-list-matches-schema",
        PAGE,
        changed(PAGE, "/data/0/id", 5),
        also=("anthropic/page-names-its-first-and-last-model",),
    ),
    Case("anthropic/model-list-matches-schema-openai", PAGE, changed(PAGE, "/data/0/display_name")),
    Case("anthropic/model-list-matches-schema-should", PAGE, changed(PAGE, "/has_more")),
    Case("anthropic/headers-choose-the-model-list", PAGE, changed(PAGE, "/object", "list")),
    Case("anthropic/page-names-its-first-and-last-model", PAGE, changed(PAGE, "/last_id", "gpt-4o-mini")),
]
