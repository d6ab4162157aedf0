"""Secrets out: every exchange passes here before anyone else sees it, and every record again before it is written.

A key is replaced by a mask of the same length, so that lengths and framing stay as they were. That the relay gave
the key away is itself a fact about the relay: it is kept as `leaks`, without the key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

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
LOOKS_SECRET = re.compile(r"\b(sk-(?:ant-|proj-|or-)?|AIza|gsk_|xai-)[A-Za-z0-9_-]{16,}")
QUERY_KEY = re.compile(r"([?&](?:key|api_key|apikey|token)=)[^&#\s\"'<>\\]+")


def mask(key: str) -> str:
    """The stand-in for a key: as long as the key, and obviously none."""
    return ("sk-" + "x" * len(key))[: len(key)]


def tidy(text: str) -> str:
    """A text fit to be shown: whatever looks like a key of the known makers is masked."""
    return QUERY_KEY.sub(rf"\g<1>{MASKED}", LOOKS_SECRET.sub(lambda found: found.group(1) + MASKED, text))


class Scrubber:
    """Knows the run's secrets, takes them out of what it is given, and tells where they were."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Scrubber({len(self._secrets)} secrets)"

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        for secret in self._secrets:
            text = text.replace(secret, mask(secret))
        return text

    def body(self, body: bytes) -> bytes:
        """The bytes with every secret masked."""
        for secret in self._secrets:
            body = body.replace(secret.encode(), mask(secret).encode())
        return body

    def url(self, url: str) -> str:
        """A URL without secrets, whether they are ours or only sit where keys sit."""
        return QUERY_KEY.sub(rf"\g<1>{MASKED}", self.text(url))

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """The headers, the values of secret ones masked."""
        return tuple(
            (name, _masked(name, value) if name.lower() in SECRET_HEADERS else self.text(value))
            for name, value in headers
        )

    def leaks(self, headers: Iterable[tuple[str, str]], body: bytes) -> tuple[str, ...]:
        """Where a response gives a secret (or its SHA-256) away: `header NAME`, `body`."""
        found = [f"header {name}" for name, value in headers if self._holds(value.encode())]
        return (*found, "body") if self._holds(body) else tuple(found)

    def _holds(self, data: bytes) -> bool:
        return any(
            secret.encode() in data or hashlib.sha256(secret.encode()).hexdigest().encode() in data
            for secret in self._secrets
            if len(secret) >= 8
        )


def _masked(name: str, value: str) -> str:
    return f"Bearer {MASKED}" if value[:7].lower() == "bearer " else MASKED
