"""JSON text into a value, of bounded depth: a relay decides how deep its answers are, not how deep we recurse."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 100  # Ruby's parser stops here, .NET's at 64


def parse(text: str | bytes, **options: Any) -> Any:
    """The value of a JSON text. Raises ValueError when it is none, or nested deeper than parsers follow."""
    try:
        value = json.loads(text, **options)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if _brackets(text) > DEEPEST and _deeper(value):
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    return value


def _brackets(text: str | bytes) -> int:
    return text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")


def _deeper(value: Any) -> bool:
    """True when there are more than DEEPEST levels; level by level, without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: dict[str, Any] | list[Any]) -> Any:
    return value.values() if isinstance(value, dict) else value
