"""Failures kept: a cassette that `relayproof replay` judges, the curl commands, and a test that sends them again."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from relayproof.exchange import Exchange
from relayproof.fuzz.reduce import again
from relayproof.judge import FAILS, Verdict, judge
from relayproof.relay import Relay
from relayproof.report.curl import curl
from relayproof.results import Results
from relayproof.rule import Finding
from relayproof.rules import load
from relayproof.session import Run
from relayproof.wire import cassette
from relayproof.wire.client import Client
from relayproof.wire.scrub import Scrubber, tidy

COMMANDS = "failures.md"
TEXT = '''"""Failures that `relayproof fuzz` found, a test each.

pytest {folder}                 judges the recordings; nothing is sent
pytest {folder} --relay URL     sends each request again, once
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from relayproof import options, plugin
from relayproof.fuzz import regressions
from relayproof.fuzz.regressions import Regression
from relayproof.relay import Relay

FOUND = regressions.read(Path(__file__).parent)


@pytest.fixture(scope="module")
def relay(pytestconfig: pytest.Config) -> Iterator[Relay]:
    if not pytestconfig.getoption("relay", None):
        pytest.skip("no --relay is given: nothing is sent")
    with options.target(plugin.options_of(pytestconfig)) as target:
        yield target.relay


@pytest.mark.parametrize("regression", FOUND, ids=str)
def test_the_recording_shows_the_failure(regression: Regression) -> None:
    assert regressions.recorded(regression), "the rule no longer finds what it found when this was recorded"


@pytest.mark.parametrize("regression", FOUND, ids=str)
def test_the_relay_is_free_of_the_failure(regression: Regression, relay: Relay) -> None:
    assert not regressions.asked_again(regression, relay)
'''


@dataclass(frozen=True)
class Regression:
    """One failure: the rule, and the exchanges that show it (several where the rule compares)."""

    rule: str
    exchanges: tuple[Exchange, ...]
    profile: str

    def __str__(self) -> str:
        return f"{self.rule} {'+'.join(exchange.id for exchange in self.exchanges)}"


def save(run: Run, results: Results, folder: Path, scrubber: Scrubber) -> int:
    """Write the failures of a run into a folder of their own, and say how many. Raises cassette.SecretFound."""
    failures = list(_kept(results.verdicts))
    wanted = {number for verdict in failures for number in verdict.exchanges}
    exchanges = [exchange for exchange in run.exchanges if exchange.id in wanted]
    cassette.write(folder, exchanges, _about(run, results, failures), scrubber)
    (folder / COMMANDS).write_text(scrubber.text(_commands(results, failures)), "utf-8")
    script(folder).write_text(TEXT.format(folder=folder.as_posix()), "utf-8")
    return len(failures)


def script(folder: Path) -> Path:
    """The test in a folder of failures, named after it: pytest takes no two of one name together."""
    return folder / f"test_{re.sub(r'[^0-9A-Za-z]+', '_', folder.resolve().name)}.py"


def _kept(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Every required failure; of the recommended ones, which come in swarms, one for each rule and operation."""
    seen: set[tuple[str, str]] = set()
    for verdict in verdicts:
        if (
            verdict.outcome is FAILS
            and verdict.exchanges
            and (verdict.failed or (verdict.rule, verdict.probe) not in seen)
        ):
            seen.add((verdict.rule, verdict.probe))
            yield verdict


def read(folder: Path) -> list[Regression]:
    """The failures kept in a folder. Raises cassette.BadTraffic."""
    exchanges, about = cassette.read(folder)
    known = {exchange.id: exchange for exchange in exchanges}
    return [
        Regression(entry["rule"], tuple(known[number] for number in entry["exchanges"]), str(about["profile"]))
        for entry in about.get("regressions", ())
    ]


def recorded(regression: Regression) -> list[Finding]:
    """What the rule finds in the recording."""
    return _found(regression, regression.exchanges)


def asked_again(regression: Regression, relay: Relay) -> list[Finding]:
    """What the rule finds when the requests are sent again, within the relay's budget."""
    with Client(relay) as client:
        exchanges = [client.send(again(exchange), exchange.probe) for exchange in regression.exchanges]
    return _found(regression, exchanges)


def _found(regression: Regression, exchanges: Sequence[Exchange]) -> list[Finding]:
    together = [replace(exchange, session="regression") for exchange in exchanges]
    verdicts = judge(together, [load()[regression.rule]], regression.profile).verdicts
    return [finding for verdict in verdicts if verdict.outcome is FAILS for finding in verdict.findings]


def _about(run: Run, results: Results, failures: Sequence[Verdict]) -> dict[str, Any]:
    return {
        "relay": run.relay.name,
        "profile": run.relay.profile,
        "day": datetime.date.today().isoformat(),
        "models": dict(run.relay.models),
        "requests": results.requests,
        "tokens": results.tokens,
        "notes": [*results.notes, "the failures of a longer run"],
        "regressions": [{"rule": verdict.rule, "exchanges": list(verdict.exchanges)} for verdict in failures],
    }


def _commands(results: Results, failures: Sequence[Verdict]) -> str:
    lines = ["# Failures found by generated requests", ""]
    for verdict in failures:
        found = verdict.findings[0]
        lines += [f"## {verdict.rule} ({verdict.level})", "", f"{found.where}: {tidy(found.what)}", ""]
        for number in verdict.exchanges:
            exchange = results.exchange(number)
            lines += ["```sh", curl(exchange), "```", ""] if exchange else []
    return "\n".join(lines)
