"""Gemini's generateContent: the answer, whole or put together from a stream; its errors, its keys, its model list.

What only a stream can get wrong is in gemini_stream.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote

from relayproof import gemini, schema
from relayproof.exchange import CONTENT, HEADERS, IDS, STATUS, Exchange
from relayproof.groups import repeats, streamed_and_not, together
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import ANY, REFUSED, SHOULD, Finding, Source, Untested, must, should
from relayproof.rules import shapes
from relayproof.rules.chat import breaks_off, is_damaged, is_part_of, judged, not_cut, same_model, some, values
from relayproof.rules.every_response import said
from relayproof.rules.sources import OBSERVED
from relayproof.schema import shown
from relayproof.streams.gemini import chunks
from relayproof.surface import GEMINI, GEMINI_FAMILY, MODELS, query

SDK = "google-genai 3.4.0"
RESPONSE = Source(SDK, "types.GenerateContentResponse")
CANDIDATE = Source(SDK, "types.Candidate")
PART = Source(SDK, "types.Part")
CALL = Source(SDK, "types.FunctionCall")
CALLING = Source(SDK, "types.FunctionCallingConfig")
CONFIG = Source(SDK, "types.GenerationConfig")
USAGE = Source(SDK, "types.GenerateContentResponseUsageMetadata")
FEEDBACK = Source(SDK, "types.GenerateContentResponsePromptFeedback")
GROUNDING = Source(SDK, "types.GroundingMetadata")
LIST = Source(SDK, "types.ListModelsResponse")
ERRORS = Source(SDK, "errors.APIError")
CLIENT = Source(SDK, "_api_client.py")
CODES = Source("googleapis", "google/rpc/code.proto")

BOTH = GEMINI_FAMILY
STOP, CUT = ("STOP", 1), ("MAX_TOKENS", 2)
FIRST_WORD = 6  # tokens
CALLS_MAY_END = (*STOP, *CUT, "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS")
BLOCKING = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR")
DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
ADDED_UP = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")
PARTS_OF = {
    "promptTokensDetails": "promptTokenCount",
    "candidatesTokensDetails": "candidatesTokenCount",
    "cacheTokensDetails": "cachedContentTokenCount",
    "toolUsePromptTokensDetails": "toolUsePromptTokenCount",
}
ENUMS = (
    "/candidates/*/finishReason",
    "/candidates/*/safetyRatings/*/category",
    "/candidates/*/safetyRatings/*/probability",
    "/promptFeedback/blockReason",
    "/promptFeedback/safetyRatings/*/category",
    "/usageMetadata/trafficType",
    "/usageMetadata/promptTokensDetails/*/modality",
    "/usageMetadata/candidatesTokensDetails/*/modality",
)
WORDS = {
    400: ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"),
    401: ("UNAUTHENTICATED",),
    403: ("PERMISSION_DENIED",),
    404: ("NOT_FOUND",),
    409: ("ABORTED", "ALREADY_EXISTS"),
    429: ("RESOURCE_EXHAUSTED",),
    499: ("CANCELLED",),
    500: ("INTERNAL", "UNKNOWN", "DATA_LOSS"),
    501: ("UNIMPLEMENTED",),
    503: ("UNAVAILABLE",),
    504: ("DEADLINE_EXCEEDED",),
}
MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF8",),
    "image/webp": (b"RIFF",),
    "audio/wav": (b"RIFF",),
    "audio/mpeg": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "application/pdf": (b"%PDF-",),
}
KINDS = re.compile(r"gemma|flash-lite|flash|pro|ultra|nano|gpt|claude|llama|qwen|deepseek|glm|kimi|grok|mistral|doubao")
CURRENT = re.compile(
    r"(?i)search|look ?up|google|\bweb\b|news|latest|today|current|price|weather|who won|\b20[2-9]\d\b|"
    r"搜索|查|最新|今天|新闻|天气"
)
SIGNING = re.compile(r"gemini-([3-9]|\d\d)")
WRAPPERS = ("arguments", "args", "input", "parameters")
BYTES_A_TOKEN = 24
UNSEEN_TOKENS = 64
EXCUSE = re.compile(r"(?i)\s*\[?(rejected|error|rate.?limit\w*|upstream error|no capacity|quota)\]?\b[\s:\]]")


def google_list(exchange: Exchange) -> bool:
    """True for GET /v1beta/models."""
    return bool(re.search(r"/v1beta\d*/models/?$", exchange.request.path))


def in_dialect(exchange: Exchange) -> bool:
    """True where Google's envelope of errors is spoken."""
    return exchange.surface in BOTH or google_list(exchange)


