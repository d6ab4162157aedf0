"""Every rule tells a good exchange from a bad one."""

import importlib
import pkgutil
from pathlib import Path

import cases
import pytest
from cases.build import Case

from relayproof.exchange import Exchange
from relayproof.judge import FAILS, PASSES, judge
from relayproof.rules import load

MODULES = [importlib.import_module(f"cases.{module.name}") for module in pkgutil.iter_modules(cases.__path__)]
CASES: list[Case] = [case for module in MODULES for case in getattr(module, "CASES", ())]
SNAPSHOT = Path(__file__).parent / "rules.snapshot"


def outcome(case: Case, given: Exchange | tuple[Exchange, ...]) -> str:
    exchanges = given if isinstance(given, tuple) else (given,)
    result = judge(exchanges, [load()[case.rule]])
    assert not result.errors, result.errors[0].trace
    outcomes = {verdict.outcome for verdict in result.verdicts}
    return "no verdict" if not outcomes else str(FAILS if FAILS in outcomes else outcomes.pop())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_the_good_exchange_passes(case: Case) -> None:
    assert outcome(case, case.good) == PASSES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_the_bad_exchange_fails(case: Case) -> None:
    assert outcome(case, case.bad) == FAILS


def test_every_rule_has_a_case() -> None:
    assert sorted(set(load()) - {case.rule for case in CASES}) == []


def test_ids_levels_and_titles_are_those_of_the_snapshot() -> None:
    lines = [f"{rule.id} | {rule.level} | {rule.relay} | {rule.title}" for _, rule in sorted(load().items())]
    assert lines == SNAPSHOT.read_text("utf-8").splitlines(), (
        "a rule changed: re-make the snapshot with `make_snapshots.py`"
    )
