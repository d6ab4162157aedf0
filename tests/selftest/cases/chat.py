"""Cases for relayproof/rules/chat.py."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate
from typing import Any

from cases.build import GONE, Case, answered, asking, changed, chat, chat_stream, events, restream
from relayproof.exchange import Exchange
from relayproof.probes.samples import CITY_SCHEMA, CLOCK, WEATHER

NOW = 1_790_000_000
PLAIN = chat()
TWO = chat("Name a fruit.", n=2)
CALL = chat("Weather in Paris?", tools=[WEATHER, CLOCK])
CALLS = chat("Use the tools.", tools=[WEATHER, CLOCK])
FORCED = chat("Weather in Paris?", tools=[WEATHER, CLOCK], tool_choice="required", parallel_tool_calls=False)
NAMED = chat("Hi", tools=[WEATHER, CLOCK], tool_choice={"type": "function", "function": {"name": "get_time"}})
SILENT = chat("Weather in Paris?", tools=[WEATHER], tool_choice="none")
LEGACY = chat("Weather in Paris?", functions=[WEATHER["function"]])
STRICT = chat("Weather in Paris?", tools=[{"type": "function", "function": WEATHER["function"] | {"strict": True}}])
OBJECT = chat(response_format={"type": "json_object"})
SCHEMA = chat(response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": CITY_SCHEMA}})
BEGUN = chat(response_format={"type": "json_object"}, max_tokens=3)
CUT = chat("Write about the sea.", max_tokens=16)
STOPPED = chat("Count: 1 2 3", stop=["5"])
BLANK = changed(
    changed(STOPPED, "/choices/0/message/content", ""),
    "/usage",
    {"prompt_tokens": 9, "completion_tokens": 13, "total_tokens": 22},
)
LOGPROBS = chat("Name a fruit.", logprobs=True, top_logprobs=2)
STREAM = chat_stream(stream_options={"include_usage": True})
STREAM_CALL = chat_stream("Weather in Paris?", tools=[WEATHER])

COUNT = replace(chat("Count from 1 to 300."), expect={"counts_to": 300})
COUNT_CUT = replace(chat("Count from 1 to 300.", max_tokens=256), expect={"counts_to": 300})
ASKED = PLAIN.json["usage"]["prompt_tokens"]
SAID = PLAIN.json["usage"]["completion_tokens"]
CHOICE, MESSAGE = "/choices/0", "/choices/0/message"
FUNCTION = f"{MESSAGE}/tool_calls/0/function"


def altered(given: Exchange, **values: Any) -> Exchange:
    """The exchange with some keys of the first message replaced."""
    for key, value in values.items():
        given = changed(given, f"{MESSAGE}/{key}", value)
    return given


def made(created: int, given: Exchange = PLAIN) -> Exchange:
    """The exchange of an answer of that time, asked for at NOW."""
    return replace(changed(given, "/created", created), expect={"now": NOW})


def dated(given: Exchange, at: int) -> Exchange:
    """The exchange with a Date header of that time."""
    headers = (*given.response.headers, ("Date", formatdate(at, usegmt=True))) if given.response else ()
    return answered(given, headers=headers)


def damaged(text: str) -> Exchange:
    """A whole answer to a request to repeat a line with accents, Chinese and an emoji."""
    return replace(chat(f"Repeat exactly, nothing else: {text}"), expect={"echo": "1833 年 café 🎉"})


def cited(start: int, end: int) -> Exchange:
    """An answer with a citation."""
    source = {"start_index": start, "end_index": end, "url": "https://a.example/", "title": "A"}
    return altered(PLAIN, annotations=[{"type": "url_citation", "url_citation": source}])


def predicted(accepted: int, rejected: int) -> Exchange:
    """An answer whose usage names prediction tokens."""
    details = {"accepted_prediction_tokens": accepted, "rejected_prediction_tokens": rejected}
    return changed(PLAIN, "/usage/completion_tokens_details", details)


def thinking(tokens: int, completion: int) -> Exchange:
    """An answer whose usage names reasoning tokens."""
    usage = {"prompt_tokens": 9, "completion_tokens": completion, "total_tokens": 9 + completion}
    return changed(PLAIN, "/usage", usage | {"completion_tokens_details": {"reasoning_tokens": tokens}})


def of_tokens(given: Exchange, completion: int) -> Exchange:
    """The exchange with another number of completion tokens, and the total that goes with it."""
    total = given.json["usage"]["prompt_tokens"] + completion
    return changed(changed(given, "/usage/completion_tokens", completion), "/usage/total_tokens", total)


def again(given: Exchange, number: str, **values: Any) -> Exchange:
    """The same request once more, answered under another id."""
    answer = changed(given, "/id", f"chatcmpl-{number}")
    for pointer, value in values.items():
        answer = changed(answer, f"/{pointer.replace('__', '/')}", value)
    return replace(answer, id=number)


def echo(text: str, *, streamed: bool) -> Exchange:
    """A line that was to be repeated, and what came of it."""
    line = "Repeat exactly, nothing else: 1833 年 🎉"
    if not streamed:
        return replace(changed(chat(line), f"{MESSAGE}/content", text), expect={"echo": "1833 年 🎉"})
    given = chat_stream(line)
    parts = [event for event in events(given) if not event["choices"][0]["delta"].get("content")]
    said = [dict(parts[0], choices=[parts[0]["choices"][0] | {"delta": {"content": letter}}]) for letter in text]
    return replace(restream(given, [parts[0], *said, *parts[1:]]), id="2", expect={"echo": "1833 年 🎉"})


def counted_again(prompt: int) -> Exchange:
    """The same request once more, with another prompt count."""
    return again(PLAIN, "2", usage__prompt_tokens=prompt, usage__total_tokens=prompt + SAID)


def counted(prompt: int) -> Exchange:
    """The stream of STREAM with another prompt count."""
    documents = events(STREAM)
    usage = documents[-1]["usage"]
    documents[-1]["usage"] = usage | {"prompt_tokens": prompt, "total_tokens": prompt + usage["completion_tokens"]}
    return replace(restream(STREAM, documents), id="2")


BAD_N = asking(PLAIN, "/n", 0)
REFUSED = answered(BAD_N, {"error": {"message": "n", "type": "x", "param": "n", "code": None}}, status=400)
FRAGMENTED = restream(
    STREAM_CALL,
    [
        *events(STREAM_CALL)[:1],
        events(STREAM_CALL)[0] | {"choices": [{"index": 0, "delta": {"content": "Paris"}, "finish_reason": None}]},
        *events(STREAM_CALL)[1:],
    ],
)
SECRET_TURN = altered(PLAIN, refusal="No.", content=None)
THOUGHT = altered(PLAIN, reasoning_content="Paris is warm.")
ALIEN_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}

CASES = [
    Case("chat/matches-schema", PLAIN, changed(PLAIN, "/object", "chat")),
    Case("chat/matches-schema-openai", PLAIN, changed(PLAIN, "/model", "")),
    Case("chat/matches-schema-should", PLAIN, changed(PLAIN, f"{MESSAGE}/refusal")),
    Case("chat/usage-adds-up", PLAIN, changed(PLAIN, "/usage/total_tokens", 7)),
    Case(
        "chat/tokens-are-counted",
        PLAIN,
        changed(PLAIN, "/usage", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    ),
    Case(
        "chat/usage-details-fit-their-totals",
        PLAIN,
        changed(PLAIN, "/usage/prompt_tokens_details/cached_tokens", 9_000),
    ),
    Case("chat/reasoning-is-counted-as-completion", thinking(60, 60), thinking(60, 0)),
    Case("chat/n-is-honoured", TWO, asking(TWO, "/n", 3)),
    Case("chat/impossible-n-is-refused", REFUSED, BAD_N),
    Case("chat/choice-indexes-count-from-zero", TWO, changed(TWO, "/choices/1/index", 0)),
    Case("chat/answer-is-not-empty", PLAIN, altered(PLAIN, content="")),
    Case("chat/answer-is-not-empty", STOPPED, BLANK),
    Case("chat/calling-tools-ends-with-tool-calls", CALL, changed(CALL, f"{CHOICE}/finish_reason", "stop")),
    Case("chat/tool-calls-is-no-empty-promise", CALL, altered(CALL, content="I will.", tool_calls=[])),
    Case(
        "chat/function-call-goes-with-its-reason",
        LEGACY,
        altered(LEGACY, content="I will.", function_call=None),
    ),
    Case(
        "chat/function-call-goes-with-its-reason",
        LEGACY,
        changed(LEGACY, f"{CHOICE}/finish_reason", "stop"),
    ),
    Case(
        "chat/tool-call-ids-are-unique",
        CALLS,
        changed(CALLS, f"{MESSAGE}/tool_calls/1/id", CALLS.json["choices"][0]["message"]["tool_calls"][0]["id"]),
    ),
    Case("chat/tool-call-ids-are-unique", CALLS, changed(CALLS, f"{MESSAGE}/tool_calls/1/id", "")),
    Case("chat/called-function-was-offered", CALL, changed(CALL, f"{FUNCTION}/name", "mcp__get_weather")),
    Case(
        "chat/tool-arguments-are-a-json-object",
        CALL,
        changed(CALL, f"{FUNCTION}/arguments", '{}{"city": "Paris"}'),
    ),
    Case(
        "chat/arguments-stay-out-of-the-content",
        STREAM_CALL,
        FRAGMENTED,
    ),
    Case(
        "chat/strict-arguments-fit-their-schema",
        STRICT,
        changed(STRICT, f"{FUNCTION}/arguments", '{"town": "Paris"}'),
    ),
    Case("chat/arguments-fit-their-schema", CALL, changed(CALL, f"{FUNCTION}/arguments", '{"city": 7}')),
    Case("chat/tool-choice-none-is-honoured", SILENT, asking(CALL, "/tool_choice", "none")),
    Case(
        "chat/forced-tool-is-called",
        FORCED,
        changed(altered(FORCED, content="It is warm.", tool_calls=None), f"{CHOICE}/finish_reason", "stop"),
    ),
    Case("chat/named-tool-is-the-one-called", NAMED, changed(NAMED, f"{FUNCTION}/name", "get_weather")),
    Case("chat/parallel-calls-can-be-switched-off", FORCED, asking(CALLS, "/parallel_tool_calls", False)),
    Case(
        "chat/no-call-without-tools",
        PLAIN,
        changed(altered(PLAIN, content=None, tool_calls=[ALIEN_CALL]), f"{CHOICE}/finish_reason", "tool_calls"),
    ),
    Case("chat/no-call-without-tools", LEGACY, replace(CALL, request=LEGACY.request)),
    Case("chat/json-schema-is-honoured", SCHEMA, altered(SCHEMA, content='Here:\n```json\n{"city": "Paris"}\n```')),
    Case("chat/json-schema-is-honoured", SCHEMA, altered(SCHEMA, content='{"town": "Paris"}')),
    Case("chat/json-object-is-honoured", OBJECT, altered(OBJECT, content="Paris")),
    Case("chat/cut-json-begins-as-json", BEGUN, changed(BEGUN, "/choices/0/message/content", "Paris, of")),
    Case(
        "chat/token-limit-is-honoured",
        CUT,
        changed(CUT, "/usage", {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 49}),
    ),
    Case(
        "chat/cut-answer-says-length",
        CUT,
        changed(altered(CUT, content="The sea is wide and carries shi"), f"{CHOICE}/finish_reason", "stop"),
    ),
    Case("chat/length-means-the-limit-was-used", CUT, asking(CUT, "/max_tokens", 400)),
    Case("chat/length-means-the-limit-was-used", CUT, of_tokens(CUT, 9)),
    Case("chat/no-limit-is-added", COUNT, COUNT_CUT),
    Case("chat/stop-is-honoured", STOPPED, altered(STOPPED, content="1 2 3 4 5 6")),
    Case("chat/created-is-now", made(NOW - 60), made(NOW - 10**8)),
    Case("chat/created-is-now", made(NOW + 200), made(NOW + 8 * 3600)),
    Case("chat/created-is-now", dated(made(NOW + 8 * 3600), NOW + 8 * 3600), dated(made(NOW + 8 * 3600), NOW)),
    Case("chat/created-is-given", PLAIN, changed(PLAIN, "/created", 0)),
    Case("chat/model-is-the-one-asked-for", PLAIN, changed(PLAIN, "/model", "claude-3-5-haiku")),
    Case("chat/model-is-named-plainly", PLAIN, changed(PLAIN, "/model", "hosted_vllm/gpt-4o-mini")),
    Case("chat/id-is-given", PLAIN, changed(PLAIN, "/id", "")),
    Case("chat/logprobs-are-delivered", LOGPROBS, changed(LOGPROBS, f"{CHOICE}/logprobs", None)),
    Case("chat/logprobs-are-delivered", LOGPROBS, asking(LOGPROBS, "/top_logprobs", 1)),
    Case("chat/logprobs-are-logarithms", LOGPROBS, changed(LOGPROBS, f"{CHOICE}/logprobs/content/0/logprob", 97.5)),
    Case("chat/logprobs-are-of-this-text", LOGPROBS, changed(LOGPROBS, f"{CHOICE}/logprobs/content/1", GONE)),
    Case("chat/logprobs-come-only-when-asked-for", PLAIN, asking(LOGPROBS, "/logprobs", False)),
    Case("chat/refusal-stands-alone", SECRET_TURN, altered(SECRET_TURN, content="Well.")),
    Case("chat/annotations-point-into-the-content", cited(0, 5), cited(5, 2)),
    Case("chat/annotations-point-into-the-content", cited(0, 5), cited(0, 500)),
    Case("chat/metadata-comes-only-when-stored", PLAIN, changed(PLAIN, "/metadata", {"label": "x"})),
    Case("chat/predicted-tokens-are-part-of-the-completion", predicted(1, SAID - 1), predicted(2, SAID - 1)),
    Case("chat/repeated-line-is-undamaged", damaged("1833 年 café 🎉"), damaged("1833 å¹´ cafÃ© ðŸŽ‰")),
    Case("chat/repeated-line-is-undamaged", damaged("1833  年 café 🎉\n"), damaged("1833 ? caf? ?")),
    Case("chat/repeated-line-is-undamaged", damaged('"1833 年 café 🎉"'), damaged("1833 caf")),
    Case(
        "chat/repeated-line-is-undamaged", damaged("1833 年 café 🎉"), damaged("1833 \\u5e74 caf\\u00e9 \\ud83c\\udf89")
    ),
    Case("chat/thinking-is-not-said-twice", THOUGHT, altered(THOUGHT, content="<think>warm</think>It is warm.")),
    Case("chat/control-tokens-stay-inside", PLAIN, altered(PLAIN, content="Hello!<|im_end|>\n")),
    Case(
        "chat/rejection-is-no-answer",
        replace(PLAIN, expect={"answer": True}),
        replace(altered(PLAIN, content="[rejected] no capacity"), expect={"answer": True}),
    ),
    Case("chat/ids-of-two-answers-differ", (PLAIN, again(PLAIN, "2")), (PLAIN, replace(PLAIN, id="2"))),
    Case(
        "chat/ids-of-two-answers-differ",
        (PLAIN, replace(TWO, id="2")),
        (replace(PLAIN, probe="chat/plain"), replace(TWO, id="2", probe="chat/two-choices")),
    ),
    Case(
        "chat/prompt-is-counted-whole-each-time",
        (PLAIN, again(PLAIN, "2")),
        (PLAIN, again(PLAIN, "2", usage__prompt_tokens=2, usage__total_tokens=SAID + 2)),
    ),
    Case(
        "chat/same-prompt-has-same-tokens",
        (PLAIN, again(PLAIN, "2")),
        (PLAIN, counted_again(ASKED + 1)),
    ),
    Case("chat/prompt-is-counted-whole-each-time", (PLAIN, counted_again(ASKED)), (PLAIN, counted_again(ASKED * 9))),
    Case(
        "chat/streamed-prompt-has-same-tokens",
        (PLAIN, counted(ASKED)),
        (PLAIN, counted(1)),
    ),
    Case(
        "chat/streamed-text-loses-nothing",
        (echo("1833 年 🎉", streamed=False), echo("1833 年 🎉", streamed=True)),
        (echo("1833 年 🎉", streamed=False), echo("183 年 🎉", streamed=True)),
    ),
    Case(
        "chat/streamed-text-loses-nothing",
        (echo("1833 年 🎉", streamed=False), echo("1833 年 🎉", streamed=True)),
        (echo("1833 年 🎉", streamed=False), echo("1833 年 🎉1833 年 🎉", streamed=True)),
    ),
]
