"""The steps that Midjourney's and Suno's probes share: to look again and again until a task has ended."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from relayproof import lifecycle
from relayproof.exchange import Exchange
from relayproof.lifecycle import Look
from relayproof.probe import Call
from relayproof.probes.samples import GOOD
from relayproof.relay import Relay

Steps = Generator[Call, Exchange, Look | None]
WAITS = (0.0, 0.4, 0.7, 1.5, 3.0, 6.0, 12.0, 25.0, 50.0)
LONGEST = 60.0
UNREADABLE = 3
MOST_LOOKS = 20
ENDS = (*lifecycle.FINAL, lifecycle.MODAL)


def known(relay: Relay, surface: str, **facts: Any) -> dict[str, Any]:
    """What the sender alone knows: the surface, the relay's own host, its dialect where it is set, and `facts`."""
    dialect = {"dialect": relay.dialect} if relay.dialect else {}
    return {"surface": surface, "relay_host": relay.name} | dialect | facts


def valid(relay: Relay, surface: str, **facts: Any) -> dict[str, Any]:
    """`known`, for a request that the contract allows."""
    return GOOD | known(relay, surface, **facts)


def waits(limit: float, first: int = 0) -> Iterator[tuple[float, float]]:
    """(seconds to wait, seconds waited with them) for each look, longer and longer, up to the limit."""
    total, number = 0.0, first
    while total < limit or not total:
        wait = WAITS[number] if number < len(WAITS) else LONGEST
        wait = min(wait, limit - total)
        total, number = round(total + wait, 3), number + 1
        yield wait, total


def followed(look: Call, relay: Relay, first: int = 0, ends: Collection[str] = ENDS) -> Steps:
    """Fetch until the task has a status of `ends`; returns the last look, None when it could not be read.

    `first` skips the earliest looks. It is given up at the relay's limit, or after a few answers that show no task.
    """
    limit, unreadable = relay.timeouts.task, 0
    seen: Look | None = None
    for wait, waited in waits(limit, first):
        expect: Mapping[str, Any] = dict(look.expect) | {"waited": waited, "limit": limit}
        exchange = yield replace(look, wait=wait, expect=expect)
        found = lifecycle.look(exchange)
        unreadable = 0 if found else unreadable + 1
        seen = found or seen
        if unreadable == UNREADABLE or (found and found.status in ends):
            return seen
    return seen
