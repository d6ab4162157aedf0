"""The pytest face: `pytest tests/relay --relay URL`, the only module that imports pytest.

One run per session, however many tests look at it: no request is sent twice. Each rule is a test; what it found on any
exchange fails it. The modules of the suite are imported late, so that a pytest run that has nothing to do with relays
does not pay for them.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relayproof.options import KEY_VARIABLE, BadOption, Options

if TYPE_CHECKING:
    from relayproof.options import Target
    from relayproof.results import Results

ONE_PROCESS = "--relay runs in one process: each worker of -n would send, and pay, again"
TARGET = pytest.StashKey["Target"]()
RESULTS = pytest.StashKey["Results"]()
GENERATED = pytest.StashKey["Results"]()
PROPERTIES = "properties"
ASKING = {"relay_results", "relay_generated"}


class Warned(pytest.PytestWarning):
    """A recommended rule does not hold. It warns, also where other warnings are errors; see --relay-strict."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `relayproof run`, under names of their own."""
    group = parser.getgroup("relayproof", "contract tests against an LLM API relay")
    group.addoption("--relay", metavar="URL", help="the relay to test; reference for the embedded one")
    group.addoption("--relay-key-env", metavar="NAME", default=KEY_VARIABLE, help="environment variable of the key")
    group.addoption("--relay-profile", choices=["openai", "relay"], help="the contract to judge by")
    group.addoption("--relay-only", metavar="SURFACE,...", help="only these surfaces")
    group.addoption("--relay-model", metavar="NAME", help="the model to ask")
    group.addoption("--relay-spend", choices=["free", "cents", "money"], help="the dearest probes to send")
    group.addoption("--relay-header", action="append", default=[], metavar="K:V", help="an extra header")
    group.addoption("--relay-max-requests", type=int, metavar="N", help="send no more than N requests")
    group.addoption("--relay-config", metavar="FILE", type=Path, help="settings, in place of ./relayproof.toml")
    group.addoption("--relay-seed", type=int, default=0, metavar="N", help="with -m properties: which requests")
    group.addoption("--relay-strict", action="store_true", help="warnings fail the run as a whole")


