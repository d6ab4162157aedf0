"""Cases for relayproof/rules/clients.py."""

from dataclasses import replace

from cases.anthropic_stream import PLAIN
from cases.build import JSON, Case, answered, changed, chat, chat_stream, exchange
from cases.gemini import streamed
from relayproof import sdk
from relayproof.exchange import Exchange
from relayproof.reference.app import Refusal, envelope
from relayproof.reference.models import card

HTML = (("content-type", "text/html"),)
SOON = (*JSON, ("retry-after", "2"))
NOT_FOUND = envelope(Refusal(404, "Invalid URL (POST /chat/completions)"))
REFUSED = {"refusal": "base-url", "with": "a base URL without /v1"}


def by(given: Exchange, name: str, call: str, **expect: str) -> Exchange:
    """The exchange as one that an SDK asked for."""
    return replace(given, expect=dict(given.expect) | {"sdk": name, "call": call} | expect)


def edited(given: Exchange, old: bytes, new: bytes) -> Exchange:
    """The exchange with some bytes of its answer replaced by others."""
    return answered(given, given.answered.body.replace(old, new))


STREAM = by(chat_stream("Weather in Paris?"), sdk.OPENAI, sdk.CREATE)
CHAT = by(chat(), sdk.OPENAI, sdk.CREATE)
CLAUDE = by(PLAIN, sdk.ANTHROPIC, sdk.MESSAGE_STREAM)
NAMELESS = b"".join(line for line in CLAUDE.answered.body.splitlines(True) if not line.startswith(b"event:"))
GEMINI = by(streamed(), sdk.GOOGLE, sdk.GENERATE_STREAM)
MODELS = exchange("GET", "/v1/models", None, {"object": "list", "data": [card("tts-1")]})
LISTED = by(MODELS, sdk.OPENAI, sdk.LIST)
WRONG = by(
    exchange("POST", "/chat/completions", CHAT.request.json, NOT_FOUND, status=404), sdk.OPENAI, sdk.CREATE, **REFUSED
)
BUSY = answered(CHAT, envelope(Refusal(429, "Too many requests")), status=429, headers=SOON)
MOVED = answered(CHAT, b"", status=302, headers=(("location", "/login"),))
OTHER = replace(changed(CHAT, "/id", "chatcmpl-other"), id="2")
BLOCKED = replace(answered(CHAT, b"<html>Access denied</html>", status=403, headers=HTML), id="2")

CASES = [
    Case(
        "clients/sdk-reads-the-answer",
        STREAM,
        edited(STREAM, b"data: {", b"event: thread.message.delta\ndata: {"),
        also=("chat-stream/framing-is-plain",),
    ),
    Case(
        "clients/sdk-reads-the-answer",
        CLAUDE,
        answered(CLAUDE, NAMELESS),
        also=("anthropic-stream/event-names-are-their-types",),
    ),
    Case(
        "clients/sdk-reads-the-answer",
        GEMINI,
        edited(GEMINI, b"data: ", b": ping\n\ndata: "),
        also=("gemini-stream/framing-is-googles",),
    ),
    Case(
        "clients/sdk-reads-the-answer",
        GEMINI,
        answered(GEMINI, GEMINI.answered.body + b"data: [DONE]\n\n"),
        also=("gemini-stream/framing-is-googles",),
    ),
    Case(
        "clients/sdk-reads-the-answer",
        LISTED,
        edited(CLAUDE, b"event: content_block_delta\n", b""),
        also=("anthropic-stream/event-names-are-their-types",),
    ),
    Case("clients/sdk-raises-the-right-error", BUSY, MOVED),
    Case(
        "clients/base-url-without-v1-is-told-clearly",
        WRONG,
        answered(WRONG, b"<html></html>", status=200, headers=HTML),
    ),
    Case(
        "clients/base-url-without-v1-is-told-clearly",
        answered(WRONG, CHAT.answered.body, status=200, headers=JSON),
        answered(WRONG, b"", status=502),
        also=("errors/body-is-json",),
    ),
    Case("clients/sdk-is-served-like-anybody", (chat(), OTHER), (chat(), BLOCKED), also=("errors/body-is-json",)),
]
