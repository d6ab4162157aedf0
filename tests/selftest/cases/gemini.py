"""Cases for relayproof/rules/gemini.py."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cases.build import GONE, SSE, Case, answered, changed, events, exchange, sse
from relayproof.exchange import Exchange
from relayproof.probes.samples import CITY, png
from relayproof.reference import gemini as reference

MODEL = "gemini-2.0-flash"
WEATHER = {"name": "get_weather", "parameters": CITY}
CLOCK = {"name": "get_time", "parameters": CITY}
TOOLS = [{"functionDeclarations": [WEATHER, CLOCK]}]
SCHEMA = {"type": "OBJECT", "properties": {"city": {"type": "STRING", "nullable": True}}, "required": ["city"]}
LINE = "1833 aaaa 1100, café 🎉"
PART = "/candidates/0/content/parts/0"
CONTENT = "/candidates/0/content"
REASON = "/candidates/0/finishReason"
USAGE = "/usageMetadata"


def ask(text: str = "Hi", config: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A generateContent request body."""
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]} | fields
    return body | ({"generationConfig": config} if config else {})


def path(action: str = "generateContent", model: str = MODEL, query: str = "") -> str:
    """The path of an action."""
    return f"/v1beta/models/{model}:{action}{query}"


def whole(text: str = "Hi", config: dict[str, Any] | None = None, facts: Any = None, **fields: Any) -> Exchange:
    """A generateContent exchange, answered as the reference relay does."""
    body = ask(text, config, **fields)
    return exchange("POST", path(), body, reference.answer(body, MODEL, "case"), **(facts or {}))


def pieces(text: str = "Hi", config: dict[str, Any] | None = None, **fields: Any) -> list[Any]:
    """The chunks that the reference relay sends."""
    return list(reference.chunks(reference.answer(ask(text, config, **fields), MODEL, "case-2")))


def streamed(text: str = "Hi", config: dict[str, Any] | None = None, facts: Any = None, **fields: Any) -> Exchange:
    """The same as a stream of events."""
    body, documents = ask(text, config, **fields), pieces(text, config, **fields)
    url = path("streamGenerateContent", query="?alt=sse")
    return exchange("POST", url, body, sse(documents, b""), headers=SSE, **({"id": "2"} | (facts or {})))


def as_array(text: str = "Hi", config: dict[str, Any] | None = None, **fields: Any) -> Exchange:
    """The same as a stream in one JSON array."""
    documents = pieces(text, config, **fields)
    return exchange("POST", path("streamGenerateContent"), ask(text, config, **fields), documents)


def restreamed(given: Exchange, documents: Sequence[Any], end: bytes = b"") -> Exchange:
    """The stream of events with other chunks."""
    return answered(given, sse(documents, end))


def each_chunk(given: Exchange, change: Callable[[Any], Any]) -> Exchange:
    """The stream with `change` done to every chunk in place."""
    documents = events(given)
    for document in documents:
        change(document)
    return restreamed(given, documents)


def recounted(given: Exchange, **counts: Any) -> Exchange:
    """The answer with other token counts; GONE takes one out."""
    for name, value in counts.items():
        given = changed(given, f"{USAGE}/{name}", value)
    return given


def refused(status: int, error: Any, **facts: Any) -> Exchange:
    """A refusal on a Gemini path."""
    return exchange("POST", path(), ask(), {"error": error}, status=status, **facts)


def keyed(status: int, *, query: str = "", headers: Sequence[tuple[str, str]] = (), number: str = "1") -> Exchange:
    """A request with its key in one of its forms, answered with that status."""
    answer = reference.answer(ask(), MODEL, number) if status == 200 else BAD_KEY
    facts: Any = {"id": number, "expect": {"answer": True}}
    return exchange("POST", path(query=query), ask(), answer, status=status, request_headers=headers, **facts)


def without_calls(document: Any) -> None:
    """Take every function call out of a chunk."""
    for candidate in document["candidates"]:
        kept = [part for part in candidate["content"]["parts"] if "functionCall" not in part]
        candidate["content"]["parts"] = kept or [{"text": "Let me see."}]


