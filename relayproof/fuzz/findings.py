"""What a run of generated requests found: each failure once, shown by the smallest request that has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from relayproof import judge, runs
from relayproof.exchange import TIMING, Exchange
from relayproof.judge import FAILS, Judgement, Verdict
from relayproof.results import Results
from relayproof.session import Run

Kind = tuple[str, str, str, int]


def results(run: Run, *, strict: bool = False) -> Results:
    """The results of a run, each failure told once; nothing is said about time."""
    whole = runs.from_run(run, strict=strict, narrow=True)
    known = {exchange.id: exchange for exchange in run.exchanges}
    verdicts = once(filter(_tells, whole.verdicts), known)
    summary = judge.summarise(Judgement(verdicts, list(whole.errors)), strict=strict)
    return replace(whole, verdicts=verdicts, summary=runs.ended(summary, run))


def _tells(verdict: Verdict) -> bool:
    """False for what goes by the clock: the few tokens that a generated request is allowed show nothing of that."""
    return verdict.page is None or TIMING not in verdict.page.needs


def once(verdicts: Iterable[Verdict], exchanges: Mapping[str, Exchange]) -> list[Verdict]:
    """The verdicts, and of failures of one kind only that of the smallest request."""
    verdicts = list(verdicts)
    smallest: dict[Kind, Verdict] = {}
    for verdict in verdicts:
        if verdict.outcome is not FAILS:
            continue
        known = exchanges.get(verdict.exchanges[-1]) if verdict.exchanges else None
        same = kind(verdict, known.status if known else 0)
        if same not in smallest or size(verdict, exchanges) < size(smallest[same], exchanges):
            smallest[same] = verdict
    chosen = {id(verdict) for verdict in smallest.values()}
    return [verdict for verdict in verdicts if verdict.outcome is not FAILS or id(verdict) in chosen]


def kind(verdict: Verdict, status: int) -> Kind:
    """What makes two failures the same: the rule, the operation, the place, and the status of the answer."""
    where = verdict.findings[0].where if verdict.findings else ""
    return verdict.rule, verdict.probe, re.sub(r"\d+", "*", where), status


def size(verdict: Verdict, exchanges: Mapping[str, Exchange]) -> int:
    """How large the requests are that show a failure, in bytes."""
    shown = [exchanges[number].request for number in verdict.exchanges if number in exchanges]
    return sum(len(request.body) + len(request.url) for request in shown)
