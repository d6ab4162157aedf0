"""Secrets out: every exchange passes here before anyone else sees it, and every record again before it is written.

A key is replaced by a mask of the same length, so that lengths and framing stay as they were. That the relay gave
the key away is itself a fact about the relay: it is kept as `leaks`, without the key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace

from relayproof.exchange import Response, repacked
from relayproof.wire.spelling import LONG, in_pieces, spellings

SECRET_HEADERS = frozenset(
    [
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "mj-api-secret",
        "cookie",
        "set-cookie",
        "openai-organization",
        "openai-project",
        "x-auth-token",
    ]
)
MASKED = "***"
LOOSELY = ("utf-8", "surrogatepass")
LOOKS_SECRET = re.compile(r"\b(sk-(?:ant-|proj-|or-)?|AIza|gsk_|xai-)[A-Za-z0-9_-]{16,}")
QUERY_KEY = re.compile(r"([?&](?:key|api_key|apikey|token)=)[^&#\s\"'<>\\]+")


def mask(key: str) -> str:
    """The stand-in for a key: as long as the key, and obviously none."""
    return ("sk-" + "x" * len(key))[: len(key)]


def tidy(text: str) -> str:
    """A text fit to be shown: whatever looks like a key of the known makers is masked."""
    return QUERY_KEY.sub(rf"\g<1>{MASKED}", LOOKS_SECRET.sub(lambda found: found.group(1) + MASKED, text))


class Scrubber:
    """Knows the run's secrets, takes them out of what it is given, in whatever form, and tells where they were."""

    def __init__(self, secrets: Iterable[str]) -> None:
        secrets = {secret for secret in secrets if len(secret) >= 4}
        self._number = len(secrets)
        self._told = {form for secret in secrets if len(secret) >= 8 for form in (*spellings(secret), _digest(secret))}
        forms = sorted({form for secret in secrets for form in spellings(secret)}, key=len, reverse=True)
        self._loose = [form.lower() for form in forms if len(form) >= LONG]
        self._exact = [form for form in forms if len(form) < LONG]
        choices = [f"(?i:{re.escape(form)})" if len(form) >= LONG else re.escape(form) for form in forms]
        self._text = re.compile("|".join(choices) or r"(?!)")
        self._bytes = re.compile(self._text.pattern.encode())

    def __repr__(self) -> str:
        return f"Scrubber({self._number} secrets)"

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        return self._text.sub(lambda found: mask(found.group()), text) if self._within(text.encode(*LOOSELY)) else text

    def body(self, body: bytes) -> bytes:
        """The bytes with every secret masked."""
        return (
            self._bytes.sub(lambda found: mask(found.group().decode()).encode(), body) if self._within(body) else body
        )

    def url(self, url: str) -> str:
        """A URL without secrets, whether they are ours or only sit where keys sit."""
        return QUERY_KEY.sub(rf"\g<1>{MASKED}", self.text(url))

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """The headers, the values of secret ones masked."""
        return tuple(
            (self.text(name), _masked(name, value) if name.lower() in SECRET_HEADERS else self.text(value))
            for name, value in headers
        )

    def response(self, response: Response) -> Response:
        """A response without secrets, also where it is packed or tells one event by event, and with its `leaks`."""
        unpacked = response.decoded
        clean = self.body(self._joined(response))
        leaks = self.leaks(response.headers, unpacked)
        if clean != unpacked and "body" not in leaks:
            leaks = (*leaks, "body")
        body = response.body
        if clean != unpacked:
            body = clean if unpacked is body else repacked(response, clean)
        return replace(response, headers=self.headers(response.headers), body=body, leaks=leaks)

    def leaks(self, headers: Iterable[tuple[str, str]], body: bytes) -> tuple[str, ...]:
        """Where a response gives a secret (or its SHA-256) away: `header NAME`, `body`."""
        found = [self.text(f"header {name}") for name, value in headers if self._holds(f"{name}: {value}".encode())]
        return (*found, "body") if self._holds(body) else tuple(found)

    def _joined(self, response: Response) -> bytes:
        """The unpacked body, with the pieces masked that give a secret away when its events are joined."""
        body = response.decoded
        if not self._number or b"data:" not in body:
            return body
        pieces = in_pieces(response.events, lambda text: [found.span() for found in self._text.finditer(text)])
        for event in reversed(response.events):
            raw = body[event.start : event.end]
            for text in pieces.get(event.number, ()):
                for spelt in {json.dumps(text), json.dumps(text, ensure_ascii=False)}:
                    raw = raw.replace(spelt.encode(*LOOSELY), json.dumps("x" * len(text)).encode())
            body = body[: event.start] + raw + body[event.end :] if event.number in pieces else body
        return body

    def _within(self, data: bytes) -> bool:
        lower = data.lower()
        return any(form.encode() in lower for form in self._loose) or any(form.encode() in data for form in self._exact)

    def _holds(self, data: bytes) -> bool:
        lower = data.lower()
        return any(form.lower().encode() in lower for form in self._told)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _masked(name: str, value: str) -> str:
    return f"Bearer {MASKED}" if value[:7].lower() == "bearer " else MASKED
