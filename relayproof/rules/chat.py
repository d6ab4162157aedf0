"""Chat completions: the answer, whole or put together from a stream. What a stream alone can get wrong: chat_stream."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from relayproof import schema
from relayproof.exchange import CLOCK, CONTENT, IDS, Exchange
from relayproof.groups import repeats, streamed_and_not, together
from relayproof.jsontext import parse
from relayproof.links import is_gizmo
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import ANY, MAY, SHOULD, Finding, Untested, must, should
from relayproof.rules import shapes
from relayproof.rules.sources import CHAT_OBJECT, CHAT_REQUEST, COMPLETION_USAGE, OBSERVED
from relayproof.schema import shown
from relayproof.surface import CHAT, CHAT_STREAM, COMPLETIONS, COMPLETIONS_STREAM, is_azure

BOTH = (CHAT, CHAT_STREAM)
THOUGHTS = ("reasoning_content", "reasoning")
TEXTS = (*BOTH, COMPLETIONS, COMPLETIONS_STREAM)
MILLISECONDS = 10**11
CLOCK_SECONDS = 300
AROUND_A_STOP = 4
CUT = ("length", "content_filter")
CONTROL_TOKEN = re.compile(r"(?:<\|(?:im_end|eot_id|end|endoftext|end_of_text|eom_id)\|>|</s>|<end_of_turn>)\s*\Z")
SPOKEN = ("content", "refusal", "reasoning_content", "reasoning", "audio", "tool_calls", "function_call", "images")

shapes.matches_schema("chat", "openai/chat_completion", CHAT_OBJECT, on=CHAT)


def judged(found: list[Any], what: str) -> list[Any]:
    """What there is to judge. Raises Absent, naming what is missing, when that is nothing."""
    if not found:
        raise Absent(what)
    return found


def some(exchange: Exchange, path: str, kind: type = object) -> list[tuple[str, Any]]:
    """What stands at `path`. Raises Absent when there is nothing: then there is nothing to judge."""
    return judged(list(exchange.find(path, kind)), path)


def usage(exchange: Exchange) -> tuple[int, int, int]:
    """(prompt, completion, total) tokens. Raises Absent when one is missing."""
    prompt, completion, total = (exchange.one(f"/usage/{key}_tokens", int) for key in ("prompt", "completion", "total"))
    return prompt, completion, total


def prompt_counts(exchanges: Iterable[Exchange]) -> list[int]:
    """The prompt tokens of each. Raises Absent when one is missing, or 0: that is told by tokens_are_counted."""
    counts: list[int] = [each.one("/usage/prompt_tokens", int) for each in exchanges]
    if 0 in counts:
        raise Absent("told by tokens_are_counted")
    return counts


def calls(exchange: Exchange) -> list[tuple[str, dict[str, Any]]]:
    """Every function call of every choice. Raises Absent when there is none."""
    made = exchange.find("/choices/*/message/tool_calls/*", dict)
    return judged([(at, call) for at, call in made if "custom" not in call], "no function call")


def called(exchange: Exchange) -> bool:
    """True when any choice calls a tool."""
    return any(True for _ in exchange.find("/choices/*/message/tool_calls/*", dict))


def offered(exchange: Exchange) -> dict[str, dict[str, Any]]:
    """The functions that the request offers, by name, new form and legacy form."""
    request = exchange.request.json
    tools = [tool for path in ("/tools/*/function", "/functions/*") for _, tool in find(request, path, dict)]
    return {tool["name"]: tool for tool in tools if isinstance(tool.get("name"), str)}


def ended_by(exchange: Exchange, reason: str) -> list[tuple[str, dict[str, Any]]]:
    """The choices with that finish_reason. Raises Absent when there is none."""
    every = exchange.find("/choices/*", dict)
    return judged([(at, choice) for at, choice in every if choice.get("finish_reason") == reason], reason)


def hidden(exchange: Exchange) -> int:
    """The tokens spent on reasoning. Raises Untested when there is reasoning and nobody counted it."""
    counted = exchange.get("/usage/completion_tokens_details/reasoning_tokens", int, 0)
    thought = any(text for key in THOUGHTS for _, text in exchange.find(f"/choices/*/message/{key}", str))
    if thought and not counted:
        raise Untested("the reasoning is not counted apart")
    return int(counted)


def token_limit(exchange: Exchange) -> int:
    """The limit the request set. Raises Absent when it set none."""
    limit = exchange.asked("/max_completion_tokens", int) or exchange.asked("/max_tokens", int)
    if not limit or limit < 0 or exchange.asked("/best_of", int, 1) > 1:
        raise Absent("no limit was asked for, or one that holds for texts that are not shown")
    return int(limit)


@must(COMPLETION_USAGE, on=TEXTS)
def usage_adds_up(exchange: Exchange) -> Iterator[Finding]:
    """`total_tokens` is the sum of `prompt_tokens` and `completion_tokens`.

    Buyers are billed from these numbers; a gateway that rewrites one and not the others bills wrongly.

    Fix: pass the upstream's usage object on unchanged, or recompute all three together.
    """
    prompt, completion, total = usage(exchange)
    if total != prompt + completion:
        yield Finding("/usage/total_tokens", f"{total} is not {prompt} + {completion}")


@must(COMPLETION_USAGE, on=BOTH)
def tokens_are_counted(exchange: Exchange) -> Iterator[Finding]:
    """An answer with content has at least one prompt token and one completion token.

    A zero is a count that got lost on the way; whoever meters by it gives the answer away, or bills a guess later.

    Fix: read usage from the upstream's last chunk; ask for it with stream_options.include_usage.
    """
    prompt, completion, _ = usage(exchange)
    message = some(exchange, "/choices/*/message", dict)
    spoke = any(value for _, each in message for key, value in each.items() if key in SPOKEN)
    if not spoke:
        raise Absent("nothing was said")
    if prompt < 1:
        yield Finding("/usage/prompt_tokens", f"{prompt} for a request with messages")
    reasoning = exchange.get("/usage/completion_tokens_details/reasoning_tokens", int, 0)
    if completion < 1 and reasoning < 1:
        yield Finding("/usage/completion_tokens", f"{completion} for an answer that is not empty")


@must(COMPLETION_USAGE, on=TEXTS, relay=SHOULD)
def usage_details_fit_their_totals(exchange: Exchange) -> Iterator[Finding]:
    """No part of the usage is larger than its whole: cached and audio tokens fit the prompt, reasoning the completion.

    A relay that bills the parts bills more than there was. new-api's Claude channel is known to report cached tokens
    that its prompt_tokens leave out.

    Fix: count cached tokens into prompt_tokens, and reasoning tokens into completion_tokens.
    """
    parts = [(whole, at, part) for whole in ("prompt", "completion") for at, part in _details(exchange, whole)]
    for whole, at, part in judged(parts, "no details"):
        total = exchange.one(f"/usage/{whole}_tokens", int)
        if part > total and not (at.endswith("/reasoning_tokens") and total == 0):
            yield Finding(at, f"{part} is more than {whole}_tokens {total}")


def _details(exchange: Exchange, whole: str) -> list[tuple[str, int]]:
    every = exchange.find(f"/usage/{whole}_tokens_details/*", int)
    return [(at, part) for at, part in every if not at.endswith("_prediction_tokens")]


@should(COMPLETION_USAGE, on=BOTH, relay=MAY)
def predicted_tokens_are_part_of_the_completion(exchange: Exchange) -> Iterator[Finding]:
    """Accepted and rejected prediction tokens together are not more than completion_tokens.

    Both are billed as completion; a sum that is larger was counted elsewhere.

    Fix: pass completion_tokens_details on with the completion_tokens that it belongs to.
    """
    kinds = ("accepted", "rejected")
    told = [exchange.get(f"/usage/completion_tokens_details/{kind}_prediction_tokens", int, 0) for kind in kinds]
    total = exchange.one("/usage/completion_tokens", int)
    if not any(told):
        raise Absent("nothing was predicted")
    if sum(told) > total:
        yield Finding("/usage/completion_tokens_details", f"{told[0]} + {told[1]} is more than {total}")


@must(COMPLETION_USAGE, on=BOTH)
def reasoning_is_counted_as_completion(exchange: Exchange) -> Iterator[Finding]:
    """Reasoning tokens are part of completion_tokens.

    completion_tokens 0 beside 60 reasoning tokens is a count of two halves that never met; the bill lacks one.

    Fix: add thinking tokens to completion_tokens, and name them again in completion_tokens_details.
    """
    reasoning = exchange.one("/usage/completion_tokens_details/reasoning_tokens", int)
    completion = exchange.one("/usage/completion_tokens", int)
    if reasoning < 1:
        raise Absent("no reasoning")
    if completion == 0:
        yield Finding("/usage/completion_tokens", f"0, but reasoning_tokens is {reasoning}")


@must(CHAT_REQUEST, on=CHAT, when=lambda exchange: not called(exchange))
def n_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """A request for `n` choices gets `n` choices, one without `n` gets one.

    A client that asked for three and pays for the prompt of three finds one, with status 200 and no word about it.
    Streams are judged by choice_indexes_are_those_asked_for.

    Fix: send n upstream, or send n requests; refuse n where neither is possible.
    """
    asked = exchange.asked("/n", int, 1)
    got = len(judged(exchange.one("/choices", list), "told by the schema"))
    if asked < 1:
        raise Absent("told by impossible_n_is_refused")
    if got != asked:
        yield Finding("/choices", f"{got} instead of {asked}")


@must(CHAT_REQUEST, on=TEXTS, answers=ANY, when=lambda exchange: exchange.asked("/n", int, 1) < 1, relay=SHOULD)
def impossible_n_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A request for n = 0 or less is refused with a 4xx status.

    A relay that answers it has dropped the field, and will drop n = 3 as well. Where our own probe asks, that is told
    by errors/wrong-type-is-refused.

    Fix: validate n, or pass it on and let the upstream refuse.
    """
    if exchange.expect.get("refusal") or exchange.status not in (200, 400, 422):
        raise Absent("told elsewhere, or refused for another reason")
    if exchange.succeeded:
        yield Finding("status", f"{exchange.status} for n = {exchange.asked('/n', int)}")


