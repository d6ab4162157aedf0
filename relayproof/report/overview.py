"""What all reports say the same way: a rule's verdicts on one surface as one line, the counts, and the one sentence.

A rule judged on nine exchanges is one thing to repair, so reports count rules on surfaces, not verdicts. The worst
verdict speaks for the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from relayproof.judge import FAILS, KNOWN, NOT_OFFERED, PASSES, STALE, UNTESTED, Outcome, Verdict
from relayproof.report.parameters import Parameter, parameters
from relayproof.report.untrusted import cleaned
from relayproof.report.wording import say
from relayproof.results import Results
from relayproof.rule import MAY, MUST, SHOULD, Finding, Level, Rule
from relayproof.surface import SURFACES

WORST_FIRST = (FAILS, STALE, UNTESTED, KNOWN, PASSES, NOT_OFFERED)
KINDS = ("passes", "fails", "stale", "warns", "known", "untested", "notes", "not-offered")
SHOWN_FAILURES = {MUST: "fails", SHOULD: "warns", MAY: "notes"}
ADVICE = {
    "advice.key": re.compile(r"\bstatus 40[13]\b|answered 40[13]$"),
    "advice.address": re.compile(r"\bunreachable: "),
}


@dataclass(frozen=True)
class Place:
    """One finding and how often it was made: its verdicts, the first of which is the evidence."""

    finding: Finding
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, eq=False)
class Ruling:
    """One rule on one surface: its verdicts, of which the worst counts."""

    rule: str
    surface: str
    verdicts: tuple[Verdict, ...]

    @property
    def level(self) -> Level:
        """How binding the rule is here."""
        return self.verdicts[0].level

    @property
    def page(self) -> Rule | None:
        """The rule's card; None where a verdict has none."""
        return next((verdict.page for verdict in self.verdicts if verdict.page), None)

    @cached_property
    def outcome(self) -> Outcome:
        """The worst outcome of all."""
        return min((verdict.outcome for verdict in self.verdicts), key=WORST_FIRST.index)

    @property
    def kind(self) -> str:
        """One of KINDS: the outcome, where a failure is named after its level."""
        return SHOWN_FAILURES[self.level] if self.outcome is FAILS else str(self.outcome)

    @property
    def worst(self) -> tuple[Verdict, ...]:
        """The verdicts with the worst outcome."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome is self.outcome)

    @property
    def origin(self) -> str:
        """Where the failures come from, when an upstream was asked: the gravest of introduced, not known, inherited."""
        origins = {verdict.origin for verdict in self.worst}
        return next((origin for origin in ("introduced", "not known", "inherited") if origin in origins), "")

    @property
    def reasons(self) -> list[str]:
        """The reasons of the worst verdicts, each once."""
        return list(dict.fromkeys(verdict.reason for verdict in self.worst if verdict.reason))

    @cached_property
    def places(self) -> list[Place]:
        """The findings; those that differ only in numbers and quoted values are told once."""
        found: dict[str, tuple[Finding, list[Verdict]]] = {}
        for verdict in self.worst:
            for finding in verdict.findings:
                found.setdefault(_alike(finding), (finding, []))[1].append(verdict)
        return [Place(finding, tuple(verdicts)) for finding, verdicts in found.values()]


@dataclass(frozen=True)
class Tally:
    """A surface's line in the table: its model and its rules by kind."""

    surface: str
    model: str
    counts: Counter[str]
    reasons: tuple[str, ...] = ()

    @property
    def only(self) -> str:
        """The one kind that all rules here are of; "" when they differ."""
        return next(iter(self.counts)) if len(self.counts) == 1 else ""


@dataclass(frozen=True)
class Gap:
    """A rule that could not be tested on some probes."""

    ruling: Ruling
    probes: tuple[str, ...]


