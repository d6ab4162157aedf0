"""Rules x exchanges -> verdicts, and what the verdicts add up to."""

from __future__ import annotations

import datetime
import re
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from relayproof.exchange import Ended, Exchange
from relayproof.pointer import Absent
from relayproof.relay import KnownDeviation
from relayproof.rule import EVEN_NONE, MUST, OK, REFUSED, RELAY, SHOULD, Finding, Level, NotOffered, Rule, Untested
from relayproof.surface import ERRORS

SHOWN_FINDINGS = 5


class Outcome(StrEnum):
    """What a verdict says. Only `passes` is green: measured and found good."""

    PASSES = "passes"
    FAILS = "fails"
    KNOWN = "known"
    STALE = "stale"
    NOT_OFFERED = "not-offered"
    UNTESTED = "untested"


PASSES, FAILS, KNOWN, STALE, NOT_OFFERED, UNTESTED = Outcome


@dataclass(frozen=True)
class Verdict:
    """One rule on one exchange (or one group of them)."""

    rule: str
    level: Level
    surface: str
    outcome: Outcome
    probe: str = ""
    model: str = ""
    exchanges: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    origin: str = ""
    page: Rule | None = field(default=None, compare=False, repr=False)

    @property
    def failed(self) -> bool:
        """True for a must that is broken and not known."""
        return self.outcome is FAILS and self.level is MUST

    @property
    def warns(self) -> bool:
        """True for a should that is broken and not known."""
        return self.outcome is FAILS and self.level is SHOULD


@dataclass(frozen=True)
class SuiteError:
    """An exception inside a rule: our bug, never the relay's."""

    rule: str
    exchange: str
    trace: str


@dataclass
class Judgement:
    """All verdicts of a run, and the suite's own errors."""

    verdicts: list[Verdict] = field(default_factory=list)
    errors: list[SuiteError] = field(default_factory=list)


def judge(exchanges: Sequence[Exchange], rules: Iterable[Rule], profile: str = RELAY) -> Judgement:
    """Judge every exchange by every rule that applies, in the order of the exchanges."""
    result = Judgement()
    rules = list(rules)
    alone = _by_surface(rules, {exchange.surface for exchange in exchanges})
    for exchange in exchanges:
        for rule in alone[exchange.surface]:
            _judge(result, rule, (exchange,), profile)
    for rule in rules:
        if rule.across is not None:
            for group in rule.across([each for each in exchanges if applies(rule, each)]):
                _judge(result, rule, group, profile)
    return result


def applies(rule: Rule, exchange: Exchange) -> bool:
    """True when the rule has something to say on this exchange."""
    if exchange.surface not in rule.on or (exchange.response is None and rule.answers != EVEN_NONE):
        return False
    if rule.answers == REFUSED and exchange.status < 400:
        return False
    if rule.answers == OK and (not exchange.succeeded or exchange.expect.get("refusal")):
        return False
    if exchange.response and exchange.response.ended is not Ended.COMPLETE and not rule.partial:
        return False
    try:
        return rule.when is None or rule.when(exchange)
    except Absent:
        return False


def _by_surface(rules: Sequence[Rule], surfaces: Iterable[str]) -> dict[str, list[Rule]]:
    return {name: [rule for rule in rules if rule.across is None and name in rule.on] for name in surfaces}


def _judge(result: Judgement, rule: Rule, group: tuple[Exchange, ...], profile: str) -> None:
    last = group[-1]
    try:
        if rule.across is None and not applies(rule, last):
            return
        outcome, findings, reason = _measure(rule, group)
    except Absent:
        return
    except Exception:
        result.errors.append(SuiteError(rule.id, last.id, traceback.format_exc()))
        return
    result.verdicts.append(
        Verdict(
            rule=rule.id,
            level=rule.level_in(profile),
            surface=shown_surface(last),
            outcome=outcome,
            probe=last.probe,
            model=last.model,
            exchanges=tuple(each.id for each in group),
            findings=tuple(findings),
            reason=reason,
            page=rule,
        )
    )


