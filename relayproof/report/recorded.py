"""What `check` says of recorded traffic: a summary for the terminal, and a line of JSON for each failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from relayproof.judge import FAILS, Verdict
from relayproof.report.untrusted import one_line
from relayproof.results import Results
from relayproof.rule import MUST
from relayproof.wire.scrub import tidy

MOST_SHOWN = 200


def summary(results: Results) -> str:
    """How much was judged, each broken rule once with its first place, and the verdicts counted."""
    failed = [verdict for verdict in results.verdicts if verdict.outcome is FAILS]
    times = Counter((verdict.level, verdict.rule) for verdict in failed)
    first = {(verdict.level, verdict.rule): verdict for verdict in reversed(failed)}
    lines = list(results.notes)
    for mark, number in sorted(times.items()):
        lines += _told(first[mark], number)
    counts = results.summary
    outcomes = counts.required + counts.recommended + counts.optional
    told = ", ".join(f"{number:,} {name}" for name, number in sorted(outcomes.items()))
    return "\n".join([*lines, f"verdicts: {told or 'none'}"]) + "\n"


def _told(verdict: Verdict, number: int) -> Iterator[str]:
    finding = verdict.findings[0]
    mark = "FAIL" if verdict.level is MUST else "warn"
    place = one_line(f"{verdict.exchanges[-1]} at {finding.where}")
    yield f"{mark}  {verdict.rule}  {number}x   first: {place}"
    yield f"      {one_line(tidy(finding.what), MOST_SHOWN)}"


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
