"""Rules x exchanges -> verdicts -> counts and an exit code."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cases.build import answered, chat, exchange

from relayproof.exchange import HEADERS, REQUEST, Ended, Exchange
from relayproof.groups import repeats, together
from relayproof.judge import (
    FAILS,
    KNOWN,
    NOT_OFFERED,
    PASSES,
    STALE,
    UNTESTED,
    Judgement,
    Outcome,
    SuiteError,
    Verdict,
    collapse,
    forgive,
    judge,
    shown_surface,
    summarise,
)
from relayproof.pointer import Absent
from relayproof.relay import KnownDeviation
from relayproof.rule import ANY, MAY, MUST, OPENAI, REFUSED, RELAY, SHOULD, Finding, Level, Rule, Source, Untested, rule

TODAY = datetime.date(2026, 11, 23)
SOURCE = Source("A document", "Its part")
GOOD = chat()
ERROR = exchange("POST", "/v1/chat/completions", {"model": "m"}, {"error": {}}, status=400)
UNASKED = replace(GOOD, blind=frozenset({REQUEST}))
Body = Callable[[Any], Iterator[Finding]]


def made(body: Body, level: Level = MUST, **card: Any) -> Rule:
    def check(given: Any) -> Iterator[Finding]:
        """A title.

        A reason.

        Fix: it.
        """
        yield from body(given)

    return rule(check, level, SOURCE, **({"on": "chat"} | card))


def quiet(given: Any) -> Iterator[Finding]:
    yield from ()


def loud(given: Any) -> Iterator[Finding]:
    yield Finding("/id", "is wrong")


def absent(given: Any) -> Iterator[Finding]:
    yield Finding("/id", "is wrong")
    raise Absent("/object")


def unmeasured(given: Any) -> Iterator[Finding]:
    raise Untested("the relay was out")
    yield


def broken(given: Any) -> Iterator[Finding]:
    yield Finding("/id", str(1 // 0))


def outcomes(body: Body, *exchanges: Exchange, **card: Any) -> list[Outcome]:
    return [verdict.outcome for verdict in judge(exchanges or (GOOD,), [made(body, **card)]).verdicts]


@pytest.mark.parametrize(
    ("body", "expected"), [(quiet, [PASSES]), (loud, [FAILS]), (absent, []), (unmeasured, [UNTESTED])]
)
def test_what_a_rule_does_is_the_outcome(body: Body, expected: list[Outcome]) -> None:
    assert outcomes(body) == expected


def test_a_verdict_names_rule_surface_probe_model_and_exchange() -> None:
    (verdict,) = judge([replace(GOOD, probe="chat/plain", id="007")], [made(loud)]).verdicts
    assert (verdict.rule, verdict.surface, verdict.probe, verdict.model, verdict.exchanges) == (
        "test-judge/check",
        "chat",
        "chat/plain",
        "gpt-4o-mini",
        ("007",),
    )
    assert verdict.findings == (Finding("/id", "is wrong"),)
    assert verdict.page is not None


@pytest.mark.parametrize(("profile", "level"), [(OPENAI, MUST), (RELAY, SHOULD)])
def test_the_level_is_that_of_the_profile(profile: str, level: Level) -> None:
    (verdict,) = judge([GOOD], [made(loud, relay=SHOULD)], profile).verdicts
    assert verdict.level is level
    assert (verdict.failed, verdict.warns) == (level is MUST, level is SHOULD)


def test_the_reason_of_what_was_not_measured_is_kept() -> None:
    (verdict,) = judge([GOOD], [made(unmeasured)]).verdicts
    assert verdict.reason == "the relay was out"


@pytest.mark.parametrize(
    ("card", "given", "applies"),
    [
        ({}, GOOD, True),
        ({"on": "models"}, GOOD, False),
        ({}, ERROR, False),
        ({"answers": REFUSED}, ERROR, True),
        ({"answers": REFUSED}, GOOD, False),
        ({"answers": ANY}, ERROR, True),
        ({"answers": ANY}, replace(GOOD, response=None, failure="unreachable"), False),
        ({}, answered(GOOD, None, ended=Ended.CUT), False),
        ({"partial": True}, answered(GOOD, None, ended=Ended.CUT), True),
        ({"when": lambda exchange: False}, GOOD, False),
        ({"when": lambda exchange: exchange.one("/nothing")}, GOOD, False),
        (
            {"when": lambda exchange: exchange.asked("/n", int, 1) == 1},
            replace(GOOD, blind=frozenset({REQUEST})),
            False,
        ),
    ],
)
def test_a_rule_that_does_not_apply_makes_no_verdict(card: dict[str, Any], given: Exchange, applies: bool) -> None:
    assert outcomes(quiet, given, **card) == [PASSES] * applies


def test_what_the_record_does_not_show_is_untested() -> None:
    (verdict,) = judge([replace(GOOD, blind=frozenset({HEADERS}))], [made(loud, needs=HEADERS)]).verdicts
    assert (verdict.outcome, verdict.reason) == (UNTESTED, "the recording does not show the headers")
    assert outcomes(loud, replace(GOOD, blind=frozenset({"ids"})), needs=HEADERS) == [FAILS]


def test_an_exception_in_a_rule_is_our_error_and_no_verdict() -> None:
    result = judge([GOOD], [made(broken), made(quiet)])
    assert [error.rule for error in result.errors] == ["test-judge/check"]
    assert "ZeroDivisionError" in result.errors[0].trace
    assert [verdict.outcome for verdict in result.verdicts] == [PASSES]
    assert summarise(result).exit_code == 3


def test_an_exception_in_a_condition_is_our_error_too() -> None:
    result = judge([GOOD], [made(quiet, when=lambda exchange: 1 // 0)])
    assert (len(result.errors), result.verdicts) == (1, [])


def test_what_is_compared_is_of_one_session() -> None:
    pair = (GOOD, replace(GOOD, id="2"))
    elsewhere = (GOOD, replace(GOOD, id="2", session="another day"))
    nowhere = tuple(replace(each, session="") for each in pair)
    assert outcomes(loud, *pair, across=repeats) == [FAILS]
    assert outcomes(loud, *elsewhere, across=repeats) == []
    assert outcomes(loud, *nowhere, across=repeats) == []


def test_a_comparison_names_all_its_exchanges() -> None:
    (verdict,) = judge([GOOD, replace(GOOD, id="2")], [made(loud, across=together)]).verdicts
    assert verdict.exchanges == ("1", "2")


def test_a_comparison_sees_only_what_the_rule_is_about() -> None:
    assert outcomes(loud, GOOD, replace(ERROR, id="2"), across=together) == []
    assert outcomes(loud, GOOD, replace(ERROR, id="2"), across=together, answers=ANY) == [FAILS]


def test_a_comparison_with_a_blind_record_is_untested() -> None:
    pair = (replace(GOOD, blind=frozenset({"ids"})), replace(GOOD, id="2"))
    assert outcomes(loud, *pair, across=repeats, needs="ids") == [UNTESTED]


def test_the_same_trouble_at_many_places_is_told_once() -> None:
    many = [Finding(f"/data/{number}/id", f"{number} is wrong") for number in range(4)]
    assert collapse([*many, Finding("/object", "x")]) == [
        Finding("/data/0/id", "0 is wrong (and 3 more like it)"),
        Finding("/object", "x"),
    ]


def test_at_most_five_troubles_are_told() -> None:
    assert len(collapse([Finding(f"/{letter}", "x") for letter in "abcdefgh"])) == 5


@pytest.mark.parametrize(
    ("given", "surface"),
    [
        (GOOD, "chat"),
        (ERROR, "errors"),
        (replace(ERROR, expect={"surface": "chat"}), "chat"),
        (replace(GOOD, expect={"surface": "errors"}), "errors"),
    ],
)
def test_a_verdict_stands_under_the_surface_of_its_probe(given: Exchange, surface: str) -> None:
    assert shown_surface(given) == surface


def told(outcome: Outcome = FAILS, rule: str = "chat/a", **facts: Any) -> Verdict:
    return Verdict(rule, facts.pop("level", MUST), facts.pop("surface", "chat"), outcome, **facts)


def known(rule: str = "chat/a", **facts: Any) -> KnownDeviation:
    return KnownDeviation(rule, "the owner knows", **facts)


def forgiven(verdicts: list[Verdict], *entries: KnownDeviation) -> list[Outcome]:
    return [verdict.outcome for verdict in forgive(verdicts, entries, TODAY)]


def test_a_listed_failure_is_known_and_says_why() -> None:
    (verdict,) = forgive([told()], [known()], TODAY)
    assert (verdict.outcome, verdict.reason, verdict.failed) == (KNOWN, "the owner knows", False)


@pytest.mark.parametrize(
    ("entry", "outcome"),
    [
        (known("chat/*"), KNOWN),
        (known("chat/b"), FAILS),
        (known(surface="chat"), KNOWN),
        (known(surface="models"), FAILS),
        (known(model="gpt-*"), KNOWN),
        (known(model="claude-*"), FAILS),
        (known(until=TODAY), KNOWN),
        (known(until=TODAY - datetime.timedelta(days=1)), FAILS),
    ],
)
def test_an_entry_forgives_what_it_covers_until_its_day(entry: KnownDeviation, outcome: Outcome) -> None:
    assert forgiven([told(model="gpt-4o-mini")], entry) == [outcome]


def test_an_entry_that_only_passes_is_stale() -> None:
    verdicts = forgive([told(PASSES)], [known()], TODAY)
    assert [verdict.outcome for verdict in verdicts] == [PASSES, STALE]
    assert verdicts[1].findings[0].where == "relayproof.toml"
    assert summarise(Judgement(verdicts)).exit_code == 1


@pytest.mark.parametrize(
    "verdicts",
    [
        [],
        [told(UNTESTED)],
        [told(NOT_OFFERED)],
        [told(PASSES, rule="chat/b")],
        [told(PASSES), told(FAILS)],
    ],
)
def test_an_entry_that_was_not_measured_or_fails_somewhere_is_not_stale(verdicts: list[Verdict]) -> None:
    assert STALE not in forgiven(verdicts, known())


def test_an_entry_that_is_over_is_not_stale() -> None:
    assert forgiven([told(PASSES)], known(until=TODAY - datetime.timedelta(days=1))) == [PASSES]


@pytest.mark.parametrize(
    ("verdicts", "strict", "code"),
    [
        ([told(PASSES)], False, 0),
        ([told(PASSES), told(FAILS)], False, 1),
        ([told(PASSES), told(KNOWN)], False, 0),
        ([told(PASSES), told(FAILS, level=SHOULD)], False, 0),
        ([told(PASSES), told(FAILS, level=SHOULD)], True, 1),
        ([told(PASSES), told(FAILS, level=MAY)], True, 0),
        ([told(PASSES), told(NOT_OFFERED)], False, 0),
        ([told(PASSES), told(UNTESTED)], False, 4),
        ([told(PASSES), told(UNTESTED, level=SHOULD)], False, 0),
        ([told(FAILS), told(UNTESTED)], False, 1),
        ([told(PASSES, level=SHOULD)], False, 4),
        ([told(NOT_OFFERED)], False, 4),
        ([told(KNOWN)], False, 4),
        ([], False, 4),
    ],
)
def test_the_exit_code_says_what_the_verdicts_add_up_to(verdicts: list[Verdict], strict: bool, code: int) -> None:
    assert summarise(Judgement(verdicts), strict=strict).exit_code == code


def test_our_own_error_outweighs_everything() -> None:
    errors = [SuiteError("chat/a", "1", "trace")]
    assert summarise(Judgement([told(FAILS)], errors)).exit_code == 3


def test_the_summary_counts_by_level_and_outcome() -> None:
    summary = summarise(Judgement([told(PASSES), told(FAILS), told(FAILS, level=SHOULD), told(PASSES, level=MAY)]))
    assert (summary.required[PASSES], summary.required[FAILS]) == (1, 1)
    assert (summary.recommended[FAILS], summary.optional[PASSES]) == (1, 1)
