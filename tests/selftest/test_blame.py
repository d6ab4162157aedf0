"""Whose fault is it: a relay's failures held against those of what it fronts."""

from __future__ import annotations

from collections import Counter

import pytest

from relayproof.blame import INHERITED, INTRODUCED, UNKNOWN, compare
from relayproof.judge import FAILS, KNOWN, NOT_OFFERED, PASSES, STALE, UNTESTED, Outcome, Summary, Verdict
from relayproof.results import Results
from relayproof.rule import MUST


def verdict(outcome: Outcome, rule: str = "chat/some", probe: str = "chat/plain") -> Verdict:
    return Verdict(rule, MUST, "chat", outcome, probe=probe)


def results(*verdicts: Verdict, relay: str = "relay", notes: tuple[str, ...] = ()) -> Results:
    return Results(relay, "relay", verdicts, [], Summary(Counter(), Counter(), Counter(), 1), notes=notes)


def compared(here: list[Verdict], there: list[Verdict]) -> Results:
    return compare(results(*here, notes=("a note",)), results(*there, relay="upstream"))


def origin(here: Outcome, *there: Outcome) -> str:
    (only,) = compared([verdict(here)], [verdict(each) for each in there]).verdicts
    return only.origin


@pytest.mark.parametrize("outcome", [FAILS, KNOWN])
def test_a_failure_is_inherited_when_the_upstream_fails_too_and_introduced_when_it_passes(outcome: Outcome) -> None:
    assert origin(outcome, FAILS) == INHERITED
    assert origin(outcome, PASSES) == INTRODUCED


@pytest.mark.parametrize("there", [(), (UNTESTED,), (NOT_OFFERED,)])
def test_a_failure_is_of_unknown_origin_where_the_upstream_was_not_measured(there: tuple[Outcome, ...]) -> None:
    assert origin(FAILS, *there) == UNKNOWN


def test_one_failure_among_several_answers_of_the_upstream_is_enough_to_inherit_it() -> None:
    assert origin(FAILS, PASSES, FAILS) == INHERITED


@pytest.mark.parametrize("outcome", [PASSES, UNTESTED, NOT_OFFERED, STALE])
def test_what_does_not_fail_has_no_origin(outcome: Outcome) -> None:
    assert origin(outcome, FAILS) == ""


def test_the_same_rule_is_held_against_the_same_probe_only() -> None:
    here = [verdict(FAILS, probe="chat/plain"), verdict(FAILS, probe="chat/tools")]
    there = [verdict(FAILS, probe="chat/plain"), verdict(PASSES, probe="chat/tools")]
    assert [each.origin for each in compared(here, there).verdicts] == [INHERITED, INTRODUCED]


def test_the_counts_stand_in_a_note_after_the_others() -> None:
    here = [verdict(FAILS), verdict(FAILS, "chat/other"), verdict(PASSES, "chat/good")]
    notes = compared(here, [verdict(PASSES), verdict(UNTESTED, "chat/other")]).notes
    assert notes == ["a note", "against upstream: 1 introduced, 1 not known"]
    assert compared([verdict(PASSES)], [verdict(PASSES)]).notes[-1] == "against upstream: no failures"


def test_what_the_relay_repaired_is_named() -> None:
    there = [verdict(FAILS, "chat/usage"), verdict(FAILS, "chat/tools"), verdict(FAILS, "chat/unasked")]
    here = [verdict(PASSES, "chat/usage"), verdict(FAILS, "chat/tools")]
    assert compared(here, there).notes[-1] == "repaired by the relay: chat/usage"


def test_a_rule_that_fails_on_one_of_its_answers_is_not_repaired() -> None:
    here = [verdict(PASSES), verdict(FAILS)]
    assert not any("repaired" in note for note in compared(here, [verdict(FAILS)]).notes)


def test_a_rule_that_fails_after_another_probe_is_not_repaired() -> None:
    here = [verdict(PASSES, probe="errors/no-key"), verdict(FAILS, probe="errors/wrong-key")]
    there = [verdict(FAILS, probe="errors/no-key"), verdict(FAILS, probe="errors/wrong-key")]
    assert not any("repaired" in note for note in compared(here, there).notes)


def test_a_long_list_of_repairs_is_cut_and_counted() -> None:
    names = [f"chat/rule-{number}" for number in range(8)]
    notes = compared([verdict(PASSES, name) for name in names], [verdict(FAILS, name) for name in names]).notes
    assert notes[-1] == f"repaired by the relay: {', '.join(names[:6])} and 2 more"


def test_nothing_but_origins_and_notes_changes() -> None:
    here = results(verdict(FAILS), verdict(PASSES, "chat/good"))
    after = compare(here, results(relay="upstream"))
    assert (after.summary, after.relay, len(after.verdicts)) == (here.summary, "relay", 2)
