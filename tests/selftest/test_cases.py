"""The cases against all rules: what is good breaks none, and one fault is told once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cases.build import Case, chat
from cases.chat_stream import LONG, at
from test_rules import CASES

from relayproof.exchange import Exchange
from relayproof.judge import FAILS, judge
from relayproof.rule import OPENAI
from relayproof.rules import load


def broken(given: Exchange | tuple[Exchange, ...]) -> set[str]:
    result = judge(given if isinstance(given, tuple) else (given,), load().values(), OPENAI)
    assert not result.errors, result.errors[0].trace
    return {verdict.rule for verdict in result.verdicts if verdict.outcome is FAILS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_the_good_exchange_breaks_no_rule_at_all(case: Case) -> None:
    assert broken(case.good) <= set(case.also)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_one_fault_is_told_by_one_rule(case: Case) -> None:
    assert broken(case.bad) == {case.rule, *case.also}


NOTHING_TO_JUDGE = {
    "chat/arguments-fit-their-schema",
    "chat/calling-tools-ends-with-tool-calls",
    "chat/cut-answer-says-length",
    "chat/impossible-n-is-refused",
    "chat/json-schema-is-honoured",
    "chat/logprobs-are-of-this-text",
    "chat/reasoning-is-counted-as-completion",
    "chat/refusal-stands-alone",
    "chat/stop-is-honoured",
    "chat/thinking-is-not-said-twice",
    "chat/token-limit-is-honoured",
    "chat/tool-call-ids-are-unique",
    "every-response/cors-origin-is-sent-once",
    "every-response/rate-limits-add-up",
    "every-response/text-is-utf-8",
}


def test_a_rule_with_nothing_to_judge_makes_no_verdict() -> None:
    judged = {verdict.rule for verdict in judge((chat(),), load().values()).verdicts}
    assert set(load()) >= NOTHING_TO_JUDGE
    assert judged & NOTHING_TO_JUDGE == set()
    assert "chat/usage-adds-up" in judged


def test_a_silence_before_a_stream_that_is_quick_elsewhere_is_the_machines() -> None:
    quick, late = at(LONG, 0.03), replace(at(LONG, 0.9), id="2")
    rule = load()["chat-stream/stream-arrives-over-time"]
    assert not judge((quick, late), [rule]).verdicts
    assert [verdict.outcome for verdict in judge((late,), [rule]).verdicts] == [FAILS]
