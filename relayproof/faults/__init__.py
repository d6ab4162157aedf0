"""Named ways to break a correct relay: the suite is tested with them, and clients can be hardened against them.

Nothing here knows the suite's rules but by name, and nothing knows the reference relay: a fault goes around any ASGI
application. `load` imports the catalogue and returns the registry.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil

from relayproof.faults import catalogue
from relayproof.faults.fault import FAULTS, UNDETECTABLE, Fault, UnknownFault
from relayproof.faults.relay import FaultyRelay
from relayproof.faults.transport import serving

__all__ = ["UNDETECTABLE", "Fault", "FaultyRelay", "UnknownFault", "find", "load", "serving"]


@functools.cache
def load() -> dict[str, Fault]:
    """Every fault by name, by family and in the order of the catalogue."""
    for module in pkgutil.iter_modules(catalogue.__path__):
        importlib.import_module(f"{catalogue.__name__}.{module.name}")
    return FAULTS


def find(name: str) -> Fault:
    """The fault of that name. Raises UnknownFault."""
    try:
        return load()[name]
    except KeyError:
        raise UnknownFault(name, difflib.get_close_matches(name, load(), n=3, cutoff=0.4)) from None
