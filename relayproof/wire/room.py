"""How much of a relay's answers a run takes in: JSON unfolds to many times its size in memory."""

from __future__ import annotations

import threading

from relayproof.exchange import Response
from relayproof.wire.budget import BudgetSpent

MOST_BYTES = 192 * 2**20
MOST_VALUES = 600_000
VALUES_A_BODY = 200_000
KEPT = 2**18
PACKS_NO_VALUES = ("audio/", "image/", "application/octet-stream")


class TooMuch(BudgetSpent):
    """The answers of a run together are more than is taken in."""


class Room:
    """What the answers of a run hold together. Safe to share between threads."""

    def __init__(self) -> None:
        self._bytes = self._values = 0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raises TooMuch when a run is to end here."""
        with self._lock:
            if self._bytes > MOST_BYTES or self._values > MOST_VALUES:
                told = f"{self._bytes:,} bytes and some {self._values:,} values"
                raise TooMuch(f"the answers so far are too large to go on: {told}")

    def take(self, size: int, response: Response) -> bool:
        """Count an answer of `size` bytes on the wire. False for one that unfolds to more than is read of one."""
        values = 0 if response.content_type.startswith(PACKS_NO_VALUES) else _values(response.decoded)
        with self._lock:
            self._bytes += max(size, len(response.decoded))
            self._values += min(values, VALUES_A_BODY)
        return values <= VALUES_A_BODY and not response.overflows


def _values(body: bytes) -> int:
    """About as many values as a JSON text has, or as many lines as a stream."""
    return body.count(b",") + body.count(b"\n")
