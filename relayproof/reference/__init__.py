"""The reference relay: embedded, correct, deterministic. The suite is tested with it, and clients can be."""

from relayproof.reference.app import KEY, make_app
from relayproof.reference.server import serving

__all__ = ["KEY", "make_app", "serving"]
