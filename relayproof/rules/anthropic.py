"""Anthropic's Messages: the answer, whole or put together from a stream; its errors, its keys, its model list.

What only a stream can get wrong is in anthropic_stream.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from relayproof import schema
from relayproof.exchange import CONTENT, HEADERS, IDS, STATUS, Exchange
from relayproof.groups import by_purpose, repeats, streamed_and_not, together
from relayproof.jsontext import parse
from relayproof.pointer import Absent, find, get
from relayproof.rule import ANY, MAY, OK, REFUSED, SHOULD, Finding, Source, Untested, must, should
from relayproof.rules import shapes
from relayproof.rules.chat import breaks_off, is_damaged, is_part_of, related, same_model, some
from relayproof.rules.errors import refused_as
from relayproof.rules.every_response import overloaded, said
from relayproof.rules.sources import OBSERVED
from relayproof.schema import shown
from relayproof.surface import ANTHROPIC, ANTHROPIC_FAMILY, KEY_REFUSED, MODELS

SDK = "anthropic-sdk-python 2.12.0"
MESSAGE = Source(SDK, "types/message.py")
USAGE = Source(SDK, "types/usage.py")
REQUEST = Source(SDK, "types/message_create_params.py")
TOOL_CHOICE = Source(SDK, "types/tool_choice_param.py")
THINKING = Source(SDK, "types/thinking_block.py")
ERROR_TYPES = Source(SDK, "types/shared/error_type.py")
CLIENT = Source(SDK, "_client.py")
MODEL_PAGE = Source(SDK, "types/model_info.py")

SMALLEST_MARK = 1000  # less than any Claude caches: servers that reuse a prefix by themselves report a few tokens
BOTH = ANTHROPIC_FAMILY
SPOKEN = {"text": "text", "thinking": "thinking", "compaction": "content"}
CUT_SHORT = ("max_tokens", "refusal", "pause_turn", "model_context_window_exceeded", "compaction")
STATUS_TYPES = {
    400: ("invalid_request_error",),
    401: ("authentication_error",),
    402: ("billing_error",),
    403: ("permission_error",),
    404: ("not_found_error",),
    413: ("request_too_large",),
    429: ("rate_limit_error",),
    500: ("api_error",),
    504: ("timeout_error",),
    529: ("overloaded_error",),
}
TEXT_KINDS = {"text", "tool_use", "tool_result", "thinking", "redacted_thinking"}
BYTES_A_TOKEN = 24
UNSEEN_TOKENS = 64
TOOL_PREAMBLE = 600
LARGE_CACHE = re.compile(r"haiku-4|opus-4-[5-9]|(haiku|opus|sonnet)-[5-9]")

shapes.matches_schema("anthropic", "anthropic/message", MESSAGE, on=ANTHROPIC)


def _envelope(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    if not isinstance(exchange.answered.json, dict):
        raise Absent("told by errors/body-is-json")
    yield "", exchange.answered.json


shapes.matches_schema(
    "anthropic",
    "anthropic/error",
    ERROR_TYPES,
    on=BOTH,
    answers=REFUSED,
    documents=_envelope,
    called="error_matches_schema",
)


def blocks(exchange: Exchange, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The content blocks of that type. Raises Absent when there is none."""
    found = [(at, block) for at, block in exchange.find("/content/*", dict) if block.get("type") == kind]
    if not found:
        raise Absent(kind)
    return found


def has(exchange: Exchange, kind: str) -> bool:
    """True when a content block of that type is there."""
    return any(block.get("type") == kind for _, block in exchange.find("/content/*", dict))


def uses_server_tools(exchange: Exchange) -> bool:
    """True when the server ran tools itself: its counts are then those of several calls to the model."""
    kinds = [kind for _, kind in exchange.find("/content/*/type", str)]
    return any(kind not in ("text", "thinking", "redacted_thinking", "tool_use") for kind in kinds)


def reason(exchange: Exchange) -> str:
    """The stop_reason. Raises Absent when there is none."""
    return str(exchange.one("/stop_reason", str))


def whole_prompt(exchange: Exchange) -> int:
    """All tokens of the prompt: new, written to the cache, and read from it. Raises Absent without input_tokens."""
    return int(exchange.one("/usage/input_tokens", int)) + written(exchange) + read(exchange)


def written(exchange: Exchange) -> int:
    """Prompt tokens written to the cache."""
    return int(exchange.get("/usage/cache_creation_input_tokens", int, 0))


def read(exchange: Exchange) -> int:
    """Prompt tokens read from the cache."""
    return int(exchange.get("/usage/cache_read_input_tokens", int, 0))


def text(exchange: Exchange) -> str:
    """What the text blocks say, joined."""
    return "".join(each for _, each in exchange.find("/content/*/text", str))


def offered(exchange: Exchange) -> dict[str, dict[str, Any]]:
    """The tools that the request offers, by name."""
    exchange.asked("")
    paths = ("/tools/*", "/messages/*/content/*/tool/definition")
    found = (tool for path in paths for _, tool in find(exchange.request.json, path, dict))
    return {tool["name"]: tool for tool in found if isinstance(tool.get("name"), str)}


