"""The contract, rule by rule: `pytest tests/relay --relay URL`.

One run is made for the whole session; each test looks at what one rule found in it.
"""

from relayproof.plugin import settle
from relayproof.results import Results


def test_rule(relay_rule: str, relay_results: Results) -> None:
    settle(relay_rule, relay_results)