@must(CHAT_OBJECT, on=(CHAT, COMPLETIONS))
def choice_indexes_count_from_zero(exchange: Exchange) -> Iterator[Finding]:
    """The choices' indexes are 0, 1, 2, ... in order, each once.

    Clients look a choice up by its index, and stream readers gather by it.

    Fix: number the choices again when answers of several upstream calls are joined.
    """
    indexes = [index for _, index in some(exchange, "/choices/*/index", int)]
    if indexes != list(range(len(indexes))):
        yield Finding("/choices", f"indexes {indexes}")


@must(CHAT_OBJECT, on=BOTH, needs=CONTENT)
def answer_is_not_empty(exchange: Exchange) -> Iterator[Finding]:
    """A choice that ended by itself says something: text, a refusal, a tool call, audio or reasoning.

    An empty message with finish_reason stop is how a lost upstream answer looks; the client shows a blank. Only after
    a tool's result, or where the first word may have been a stop sequence, may a model have nothing to say.

    Fix: treat an empty upstream answer as an error, and retry or report it.
    """
    if answers_results(exchange) or speaks_in_parts(exchange):
        raise Absent("the model may have nothing to say, or the schema tells")
    every = exchange.find("/choices/*", dict)
    ended = [(at, choice) for at, choice in every if choice.get("finish_reason") not in (*CUT, None)]
    for at, choice in judged(ended, "no choice ended by itself"):
        message = get(choice, "/message", dict)
        if choice["finish_reason"] != "tool_calls" and message is not None and not any(map(message.get, SPOKEN)):
            if _may_stop_at_once(exchange):
                raise Absent("a stop string may have been the first thing that was said")
            yield Finding(f"{at}/message", f"empty, with finish_reason {shown(choice['finish_reason'])}")


def _may_stop_at_once(exchange: Exchange) -> bool:
    """True where a stop string may have been the first thing that was said: no more tokens are counted than it has."""
    longest = max((len(each.encode(errors="replace")) for each in stops(exchange)), default=0)
    told = exchange.get("/usage/completion_tokens", int, 0)
    thought = exchange.get("/usage/completion_tokens_details/reasoning_tokens", int, 0)
    return bool(longest) and told - thought <= longest + AROUND_A_STOP


@must(CHAT_OBJECT, on=BOTH)
def calling_tools_ends_with_tool_calls(exchange: Exchange) -> Iterator[Finding]:
    """A choice that calls tools ends with finish_reason `tool_calls`.

    Agent loops run tools only on this word; with `stop` they take the half-finished turn as the answer. Where the
    request forces one named function, and where the token limit or a filter cut the call, other words are right.

    Fix: map the upstream's tool_use to tool_calls, in streams too.
    """
    allowed = {"tool_calls", *CUT}
    if isinstance(exchange.asked("/tool_choice"), dict) or exchange.asked("/tool_choice") == "required":
        allowed.add("stop")
    some(exchange, "/choices/*/message/tool_calls/*", dict)
    for at, choice in exchange.find("/choices/*", dict):
        reason, made = choice.get("finish_reason"), get(choice, "/message/tool_calls", list)
        if made and isinstance(reason, str) and reason not in allowed:
            yield Finding(f"{at}/finish_reason", f"{shown(reason)} with {len(made)} tool calls")


