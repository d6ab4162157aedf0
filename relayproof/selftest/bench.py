"""The suite tests itself: the reference relay with each fault, probed and judged as any relay is.

A fault counts as found when a rule that is meant to find it does; a fault that only an unrelated rule stumbles over is
missed. What deserves a warning must not fail, and what the contract allows must do neither.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from relayproof import faults, judge, probes, reference, rules, session
from relayproof.exchange import Exchange
from relayproof.faults import Fault, FaultyRelay, transport
from relayproof.faults.fault import HARMLESS, UNTESTED, WARNS
from relayproof.offers import choose_models
from relayproof.probe import MONEY, Probe
from relayproof.reference import KEY, make_app
from relayproof.relay import Key, Limits, Relay, Timeouts
from relayproof.rule import MUST, OPENAI, RELAY, SHOULD, Level
from relayproof.surface import CHAT, ERRORS, MODELS
from relayproof.wire.client import Client

QUICK, SLOW = 0.0, 0.004
LIMITS = Limits(requests=10_000, tokens=10_000_000, spend=MONEY, concurrency=1)
TIMEOUTS = Timeouts(connect=5, first_byte=6, gap=4, whole=20)


class Outcome(StrEnum):
    """What became of a fault."""

    FOUND = "found"
    WARNED = "warned"
    SILENT = "silent"
    UNTESTED = "untested"
    MISSED = "MISSED"
    FALSE_ALARM = "FALSE ALARM"


GOOD = (Outcome.FOUND, Outcome.WARNED, Outcome.SILENT, Outcome.UNTESTED)


@dataclass(frozen=True)
class Trial:
    """One fault's run. found_by: the rules that are meant to find it and did; others: what else complained."""

    fault: Fault
    outcome: Outcome
    found_by: tuple[str, ...]
    others: tuple[str, ...]
    requests: int
    tokens: int
    seconds: float
    errors: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """True when the suite said what it was to say."""
        return self.outcome in GOOD and not self.errors


class Bench:
    """One server that takes one fault after another. Use as a context manager."""

    def __init__(self) -> None:
        self._switch = _Switch()
        self._stack = contextlib.ExitStack()
        self.url = ""

    def __enter__(self) -> Bench:
        self.url = self._stack.enter_context(reference.serving(self._switch))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trial(self, fault: Fault) -> Trial:
        """Run the probes of the surfaces that the fault touches, and judge what came."""
        started = time.monotonic()
        clock, app = _Clock(), make_app()
        app.state.clock = clock.now
        relay = self._switch.app = FaultyRelay(app, fault, KEY)
        with _pace(SLOW if fault.slow else QUICK), self._address(relay) as url:
            client = Client(_relay(url), sleep=clock.sleep)
            run = session.run(_relay(url), _probes(fault), client=client, hears=False)
        verdicts = {profile: _complaints(run, profile) for profile in (RELAY, OPENAI)}
        found_by, outcome = _outcome(fault, verdicts, run)
        others = verdicts[RELAY].all - set(found_by)
        return Trial(
            fault=fault,
            outcome=outcome,
            found_by=found_by,
            others=tuple(sorted(others)),
            requests=run.requests,
            tokens=run.tokens,
            seconds=round(time.monotonic() - started, 2),
            errors=verdicts[RELAY].errors,
        )

    def _address(self, relay: FaultyRelay) -> contextlib.AbstractContextManager[str]:
        return transport.serving(relay) if relay.fault.raw else contextlib.nullcontext(self.url)


class _Switch:
    """An ASGI application that is whatever it was last set to."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self.app or make_app())(scope, receive, send)


class _Clock:
    """The time of the reference relay's tasks: waiting for one takes none of ours."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def sleep(self, seconds: float) -> None:
        self._ahead += seconds


@dataclass(frozen=True)
class _Complaints:
    fails: frozenset[str]
    warns: frozenset[str]
    untested: bool
    errors: tuple[str, ...]

    @property
    def all(self) -> frozenset[str]:
        return self.fails | self.warns


