"""The pytest face: the verdicts of `relayproof run`, one run for all tests, and one line for what can't be used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from commandline import FEW, KEY, TENANT, Wire, broken, keyless, own_rule, relayproof, written
from hatchling.builders.wheel import WheelBuilder
from rawserver import free_address

from relayproof import cli
from relayproof.faults import FaultyRelay, find
from relayproof.judge import FAILS, KNOWN, NOT_OFFERED, PASSES, STALE, UNTESTED, Outcome, SuiteError, Summary, Verdict
from relayproof.plugin import Warned, settle, settle_run
from relayproof.reference import make_app, serving
from relayproof.results import Results
from relayproof.rule import MUST, SHOULD, Finding, Level

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("here")
ROOT = Path(__file__).parents[2]
FEWER = ("--relay-only", "models,chat")
FAILED = re.compile(r"^(?:FAILED|ERROR) .*::test_rule\[([^\]]+)\]", re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Modules that are first imported inside a test of `pytester` are forgotten after it: import them all before."""
    folder = tmp_path_factory.mktemp("loaded")
    words = ["run", "reference", "--only", "models", "--reports", str(folder)]
    assert CliRunner().invoke(cli.main, words).exit_code == 0


class Suite:
    """The tests of tests/relay, run by a pytest inside this one, with the settings of this repository."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def run(self, *words: str) -> pytest.RunResult:
        result = self.pytester.runpytest_inprocess(ROOT / "tests" / "relay", "-q", "-rfE", "-p", "no:randomly", *words)
        assert keyless("\n".join([*result.outlines, *result.errlines]))
        return result


@pytest.fixture
def suite(pytester: pytest.Pytester, here: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.chdir(here)
    return Suite(pytester)


@contextmanager
def counted(fault: str) -> Iterator[tuple[str, Wire]]:
    wire = Wire(FaultyRelay(make_app(KEY), find(fault), KEY))
    with serving(wire) as address:
        yield address, wire


def failing(result: pytest.RunResult) -> set[str]:
    return set(FAILED.findall("\n".join(result.outlines)))


def one_line(result: pytest.RunResult, told: str) -> None:
    """A usage error: one line, and not one test run."""
    said = [line for line in [*result.outlines, *result.errlines] if "no tests ran" not in line and line.strip()]
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert len(said) == 1
    assert told in said[0]


def test_the_verdicts_are_those_of_run_at_the_same_number_of_requests(suite: Suite) -> None:
    with counted("chat-object-of-a-chunk") as (address, wire):
        ran = relayproof("run", address, *FEW)
        sent = len(wire.requests)
        wire.requests.clear()
        result = suite.run("--relay", address, *FEWER)
    fails = {each["rule"] for each in written()["verdicts"] if each["verdict"] == "fails" and each["level"] == "must"}
    assert ran.code == 1
    assert failing(result) == fails != set()
    assert len(wire.requests) == sent > 10


def test_a_correct_relay_passes_and_a_warning_is_no_failure(suite: Suite) -> None:
    with broken("chat-model-empty") as address:
        result = suite.run("--relay", address, *FEWER, "-k", "chat/ or whole")
    outcomes = result.parseoutcomes()
    assert (result.ret, outcomes.get("failed", 0)) == (0, 0)
    assert outcomes["passed"] > 20
    assert outcomes["warnings"] >= 1


def test_a_strict_run_fails_for_a_warning(suite: Suite) -> None:
    with broken("chat-model-empty") as address:
        result = suite.run("--relay", address, *FEWER, "--relay-strict", "-k", "chat/ or whole")
    assert failing(result) == set()
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["*test_the_run_as_a_whole*"])


def test_generated_requests_are_sent_when_they_are_asked_for_and_no_more_than_allowed(suite: Suite) -> None:
    words = ("--relay-only", "chat", "--relay-max-requests", "25", "-k", "chat/ or properties/ or whole")
    with counted("chat-object-of-a-chunk") as (address, wire):
        result = suite.run("--relay", address, *words, "-m", "properties")
        assert len(wire.requests) == 25
    assert "test_rule_on_generated_requests[chat/matches-schema]" in result.stdout.str()
    assert result.parseoutcomes()["failed"] == 2


def test_generated_requests_are_not_sent_by_a_run_that_did_not_ask_for_them(suite: Suite, url: str) -> None:
    result = suite.run("--relay", url, "--relay-only", "models", "-k", "as_a_whole", "-m", "")
    assert result.parseoutcomes().get("passed") == 1


def test_the_embedded_relay_is_asked_whatever_the_settings_in_this_folder_say(suite: Suite) -> None:
    Path("relayproof.toml").write_text(f'[relay]\nurl = "{free_address()}"\n')
    assert suite.run("--relay", "reference", "--relay-only", "models", "-k", "models/").ret == 0


def test_the_settings_in_this_folder_hold_with_their_rules_and_known_failures(suite: Suite, url: str) -> None:
    own_rule("must", "breaks", "yield Finding('/object', 'odd')")
    result = suite.run("--relay", url, "--relay-only", "models", "-k", "mine/ or whole")
    assert failing(result) == {"mine/breaks"}
    with Path("relayproof.toml").open("a") as file:
        file.write('[[known]]\nrule = "mine/*"\nreason = "ticket 17"\n')
    result = suite.run("--relay", url, "--relay-only", "models", "-k", "mine/ or whole")
    assert (result.ret, result.parseoutcomes()["xfailed"]) == (0, 1)


def test_a_relay_that_is_not_there_is_not_green(suite: Suite) -> None:
    result = suite.run("--relay", free_address(), *FEWER, "-k", "every-response/ or whole")
    assert result.ret == 1
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["*untested: unreachable: *"])


def test_without_a_relay_one_line_says_what_is_missing(suite: Suite) -> None:
    one_line(suite.run(), "--relay URL")


def test_a_run_is_not_spread_over_processes(suite: Suite, url: str, wire: Wire) -> None:
    one_line(suite.run("--relay", url, "-n", "2"), "one process")
    assert wire.requests == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--relay", "relay.example.com"), "no http:// or https:// address"),
        (("--relay", "http://127.0.0.1:1", "--relay-only", "weather"), "'weather' is no surface"),
        (("--relay", "http://127.0.0.1:1", "--relay-header", f"Authorization: Bearer {KEY}"), "command line"),
        (("--relay", "http://127.0.0.1:1", "--relay-header", f"X: {TENANT}\u00fc"), "the value of X"),
        (("--relay", "http://127.0.0.1:1", "--relay-key-env", KEY), "never the key itself"),
        (("--relay", "http://127.0.0.1:1", "--relay-config", "none.toml"), "none.toml"),
    ],
)
def test_what_cannot_be_used_is_one_line(suite: Suite, words: tuple[str, ...], told: str) -> None:
    one_line(suite.run(*words), told)


def test_rules_that_cannot_be_loaded_are_one_line(suite: Suite) -> None:
    Path("relayproof.toml").write_text('[relay]\nrules = ["none.py"]\n')
    one_line(suite.run("--relay", "http://127.0.0.1:1"), "no such file of rules")


def test_tests_that_ask_no_relay_need_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_that_two_and_two_are_four(): assert 2 + 2 == 4")
    assert pytester.runpytest_inprocess().ret == 0


def test_the_installed_wheel_brings_the_tests_along(tmp_path: Path, url: str) -> None:
    site = tmp_path / "site"
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    zipfile.ZipFile(wheel).extractall(site)
    env = os.environ | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}

    def python(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *words], env=env, cwd=tmp_path, capture_output=True, text=True)

    assert python("-c", "import relayproof; print(relayproof.__file__)").stdout.startswith(str(site))
    lean = [
        word for name in ("cacheprovider", "xdist", "schemathesis", "hypothesispytest") for word in ("-p", f"no:{name}")
    ]
    chosen = ["--pyargs", "relayproof.tests.relay", "--relay", url, "--relay-only", "models", "-q"]
    result = python("-m", "pytest", *chosen, *lean)
    assert result.returncode == 0, result.stdout + result.stderr
    assert int(re.findall(r"(\d+) passed", result.stdout)[0]) > 15


# A rule's verdicts as the end of a test.


def verdict(outcome: Outcome, level: Level = MUST, **more: str) -> Verdict:
    findings = (Finding("/id", "missing"),) if outcome in (FAILS, STALE) else ()
    return Verdict("chat/some", level, "chat", outcome, findings=findings, probe="chat/plain", **more)


def results(*verdicts: Verdict, code: int = 0, errors: Sequence[SuiteError] = ()) -> Results:
    summary = Summary(Counter(), Counter(), Counter(), code)
    return Results("relay", "relay", verdicts, [], summary, errors=errors)


def ended(*verdicts: Verdict) -> str:
    """pass, or the name of what `settle` raises, with its reason."""
    try:
        settle("chat/some", results(*verdicts))
    except BaseException as end:
        return f"{type(end).__name__}: {end}"
    return "pass"


def test_a_rule_passes_only_where_it_was_measured_and_nothing_of_it_is_open() -> None:
    assert ended(verdict(PASSES)) == "pass"
    assert ended(verdict(PASSES), verdict(UNTESTED, SHOULD)) == "pass"
    assert ended(verdict(PASSES), verdict(UNTESTED, reason="rate limit")) == "Failed: untested: rate limit"
    assert ended(verdict(PASSES), verdict(NOT_OFFERED)) == "pass"


def test_a_rule_fails_with_place_and_finding() -> None:
    assert "chat/plain  /id: missing" in ended(verdict(PASSES), verdict(FAILS))
    assert ended(verdict(STALE, SHOULD)).startswith("Failed: ")
    assert ended(verdict(FAILS), verdict(UNTESTED)).startswith("Failed: chat/some")


def test_a_recommended_rule_warns() -> None:
    with pytest.warns(Warned, match="/id: missing"):
        settle("chat/some", results(verdict(FAILS, SHOULD), verdict(PASSES, SHOULD)))


def test_what_is_known_is_expected_to_fail_and_what_is_not_there_is_skipped() -> None:
    assert ended(verdict(KNOWN, reason="ticket 17")) == "XFailed: ticket 17"
    assert ended(verdict(NOT_OFFERED)) == "Skipped: the relay does not offer it"
    assert ended() == "Skipped: nothing that this rule judges"


def test_the_run_as_a_whole_fails_for_every_code_but_0_and_for_errors_of_ours() -> None:
    settle_run(results(verdict(PASSES)))
    for code in (1, 3, 4):
        with pytest.raises(pytest.fail.Exception, match=f"exit {code}"):
            settle_run(results(verdict(PASSES), code=code))
    with pytest.raises(pytest.fail.Exception, match="ZeroDivisionError"):
        settle_run(results(code=3, errors=[SuiteError("chat/some", "001", "ZeroDivisionError")]))
