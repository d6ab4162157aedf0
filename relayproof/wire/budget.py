"""The budget: what a run may still cost. Asked before every request, so that it is never overrun."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from relayproof.relay import Limits


class BudgetSpent(Exception):
    """The next request would cost more than the user allowed."""


@dataclass
class Spent:
    """What a run has cost so far: requests sent, tokens used (as the relay counts, or the most that was possible)."""

    requests: int = 0
    tokens: int = 0


class Budget:
    """Requests and tokens, reserved before sending and settled after. Safe to share between threads."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = Spent()
        self._lock = threading.Lock()

    def reserve(self, tokens: int) -> None:
        """Set aside one request and the most tokens it can cost. Raises BudgetSpent and reserves nothing."""
        with self._lock:
            if self.spent.requests + 1 > self.limits.requests:
                raise BudgetSpent(f"the budget of {self.limits.requests} requests is spent")
            if self.spent.tokens + tokens > self.limits.tokens:
                raise BudgetSpent(f"the budget of {self.limits.tokens:,} tokens would be overrun")
            self.spent.requests += 1
            self.spent.tokens += tokens

    def settle(self, reserved: int, used: int) -> None:
        """Replace a reservation by what the exchange really used."""
        with self._lock:
            self.spent.tokens += used - reserved
