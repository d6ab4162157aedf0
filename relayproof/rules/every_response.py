"""What holds for every response, whatever the surface: it arrives whole, says what it is, and gives nothing away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from relayproof.exchange import CONTENT, FRAMING, HEADERS, IDS, STATUS, Ended, Exchange, Response
from relayproof.groups import together
from relayproof.pointer import Absent, get
from relayproof.rule import ANY, OK, SHOULD, Finding, NotOffered, Untested, must, should
from relayproof.rules.sources import CORS, ERROR_CODES, HTTP, JSON_UTF8, NEW_API, OBSERVED
from relayproof.schema import shown
from relayproof.sse import BOM
from relayproof.surface import (
    ANTHROPIC_FAMILY,
    AUDIO,
    GEMINI_FAMILY,
    IMAGES,
    MIDJOURNEY,
    MODELS,
    NOT_THERE,
    OTHER,
    STREAMS,
    SURFACES,
)

EVERY = (*SURFACES, OTHER)
STREAMED = tuple(STREAMS.values())
WHOLE = tuple(surface for surface in SURFACES if surface not in (*STREAMED, AUDIO))
REFUSED_FOR_NOW = (401, 402, 403, 429)
BUSY, OVERLOADED = 503, 529
CLIENTS_MISTAKE = (400, 404, 422)
UNSUPPORTED = re.compile(
    r"(?i)not? .{0,30}(?:support|enabled)|unsupported|unavailable|only .{0,30}support|supports? only|"
    r"not allowed|can't see|requires --|不支持|无法识别|deprecated|mmproj"
)
TEXT_ONLY = re.compile(r"(?i)unknown variant|(?:should|must) be a (?:valid )?string|expected .{0,12}text")
SEES = r"image|picture|vision|visual|modal|图"
EXTRAS = (
    ("/tools", r"tool|function|工具"),
    ("/functions", r"tool|function|工具"),
    ("/n", r"\bn\b|choice|candidate"),
    ("/generationConfig/candidateCount", r"candidate"),
    ("/logprobs", r"logprob"),
    ("/echo", r"\becho\b"),
    ("/response_format", r"response_format|json|schema|structured"),
    ("/messages/*/content/*/image_url", SEES),
    ("/messages/*/content/*/source", SEES),
    ("/contents/*/parts/*/inlineData", SEES),
)
NO_ROOM = re.compile(r"max_tokens or model output limit was reached")
EVENTS = re.compile(rb"\s*(?:\xef\xbb\xbf)?(?:data|event|id|retry|)?:")
GZIP = b"\x1f\x8b"
UNPACKED = ("gzip", "x-gzip", "deflate")
RATE_LIMITS = (
    ("x-ratelimit-", "-requests"),
    ("x-ratelimit-", "-tokens"),
    ("anthropic-ratelimit-requests-", ""),
    ("anthropic-ratelimit-tokens-", ""),
)
COUNT = re.compile(r"[0-9]{1,18}")
HIGH, LOW = r"\\ud[89ab][0-9a-f]{2}", r"\\ud[c-f][0-9a-f]{2}"
LOST = re.compile(rf"\ufffd|(?<!\\)(?:\\\\)*(?:\\ufffd|{HIGH}(?!{LOW})|(?<!{HIGH}){LOW})", re.IGNORECASE)
PRIVATE = r"(?:(?:10|127)(?:\.\d{1,3}){3}|(?:192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2})"
PUBLIC = r"platform\.openai|api\.openai|help\.openai|docs\.|ai\.google|console\."
LEAKS = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "a hash"),
    (re.compile(r"Traceback \(most recent call last\)|File \"/\S+\.py\", line|\bat \S+\.[jt]s:\d+"), "a traceback"),
    (re.compile(rf"\b{PRIVATE}\b(?::\d+)?"), "an internal address"),
    (re.compile(rf"https?://(?!{PUBLIC})[\w.-]+(?::\d+)?/v1\S*"), "an upstream address"),
    (re.compile(r"\b\w+_\w*(?:Table|Token)\b"), "a database table"),
    (re.compile(r"https?://[\w.-]+\.(?:azure|amazonaws|googleapis)\.com/\S+"), "an upstream address"),
    (re.compile(r"(?i)\bchannel(?: ?id)? ?[#:=]{1,2} ?\d+|渠道(?: ?ID)? ?[#:：=]{1,2} ?\d+"), "a channel's number"),
    (re.compile(r"\bsk-(?!relayproof)[A-Za-z0-9_-]{24,}"), "a key"),
    (re.compile(r"(?:connect(?:ion)? to host|dial tcp:?|lookup) [\w.-]+\.[\w.:-]+"), "an upstream address"),
    (re.compile(r"<[\w. ]+ object at 0x[0-9a-f]+>"), "an object in memory"),
)


def is_missing(exchange: Exchange) -> bool:
    """True where an endpoint that not every relay has is not there; `missing` in `expect` names such a one."""
    return bool(exchange.expect.get("missing")) and exchange.status in NOT_THERE


def lacks(exchange: Exchange) -> bool:
    """True for a refusal that says that something is not there, or not supported, or (where text is all) no text."""
    text = exchange.answered.text
    typed = exchange.status in CLIENTS_MISTAKE and TEXT_ONLY.search(text)
    return is_missing(exchange) or bool(typed or UNSUPPORTED.search(text))


@must(OBSERVED, on=EVERY, answers=ANY)
def valid_request_is_answered(exchange: Exchange) -> Iterator[Finding]:
    """A request that the contract allows is answered with a 2xx status.

    A relay that sells a surface and refuses its plain use breaks every client of it. A refused key, an empty balance
    or a rate limit is no such failure: then nothing was measured. A 400 that says which extra (tools, pictures, n, log
    probabilities) the model does not have is none either: that is not offered.

    Fix: pass the request on with every field the contract allows; compare with the same request sent upstream.
    """
    if not exchange.expect.get("answer"):
        raise Absent("nobody said that this request is valid")
    if exchange.status in REFUSED_FOR_NOW or overloaded(exchange):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if not exchange.succeeded and exchange.expect.get("optional") and lacks(exchange):
        raise NotOffered(f"{exchange.expect['optional']}: {exchange.status}, {said(exchange)}")
    if exchange.status in NOT_THERE and of_another_family(exchange):
        raise NotOffered(f"not through {exchange.request.path}: {exchange.status}, {said(exchange)}")
    if exchange.status in CLIENTS_MISTAKE and has_none_of_it(exchange):
        raise NotOffered(f"the relay answered {exchange.status}: {said(exchange)}")
    if exchange.status in CLIENTS_MISTAKE and NO_ROOM.search(exchange.answered.text):
        raise Untested(f"the relay answered {exchange.status}: {said(exchange)}")
    if not exchange.succeeded:
        yield Finding("status", f"{exchange.status} for a valid request: {said(exchange)}")


def overloaded(exchange: Exchange) -> bool:
    """True when the relay says that it has too much to do: that is about the hour, not about the request."""
    return exchange.status == OVERLOADED or (exchange.status == BUSY and exchange.answered.has("retry-after"))


def of_another_family(exchange: Exchange) -> bool:
    """True for Claude or Gemini through the OpenAI path: a relay may sell them through their own only."""
    families = (*ANTHROPIC_FAMILY, *GEMINI_FAMILY)
    return exchange.expect.get("surface") in families and exchange.surface not in families


def has_none_of_it(exchange: Exchange) -> bool:
    """True for a refusal that names something beyond plain text which the request asks for, and says there is none."""
    text = exchange.answered.text
    named = (path for path, words in EXTRAS if re.search(words, text, re.IGNORECASE))
    return bool(UNSUPPORTED.search(text)) and any(exchange.asked(path) is not None for path in named)


@must(HTTP, on=EVERY, answers=ANY, partial=True)
def arrives_whole(exchange: Exchange) -> Iterator[Finding]:
    """A response arrives to its end, in time, and in a bounded size.

    A connection that is cut in the middle, or that never ends, leaves a client with half an answer that was paid for.

    Fix: look for proxy time-outs and for an upstream that died; end a broken answer with an error, not with silence.
    """
    response = exchange.answered
    if response.ended is not Ended.COMPLETE:
        size = sum(size for _, size in response.reads) or len(response.body)
        yield Finding("body", f"{response.ended} after {size:,} bytes and {response.seconds:.1f} s")


@must(
    HTTP,
    on=WHOLE,
    answers=OK,
    needs=CONTENT,
    when=lambda exchange: exchange.request.method not in ("OPTIONS", "HEAD") and not is_picture_stream(exchange),
)
def body_is_one_json_value(exchange: Exchange) -> Iterator[Finding]:
    """The body of a JSON answer is one JSON value, with nothing before or after it.

    An HTML page, a log line behind the object, a stream where none was asked for, a byte order mark, or a NaN: clients'
    parsers stop there.

    Fix: send the upstream's body byte for byte.
    """
    response = unpacked(exchange)
    try:
        response.json  # noqa: B018
    except Absent:
        yield Finding("body", f"no JSON value: {shown(response.text[:120])}")
        return
    if response.decoded.startswith(BOM):
        yield Finding("body", "a byte order mark before the JSON value")
    for word in _no_numbers(response.text):
        yield Finding("body", f"{word} is no JSON value")


def _no_numbers(text: str) -> list[str]:
    found: list[str] = []
    if "NaN" in text or "Infinity" in text:
        json.loads(text.removeprefix("\ufeff"), parse_constant=found.append)
    return sorted(set(found))


@must(HTTP, on=WHOLE, answers=OK, needs=HEADERS, when=lambda exchange: exchange.surface != MIDJOURNEY)
def json_is_labelled_as_json(exchange: Exchange) -> Iterator[Finding]:
    """A JSON answer says so in its Content-Type.

    Clients choose their parser by it; browsers and many SDKs refuse JSON under another label.

    Fix: send `Content-Type: application/json`.
    """
    kind = exchange.answered.content_type
    exchange.answered.json  # noqa: B018
    if not (kind == "application/json" or kind.endswith("+json")):
        yield Finding("header content-type", f"{kind or 'no media type'} for a JSON body")


@must(JSON_UTF8, on=EVERY, answers=ANY, needs=HEADERS)
def text_is_utf_8(exchange: Exchange) -> Iterator[Finding]:
    """Text is sent as UTF-8 and labelled with no other charset.

    Under another label every Chinese character turns into garbage in clients that believe the header.

    Fix: leave `charset` out, or say `utf-8`.
    """
    found = re.search(r"charset=\"?([\w-]+)", exchange.answered.header("content-type"), re.IGNORECASE)
    if not found:
        raise Absent("no charset is named")
    if found.group(1).lower() not in ("utf-8", "utf8"):
        yield Finding("header content-type", f"charset {found.group(1)}")


@must(JSON_UTF8, on=(*WHOLE, *STREAMED), answers=OK, needs=FRAMING)
def no_character_is_lost(exchange: Exchange) -> Iterator[Finding]:
    """No character arrives as U+FFFD, as broken UTF-8, or as half of an escaped pair.

    A proxy that decodes a stream block by block destroys every character that lies on a border, Chinese first; one
    that cuts a text by UTF-16 units tears emoji in two, and strict parsers refuse the halves.

    Fix: pass bytes on as they are, or decode with an incremental decoder.
    """
    if "\ufffd" in exchange.request.body.decode(errors="replace"):
        raise Absent("the request held such a character itself")
    text = unpacked(exchange).text
    found = LOST.search(text)
    if found:
        at = found.start()
        yield Finding("body", f"U+FFFD or half a character in {shown(text[max(0, at - 30) : at + 30])}")


@must(HTTP, on=EVERY, answers=ANY, needs=(HEADERS, FRAMING))
def content_encoding_is_true(exchange: Exchange) -> Iterator[Finding]:
    """The body is encoded as Content-Encoding says, and not encoded when nothing is said.

    A client that believes the header fails on the first byte, usually only on errors, where nobody looks.

    Fix: when the body is unpacked on the way, remove the header; when it is passed on packed, keep it.
    """
    response = exchange.answered
    encoding = response.header("content-encoding").lower()
    packed = response.body.startswith(GZIP)
    as_it_is = bool(response.body) and response.decoded is response.body
    if as_it_is and (encoding in UNPACKED or (encoding not in ("", "identity") and _is_plain(response))):
        yield Finding("header content-encoding", f"{encoding}, but the body is not: {shown(response.text[:60])}")
    if packed and not encoding and exchange.surface != AUDIO:
        yield Finding("body", "gzip bytes without a Content-Encoding header")
    if response.decoded is not response.body and response.decoded.startswith(GZIP):
        yield Finding("body", f"packed twice, labelled {encoding} once")


def _is_plain(response: Response) -> bool:
    """True for JSON or events that can be read as they are."""
    try:
        return response.json is not None
    except Absent:
        return bool(EVENTS.match(response.body))


@must(ERROR_CODES, on=EVERY, answers=OK, needs=STATUS, when=lambda exchange: _has_no_other_judge(exchange))
def error_is_not_a_success(exchange: Exchange) -> Iterator[Finding]:
    """An error never comes with a 2xx status.

    SDKs decide by the status: they hand the caller an empty object instead of raising, and the caller's money is gone.

    Fix: send the upstream's status, or 4xx/5xx of your own.
    """
    yield from _errors_inside(exchange)


def _has_no_other_judge(exchange: Exchange) -> bool:
    path = exchange.request.path
    return exchange.surface not in STREAMED and (exchange.surface != MODELS or path.endswith("/models"))


@must(
    ERROR_CODES,
    relay=SHOULD,
    on=MODELS,
    answers=OK,
    needs=STATUS,
    when=lambda exchange: "/models/" in exchange.request.url.rstrip("/") and exchange.expect.get("model") != "unknown",
)
def error_is_not_a_model(exchange: Exchange) -> Iterator[Finding]:
    """A model that does not exist is refused with a 4xx status, not with an error in a 200.

    The OpenAI SDK builds a Model with nothing in it. one-api and new-api are known to do this.

    Fix: answer 404 with code model_not_found.
    """
    yield from _errors_inside(exchange)


def _errors_inside(exchange: Exchange) -> Iterator[Finding]:
    error = get(exchange.answered.json, "/error")
    if error:
        yield Finding("/error", f"{shown(error)} with status {exchange.status}")


@must(ERROR_CODES, on=EVERY, answers=OK, needs=STATUS, relay=SHOULD, when=lambda exchange: not_streamed(exchange))
def failure_is_not_a_success(exchange: Exchange) -> Iterator[Finding]:
    """`success: false` never comes with a 2xx status.

    SDKs decide by the status, and hand the caller an empty object. new-api is known to report failures of the model
    list so.

    Fix: send 4xx or 5xx with an error object.
    """
    answer = exchange.answered.json
    if get(answer, "/success") is False and not get(answer, "/error"):
        yield Finding("/success", f"false with status {exchange.status}: {said(exchange)}")


def not_streamed(exchange: Exchange) -> bool:
    """True for surfaces that answer in one piece."""
    return exchange.surface not in STREAMED


@must(OBSERVED, on=EVERY, answers=ANY)
def key_is_not_echoed(exchange: Exchange) -> Iterator[Finding]:
    """The user's key never appears in a response.

    Responses are logged, cached and pasted into tickets; a key in them is a key lost.

    Fix: never put the Authorization header, or the key read from it, into a message.
    """
    for place in exchange.answered.leaks:
        yield Finding(place, "the user's API key stands in it")


@should(NEW_API, on=EVERY, answers=ANY, when=lambda exchange: not exchange.succeeded)
def errors_keep_internals_to_themselves(exchange: Exchange) -> Iterator[Finding]:
    """An error message names no internal address, channel, key, table, hash or traceback.

    Such details help an attacker and tell a buyer nothing; upstream addresses are a relay's own secret.

    Fix: mask addresses and identifiers in messages, and log the details instead.
    """
    for pattern, what in LEAKS:
        found = pattern.search(exchange.answered.text)
        if found and found.group(0) not in exchange.request.body.decode(errors="replace"):
            yield Finding("body", f"{what}: {shown(found.group(0))}")


@must(OBSERVED, on=EVERY, answers=ANY, needs=(HEADERS, IDS), across=together)
def request_ids_differ(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """Every response carries a request id of its own, where it carries one at all.

    Support can find a request only by its id; one id for two requests points at a cache or at a lost header.

    Fix: make a new id for each request.
    """
    seen: dict[str, str] = {}
    names = ("x-request-id", "x-oneapi-request-id", "request-id")
    ids = [(each, name, each.answered.header(name)) for each in exchanges for name in names]
    if not any(value for _, _, value in ids):
        raise Absent("no request ids")
    for each, name, value in ids:
        if value and f"{name}: {value}" in seen:
            yield Finding(f"header {name}", f"{value} came twice: exchanges {seen[f'{name}: {value}']} and {each.id}")
        seen[f"{name}: {value}"] = each.id


@must(NEW_API, on=EVERY, answers=ANY, needs=(HEADERS, IDS), when=lambda exchange: not exchange.succeeded)
def message_names_its_own_request_id(exchange: Exchange) -> Iterator[Finding]:
    """The request id inside an error message is the one in the response header.

    A user pastes the message; an id that is not in the log makes the ticket worthless.

    Fix: use one id for the header and the message.
    """
    found = re.search(r"\(request id: ([^)]+)\)", exchange.answered.text)
    header = exchange.answered.header("x-oneapi-request-id")
    if not found or not header:
        raise Absent("no two ids to compare")
    if found.group(1) != header:
        yield Finding("/error/message", f"request id {found.group(1)}, but the header says {header}")


@must(CORS, on=EVERY, answers=ANY, needs=HEADERS)
def cors_origin_is_sent_once(exchange: Exchange) -> Iterator[Finding]:
    """Access-Control-Allow-Origin is sent at most once.

    Browsers refuse a response that has it twice: usually one from the relay and one from the proxy before it.

    Fix: let one of the two set it.
    """
    values = [value for name, value in exchange.answered.headers if name.lower() == "access-control-allow-origin"]
    if not values:
        raise Absent("no such header")
    if len(values) > 1 or "," in values[0]:
        yield Finding("header access-control-allow-origin", f"sent as {', '.join(values)}")


@must(HTTP, on=EVERY, answers=ANY, needs=HEADERS)
def single_headers_are_sent_once(exchange: Exchange) -> Iterator[Finding]:
    """Headers that may stand once stand once: Content-Type, Content-Length, Transfer-Encoding, Content-Encoding.

    Intermediaries disagree on which of two counts; strict ones refuse the response, others cut it.

    Fix: set each at one place, and do not copy the upstream's framing headers.
    """
    names = [name.lower() for name, _ in exchange.answered.headers]
    for name in ("content-type", "content-length", "transfer-encoding", "content-encoding"):
        if names.count(name) > 1:
            yield Finding(f"header {name}", f"sent {names.count(name)} times")


@should(ERROR_CODES, on=EVERY, answers=ANY, needs=HEADERS)
def rate_limits_add_up(exchange: Exchange) -> Iterator[Finding]:
    """What remains of a rate limit is not more than the limit.

    Clients pace themselves by these numbers.

    Fix: pass both headers on from one source, or neither.
    """
    header = exchange.answered.header
    pairs = [
        (header(f"{prefix}remaining{suffix}"), header(f"{prefix}limit{suffix}"), f"{prefix}remaining{suffix}")
        for prefix, suffix in RATE_LIMITS
    ]
    told = [pair for pair in pairs if COUNT.fullmatch(pair[0]) and COUNT.fullmatch(pair[1])]
    known = [(int(left), int(limit), name) for left, limit, name in told]
    if not known:
        raise Absent("no such headers")
    for left, limit, name in known:
        if left > limit:
            yield Finding(f"header {name}", f"{left} of {limit}")


def unpacked(exchange: Exchange) -> Response:
    """The response. Raises Absent when it is packed and does not say so: content_encoding_is_true tells that."""
    if exchange.answered.decoded.startswith(GZIP):
        raise Absent("told by content_encoding_is_true")
    return exchange.answered


def in_events(exchange: Exchange) -> bool:
    """True when a body begins as server-sent events do: on surfaces that answer so, or with something else."""
    return bool(EVENTS.match(exchange.answered.decoded[:200]))


def is_picture_stream(exchange: Exchange) -> bool:
    """True for pictures that were asked for as a stream and came as one."""
    return exchange.surface == IMAGES and b"stream" in exchange.request.body and in_events(exchange)


def said(exchange: Exchange) -> str:
    """What an error says, for a message: its text where it has one, else the beginning of the body."""
    response = exchange.answered
    try:
        message = get(response.json, "/error/message", str) or get(response.json, "/message", str)
    except Absent:
        message = None
    return shown(message or response.text[:160])