def answers_results(exchange: Exchange) -> bool:
    """True when the request ends with tool results, or with the assistant's own words: silence is then an answer."""
    last = exchange.asked("/messages", list, [])[-1:]
    results = any(kind == "tool_result" for _, kind in find(last, "/*/content/*/type", str))
    return results or get(last, "/0/role") == "assistant"


@must(USAGE, on=BOTH)
def tokens_are_counted(exchange: Exchange) -> Iterator[Finding]:
    """An answer with content has at least one token of input and one of output.

    A zero is a count that got lost on the way; whoever meters by it gives the answer away, or bills a guess later.

    Fix: pass the upstream's usage on; in a stream take output_tokens from the last message_delta.
    """
    output = exchange.one("/usage/output_tokens", int)
    some(exchange, "/content/*", dict)
    if exchange.get("/stop_reason") == "compaction":
        raise Absent("a summary of the prompt is counted elsewhere")
    if exchange.surface == ANTHROPIC and whole_prompt(exchange) < 1:
        yield Finding("/usage/input_tokens", f"{whole_prompt(exchange)} for a request with messages")
    if output < 1:
        yield Finding("/usage/output_tokens", f"{output} for an answer that is not empty")


@must(OBSERVED, on=BOTH, needs=CONTENT, when=lambda exchange: not uses_server_tools(exchange))
def token_counts_are_possible(exchange: Exchange) -> Iterator[Finding]:
    """No count is out of all proportion to the text: a token is at most some 24 bytes of it, and at least a byte.

    A relay that counts by itself, or bills a minimum, writes numbers that the text can't have: 1 token for a page, or
    more tokens than the answer has bytes.

    Fix: pass the upstream's usage on unchanged.
    """
    reason(exchange)
    some(exchange, "/content/*", dict)
    yield from _impossible_output(exchange)
    prompt, count = len(_prompt_text(exchange).encode(errors="replace")), whole_prompt(exchange)
    if not count:
        raise Absent("told by tokens-are-counted")
    if count * BYTES_A_TOKEN < prompt:
        yield Finding("/usage", f"{count} tokens of input for {prompt:,} bytes of prompt")
    if count > len(exchange.request.body) + TOOL_PREAMBLE and _is_all_text(exchange.request.json):
        yield Finding("/usage", f"{count} tokens of input for a request of {len(exchange.request.body):,} bytes")


def _impossible_output(exchange: Exchange) -> Iterator[Finding]:
    output, size = exchange.one("/usage/output_tokens", int), len(text(exchange).encode(errors="replace"))
    if output and output * BYTES_A_TOKEN < size:
        yield Finding("/usage/output_tokens", f"{output} for {size:,} bytes of text")
    plain = all(kind == "text" for _, kind in exchange.find("/content/*/type", str))
    thought = exchange.asked("/thinking") or exchange.get("/usage/output_tokens_details/thinking_tokens", int, 0)
    if size and plain and not thought and output > size + UNSEEN_TOKENS:
        yield Finding("/usage/output_tokens", f"{output} for {size:,} bytes of text")


def _is_all_text(asked: Any) -> bool:
    """True when no picture, document, container or tool of the server adds tokens that the request does not show."""
    paths = ("/messages/*/content/*/type", "/messages/*/content/*/content/*/type")
    kinds = {kind for path in paths for _, kind in find(asked, path, str)}
    own = all("input_schema" in tool for _, tool in find(asked, "/tools/*", dict))
    return own and kinds <= TEXT_KINDS and isinstance(asked, dict) and not {"container", "mcp_servers"} & set(asked)


def _prompt_text(exchange: Exchange) -> str:
    """The plain text that the request sends: system prompt and messages."""
    if exchange.asked("/context_management") or exchange.asked("/cache_control"):
        raise Absent("the server may shorten the prompt")
    paths = ("/system", "/system/*/text", "/messages/*/content", "/messages/*/content/*/text")
    return "".join(each for path in paths for _, each in find(exchange.request.json, path, str))


@must(REQUEST, on=BOTH, when=lambda exchange: not uses_server_tools(exchange))
def token_limit_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """output_tokens is at most `max_tokens`.

    The limit is how a buyer bounds the price of a request. One token more is let pass: some servers count the end.

    Fix: pass max_tokens on under the name that the upstream's model knows.
    """
    used, limit = exchange.one("/usage/output_tokens", int), _limit(exchange)
    if used > limit + 1:
        yield Finding("/usage/output_tokens", f"{used}, but the limit is {limit}")


def _limit(exchange: Exchange) -> int:
    limit = exchange.asked("/max_tokens", int)
    if not limit:
        raise Absent("no limit was asked for")
    return int(limit)


