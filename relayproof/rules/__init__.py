"""The rules, one module per surface. `load` imports them all and returns the registry."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from relayproof.rule import RULES, Rule


@functools.cache
def load() -> dict[str, Rule]:
    """Every rule by id, in an order that does not depend on what was imported first. Raises rule.MalformedRule."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for name in sorted(RULES, key=lambda name: name.partition("/")[0]):
        RULES[name] = RULES.pop(name)
    return RULES
