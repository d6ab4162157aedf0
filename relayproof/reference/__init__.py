"""The reference relay: embedded, correct, deterministic. What the suite is tested with, and what a client can lean on."""

from relayproof.reference.app import KEY, make_app
from relayproof.reference.server import serving

__all__ = ["KEY", "make_app", "serving"]
