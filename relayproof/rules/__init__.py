"""The rules, one module per surface. `load` imports them all and returns the registry."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from relayproof.rule import RULES, Rule


@functools.cache
def load() -> dict[str, Rule]:
    """Every rule by id. Raises rule.MalformedRule when one breaks the form."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return RULES
