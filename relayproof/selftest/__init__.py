"""The suite tests itself: with every fault on the reference relay (`bench`), and keeps the score (`page`)."""

from relayproof.selftest.bench import Bench, Outcome, Trial, chosen

__all__ = ["Bench", "Outcome", "Trial", "chosen"]
