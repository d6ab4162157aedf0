"""A run of generated requests: our client sends them, one after the other, and never more than the budget allows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from relayproof import runs
from relayproof.exchange import Exchange
from relayproof.fuzz import findings, sequence
from relayproof.fuzz.case import Case
from relayproof.fuzz.queues import Queue, family, next_of, opened
from relayproof.fuzz.reduce import reduce
from relayproof.judge import NOT_OFFERED, UNTESTED, Outcome
from relayproof.offers import choose_models
from relayproof.openapi import Operation, operations
from relayproof.probe import CENTS, Call
from relayproof.relay import Limits, Relay
from relayproof.results import Results
from relayproof.session import LeftOut, Run, outcome_of
from relayproof.surface import CHAT, MODELS, NOT_THERE, OTHER, STREAMS
from relayproof.wire.budget import BudgetSpent
from relayproof.wire.client import Client

REQUESTS = 100
TOKENS_A_REQUEST = 300
LEGAL_SHARE = 0.5
HANGS = 3
STREAK = 3
LISTING = "GET /v1/models"
KEY_REFUSED = (401, 402, 403)
Progress = Callable[[Exchange], None]


def limits(given: Limits, requests: int = REQUESTS) -> Limits:
    """The limits of a run of so many requests: as given, with room for the tokens that so many can cost."""
    return replace(given, requests=requests, tokens=max(given.tokens, requests * TOKENS_A_REQUEST))


def budgeted(relay: Relay, requests: int | None) -> Relay:
    """The relay with the budget of a run: so many requests, or as many as are usual and the settings allow."""
    return replace(relay, limits=limits(relay.limits, requests or min(REQUESTS, relay.limits.requests)))


def run(relay: Relay, *, client: Client | None = None, **options: Any) -> Run:
    """Send generated requests until the relay's budget (`relay.limits.requests`) is spent.

    Legal ones first, then illegal ones, then a good one. The seed alone decides which, as long as the relay answers the
    same. Never raises for anything a relay does. The other keywords are `seed`, `only` (surfaces), `legal`, `illegal`
    (kinds of requests) and `progress` (called with each exchange).
    """
    with client or Client(relay) as sender:
        return _run(relay, sender, **options)


def _run(
    relay: Relay,
    sender: Client,
    *,
    seed: int = 0,
    only: frozenset[str] = frozenset(),
    legal: bool = True,
    illegal: bool = True,
    spare: int = 0,
    progress: Progress = lambda exchange: None,
) -> Run:
    started = time.monotonic()
    fuzzing = _Fuzzing(relay, sender, seed, only, progress)
    result = fuzzing.result
    try:
        fuzzing.go(relay.limits.requests - spare, legal=legal, illegal=illegal)
    except KeyboardInterrupt:
        result.interrupted = True
    spent = sender.budget.spent
    result.requests, result.tokens = spent.requests, spent.tokens
    result.relay, result.seconds = fuzzing.relay, round(time.monotonic() - started, 2)
    result.notes.insert(0, f"generated with seed {seed}")
    return result


def run_and_judge(
    relay: Relay, *, tries: int = 0, strict: bool = False, client: Client | None = None, **options: Any
) -> tuple[Run, Results]:
    """A run, with `tries` of its requests kept back to make the failures smaller, and what it comes to.

    Making smaller costs requests like any other: `tries` is the user's leave. The other keywords are those of `run`.
    """
    sender = client or Client(relay)
    with sender:
        gathered = _run(relay, sender, spare=tries, **options)
        if tries and not gathered.interrupted:
            reduce(gathered, runs.load_rules(relay.rules), sender, tries)
            gathered.requests, gathered.tokens = sender.budget.spent.requests, sender.budget.spent.tokens
    return gathered, findings.results(gathered, strict=strict)


class _Fuzzing:
    def __init__(self, relay: Relay, client: Client, seed: int, only: frozenset[str], progress: Progress) -> None:
        self.relay, self.client, self.seed, self.only, self.progress = relay, client, seed, only, progress
        self.result = Run(relay)
        self.good: Case | None = None
        self.ended: list[Operation] = []
        self.dear: list[str] = []
        self.streak, self.patience, self.over = 0, STREAK, False

    @property
    def spent(self) -> int:
        return self.client.budget.spent.requests

    def go(self, budget: int, *, legal: bool, illegal: bool) -> None:
        """Spend the budget. Where one kind comes to its end early, the other gets the rest."""
        self.choose()
        chosen = [operation for operation in operations() if self.offered(operation)]
        if self.dear:
            self.result.notes.append(f"not asked, since they cost money (--spend money): {', '.join(self.dear)}")
        allowed = [self.queue(operation, legal=True) for operation in chosen if legal]
        forbidden = [self.queue(operation, legal=False) for operation in chosen if illegal and operation.request]
        self.phase(allowed, self.spent + math.ceil((budget - self.spent) * (LEGAL_SHARE if forbidden else 1)))
        there = [queue.operation for queue in allowed if queue.sent] + self.ended if legal else chosen
        self.phase([queue for queue in forbidden if queue.operation in there], budget - bool(self.good))
        self.phase(allowed, budget - bool(self.good and forbidden))
        if forbidden and self.good and not self.over and self.spent < budget:
            self.check(self.good)

    def choose(self) -> None:
        """Ask for the model list, and pick a model for each surface where the user named none."""
        call = Call("GET", "/v1/models", expect={"answer": True, "surface": MODELS})
        exchange = self.send(call, "fuzz/get-v1-models")
        answer = exchange if exchange is not None and exchange.succeeded else None
        self.relay = self.result.relay = replace(self.relay, models=choose_models(answer, self.relay))

    def offered(self, operation: Operation) -> bool:
        """True for an operation that the relay serves, that the user chose, and that costs no more than was allowed."""
        known = family(operation)
        if known == OTHER or operation.name == LISTING:
            return False
        if self.only and not {known, STREAMS.get(known, known)} & self.only:
            return False
        if known != MODELS and not self.relay.model(known):
            self.leave_out(operation, UNTESTED if self.relay.claims(known) else NOT_OFFERED, "no model is known for it")
            return False
        if operation.spend > self.relay.limits.spend:
            self.dear.append(operation.name)
            return False
        return True

    def queue(self, operation: Operation, *, legal: bool) -> Queue:
        if legal:
            return opened(
                operation, sequence.legal(operation, self.relay, self.seed, self.streams(operation)), legal=True
            )
        return opened(operation, sequence.illegal(operation, self.relay, self.seed), legal=False)

    def streams(self, operation: Operation) -> tuple[bool, ...]:
        """Whether whole answers, streams or both were chosen."""
        known = family(operation)
        both = (False,) * (known in self.only) + (True,) * (STREAMS.get(known) in self.only)
        return both or (False, True)

    def phase(self, queues: list[Queue], until: int) -> None:
        """Send cases until so many requests are spent, shared out by how much there is to try on each operation.

        Queues that come to an end, and operations that turn out not to be there, are taken out of the list.
        """
        while queues and not self.over and self.spent < until:
            queue = next_of(queues)
            case = next(queue.cases, None)
            if case is None:
                self.ended.append(queue.operation)
            if case is None or not self.tried(queue, case):
                queues.remove(queue)

    def tried(self, queue: Queue, case: Case) -> bool:
        """Send a case. False when nothing more is to be asked of its operation."""
        exchange = self.send(case.call, f"fuzz/{queue.operation.slug}")
        if exchange is None:
            return False
        queue.sent += 1
        if self.absent(queue, case, exchange):
            return False
        if exchange.succeeded and case.legal and queue.operation.spend <= CENTS and self.better(case):
            self.good = case
        self.watch(exchange)
        queue.hangs += exchange.response is None
        return queue.hangs < HANGS and exchange.status not in KEY_REFUSED

    def better(self, case: Case) -> bool:
        """True when a case makes a better good request than the one known: a plain example, of chat if there is one."""
        return self.good is None or (family(self.good.operation) != CHAT and family(case.operation) == CHAT)

    def absent(self, queue: Queue, case: Case, exchange: Exchange) -> bool:
        """True when the first plain case shows that the relay does not serve the operation."""
        known = family(queue.operation)
        if queue.sent > 1 or not case.legal or not queue.operation.request or exchange.status not in NOT_THERE:
            return False
        if self.relay.claims(known) or known == CHAT:
            return False
        self.result.exchanges.remove(exchange)
        self.leave_out(queue.operation, NOT_OFFERED, f"its plainest request was not answered: {outcome_of(exchange)}")
        return True

    def watch(self, exchange: Exchange) -> None:
        """After some failures in a row, ask something good: a relay that shut itself says nothing about requests."""
        failed = exchange.response is None or exchange.status >= 500 or exchange.status == 429
        self.streak = self.streak + 1 if failed else 0
        if exchange.failure.startswith("unreachable"):
            self.stop(f"the relay is gone: {exchange.failure}")
        elif self.good is not None and self.streak >= self.patience and self.spent < self.client.budget.limits.requests:
            self.streak, self.patience = 0, self.patience * 2
            self.check(self.good)

    def check(self, good: Case) -> None:
        """Send a request that was answered before. Where it is not, the run is over, and its like are marked."""
        call = replace(good.call, expect={**good.call.expect, "after": "generated requests"})
        after = self.send(call, f"fuzz/{good.operation.slug}")
        if after is None or after.succeeded:
            return
        self.result.exchanges = [
            replace(each, expect={**each.expect, "shut": True}) if each.status == after.status else each
            for each in self.result.exchanges
        ]
        self.stop(f"the relay had stopped answering good requests: {outcome_of(after)}")

    def stop(self, reason: str) -> None:
        self.over = True
        self.result.left_out.append(LeftOut("fuzz", family_of(self.good), UNTESTED, reason))

    def send(self, call: Call, probe: str) -> Exchange | None:
        """Send within the budget; None, and the end, when it is spent."""
        timed = replace(call, expect={"now": int(time.time()), **call.expect})
        try:
            exchange = self.client.send(timed, probe)
        except BudgetSpent as spent:
            self.over = True
            self.result.notes.append(str(spent))
            return None
        self.result.exchanges.append(exchange)
        self.progress(exchange)
        return exchange

    def leave_out(self, operation: Operation, outcome: Outcome, reason: str) -> None:
        known = family(operation)
        if not any(left.surface == known and left.reason == reason for left in self.result.left_out):
            self.result.left_out.append(LeftOut(f"fuzz/{operation.slug}", known, outcome, reason))


def family_of(case: Case | None) -> str:
    """The surface of a case; the model list's when there is none."""
    return family(case.operation) if case else MODELS
