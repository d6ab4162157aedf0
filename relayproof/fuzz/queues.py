"""Whose turn it is: the operations share a budget by how much there is to try on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relayproof.fuzz import sequence
from relayproof.fuzz.case import Case
from relayproof.fuzz.tame import surface_of
from relayproof.openapi import Operation
from relayproof.surface import CHAT, GEMINI

CHAT_FIRST = 2.5
SAME_AS_WHOLE = 0.3
NOTHING_TO_VARY = 0.3


@dataclass
class Queue:
    """An operation's cases still to be tried. `credit` is what it has earned of the next turn."""

    operation: Operation
    cases: Iterator[Case]
    weight: float
    credit: float = 0.0
    sent: int = 0
    hangs: int = 0


def opened(operation: Operation, cases: Iterator[Case], *, legal: bool) -> Queue:
    """The queue of an operation. Chat is what most clients use: it weighs more; what takes no body weighs less.

    Gemini's two operations take the same body, so what one refuses the other hardly takes.
    """
    favour = CHAT_FIRST if family(operation) == CHAT else 1 if operation.request else NOTHING_TO_VARY
    if operation.path.endswith("streamGenerateContent") and not legal:
        favour = SAME_AS_WHOLE
    return Queue(operation, cases, favour * sequence.breadth(operation) ** 0.4)


def next_of(queues: Sequence[Queue]) -> Queue:
    """The queue whose turn it is: each once, then over time as the weights are."""
    for queue in queues:
        queue.credit += queue.weight
    chosen = max(queues, key=lambda queue: (queue.sent == 0, queue.credit))
    chosen.credit -= sum(queue.weight for queue in queues)
    return chosen


def family(operation: Operation) -> str:
    """The surface that decides whether an operation is served."""
    return GEMINI if operation.path.startswith("/v1beta") else surface_of(operation)
