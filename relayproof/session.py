"""A run: probes x relay -> exchanges, in order, within the budget, and with a word for all that was left out."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from relayproof.exchange import Exchange
from relayproof.judge import FAILS, NOT_OFFERED, UNTESTED, Outcome, Verdict
from relayproof.offers import choose_models
from relayproof.pointer import Absent
from relayproof.probe import MONEY, Call, Probe
from relayproof.relay import Relay
from relayproof.resume import Tasks
from relayproof.rule import MUST, Finding, Untested
from relayproof.rules.every_response import overloaded
from relayproof.surface import (
    ANTHROPIC,
    ANTHROPIC_FAMILY,
    CHAT,
    CHAT_STREAM,
    ERRORS,
    GEMINI,
    GEMINI_FAMILY,
    KEY_REFUSED,
    MIDJOURNEY,
    MODELS,
    NOT_THERE,
)
from relayproof.wire.budget import BudgetSpent
from relayproof.wire.client import MALFORMED, Client
from relayproof.wire.listener import listening

BROKEN = "every-response/arrives-whole"
INTERRUPTED = "the run was interrupted"
TRIES = 3
LONGEST_WAIT = 90.0  # seconds from the first 429: a minute's limit is waited for, a day's is not
SECONDS = re.compile(r"[0-9]{1,3}")
THREADS = "relayproof-probes"
Progress = Callable[[Probe, Exchange | None], None]


@dataclass(frozen=True)
class LeftOut:
    """A probe that was not sent, or not to its end: why, and what that makes of its surface."""

    probe: str
    surface: str
    outcome: Outcome
    reason: str

    def verdict(self) -> Verdict:
        """As a verdict, so that what was not measured stands in every report, and what was no HTTP at all fails."""
        if self.outcome is FAILS:
            finding = Finding("response", self.reason)
            return Verdict(BROKEN, MUST, self.surface, FAILS, probe=self.probe, findings=(finding,))
        rule = "every-response/valid-request-is-answered"
        return Verdict(rule, MUST, self.surface, self.outcome, probe=self.probe, reason=self.reason)


@dataclass
class Run:
    """What a run gathered."""

    relay: Relay
    exchanges: list[Exchange] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    requests: int = 0
    tokens: int = 0
    seconds: float = 0.0
    interrupted: bool = False


class Interrupted(KeyboardInterrupt):
    """A run was interrupted: `run` is what it had gathered until then."""

    def __init__(self, run: Run) -> None:
        super().__init__("interrupted")
        self.run = run


def run(
    relay: Relay,
    probes: Iterable[Probe],
    *,
    client: Client | None = None,
    progress: Progress = lambda probe, exchange: None,
    tasks: Tasks | None = None,
    hears: bool = True,
) -> Run:
    """Send the probes: the model list first, then each surface's basic probe, the others side by side, bad ones last.

    Never raises for anything a relay does; Interrupted for Ctrl-C. A surface whose basic probe is not answered is not
    asked further. `tasks` keeps what was paid for and is under way, so that an interrupted run can be taken up.
    `hears`: listen for callbacks.
    """
    started = time.monotonic()
    wanted = [probe for probe in probes if probe.spend <= relay.limits.spend]
    calls_back = hears and any(probe.surface == MIDJOURNEY and probe.spend is MONEY for probe in wanted)
    with client or Client(relay) as sender, listening(relay, calls_back) as reachable:
        session = _Session(reachable, sender, progress, tasks or Tasks(None, relay.url))
        result = session.result
        try:
            session.go(wanted)
        except KeyboardInterrupt:
            result = session.broken_off(wanted)
        spent = sender.budget.spent
        result.requests, result.tokens = spent.requests, spent.tokens
    result.exchanges.sort(key=lambda exchange: exchange.id)
    result.relay, result.seconds = replace(session.relay, notify=relay.notify), round(time.monotonic() - started, 2)
    if result.interrupted:
        raise Interrupted(result)
    return result


def still_waiting() -> bool:
    """True when an interrupted run has left threads behind that wait for an answer."""
    return any(thread.name.startswith(THREADS) for thread in threading.enumerate())


class _Session:
    def __init__(self, relay: Relay, client: Client, progress: Progress, tasks: Tasks) -> None:
        self.relay, self.client, self.progress, self.tasks = relay, client, progress, tasks
        self.result = Run(relay)
        self.closed: dict[str, LeftOut] = {}
        self.waits_until = 0.0
        self._lock = threading.Lock()

    def go(self, probes: Sequence[Probe]) -> None:
        first = [probe for probe in probes if probe.surface == MODELS and probe.basic]
        self.each(first)
        self.choose()
        rest = [probe for probe in probes if probe not in first and self.offered(probe)]
        basic = [probe for probe in rest if probe.basic]
        self.each(basic)
        self.side_by_side([probe for probe in rest if not probe.basic and not probe.negative])
        self.bad_ones([probe for probe in rest if probe.negative], basic)

    def broken_off(self, probes: Sequence[Probe]) -> Run:
        """What was gathered until an interruption, in a copy: threads that still wait for an answer come too late."""
        self.client.stop()
        with self._lock:
            result = replace(self.result, exchanges=[*self.result.exchanges], left_out=[*self.result.left_out])
        asked = {each.probe for each in result.exchanges} | {left.probe for left in result.left_out}
        missing = [probe for probe in probes if probe.name not in asked]
        result.left_out += [LeftOut(probe.name, probe.surface, UNTESTED, INTERRUPTED) for probe in missing]
        result.interrupted = True
        return result

    def choose(self) -> None:
        """Pick a model per surface from the list that the relay gave, where the user named none."""
        answer = next((each for each in self.result.exchanges if each.surface == MODELS and each.succeeded), None)
        chosen = choose_models(answer, self.relay)
        self.relay = replace(self.relay, models=chosen)
        self.result.relay = self.relay

    def offered(self, probe: Probe) -> bool:
        """False, with a word, for a surface that the relay does not claim to serve, and for bad requests to it."""
        needs = probe.gate if probe.surface == ERRORS else probe.surface
        if needs in (MODELS, ERRORS) or self.relay.model(needs):
            return True
        outcome, reason = self.why_not(needs)
        told = any(left.surface == probe.surface for left in self.result.left_out)
        if not told and (needs == probe.surface or outcome is UNTESTED):
            self.leave_out(probe, outcome, reason)
        return False

    def why_not(self, surface: str) -> tuple[Outcome, str]:
        if self.relay.claims(surface):
            return UNTESTED, "claimed, but no model is known for it: name one under [models] in relayproof.toml"
        if MODELS in self.closed:
            outcome = UNTESTED if surface in (CHAT, CHAT_STREAM) else NOT_OFFERED
            return outcome, "the relay has no model list, and no model was named for it"
        if surface in (CHAT, CHAT_STREAM) and not self.result.exchanges:
            return UNTESTED, "no model is known: the model list was not asked for; name one with --model"
        listed = next((each for each in self.result.exchanges if each.surface == MODELS), None)
        if listed is None or not holds_a_list(listed):
            return UNTESTED, f"the model list could not be read ({outcome_of(listed)}), and no model was named"
        return NOT_OFFERED, "the model list names no model for it"

    def leave_out(self, probe: Probe, outcome: Outcome, reason: str) -> None:
        with self._lock:
            self.result.left_out.append(LeftOut(probe.name, probe.surface, outcome, reason))

    def each(self, probes: Iterable[Probe]) -> None:
        for probe in probes:
            self.send(probe)

    def side_by_side(self, probes: Sequence[Probe]) -> None:
        """An interruption does not wait for answers that may take minutes."""
        pool = ThreadPoolExecutor(max(self.relay.limits.concurrency, 1), thread_name_prefix=THREADS)
        waits = True
        try:
            list(pool.map(self.send, probes))
        except KeyboardInterrupt:
            self.client.stop()
            waits = False
            raise
        finally:
            pool.shutdown(wait=waits, cancel_futures=not waits)

    def send(self, probe: Probe) -> None:
        """Run one probe to its end, and note where it could not go on."""
        closed = self.closed.get(probe.gate)
        if closed is not None and probe.surface == ERRORS:
            closed = closed if closed.outcome is NOT_OFFERED else None
        if closed is not None:
            self.leave_out(probe, closed.outcome, closed.reason)
            return
        steps = probe.run(self.relay)
        exchange: Exchange | None = None
        with contextlib.closing(steps):
            try:
                call = next(steps)
                while True:
                    exchange = self.exchange(call, probe)
                    if exchange.response is None and probe.basic:
                        break
                    call = steps.send(exchange)
            except (StopIteration, Absent):
                if exchange is None or exchange.response is not None:
                    self.tasks.forget(probe.name)
            except (BudgetSpent, Untested) as reason:
                self.leave_out(probe, UNTESTED, str(reason))
        if probe.basic:
            self.settle(probe, exchange)

    def exchange(self, call: Call, probe: Probe) -> Exchange:
        """Send a call, and again when a relay that limits the rate says how soon. Each answer is kept."""
        exchange = self.once(call, probe)
        for _ in range(TRIES):
            wait = self.busy_for(exchange)
            if wait is None:
                break
            self.put_off(exchange)
            exchange = self.once(call, probe, wait)
        return exchange

    def put_off(self, exchange: Exchange) -> None:
        """Keep a refusal for now as what it shows of limits alone: what was asked is measured by the next answer."""
        told = {name: value for name, value in exchange.expect.items() if name in ("surface", "now")}
        with self._lock:
            at = self.result.exchanges.index(exchange)
            self.result.exchanges[at] = replace(exchange, expect=told)

    def busy_for(self, exchange: Exchange) -> float | None:
        """The seconds after which a busy relay wants to be asked again; None when it does not say, or says too many."""
        busy = exchange.response is not None and (exchange.status == 429 or overloaded(exchange))
        told = exchange.answered.header("retry-after") if busy else ""
        if not SECONDS.fullmatch(told) or "quota" in exchange.answered.text:
            return None
        now, wait = time.monotonic(), float(told)
        with self._lock:
            self.waits_until = self.waits_until or now + LONGEST_WAIT
            return wait if now + wait < self.waits_until else None

    def once(self, call: Call, probe: Probe, wait: float = 0.0) -> Exchange:
        exchange = self.tasks.taken_up(call, probe.name, self.client.number)
        if exchange is None:
            sent = replace(call, wait=wait or call.wait, expect={"now": int(time.time())} | dict(call.expect))
            exchange = self.client.send(sent, probe.name)
            self.tasks.remember(call, exchange)
        with self._lock:
            self.result.exchanges.append(exchange)
        if exchange.response is None:
            self.leave_out(probe, FAILS if exchange.failure.startswith(MALFORMED) else UNTESTED, exchange.failure)
        self.progress(probe, exchange)
        return exchange

    def settle(self, probe: Probe, exchange: Exchange | None) -> None:
        """Close a surface whose basic probe was not answered: nothing more is asked of it."""
        if exchange is None or exchange.succeeded:
            return
        unclaimed = not self.relay.claims(probe.surface) and (probe.surface != CHAT or self.has_other_paths())
        absent = exchange.status in NOT_THERE and unclaimed
        if probe.surface == MODELS and not absent:
            return
        outcome = NOT_OFFERED if absent else UNTESTED
        reason = f"its basic request was not answered: {outcome_of(exchange)}"
        self.closed[probe.surface] = LeftOut(probe.name, probe.surface, outcome, reason)
        if absent:
            self.leave_out(probe, NOT_OFFERED, reason)
            self.result.exchanges.remove(exchange)
        elif exchange.status in KEY_REFUSED and probe.surface in (*ANTHROPIC_FAMILY, *GEMINI_FAMILY):
            self.leave_out(probe, UNTESTED, reason)
            self.result.exchanges = [each for each in self.result.exchanges if each.probe != probe.name]

    def has_other_paths(self) -> bool:
        """True when the model that chat was asked for is a Claude or a Gemini, which have paths of their own."""
        return self.relay.model(CHAT) in (self.relay.model(ANTHROPIC), self.relay.model(GEMINI))

    def bad_ones(self, probes: Sequence[Probe], basic: Sequence[Probe]) -> None:
        """The requests that are to be refused, one by one, and a good one after them."""
        if not probes:
            return
        self.each(probes)
        good = next((probe for probe in basic if probe.surface == CHAT and CHAT not in self.closed), None)
        if good is None:
            return
        call = next(good.run(self.relay))
        try:
            after = self.exchange(replace(call, expect=dict(call.expect) | {"after": "bad requests"}), good)
        except BudgetSpent as spent:
            self.leave_out(good, UNTESTED, str(spent))
            return
        if not after.succeeded:
            self.shut(after)

    def shut(self, after: Exchange) -> None:
        """Mark the refusals that a tripped circuit breaker gave: they say nothing about the requests."""
        names = {
            each.id for each in self.result.exchanges if each.status == after.status and each.expect.get("refusal")
        }
        self.result.exchanges = [
            replace(each, expect=dict(each.expect) | {"shut": True}) if each.id in names else each
            for each in self.result.exchanges
        ]


def holds_a_list(exchange: Exchange) -> bool:
    """True for an answer with a list of models in it, be it empty."""
    try:
        return exchange.succeeded and isinstance(exchange.get("/data"), list)
    except Absent:
        return False


def outcome_of(exchange: Exchange | None) -> str:
    """How an exchange went, in a few words."""
    if exchange is None:
        return "not asked"
    if exchange.response is None:
        return exchange.failure
    return f"status {exchange.status}"
