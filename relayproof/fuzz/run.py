"""A run of generated requests: our client sends them, one after the other, and never more than the budget allows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from relayproof.exchange import Exchange
from relayproof.fuzz import sequence
from relayproof.fuzz.case import Case, model_of, surface_of
from relayproof.judge import NOT_OFFERED, UNTESTED, Outcome
from relayproof.offers import choose_models
from relayproof.openapi import Operation, operations
from relayproof.probe import Call
from relayproof.relay import Relay
from relayproof.session import NOT_THERE, LeftOut, Run, outcome_of
from relayproof.surface import CHAT, GEMINI, MODELS, OTHER, STREAMS
from relayproof.wire.budget import BudgetSpent
from relayproof.wire.client import Client

LEGAL_SHARE = 0.6
HANGS = 2
STREAK = 3
REFUSED_FOR_NOW = (401, 402, 403)
Progress = Callable[[Exchange], None]


def run(
    relay: Relay,
    *,
    seed: int = 0,
    only: frozenset[str] = frozenset(),
    legal: bool = True,
    illegal: bool = True,
    spare: int = 0,
    client: Client | None = None,
    progress: Progress = lambda exchange: None,
) -> Run:
    """Send generated requests until the relay's budget (`relay.limits.requests`) less `spare` is spent.

    Legal ones first, then illegal ones, then a good one. The seed alone decides which, as long as the relay answers the
    same. Never raises for anything a relay does.
    """
    started = time.monotonic()
    with client or Client(relay) as sender:
        fuzzing = Fuzzing(relay, sender, seed, only, progress)
        fuzzing.go(relay.limits.requests - spare, legal=legal, illegal=illegal)
        result = fuzzing.result
        result.requests, result.tokens = sender.budget.spent.requests, sender.budget.spent.tokens
    result.relay, result.seconds = fuzzing.relay, round(time.monotonic() - started, 2)
    result.notes.insert(0, f"generated with seed {seed}")
    return result


@dataclass
class Queue:
    """An operation's cases still to be tried. `credit` is what it has earned of the next turn."""

    operation: Operation
    cases: Iterator[Case]
    weight: float
    credit: float = 0.0
    hangs: int = 0
    sent: int = 0


@dataclass
class Fuzzing:
    """The state of one run."""

    relay: Relay
    client: Client
    seed: int
    only: frozenset[str]
    progress: Progress
    good: Case | None = None
    streak: int = 0
    patience: int = STREAK
    over: bool = False
    gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.result = Run(self.relay)

    def go(self, budget: int, *, legal: bool, illegal: bool) -> None:
        """Spend the budget: the model list where models are to be chosen, legal cases, illegal ones, a good one."""
        self.choose()
        chosen = [operation for operation in operations() if self.offered(operation)]
        left = budget - self.client.budget.spent.requests
        if legal:
            self.phase(chosen, math.ceil(left * LEGAL_SHARE) if illegal else left, legal=True)
        if illegal:
            left = budget - self.client.budget.spent.requests
            self.phase(chosen, left - 1 if self.good else left, legal=False)
        left = budget - self.client.budget.spent.requests
        if legal and left > 1:
            self.phase(chosen, left - 1, legal=True)
        if illegal and self.good and not self.over and budget > self.client.budget.spent.requests:
            self.check()

    def choose(self) -> None:
        """Ask for the model list, and pick a model for each surface, unless the user named what is to be asked."""
        listed = self.send(Call("GET", "/v1/models", expect={"answer": True, "surface": MODELS}), "fuzz/models")
        answer = listed if listed is not None and listed.succeeded else None
        self.relay = self.result.relay = replace(self.relay, models=choose_models(answer, self.relay))

    def offered(self, operation: Operation) -> bool:
        """True for an operation that the relay serves, that the user chose, and that costs no more than was allowed."""
        known = _family(operation)
        wanted = not self.only or bool({known, STREAMS.get(known, known)} & self.only)
        if known == OTHER or not wanted:
            return False
        if operation.spend > self.relay.limits.spend:
            self.leave_out(operation, UNTESTED if self.relay.claims(known) else NOT_OFFERED, "it costs money: --spend money")
            return False
        if known != MODELS and not (self.relay.model(known) if known != GEMINI else model_of(operation, self.relay)):
            self.leave_out(operation, NOT_OFFERED, "no model is known for it")
            return False
        return True

    def phase(self, chosen: Sequence[Operation], number: int, *, legal: bool) -> None:
        """Send `number` cases, shared out by how much there is to try on each operation."""
        queues = [self.queue(operation, legal) for operation in chosen if operation.name not in self.gone]
        last = self.client.budget.spent.requests + number
        while queues and not self.over and self.client.budget.spent.requests < last:
            queue = _next(queues)
            case = next(queue.cases, None)
            if case is None or not self.try_out(queue, case, last):
                queues.remove(queue)