@must(MESSAGE, on=BOTH, needs=CONTENT)
def cut_answer_says_max_tokens(exchange: Exchange) -> Iterator[Finding]:
    """An answer that used up `max_tokens` ends with stop_reason `max_tokens`.

    With `end_turn` the client takes half an answer for a whole one. An answer may end of itself on the last token
    that was allowed, so only a text that stops in the middle of a word or sentence counts.

    Fix: pass the upstream's stop_reason on; OpenAI's `length` is `max_tokens` here.
    """
    used, limit, spoken = exchange.one("/usage/output_tokens", int), _limit(exchange), text(exchange)
    if reason(exchange) == "end_turn" and used >= limit > 1 and breaks_off(spoken) and not has(exchange, "tool_use"):
        yield Finding("/stop_reason", f'"end_turn" after {used} of {limit} tokens, at {shown(spoken[-40:])}')


@should(MESSAGE, on=BOTH, when=lambda exchange: not uses_server_tools(exchange))
def max_tokens_means_the_limit_was_used(exchange: Exchange) -> Iterator[Finding]:
    """stop_reason `max_tokens` comes with as many output_tokens as were allowed, or nearly.

    Where an answer is cut after 8 of 64 tokens, the relay has set a limit of its own, or counts another way.

    Fix: pass max_tokens on as it is, and the upstream's usage back.
    """
    if reason(exchange) != "max_tokens":
        raise Absent("it was not cut")
    used, limit = exchange.one("/usage/output_tokens", int), _limit(exchange)
    if 0 < used < limit * 0.9 - 2:
        yield Finding("/usage/output_tokens", f"{used}, but the limit was {limit}")


@must(USAGE, on=BOTH, when=lambda exchange: read(exchange) + written(exchange) >= SMALLEST_MARK)
def cached_tokens_are_not_counted_twice(exchange: Exchange) -> Iterator[Finding]:
    """input_tokens leaves out what was read from the cache or written to it: it counts what stands behind the mark.

    The three counts are billed at three prices and added up. OpenAI's prompt_tokens contain the cached ones; put into
    input_tokens as they are, the buyer pays for them twice.

    Fix: subtract the cached and the written tokens from the upstream's prompt_tokens.
    """
    behind = _behind_the_mark(exchange)
    count = exchange.one("/usage/input_tokens", int)
    if count > behind + UNSEEN_TOKENS:
        what = f"{count}, but only {behind} bytes stand behind the last cache_control"
        yield Finding("/usage/input_tokens", f"{what} (read {read(exchange)}, written {written(exchange)})")


def _behind_the_mark(exchange: Exchange) -> int:
    """Bytes of the request behind the last cache_control, in the order tools, system, messages."""
    asked = exchange.asked("", dict, {})
    if asked.get("cache_control") or uses_server_tools(exchange) or asked.get("context_management"):
        raise Absent("the server chooses where the cached part ends")
    tools, system = ([part for _, part in find(asked, f"/{key}/*")] for key in ("tools", "system"))
    parts = tools + system
    parts += [part for _, message in find(asked, "/messages/*", dict) for part in _parts(message)]
    marked = [number for number, part in enumerate(parts) if '"cache_control": {' in json.dumps(part)]
    if not marked:
        raise Absent("no cache_control is known")
    behind = json.dumps(parts[marked[-1] + 1 :], ensure_ascii=False)
    if re.search(r'"type": "(image|document|container_upload|search_result)"', behind):
        raise Absent("pictures and documents have tokens that bytes don't show")
    return len(behind.encode(errors="replace")) + (TOOL_PREAMBLE if marked[-1] < len(tools) else 0)


