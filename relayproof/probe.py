"""Probes: what is sent. A probe is a generator that yields requests and is sent the exchange of each.

A probe asks; it never judges. Live, recorded and fake runs are therefore one code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from relayproof.exchange import Exchange

BYTES_A_TOKEN = 3
IMAGE_TOKENS = 90
LONGEST_TEXT = 2000


class Spend(IntEnum):
    """What a probe costs its user: nothing, some tokens, or real money."""

    FREE = 0
    CENTS = 1
    MONEY = 2


FREE, CENTS, MONEY = Spend.FREE, Spend.CENTS, Spend.MONEY


@dataclass(frozen=True)
class File:
    """A file part of a form: name, media type and bytes."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Call:
    """A request to send. `json`, `form` or `body` is what it carries; `key` which key: "own", "none", "wrong", "empty".

    `expect` is what only the sender knows: `answer` (True when a relay that serves the surface must answer with 2xx),
    `refusal`, `echo`, `group`, ... `auth` is its form: "bearer", "x-api-key", "x-goog-api-key",
    or "query" for `?key=`.
    `wait` is how many seconds to let pass before it is sent; `patience` stretches the relay's time-outs, for a surface
    that is slow by nature. A `path` that is a whole http(s) URL goes to another
    server (a picture's, our own listener): without the key, and without the relay's own headers.
    """

    method: str
    path: str
    json: Any = None
    body: bytes | None = None
    form: tuple[tuple[str, str | File], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = "own"
    auth: str = "bearer"
    expect: Mapping[str, Any] = field(default_factory=dict)
    wait: float = 0.0
    patience: float = 1.0

    @property
    def elsewhere(self) -> bool:
        """True for a request that does not go to the relay's API."""
        return self.path.startswith(("http://", "https://"))

    @property
    def most_tokens(self) -> int:
        """The most tokens this request can cost: its text, its pictures, and what it lets the model write."""
        asked = self.json if self.body is None else _parsed(self.body)
        if not isinstance(asked, dict) or self.expect.get("refusal"):
            return 0
        return prompt_estimate(asked) + _limit(asked) * _copies(asked)


def prompt_estimate(body: dict[str, Any]) -> int:
    """A bound on the tokens of a prompt, on the high side for every common tokenizer.

    A token is taken to hold 3 bytes of compact JSON; a picture, whatever its bytes, is a flat price. The name of the
    model is no part of the prompt.
    """
    pictures, text = _without_pictures({key: value for key, value in body.items() if key != "model"})
    compact = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return math.ceil(len(compact) / BYTES_A_TOKEN) + pictures * IMAGE_TOKENS


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _copies(body: dict[str, Any]) -> int:
    generation = body.get("generationConfig")
    inner = generation.get("candidateCount") if isinstance(generation, dict) else None
    return next((value for value in (body.get("n"), inner) if isinstance(value, int)), 1)


def _limit(body: dict[str, Any]) -> int:
    generation = body.get("generationConfig")
    inner = generation.get("maxOutputTokens") if isinstance(generation, dict) else None
    for value in (body.get("max_tokens"), body.get("max_completion_tokens"), inner):
        if isinstance(value, int):
            return value
    return 0


def _without_pictures(value: Any) -> tuple[int, Any]:
    """(number of pictures, the value without them)."""
    if isinstance(value, str):
        return (1, "") if value.startswith("data:image/") or len(value) > LONGEST_TEXT else (0, value)
    if isinstance(value, dict):
        found = {key: _without_pictures(part) for key, part in value.items()}
        return sum(count for count, _ in found.values()), {key: part for key, (_, part) in found.items()}
    if isinstance(value, list):
        parts = [_without_pictures(part) for part in value]
        return sum(count for count, _ in parts), [part for _, part in parts]
    return 0, value


Run = Generator[Call, Exchange, None]


@dataclass(frozen=True)
class Probe:
    """A probe and its card. `requests` is the most it sends; `tokens` the most it costs, where its first call hides it.

    `basic` marks the first probe of a surface: whether the relay serves it at all is read off this one. `gate` is the
    surface whose basic probe decides on this one: another than its own for Claude asked through chat.
    """

    name: str
    surface: str
    spend: Spend
    requests: int
    tokens: int | None
    negative: bool
    basic: bool
    what: str
    run: Callable[[Any], Run]
    gate: str

    def most_tokens(self, relay: Any) -> int:
        """The most tokens that this probe can cost on that relay."""
        if self.tokens is not None:
            return self.tokens
        first = next(self.run(relay), None)
        return first.most_tokens * self.requests if first else 0


PROBES: dict[str, Probe] = {}


def probe(
    surface: str,
    *,
    spend: Spend = CENTS,
    requests: int = 1,
    tokens: int | None = None,
    negative: bool = False,
    basic: bool = False,
    gate: str = "",
) -> Callable[[Callable[[Any], Run]], Callable[[Any], Run]]:
    """Register a generator function as a probe of a surface. Its name is `surface/function-name`."""

    def register(run: Callable[[Any], Run]) -> Callable[[Any], Run]:
        name = f"{surface}/{run.__name__}".replace("_", "-")
        if name in PROBES:
            raise TypeError(f"two probes are called {name}")
        what = " ".join((run.__doc__ or "").split())
        if not what.endswith("."):
            raise TypeError(f"{name}: the docstring needs one sentence that says what is asked")
        PROBES[name] = Probe(name, surface, spend, requests, tokens, negative, basic, what, run, gate or surface)
        return run

    return register


def dump(document: Any) -> bytes:
    """JSON as it is sent: UTF-8, no escapes but for halves of characters (in the name of a model, say)."""
    try:
        return json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(document).encode()
