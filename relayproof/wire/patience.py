"""How long a relay is still waited for: one that hangs is to end a run in minutes, whatever it would be asked."""

from __future__ import annotations

import threading

from relayproof.wire.budget import BudgetSpent

LESS = 1 / 3
IN_A_ROW = 100.0
ALTOGETHER = 240.0


class Unanswered(BudgetSpent):
    """The relay has kept us waiting for so long that nothing more is sent."""


class Patience:
    """Seconds waited for nothing, in a row and altogether. Safe to share between threads."""

    def __init__(self) -> None:
        self._row = self._all = 0.0
        self._times = 0
        self._lock = threading.Lock()

    def of(self, stretch: float) -> float:
        """By what an exchange's time-outs are stretched: cut down while the one before was waited for in vain."""
        return LESS if self._times else stretch

    def check(self) -> None:
        """Raises Unanswered when a relay is not to be waited for any more."""
        with self._lock:
            if (self._times > 1 and self._row >= IN_A_ROW) or self._all >= ALTOGETHER:
                raise Unanswered(f"the relay hangs: {self._all:.0f} s were waited in vain, so nothing more is asked")

    def note(self, seconds: float, *, in_vain: bool) -> None:
        """Count an exchange, answered or waited for in vain."""
        with self._lock:
            self._times, self._row = (self._times + 1, self._row + seconds) if in_vain else (0, 0.0)
            self._all += seconds if in_vain else 0.0