@must(CHAT_OBJECT, on=BOTH)
def tool_calls_is_no_empty_promise(exchange: Exchange) -> Iterator[Finding]:
    """finish_reason `tool_calls` comes with at least one tool call.

    An agent that reads it looks for a call, finds none, and crashes or loops.

    Fix: send stop when no call was made; do not drop calls while converting.
    """
    for at, choice in ended_by(exchange, "tool_calls"):
        if not get(choice, "/message/tool_calls"):
            yield Finding(f"{at}/finish_reason", "tool_calls, but message.tool_calls is missing or empty")


@must(CHAT_OBJECT, on=BOTH)
def function_call_goes_with_its_reason(exchange: Exchange) -> Iterator[Finding]:
    """The legacy message.function_call comes with finish_reason `function_call`, and that with it.

    Old clients branch on it as new ones do on tool_calls. Where the request forces one function, `stop` is right.

    Fix: keep the legacy form whole, or refuse `functions`.
    """
    pairs = [
        (at, choice.get("finish_reason"), get(choice, "/message/function_call"))
        for at, choice in exchange.find("/choices/*", dict)
    ]
    allowed = {"function_call", *CUT} | ({"stop"} if exchange.asked("/function_call", dict) else set())
    old = [pair for pair in pairs if pair[1] == "function_call" or pair[2]]
    for at, reason, call in judged(old, "no legacy call"):
        if not call:
            yield Finding(f"{at}/finish_reason", "function_call, but message.function_call is missing")
        elif isinstance(reason, str) and reason not in allowed:
            yield Finding(f"{at}/finish_reason", f"{shown(reason)} with a message.function_call")


@must(CHAT_OBJECT, on=BOTH)
def tool_call_ids_are_unique(exchange: Exchange) -> Iterator[Finding]:
    """Every tool call of a choice has an id of its own, and it is not empty.

    The client sends the result back under this id; two calls of one id can't be answered. Two choices may share one:
    the official server has been recorded to do so with n = 2.

    Fix: make ids where the upstream has none, one per call.
    """
    seen: set[str] = set()
    for at, name in some(exchange, "/choices/*/message/tool_calls/*/id", str):
        mine = f"{at.split('/')[2]} {name}"
        if not name:
            yield Finding(at, '"": no id')
        elif mine in seen:
            yield Finding(at, f"{shown(name)} is the id of two calls")
        seen.add(mine)


@must(CHAT_OBJECT, on=BOTH, when=lambda exchange: bool(offered(exchange)))
def called_function_was_offered(exchange: Exchange) -> Iterator[Finding]:
    """A called function is one that the request offered.

    Names that a relay joined, prefixed or shortened can't be found by the client. A model may invent a name; a good
    server's decoding does not let it.

    Fix: pass names on unchanged; undo a prefix that was added for the upstream.
    """
    for at, name in some(exchange, "/choices/*/message/tool_calls/*/function/name", str):
        if name not in offered(exchange):
            yield Finding(at, f"{shown(name)} was not offered; offered: {', '.join(sorted(offered(exchange)))}")


@must(CHAT_OBJECT, on=BOTH, needs=CONTENT)
def tool_arguments_are_a_json_object(exchange: Exchange) -> Iterator[Finding]:
    """`function.arguments` is a text that parses as a JSON object, unless the token limit cut it.

    Every client parses it at once. Fragments joined wrongly (`{}{"city":...}`) or twice fail here.

    Fix: start a streamed call with empty arguments, and append each fragment once.
    """
    every = [(at, call, exchange.one("/".join(at.split("/")[:3]), dict)) for at, call in calls(exchange)]
    ended = [(at, call) for at, call, choice in every if choice.get("finish_reason") not in (*CUT, None)]
    texts = [(at, arguments_of(call, exchange)) for at, call in ended]
    for at, text in judged([pair for pair in texts if pair[1] is not None], "no arguments, or cut ones"):
        if not isinstance(parsed(text), dict):
            yield Finding(f"{at}/function/arguments", f"{shown(text)} is no JSON object")


def arguments_of(call: dict[str, Any], exchange: Exchange) -> str | None:
    """The arguments' text; "" for a streamed call without a fragment of them; None when a schema speaks."""
    function = get(call, "/function", dict, {})
    missing = "" if exchange.surface == CHAT_STREAM and "arguments" not in function else None
    text: str | None = get(function, "/arguments", str, missing)
    return text


@must(OBSERVED, on=BOTH, needs=CONTENT)
def arguments_stay_out_of_the_content(exchange: Exchange) -> Iterator[Finding]:
    """The content beside a tool call is not made of the call's arguments.

    A converter that writes the arguments into the text as well shows the user "Paris", or raw JSON, as an answer.

    Fix: write each piece of an upstream answer to one place.
    """
    for at, choice in some(exchange, "/choices/*", dict):
        texts = [text for _, text in find(choice, "/message/tool_calls/*/function/arguments", str)]
        said = str(get(choice, "/message/content", str, "")).strip()
        if not texts:
            raise Absent("no tool call")
        words = [_words(parsed(text)) for text in texts]
        if said and said in ("".join(texts).strip(), "".join(words), " ".join(words), *texts, *words):
            yield Finding(f"{at}/message/content", f"{shown(said)} stands in the arguments {shown(texts[0])} too")


def _words(arguments: Any) -> str:
    return "".join(str(value) for value in arguments.values()) if isinstance(arguments, dict) else ""


@must(CHAT_REQUEST, on=BOTH, when=lambda exchange: any(each.get("strict") for each in offered(exchange).values()))
def strict_arguments_fit_their_schema(exchange: Exchange) -> Iterator[Finding]:
    """With `strict: true`, the arguments are valid under the function's parameters.

    Strict is a promise of the decoder, not of the model: the client left out its own checks because of it.

    Fix: pass `strict` on; refuse it where the upstream can't keep it.
    """
    yield from _misfits(exchange, strict=True)


@should(CHAT_REQUEST, on=BOTH, when=lambda exchange: bool(offered(exchange)))
def arguments_fit_their_schema(exchange: Exchange) -> Iterator[Finding]:
    """Arguments are valid under the function's parameters.

    Without `strict` a weak model may miss; often it is the relay that dropped the schema on the way.

    Fix: compare the tools that reached the upstream with those that were sent.
    """
    yield from _misfits(exchange, strict=False)


def _misfits(exchange: Exchange, *, strict: bool) -> Iterator[Finding]:
    every = [
        (at, offered(exchange).get(str(get(call, "/function/name"))), parsed(get(call, "/function/arguments", str, "")))
        for at, call in calls(exchange)
    ]
    fit = [
        (at, function.get("parameters", {}), arguments)
        for at, function, arguments in every
        if function is not None and bool(function.get("strict")) is strict and isinstance(arguments, dict)
    ]
    for at, parameters, arguments in judged(fit, "no such call"):
        for mismatch in schema.mismatches_of(parameters, arguments):
            yield Finding(f"{at}/function/arguments", f"{mismatch.where or '/'}: {mismatch.what}")