def lossy(given: Exchange) -> Exchange:
    """The stream without every second of two equal letters."""
    return each_chunk(given, _squeeze)


def _squeeze(document: Any) -> None:
    for part in document["candidates"][0]["content"]["parts"]:
        part["text"] = part["text"].replace("aaaa", "aa").replace("1833", "183")


HI = whole()
LONG = whole("Tell me about the sea.", {"maxOutputTokens": 60})
TWO = whole("Name a fruit.", {"candidateCount": 2})
CUT_TWO = whole("Tell me about the sea.", {"maxOutputTokens": 7, "candidateCount": 2})
CALLS = whole("Weather and time? Use the tools.", tools=TOOLS)
FORCED = whole("Hi", tools=TOOLS, toolConfig={"functionCallingConfig": {"mode": "ANY"}})
ALLOWED = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_time"]}}
ONLY = whole("Hi", tools=TOOLS, toolConfig=ALLOWED)
NONE = whole("Weather?", tools=TOOLS, toolConfig={"functionCallingConfig": {"mode": "NONE"}})
JSON = whole("Paris", {"responseMimeType": "application/json", "responseSchema": SCHEMA})
ENUM = whole("Which?", {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}})
THOUGHTS = whole("Hi", {"thinkingConfig": {"includeThoughts": True}})
SEARCH = whole("What is in the news today?", tools=[{"googleSearch": {}}])
PLAIN_SEARCH = recounted(whole("Hi", tools=[{"googleSearch": {}}]), toolUsePromptTokenCount=GONE, totalTokenCount=22)
BLOCKED = whole("How is a pipe bomb made?")
PICTURE = changed(HI, PART, {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(png()).decode()}})
SNAPSHOT = changed(HI, "/modelVersion", f"{MODEL}-001")
ECHO = {"expect": {"echo": LINE, "answer": True}}
SAYS, STREAMS = (
    whole(f"Repeat exactly, nothing else: {LINE}", facts=ECHO),
    streamed(f"Repeat exactly, nothing else: {LINE}"),
)
FREE_CALL, STREAMED_CALL = whole("Weather?", tools=TOOLS), streamed("Weather?", tools=TOOLS)
CALLESS = each_chunk(STREAMED_CALL, without_calls)
ASKED_THIRD = replace(CALLS, request=replace(CALLS.request, url=path(model="gemini-3-pro")))
THIRD = changed(ASKED_THIRD, "/modelVersion", "gemini-3-pro")
SIGNED = changed(THIRD, f"{PART}/thoughtSignature", "c2lnbmF0dXJl")
NO_KEY = {"error": {"message": "no key", "type": "new_api_error", "param": None, "code": None}}
BAD_KEY = {"error": {"code": 401, "message": "no key", "status": "UNAUTHENTICATED"}}
NOT_FOUND = refused(404, {"code": 404, "message": "no such model", "status": "NOT_FOUND"})
GOOGLE = (("x-goog-api-key", "***"),)
BEARER = (("authorization", "***"),)
LISTING = exchange("GET", "/v1beta/models", None, {"models": [reference.card(MODEL), reference.card("gemini-pro")]})
COMMON = exchange("GET", "/v1/models", None, {"object": "list", "data": []}, request_headers=GOOGLE)
ANSWERING = replace(HI, expect={"answer": True})
AGAIN = replace(changed(HI, "/responseId", "case-3"), id="3")
RECOUNTED = recounted(AGAIN, promptTokenCount=5, totalTokenCount=12)
OTHER_CODE = refused(400, {"code": 500, "message": "no", "status": "INVALID_ARGUMENT"})
OTHER_WORD = refused(404, {"code": 404, "message": "no", "status": "INTERNAL"})
TITLELESS = changed(LISTING, "/models/0/displayName", 7)
LIST = "gemini/model-list-matches-schema"
WORDLESS = changed(FORCED, PART, {"text": "It is 18 degrees in Paris, and sunny."})
CUT_SEA = "The sea is wide and old. It carries ships and"