def _complaints(run: session.Run, profile: str) -> _Complaints:
    judgement = judge.judge(run.exchanges, rules.load().values(), profile)
    verdicts = [*judgement.verdicts, *(left.verdict() for left in run.left_out)]

    def failing(level: Level) -> frozenset[str]:
        return frozenset(each.rule for each in verdicts if each.outcome is judge.FAILS and each.level is level)

    untested = any(each.outcome is judge.UNTESTED and each.level is MUST for each in verdicts)
    return _Complaints(failing(MUST), failing(SHOULD), untested, tuple(error.trace for error in judgement.errors))


def _outcome(fault: Fault, said: dict[str, _Complaints], run: session.Run) -> tuple[tuple[str, ...], Outcome]:
    """(the rules that found it, what that makes of it)."""
    relay, openai = said[RELAY], said[OPENAI]
    if fault.verdict == HARMLESS:
        return (), Outcome.FALSE_ALARM if relay.all else Outcome.SILENT
    if fault.verdict == UNTESTED:
        return (), Outcome.UNTESTED if relay.untested and not relay.fails else Outcome.MISSED
    if fault.verdict == WARNS:
        found = _meant(fault, relay.warns)
        return found, Outcome.FALSE_ALARM if relay.fails else Outcome.WARNED if found else Outcome.MISSED
    found = _meant(fault, relay.fails & openai.fails)
    return found, Outcome.FOUND if found else Outcome.MISSED


def _meant(fault: Fault, complained: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(rule for rule in complained if any(fnmatchcase(rule, glob) for glob in fault.found_by)))


def _probes(fault: Fault) -> list[Probe]:
    wanted = [probe for probe in probes.load().values() if probe.surface in fault.ask]
    if ERRORS in fault.ask and CHAT not in fault.ask:
        wanted += [probe for probe in probes.load().values() if probe.surface == CHAT and probe.basic]
    return wanted


def _relay(url: str) -> Relay:
    return Relay(url, Key(KEY), models=_models(), limits=LIMITS, timeouts=TIMEOUTS)


@functools.cache
def _models() -> dict[str, str]:
    """The model to ask on each surface of the reference relay, read off its list once."""
    with reference.serving() as url:
        relay = Relay(url, Key(KEY), limits=LIMITS)
        listing = [probe for probe in probes.load().values() if probe.surface == MODELS and probe.basic]
        run = session.run(relay, listing)
    listed: Exchange | None = run.exchanges[0] if run.exchanges else None
    return choose_models(listed, relay)


def serving(fault: str | None, *, host: str = "127.0.0.1", port: int = 0) -> contextlib.AbstractContextManager[str]:
    """The reference relay, whole or with the fault of that name, on a socket. Raises faults.UnknownFault."""
    if not fault:
        return reference.serving(host=host, port=port)
    relay = FaultyRelay(make_app(), faults.find(fault), KEY)
    if relay.fault.raw:
        return transport.serving(relay, host=host, port=port)
    return reference.serving(relay, host=host, port=port)


@contextlib.contextmanager
def _pace(seconds: float) -> Iterator[None]:
    """Let the reference relay's words take so long each. Only a fault of time needs a slow answer."""
    places = [
        module
        for name, module in sys.modules.items()
        if name.startswith("relayproof.reference") and hasattr(module, "A_TOKEN_TAKES")
    ]
    before: list[tuple[Any, float]] = [(module, module.A_TOKEN_TAKES) for module in places]
    try:
        for module, _ in before:
            module.A_TOKEN_TAKES = seconds
        yield
    finally:
        for module, value in before:
            module.A_TOKEN_TAKES = value


def chosen(names: Sequence[str]) -> list[Fault]:
    """The faults of these names or globs, all when none is given. Raises faults.UnknownFault."""
    known = faults.load()
    if not names:
        return list(known.values())
    found: dict[str, Fault] = {}
    for name in names:
        fitting = {each.name: each for each in known.values() if fnmatchcase(each.name, name)}
        if not fitting:
            faults.find(name)
        found |= fitting
    return list(found.values())