@must(CHAT_REQUEST, on=BOTH, when=lambda exchange: exchange.asked("/tool_choice") == "none")
def tool_choice_none_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """`tool_choice: "none"` gets no tool call.

    The client has no loop for calls at this turn, and breaks on one.

    Fix: pass tool_choice on; where the upstream knows no none, leave the tools out.
    """
    some(exchange, "/choices/*", dict)
    for at, call in exchange.find("/choices/*/message/tool_calls/*", dict):
        yield Finding(at, f"{shown(get(call, '/function/name'))} was called")


@must(CHAT_REQUEST, on=BOTH, when=lambda exchange: forced(exchange))
def forced_tool_is_called(exchange: Exchange) -> Iterator[Finding]:
    """`tool_choice: "required"`, or one that names a function, gets a tool call in every choice.

    The decoder forces it, so it does not depend on the model. A text instead means that the field was dropped; an
    answer that the token limit or a filter cut before anything was said tells nothing.

    Fix: pass tool_choice on, or refuse it where the upstream can't force a call.
    """
    for at, choice in some(exchange, "/choices/*", dict):
        message = get(choice, "/message", dict, {})
        silent = choice.get("finish_reason") in ("length", "content_filter") and not message.get("content")
        if not message.get("tool_calls") and not message.get("refusal") and not silent:
            yield Finding(f"{at}/message", f"no tool call, but {shown(message.get('content'))}")


@must(
    CHAT_REQUEST, on=BOTH, when=lambda exchange: exchange.asked("/tool_choice/function/name", str) in offered(exchange)
)
def named_tool_is_the_one_called(exchange: Exchange) -> Iterator[Finding]:
    """A `tool_choice` that names a function gets calls of that function only.

    The client reads the arguments as that function's.

    Fix: pass the whole tool_choice object on.
    """
    wanted = exchange.asked("/tool_choice/function/name", str)
    for at, name in some(exchange, "/choices/*/message/tool_calls/*/function/name", str):
        if name != wanted:
            yield Finding(at, f"{shown(name)} instead of {shown(wanted)}")


@must(CHAT_REQUEST, on=BOTH, when=lambda exchange: exchange.asked("/parallel_tool_calls") is False)
def parallel_calls_can_be_switched_off(exchange: Exchange) -> Iterator[Finding]:
    """`parallel_tool_calls: false` gets at most one tool call.

    The client runs calls one after another, and sees only the first.

    Fix: pass the field on; for Claude it is tool_choice.disable_parallel_tool_use.
    """
    for at, made in some(exchange, "/choices/*/message/tool_calls", list):
        if len(made) > 1:
            yield Finding(at, f"{len(made)} calls")


@must(CHAT_OBJECT, on=BOTH, when=lambda exchange: not exchange.asked("/tools", list))
def no_call_without_tools(exchange: Exchange) -> Iterator[Finding]:
    """A request without tools gets no tool call.

    The client has nothing to run. Such calls are made of text that happens to look like one, or come from a cache; a
    request in the old form, with `functions`, is to be answered in the old form.

    Fix: do not parse calls out of text when no tool was offered; answer `functions` with a function_call.
    """
    some(exchange, "/choices/*", dict)
    for at, call in exchange.find("/choices/*/message/tool_calls/*", dict):
        yield Finding(at, f"{shown(get(call, '/function/name'))} was called, but no tool was offered")


@must(
    CHAT_REQUEST, on=BOTH, when=lambda exchange: exchange.asked("/response_format/type") == "json_schema", needs=CONTENT
)
def json_schema_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """With `response_format: json_schema`, content that ended with `stop` is JSON valid under that schema.

    The client parses it at once. Prose around it, a Markdown fence, or keys of the model's own mean that the relay
    dropped the field and answered 200 all the same. The official server has been recorded to write a valid document
    twice; that is the model's doing, and let pass.

    Fix: pass response_format on; refuse it where the upstream can't keep it. `strict: true` is a decoder's promise.
    """
    wanted = exchange.asked("/response_format/json_schema/schema", dict, {})
    for at, text in finished_texts(exchange):
        found = values(text)
        if not found:
            not_cut(stops(exchange), text)
            yield Finding(at, f"no JSON: {shown(text)}")
        if all(schema.fits(wanted, value) for value in found):
            continue
        for mismatch in schema.mismatches_of(wanted, found[0] if not schema.fits(wanted, found[0]) else found[-1]):
            yield Finding(at, f"{mismatch.where or '/'}: {mismatch.what}")


@must(
    CHAT_REQUEST,
    on=BOTH,
    when=lambda exchange: exchange.asked("/response_format/type") in ("json_schema", "json_object"),
    needs=CONTENT,
)
def cut_json_begins_as_json(exchange: Exchange) -> Iterator[Finding]:
    """Where JSON was asked for, content that the token limit cut begins as JSON.

    A decoder that is held to JSON writes nothing else from the first token on. Prose, or a Markdown fence, shows that
    response_format was dropped, though the answer never came to its end.

    Fix: pass response_format on; refuse it where the upstream can't keep it.
    """
    shape = exchange.asked("/response_format/json_schema/schema/type")
    if exchange.asked("/response_format/type") == "json_schema" and shape not in ("object", "array"):
        raise Absent("a bare word may be JSON, too")
    texts = [(at, get(choice, "/message/content", str, "").lstrip()) for at, choice in ended_by(exchange, "length")]
    for at, text in judged([(at, text) for at, text in texts if text], "nothing was said"):
        if not text.startswith(("{", "[")):
            yield Finding(f"{at}/message/content", f"not the beginning of JSON: {shown(text)}")


def not_cut(stops: list[str], text: str) -> None:
    """Raises Absent for the beginning of JSON in answer to a request with stop strings: one may have ended it."""
    if stops and text.lstrip().startswith(("{", "[")) and not values(text):
        raise Absent("a stop string may have ended it")


def finished_texts(exchange: Exchange) -> list[tuple[str, str]]:
    """The texts of the choices that ended with `stop` and called no tool. Raises Absent when there is none."""
    texts = [
        (f"{at}/message/content", get(choice, "/message/content", str))
        for at, choice in ended_by(exchange, "stop")
        if not get(choice, "/message/tool_calls")
    ]
    return judged([(at, text) for at, text in texts if text], "no text that ended by itself")


