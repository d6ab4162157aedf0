"""The suite tests itself: with every fault on the reference relay (`bench`), and keeps the score (`page`)."""

from relayproof.selftest.bench import Bench, Outcome, Trial, chosen, serving
from relayproof.selftest.page import lost, page, scores, summary, told

__all__ = ["Bench", "Outcome", "Trial", "chosen", "lost", "page", "scores", "serving", "summary", "told"]