class Overview:
    """Results seen as a report sees them. Every text in it is fit to be shown."""

    def __init__(self, results: Results) -> None:
        self.results = cleaned(results)
        self.exchanges = {exchange.id: exchange for exchange in reversed(results.exchanges)}
        self.rulings = _rulings(self.results.verdicts)
        self.required = self.count(MUST)
        self.recommended = self.count(SHOULD)
        self.optional = self.count(MAY)

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Request parameters and what became of them."""
        return parameters(self.results.exchanges, self.results.verdicts)

    def of(self, *kinds: str) -> list[Ruling]:
        """The rulings of those kinds, by surface and rule."""
        return [ruling for ruling in self.rulings if ruling.kind in kinds]

    def count(self, level: Level) -> Counter[Outcome]:
        """How many rules of a level came out how."""
        return Counter(ruling.outcome for ruling in self.rulings if ruling.level is level)

    @cached_property
    def tallies(self) -> list[Tally]:
        """One line per surface, in the order of SURFACES."""
        return [self._tally(surface) for surface in dict.fromkeys(ruling.surface for ruling in self.rulings)]

    def _tally(self, surface: str) -> Tally:
        here = [ruling for ruling in self.rulings if ruling.surface == surface]
        reasons = (reason for ruling in here if ruling.kind in ("untested", "not-offered") for reason in ruling.reasons)
        model = self.results.models.get(surface, "")
        return Tally(surface, model, Counter(ruling.kind for ruling in here), tuple(dict.fromkeys(reasons)))

    @property
    def state(self) -> str:
        """The run in a word: broken, fails, incomplete or good, by the exit code."""
        return {0: "good", 1: "fails", 4: "incomplete", 130: "incomplete"}.get(self.results.summary.exit_code, "broken")

    def sentence(self, language: str = "en") -> str:
        """The verdict in one sentence."""
        key, count = self._headline()
        known = self.required[KNOWN]
        return say(key, language, count=count, total=whole(self.required), known=known, relay=self.results.relay)

    @cached_property
    def advice(self) -> list[str]:
        """What the user can mend alone, as keys of WORDS: a wrong key, a wrong address."""
        reasons = [verdict.reason for verdict in self.results.verdicts if verdict.outcome is UNTESTED]
        return [key for key, signs in ADVICE.items() if any(map(signs.search, reasons))]

    def _headline(self) -> tuple[str, int]:
        required, summary = self.required, self.results.summary
        stale = len(self.of("stale"))
        cases: Sequence[tuple[str, int]] = (
            ("sentence.broken", len(self.results.errors)),
            ("sentence.fails", required[FAILS]),
            ("sentence.stale", stale),
            ("sentence.strict", self.recommended[FAILS] if summary.exit_code == 1 else 0),
            ("sentence.nothing", int(not required[PASSES] and not required[KNOWN])),
            ("sentence.untested", required[UNTESTED]),
            ("sentence.nothing", int(not required[PASSES])),
            ("sentence.known", required[PASSES] if required[KNOWN] else 0),
        )
        return next(((key, count) for key, count in cases if count), ("sentence.good", required[PASSES]))

    def exit_words(self, language: str = "en") -> str:
        """What the exit code means, in this run."""
        code = self.results.summary.exit_code
        cause = ""
        if code == 1 and not self.required[FAILS]:
            cause = ".stale" if self.of("stale") else ".strict"
        return say(f"exit.{code}{cause}", language)

    def gaps(self) -> dict[str, list[Gap]]:
        """What was not tested, by reason: also where other verdicts of the same rule came out worse."""
        found: dict[str, dict[Ruling, list[str]]] = {}
        for ruling in self.rulings:
            for verdict in ruling.verdicts:
                if verdict.outcome is UNTESTED:
                    found.setdefault(verdict.reason, {}).setdefault(ruling, []).append(verdict.probe)
        return {
            reason: [Gap(ruling, tuple(dict.fromkeys(filter(None, probes)))) for ruling, probes in gaps.items()]
            for reason, gaps in found.items()
        }


def _alike(finding: Finding) -> str:
    what = re.sub(r'"(?:\\.|[^"\\])*"?|\b\w*\d\w*', "*", finding.what)[:40]
    return re.sub(r"\d+", "*", finding.where) + " " + what


def whole(counts: Counter[Outcome]) -> int:
    """How many rules there were to keep: all but those of surfaces that are not offered. The untested ones stay in."""
    return sum(number for outcome, number in counts.items() if outcome is not NOT_OFFERED)


def _rulings(verdicts: Sequence[Verdict]) -> list[Ruling]:
    found: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.surface, verdict.rule), []).append(verdict)
    made = [Ruling(rule, surface, tuple(same)) for (surface, rule), same in found.items()]
    return sorted(made, key=lambda ruling: (_order(ruling.surface), ruling.rule))


def _order(surface: str) -> tuple[int, str]:
    return (SURFACES.index(surface), "") if surface in SURFACES else (len(SURFACES), surface)