@must(
    CHAT_REQUEST, on=BOTH, when=lambda exchange: exchange.asked("/response_format/type") == "json_object", needs=CONTENT
)
def json_object_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """With `response_format: json_object`, content that ended with `stop` is a JSON object.

    The client parses it at once.

    Fix: pass response_format on, or refuse it.
    """
    for at, text in finished_texts(exchange):
        if not isinstance(parsed(text), dict):
            not_cut(stops(exchange), text)
            yield Finding(at, f"no JSON object: {shown(text)}")


@must(CHAT_REQUEST, on=TEXTS)
def token_limit_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """No choice has more completion tokens than `max_tokens` or `max_completion_tokens` allows.

    The limit is how a buyer bounds the price of a request. One token more is let pass: some servers count the end.
    `max_tokens` bounds the text alone, `max_completion_tokens` the reasoning as well.

    Fix: pass the limit on under the name that the upstream's model knows.
    """
    choices = max(len(exchange.one("/choices", list)), 1)
    used, limit = exchange.one("/usage/completion_tokens", int), token_limit(exchange)
    if not exchange.asked("/max_completion_tokens", int):
        used -= hidden(exchange)
    if used > (limit + 1) * choices:
        yield Finding(
            "/usage/completion_tokens", f"{used}, but the limit is {limit}" + (f" x {choices}" * (choices > 1))
        )


@must(
    CHAT_OBJECT,
    on=BOTH,
    when=lambda exchange: exchange.get("/usage/completion_tokens_details/reasoning_tokens", int, 0) == 0,
)
def cut_answer_says_length(exchange: Exchange) -> Iterator[Finding]:
    """A single answer that used up its token limit ends with finish_reason `length`.

    With `stop` the client takes half an answer for a whole one. An answer may end of itself on the last token that
    was allowed, so only a text that stops in the middle of a word or sentence counts.

    Fix: pass the upstream's finish_reason on.
    """
    limit, choices = token_limit(exchange), some(exchange, "/choices/*", dict)
    used = exchange.one("/usage/completion_tokens", int)
    if len(choices) != 1 or used < limit or limit < 2:
        raise Absent("the limit was not reached by one answer alone")
    ((at, choice),) = choices
    if choice.get("finish_reason") == "length":
        return
    text = get(choice, "/message/content", str, "")
    if choice.get("finish_reason") != "stop" or get(choice, "/message/tool_calls") or not breaks_off(text):
        raise Absent("it may have ended by itself")
    yield Finding(f"{at}/finish_reason", f'"stop" after {used} of {limit} tokens, at {shown(text[-40:])}')


@must(CHAT_REQUEST, on=BOTH, needs=CONTENT, when=lambda exchange: bool(exchange.expect.get("counts_to")))
def no_limit_is_added(exchange: Exchange) -> Iterator[Finding]:
    """An answer to a request without a token limit is not cut at a limit of the relay's own.

    The client sees half a document and finish_reason `stop`, and has no way to ask for the rest. Some relays add
    max_tokens 1024 to every request that has none. A model may grow tired of a long count: only one that breaks off
    with finish_reason `length`, or at a round number of tokens, was cut.

    Fix: leave max_tokens out where the client does, or pass on the largest that the model takes.
    """
    at, choice = some(exchange, "/choices/*", dict)[0]
    words, wanted = get(choice, "/message/content", str, "").split(), int(exchange.expect["counts_to"])
    if words and re.match(rf"{wanted}(?!\d)", words[-1]):
        return
    if any(word != str(number) for number, word in enumerate(words[:-1], 1)):
        raise Untested(f"the model did not count as it was asked to: {shown(' '.join(words)[:60])}")
    used, reason = exchange.one("/usage/completion_tokens", int), choice.get("finish_reason")
    if reason != "length" and used % 50 and used & (used - 1):
        raise Untested(f"the model stopped at {shown(words[-1:])}, after {used} tokens")
    yield Finding(
        f"{at}/message/content", f"the count to {wanted} breaks off after {used} tokens, with {shown(reason)}"
    )


@should(CHAT_OBJECT, on=BOTH, needs=CONTENT)
def length_means_the_limit_was_used(exchange: Exchange) -> Iterator[Finding]:
    """finish_reason `length` comes with about as many completion tokens as the request allowed.

    The client asks for the rest of an answer that is whole; or the relay has set a lower limit of its own and hides it.

    Fix: pass finish_reason on, and do not lower a limit without a word.
    """
    limit, ended = token_limit(exchange), ended_by(exchange, "length")
    used = exchange.one("/usage/completion_tokens", int)
    if limit < 4 or len(exchange.one("/choices", list)) != 1:
        raise Absent("nothing to compare")
    if 0 < used < limit * 0.75:
        yield Finding(f"{ended[0][0]}/finish_reason", f'"length" after {used} of {limit} tokens')


@must(CHAT_REQUEST, on=BOTH, when=lambda exchange: bool(stops(exchange)), needs=CONTENT)
def stop_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """No stop sequence stands in the content.

    Clients cut protocols out of text by stop sequences; text behind one is text they never meant to read, or to pay.

    Fix: pass stop on, all of it, as a string or a list.
    """
    for at, text in some(exchange, "/choices/*/message/content", str):
        for stop in stops(exchange):
            if stop in text:
                yield Finding(at, f"{shown(stop)} stands in {shown(text[:80])}")


@must(CHAT_OBJECT, on=TEXTS, needs=CLOCK)
def created_is_now(exchange: Exchange) -> Iterator[Finding]:
    """`created` is the time of the answer in Unix seconds, within five minutes.

    A time that is far off comes from a cached or a made-up answer, or from a clock that shows the local time.
    Milliseconds are told by the schema. Where our clock and the response's Date differ, either will do.

    Fix: pass `created` on, or set it to the current time in seconds of UTC.
    """
    created, now = exchange.one("/created", int), exchange.expect.get("now")
    if now is None or not 0 < created < MILLISECONDS:
        raise Absent("the time of the exchange is not known, or another rule tells")
    clocks = [now, *_date(exchange)]
    off = min(abs(created - clock) for clock in clocks) - exchange.answered.seconds
    if off > CLOCK_SECONDS:
        yield Finding("/created", f"{created} is {datetime.timedelta(seconds=int(off))} from now")


def _date(exchange: Exchange) -> list[float]:
    """The time in the response's Date header, when there is one."""
    try:
        return [parsedate_to_datetime(exchange.answered.header("date")).timestamp()]
    except (ValueError, OverflowError):
        return []


@must(CHAT_OBJECT, on=TEXTS, relay=SHOULD, needs=IDS)
def created_is_given(exchange: Exchange) -> Iterator[Finding]:
    """`created` is not 0.

    Logs and caches are ordered by it.

    Fix: set it to the current time where the upstream has none.
    """
    if exchange.one("/created", float) == 0:
        yield Finding("/created", "0")


