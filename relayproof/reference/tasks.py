"""Work that goes on after the answer: how far a task is at a moment, for the surfaces that run tasks.

The clock is `app.state.clock`, a function that gives seconds; a test puts its own there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

TAKES = 1.0
STARTS = 0.15
TOLD_AT = (0.0, 0.15, 0.5, 1.0)


@dataclass(frozen=True)
class Stage:
    """How far a task is: status, percentage, and the seconds since 1970 at which it started and ended (0: not yet)."""

    status: str
    percent: int
    started: float = 0.0
    finished: float = 0.0


def stage(begun: float, now: float, *, fails: bool = False) -> Stage:
    """The stage at `now` of a task that was begun then. One that fails does so when it is to start."""
    age = now - begun
    if age < STARTS:
        return Stage("SUBMITTED", 0)
    started = begun + STARTS
    if fails:
        return Stage("FAILURE", 0, started, started)
    if age < TAKES:
        return Stage("IN_PROGRESS", int(100 * age / TAKES), started)
    return Stage("SUCCESS", 100, started, begun + TAKES)


def clock(request: Request) -> Callable[[], float]:
    """The application's clock."""
    found: Callable[[], float] = getattr(request.app.state, "clock", time.time)
    return found
