"""The contract, rule by rule: `pytest tests/relay --relay URL`.

One run is made for the whole session; each test looks at what one rule found in it, the last at the whole of it.
"""

from relayproof.plugin import settle, settle_run
from relayproof.results import Results


def test_rule(relay_rule: str, relay_results: Results) -> None:
    settle(relay_rule, relay_results)


def test_the_run_as_a_whole(relay_results: Results) -> None:
    settle_run(relay_results)