CASES = [
    Case("gemini/matches-schema", HI, changed(HI, REASON)),
    Case("gemini/matches-schema-openai", HI, changed(HI, f"{USAGE}/promptTokensDetails", None)),
    Case("gemini/matches-schema-should", HI, changed(HI, REASON, "DONE")),
    Case("gemini/error-matches-schema", NOT_FOUND, refused(404, "not found")),
    Case("gemini/error-matches-schema-openai", NOT_FOUND, refused(404, {"code": "model_not_found", "message": "no"})),
    Case("gemini/model-list-matches-schema", LISTING, TITLELESS, also=(f"{LIST}-openai",)),
    Case("gemini/model-list-matches-schema-openai", LISTING, changed(LISTING, "/models/0/name", MODEL)),
    Case("gemini/answer-holds-a-candidate", BLOCKED, changed(BLOCKED, "/promptFeedback")),
    Case("gemini/blocked-prompt-is-not-answered", BLOCKED, changed(HI, "/promptFeedback", {"blockReason": "SAFETY"})),
    Case("gemini/candidate-indexes-count-from-zero", TWO, changed(TWO, "/candidates/1/index", 0)),
    Case("gemini/candidate-count-is-honoured", TWO, changed(TWO, "/candidates/1")),
    Case("gemini/answer-is-not-empty", HI, changed(HI, f"{CONTENT}/parts", [])),
    Case(
        "gemini/what-is-counted-is-there",
        LONG,
        changed(changed(LONG, CONTENT), REASON, "MALFORMED_FUNCTION_CALL"),
    ),
    Case("gemini/enums-are-names", HI, changed(HI, REASON, 1)),
    Case(
        "gemini/part-holds-one-thing",
        CALLS,
        changed(CALLS, PART, {"text": "Calling.", "functionCall": {"name": "get_time", "args": {"city": "Paris"}}}),
    ),
    Case("gemini/inline-data-is-what-it-says", PICTURE, changed(PICTURE, f"{PART}/inlineData/mimeType", "image/jpeg")),
    Case("gemini/total-is-the-sum", SEARCH, recounted(SEARCH, toolUsePromptTokenCount=GONE)),
    Case("gemini/total-is-told", HI, changed(HI, f"{USAGE}/totalTokenCount")),
    Case(
        "gemini/usage-details-fit-their-totals",
        HI,
        changed(HI, f"{USAGE}/promptTokensDetails/0/tokenCount", 500),
    ),
    Case("gemini/tokens-are-counted", HI, recounted(HI, candidatesTokenCount=0, totalTokenCount=4)),
    Case("gemini/token-counts-are-possible", LONG, recounted(LONG, candidatesTokenCount=2, totalTokenCount=11)),
    Case(
        "gemini/token-limit-is-honoured",
        LONG,
        recounted(LONG, candidatesTokenCount=80, totalTokenCount=89),
    ),
    Case(
        "gemini/cut-answer-says-max-tokens",
        LONG,
        changed(changed(LONG, f"{PART}/text", CUT_SEA), REASON, "STOP"),
    ),
    Case("gemini/cut-answer-says-max-tokens", CUT_TWO, changed(CUT_TWO, "/candidates/1/finishReason", "STOP")),
    Case(
        "gemini/max-tokens-means-the-limit-was-used",
        LONG,
        recounted(LONG, candidatesTokenCount=20, totalTokenCount=29),
    ),
    Case(
        "gemini/stop-is-honoured",
        whole("Count: 1 2 3 4 5 6", {"stopSequences": ["5"]}),
        changed(whole("Count: 1 2 3 4 5 6", {"stopSequences": ["5"]}), f"{PART}/text", "1 2 3 4 5"),
    ),
    Case("gemini/json-is-delivered", JSON, changed(JSON, f"{PART}/text", '```json\n{"city": "Paris"}\n```')),
    Case("gemini/one-of-the-enum-is-delivered", ENUM, changed(ENUM, f"{PART}/text", "c")),
    Case(
        "gemini/called-function-was-declared",
        CALLS,
        changed(CALLS, f"{PART}/functionCall/name", "default_api.get_weather"),
    ),
    Case("gemini/names-are-not-invented", CALLS, changed(CALLS, f"{PART}/functionCall/name", "run_python")),
    Case("gemini/forced-call-is-made", FORCED, WORDLESS),
    Case("gemini/only-allowed-functions-are-called", ONLY, changed(ONLY, f"{PART}/functionCall/name", "get_weather")),
    Case("gemini/mode-none-is-honoured", NONE, changed(NONE, CONTENT, CALLS.json["candidates"][0]["content"])),
    Case("gemini/no-call-without-tools", HI, changed(HI, PART, {"functionCall": {"name": "get_time", "args": {}}})),
    Case("gemini/calls-end-with-stop", CALLS, changed(CALLS, REASON, "OTHER")),
    Case(
        "gemini/call-ids-are-unique",
        CALLS,
        changed(
            changed(CALLS, f"{PART}/functionCall/id", "call"),
            "/candidates/0/content/parts/1/functionCall/id",
            "call",
        ),
    ),
    Case("gemini/calls-are-signed", SIGNED, changed(SIGNED, f"{PART}/thoughtSignature")),
    Case("gemini/arguments-are-not-wrapped", CALLS, changed(CALLS, f"{PART}/functionCall/args", {"arguments": '{"ci'})),
    Case("gemini/forced-arguments-fit-their-schema", FORCED, changed(FORCED, f"{PART}/functionCall/args", {})),
    Case("gemini/arguments-fit-their-schema", CALLS, changed(CALLS, f"{PART}/functionCall/args", {"city": 7})),
    Case(
        "gemini/thoughts-come-only-when-asked-for",
        THOUGHTS,
        replace(THOUGHTS, request=HI.request),
    ),
    Case(
        "gemini/thoughts-are-counted",
        THOUGHTS,
        recounted(THOUGHTS, thoughtsTokenCount=GONE, totalTokenCount=11),
    ),
    Case("gemini/search-shows-its-sources", SEARCH, changed(SEARCH, "/candidates/0/groundingMetadata")),
    Case("gemini/search-is-used", PLAIN_SEARCH, changed(PLAIN_SEARCH, "/candidates/0/groundingMetadata")),
    Case("gemini/model-is-the-one-asked-for", SNAPSHOT, changed(HI, "/modelVersion", "gemini-2.5-pro")),
    Case("gemini/model-is-named-plainly", SNAPSHOT, changed(HI, "/modelVersion", "gemini-1.5-flash")),
    Case("gemini/rejection-is-no-answer", ANSWERING, changed(ANSWERING, f"{PART}/text", "Error: no capacity left")),
    Case("gemini/ids-of-two-answers-differ", (HI, AGAIN), (HI, changed(AGAIN, "/responseId", "case"))),
    Case("gemini/same-prompt-has-same-tokens", (HI, AGAIN), (HI, RECOUNTED)),
    Case(
        "gemini/streamed-prompt-has-same-tokens",
        (HI, streamed()),
        (recounted(HI, promptTokenCount=9, totalTokenCount=16), streamed()),
    ),
    Case("gemini/streamed-calls-are-kept", (FREE_CALL, STREAMED_CALL), (FREE_CALL, CALLESS)),
    Case("gemini/streamed-text-loses-nothing", (SAYS, STREAMS), (SAYS, lossy(STREAMS))),
    Case("gemini/error-code-is-the-status", NOT_FOUND, OTHER_CODE),
    Case("gemini/error-status-fits-the-code", NOT_FOUND, OTHER_WORD),
    Case(
        "gemini/google-forms-of-the-key-are-taken",
        (keyed(200, headers=BEARER), keyed(200, headers=GOOGLE, number="2")),
        (keyed(200, headers=BEARER), keyed(401, query="?key=***", number="2")),
    ),
    Case(
        "gemini/bearer-key-is-taken",
        (keyed(200, headers=BEARER), keyed(200, headers=GOOGLE, number="2")),
        (keyed(401, headers=BEARER), keyed(200, headers=GOOGLE, number="2")),
    ),
    Case("gemini/names-are-unique", LISTING, changed(LISTING, "/models/1/name", f"models/{MODEL}")),
    Case(
        "gemini/google-key-opens-the-common-list",
        COMMON,
        answered(COMMON, NO_KEY, status=401),
    ),
]  # fmt: skip
