"""Whether the official SDKs can live with a relay: what each makes of a recorded answer, beside what is on the wire.

Only answers to an SDK's own request are judged so. What is wrong on the wire itself is told by the surface's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from relayproof import sdk
from relayproof.exchange import CONTENT, HEADERS, Exchange
from relayproof.groups import Groups
from relayproof.pointer import Absent, find, get, is_a
from relayproof.rule import ANY, Finding, Source, must
from relayproof.rules.errors import refused_as
from relayproof.rules.every_response import said
from relayproof.rules.sources import OBSERVED
from relayproof.schema import shown
from relayproof.surface import (
    ANTHROPIC,
    ANTHROPIC_STREAM,
    CHAT,
    CHAT_STREAM,
    GEMINI,
    GEMINI_STREAM,
    KEY_REFUSED,
    MODELS,
    OTHER,
)

SDKS = Source("openai-python 3.54.0, anthropic-sdk-python 2.12.0, google-genai 3.4.0", "their code")
PYTHON_PAGES = Source("Python pages of several relays", "base_url", "2026-11-23")
SPOKEN = (CHAT, CHAT_STREAM, ANTHROPIC, ANTHROPIC_STREAM, GEMINI, GEMINI_STREAM, MODELS)
OPENAI_ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
Counts = tuple[Any, ...] | None


def by_sdk(exchange: Exchange) -> bool:
    """True for a request that an SDK wrote."""
    return "sdk" in exchange.expect


def reading(exchange: Exchange) -> sdk.View:
    """What the SDK that asked reads in the answer. Raises sdk.Raised, and Untested when it is not installed."""
    return sdk.read(str(exchange.expect["sdk"]), str(exchange.expect.get("call")), exchange)


@must(SDKS, on=SPOKEN, when=by_sdk, needs=(CONTENT, HEADERS))
def sdk_reads_the_answer(exchange: Exchange) -> Iterator[Finding]:
    """The official SDK reads an answer without an exception, and finds in it what stands on the wire.

    SDKs check little and drop much: an event without a name, a wrong media type or a comment in the wrong place is
    skipped in silence or raises deep inside, and the user's program has no answer.

    Fix: compare the framing, the media type and the order of events with the official server's, byte by byte.
    """
    wire = WIRE[exchange.surface](exchange)
    try:
        heard = reading(exchange)
    except sdk.Raised as raised:
        yield Finding("body", f"the {exchange.expect['sdk']} SDK raises {raised}")
        return
    for key, value in wire.items():
        if heard.get(key) != value:
            told = f"the {exchange.expect['sdk']} SDK reads {shown(heard.get(key))}, not {shown(value)}"
            yield Finding(key, told)


def _completion(exchange: Exchange) -> sdk.View:
    choice = exchange.one("/choices/0", dict)
    called = [
        (get(call, "/function/name"), get(call, "/function/arguments") or "")
        for _, call in find(choice, "/message/tool_calls/*", dict)
    ]
    counts = _counts(exchange, "/usage", "prompt_tokens", "completion_tokens", "total_tokens")
    return _known(sdk.view(get(choice, "/message/content"), choice.get("finish_reason"), called, counts))


def _counts(exchange: Exchange, path: str, *keys: str) -> Counts:
    """The counted tokens; None when the answer has no usage. Raises Absent when one of them is no number."""
    usage = exchange.get(path)
    if usage is None:
        return None
    return tuple(exchange.one(f"{path}/{key}", int) for key in keys)


def _known(wire: sdk.View) -> sdk.View:
    """The view. Raises Absent when a part of it is of a type that only the schema can speak of."""
    texts = [wire["text"], wire["finish_reason"] or "", *(name for name, _ in wire["tool_calls"])]
    if not all(isinstance(text, str) for text in texts):
        raise Absent("told by the schema")
    return wire


def _message(exchange: Exchange) -> sdk.View:
    blocks = [block for _, block in find(exchange.one("/content", list), "/*", dict)]
    text = [get(block, "/text") for block in blocks if block.get("type") == "text"]
    called = [(block.get("name"), block.get("input")) for block in blocks if block.get("type") == "tool_use"]
    if not all(isinstance(each, str) for each in text) or not all(isinstance(given, dict) for _, given in called):
        raise Absent("told by the schema")
    counts = _counts(exchange, "/usage", "input_tokens", "output_tokens")
    return _known(sdk.view("".join(text), exchange.get("/stop_reason"), called, counts))


def _generated(exchange: Exchange) -> sdk.View:
    candidate = exchange.one("/candidates/0", dict)
    parts = [part for _, part in find(candidate, "/content/parts/*", dict)]
    text = [part["text"] for part in parts if isinstance(part.get("text"), str) and not part.get("thought")]
    called = [
        (get(part, "/functionCall/name"), get(part, "/functionCall/args")) for part in parts if "functionCall" in part
    ]
    usage = exchange.get("/usageMetadata", dict)
    keys = ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")
    counts = None if usage is None else tuple(usage.get(key) for key in keys)
    if counts and not all(count is None or is_a(count, int) for count in counts):
        raise Absent("told by the schema")
    return _known(sdk.view("".join(text), candidate.get("finishReason"), called, counts))


def _models(exchange: Exchange) -> sdk.View:
    names = [name for _, name in exchange.find("/data/*/id", str)]
    if len(names) != len(exchange.one("/data", list)):
        raise Absent("told by the schema")
    return {"models": names}


WIRE: dict[str, Callable[[Exchange], sdk.View]] = {
    CHAT: _completion,
    CHAT_STREAM: _completion,
    ANTHROPIC: _message,
    ANTHROPIC_STREAM: _message,
    GEMINI: _generated,
    GEMINI_STREAM: _generated,
    MODELS: _models,
}


@must(SDKS, on=SPOKEN, answers=ANY, when=lambda exchange: by_sdk(exchange) and not exchange.succeeded)
def sdk_raises_the_right_error(exchange: Exchange) -> Iterator[Finding]:
    """The official SDK makes of a refusal the exception that belongs to its status.

    Programs decide by the class whether to try again, to ask for another key, or to give up. A refusal that is a
    redirect to a login page makes the SDK run in circles, and raise what no program expects.

    Fix: answer refusals with 4xx or 5xx and the error object of the dialect; redirect no API path.
    """
    if exchange.expect.get("refusal") == "base-url" and exchange.status < 400:
        raise Absent("told by base_url_without_v1_is_told_clearly")
    wanted = _wanted(str(exchange.expect["sdk"]), exchange.status)
    try:
        reading(exchange)
    except sdk.Raised as raised:
        if wanted not in raised.kinds:
            yield Finding(
                "body", f"{exchange.status} makes the {exchange.expect['sdk']} SDK raise {raised}, no {wanted}"
            )
    else:
        yield Finding("body", f"{exchange.status}, but the {exchange.expect['sdk']} SDK raises nothing")


def _wanted(name: str, status: int) -> str:
    if name == sdk.GOOGLE:
        return "ClientError" if status < 500 else "ServerError"
    if name == sdk.OPENAI and status >= 500:
        return "InternalServerError"
    return OPENAI_ERRORS.get(status, "APIStatusError")


@must(PYTHON_PAGES, on=(CHAT, OTHER), answers=ANY, when=refused_as("base-url"))
def base_url_without_v1_is_told_clearly(exchange: Exchange) -> Iterator[Finding]:
    """A base URL without /v1 gets a 404 that the SDK can show, or an answer as if it had been right.

    It is the commonest mistake in clients. A web page with status 200 becomes `'str' object has no attribute
    'choices'`, and nobody finds out why.

    Fix: answer 404 with an error object on every path that is no API, or take the path as /v1.
    """
    if exchange.succeeded:
        try:
            reading(exchange)
        except sdk.Raised as raised:
            yield Finding("status", f"{exchange.status}, and the SDK raises {raised}")
    elif exchange.status not in range(400, 500):
        yield Finding("status", f"{exchange.status}: {said(exchange)}")


def beside_ours(exchanges: Sequence[Exchange]) -> Groups:
    """(ours, the SDK's): an answered request of our own, and each that an SDK wrote for the same surface."""
    for each in (each for each in exchanges if by_sdk(each)):
        same = [ours for ours in exchanges if (ours.session, ours.surface) == (each.session, each.surface)]
        own = next((ours for ours in same if not by_sdk(ours) and ours.succeeded), None)
        if own is not None:
            yield own, each


@must(
    OBSERVED,
    on=SPOKEN,
    answers=ANY,
    across=beside_ours,
    when=lambda exchange: not exchange.expect.get("refusal"),
)
def sdk_is_served_like_anybody(exchanges: tuple[Exchange, Exchange]) -> Iterator[Finding]:
    """Where a plain request is answered, the SDK's own is not turned away.

    Firewalls block `X-Stainless-*` headers and an SDK's User-Agent; and the current Anthropic SDK sends its key as
    Bearer, where some relays look only into x-api-key.

    Fix: take the key in each header form that the official server takes, and let SDKs' headers pass.
    """
    own, asked = exchanges
    if asked.status in KEY_REFUSED:
        name, form = asked.expect["sdk"], "Bearer" if asked.request.has("authorization") else "its own header"
        yield Finding("status", f"{asked.status} for the {name} SDK (key as {form}), {own.status} for our own request")
