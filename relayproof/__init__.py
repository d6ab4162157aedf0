"""relayproof: contract tests and conformance reports for LLM API relays.

The house is described in docs/architecture.md; its four nouns are probe, exchange, rule and verdict.
"""

__version__ = "0.1.0"