def pytest_configure(config: pytest.Config) -> None:
    """Let our warnings be warnings, name our marker, and refuse to spread a paid run over several processes."""
    config.addinivalue_line("filterwarnings", f"default::{__name__}.{Warned.__name__}")
    config.addinivalue_line("markers", f"{PROPERTIES}: generated requests (schemathesis); needs --relay")
    if not config.getoption("relay", None):
        return
    spread = hasattr(config, "workerinput") or config.getoption("numprocesses", None) or config.getoption("tx", None)
    if spread:
        raise pytest.UsageError(ONE_PROCESS)
    config.stash[TARGET] = _target(config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """What is asked, and what the user is to know before anything is sent."""
    target = config.stash.get(TARGET, None)
    if target is None:
        return []
    return [f"relay: {'the reference relay' if target.embedded else target.relay.url}", *target.notes]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that looks at a relay needs one. The property-based ones run only when they are asked for by -m."""
    asking = [item for item in items if ASKING & set(getattr(item, "fixturenames", ()))]
    if asking and not config.getoption("relay"):
        raise pytest.UsageError("these tests ask a relay: name it with --relay URL (or --relay reference)")
    unasked = [item for item in items if item.get_closest_marker(PROPERTIES)]
    if unasked and PROPERTIES not in config.getoption("markexpr"):
        items[:] = [item for item in items if not item.get_closest_marker(PROPERTIES)]
        config.hook.pytest_deselected(items=unasked)


def rule_names(config: pytest.Config) -> list[str]:
    """The rules to make a test of each: the suite's, and those that the relay's settings name."""
    from relayproof import runs

    target = config.stash.get(TARGET, None)
    return sorted(runs.load_rules(target.relay.rules if target else ()))


@pytest.fixture(scope="session")
def relay_results(request: pytest.FixtureRequest) -> Results:
    """The results of the one run of this session. The key comes from the environment, never from a flag."""
    stash = request.config.stash
    if RESULTS not in stash:
        stash[RESULTS] = _run(request.config)
    return stash[RESULTS]


def _run(config: pytest.Config) -> Results:
    from relayproof import options, runs, session

    with options.target(options_of(config)) as target:
        gathered = session.run(target.relay, options.probes(target))
        gathered.notes += options.unasked(gathered, target.only)
        return runs.from_run(gathered, strict=config.getoption("relay_strict"), narrow=bool(target.only))


@pytest.fixture(scope="session")
def relay_generated(request: pytest.FixtureRequest) -> Results:
    """The results of the one run of generated requests of this session: what `relayproof fuzz` says."""
    stash = request.config.stash
    if GENERATED not in stash:
        stash[GENERATED] = _fuzzed(request.config)
    return stash[GENERATED]


def _fuzzed(config: pytest.Config) -> Results:
    from relayproof import fuzz, options

    with options.target(options_of(config)) as target:
        relay = fuzz.budgeted(target.relay, config.getoption("relay_max_requests"))
        seed, strict = config.getoption("relay_seed"), config.getoption("relay_strict")
        return fuzz.run_and_judge(relay, seed=seed, only=target.only, strict=strict)[1]


def _target(config: pytest.Config) -> Target:
    """The relay as the options describe it, not served. Raises UsageError for what can't be used, rules included."""
    from relayproof import options, runs

    try:
        with options.target(options_of(config), serve=False) as target:
            runs.load_rules(target.relay.rules)
            return target
    except BadOption as error:
        raise pytest.UsageError(str(error)) from None


def options_of(config: pytest.Config) -> Options:
    """The options of `relayproof run` that this pytest run stands for."""
    return Options(
        url=config.getoption("relay"),
        key_env=config.getoption("relay_key_env"),
        profile=config.getoption("relay_profile"),
        only=config.getoption("relay_only"),
        model=config.getoption("relay_model"),
        header=tuple(config.getoption("relay_header")),
        spend=config.getoption("relay_spend"),
        max_requests=config.getoption("relay_max_requests"),
        config=config.getoption("relay_config"),
    )


def settle(rule: str, results: Results) -> None:
    """End a test as the rule's verdicts say: fail, warn, xfail for a known deviation, or skip what is not there."""
    from relayproof.judge import FAILS, KNOWN, NOT_OFFERED, PASSES, STALE, UNTESTED

    verdicts = [verdict for verdict in results.verdicts if verdict.rule == rule]
    broken = [verdict for verdict in verdicts if verdict.outcome in (FAILS, STALE)]
    untested = [verdict for verdict in verdicts if verdict.outcome is UNTESTED and verdict.level == "must"]
    if any(verdict.failed or verdict.outcome is STALE for verdict in broken):
        pytest.fail(_told(rule, broken), pytrace=False)
    if broken:
        warnings.warn(Warned(_told(rule, broken)), stacklevel=1)
    if untested:
        pytest.fail(f"untested: {untested[0].reason}", pytrace=False)
    if broken or any(verdict.outcome is PASSES for verdict in verdicts):
        return
    if any(verdict.outcome is KNOWN for verdict in verdicts):
        pytest.xfail(next(verdict.reason for verdict in verdicts if verdict.outcome is KNOWN))
    offered = [verdict for verdict in verdicts if verdict.outcome is not NOT_OFFERED]
    pytest.skip("the relay does not offer it" if verdicts and not offered else "nothing that this rule judges")


def settle_run(results: Results) -> None:
    """End a test as the run's exit code says: also what no rule's test tells, such as that nothing was measured."""
    for error in results.errors:
        pytest.fail(f"relayproof failed inside the rule {error.rule}:\n{error.trace}", pytrace=False)
    if results.summary.exit_code:
        from relayproof.report.overview import Overview

        pytest.fail("\n".join([Overview(results).exit_words(), *results.notes]), pytrace=False)


def _told(rule: str, verdicts: list[Any]) -> str:
    lines = [f"{rule}: {verdicts[0].page.title if verdicts[0].page else ''}"]
    for verdict in verdicts:
        lines += [f"  {verdict.probe}  {finding.where}: {finding.what}" for finding in verdict.findings]
    if verdicts[0].page:
        lines += [f"why: {verdicts[0].page.why}", f"fix: {verdicts[0].page.fix}"]
    return "\n".join(lines)