def _envelope(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    if not isinstance(exchange.answered.json, dict | list):
        raise Absent("told by errors/body-is-json")
    yield "", exchange.answered.json


shapes.matches_schema("gemini", "gemini/generate_answer", RESPONSE, on=GEMINI)
shapes.matches_schema(
    "gemini",
    "gemini/error",
    ERRORS,
    on=(*BOTH, MODELS),
    answers=REFUSED,
    when=in_dialect,
    documents=_envelope,
    called="error_matches_schema",
)
shapes.matches_schema(
    "gemini", "gemini/model_list", LIST, on=MODELS, when=google_list, called="model_list_matches_schema"
)


def asked(exchange: Exchange) -> Any:
    """The request's JSON. Raises Absent when it is not known."""
    return exchange.asked("", dict, {})


def candidates(exchange: Exchange) -> list[tuple[str, dict[str, Any]]]:
    """The candidates of the answer. Raises Absent when there is none."""
    return some(exchange, "/candidates/*", dict)


def ended(exchange: Exchange, reasons: tuple[str | int, ...]) -> list[tuple[str, dict[str, Any]]]:
    """The candidates that ended for one of these reasons. Raises Absent when there is none."""
    every = exchange.find("/candidates/*", dict)
    return judged([(at, each) for at, each in every if each.get("finishReason") in reasons], str(reasons[0]))


def texts(exchange: Exchange) -> list[tuple[str, str]]:
    """What each candidate says, thoughts left out. Raises Absent when none says anything."""
    every = [(f"{at}/content", gemini.said(get(each, "/content"))) for at, each in candidates(exchange)]
    return judged([(at, text) for at, text in every if text], "no text")


def holds(candidate: dict[str, Any]) -> bool:
    """True when a candidate says, calls or shows anything at all."""
    return any(part.get(key) for part in gemini.parts(get(candidate, "/content")) for key in part)


def calls(exchange: Exchange) -> list[tuple[str, dict[str, Any]]]:
    """Every function call. Raises Absent when there is none."""
    return some(exchange, "/candidates/*/content/parts/*/functionCall", dict)


def named_calls(exchange: Exchange) -> list[tuple[str, str]]:
    """The names of all function calls, with the place of each. Raises Absent when there is none."""
    return some(exchange, "/candidates/*/content/parts/*/functionCall/name", str)


def called(exchange: Exchange) -> bool:
    """True when the answer calls a function."""
    return any(True for _ in exchange.find("/candidates/*/content/parts/*/functionCall", dict))


def count(exchange: Exchange, name: str) -> int:
    """A token count of usageMetadata; 0 when it is left out, as Google does with a 0."""
    return int(exchange.get(f"/usageMetadata/{name}", int, 0))


def counted(exchange: Exchange) -> int:
    """Tokens of output: what is said, and what was thought. Raises Absent without any usage."""
    exchange.one("/usageMetadata", dict)
    return count(exchange, "candidatesTokenCount") + count(exchange, "thoughtsTokenCount")


def runs_tools(exchange: Exchange) -> bool:
    """True when the server runs tools itself: its counts are then those of several calls to the model."""
    ran = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
    shows = any(key in ran for _, part in exchange.find("/candidates/*/content/parts/*", dict) for key in part)
    return shows or count(exchange, "toolUsePromptTokenCount") > 0 or bool(gemini.server_tools(exchange.request.json))


@must(RESPONSE, on=BOTH)
def answer_holds_a_candidate(exchange: Exchange) -> Iterator[Finding]:
    """An answer has a candidate, or says in promptFeedback.blockReason why it has none.

    A 200 with neither is an answer that got lost. The client can't tell a blocked prompt from a fault, and asks again.

    Fix: pass promptFeedback on; answer with an error status when the upstream gave nothing.
    """
    whole = exchange.one("", dict)
    if whole.get("error") or not isinstance(whole.get("candidates", []), list):
        raise Absent("told by another rule")
    if not whole.get("candidates") and not exchange.get("/promptFeedback/blockReason"):
        yield Finding("/candidates", f"{shown(whole.get('candidates'))}, and no promptFeedback.blockReason")


@should(FEEDBACK, on=BOTH)
def blocked_prompt_is_not_answered(exchange: Exchange) -> Iterator[Finding]:
    """Where promptFeedback names a blockReason, no candidate says anything.

    A client that looks at one of the two shows an answer, the other an apology.

    Fix: pass the upstream's answer on as one; do not put a text of your own beside the block.
    """
    reason = exchange.get("/promptFeedback/blockReason")
    if not reason:
        raise Absent("the prompt was not blocked")
    for at, candidate in exchange.find("/candidates/*", dict):
        if holds(candidate):
            yield Finding(at, f"content beside blockReason {shown(reason)}")


@must(CANDIDATE, on=BOTH, relay=SHOULD)
def candidate_indexes_count_from_zero(exchange: Exchange) -> Iterator[Finding]:
    """The candidates' indexes are 0, 1, 2, ... in order, each once; one that is left out is 0.

    Clients gather the chunks of a stream by it.

    Fix: number the candidates again when answers of several upstream calls are joined.
    """
    indexes = [each.get("index", 0) for _, each in candidates(exchange)]
    if not all(is_a(index, int) for index in indexes):
        raise Absent("told by the schema")
    if indexes != list(range(len(indexes))):
        yield Finding("/candidates", f"indexes {indexes}")


@must(CONFIG, on=BOTH, relay=SHOULD)
def candidate_count_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """A request with `candidateCount` gets that many candidates, one without it gets one.

    A client that asked for two, and pays for two, finds one, with status 200 and no word about it.

    Fix: pass candidateCount on, or n where the upstream speaks OpenAI's dialect; refuse what is not possible.
    """
    wanted = gemini.setting(asked(exchange), "candidateCount", int, 1)
    got = len(candidates(exchange))
    if got != wanted:
        yield Finding("/candidates", f"{got} instead of {wanted}")


@must(CANDIDATE, on=BOTH, needs=CONTENT)
def answer_is_not_empty(exchange: Exchange) -> Iterator[Finding]:
    """A candidate that ended with STOP says something, calls a function, or shows something.

    An empty content with STOP is how a lost upstream answer looks; the client shows a blank. Only after a function's
    result, or where the first word may have been a stop sequence, may a model have nothing to add.

    Fix: treat an empty upstream answer as an error; do not drop parts that you don't know.
    """
    silent = [(at, each) for at, each in ended(exchange, STOP) if not holds(each)]
    stopped_at_once = bool(stops(exchange)) and count(exchange, "candidatesTokenCount") <= FIRST_WORD
    if silent and (answers_results(exchange) or stopped_at_once):
        raise Absent("the model may have nothing to add")
    for at, candidate in silent:
        yield Finding(f"{at}/content", f"{shown(candidate.get('content'))} with finishReason STOP")


def answers_results(exchange: Exchange) -> bool:
    """True when the conversation holds a function's result, or ends with the model's own words."""
    contents = get(asked(exchange), "/contents", list, [])
    given = [part for each in contents for part in gemini.parts(each)]
    return any(gemini.member(part, "functionResponse") for part in given) or get(contents[-1:], "/0/role") == "model"


@must(USAGE, on=BOTH, needs=CONTENT)
def what_is_counted_is_there(exchange: Exchange) -> Iterator[Finding]:
    """An answer that counts tokens of output has content.

    Google leaves a candidate without content, for instance after a malformed function call, and then counts nothing.
    Tokens that are counted and not there were lost on the way, and paid for.

    Fix: pass every part on, those of kinds you don't know too.
    """
    tokens = count(exchange, "candidatesTokenCount")
    if tokens < 1 or not any(each.get("finishReason") not in STOP for _, each in candidates(exchange)):
        raise Absent("nothing was counted, or told by answer_is_not_empty")
    if not any(holds(each) for _, each in candidates(exchange)):
        reasons = [each.get("finishReason") for _, each in candidates(exchange)]
        yield Finding("/candidates/0/content", f"missing or empty ({shown(reasons)}), but {tokens} tokens are counted")


@must(CANDIDATE, on=BOTH)
def enums_are_names(exchange: Exchange) -> Iterator[Finding]:
    """finishReason and its like are names, unless the URL asks for `enum-encoding=int`.

    Numbers are how they look inside of Google. Clients compare names.

    Fix: convert the upstream's answer with its names.
    """
    if "enum-encoding=int" in unquote(exchange.request.url):
        raise Absent("numbers were asked for")
    found = judged([pair for path in ENUMS for pair in exchange.find(path)], "no enums")
    for at, value in found:
        if is_a(value, int):
            yield Finding(at, f"{value}")


@must(PART, on=BOTH)
def part_holds_one_thing(exchange: Exchange) -> Iterator[Finding]:
    """A part holds exactly one thing: a text, a call, a picture, ...

    Clients look for the first they know. Of two in one part the other is lost; a part with none is a hole.

    Fix: write each thing of the upstream's answer into a part of its own.
    """
    found = [
        (f"{place} {at}".strip(), part)
        for place, document in chunks(exchange.answered)
        for at, part in find(document, "/candidates/*/content/parts/*", dict)
    ]
    for at, part in judged(found, "no parts"):
        kinds = [key for key in DATA if part.get(key) is not None]
        if len(kinds) > 1:
            yield Finding(at, f"{' and '.join(kinds)} in one part")
        elif not any(value is not None for value in part.values()):
            yield Finding(at, "an empty part")


@must(PART, on=BOTH, needs=CONTENT)
def inline_data_is_what_it_says(exchange: Exchange) -> Iterator[Finding]:
    """inlineData.data is base64, and its first bytes fit its mimeType.

    Viewers choose their decoder by the type; a data URL, an address, or an error page in its place breaks them.

    Fix: put the bytes alone into `data`, without `data:image/png;base64,` before them.
    """
    for at, blob in some(exchange, "/candidates/*/content/parts/*/inlineData", dict):
        kind, text = get(blob, "/mimeType", str, ""), get(blob, "/data", str)
        if text is None:
            continue
        data = _decoded(text)
        if not data:
            yield Finding(f"{at}/data", f"no base64: {shown(text[:60])}" if text else "empty")
        elif not data.startswith(MAGIC.get(kind.split(";")[0].lower(), (b"",))):
            yield Finding(f"{at}/data", f"begins with {data[:8]!r}, which is no {kind}")


def _decoded(text: str) -> bytes | None:
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


@must(USAGE, on=BOTH)
def total_is_the_sum(exchange: Exchange) -> Iterator[Finding]:
    """totalTokenCount is the sum of prompt, candidates, thoughts, and the prompts of tools.

    Buyers are billed by these numbers; where the parts are less than the whole, something was billed and not told.

    Fix: pass usageMetadata on unchanged, with the keys that you don't know; or recompute all together.
    """
    total = exchange.one("/usageMetadata/totalTokenCount", int)
    told = {key: count(exchange, key) for key in ADDED_UP}
    if total != sum(told.values()):
        each = ", ".join(f"{key} {value}" for key, value in told.items() if value)
        yield Finding("/usageMetadata/totalTokenCount", f"{total}, but the sum is {sum(told.values())} ({each})")


@must(USAGE, on=BOTH, relay=SHOULD, when=lambda exchange: not sends_files(exchange))
def total_is_told(exchange: Exchange) -> Iterator[Finding]:
    """usageMetadata has a totalTokenCount.

    It is what buyers are billed by. Google itself leaves it out only when the prompt has a file behind an address.

    Fix: pass usageMetadata on unchanged; add up the parts where the upstream has no total.
    """
    usage = exchange.one("/usageMetadata", dict)
    if "candidatesTokenCount" not in usage:
        raise Absent("told by the schema")
    if "totalTokenCount" not in usage:
        yield Finding("/usageMetadata/totalTokenCount", f"missing beside {', '.join(sorted(usage))}")


def sends_files(exchange: Exchange) -> bool:
    """True when the prompt names files by their address."""
    contents = get(asked(exchange), "/contents", list, [])
    return any(gemini.member(part, "fileData") for each in contents for part in gemini.parts(each))


@must(USAGE, on=BOTH, relay=SHOULD)
def usage_details_fit_their_totals(exchange: Exchange) -> Iterator[Finding]:
    """No part of the usage is larger than its whole: cached tokens fit the prompt, details fit their totals.

    A relay that bills the parts bills more than there was.

    Fix: pass usageMetadata on unchanged.
    """
    cached = [(f"/usageMetadata/{name}", count(exchange, name), "promptTokenCount") for name in _cached(exchange)]
    for name, whole in PARTS_OF.items():
        parts = [tokens for _, tokens in exchange.find(f"/usageMetadata/{name}/*/tokenCount", int)]
        cached += [(f"/usageMetadata/{name}", sum(parts), whole)] if parts else []
    for at, part, whole in judged(cached, "no details"):
        if part > count(exchange, whole):
            yield Finding(at, f"{part} is more than {whole} {count(exchange, whole)}")


def _cached(exchange: Exchange) -> list[str]:
    name = "cachedContentTokenCount"
    return [name] if count(exchange, name) else []


@must(USAGE, on=BOTH)
def tokens_are_counted(exchange: Exchange) -> Iterator[Finding]:
    """An answer with text or a call has at least one token of prompt and one of output.

    A zero is a count that got lost on the way; whoever meters by it gives the answer away, or bills a guess later.
    Google itself leaves the count of output out for Gemma, for several candidates, and for a word.

    Fix: pass the upstream's usageMetadata on; in a stream that of the last chunk.
    """
    usage, size = exchange.one("/usageMetadata", dict), spoken(exchange)
    if not size:
        raise Absent("nothing was said")
    if usage.get("promptTokenCount") == 0:
        yield Finding("/usageMetadata/promptTokenCount", "0 for a request with contents")
    if usage.get("candidatesTokenCount") == 0:
        yield Finding("/usageMetadata/candidatesTokenCount", "0 for an answer that is not empty")
    google_would = len(candidates(exchange)) > 1 or "gemini" not in exchange.model or size < BYTES_A_TOKEN
    if "candidatesTokenCount" not in usage and not google_would:
        yield Finding("/usageMetadata/candidatesTokenCount", "missing for an answer that is not empty")


def spoken(exchange: Exchange) -> int:
    """Bytes of all that is said and called. Raises Absent without a candidate."""
    found = [gemini.said(get(each, "/content")) for _, each in candidates(exchange)]
    found += [json.dumps(call) for _, call in exchange.find("/candidates/*/content/parts/*/functionCall", dict)]
    return sum(len(text.encode(errors="replace")) for text in found)


@must(OBSERVED, on=BOTH, needs=CONTENT)
def token_counts_are_possible(exchange: Exchange) -> Iterator[Finding]:
    """No count is out of all proportion to the text: a token is at most some 24 bytes of it, and at least a byte.

    A relay that counts by itself, or only the first piece of a stream, writes numbers that the text can't have.

    Fix: pass the upstream's usageMetadata on unchanged.
    """
    output, size = (
        count(exchange, "candidatesTokenCount"),
        sum(len(text.encode(errors="replace")) for _, text in texts(exchange)),
    )
    if output and output * BYTES_A_TOKEN < size:
        yield Finding("/usageMetadata/candidatesTokenCount", f"{output} for {size:,} bytes of text")
    kinds = {key for _, part in exchange.find("/candidates/*/content/parts/*", dict) for key in part}
    if kinds <= {"text", "thoughtSignature"} and not runs_tools(exchange) and output > size + UNSEEN_TOKENS:
        yield Finding("/usageMetadata/candidatesTokenCount", f"{output} for {size:,} bytes of text")
    prompt, sent = count(exchange, "promptTokenCount"), len(gemini.prompt(asked(exchange)).encode(errors="replace"))
    if prompt and prompt * BYTES_A_TOKEN < sent:
        yield Finding("/usageMetadata/promptTokenCount", f"{prompt} for {sent:,} bytes of prompt")


def _limit(exchange: Exchange) -> int:
    """maxOutputTokens. Raises Absent when none was asked for, or when tools make several answers of one."""
    limit = gemini.setting(asked(exchange), "maxOutputTokens", int)
    if not limit or limit < 0 or runs_tools(exchange):
        raise Absent("no limit, or one that holds for each of several calls")
    return int(limit)


@must(CONFIG, on=BOTH)
def token_limit_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """Candidates and thoughts together have at most `maxOutputTokens` tokens.

    The limit is how a buyer bounds the price of a request. One token more is let pass: Google counts so now and then.

    Fix: pass generationConfig.maxOutputTokens on under the name that the upstream's model knows.
    """
    limit, number = _limit(exchange), len(candidates(exchange))
    if counted(exchange) > (limit + 1) * number:
        yield Finding("/usageMetadata", f"{counted(exchange)} tokens of output, but the limit is {limit}")


@must(CANDIDATE, on=BOTH, needs=CONTENT)
def cut_answer_says_max_tokens(exchange: Exchange) -> Iterator[Finding]:
    """An answer that used up `maxOutputTokens` ends with finishReason `MAX_TOKENS`.

    With `STOP` the client takes half an answer for a whole one. An answer may end of itself on the last token that
    was allowed, so only a text that stops in the middle of a word or sentence counts. Of several candidates each must
    have used up the limit, which only their sum shows.

    Fix: pass the upstream's reason on; OpenAI's `length` is `MAX_TOKENS` here.
    """
    limit, found = _limit(exchange), candidates(exchange)
    if counted(exchange) < limit * len(found) or limit < 2 or called(exchange):
        raise Absent("the limit was not reached")
    for at, candidate in found:
        text = gemini.said(get(candidate, "/content"))
        if candidate.get("finishReason") in STOP and breaks_off(text):
            what = f'"STOP" after {counted(exchange)} of {limit * len(found)} tokens, at {shown(text[-40:])}'
            yield Finding(f"{at}/finishReason", what)


@should(CANDIDATE, on=BOTH)
def max_tokens_means_the_limit_was_used(exchange: Exchange) -> Iterator[Finding]:
    """finishReason `MAX_TOKENS` comes with about as many tokens of output as were allowed.

    Where an answer is cut after 8 of 64 tokens, the relay has set a limit of its own, or counts another way.

    Fix: pass maxOutputTokens on as it is, and the upstream's usage back.
    """
    ended(exchange, CUT)
    used, limit = counted(exchange), _limit(exchange)
    if used * BYTES_A_TOKEN < spoken(exchange):
        raise Absent("told by token_counts_are_possible")
    if used < limit * 0.8 - 2:
        yield Finding("/usageMetadata", f"{used} tokens of output, but the limit was {limit}")


def stops(exchange: Exchange) -> list[str]:
    """The request's stop sequences."""
    given = gemini.setting(asked(exchange), "stopSequences", list, [])
    return [each for each in given if isinstance(each, str) and each]


@must(CONFIG, on=BOTH, needs=CONTENT, when=lambda exchange: bool(stops(exchange)))
def stop_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """No stop sequence stands in the text.

    Clients cut protocols out of text by stop sequences; text behind one is text they never meant to read, or to pay.

    Fix: pass generationConfig.stopSequences on, all of them.
    """
    for at, text in texts(exchange):
        for stop in stops(exchange):
            if stop in text:
                yield Finding(at, f"{shown(stop)} stands in {shown(text[:80])}")


def wants_json(exchange: Exchange) -> bool:
    """True when the request asks for JSON."""
    return bool(gemini.setting(asked(exchange), "responseMimeType") == "application/json")


def finished_texts(exchange: Exchange) -> list[tuple[str, str]]:
    """The texts of the candidates that ended with STOP and called nothing. Raises Absent when there is none."""
    free = [(at, get(each, "/content")) for at, each in ended(exchange, STOP)]
    plain = [(f"{at}/content", gemini.said(content)) for at, content in free if not _calls(content)]
    return judged([(at, text) for at, text in plain if text], "no text that ended by itself")


def _calls(content: Any) -> bool:
    return any("functionCall" in part for part in gemini.parts(content))


@must(CONFIG, on=BOTH, needs=CONTENT, when=wants_json)
def json_is_delivered(exchange: Exchange) -> Iterator[Finding]:
    """With `responseMimeType: application/json`, text that ended with STOP is JSON, valid under responseSchema.

    The client parses it at once. Prose around it, a Markdown fence, or keys of the model's own mean that the relay
    dropped the setting and answered 200 all the same.

    Fix: pass responseMimeType and responseSchema on; refuse them where the upstream can't keep them.
    """
    wanted = gemini.wanted_schema(asked(exchange))
    for at, text in finished_texts(exchange):
        found = values(text)
        if not found:
            not_cut(stops(exchange), text)
            yield Finding(at, f"no JSON: {shown(text)}")
        elif wanted is not None and not all(schema.fits(wanted, value) for value in found):
            for mismatch in schema.mismatches_of(wanted, found[0]):
                yield Finding(at, f"{mismatch.where or '/'}: {mismatch.what}")


@must(
    CONFIG,
    on=BOTH,
    needs=CONTENT,
    when=lambda exchange: gemini.setting(asked(exchange), "responseMimeType") == "text/x.enum",
)
def one_of_the_enum_is_delivered(exchange: Exchange) -> Iterator[Finding]:
    """With `responseMimeType: text/x.enum`, text that ended with STOP is one of the values of responseSchema.enum.

    The client looks it up as it is.

    Fix: pass responseMimeType and responseSchema on.
    """
    wanted = get(gemini.wanted_schema(asked(exchange)), "/enum", list)
    if not wanted:
        raise Absent("no values were given")
    for at, text in finished_texts(exchange):
        if text.strip() not in wanted:
            yield Finding(at, f"{shown(text)} is none of {shown(wanted)}")


def offered(exchange: Exchange) -> dict[str, dict[str, Any]]:
    """The functions that the request declares."""
    return gemini.functions(asked(exchange))


def permitted(exchange: Exchange) -> set[str]:
    """The declared functions that may be called: allowedFunctionNames can leave some out."""
    allowed = gemini.allowed(asked(exchange))
    return {name for name in offered(exchange) if not allowed or name in allowed}


def forces(exchange: Exchange) -> bool:
    """True when the request forces a function call."""
    return gemini.mode(asked(exchange)) == "ANY" and bool(permitted(exchange))


def constrained(exchange: Exchange) -> bool:
    """True when the decoder, not the model, keeps calls to what was declared."""
    return gemini.mode(asked(exchange)) in ("ANY", "VALIDATED") and bool(permitted(exchange))


@must(CALL, on=BOTH, when=lambda exchange: bool(offered(exchange)))
def called_function_was_declared(exchange: Exchange) -> Iterator[Finding]:
    """A called function is one that the request declared.

    A name that a relay joined, prefixed or shortened can't be found by the client. A model may invent a name: where
    nothing forces a call, and the name is like none that was declared, that is told by names_are_not_invented.

    Fix: pass names on unchanged; undo a prefix that was added for the upstream.
    """
    for at, name in named_calls(exchange):
        if name not in offered(exchange) and (constrained(exchange) or _alike(name, offered(exchange))):
            declared = ", ".join(sorted(offered(exchange)))
            yield Finding(at, f"{shown(name)} was not declared; declared: {declared}")


def _alike(name: str, declared: dict[str, Any]) -> bool:
    low = name.lower()
    return any(each.lower() in low or (len(low) > 2 and low in each.lower()) for each in declared)


@should(CALL, on=BOTH, when=lambda exchange: bool(offered(exchange)) and not constrained(exchange))
def names_are_not_invented(exchange: Exchange) -> Iterator[Finding]:
    """A model that is free to call calls a function that was declared.

    A weak model invents one now and then; often it is the relay that dropped the declarations.

    Fix: compare the tools that reached the upstream with those that were sent.
    """
    for at, name in named_calls(exchange):
        if name and name not in offered(exchange) and not _alike(name, offered(exchange)):
            yield Finding(at, f"{shown(name)}; declared: {', '.join(sorted(offered(exchange)))}")


@must(CALLING, on=BOTH, when=forces)
def forced_call_is_made(exchange: Exchange) -> Iterator[Finding]:
    """With mode ANY every candidate calls a function.

    The decoder forces it, so it does not depend on the model. A text instead means that toolConfig was dropped, or
    the call lost on the way; an answer that the token limit or a filter cut tells nothing.

    Fix: pass toolConfig on, and functionCall parts back, in streams too.
    """
    for at, candidate in candidates(exchange):
        if candidate.get("finishReason") not in STOP or _calls(get(candidate, "/content")):
            continue
        if holds(candidate):
            yield Finding(f"{at}/content", f"no call, but {shown(gemini.said(get(candidate, '/content')))}")


@must(CALLING, on=BOTH, when=lambda exchange: constrained(exchange) and bool(gemini.allowed(asked(exchange))))
def only_allowed_functions_are_called(exchange: Exchange) -> Iterator[Finding]:
    """With allowedFunctionNames only those functions are called.

    The client reads the arguments as that function's.

    Fix: pass toolConfig on as a whole; where the upstream knows one name only, refuse more.
    """
    wanted = gemini.allowed(asked(exchange))
    for at, name in named_calls(exchange):
        if name in offered(exchange) and name not in permitted(exchange):
            yield Finding(at, f"{shown(name)} is none of {shown(wanted)}")


@must(CALLING, on=BOTH, when=lambda exchange: gemini.mode(asked(exchange)) == "NONE")
def mode_none_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """With mode NONE no function is called.

    The client has no loop for calls at this turn, and breaks on one.

    Fix: pass toolConfig on; where the upstream knows no NONE, leave the tools out.
    """
    candidates(exchange)
    for at, call in exchange.find("/candidates/*/content/parts/*/functionCall", dict):
        yield Finding(at, f"{shown(call.get('name'))} was called")


@must(CALL, on=BOTH, when=lambda exchange: not gemini.tools(asked(exchange)))
def no_call_without_tools(exchange: Exchange) -> Iterator[Finding]:
    """A request without tools gets no function call.

    The client has nothing to run. Such calls are made of text that happens to look like one, or come from a cache.

    Fix: do not parse calls out of text when nothing was declared.
    """
    if gemini.member(asked(exchange), "cachedContent"):
        raise Absent("the tools may stand in the cached content")
    candidates(exchange)
    for at, call in exchange.find("/candidates/*/content/parts/*/functionCall", dict):
        yield Finding(at, f"{shown(call.get('name'))} was called, but nothing was declared")


@must(CALL, on=BOTH)
def calls_end_with_stop(exchange: Exchange) -> Iterator[Finding]:
    """A candidate that calls a function ends with STOP: Gemini has no reason of its own for calls.

    Clients treat any other reason as a failure, and drop the call.

    Fix: map tool_calls and tool_use to STOP.
    """
    calls(exchange)
    for at, candidate in candidates(exchange):
        reason = candidate.get("finishReason")
        if _calls(get(candidate, "/content")) and reason and reason not in (*CALLS_MAY_END, *BLOCKING):
            yield Finding(f"{at}/finishReason", f"{shown(reason)} with a function call")


@must(CALL, on=BOTH)
def call_ids_are_unique(exchange: Exchange) -> Iterator[Finding]:
    """Where function calls have ids, each has one of its own.

    The client sends the result back under it; two calls of one id can't be answered.

    Fix: make one id per call, or leave ids out.
    """
    seen: dict[str, str] = {}
    for at, name in some(exchange, "/candidates/*/content/parts/*/functionCall/id", str):
        mine = f"{at.split('/')[2]} {name}"
        if mine in seen:
            yield Finding(at, f"{shown(name)} is the id of two calls")
        seen[mine] = at


@must(PART, on=BOTH, relay=SHOULD, when=lambda exchange: bool(SIGNING.search(exchange.get("/modelVersion", str, ""))))
def calls_are_signed(exchange: Exchange) -> Iterator[Finding]:
    """Function calls of Gemini 3 and later come with a thoughtSignature.

    The next turn sends it back, and the model refuses a call whose signature is lost.

    Fix: pass every key of a part on, in streams too.
    """
    calls(exchange)
    if not any(part.get("thoughtSignature") for _, part in exchange.find("/candidates/*/content/parts/*", dict)):
        yield Finding(calls(exchange)[0][0], "no thoughtSignature beside it")


@must(OBSERVED, on=BOTH)
def arguments_are_not_wrapped(exchange: Exchange) -> Iterator[Finding]:
    """`args` holds the arguments themselves, not their JSON text under a key of its own.

    Converters that treat each fragment of OpenAI's `arguments` as a call write `{"arguments": "{\\"ci"}`. The client
    looks for `city`, and finds nothing.

    Fix: join the fragments of a call, parse them, and put the object into `args`.
    """
    known = offered(exchange)
    for at, call in calls(exchange):
        args, declared = call.get("args"), known.get(str(call.get("name")), {})
        names = get(gemini.parameters(declared), "/properties", dict, {})
        if not isinstance(args, dict) or len(args) != 1:
            continue
        ((key, value),) = args.items()
        if key in WRAPPERS and key not in names and isinstance(value, str):
            yield Finding(f"{at}/args", shown(args))


def _misfits(exchange: Exchange) -> Iterator[Finding]:
    found = [
        (at, gemini.parameters(offered(exchange)[str(call["name"])]), call.get("args", {}))
        for at, call in calls(exchange)
        if get(call, "/name", str) in offered(exchange) and "partialArgs" not in call and not call.get("willContinue")
    ]
    fit = [each for each in found if each[1] is not None and isinstance(each[2], dict) and not _wrapped(each[2])]
    for at, wanted, args in judged(fit, "no such call"):
        for mismatch in schema.mismatches_of(wanted, args):
            yield Finding(f"{at}/args", f"{mismatch.where or '/'}: {mismatch.what}")


def _wrapped(args: dict[str, Any]) -> bool:
    return len(args) == 1 and next(iter(args)) in WRAPPERS


@must(CALLING, on=BOTH, needs=CONTENT, when=constrained)
def forced_arguments_fit_their_schema(exchange: Exchange) -> Iterator[Finding]:
    """With mode ANY or VALIDATED, the arguments are valid under the function's parameters.

    The decoder promises it, so it does not depend on the model; the client left out its own checks.

    Fix: pass functionDeclarations on whole; join the fragments of a call before they are parsed.
    """
    ended(exchange, STOP)
    yield from _misfits(exchange)


@should(CALL, on=BOTH, needs=CONTENT, when=lambda exchange: bool(offered(exchange)) and not constrained(exchange))
def arguments_fit_their_schema(exchange: Exchange) -> Iterator[Finding]:
    """Arguments are valid under the function's parameters.

    A weak model may miss; often it is the relay that dropped the schema on the way.

    Fix: compare the functionDeclarations that reached the upstream with those that were sent.
    """
    ended(exchange, STOP)
    yield from _misfits(exchange)


def thoughts(exchange: Exchange) -> list[tuple[str, dict[str, Any]]]:
    """The parts that are thoughts. Raises Absent when there is none."""
    every = exchange.find("/candidates/*/content/parts/*", dict)
    return judged([(at, part) for at, part in every if part.get("thought") is True], "no thoughts")


@must(CONFIG, on=BOTH, relay=SHOULD)
def thoughts_come_only_when_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """Parts with `thought: true` come only when thinkingConfig.includeThoughts asks for them.

    Clients that did not ask do not look for the mark, and show the model's notes as its answer.

    Fix: pass thinkingConfig on; leave thoughts out that nobody asked for.
    """
    found = thoughts(exchange)
    config = gemini.setting(asked(exchange), "thinkingConfig", dict, {})
    if not gemini.member(config, "includeThoughts"):
        yield Finding(found[0][0], f"a thought that nobody asked for: {shown(str(found[0][1].get('text'))[:80])}")


@must(USAGE, on=BOTH, relay=SHOULD)
def thoughts_are_counted(exchange: Exchange) -> Iterator[Finding]:
    """An answer that shows thoughts counts them in thoughtsTokenCount.

    They are billed as output. Without the count the buyer can't check the bill.

    Fix: pass thoughtsTokenCount on.
    """
    found = thoughts(exchange)
    exchange.one("/usageMetadata", dict)
    if count(exchange, "thoughtsTokenCount") < 1 and any(part.get("text") for _, part in found):
        told = exchange.get("/usageMetadata/thoughtsTokenCount")
        yield Finding("/usageMetadata/thoughtsTokenCount", f"{shown(told)} beside {len(found)} thought(s)")


def searches(exchange: Exchange) -> bool:
    """True when the request offers Google's search."""
    return bool(gemini.server_tools(asked(exchange)) & {"googleSearch", "googleSearchRetrieval"})


def _ungrounded(exchange: Exchange) -> list[str]:
    """Candidates that ended with STOP and a text, and have no groundingMetadata."""
    free = [(at, each) for at, each in ended(exchange, STOP) if gemini.said(get(each, "/content"))]
    plain = [(at, each) for at, each in free if not _calls(get(each, "/content"))]
    return [at for at, each in judged(plain, "no text") if not each.get("groundingMetadata")]


def _searched(exchange: Exchange) -> bool:
    last = get(asked(exchange), "/contents", list, [])[-1:]
    return count(exchange, "toolUsePromptTokenCount") > 0 or bool(CURRENT.search(gemini.prompt({"contents": last})))


@must(GROUNDING, on=BOTH, when=lambda exchange: searches(exchange) and _searched(exchange))
def search_shows_its_sources(exchange: Exchange) -> Iterator[Finding]:
    """A question that needs the search, asked with `googleSearch`, is answered with groundingMetadata.

    It holds the sources, and the search suggestions that Google's terms want to be shown. Search is billed; without
    the metadata nobody can tell an answer that was looked up from one that was made up.

    Fix: pass tools on to a model that searches, and every key of the candidate back.
    """
    for at in _ungrounded(exchange):
        tokens = count(exchange, "toolUsePromptTokenCount")
        yield Finding(f"{at}/groundingMetadata", f"missing{f', but the search used {tokens} tokens' * bool(tokens)}")


@should(GROUNDING, on=BOTH, when=lambda exchange: searches(exchange) and not _searched(exchange))
def search_is_used(exchange: Exchange) -> Iterator[Finding]:
    """An answer to a request with `googleSearch` has groundingMetadata.

    A model may answer a plain question without a search. Where it never searches, the relay drops the tool, or what
    the search found.

    Fix: pass tools on, and every key of the candidate back.
    """
    for at in _ungrounded(exchange):
        yield Finding(f"{at}/groundingMetadata", "missing")


def _names(exchange: Exchange) -> tuple[str, str]:
    """(model asked for, model that answered). Raises Absent when one is not told."""
    answered = exchange.one("/modelVersion", str).removeprefix("models/")
    wanted = unquote(exchange.model).removeprefix("models/")
    if not answered or not wanted or wanted == "unknown":
        raise Absent("no names")
    return wanted, answered


@must(RESPONSE, on=BOTH)
def model_is_the_one_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """`modelVersion` names the model that was asked for, or a newer one of the same kind.

    Another kind (flash for pro, or another maker's) means another model answered. That is for the relay to explain;
    nothing more is said here.

    Fix: route to the model that was asked for, and name in the answer what really answered.
    """
    wanted, answered = _names(exchange)
    if not _of_one_kind(wanted, answered):
        yield Finding("/modelVersion", f"{shown(answered)} answered, {shown(wanted)} was asked for")


def _of_one_kind(wanted: str, answered: str) -> bool:
    kinds = [set(KINDS.findall(name.lower())) for name in (wanted, answered)]
    return not all(kinds) or bool(kinds[0] & kinds[1])


@should(RESPONSE, on=BOTH)
def model_is_named_plainly(exchange: Exchange) -> Iterator[Finding]:
    """`modelVersion` is the name that was asked for, or a snapshot of it, without a channel's prefix.

    Clients look prices and limits up by this name. Names that Google itself moves (latest, preview, exp) may answer
    with another.

    Fix: take the provider's prefix off, and answer with the version that was asked for.
    """
    wanted, answered = _names(exchange)
    if re.search(r"latest|preview|exp", wanted) or not _of_one_kind(wanted, answered):
        raise Absent("a name that is moved, or told by model_is_the_one_asked_for")
    if not same_model(wanted, answered):
        yield Finding("/modelVersion", f"{shown(answered)} for {shown(wanted)}")


@must(OBSERVED, on=BOTH, when=lambda exchange: exchange.expect.get("answer") is True)
def rejection_is_no_answer(exchange: Exchange) -> Iterator[Finding]:
    """A relay that can't answer says so with a status, never as the model's own words.

    The client stores the excuse as the model's answer, and pays for it.

    Fix: answer 429 or 503 with an error object.
    """
    for at, text in texts(exchange):
        if EXCUSE.match(text):
            yield Finding(at, shown(text[:120]))


@must(RESPONSE, on=BOTH, needs=IDS, across=together)
def ids_of_two_answers_differ(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Two answers never share a responseId, also when the requests were the same.

    A shared id is a cached answer, sold twice; and logs that are joined by id mix the two up.

    Fix: pass the upstream's id on; give a cached answer one of its own.
    """
    seen: dict[str, str] = {}
    ids = [(each, str(each.get("/responseId", str, ""))) for each in exchanges if each.succeeded]
    for each, name in judged([pair for pair in ids if pair[1]], "no ids"):
        if name in seen:
            yield Finding("/responseId", f"{shown(name)} in exchanges {seen[name]} and {each.id}")
        seen.setdefault(name, each.id)


@should(USAGE, on=BOTH, across=repeats)
def same_prompt_has_same_tokens(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """The same request has the same promptTokenCount each time.

    The prompt did not change; a count that does is a guess, or includes something that the relay put in.

    Fix: pass the upstream's count on.
    """
    first, second = (each.one("/usageMetadata/promptTokenCount", int) for each in exchanges)
    if first != second:
        yield Finding("/usageMetadata/promptTokenCount", f"{first}, then {second}, for the same request")


@must(USAGE, on=BOTH, relay=SHOULD, across=streamed_and_not)
def streamed_prompt_has_same_tokens(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """A streamed request has the same promptTokenCount as the same request without a stream.

    Nothing but the way back differs. A relay that estimates streams bills two prices for one thing.

    Fix: take the count of the upstream's last chunk.
    """
    whole, streamed = (each.one("/usageMetadata/promptTokenCount", int) for each in exchanges)
    if whole != streamed:
        yield Finding("/usageMetadata/promptTokenCount", f"{streamed} streamed, {whole} not streamed")


@must(CALL, on=BOTH, across=streamed_and_not)
def streamed_calls_are_kept(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """A request that gets a function call gets one in a stream as well.

    Converters that know text chunks only drop calls; the client sees an empty answer that ended well. A model that is
    free may answer in words the second time: that is no measurement, unless more tokens were counted than it said.

    Fix: convert functionCall parts in both paths by the same code.
    """
    whole, streamed = exchanges
    if not called(whole) or called(streamed) or streamed.get("/candidates/0/finishReason") not in STOP:
        ended(whole, STOP), candidates(streamed)
        if not called(whole):
            raise Absent("no call to compare with")
        return
    text = gemini.said(streamed.get("/candidates/0/content"))
    if forces(streamed) and text:
        raise Absent("told by forced_call_is_made")
    if not text and not answers_results(streamed):
        raise Absent("told by answer_is_not_empty")
    if count(streamed, "candidatesTokenCount") <= len(text.encode(errors="replace")):
        raise Untested(f"the model said another thing the second time: {shown(text[:60])}")
    yield Finding("/candidates/0/content", f"no function call streamed, but {shown(text[:60])}")


@must(OBSERVED, on=BOTH, needs=CONTENT, across=streamed_and_not)
def streamed_text_loses_nothing(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """A line that the model repeats word for word arrives in a stream as it does without one.

    Relays that compare a chunk with the one before drop every second of two equal ones; others send each chunk twice,
    or the whole text again at the end, or chunks in another order. Models may differ between two calls, so only a
    loss, a doubling or the same letters in another order count.

    Fix: pass each chunk on once, whatever the one before it was.
    """
    line = exchanges[0].expect.get("echo")
    if not line:
        raise Absent("no line to repeat")
    whole, streamed = (gemini.said(get(candidates(each)[0][1], "/content")).strip() for each in exchanges)
    if whole and whole == streamed:
        return
    if line not in whole:
        raise Untested(f"the model did not repeat the line: {shown(whole[:60])}")
    if not (is_part_of(streamed, whole) or is_part_of(whole, streamed) or is_damaged(streamed, whole)):
        raise Untested(f"the model said another thing the second time: {shown(streamed[:60])}")
    yield Finding("/candidates/0/content", f"streamed {shown(streamed)}, not streamed {shown(whole)}")


def told(exchange: Exchange) -> dict[str, Any]:
    """The error of a refusal, out of its array of one on a stream. Raises Absent when there is none."""
    body = exchange.answered.json
    error = get(body[0] if isinstance(body, list) and body else body, "/error", dict)
    if error is None:
        raise Absent("told by the schema")
    return dict(error)


@must(ERRORS, on=(*BOTH, MODELS), answers=REFUSED, relay=SHOULD, needs=STATUS, when=in_dialect)
def error_code_is_the_status(exchange: Exchange) -> Iterator[Finding]:
    """`error.code` is the HTTP status.

    Google's SDK raises by the one and shows the other.

    Fix: write the status that is sent into error.code.
    """
    code = told(exchange).get("code")
    if not is_a(code, int):
        raise Absent("told by the schema")
    if code != exchange.status:
        yield Finding("/error/code", f"{code} with status {exchange.status}")


@must(CODES, on=(*BOTH, MODELS), answers=REFUSED, relay=SHOULD, needs=STATUS, when=in_dialect)
def error_status_fits_the_code(exchange: Exchange) -> Iterator[Finding]:
    """`error.status` is the word that goes with the HTTP status: 404 NOT_FOUND, 429 RESOURCE_EXHAUSTED, ...

    Clients branch on either; where the two disagree one half of them does the wrong thing.

    Fix: choose the word by the status that is sent.
    """
    word = get(told(exchange), "/status", str)
    if exchange.status not in WORDS or word not in {each for words in WORDS.values() for each in words}:
        raise Absent("not a pair of the list")
    if word not in WORDS[exchange.status]:
        yield Finding("/error/status", f"{word} with status {exchange.status}")


GOOGLE_FORMS = ("x-goog-api-key", "?key=")
BEARER = "Authorization: Bearer"


def key_form(exchange: Exchange) -> str:
    """How the request gives its key; "" when it gives none."""
    request = exchange.request
    if request.header("x-goog-api-key"):
        return GOOGLE_FORMS[0]
    if parse_qs(query(request.url)).get("key"):
        return GOOGLE_FORMS[1]
    return BEARER if request.header("authorization") else ""


def _refused_forms(exchanges: tuple[Exchange, ...], *forms: str) -> Iterator[Finding]:
    good = [each for each in exchanges if each.expect.get("answer") is True and key_form(each)]
    if not any(each.succeeded for each in good):
        raise Absent("the key is to be good in one form")
    sent = judged([each for each in good if key_form(each) in forms], "no such form was sent")
    for form in forms:
        same = [each for each in sent if key_form(each) == form]
        refused = [each for each in same if each.status in (400, 401, 403) and _about_the_key(each)]
        if refused and not any(each.succeeded for each in same):
            yield Finding(form, f"{refused[0].status} with a key that another form opens: {said(refused[0])}")


def _about_the_key(exchange: Exchange) -> bool:
    return exchange.status != 400 or "key" in exchange.answered.text.lower()


@must(CLIENT, on=(*BOTH, MODELS), answers=ANY, needs=(HEADERS, STATUS), across=together)
def google_forms_of_the_key_are_taken(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The key is taken as Google's clients send it: in the header `x-goog-api-key`, and as `?key=` in the URL.

    The SDK sends the header, most shell scripts the parameter. A relay that reads Authorization alone answers both
    with 401, though the key is good.

    Fix: on Gemini paths read the key from either place.
    """
    yield from _refused_forms(exchanges, *GOOGLE_FORMS)


@should(OBSERVED, on=(*BOTH, MODELS), answers=ANY, needs=(HEADERS, STATUS), across=together)
def bearer_key_is_taken(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The key is taken as `Authorization: Bearer` on Gemini paths as well.

    Relays promise one form of the key for everything they serve.

    Fix: read the key from Authorization, too.
    """
    if not any("/v1beta" in each.request.url and key_form(each) == BEARER for each in exchanges):
        raise Absent("no such form was sent")
    yield from _refused_forms(exchanges, BEARER)


@must(LIST, on=MODELS, when=google_list)
def names_are_unique(exchange: Exchange) -> Iterator[Finding]:
    """Every model stands in Gemini's list once.

    Clients fill menus from it, and take the name as a key.

    Fix: remove doubles when the lists of several channels are joined.
    """
    names = [name for _, name in some(exchange, "/models/*/name", str)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding("/models", f"{shown(name)} stands {names.count(name)} times")


def google_key(exchange: Exchange) -> bool:
    """True for GET /v1/models with the key in one of Google's forms."""
    request = exchange.request
    return bool(re.search(r"/v1/models/?$", request.path)) and key_form(exchange) in GOOGLE_FORMS


@should(OBSERVED, on=MODELS, answers=ANY, needs=(HEADERS, STATUS), when=google_key)
def google_key_opens_the_common_list(exchange: Exchange) -> Iterator[Finding]:
    """GET /v1/models with the key in `x-goog-api-key` is answered with a list.

    new-api takes the header for a request for one model, looks for one with an empty name, and says in a 200 that it
    does not exist.

    Fix: choose the dialect by the path; answer with a list, in either form.
    """
    if exchange.status == 404:
        raise Absent("no such path")
    body = exchange.answered.json if exchange.succeeded else None
    if get(body, "/error"):
        raise Absent("told by error_is_not_a_success")
    if get(body, "/data", list) is None and get(body, "/models", list) is None:
        yield Finding("status", f"{exchange.status}: {said(exchange)}")