@must(CHAT_OBJECT, on=TEXTS, when=lambda exchange: names_its_model(exchange))
def model_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """`model` names the model that was asked for: itself, a dated snapshot, or another name of the same family.

    Another family means another model answered. That is for the relay to explain; nothing more is said here.

    Fix: route to the model that was asked for, and name in the answer what really answered.
    """
    answered = exchange.one("/model", str)
    if not answered:
        raise Absent("told by the schema")
    if not related(exchange.model, answered):
        yield Finding("/model", f"{shown(answered)} answered, {shown(exchange.model)} was asked for")


@should(CHAT_OBJECT, on=TEXTS, when=lambda exchange: names_its_model(exchange) and not is_gizmo(exchange.model))
def model_is_named_plainly(exchange: Exchange) -> Iterator[Finding]:
    """`model` is the name that was asked for, or a snapshot of it, without a channel's prefix.

    Clients look prices and limits up by this name. GPTs are judged by gizmo_answers_under_its_name.

    Fix: take the provider's prefix off.
    """
    answered, asked = exchange.one("/model", str), exchange.model
    if not answered or not related(asked, answered):
        raise Absent("told by the schema, or by model_is_the_one_asked_for")
    if not same_model(asked, answered):
        yield Finding("/model", f"{shown(answered)} for {shown(asked)}")


@must(CHAT_OBJECT, on=TEXTS, needs=IDS)
def id_is_given(exchange: Exchange) -> Iterator[Finding]:
    """`id` is not empty.

    It is what a user quotes in a complaint, and what logs are joined by.

    Fix: make an id where the upstream has none.
    """
    some(exchange, "/choices/*", dict)
    if exchange.one("/id", str) == "":
        yield Finding("/id", "empty")


@must(CHAT_REQUEST, on=BOTH, relay=SHOULD, when=lambda exchange: exchange.asked("/logprobs") is True)
def logprobs_are_delivered(exchange: Exchange) -> Iterator[Finding]:
    """`logprobs: true` gets log probabilities for a text, with at most `top_logprobs` alternatives a token.

    Evaluation code reads them without asking; null with status 200 is a field that was dropped, as relays are known to
    do that rebuild the answer of another vendor.

    Fix: pass logprobs and top_logprobs on, and the answer's logprobs back; refuse what the upstream does not have.
    """
    most = exchange.asked("/top_logprobs", int, 0)
    every = some(exchange, "/choices/*", dict)
    for at, choice in judged([each for each in every if get(each[1], "/message/content", str)], "no text"):
        entries = get(choice, "/logprobs/content", list)
        if not entries:
            yield Finding(f"{at}/logprobs", f"{shown(choice.get('logprobs'))} instead of an object with content")
        for number, entry in enumerate(entries or ()):
            if len(get(entry, "/top_logprobs", list, [])) > most:
                yield Finding(f"{at}/logprobs/content/{number}", f"more than {most} alternatives")
        if most and entries and not any(get(entry, "/top_logprobs", list) for entry in entries):
            yield Finding(f"{at}/logprobs/content", f"no alternatives, {most} were asked for")


@must(CHAT_OBJECT, on=BOTH)
def logprobs_are_logarithms(exchange: Exchange) -> Iterator[Finding]:
    """Every logprob is at most 0.

    A probability above 1 is none; it comes from a server that sends percentages, or adds where it should not.

    Fix: pass the upstream's numbers on.
    """
    for at, value in some(exchange, "/choices/*/logprobs/content/*/logprob", float):
        if value > 1e-6:
            yield Finding(at, f"{value}")


@must(CHAT_OBJECT, on=BOTH, needs=CONTENT)
def logprobs_are_of_this_text(exchange: Exchange) -> Iterator[Finding]:
    """The tokens of the log probabilities, joined by their bytes, are the content.

    Code that marks doubtful words in the text goes by them; entries that are missing shift every mark behind them.

    Fix: pass all entries on, in streams with the chunk that they belong to.
    """
    every = [(at, get(choice, "/message/content", str), choice) for at, choice in exchange.find("/choices/*", dict)]
    for at, text, choice in judged([each for each in every if get(each[2], "/logprobs/content")], "no logprobs"):
        entries = [entry.get("bytes") for _, entry in find(choice, "/logprobs/content/*", dict)]
        if not text or not all(_is_bytes(entry) for entry in entries):
            raise Absent("not to be joined")
        joined = b"".join(map(bytes, entries)).decode(errors="replace")
        if joined != text:
            yield Finding(f"{at}/logprobs/content", f"{shown(joined[:60])} instead of {shown(text[:60])}")


def _is_bytes(value: Any) -> bool:
    return isinstance(value, list) and all(is_a(each, int) and 0 <= each < 256 for each in value)


@must(CHAT_REQUEST, on=BOTH, when=lambda exchange: not exchange.asked("/logprobs"))
def logprobs_come_only_when_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """Without `logprobs: true`, logprobs is null or absent.

    They can make an answer twenty times as large.

    Fix: do not ask the upstream for what the client did not ask for.
    """
    some(exchange, "/choices/*", dict)
    for at, entries in exchange.find("/choices/*/logprobs/content", list):
        if entries:
            yield Finding(at, f"{len(entries)} entries that nobody asked for")


@should(CHAT_OBJECT, on=BOTH, relay=MAY)
def refusal_stands_alone(exchange: Exchange) -> Iterator[Finding]:
    """A refusal comes without content and without tool calls.

    Clients show one or the other.

    Fix: leave content null where refusal is set.
    """
    every = exchange.find("/choices/*/message", dict)
    for at, message in judged([(at, message) for at, message in every if message.get("refusal")], "no refusal"):
        if message.get("content") or message.get("tool_calls"):
            yield Finding(at, "refusal beside content or tool calls")


@must(CHAT_OBJECT, on=BOTH, needs=CONTENT)
def annotations_point_into_the_content(exchange: Exchange) -> Iterator[Finding]:
    """A citation's start_index and end_index stand in the content, in this order.

    Clients put the link over these characters; an index beyond the text raises, or links the wrong words.

    Fix: count in characters of the content that is sent, and again when it is changed.
    """
    for at, message in some(exchange, "/choices/*/message", dict):
        size = len(str(message.get("content") or ""))
        for inner, cited in judged(list(find(message, "/annotations/*/url_citation", dict)), "no citations"):
            start, end = (get(cited, f"/{key}_index", int) for key in ("start", "end"))
            if start is not None and end is not None and not start <= end <= size:
                yield Finding(f"{at}{inner}", f"{start} to {end} in a text of {size} characters")