def _parts(message: dict[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else [content]


@must(REQUEST, on=BOTH, across=by_purpose)
def marked_prompt_is_read_from_the_cache(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A long prefix marked with `cache_control` is read from the cache the second time.

    A read costs a tenth. A relay that drops the mark, spreads a conversation over many accounts, or does not hand
    the count on lets its buyer pay ten times the price.

    Fix: pass cache_control on, keep a conversation on one account, and report cache_read_input_tokens.
    """
    first, second = _turns(exchanges)
    if not written(first) and not read(first) and whole_prompt(first) < _smallest_cached(first.model):
        raise Absent("too short for this model's cache")
    if not read(second):
        before = f"{written(first)} were written and {read(first)} read before"
        yield Finding("/usage/cache_read_input_tokens", f"{shown(_count(second))}; {before}")


@must(USAGE, on=BOTH, across=by_purpose)
def cached_prefix_has_one_size(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The marked prefix has the same number of tokens when it is written and when it is read.

    It is the same text. What is read and was never written, or grew in between, is a count that the relay made up or
    left out.

    Fix: pass both cache counts of the upstream on.
    """
    first, second = _turns(exchanges)
    if read(second) < SMALLEST_MARK:
        raise Absent("the marked prefix was not read")
    before, after = written(first) + read(first), written(second) + read(second)
    if before != after:
        yield Finding("/usage/cache_read_input_tokens", f"{after} tokens of the prefix, {before} the time before")


def _turns(exchanges: tuple[Exchange, ...]) -> tuple[Exchange, Exchange]:
    marked = [each for each in exchanges if str(each.expect.get("group")).startswith("cache")]
    if len(marked) < 2:
        raise Absent("no two turns of one conversation")
    return marked[0], marked[1]


def _count(exchange: Exchange) -> Any:
    return exchange.get("/usage/cache_read_input_tokens", int, "missing")


def _smallest_cached(model: str) -> int:
    """The shortest prefix that the model's cache takes: 4,096 tokens for names that say so, and for unknown ones."""
    return 2048 if "claude" in model and not LARGE_CACHE.search(model) else 4096


@must(MESSAGE, on=BOTH)
def calling_tools_ends_with_tool_use(exchange: Exchange) -> Iterator[Finding]:
    """An answer that calls a tool ends with stop_reason `tool_use`.

    Agent loops run tools only on this word; with `end_turn` they take the half-finished turn as the answer. Where a
    limit or a refusal cut the answer, its word is right.

    Fix: map the upstream's tool_calls to tool_use, in streams too.
    """
    direct = [at for at, block in blocks(exchange, "tool_use") if get(block, "/caller/type") in (None, "direct")]
    if direct and reason(exchange) not in ("tool_use", *CUT_SHORT):
        yield Finding("/stop_reason", f"{shown(reason(exchange))} with {len(direct)} tool_use block(s)")


@must(MESSAGE, on=BOTH)
def tool_use_is_no_empty_promise(exchange: Exchange) -> Iterator[Finding]:
    """stop_reason `tool_use` comes with at least one tool_use block.

    An agent that reads it looks for a call, finds none, and crashes or loops.

    Fix: send end_turn when no tool was called; do not drop blocks while converting.
    """
    if reason(exchange) != "tool_use":
        raise Absent("no tool_use")
    if isinstance(exchange.get("/content"), list) and not has(exchange, "tool_use"):
        kinds = [kind for _, kind in exchange.find("/content/*/type")]
        yield Finding("/stop_reason", f"tool_use, but the blocks are {shown(kinds)}")


@must(MESSAGE, on=BOTH)
def tool_use_ids_are_unique(exchange: Exchange) -> Iterator[Finding]:
    """Every tool_use block has an id of its own.

    The client sends the result back under this id; two calls of one id can't be answered.

    Fix: make ids where the upstream has none, one per call.
    """
    seen: set[str] = set()
    for at, block in blocks(exchange, "tool_use"):
        name = block.get("id")
        if isinstance(name, str) and name in seen:
            yield Finding(f"{at}/id", f"{shown(name)} is the id of two calls")
        seen.add(str(name))


@must(MESSAGE, on=BOTH, when=lambda exchange: bool(offered(exchange)))
def called_tool_was_offered(exchange: Exchange) -> Iterator[Finding]:
    """A called tool is one that the request offered.

    Names that a relay joined, prefixed or shortened can't be found by the client.

    Fix: pass names on unchanged; undo a prefix that was added for the upstream.
    """
    for at, block in blocks(exchange, "tool_use"):
        name = get(block, "/name", str)
        if name and name not in offered(exchange):
            names = ", ".join(sorted(offered(exchange)))
            yield Finding(f"{at}/name", f"{shown(name)} was not offered; offered: {names}")


@must(REQUEST, on=BOTH, needs=CONTENT, when=lambda exchange: reason(exchange) not in CUT_SHORT)
def strict_input_fits_its_schema(exchange: Exchange) -> Iterator[Finding]:
    """With `strict: true`, a tool's input is valid under its input_schema.

    Strict is a promise of the decoder, not of the model: the client left out its own checks because of it.

    Fix: pass `strict` on; refuse it where the upstream can't keep it.
    """
    yield from _misfits(exchange, strict=True)


@should(REQUEST, on=BOTH, needs=CONTENT, when=lambda exchange: reason(exchange) not in CUT_SHORT)
def input_fits_its_schema(exchange: Exchange) -> Iterator[Finding]:
    """A tool's input is valid under its input_schema.

    Without `strict` a weak model may miss; often it is the relay that dropped the schema on the way.

    Fix: compare the tools that reached the upstream with those that were sent.
    """
    yield from _misfits(exchange, strict=False)


def _misfits(exchange: Exchange, *, strict: bool) -> Iterator[Finding]:
    known = {name: tool for name, tool in offered(exchange).items() if bool(tool.get("strict")) is strict}
    called = [(at, block) for at, block in blocks(exchange, "tool_use") if get(block, "/name", str) in known]
    if not called:
        raise Absent("no such tool was called")
    for at, block in called:
        if isinstance(block.get("input"), dict):
            for mismatch in schema.mismatches_of(known[block["name"]].get("input_schema", {}), block["input"]):
                yield Finding(f"{at}/input{mismatch.where}", mismatch.what)


@must(TOOL_CHOICE, on=BOTH, when=lambda exchange: exchange.asked("/tool_choice/type") == "none")
def tool_choice_none_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """`tool_choice: {"type": "none"}` gets no tool_use block.

    The client has no loop for calls at this turn, and breaks on one.

    Fix: pass tool_choice on; where the upstream knows no none, leave the tools out.
    """
    some(exchange, "/content", list)
    if has(exchange, "tool_use"):
        yield Finding(blocks(exchange, "tool_use")[0][0], f"{shown(blocks(exchange, 'tool_use')[0][1])}")


def forced(exchange: Exchange) -> bool:
    """True when the request forces a call of a tool that it offers."""
    return named(exchange) or (exchange.asked("/tool_choice/type") == "any" and bool(exchange.asked("/tools", list)))


def named(exchange: Exchange) -> bool:
    """True when the request forces a call of one tool, and offers it."""
    return exchange.asked("/tool_choice/type") == "tool" and exchange.asked("/tool_choice/name", str) in offered(
        exchange
    )


@must(TOOL_CHOICE, on=BOTH, when=lambda exchange: forced(exchange) and reason(exchange) not in CUT_SHORT)
def forced_tool_is_called(exchange: Exchange) -> Iterator[Finding]:
    """`tool_choice` of type `any` or `tool` gets a tool_use block.

    The decoder forces it, so it does not depend on the model. A text instead means that the field was dropped.

    Fix: pass tool_choice on (any is OpenAI's required), or refuse it where the upstream can't force a call.
    """
    some(exchange, "/content", list)
    if not has(exchange, "tool_use"):
        yield Finding("/content", f"no tool_use, but {shown(text(exchange)[:80])}")


@must(TOOL_CHOICE, on=BOTH, when=named)
def named_tool_is_the_one_called(exchange: Exchange) -> Iterator[Finding]:
    """A `tool_choice` that names a tool gets calls of that tool only.

    The client reads the input as that tool's.

    Fix: pass the whole tool_choice object on.
    """
    wanted = exchange.asked("/tool_choice/name")
    for at, block in blocks(exchange, "tool_use"):
        if block.get("name") != wanted:
            yield Finding(f"{at}/name", f"{shown(block.get('name'))} instead of {shown(wanted)}")


@must(TOOL_CHOICE, on=BOTH, when=lambda exchange: exchange.asked("/tool_choice/disable_parallel_tool_use") is True)
def parallel_calls_can_be_switched_off(exchange: Exchange) -> Iterator[Finding]:
    """`disable_parallel_tool_use: true` gets at most one tool_use block.

    The client runs calls one after another, and sees only the first.

    Fix: pass the field on; for OpenAI it is parallel_tool_calls false.
    """
    if len(blocks(exchange, "tool_use")) > 1:
        yield Finding("/content", f"{len(blocks(exchange, 'tool_use'))} tool_use blocks")


@must(MESSAGE, on=BOTH, when=lambda exchange: not offered(exchange) and not exchange.asked("/tools", list))
def no_call_without_tools(exchange: Exchange) -> Iterator[Finding]:
    """A request without tools gets no tool_use block.

    The client has nothing to run. Such calls are made of text that happens to look like one, or come from a cache.

    Fix: do not parse calls out of text when no tool was offered.
    """
    some(exchange, "/content", list)
    if has(exchange, "tool_use"):
        yield Finding(blocks(exchange, "tool_use")[0][0], f"{shown(blocks(exchange, 'tool_use')[0][1])}")


@must(MESSAGE, on=BOTH, relay=SHOULD)
def stop_sequence_is_named(exchange: Exchange) -> Iterator[Finding]:
    """With stop_reason `stop_sequence`, `stop_sequence` is the sequence that was met.

    A client that gave several learns from it where it stands. Converting relays are known to leave it out.

    Fix: pass stop_sequence on; find it in the upstream's answer where it names none.
    """
    if reason(exchange) != "stop_sequence":
        raise Absent("no stop sequence was met")
    if "stop_sequence" in exchange.one("", dict) and not exchange.get("/stop_sequence", str):
        yield Finding("/stop_sequence", f"{shown(exchange.get('/stop_sequence'))} with stop_reason stop_sequence")


@must(MESSAGE, on=BOTH)
def stop_sequence_is_one_of_those_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """A `stop_sequence` is one of the request's, and stop_reason says `stop_sequence`.

    Anything else tells the client of an end that it did not ask for.

    Fix: leave stop_sequence null unless one of the client's sequences was met.
    """
    met = exchange.one("/stop_sequence", str)
    if reason(exchange) != "stop_sequence":
        yield Finding("/stop_reason", f"{shown(reason(exchange))} with stop_sequence {shown(met)}")
    elif met and met not in _stops(exchange):
        yield Finding("/stop_sequence", f"{shown(met)} is none of {shown(_stops(exchange))}")


def _stops(exchange: Exchange) -> list[str]:
    return [each for each in exchange.asked("/stop_sequences", list, []) if isinstance(each, str) and each]


@must(REQUEST, on=BOTH, needs=CONTENT, when=lambda exchange: bool(_stops(exchange)))
def stop_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """No stop sequence stands in the text.

    Clients cut protocols out of text by stop sequences; text behind one is text they never meant to read, or to pay.

    Fix: pass stop_sequences on, all of them.
    """
    for at, block in blocks(exchange, "text"):
        for stop in _stops(exchange):
            if stop in str(block.get("text")):
                yield Finding(f"{at}/text", f"{shown(stop)} stands in {shown(str(block['text'])[:80])}")


@must(MESSAGE, on=BOTH, needs=CONTENT)
def answer_is_not_empty(exchange: Exchange) -> Iterator[Finding]:
    """An answer that ended by itself says something, or calls a tool.

    An empty message with `end_turn` is how a lost upstream answer looks; the client shows a blank. Only after tool
    results, or after words put into its mouth, may a model have nothing to add.

    Fix: treat an empty upstream answer as an error, and retry or report it.
    """
    content = exchange.one("/content", list)
    if reason(exchange) != "end_turn":
        raise Absent("it did not end by itself")
    if says_something(content):
        return
    if answers_results(exchange):
        raise Absent("the model may have nothing to add")
    yield Finding("/content", f"{shown(content)} with stop_reason end_turn")


def says_something(content: list[Any]) -> bool:
    """True when a block has text, or is of a kind that needs none."""
    return any(isinstance(block, dict) and block.get(SPOKEN.get(str(block.get("type")), "type")) for block in content)


@must(USAGE, on=BOTH, needs=CONTENT, when=lambda exchange: exchange.get("/stop_reason") == "max_tokens")
def what_is_counted_is_there(exchange: Exchange) -> Iterator[Finding]:
    """An answer that `max_tokens` cut holds what its output_tokens count.

    Tokens that are counted and not there were lost on the way, and paid for. Only thinking may stay hidden.

    Fix: pass on what the upstream had said when the limit was reached.
    """
    content, output = exchange.one("/content", list), exchange.one("/usage/output_tokens", int)
    if exchange.asked("/thinking") or output < 2:
        raise Absent("the model may have been thinking")
    if not says_something(content):
        yield Finding("/content", f"{shown(content)}, but {output} tokens are counted")


@must(REQUEST, on=BOTH, needs=CONTENT, when=lambda exchange: bool(exchange.asked("/output_config/format/schema")))
def output_format_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """With `output_config.format`, text that ended with `end_turn` is JSON valid under that schema.

    The client parses it at once. Prose around it, or keys of the model's own, mean that the relay dropped the field
    and answered 200 all the same.

    Fix: pass output_config on; refuse it where the upstream can't keep it.
    """
    if reason(exchange) != "end_turn" or uses_server_tools(exchange):
        raise Absent("cut, or more than one text")
    spoken = text(exchange)
    try:
        document = parse(spoken)
    except ValueError:
        yield Finding("/content", f"no JSON: {shown(spoken[:120])}")
        return
    for mismatch in schema.mismatches_of(exchange.asked("/output_config/format/schema"), document):
        yield Finding("/content", f"{mismatch.where or '/'}: {mismatch.what}")


@must(MESSAGE, on=BOTH, when=lambda exchange: bool(exchange.model))
def model_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """`model` names the model that was asked for: itself, a dated snapshot, or another name of the same family.

    Another family means another model answered. That is for the relay to explain; nothing more is said here.

    Fix: route to the model that was asked for, and name in the answer what really answered.
    """
    answered = exchange.one("/model", str)
    if answered and not related(exchange.model, answered):
        yield Finding("/model", f"{shown(answered)} answered, {shown(exchange.model)} was asked for")


@should(MESSAGE, on=BOTH, when=lambda exchange: bool(exchange.model))
def model_is_named_plainly(exchange: Exchange) -> Iterator[Finding]:
    """`model` is the name that was asked for, or a snapshot of it, without a channel's prefix.

    Clients look prices and limits up by this name.

    Fix: take the provider's prefix off.
    """
    asked, answered = exchange.model, exchange.one("/model", str)
    if answered and related(asked, answered) and not same_model(asked.removesuffix("-0"), answered):
        yield Finding("/model", f"{shown(answered)} for {shown(asked)}")


@must(THINKING, on=ANTHROPIC, relay=SHOULD)
def thinking_is_signed(exchange: Exchange) -> Iterator[Finding]:
    """A thinking block has a signature that is not empty.

    The next turn sends the block back, and the model refuses one whose signature is lost.

    Fix: pass the signature on; leave thinking blocks out where the upstream signs none.
    """
    for at, block in blocks(exchange, "thinking"):
        if block.get("signature") == "":
            yield Finding(f"{at}/signature", "empty")


@should(THINKING, on=BOTH, when=lambda exchange: exchange.asked("/thinking/type") == "enabled")
def thinking_is_delivered(exchange: Exchange) -> Iterator[Finding]:
    """`thinking: {"type": "enabled"}` gets a thinking block before the text.

    It is paid for as output. Without the block the next turn can't carry it on.

    Fix: pass thinking on, and the blocks back.
    """
    if answers_results(exchange) or reason(exchange) == "refusal":
        raise Absent("a turn in the middle need not think")
    if not has(exchange, "thinking") and not has(exchange, "redacted_thinking"):
        kinds = [kind for _, kind in some(exchange, "/content/*/type")]
        yield Finding("/content", f"no thinking block, but {shown(kinds)}")


@should(OBSERVED, on=BOTH, needs=CONTENT)
def thinking_is_not_said_twice(exchange: Exchange) -> Iterator[Finding]:
    """The text holds no <think> tags when the thinking has a block of its own.

    The user reads the model's notes as its answer.

    Fix: convert thinking at one place only.
    """
    blocks(exchange, "thinking")
    if re.search(r"</?think(ing)?>", text(exchange)):
        yield Finding("/content", "<think> tags in the text, beside a thinking block")


@must(OBSERVED, on=BOTH, when=lambda exchange: exchange.expect.get("answer") is True)
def rejection_is_no_answer(exchange: Exchange) -> Iterator[Finding]:
    """A relay that can't answer says so with a status, never as the assistant's own words.

    The client stores the excuse as the model's answer, and pays for it.

    Fix: answer 429 or 529 with an error object.
    """
    for at, block in blocks(exchange, "text"):
        words = str(block.get("text"))
        if re.match(r"(?i)\s*\[?(rejected|error|rate.?limit\w*|upstream error|no capacity|quota)\]?\b[\s:\]]", words):
            yield Finding(f"{at}/text", shown(words[:120]))


@must(MESSAGE, on=BOTH, needs=IDS, across=together)
def ids_of_two_answers_differ(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Two answers never share an id, also when the requests were the same.

    A shared id is a cached answer, sold twice; and logs that are joined by id mix the two up.

    Fix: give every answer an id, a cached one too.
    """
    seen: dict[str, str] = {}
    for each in exchanges:
        name = each.get("/id", str)
        if name and name in seen:
            yield Finding("/id", f"{shown(name)} in exchanges {seen[name]} and {each.id}")
        seen.setdefault(str(name), each.id)


@should(USAGE, on=BOTH, across=repeats)
def same_prompt_has_same_tokens(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """The same request has the same tokens of input each time, the cached ones included.

    The prompt did not change; a count that does is a guess, or includes something that the relay put in.

    Fix: pass the upstream's three counts on.
    """
    first, second = (whole_prompt(each) for each in exchanges)
    if first != second:
        yield Finding("/usage", f"{first} tokens of input, then {second}, for the same request")


@must(USAGE, on=BOTH, relay=SHOULD, across=streamed_and_not)
def streamed_prompt_has_same_tokens(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """A streamed request has the same tokens of input as the same request without a stream.

    Nothing but the way back differs. A relay that estimates streams, as new-api does, bills two prices for one thing.

    Fix: take the input from the upstream's own count; hold message_start back until it is known.
    """
    whole, streamed = (whole_prompt(each) for each in exchanges)
    if whole != streamed:
        yield Finding("/usage", f"{streamed} tokens of input streamed, {whole} not streamed")


@must(MESSAGE, on=BOTH, across=streamed_and_not)
def streamed_answer_is_of_the_same_kind(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """Streamed and not, a request that forces a tool call gets one.

    What works in one form only is what documentation of relays calls "non-stream only".

    Fix: convert tool calls in both paths by the same code.
    """
    if not all(forced(each) for each in exchanges):
        raise Absent("the model is free to answer either way")
    whole, streamed = (has(each, "tool_use") for each in exchanges)
    if whole != streamed:
        yield Finding("/content", f"tool call streamed: {streamed}, not streamed: {whole}")


@must(OBSERVED, on=BOTH, needs=CONTENT, across=streamed_and_not)
def streamed_text_loses_nothing(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """A line that the model repeats word for word arrives in a stream as it does without one.

    Relays that compare a piece with the one before drop every second of two equal ones; others send a piece twice, or
    the whole text again at the end, or pieces in another order. Models may differ between two calls, so only a loss, a
    doubling or the same letters in another order count.

    Fix: pass each piece on once, whatever the one before it was.
    """
    line = exchanges[0].expect.get("echo")
    if not line:
        raise Absent("no line to repeat")
    whole, streamed = (text(each).strip() for each in exchanges)
    if whole and whole == streamed:
        return
    if not whole or not line.startswith(whole):
        raise Untested(f"the model did not repeat the line: {shown(whole[:60])}")
    same_length = len({each.get("/usage/output_tokens", int) for each in exchanges}) == 1
    if streamed and line.startswith(streamed) and not same_length:
        return
    if not (is_part_of(streamed, whole) or is_part_of(whole, streamed) or is_damaged(streamed, whole)):
        raise Untested(f"the model said another thing the second time: {shown(streamed[:60])}")
    yield Finding("/content", f"streamed {shown(streamed)}, not streamed {shown(whole)}")


@should(ERROR_TYPES, on=BOTH, answers=REFUSED, needs=STATUS)
def error_type_fits_its_status(exchange: Exchange) -> Iterator[Finding]:
    """`error.type` is the word that goes with the HTTP status: 401 authentication_error, 429 rate_limit_error, ...

    Clients branch on either; where the two disagree one half of them does the wrong thing.

    Fix: choose the type by the status that is sent.
    """
    kind = get(exchange.answered.json, "/error/type", str)
    known = {each for kinds in STATUS_TYPES.values() for each in kinds}
    if kind not in known or exchange.status not in STATUS_TYPES or get(exchange.answered.json, "/type") != "error":
        raise Absent("no pair of the list, or told by the schema")
    if kind not in STATUS_TYPES[exchange.status]:
        yield Finding("/error/type", f"{kind} with status {exchange.status}")


@must(
    REQUEST,
    on=BOTH,
    answers=ANY,
    relay=SHOULD,
    needs=STATUS,
    when=refused_as("max_tokens"),
)
def missing_max_tokens_is_refused(exchange: Exchange) -> Iterator[Finding]:
    """A request without `max_tokens` is refused with 400.

    A client that forgot it learns so at once. new-api is known to fill in a limit of its own, by which the answer is
    then cut.

    Fix: answer 400 and name the field.
    """
    if exchange.status in (401, 403, 429) or overloaded(exchange) or exchange.expect.get("shut"):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.status not in (400, 422):
        yield Finding("status", f"{exchange.status} without max_tokens: {said(exchange)}")


@must(CLIENT, on=BOTH, answers=ANY, needs=(HEADERS, STATUS), across=together)
def both_forms_of_the_key_are_taken(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The key is taken as `x-api-key` and as `Authorization: Bearer`.

    Anthropic's SDK sends the first, or with ANTHROPIC_AUTH_TOKEN the second; relays promise the second everywhere.
    With one form only, one half of the clients gets 401 with a good key.

    Fix: read the key from either header.
    """
    good = [each for each in exchanges if each.expect.get("answer") is True]
    forms = {name: [each for each in good if each.request.has(name)] for name in ("x-api-key", "authorization")}
    if not any(each.succeeded for each in good) or not all(forms.values()):
        raise Absent("both forms are to be sent, and the key is to be good")
    for name, sent in forms.items():
        refused = [each for each in sent if each.status in KEY_REFUSED]
        if refused and not any(each.succeeded for each in sent):
            yield Finding(
                f"header {name}", f"{refused[0].status} with a key that the other form opens: {said(refused[0])}"
            )


@should(CLIENT, on=BOTH, relay=MAY, needs=HEADERS, answers=OK)
def request_id_is_sent(exchange: Exchange) -> Iterator[Finding]:
    """An answer has a `request-id` header.

    Anthropic's SDK shows it in errors and logs, and support asks for it.

    Fix: pass the upstream's header on, or make one.
    """
    if not exchange.answered.header("request-id"):
        yield Finding("header request-id", "missing")


def asks_for_models(exchange: Exchange) -> bool:
    """True for GET .../models with Anthropic's headers."""
    path = exchange.request.url.split("?")[0].rstrip("/")
    return path.endswith("/models") and exchange.request.has("anthropic-version")


def speaks_anthropic(exchange: Exchange) -> bool:
    """True for an answer to those headers that is not OpenAI's list."""
    return asks_for_models(exchange) and exchange.get("/object") != "list"


shapes.matches_schema(
    "anthropic",
    "anthropic/model_list",
    MODEL_PAGE,
    on=MODELS,
    when=speaks_anthropic,
    called="model_list_matches_schema",
)


@should(MODEL_PAGE, on=MODELS, when=asks_for_models)
def headers_choose_the_model_list(exchange: Exchange) -> Iterator[Finding]:
    """The model list, asked for with Anthropic's headers, has Anthropic's form.

    Anthropic's SDK finds models without a name or a date in OpenAI's, and no page behind the first.

    Fix: choose the form by the `anthropic-version` header, or leave the list to OpenAI's clients and say so.
    """
    if exchange.get("/object") == "list":
        yield Finding("/object", "OpenAI's list")


@should(MODEL_PAGE, on=MODELS, when=speaks_anthropic)
def page_names_its_first_and_last_model(exchange: Exchange) -> Iterator[Finding]:
    """`first_id` and `last_id` are the ids of the first and the last model of the page.

    Clients ask for the next page by them; with other ids they skip models, or never end.

    Fix: take both from `data`.
    """
    ids = [name for _, name in some(exchange, "/data/*/id", str)]
    for key, wanted in (("first_id", ids[0]), ("last_id", ids[-1])):
        if key in exchange.one("", dict) and exchange.get(f"/{key}") != wanted:
            yield Finding(f"/{key}", f"{shown(exchange.get(f'/{key}'))}, but the model is {shown(wanted)}")
