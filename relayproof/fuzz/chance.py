"""The source of chance for generated requests: hypothesis' own, less what it reads out of the loaded modules."""

from __future__ import annotations

from functools import cached_property

from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.internal.constants_ast import Constants


class Chance(HypothesisProvider):
    """Draws by the seed alone."""

    @cached_property
    def _local_constants(self) -> Constants:
        return Constants()
