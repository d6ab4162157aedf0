"""What `check` says of recorded traffic: a summary for the terminal, and a line of JSON for each failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from relayproof.judge import FAILS, Outcome, Verdict
from relayproof.report.overview import Overview
from relayproof.report.spoken import spoken
from relayproof.report.terminal import INDENT, cells, padded, shortened, wrapped
from relayproof.report.untrusted import one_line
from relayproof.report.wording import say
from relayproof.results import Results
from relayproof.rule import MUST, SHOULD, Level
from relayproof.wire.scrub import tidy

MOST_SHOWN = 200
MOST_FIXES = 8
Broken = dict[tuple[Level, str], list[Verdict]]


def summary(results: Results, width: int = 80, *, language: str = "en") -> str:
    """How much was judged, and each broken rule once with its first place: the worst last, where one looks first."""
    overview = Overview(results)
    broken: Broken = {}
    for verdict in overview.results.verdicts:
        if verdict.outcome is FAILS:
            broken.setdefault((verdict.level, verdict.rule), []).append(verdict)
    lines = [line for note in overview.results.notes for line in wrapped(spoken(note, language), width)]
    lines += [""] * bool(broken)
    fixes = sum(level is MUST for level, _ in broken) <= MOST_FIXES
    for level, rule in sorted(broken, key=lambda each: (each[0] is MUST, each)):
        lines += _told(broken[level, rule], width, language, fixes)
    return "\n".join([*lines, "", *_last(overview, broken, width, language)]) + "\n"


def _told(same: Sequence[Verdict], width: int, language: str, fixes: bool) -> Iterator[str]:
    verdict = same[0]
    finding = verdict.findings[0]
    mark = say("mark.fails" if verdict.level is MUST else "warns", language)
    place = one_line(f"{verdict.exchanges[-1]} {finding.where}")
    yield from wrapped(f"{mark}  {verdict.rule}  {len(same)}x  {say('first', language)} {place}", width, INDENT)
    yield shortened(" " * INDENT + one_line(tidy(finding.what), MOST_SHOWN), width)
    if fixes and verdict.level is MUST and verdict.page:
        start = " " * INDENT + padded(say("fix.short", language), 8)
        yield from wrapped(start + verdict.page.fix, width, cells(start))


def _last(overview: Overview, broken: Broken, width: int, language: str) -> Iterator[str]:
    counts = overview.results.summary
    for level, outcomes in ((MUST, counts.required), (SHOULD, counts.recommended)):
        rules = sum(each is level for each, _ in broken)
        yield from wrapped(_counted(level, rules, outcomes, language), width, INDENT)
    if broken:
        yield from wrapped(say("explain", language), width)
    yield from wrapped(overview.exit_words(language), width)


def _counted(level: Level, rules: int, outcomes: Counter[Outcome], language: str) -> str:
    told = [f"{number:,} {say(str(outcome), language)}" for outcome, number in sorted(outcomes.items()) if number]
    verdicts = say("comma", language).join(told) or say("none", language)
    return say("verdicts", language, level=say(str(level), language), verdicts=verdicts, count=rules)


def findings(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """A line of JSON for each failed verdict: exchange, surface, rule, level, where, what."""
    for verdict in verdicts:
        if verdict.outcome is not FAILS:
            continue
        line = {
            "exchange": verdict.exchanges[-1],
            "surface": verdict.surface,
            "rule": verdict.rule,
            "level": verdict.level,
            "where": verdict.findings[0].where,
            "what": tidy("; ".join(finding.what for finding in verdict.findings)),
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"