@should(CHAT_OBJECT, on=BOTH, relay=MAY, when=lambda exchange: exchange.asked("/store") is not True)
def metadata_comes_only_when_stored(exchange: Exchange) -> Iterator[Finding]:
    """`metadata` stands in the answer only where the request said `store: true`.

    It is the label of a stored answer; one on an answer that was not stored is somebody else's.

    Fix: pass on what the upstream sends, and add none.
    """
    some(exchange, "/choices/*", dict)
    if exchange.get("/metadata"):
        yield Finding("/metadata", shown(exchange.get("/metadata")))


@should(OBSERVED, on=BOTH, needs=CONTENT)
def thinking_is_not_said_twice(exchange: Exchange) -> Iterator[Finding]:
    """Content holds no <think> tags when the reasoning has a field of its own.

    The user reads the model's notes as its answer.

    Fix: convert thinking at one place only.
    """
    every = exchange.find("/choices/*/message", dict)
    thought = [(at, each) for at, each in every if each.get("reasoning_content") or each.get("reasoning")]
    for at, message in judged(thought, "no reasoning"):
        if re.search(r"</?think(ing)?>", str(message.get("content"))):
            yield Finding(f"{at}/content", "<think> tags beside a field for the reasoning")


@should(OBSERVED, on=TEXTS, needs=CONTENT)
def control_tokens_stay_inside(exchange: Exchange) -> Iterator[Finding]:
    """No text that ended by itself ends with a control token of the model, such as `<|im_end|>`.

    It says to the server that the turn is over; the user sees garbage, and the next turn carries it back. A base model
    may write such a token in the middle of its text, and be cut there.

    Fix: use the chat template that belongs to the model, and skip special tokens when text is made of them.
    """
    ended = ended_by(exchange, "stop")
    texts = [(f"{at}{path}", get(choice, path, str)) for at, choice in ended for path in ("/message/content", "/text")]
    for at, text in judged([each for each in texts if each[1]], "no text"):
        found = CONTROL_TOKEN.search(text)
        if found and found[0].strip() not in exchange.request.body.decode(errors="replace"):
            yield Finding(at, f"ends with {shown(found[0].strip())}")


@must(OBSERVED, on=BOTH, when=lambda exchange: exchange.expect.get("answer") is True)
def rejection_is_no_answer(exchange: Exchange) -> Iterator[Finding]:
    """A relay that can't answer says so with a status, never as the assistant's own words.

    The client stores the excuse as the model's answer, and pays for it.

    Fix: answer 429 or 503 with an error object.
    """
    for at, text in some(exchange, "/choices/*/message/content", str):
        if re.match(
            r"\s*\[?(rejected|error|rate.?limit\w*|upstream error|no capacity|quota)\]?\b[\s:\]]", text, re.IGNORECASE
        ):
            yield Finding(at, shown(text))


