"""Request parameters in three states: honoured, refused, or silently ignored. Read off the verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from relayproof.exchange import Exchange
from relayproof.judge import FAILS, KNOWN, PASSES, Verdict

HONOURED, REFUSED, IGNORED = "honoured", "refused", "ignored"
WORST_FIRST = (IGNORED, REFUSED, HONOURED)
RULES: Mapping[str, tuple[str, ...]] = {
    "n": ("chat/n-is-honoured", "completions/every-prompt-gets-its-choices", "images/n-is-honoured"),
    "stop": ("chat/stop-is-honoured", "completions/stop-is-honoured"),
    "stop_sequences": ("anthropic/stop-is-honoured",),
    "max_tokens": ("chat/token-limit-is-honoured", "anthropic/token-limit-is-honoured"),
    "max_completion_tokens": ("chat/token-limit-is-honoured",),
    "response_format": (
        "chat/json-schema-is-honoured",
        "chat/json-object-is-honoured",
        "images/response-format-is-honoured",
        "audio/speech-has-the-format-asked-for",
    ),
    "tool_choice": (
        "chat/forced-tool-is-called",
        "chat/named-tool-is-the-one-called",
        "chat/tool-choice-none-is-honoured",
    ),
    "parallel_tool_calls": ("chat/parallel-calls-can-be-switched-off",),
    "logprobs": ("chat/logprobs-are-delivered", "completions/logprobs-are-delivered"),
    "echo": ("completions/echo-is-honoured",),
    "stream": ("chat-stream/stream-is-a-stream",),
    "stream_options": ("chat-stream/usage-chunk-comes-last",),
    "dimensions": ("embeddings/dimensions-are-honoured",),
    "encoding_format": ("embeddings/form-is-the-one-asked-for",),
    "size": ("images/size-is-honoured",),
    "output_format": ("images/output-format-is-honoured",),
    "speed": ("audio/speed-is-honoured",),
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One parameter on one surface, and what became of it (the worst that was seen)."""

    name: str
    surface: str
    state: str


def parameters(exchanges: Sequence[Exchange], verdicts: Sequence[Verdict]) -> list[Parameter]:
    """What became of each parameter that valid requests carried; nothing for those that no verdict tells of."""
    seen: dict[tuple[str, str], set[str]] = {}
    by_exchange: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_exchange.setdefault(verdict.exchanges[-1] if verdict.exchanges else "", []).append(verdict)
    for exchange in exchanges:
        for name, state in _states(exchange, by_exchange.get(exchange.id, [])):
            seen.setdefault((name, exchange.surface), set()).add(state)
    return [Parameter(*key, next(s for s in WORST_FIRST if s in states)) for key, states in sorted(seen.items())]


def _states(exchange: Exchange, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    body = exchange.request.json
    if not isinstance(body, dict) or not exchange.expect.get("answer"):
        return
    for name, rules in RULES.items():
        if name not in body:
            continue
        if 400 <= exchange.status < 500 and exchange.status not in (401, 402, 403, 429):
            yield name, REFUSED
        outcomes = {verdict.outcome for verdict in verdicts if verdict.rule in rules}
        if outcomes & {FAILS, KNOWN}:
            yield name, IGNORED
        elif PASSES in outcomes:
            yield name, HONOURED
