"""Property-based tests: generated requests, sent by our client under our budget, judged by our rules and schemas."""

from relayproof.fuzz.findings import results
from relayproof.fuzz.run import REQUESTS, limits, run

__all__ = ["REQUESTS", "limits", "results", "run"]
