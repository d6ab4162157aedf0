"""The probes, one module per surface. `load` imports them all and returns the registry."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from relayproof.probe import PROBES, Probe


@functools.cache
def load() -> dict[str, Probe]:
    """Every probe by name, in the order in which they are sent: by surface, then as they stand in their modules."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return PROBES
