"""Whose fault is it: the same probes to a relay and to what it fronts, verdict held against verdict.

A failure that the upstream has too is inherited; one that it has not is introduced. What fails upstream and passes at
the relay was repaired on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relayproof.judge import FAILS, KNOWN, PASSES, Verdict
from relayproof.results import Results

INTRODUCED, INHERITED, UNKNOWN = "introduced", "inherited", "not known"
GRAVEST_FIRST = (INTRODUCED, UNKNOWN, INHERITED)
MOST_NAMED = 6
Mark = tuple[str, str]


def compare(relay: Results, upstream: Results) -> Results:
    """The relay's results, each failure marked with its origin, and a note on what the relay repaired.

    The origin is "not known" where the upstream's answer to the same probe could not be judged by that rule.
    """
    there = _by_mark(upstream.verdicts)
    marked = [_marked(verdict, there) for verdict in relay.verdicts]
    counts = _counts(marked)
    told = ", ".join(f"{number} {origin}" for origin, number in counts.items() if number) or "no failures"
    notes = [*relay.notes, f"against {upstream.relay}: {told}"]
    repaired = _repaired(relay.verdicts, upstream.verdicts)
    if repaired:
        more = f" and {len(repaired) - MOST_NAMED} more" if len(repaired) > MOST_NAMED else ""
        notes.append(f"repaired by the relay: {', '.join(repaired[:MOST_NAMED])}{more}")
    return replace(relay, verdicts=marked, notes=notes)


def _counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many rules fail from where; a rule that fails in several places counts where it is gravest."""
    origins: dict[Mark, set[str]] = {}
    for verdict in verdicts:
        if verdict.origin:
            origins.setdefault((verdict.rule, verdict.surface), set()).add(verdict.origin)
    gravest = [next(each for each in GRAVEST_FIRST if each in found) for found in origins.values()]
    return {origin: gravest.count(origin) for origin in GRAVEST_FIRST}


def _marked(verdict: Verdict, there: dict[Mark, set[str]]) -> Verdict:
    if verdict.outcome not in (FAILS, KNOWN):
        return verdict
    outcomes = there.get((verdict.rule, verdict.probe), set())
    if FAILS in outcomes:
        return replace(verdict, origin=INHERITED)
    return replace(verdict, origin=INTRODUCED if PASSES in outcomes else UNKNOWN)


def _repaired(here: Sequence[Verdict], there: Sequence[Verdict]) -> list[str]:
    mine = _by_mark(here)
    failing = {verdict.rule for verdict in here if verdict.outcome in (FAILS, KNOWN)}
    broken = {(verdict.rule, verdict.probe) for verdict in there if verdict.outcome is FAILS}
    return sorted({rule for rule, probe in broken if mine.get((rule, probe)) == {PASSES}} - failing)


def _by_mark(verdicts: Sequence[Verdict]) -> dict[Mark, set[str]]:
    found: dict[Mark, set[str]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.rule, verdict.probe), set()).add(verdict.outcome)
    return found