@must(CHAT_OBJECT, on=TEXTS, needs=IDS, across=together)
def ids_of_two_answers_differ(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Two answers never share an id, also when the requests were the same.

    A shared id is a cached answer, sold twice; and logs that are joined by id mix the two up. Of traffic that others
    recorded only equal requests are compared: people put one answer under several requests when they edit a recording.

    Fix: give every answer an id, a cached one too.
    """
    seen: dict[tuple[str, bytes], str] = {}
    named = [(each, _id(each)) for each in exchanges]
    for each, name in judged([pair for pair in named if pair[1]], "told by id_is_given"):
        key = (name, b"" if each.probe else each.request.body)
        if key in seen:
            yield Finding("/id", f"{shown(name)} in exchanges {seen[key]} and {each.id}")
        seen[key] = each.id


def _id(exchange: Exchange) -> str:
    """The answer's id; "" where none can be read."""
    try:
        return str(exchange.one("/id", str))
    except Absent:
        return ""


@should(COMPLETION_USAGE, on=TEXTS, across=repeats)
def same_prompt_has_same_tokens(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """The same request has the same prompt_tokens each time.

    The prompt did not change; a count that does is a guess, or includes something that the relay put in.

    Fix: pass the upstream's count on.
    """
    first, second = prompt_counts(exchanges)
    if min(first, second) * 2 <= max(first, second):
        raise Absent("told by prompt_is_counted_whole_each_time")
    if first != second:
        yield Finding("/usage/prompt_tokens", f"{first}, then {second}, for the same request")


@must(COMPLETION_USAGE, on=TEXTS, across=repeats)
def prompt_is_counted_whole_each_time(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """The same request never loses half of its prompt_tokens from one time to the next.

    What an upstream read from its cache is still part of the prompt. A relay that converts Claude's usage and leaves
    the cached part out reports a prompt that shrinks, and hides what was saved.

    Fix: prompt_tokens is input plus cache read plus cache written; name the cached part in prompt_tokens_details.
    """
    first, second = prompt_counts(exchanges)
    if min(first, second) * 2 <= max(first, second):
        yield Finding("/usage/prompt_tokens", f"{first}, then {second}, for the same request")


@must(COMPLETION_USAGE, on=TEXTS, across=streamed_and_not)
def streamed_prompt_has_same_tokens(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """A streamed request has the same prompt_tokens as the same request without a stream.

    Nothing but the way back differs. A relay that estimates streams bills two prices for one thing.

    Fix: ask the upstream for stream_options.include_usage, and pass its numbers on.
    """
    whole, streamed = prompt_counts(exchanges)
    if whole != streamed:
        yield Finding("/usage/prompt_tokens", f"{streamed} streamed, {whole} not streamed")


@must(OBSERVED, on=BOTH, across=streamed_and_not, needs=CONTENT)
def streamed_text_loses_nothing(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """A line that the model repeats word for word arrives in a stream as it does without one.

    Relays that compare a chunk with the one before drop every second of two equal ones: "1833" becomes "183". Others
    send each chunk twice, or the whole text again at the end. Models may differ between two calls, so only a loss or a
    doubling counts; any other difference is no measurement.

    Fix: pass each chunk on once, whatever the one before it was.
    """
    line = exchanges[0].expect.get("echo")
    if not line:
        raise Absent("no line to repeat")
    whole, streamed = (str(each.one("/choices/0/message/content", str)).strip() for each in exchanges)
    if whole and whole == streamed:
        return
    if line not in whole:
        raise Absent("told by repeated_line_is_undamaged")
    if whole.count(line) == streamed.count(line) and abs(len(whole) - len(streamed)) < len(line) // 2:
        return
    if not (is_part_of(streamed, whole) or is_part_of(whole, streamed) or is_garbled(streamed, whole)):
        raise Untested(f"the model said another thing the second time: {shown(streamed[:60])}")
    yield Finding("/choices/0/message/content", f"streamed {shown(streamed)}, not streamed {shown(whole)}")


@must(OBSERVED, on=CHAT, needs=CONTENT, when=lambda exchange: bool(exchange.expect.get("echo")))
def repeated_line_is_undamaged(exchange: Exchange) -> Iterator[Finding]:
    """A line that the model was asked to repeat has not lost its accents, Chinese characters and emoji on the way.

    The known accidents each leave a mark that no model would write by itself: UTF-8 read as Latin-1, question marks
    for what is not ASCII, nothing in its place, or the escapes of a JSON text that was written twice. An emoji alone a
    small model leaves out by itself (gemma-3-270m on llama-server). Streams are held against this answer by
    streamed_text_loses_nothing.

    Fix: decode and encode as UTF-8 everywhere, and serialise once.
    """
    line = str(exchange.expect["echo"])
    text = _spaced(exchange.one("/choices/0/message/content", str))
    if _spaced(line) in text:
        return
    kind = damage(line, text)
    if not kind:
        raise Untested(f"the model did not repeat the line: {shown(text[:60])}")
    yield Finding("/choices/0/message/content", f"{kind}: {shown(text[:80])}")


def damage(line: str, text: str) -> str:
    """What happened to a line on its way into a text; "" when the text holds no damaged form of it."""
    found = _spaced(text)
    return next((kind for kind, damaged in _damages(line) if damaged != line and _spaced(damaged) in found), "")


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _damages(line: str) -> Iterator[tuple[str, str]]:
    """(what happened, what is left) for every way in which a line is known to be damaged."""
    for kind in ("latin-1", "cp1252"):
        yield f"UTF-8 read as {kind}", line.encode().decode(kind, errors="replace")
    yield "question marks for characters", line.encode("ascii", "replace").decode()
    yield "question marks for bytes", re.sub(r"[^\x00-\x7f]", lambda found: "?" * len(found[0].encode()), line)
    yield "question marks for emoji", re.sub(r"[\U00010000-\U0010ffff]", "?", line)
    yield "all but ASCII is gone", line.encode("ascii", "ignore").decode()
    yield "escaped twice", json.dumps(line)[1:-1]
    yield "written as HTML", line.encode("ascii", "xmlcharrefreplace").decode()


def parsed(text: str) -> Any:
    """The JSON value of a text; None when it is none."""
    try:
        return parse(text)
    except ValueError:
        return None


def values(text: str) -> list[Any]:
    """The JSON values of a text that is nothing but JSON values, one after another; else none."""
    decoder, found, at, text = json.JSONDecoder(), [], 0, text.strip()
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        found.append(value)
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
    return found


def answers_results(exchange: Exchange) -> bool:
    """True when the conversation ends with a tool's result or with the model's own words."""
    last = get(exchange.request.json, "/messages", list, [])[-1:]
    return get(last, "/0/role") in ("tool", "function", "assistant")


def speaks_in_parts(exchange: Exchange) -> bool:
    """True for a stream whose content comes in lists of parts, where text belongs."""
    return exchange.surface == CHAT_STREAM and any(
        get(event.body, "/choices/0/delta/content", list) for event in exchange.events
    )


def stops(exchange: Exchange) -> list[str]:
    """The request's stop sequences."""
    stop = exchange.asked("/stop")
    return [each for each in (stop if isinstance(stop, list) else [stop]) if isinstance(each, str) and each]


def forced(exchange: Exchange) -> bool:
    """True when the request forces a call of a tool that it offers."""
    required = exchange.asked("/tool_choice") == "required" and bool(exchange.asked("/tools", list))
    return required or exchange.asked("/tool_choice/function/name", str) in offered(exchange)


def breaks_off(text: str) -> bool:
    """True when a text ends in the middle of a word or sentence, as far as one can tell from its last character."""
    return bool(re.search(r"[\w,、，:：;；(（\"'\-]$", text)) and len(text) > 20


def names_its_model(exchange: Exchange) -> bool:
    """True when the request's body decides on the model: on Azure a deployment in the path does."""
    return bool(exchange.model) and not is_azure(exchange.request.url)


MOVED = (
    (r"gpt-4-(turbo|vision)-preview", r"gpt-4-\d{4}-(vision-)?preview"),
    (r"(babbage|davinci)-002", r"(babbage|davinci):\d{4}-\d\d-\d\d-v\d"),
)


def same_model(asked: str, answered: str) -> bool:
    """True for one name, or a snapshot of it: gpt-4o and gpt-4o-2024-08-06, claude-3-5-haiku-latest and its date."""
    asked, answered = asked.lower().removesuffix("-latest").replace("@", "-"), answered.lower().replace("@", "-")
    return (
        answered == asked
        or answered.startswith((f"{asked}-", f"{asked}:"))
        or asked.startswith((f"{answered}-", f"{answered}:"))
        or any(re.fullmatch(name, asked) and re.fullmatch(snapshot, answered) for name, snapshot in MOVED)
    )


def related(asked: str, answered: str) -> bool:
    """True unless the two names are of families that can't be one model: gpt and claude, qwen and llama, ..."""
    families = _families(asked), _families(answered)
    if all(families):
        return bool(families[0] & families[1])
    return True


SPACE = re.compile(r"\s*")
FAMILIES = re.compile(
    r"gpt-3\.5|gpt-4o-mini|gpt-4\.1-nano|gpt-4\.1-mini|gpt|claude-\S*haiku|claude|gemini-\S*flash|gemini|gemma|llama|qwen|"
    r"deepseek|mistral|mixtral|glm|kimi|moonshot|\byi-|ernie|doubao|hunyuan|grok|command|\bphi-|\bo[134]\b"
)


def _families(name: str) -> set[str]:
    return {re.sub(r"^(claude|gemini)-\S*-", r"\1-", found) for found in FAMILIES.findall(name.lower())}


def is_garbled(streamed: str, whole: str) -> bool:
    """True for the letters of `whole` in another order, or for its ASCII with something else between it."""
    plain = [letter for letter in whole if letter.isascii()]
    rest = iter(streamed)
    return sorted(streamed) == sorted(whole) or (len(plain) > 8 and all(letter in rest for letter in plain))


def is_part_of(short: str, long: str) -> bool:
    """True when `short` is left after some characters of `long` are taken out, or its beginning."""
    if len(short) >= len(long):
        return False
    rest = iter(long)
    most_is_left = len(short) * 2 >= len(line_core(long)) and all(letter in rest for letter in short)
    return most_is_left or (len(short) > 2 and long.endswith(short))


def is_damaged(streamed: str, whole: str) -> bool:
    """True for the letters of `whole` in another order, or in a form that no model would write by itself."""
    return streamed != whole and (sorted(streamed) == sorted(whole) or bool(damage(whole, streamed)))


def line_core(text: str) -> str:
    """The text without what stands in it twice: half of it when it is a doubled text."""
    half = text[: len(text) // 2]
    return half if half and text.endswith(half) else text
