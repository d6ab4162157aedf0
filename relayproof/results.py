"""What a run comes to: the one thing that reports are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from relayproof import __version__
from relayproof.exchange import Exchange
from relayproof.judge import SuiteError, Summary, Verdict


@dataclass(frozen=True)
class Results:
    """Verdicts with their evidence and cost.

    relay: its name for headings. requests and tokens: what was spent (0 for a replay). seconds: wall time, or None
    where a report is to be the same every time. day: when the exchanges took place, `YYYY-MM-DD` or "". models: the
    model used per surface. notes: sentences for the reader, such as why a surface was left out.
    """

    relay: str
    profile: str
    verdicts: Sequence[Verdict]
    exchanges: Sequence[Exchange]
    summary: Summary
    errors: Sequence[SuiteError] = ()
    requests: int = 0
    tokens: int = 0
    seconds: float | None = None
    day: str = ""
    models: dict[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    version: str = __version__

    def exchange(self, number: str) -> Exchange | None:
        """The exchange of that id."""
        return next((each for each in self.exchanges if each.id == number), None)
