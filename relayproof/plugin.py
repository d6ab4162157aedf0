"""The pytest face: `pytest tests/relay --relay URL`, the only module that imports pytest.

One run per session, however many tests look at it: no request is sent twice. Each rule is a test; what it found on any
exchange fails it. The modules of the suite are imported late, so that a pytest run that has nothing to do with relays
does not pay for them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from relayproof.results import Results

KEY_VARIABLE = "RELAYPROOF_API_KEY"
RESULTS = pytest.StashKey["Results"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `relayproof run`, under names of their own."""
    group = parser.getgroup("relayproof", "contract tests against an LLM API relay")
    group.addoption("--relay", metavar="URL", help="the relay to test; `reference` for the embedded one")
    group.addoption("--relay-key-env", metavar="NAME", default=KEY_VARIABLE, help="environment variable of the key")
    group.addoption("--relay-profile", choices=["openai", "relay"], help="the contract to judge by")
    group.addoption("--relay-only", metavar="SURFACE,...", help="only these surfaces")
    group.addoption("--relay-model", metavar="NAME", help="the model to ask")
    group.addoption("--relay-spend", choices=["free", "cents", "money"], help="the dearest probes to send")
    group.addoption("--relay-header", action="append", default=[], metavar="K:V", help="an extra header")
    group.addoption("--relay-max-requests", type=int, metavar="N", help="send no more than N requests")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of the property-based tests, and refuse to spread a paid run over several processes."""
    config.addinivalue_line("markers", "properties: generated requests (schemathesis); needs --relay")
    if config.getoption("relay", None) and hasattr(config, "workerinput"):
        raise pytest.UsageError("--relay runs in one process: each worker of -n would send, and pay, again")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that looks at a relay needs one. The property-based ones run only when they are asked for by -m."""
    asking = [item for item in items if "relay_results" in getattr(item, "fixturenames", ())]
    if asking and not config.getoption("relay"):
        raise pytest.UsageError("these tests ask a relay: name it with --relay URL (or --relay reference)")


@pytest.fixture(scope="session")
def relay_results(request: pytest.FixtureRequest) -> Results:
    """The results of the one run of this session. The key comes from the environment, never from a flag."""
    stash = request.config.stash
    if RESULTS not in stash:
        stash[RESULTS] = _run(request.config)
    return stash[RESULTS]


def _run(config: pytest.Config) -> Results:
    from relayproof import cli, runs, session

    options = options_of(config)
    try:
        with cli.relay_of(options) as (relay, only):
            gathered = session.run(relay, cli.probes_for(relay, only))
            return runs.from_run(gathered, narrow=bool(only))
    except cli.Stop as error:
        raise pytest.UsageError(error.message) from None


def options_of(config: pytest.Config) -> dict[str, Any]:
    """The options of `relayproof run` that this pytest run stands for."""
    url = config.getoption("relay")
    return {
        "url": None if url == "reference" else url,
        "key_env": config.getoption("relay_key_env"),
        "profile": config.getoption("relay_profile"),
        "only": config.getoption("relay_only"),
        "model": config.getoption("relay_model"),
        "header": config.getoption("relay_header"),
        "spend": config.getoption("relay_spend"),
        "max_requests": config.getoption("relay_max_requests"),
        "config": None,
    }


def settle(rule: str, results: Results, strict: bool = False) -> None:
    """End a test as the rule's verdicts say: fail, warn, xfail for a known deviation, or skip what is not there."""
    from relayproof.judge import FAILS, KNOWN, NOT_OFFERED, PASSES, STALE, UNTESTED

    verdicts = [verdict for verdict in results.verdicts if verdict.rule == rule]
    broken = [verdict for verdict in verdicts if verdict.outcome in (FAILS, STALE)]
    untested = [verdict for verdict in verdicts if verdict.outcome is UNTESTED and verdict.level == "must"]
    if any(verdict.failed or verdict.outcome is STALE for verdict in broken):
        pytest.fail(_told(rule, broken), pytrace=False)
    if broken:
        warnings.warn(pytest.PytestWarning(_told(rule, broken)), stacklevel=1)
    if any(verdict.outcome is PASSES for verdict in verdicts) and not untested:
        return
    if untested:
        pytest.fail(f"untested: {untested[0].reason}", pytrace=False)
    if any(verdict.outcome is KNOWN for verdict in verdicts):
        pytest.xfail(next(verdict.reason for verdict in verdicts if verdict.outcome is KNOWN))
    offered = [verdict for verdict in verdicts if verdict.outcome is not NOT_OFFERED]
    if not broken:
        pytest.skip("the relay does not offer it" if verdicts and not offered else "nothing that this rule judges")


def _told(rule: str, verdicts: list[Any]) -> str:
    lines = [f"{rule}: {verdicts[0].page.title if verdicts[0].page else ''}"]
    for verdict in verdicts:
        lines += [f"  {verdict.probe}  {finding.where}: {finding.what}" for finding in verdict.findings]
    if verdicts[0].page:
        lines += [f"why: {verdicts[0].page.why}", f"fix: {verdicts[0].page.fix}"]
    return "\n".join(lines)
