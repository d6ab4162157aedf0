"""The cases against all rules: what is good breaks none, and one fault is told once."""

from __future__ import annotations

import pytest
from cases.build import Case
from test_rules import CASES

from relayproof.exchange import Exchange
from relayproof.judge import FAILS, judge
from relayproof.rule import OPENAI
from relayproof.rules import load

SPINE = ("chat/", "chat-stream/", "errors/", "every-response/", "models/")
OURS = [case for case in CASES if case.rule.startswith(SPINE)]


def broken(given: Exchange | tuple[Exchange, ...]) -> set[str]:
    result = judge(given if isinstance(given, tuple) else (given,), load().values(), OPENAI)
    assert not result.errors, result.errors[0].trace
    return {verdict.rule for verdict in result.verdicts if verdict.outcome is FAILS}


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.rule)
def test_the_good_exchange_breaks_no_rule_at_all(case: Case) -> None:
    assert broken(case.good) == set()


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.rule)
def test_one_fault_is_told_by_one_rule(case: Case) -> None:
    assert broken(case.bad) == {case.rule, *case.also}