def _measure(rule: Rule, group: tuple[Exchange, ...]) -> tuple[Outcome, list[Finding], str]:
    blind = {aspect for exchange in group for aspect in exchange.blind & rule.needs}
    if blind:
        return UNTESTED, [], f"the recording does not show the {', '.join(sorted(blind))}"
    try:
        findings = list(rule.check(group[0] if rule.across is None else group))
    except Untested as untested:
        return UNTESTED, [], str(untested)
    except NotOffered as refusal:
        return NOT_OFFERED, [], str(refusal)
    return (FAILS, collapse(findings), "") if findings else (PASSES, [], "")


def shown_surface(exchange: Exchange) -> str:
    """The surface under which an exchange is reported: its probe's, or `errors` for a refusal nobody planned."""
    planned = exchange.expect.get("surface")
    if planned:
        return str(planned)
    return exchange.surface if exchange.succeeded else ERRORS


def collapse(findings: Sequence[Finding]) -> list[Finding]:
    """The same trouble at many places (/data/0/id, /data/1/id, ...) told once, with the number of the others."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(re.sub(r"\d+", "*", finding.where), []).append(finding)
    firsts = [
        same[0] if len(same) == 1 else replace(same[0], what=f"{same[0].what} (and {len(same) - 1} more like it)")
        for same in kinds.values()
    ]
    return firsts[:SHOWN_FINDINGS]


def forgive(verdicts: Sequence[Verdict], known: Sequence[KnownDeviation], today: datetime.date) -> list[Verdict]:
    """Mark what is listed as known, and say which entries are stale: measured, and nothing of it fails."""
    live = [entry for entry in known if entry.until is None or today <= entry.until]
    forgiven = [_forgiven(verdict, live) for verdict in verdicts]
    return forgiven + list(_stale(forgiven, live))


def _forgiven(verdict: Verdict, known: Sequence[KnownDeviation]) -> Verdict:
    entry = next((entry for entry in known if entry.covers(verdict.rule, verdict.surface, verdict.model)), None)
    if entry is None or verdict.outcome is not FAILS:
        return verdict
    return replace(verdict, outcome=KNOWN, reason=entry.reason)


def _stale(verdicts: Sequence[Verdict], known: Sequence[KnownDeviation]) -> Iterator[Verdict]:
    for entry in known:
        covered = [verdict for verdict in verdicts if entry.covers(verdict.rule, verdict.surface, verdict.model)]
        measured = [verdict for verdict in covered if verdict.outcome in (PASSES, KNOWN)]
        if measured and all(verdict.outcome is PASSES for verdict in measured):
            yield replace(
                measured[0],
                outcome=STALE,
                findings=(Finding("relayproof.toml", f"{entry.rule} is listed as known, but passes"),),
                reason=entry.reason,
            )


@dataclass(frozen=True)
class Summary:
    """The counts under a report: by outcome for musts, shoulds and mays, and the exit code."""

    required: Counter[Outcome]
    recommended: Counter[Outcome]
    optional: Counter[Outcome]
    exit_code: int


def summarise(judgement: Judgement, *, strict: bool = False) -> Summary:
    """Count the verdicts, and choose the exit code."""
    counts = {level: Counter(v.outcome for v in judgement.verdicts if v.level is level) for level in Level}
    return conclude(counts, judgement.errors, strict=strict)


def conclude(
    counts: Mapping[Level, Counter[Outcome]], errors: Sequence[SuiteError], *, strict: bool, recorded: bool = False
) -> Summary:
    """The exit code: 3 our bug, 1 a must fails or an entry is stale, 4 incomplete, 0 good.

    `recorded` traffic can't show everything (a log without headers): there, what is untested makes nothing incomplete.
    """
    required, recommended = counts[MUST], counts[SHOULD]
    stale = any(counter[STALE] for counter in counts.values())
    if errors:
        code = 3
    elif required[FAILS] or stale or (strict and recommended[FAILS]):
        code = 1
    elif (required[UNTESTED] and not recorded) or not required[PASSES]:
        code = 4
    else:
        code = 0
    return Summary(required, recommended, counts[Level.MAY], code)
