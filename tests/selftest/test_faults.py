"""The suite finds the faults that it says it finds, and leaves a good relay alone."""

import functools
import json
import random
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from relayproof import faults, judge, probes, rules, session
from relayproof.cli import main
from relayproof.faults import Fault, FaultyRelay
from relayproof.faults.fault import HARMLESS, WARNS
from relayproof.probe import Probe
from relayproof.reference import KEY, make_app, serving
from relayproof.rule import MUST, OPENAI, RELAY, SHOULD
from relayproof.selftest import Bench, Outcome, bench, chosen, lost, page, scores
from relayproof.selftest.bench import GOOD

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
SCORES = scores(PAGE.read_text("utf-8"))
SAMPLE = [fault for fault in list(faults.load().values())[::97] if not fault.slow]
SEEDS = (7, pytest.param(1, marks=pytest.mark.thorough))


@pytest.fixture(scope="module")
def workbench() -> Iterator[Bench]:
    with Bench() as found:
        yield found


def test_every_fault_stands_on_the_page() -> None:
    assert sorted(set(faults.load()) ^ set(SCORES)) == [], "re-make it: relayproof selftest --write docs/faults.md"


def test_the_page_shows_no_false_alarm() -> None:
    assert [name for name, outcome in SCORES.items() if outcome is Outcome.FALSE_ALARM] == []


def test_most_faults_are_found() -> None:
    right = [name for name, outcome in SCORES.items() if outcome in GOOD]
    assert len(right) >= 0.98 * len(SCORES)


@pytest.mark.parametrize("fault", SAMPLE, ids=lambda fault: fault.name)
def test_what_was_found_is_found_again(fault: Fault, workbench: Bench) -> None:
    trial = workbench.trial(fault)
    assert trial.errors == ()
    assert (trial.outcome, ", ".join(trial.found_by)) == (SCORES[fault.name], _by(fault))


def _by(fault: Fault) -> str:
    row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{fault.name}` |"))
    return row.rpartition("| ")[2].removesuffix(" |").strip()


def test_every_fault_names_rules_that_exist() -> None:
    for fault in faults.load().values():
        assert all(_names_a_rule(glob) for glob in fault.found_by), fault.name
        assert bool(fault.found_by) is (fault.verdict not in (HARMLESS, "untested")), fault.name
        assert fault.breaks, fault.name
        assert fault.says.endswith("."), fault.name


@functools.cache
def _names_a_rule(glob: str) -> bool:
    return any(bench.fnmatchcase(name, glob) for name in rules.load())


def test_a_fault_that_an_unrelated_rule_finds_is_missed(workbench: Bench) -> None:
    fault = faults.find("usage-total-off-by-one")
    trial = workbench.trial(_with(fault, found_by=("models/*",)))
    assert trial.outcome is Outcome.MISSED
    assert trial.others == ("chat/usage-adds-up",)


def test_failing_what_deserves_a_warning_is_a_false_alarm(workbench: Bench) -> None:
    fault = faults.find("usage-total-off-by-one")
    assert workbench.trial(_with(fault, verdict=WARNS)).outcome is Outcome.FALSE_ALARM
    assert workbench.trial(_with(fault, verdict=HARMLESS)).outcome is Outcome.FALSE_ALARM


def _with(fault: Fault, **facts: object) -> Fault:
    from dataclasses import replace

    return replace(fault, **facts)  # type: ignore[arg-type]


def test_a_fault_that_is_lost_is_told() -> None:
    fault = faults.find("usage-total-off-by-one")
    missed = bench.Trial(fault, Outcome.MISSED, (), (), 1, 1, 0.0)
    assert lost({fault.name: Outcome.FOUND}, [missed]) == [missed]
    assert lost({}, [missed]) == [missed]
    assert lost({fault.name: Outcome.MISSED}, [missed]) == []


def test_equal_trials_give_equal_pages_that_can_be_read_back() -> None:
    trials = [bench.Trial(fault, Outcome.FOUND, ("chat/x",), (), 9, 9, 1.5) for fault in chosen(["usage-*"])]
    text = page(trials)
    assert text == page(trials)
    assert scores(text) == {trial.fault.name: Outcome.FOUND for trial in trials}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_good_relay_is_left_alone_in_whatever_order_it_is_asked(seed: int) -> None:
    clock, app = bench._Clock(), make_app()
    app.state.clock = clock.now
    with bench._pace(bench.QUICK), serving(app) as url:
        relay = bench._relay(url)
        client = bench.Client(relay, sleep=clock.sleep)
        run = session.run(relay, _shuffled(list(probes.load().values()), seed), client=client, hears=False)
    assert run.left_out == []
    for profile in (RELAY, OPENAI):
        judgement = judge.judge(run.exchanges, rules.load().values(), profile)
        assert judgement.errors == []
        bad = [each for each in judgement.verdicts if each.outcome is not judge.PASSES and each.level in (MUST, SHOULD)]
        assert [(each.rule, each.probe, each.findings, each.reason) for each in bad] == []


def _shuffled(given: Sequence[Probe], seed: int) -> list[Probe]:
    """The probes in another order; the session keeps its phases."""
    return random.Random(seed).sample(given, len(given))


def test_a_faulty_relay_answers_right_where_its_fault_does_not_apply() -> None:
    relay = FaultyRelay(make_app(), faults.find("usage-total-off-by-one"), KEY)
    with serving(relay) as url:
        request = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["object"] == "list"


def test_an_unknown_fault_is_refused_with_the_nearest_name() -> None:
    result = CliRunner().invoke(main, ["serve", "--fault", "usage-total-of-by-one"])
    assert result.exit_code == 2
    assert "usage-total-off-by-one" in result.output


def test_the_command_tells_what_found_a_fault() -> None:
    result = CliRunner().invoke(main, ["selftest", "--only", "usage-total-off-by-one"])
    assert result.exit_code == 0
    assert "by chat/usage-adds-up" in result.output


def test_the_faults_are_listed() -> None:
    result = CliRunner().invoke(main, ["faults", "--family", "suno"])
    assert result.exit_code == 0
    assert "suno-code-int" in result.output
    assert "mj-" not in result.output
