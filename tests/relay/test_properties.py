"""Generated requests, rule by rule: `pytest tests/relay -m properties --relay URL`; without -m they are not sent.

They are one run for the whole session: what `relayproof fuzz` sends, and says.
"""

import pytest

from relayproof.plugin import settle, settle_run
from relayproof.results import Results

pytestmark = pytest.mark.properties


def test_rule_on_generated_requests(relay_rule: str, relay_generated: Results) -> None:
    settle(relay_rule, relay_generated)


def test_the_generated_run_as_a_whole(relay_generated: Results) -> None:
    settle_run(relay_generated)
