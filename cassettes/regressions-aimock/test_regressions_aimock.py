"""Failures that `relayproof fuzz` found, a test each.

pytest cassettes/regressions-aimock                 judges the recordings; nothing is sent
pytest cassettes/regressions-aimock --relay URL     sends each request again, once
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
