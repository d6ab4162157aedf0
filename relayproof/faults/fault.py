"""Fault: one named way in which a relay breaks its contract, and the registry of all of them.

A fault is a row: a name, the family it belongs to, one sentence, the breaks that make it, and the rules that rightly
find it. What the breaks can do is in the rooms `document`, `stream`, `reply`, `parameters`, `timing` and `transport`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from relayproof.faults.answer import Answer, Asked

FAILS, WARNS, UNTESTED, HARMLESS = "fail", "warn", "untested", "harmless"


@dataclass(frozen=True)
class Before:
    """A break of the request on its way in: the relay forwards something else than it was sent."""

    change: Callable[[Asked], None]


@dataclass(frozen=True)
class Wire:
    """A break of the framing: what is written to the socket for an answer, byte for byte, in these pieces.

    None as the last piece resets the connection instead of closing it.
    """

    write: Callable[[Answer], list[bytes | None]]


After = Callable[[Answer], None]
Break = Before | Wire | After
Condition = Callable[[Answer], bool]


class UnknownFault(LookupError):
    """No fault of that name exists; `near` are names like it."""

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(f"there is no fault {name!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))


@dataclass(frozen=True)
class Fault:
    """One fault.

    verdict: what the suite is to say: `fail`, `warn`, `untested` (nothing could be measured, which is not green), or
    `harmless` (unusual but right: neither). found_by: globs of the
    rules that rightly find it. on: the surfaces it breaks (none: all). ask: the surfaces to probe. when: which answers.
    seen: it was reported of a real relay; else it is a sibling of one that was. slow: it needs a reply that takes time.
    """

    name: str
    family: str
    says: str
    breaks: tuple[Break, ...]
    found_by: tuple[str, ...]
    verdict: str
    on: tuple[str, ...]
    ask: tuple[str, ...]
    when: Condition
    seen: bool
    slow: bool

    @property
    def raw(self) -> bool:
        """True when it needs a socket of its own."""
        return any(isinstance(each, Wire) for each in self.breaks)

    def befores(self) -> list[Before]:
        """Its breaks of the request."""
        return [each for each in self.breaks if isinstance(each, Before)]

    def afters(self) -> list[After]:
        """Its breaks of the answer."""
        return [each for each in self.breaks if not isinstance(each, Before | Wire)]


FAULTS: dict[str, Fault] = {}
UNDETECTABLE: dict[str, str] = {}


def ok(answer: Answer) -> bool:
    """An answer with a 2xx status."""
    return 200 <= answer.status < 300


def refused(answer: Answer) -> bool:
    """An answer with a 4xx or 5xx status."""
    return answer.status >= 400


def anyhow(answer: Answer) -> bool:
    """Any answer."""
    return True


@dataclass(frozen=True)
class Family:
    """Faults that break the same surfaces: what their rows have in common."""

    name: str
    on: tuple[str, ...]
    ask: tuple[str, ...] = ()
    when: Condition = ok

    def seen(self, name: str, says: str, *breaks: Break, by: str | tuple[str, ...] = (), **facts: Any) -> None:
        """Register a fault that was reported of a real relay. `by`: the globs of the rules that are to find it."""
        self._register(name, says, breaks, by, seen=True, **facts)

    def sibling(self, name: str, says: str, *breaks: Break, by: str | tuple[str, ...] = (), **facts: Any) -> None:
        """Register a fault of a kind that was reported, at a place where nobody reported it."""
        self._register(name, says, breaks, by, seen=False, **facts)

    def harmless(self, name: str, says: str, *breaks: Break, **facts: Any) -> None:
        """Register an oddity that the contract allows: a suite that complains of it raises a false alarm."""
        self._register(name, says, breaks, (), seen=False, verdict=HARMLESS, **facts)

    def _register(
        self,
        name: str,
        says: str,
        breaks: tuple[Break, ...],
        by: str | tuple[str, ...],
        *,
        seen: bool,
        verdict: str = FAILS,
        on: tuple[str, ...] | None = None,
        ask: tuple[str, ...] | None = None,
        when: Condition | None = None,
        slow: bool = False,
    ) -> None:
        if name in FAULTS or name in UNDETECTABLE:
            raise TypeError(f"two faults are called {name}")
        found_by = (by,) if isinstance(by, str) else by
        surfaces = self.on if on is None else on
        FAULTS[name] = Fault(
            name=name,
            family=self.name,
            says=says,
            breaks=breaks,
            found_by=found_by,
            verdict=verdict,
            on=surfaces,
            ask=ask or self.ask or surfaces,
            when=when or self.when,
            seen=seen,
            slow=slow,
        )


def cannot_be_seen(name: str, why: str) -> None:
    """List a reported fault that no bounded run of probes can show, with the reason."""
    if name in FAULTS or name in UNDETECTABLE:
        raise TypeError(f"two faults are called {name}")
    UNDETECTABLE[name] = why
