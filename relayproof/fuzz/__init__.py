"""Property-based tests: generated requests, sent by our client under our budget, judged by our rules and schemas."""

from relayproof.fuzz.findings import results
from relayproof.fuzz.run import REQUESTS, budgeted, limits, run, run_and_judge

__all__ = ["REQUESTS", "budgeted", "limits", "results", "run", "run_and_judge"]
